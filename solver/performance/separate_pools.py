"""Prefill and decode on separate pools: the work of each replica and the transfer of the KV between them.

Prefill replica: prompts share steps of ``CHUNK`` tokens; a step of full chunks takes the tokens' work and,
once, the reading of the weights and the overheads (no overlap assumed). A prompt of I tokens occupies

    work(I) = I (prefill_s + prefill_step_s / CHUNK) + I^2 prefill_quadratic_s          replica-seconds

and an idle replica gives its first token after ``server_s + prefill_step_s + I prefill_s + I^2
prefill_quadratic_s``. Decode replica: steps without any prompt work in between. Transfer: ``KV(I)`` bytes
over the scale-out links of each side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domain.catalog import Model, System
from solver.performance.architecture import kv_bytes
from solver.performance.calibration import Calibration
from solver.performance.candidate import Refusal
from solver.performance.constants import CONSTANTS
from solver.performance.steps import StepTable

Floats = NDArray[np.float64]

#: Prompt tokens of a prefill step: default of vLLM and TensorRT-LLM on large chips.
CHUNK = 8192.0


def prefill_rows(table: StepTable) -> StepTable:
    """One row per way to run a prefill-only replica: the least batch of each (its columns hold for any)."""
    seen: dict[tuple[Any, ...], int] = {}
    names = (table.system, table.layout, table.weight_precision, table.kv_precision, table.placement)
    for i, key in enumerate(zip(*names, strict=True)):
        seen.setdefault(key, i)
    return table.take(np.fromiter(seen.values(), dtype=np.int64, count=len(seen)))


def prefill_work_s(table: StepTable, prompt_tokens: float) -> Floats:
    """Replica-seconds that a prompt occupies on a busy prefill-only replica, per row."""
    token = table.prefill_s + table.prefill_step_s / CHUNK
    return np.asarray(prompt_tokens * token + prompt_tokens**2 * table.prefill_quadratic_s)


def prefill_first_token_s(table: StepTable, prompt_tokens: float) -> Floats:
    """Time to the first token on an idle prefill-only replica, per row, in seconds."""
    own = prompt_tokens * table.prefill_s + prompt_tokens**2 * table.prefill_quadratic_s
    return np.asarray(table.server_s + table.prefill_step_s + own)


@dataclass(frozen=True)
class KvLink:
    """Path of the KV from a prefill to a decode replica, as far as one side of it decides."""

    bytes_per_s: float  # achieved rate of one side
    start_s: float  # routing, rendezvous and set-up of a transfer

    def seconds(self, bytes_: float) -> float:
        """Time until ``bytes_`` have arrived: nothing overlaps with prefill (engines that send layer by layer
        hide part of it)."""
        return self.start_s + bytes_ / self.bytes_per_s


def transfer_bytes(model: Model, prompt_tokens: float, kv_precision: str) -> float:
    """KV bytes of a prompt that move to the decode pool; windowed layers send their window only."""
    return kv_bytes(model, prompt_tokens, kv_precision)


def own_link(calibration: Calibration, model: Model, system: System, chips: int) -> KvLink | Refusal:
    """The scale-out links of one replica alone: what it can send or receive whatever the other side is."""
    rate = system.get("scaleout_gbs_per_chip")
    if not rate:
        words = f"{system.name}: scaleout_gbs_per_chip unknown, so no KV transfer"
        return Refusal(system.id, "separate pools", words)
    share = _constant(calibration, system, model, "link_share")
    start = 1e-3 * _constant(calibration, system, model, "transfer_ms")
    return KvLink(chips * rate * 1e9 * share, start)


def _constant(calibration: Calibration, system: System, model: Model, name: str) -> float:
    """A fitted constant of a system, or its prior median."""
    entry = calibration.of(system, model.id)
    known = entry.constants if entry else {}
    return float(known.get(name, CONSTANTS[name].median))
