"""Step laws of replicas that read weights and KV from main memory (HBM, GDDR, DDR, HBF, streamed)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domain.catalog import Model
from solver.performance import quantities, roofline
from solver.performance.candidate import Candidate
from solver.performance.constants import Narrow, efficiency, fp4_excess
from solver.performance.latency import as_constants
from solver.performance.quantities import Efficiency, Group, Machine, Shape
from solver.performance.roofline import Decode, Prefill

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """What is common to all rows of a table."""

    model: Model
    context: float
    prefix_hit: float = 0.0
    speculative_tokens: float = 1.0
    draft_tokens: int | None = None  # verified besides one of the model itself; None: 2 (a - 1)
    drafting: float = 1.0  # time of a step with its drafts over that of the step alone

    @property
    def pace(self) -> float:
        """Tokens per time of a step without drafts."""
        return self.speculative_tokens / self.drafting

    @property
    def verified(self) -> float:
        """Tokens of a sequence that a step works on."""
        return 2 * self.speculative_tokens - 1 if self.draft_tokens is None else self.draft_tokens + 1.0


def _efficiency(c: Candidate, hidden: float) -> Efficiency:
    """The constants of a candidate at its precision."""
    latency = c.entry.latency
    constants = c.entry.constants if latency is None else as_constants(latency, hidden)
    weight_only = c.precision != "fp16" and c.flops <= c.flops16
    excess = fp4_excess(c.system.get("fp4_tflops"), c.system.get("fp8_tflops"))
    fp8, fp4 = c.precision == "fp8", c.precision == "fp4"
    mixed = c.bytes_as == "mxfp4"
    return efficiency(constants, Narrow(fp8, fp4, weight_only, excess, mixed))


def stacked(cls: Any, values: Sequence[Any], rows: Integers) -> Any:
    """A dataclass of columns from one instance per candidate."""
    return cls(**{k: np.array([getattr(v, k) for v in values])[rows] for k in cls.__dataclass_fields__})


def columns(
    case: Case, chosen: Sequence[Candidate], rows: Integers, batch: Integers
) -> dict[str, NDArray[Any]]:
    """Step-law columns of :class:`solver.performance.steps.StepTable` for node-like candidates."""
    s: Shape = stacked(
        Shape, [quantities.shape(case.model, c.bytes_as, c.kv_precision) for c in chosen], rows
    )
    m: Machine = stacked(Machine, [_machine(c) for c in chosen], rows)
    g: Group = stacked(Group, [Group(c.layout.tensor, c.layout.data, c.layout.stages) for c in chosen], rows)
    e: Efficiency = stacked(Efficiency, [_efficiency(c, float(case.model.hidden)) for c in chosen], rows)
    access = np.array([c.access_s for c in chosen])[rows] * np.maximum(s.moe_layers, 1.0)
    law = _law(case, s, m, g, e, batch)
    single = _decode(case, s, m, g, e, np.ones_like(batch)).total / case.pace
    first = roofline.prefill(s, m, g, e)
    bound = _decode(case, s, m, g, Efficiency.ideal(), batch).total
    return {
        "fixed_s": law["fixed_s"] + access,
        "sequence_s": law["sequence_s"],
        "context_s": law["context_s"],
        "latency_floor_s": single + access,
        **_prefill(case, first, law, e),
        "pipelined": np.zeros(len(batch), dtype=np.bool_),
        "bound_tpot_s": bound / case.pace,
    }


def _machine(c: Candidate) -> Machine:
    dense = c.flops16 if c.bytes_as == "mxfp4" else c.flops
    return Machine(c.bandwidth, c.flops, c.flops16, c.link, c.kv_bandwidth, dense)


def _decode(case: Case, s: Shape, m: Machine, g: Group, e: Efficiency, batch: Integers) -> Decode:
    """A step that verifies some tokens of each sequence; they share one reading of the KV."""
    verified = case.verified
    step = roofline.decode(s, m, g, e, np.asarray(batch, dtype=np.float64), case.context, tokens=verified)
    return replace(step, kv_read=step.kv_read / verified, kv_local=step.kv_local / verified)


def _law(case: Case, s: Shape, m: Machine, g: Group, e: Efficiency, batch: Integers) -> dict[str, Floats]:
    """The step at ``batch`` split into fixed, per-sequence and per-context parts, per emitted token.

    Chords: dense(b) = max(read, b comp) <= read + b (comp - read)+ / b; experts likewise with the reading at
    the full batch. Windowed KV counts as fixed beyond the window and as linear below it. Sequences spread
    over ``units`` attention groups and pipeline stages; the fullest holds at most (units - 1) / units of a
    sequence more than the mean, which counts as fixed. The fixed part of a pipeline is the sum over stages.
    """
    units, emitted = np.asarray(g.data * g.stages), case.pace
    spread = np.maximum(batch, units)  # at least one sequence each
    step, even = _decode(case, s, m, g, e, batch), _decode(case, s, m, g, e, spread)
    over = np.maximum(even.dense_compute - even.dense_read, 0.0) / spread
    over = over + np.maximum(step.expert_compute - step.expert_read, 0.0) / batch
    local_fixed = np.where(case.context >= s.window, even.kv_local, 0.0) / spread
    reading = (even.kv_read + even.kv_local) / spread - local_fixed
    context = np.maximum(reading, even.attention_compute / spread) / case.context
    sequence = even.per_sequence / spread + over + local_fixed
    uneven = (units - 1) * (sequence + context * case.context)
    return {
        "fixed_s": (step.dense_read + step.expert_read + step.overhead + uneven) / emitted,
        "sequence_s": sequence / emitted,
        "context_s": context / emitted,
    }


def _prefill(case: Case, first: Prefill, law: dict[str, Floats], e: Efficiency) -> dict[str, Floats]:
    """Prompt columns: cached tokens cost nothing, new ones attend to all."""
    new = 1.0 - case.prefix_hit
    return {
        "prefill_s": first.token_s * new,
        "prefill_quadratic_s": first.token_squared_s * (1.0 - case.prefix_hit**2),
        "ttft_overhead_s": e.first_token_s + np.maximum(first.weights_s + first.overhead, law["fixed_s"]),
        "server_s": np.asarray(e.first_token_s, dtype=np.float64),
        "prefill_step_s": first.weights_s + first.overhead,
    }
