"""Step laws of every way to run a model: the table that operating points are made from.

A step of a replica with ``b`` decode sequences of ``c`` context tokens that also takes in ``q`` prompt
tokens lasts ``fixed_s + b (sequence_s + c context_s) + q prefill_s``, plus ``prefill_quadratic_s`` times the
square of a prompt's length. At the row's batch and the mean context this is the roofline of
:mod:`solver.performance.roofline`; for smaller batches it is never below it, because experts are counted at
the full batch and the convex ``max(read, compute)`` is replaced by its chord. First token without waiting:
``ttft_overhead_s + I prefill_s + I^2 prefill_quadratic_s``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domain.catalog import Model, System, Technology
from solver.performance import architecture, node_steps, pipeline_steps
from solver.performance.calibration import Calibration
from solver.performance.candidate import Candidate, Refusal
from solver.performance.candidates import candidates
from solver.performance.kept import Kept
from solver.performance.offload import offloaded

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Objects = NDArray[np.object_]


@dataclass(frozen=True)
class StepTable:
    """One row per (system, layout, precision, placement, batch); arrays of equal length, times in seconds."""

    system: Objects
    layout: Objects
    chips: Integers  # per replica
    tensor_parallel: Integers
    pipeline_parallel: Integers
    expert_parallel: Integers
    systems_numerator: Integers  # systems per replica as a fraction
    systems_denominator: Integers
    weight_precision: Objects
    kv_precision: Objects
    placement: Objects
    batch: Integers  # admission cap: decode sequences in flight per replica for which fixed_s holds
    fixed_s: Floats
    latency_floor_s: Floats  # smallest possible time per output token
    sequence_s: Floats
    context_s: Floats  # per sequence and context token
    prefill_s: Floats
    prefill_quadratic_s: Floats
    ttft_overhead_s: Floats
    server_s: Floats  # HTTP, tokeniser, scheduler before a first token
    kv_arrival_s: Floats  # per prompt token that comes with its KV: its part is written behind a link
    prefill_step_s: Floats  # reading all weights once and the overheads of a step that only prefills
    pipelined: NDArray[np.bool_]  # stages overlap: fixed_s blocks nobody, and time per token >= the floor
    kv_capacity_bytes: Floats
    weight_bytes: Floats
    spread: Floats  # factor: the true throughput lies within [x / spread, x spread] with 80 %
    bound_tpot_s: Floats  # speed of light at this batch
    evidence: Objects

    def __len__(self) -> int:
        return len(self.batch)

    def step_s(self, context_tokens: float) -> Floats:
        """Step time at the full batch."""
        marginal = self.sequence_s + context_tokens * self.context_s
        return np.maximum(self.fixed_s + self.batch * marginal, self.latency_floor_s)

    def take(self, rows: NDArray[Any]) -> StepTable:
        """The rows selected by an index or mask."""
        return StepTable(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def step_table(
    model: Model,
    systems: Sequence[System],
    *,
    precisions: Sequence[str] = ("fp16", "fp8", "fp4"),
    batches: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    mean_context_tokens: float,
    calibration: Calibration,
    technologies: Mapping[str, Technology] | None = None,
    prefix_hit: float = 0.0,
    speculative_tokens: float = 1.0,
    draft_tokens: int | None = None,
    drafting: float = 1.0,
    kv_precisions: Sequence[str] = ("fp16", "fp8"),
    kv_in_weight_memory: bool = False,
    streamed: bool = True,
    kv_host_share: float = 0.0,
) -> tuple[StepTable, tuple[Refusal, ...]]:
    """All step laws of ``model``, and by name what cannot be represented.

    ``prefix_hit``: share of the prompt tokens whose KV is cached. ``speculative_tokens``: tokens that a step
    yields per sequence on average (1: no speculation); a step then verifies ``draft_tokens`` + 1 tokens, or
    ``2 a - 1`` where that is None, and lasts ``drafting`` times as long. ``kv_precisions``: those permitted.
    ``kv_in_weight_memory``: non-volatile weight memory also holds the KV. ``kv_host_share``: that share of
    running sequences' KV lies in the memory behind a link (solver.performance.offload). The last few tables
    are remembered by their content (all that physics depends on, so not prices).
    """
    case = node_steps.Case(model, mean_context_tokens, prefix_hit, speculative_tokens, draft_tokens, drafting)
    asked = Asked(
        case,
        tuple(precisions),
        tuple(batches),
        tuple(kv_precisions),
        kv_in_weight_memory,
        streamed,
        kv_host_share,
    )
    known = technologies or {}
    key = asked, tuple(_physics(s, known) for s in systems)
    return KEPT.get(key, calibration, lambda: _computed(asked, systems, calibration, known))


@dataclass(frozen=True)
class Asked:
    """What a table is for, besides the systems and the constants."""

    case: node_steps.Case
    precisions: tuple[str, ...]
    batches: tuple[int, ...]
    kv_precisions: tuple[str, ...]
    kv_in_weight_memory: bool
    streamed: bool
    kv_host_share: float


def _computed(
    asked: Asked,
    systems: Sequence[System],
    calibration: Calibration,
    technologies: Mapping[str, Technology],
) -> tuple[StepTable, tuple[Refusal, ...]]:
    """The table, not from memory."""
    case = asked.case
    found, refused = candidates(
        case.model,
        systems,
        asked.precisions,
        mean_context_tokens=case.context,
        calibration=calibration,
        technologies=technologies,
        kv_in_weight_memory=asked.kv_in_weight_memory,
        streamed=asked.streamed,
        kv_precisions=asked.kv_precisions,
    )
    parts = []
    for pipelined, module in ((False, node_steps.columns), (True, pipeline_steps.columns)):
        chosen = [c for c in found if c.layout.pipelined is pipelined]
        if chosen:
            rows, batch = _cross(chosen, asked.batches)
            parts.append({**_labels(chosen, rows, batch), **module(case, chosen, rows, batch)})
    if not parts:
        return _empty(), refused
    table = StepTable(**{f.name: np.concatenate([p[f.name] for p in parts]) for f in fields(StepTable)})
    if asked.kv_host_share:
        by_id = {s.id: s for s in systems}
        table = offloaded(table, by_id, case.model, asked.kv_host_share, 1.0 - case.prefix_hit, case.pace)
    useful = table.take(_useful(table, case.model, case.context))
    for field in fields(StepTable):
        getattr(useful, field.name).setflags(write=False)
    return useful, refused


#: Quantities of a system that no step depends on: after a change of price the table is the same.
_NOT_PHYSICS = frozenset(
    (
        *("price_usd", "cloud_usd_hr", "own_tco_usd_chip_hr", "lead_weeks", "supply_per_year"),
        *("rack_units", "power_max_kw", "power_typ_kw"),
    )
)


def _physics(system: System, technologies: Mapping[str, Technology]) -> tuple[Any, ...]:
    """All of a system that a step table depends on."""
    words = (system.id, system.name, system.vendor, system.kind, system.family, system.dram_type)
    technology = technologies.get(system.weight_technology)
    access = technology.values.get("read_latency_ns") if technology else None
    values = tuple((n, q.value) for n, q in system.values.items() if n not in _NOT_PHYSICS)
    return (*words, system.chips, system.fixed_model, access and access.value, values)


#: The last few tables; their arrays cannot be written to.
KEPT: Kept[tuple[StepTable, tuple[Refusal, ...]]] = Kept(32)


def _cross(chosen: Sequence[Candidate], batches: Sequence[int]) -> tuple[Integers, Integers]:
    """Candidate index and batch of every row."""
    sizes = np.array(sorted(set(batches)), dtype=np.int64)
    return np.repeat(np.arange(len(chosen)), len(sizes)), np.tile(sizes, len(chosen))


def _labels(chosen: Sequence[Candidate], rows: Integers, batch: Integers) -> dict[str, NDArray[Any]]:
    """The columns that do not depend on physics."""

    def objects(values: list[str]) -> Objects:
        return np.array(values, dtype=object)[rows]

    def numbers(values: list[int]) -> Integers:
        return np.array(values, dtype=np.int64)[rows]

    return {
        "system": objects([c.system.id for c in chosen]),
        "layout": objects([c.layout.name for c in chosen]),
        "chips": numbers([c.layout.chips for c in chosen]),
        "tensor_parallel": numbers([c.layout.tensor for c in chosen]),
        "pipeline_parallel": numbers([c.layout.stages for c in chosen]),
        "expert_parallel": numbers([c.layout.experts for c in chosen]),
        "systems_numerator": numbers([c.layout.systems.numerator for c in chosen]),
        "systems_denominator": numbers([c.layout.systems.denominator for c in chosen]),
        "weight_precision": objects([c.precision for c in chosen]),
        "kv_precision": objects([c.kv_precision for c in chosen]),
        "placement": objects([c.layout.placement for c in chosen]),
        "batch": batch,
        "kv_capacity_bytes": np.array([c.kv_capacity for c in chosen])[rows],
        "weight_bytes": np.array([c.weights for c in chosen])[rows],
        "kv_arrival_s": np.zeros(len(rows)),
        "spread": np.array([c.entry.spread for c in chosen])[rows],
        "evidence": objects([c.entry.evidence for c in chosen]),
    }


def _useful(table: StepTable, model: Model, context: float) -> NDArray[np.bool_]:
    """Rows whose batch fits memory at the mean context, and each candidate's first that does not."""
    fp16 = architecture.kv_bytes(model, context, "fp16")
    size = np.where(table.kv_precision == "fp16", fp16, fp16 / 2)
    fits = table.batch * size <= table.kv_capacity_bytes
    first_too_large = np.concatenate([[False], fits[:-1]]) & ~fits & (np.diff(table.batch, prepend=0) > 0)
    return np.asarray(fits | first_too_large, dtype=np.bool_)


def _empty() -> StepTable:
    """A table without rows."""
    kinds = {"Integers": np.int64, "Floats": np.float64, "Objects": object}
    return StepTable(
        **{f.name: np.empty(0, dtype=kinds.get(str(f.type), np.bool_)) for f in fields(StepTable)}
    )
