"""What a benchmark would report: latency and throughput of a run from step times.

Static batch: latency = first token + prefill of the batch + output tokens x step, in waves where the KV of
the batch does not fit. Closed loop at concurrency C: a step waits for the prefills of the other sequences,
so TPOT = step + (B - 1) prefill / output tokens; C / throughput = TTFT + output tokens x TPOT (Little's
law), which gives the queueing part of TTFT where C exceeds the sequences that fit. Everything queued: B
fills the memory and prefills take their share of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.performance import roofline
from solver.performance.calibration import Latency
from solver.performance.constants import Narrow, efficiency
from solver.performance.latency import layer_s
from solver.performance.measured import Rows
from solver.performance.roofline import Efficiency

Floats = NDArray[np.float64]
Constants = Mapping[str, Floats | float]

_LARGEST_BATCH = 2048.0  # sequences per engine: default ceiling of TensorRT-LLM benchmarks
_SPECULATING = 1.8  # tokens per step with one predicted token: DeepSeek-V3 report 2024, section 5.4.3
_CHUNK = 8192.0  # prompt tokens in a step: default of vLLM and TensorRT-LLM on large chips


@dataclass(frozen=True)
class Load:
    """Sequences per decode worker."""

    offered: Floats
    fitting: Floats


def _load(rows: Rows, c: Constants) -> Load:
    s = rows.shape
    paged = rows.labels.mode == "online"  # a running sequence holds half of its output on average
    length = rows.prompt + rows.output * np.where(paged, 0.5, 1.0)
    kv = s.kv_bytes * length + s.kv_local_bytes * np.minimum(length, s.kept)
    copies = np.maximum(1.0, rows.decode.tensor / s.kv_heads)
    fitting = np.clip(c["kv_room"] * rows.kv_room / (kv * copies), 1.0, _LARGEST_BATCH * rows.decode.data)
    # a server's concurrency is what ran (Little's law), so it did fit
    fitting = np.where(rows.labels.mode == "server", np.inf, fitting)
    offered = rows.sequences * rows.beams / rows.decode_count
    return Load(np.where(np.isnan(offered), fitting, np.maximum(offered, 1.0)), fitting)


def predict(rows: Rows, c: Constants) -> Floats:
    """The metric of every row."""
    e = efficiency(c, Narrow(rows.fp8, rows.fp4, rows.weight_only, rows.excess))
    load = _load(rows, c)
    offline = (rows.labels.mode == "offline") | (rows.labels.mode == "single-stream")
    queued = offline & np.isnan(rows.sequences)
    slow = np.where(queued, c["saturation"], 1.0)
    batch = np.minimum(load.offered, load.fitting)
    chunk = np.clip(rows.prompt * np.where(offline, batch, 1.0), 1.0, _CHUNK)
    first = roofline.prefill(rows.shape, rows.machine, rows.prefill, e, chunk)
    per_prompt = (rows.prompt * first.token_s + rows.prompt**2 * first.token_squared_s) * slow
    alone = np.maximum(rows.prompt * first.alone_s, first.weights_s) + first.overhead
    alone = alone + rows.prompt**2 * first.token_squared_s * rows.prefill.stages
    online = _online(rows, e, c, load, batch, alone, per_prompt, first)
    static = _static(rows, e, load, batch, alone, per_prompt)
    step = _step(rows, e, batch) * slow
    full = rows.output / (rows.output * step + batch * per_prompt) * batch * rows.decode_count
    ttft = np.where(offline, static[0], online[0])
    tpot = np.where(offline, static[1], online[1])
    rate = np.where(queued, full, np.where(offline, static[2], online[2]))
    return _metric(rows, ttft, tpot, rate, per_prompt)


def predict_latency(rows: Rows, c: Mapping[str, Latency]) -> Floats:
    """The metric of every row whose layers own their memory, without speculative decoding."""
    fields = Latency.__dataclass_fields__
    mine = [c[name] for name in rows.labels.family]
    values: dict[str, Any] = {f: np.array([getattr(latency, f) for latency in mine]) for f in fields}
    e = Latency(**values)
    s, m = rows.shape, rows.machine
    layer = layer_s(e, s.layers, s.moe_layers, s.hidden)
    chips = np.maximum(rows.decode.chips, 1.0)
    per_prompt = rows.prompt * 2 * (s.dense_parameters + s.expert_parameters) / (m.flops * chips)
    per_prompt = per_prompt / e.compute_share
    sequences = np.where(np.isnan(rows.sequences), s.layers, rows.sequences)
    tpot = np.maximum(s.layers * layer, sequences * layer) + 1e-6 * e.sequence_us
    ttft = 1e-3 * e.ttft_ms + per_prompt + s.layers * layer
    rate = sequences * rows.output / (ttft + rows.output * tpot)
    return _metric(rows, ttft, tpot, rate, per_prompt)


def _step(rows: Rows, e: Efficiency, batch: Floats) -> Floats:
    """Decode step at the mean context of a request."""
    context = rows.prompt + rows.output / 2
    routed = np.where(rows.identical, 1.0, batch)
    step = roofline.decode(rows.shape, rows.machine, rows.decode, e, batch, context, routed)
    return np.asarray(step.total, dtype=np.float64)


def _gain(rows: Rows, c: Constants) -> Floats:
    """Tokens per step: one, or what speculation yields where the source says or may have speculated."""
    told = rows.speculation == "yes"
    return np.where(told, _SPECULATING, np.where(rows.speculation == "", 1.0, c["speculation"]))


def _online(
    rows: Rows,
    e: Efficiency,
    c: Constants,
    load: Load,
    batch: Floats,
    alone: Floats,
    per_prompt: Floats,
    first: Any,
) -> tuple[Floats, Floats, Floats]:
    """TTFT, TPOT and output rate of a closed loop; the running batch is a fixed point, iterated twice."""
    gain = _gain(rows, c)
    sharers = rows.decode_count / rows.prefill_count
    server = e.first_token_s + np.where(rows.apart, 1e-3 * c["transfer_ms"], 0.0)
    wave = np.where(
        rows.labels.mode == "server", 0.0, c["burst"]
    )  # all clients of a closed loop start at once
    lone = (alone - first.overhead) / rows.prefill.stages
    running = batch
    for _ in range(2):
        step = _step(rows, e, running) / gain
        prompts = np.where(rows.apart, 0.0, (running - 1) / rows.output)
        blocked = per_prompt + np.maximum(lone - per_prompt, 0.0) / np.maximum(prompts, 1.0)
        blocked = np.where(rows.decode.data > 1, blocked, per_prompt)
        tpot = step + prompts * blocked
        square = step**2 + 2 * step * prompts * blocked + (prompts + prompts**2) * blocked**2
        rivals = np.maximum(batch * sharers - 1, 0.0) * per_prompt
        ttft = server + alone + step + square / (2 * tpot) + prompts * blocked + wave * rivals
        saturated = load.offered * sharers * per_prompt - rows.output * tpot
        ttft = np.where(rows.apart, np.maximum(ttft, saturated), ttft)
        decoding = rows.output * tpot
        running = np.maximum(1.0, batch * decoding / (ttft + decoding))
    waiting = (ttft + decoding) * (load.offered / batch - 1)
    ttft = ttft + waiting
    rate = load.offered * rows.decode_count * rows.output / (ttft + decoding)
    return ttft, tpot, rate


def _static(
    rows: Rows, e: Efficiency, load: Load, batch: Floats, alone: Floats, per_prompt: Floats
) -> tuple[Floats, Floats, Floats]:
    """TTFT, TPOT and output rate of batches that start together."""
    gain = np.where(rows.speculation == "", 1.0, _SPECULATING)
    step = _step(rows, e, batch) / gain
    ttft = e.first_token_s + alone + (batch - 1) * per_prompt
    latency = (ttft + rows.output * step) * load.offered / batch
    tpot = np.where(rows.per_token_latency, latency / rows.output, step)
    return ttft, tpot, load.offered / rows.beams * rows.decode_count * rows.output / latency


def _metric(rows: Rows, ttft: Floats, tpot: Floats, rate: Floats, per_prompt: Floats) -> Floats:
    """The column that the row reports; times in ms, rates per second."""
    metric = rows.labels.metric
    values = {
        "ttft_ms": 1e3 * ttft,
        "tpot_ms": 1e3 * tpot,
        "output_tok_s_total": rate,
        "output_tok_s_per_user": 1 / tpot,
        "total_tok_s": rate * (rows.prompt + rows.output) / rows.output,
        "req_s": rate / rows.output,
        "prefill_tok_s": rows.prefill_count * rows.prompt / per_prompt,
    }
    return np.select([metric == k for k in values], list(values.values()))
