"""Step laws of pipelines in which each layer owns its memory: SRAM wafers and chips, mask ROM, NVM chips.

A token passes the layers in turn, so its time is the sum of the layers' latencies (fitted); weight bandwidth
is hardly used. Sequences overlap: a layer is free for the next token when it has finished this one, so a
replica emits at most ``lanes`` tokens per layer time (1 unless the vendor states batches).
No published figure shows the aggregate of such a pipeline; one busy layer at a time per *system* would be the
lower, all KV-resident sequences at full single-stream speed the upper bound. The layer time lies between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.performance import architecture, quantities
from solver.performance.calibration import Latency
from solver.performance.candidate import Candidate
from solver.performance.latency import layer_s
from solver.performance.node_steps import Case, stacked
from solver.performance.quantities import Shape

Integers = NDArray[np.int64]


def columns(
    case: Case, chosen: Sequence[Candidate], rows: Integers, batch: Integers
) -> dict[str, NDArray[Any]]:
    """Step-law columns of :class:`solver.performance.steps.StepTable` for pipelined candidates."""
    model, emitted = case.model, case.pace
    s: Shape = stacked(Shape, [quantities.shape(model, c.bytes_as, c.kv_precision) for c in chosen], rows)
    e: Latency = stacked(Latency, [c.entry.latency for c in chosen], rows)

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(c, name) for c in chosen], dtype=np.float64)[rows]

    chips = np.array([c.layout.chips for c in chosen], dtype=np.float64)[rows]
    rate = chips * np.where(column("bandwidth") > 0, column("bandwidth"), np.inf)
    flops = chips * column("flops")
    link = np.where(column("link") > 0, column("link"), np.inf)
    active = s.dense_bytes + s.top_k * s.expert_bytes
    width = np.minimum(s.layers, chips)  # a layer never spreads over less than its share of the chips
    reading = active / (rate * e.memory_share)  # per token, all layers at work
    computing = 2 * (s.dense_parameters + s.expert_parameters) / (flops * e.compute_share)
    layer, sequence = layer_s(e, s.layers, s.moe_layers, s.hidden), 1e-6 * e.sequence_us
    walk = s.layers * (layer + column("access_s"))  # reading overlaps with it
    busy = np.maximum(np.maximum(layer / e.lanes, reading), computing) + sequence
    drafts = case.draft_tokens or 0
    walk, busy = walk + drafts * busy, busy * (1 + drafts)  # drafts pass the layers one behind the other
    kv_rate = chips * np.where(column("kv_bandwidth") > 0, column("kv_bandwidth"), np.inf) * e.memory_share
    local = np.minimum(case.context, s.window) * s.kv_local_bytes / kv_rate
    read = reading * width + local + case.context * s.kv_bytes / kv_rate
    latency = np.maximum(walk, read) + sequence
    token = np.maximum(computing, architecture.BYTES["fp16"] * s.hidden / link)
    new = 1.0 - case.prefix_hit
    return {
        "fixed_s": np.zeros(len(batch)),
        "sequence_s": (busy + local) / emitted,
        "context_s": s.kv_bytes / kv_rate / emitted,
        "latency_floor_s": latency / emitted,
        "prefill_s": token * new,
        "prefill_quadratic_s": np.where(
            np.isfinite(flops), s.attention_values / (flops * e.compute_share), 0.0
        )
        * (1.0 - case.prefix_hit**2),
        "ttft_overhead_s": 1e-3 * e.ttft_ms + latency,
        "server_s": 1e-3 * e.ttft_ms,
        "prefill_step_s": latency,
        "pipelined": np.ones(len(batch), dtype=np.bool_),
        "bound_tpot_s": np.maximum(
            active / rate * width,
            batch * np.maximum(active / rate, 2 * (s.dense_parameters + s.expert_parameters) / flops),
        )
        / emitted,
    }
