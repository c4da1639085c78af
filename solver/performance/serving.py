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
from solver.performance.quantities import Efficiency
from solver.performance.records import METRICS
from solver.performance.roofline import Prefill

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


@dataclass(frozen=True)
class Outcome:
    """What a run does; seconds and output tokens per second."""

    ttft: Floats
    tpot: Floats
    rate: Floats
    per_prompt: Floats  # of a prefill worker, with its queue full

    def take(self, rows: NDArray[Any]) -> Outcome:
        """The runs selected by an index or mask."""
        return Outcome(self.ttft[rows], self.tpot[rows], self.rate[rows], self.per_prompt[rows])


def predict(rows: Rows, c: Constants) -> Floats:
    """The metric of every row."""
    return reported(rows, outcome(rows, c))


def outcome(rows: Rows, c: Constants) -> Outcome:
    """What every run does, whichever of its figures the row reports."""
    offline = starts_together(rows)
    if offline.all():
        return _offline(rows, c)
    if not offline.any():
        return _online(rows, c)
    found = Outcome(*np.empty((4, len(rows))))
    for mine, law in ((offline, _offline), (~offline, _online)):
        chosen = {k: v[mine] if isinstance(v, np.ndarray) else v for k, v in c.items()}
        part = law(rows.take(mine), chosen)
        for name in Outcome.__dataclass_fields__:
            getattr(found, name)[mine] = getattr(part, name)
    return found


def starts_together(rows: Rows) -> NDArray[np.bool_]:
    """Runs whose requests are all there from the start."""
    return np.asarray((rows.labels.mode == "offline") | (rows.labels.mode == "single-stream"))


@dataclass(frozen=True)
class _Run:
    """What both kinds of run are made of."""

    e: Efficiency
    load: Load
    batch: Floats  # sequences per decode worker that run at once
    first: Prefill
    per_prompt: Floats
    alone: Floats  # first token of a prompt on an idle worker


def _run(rows: Rows, c: Constants, bundled: bool) -> _Run:
    """``bundled``: prompts of a batch share steps from the start."""
    mixed = rows.labels.precision == "mxfp4"
    e = efficiency(c, Narrow(rows.fp8, rows.fp4, rows.weight_only, rows.excess, mixed))
    load = _load(rows, c)
    batch = np.minimum(load.offered, load.fitting)
    chunk = np.clip(rows.prompt * np.where(bundled, batch / rows.beams, 1.0), 1.0, _CHUNK)
    first = roofline.prefill(rows.shape, rows.machine, rows.prefill, e, chunk)
    quadratic = rows.prompt**2 * first.token_squared_s
    per_prompt = rows.prompt * first.token_s + quadratic
    alone = np.maximum(rows.prompt * first.alone_s, first.weights_s) + first.overhead
    return _Run(e, load, batch, first, per_prompt, alone + quadratic * rows.prefill.stages)


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
    return reported(rows, Outcome(ttft, tpot, rate, per_prompt))


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


def _online(rows: Rows, c: Constants) -> Outcome:
    """Closed loop (or server); the running batch is a fixed point, iterated twice."""
    r = _run(rows, c, bundled=False)
    batch, per_prompt, load, gain = r.batch, r.per_prompt, r.load, _gain(rows, c)
    sharers = rows.decode_count / rows.prefill_count
    server = r.e.first_token_s + np.where(rows.apart, 1e-3 * c["transfer_ms"], 0.0)
    # all clients of a closed loop start at once
    wave = np.where(rows.labels.mode == "server", 0.0, c["burst"])
    lone = (r.alone - r.first.overhead) / rows.prefill.stages
    running, together = batch, np.maximum(np.maximum(rows.poll, rows.timeout), 1.0)
    for _ in range(2):
        step = _step(rows, r.e, running) / gain
        requests = running / rows.beams
        prompts = np.where(rows.apart, 0.0, np.maximum(requests - 1, 0.0) / rows.output)
        visit = prompts * gain * together  # prompts that the scheduler takes at once
        blocked = per_prompt + np.maximum(lone - per_prompt, 0.0) / np.maximum(visit, 1.0)
        blocked = np.where(rows.decode.data > 1, blocked, per_prompt)
        tpot = step + prompts * blocked * (1 - wave)  # the others' prompts of a wave come before its tokens
        square = step**2 + 2 * step * prompts * blocked + prompts * (1 + visit) * blocked**2
        rivals = np.maximum(batch / rows.beams * sharers - 1, 0.0) * per_prompt
        waited = _scheduler(rows, prompts * gain)
        ttft = server + r.alone + step + np.maximum(square / (2 * tpot), waited * tpot * gain)
        ttft = ttft + visit * blocked + wave * rivals
        saturated = load.offered / rows.beams * sharers * per_prompt - rows.output * tpot
        ttft = np.where(rows.apart, np.maximum(ttft, saturated), ttft)
        decoding = rows.output * tpot
        running = np.maximum(1.0, batch * decoding / (ttft + decoding))
    ttft = ttft + (ttft + decoding) * (load.offered / batch - 1)  # waiting for memory
    rate = load.offered / rows.beams * rows.decode_count * rows.output / (ttft + decoding)
    return Outcome(ttft, tpot, rate, per_prompt)


def _scheduler(rows: Rows, prompts: Floats) -> Floats:
    """Steps that a prompt waits for the scheduler.

    Polling every W steps: W / 2 on average. Collecting for up to W steps after a first arrival, while k = W
    times ``prompts`` (per step) others come that wait half of it: W (1 + k / 2) / (1 + k).
    """
    others = rows.timeout * prompts
    collecting = rows.timeout * (1 + others / 2) / (1 + others)
    polled = np.where(rows.poll > 1, rows.poll / 2, 0.0)
    return polled + collecting


def _offline(rows: Rows, c: Constants) -> Outcome:
    """Batches that start together; or everything queued, where the batch fills the memory."""
    r = _run(rows, c, bundled=True)
    queued = np.isnan(rows.sequences)
    slow = np.where(queued, c["saturation"], 1.0)
    per_prompt, requests = r.per_prompt * slow, r.batch / rows.beams
    step = _step(rows, r.e, r.batch)
    told = step / np.where(rows.speculation == "", 1.0, _SPECULATING)
    ttft = r.e.first_token_s + r.alone + (requests - 1) * per_prompt
    latency = (ttft + rows.output * told) * r.load.offered / r.batch
    tpot = np.where(rows.per_token_latency, latency / rows.output, told)
    batches = r.load.offered / rows.beams * rows.decode_count * rows.output / latency
    decoding = rows.output * step / _gain(rows, c) * slow
    full = requests * rows.decode_count * rows.output / (decoding + requests * per_prompt)
    return Outcome(ttft, tpot, np.where(queued, full, batches), per_prompt)


def metric_places(rows: Rows) -> NDArray[np.intp]:
    """Place of each row's metric among those of :func:`reported`."""
    order = {name: i for i, name in enumerate(METRICS)}
    return np.array([order[m] for m in rows.labels.metric], dtype=np.intp)


def reported(rows: Rows, o: Outcome, places: NDArray[np.intp] | None = None) -> Floats:
    """The figure that each row reports; times in ms, rates per second. ``places``: :func:`metric_places`."""
    values = {
        "ttft_ms": 1e3 * o.ttft,
        "tpot_ms": 1e3 * o.tpot,
        "output_tok_s_total": o.rate,
        "output_tok_s_per_user": 1 / o.tpot,
        "total_tok_s": o.rate * (rows.prompt + rows.output) / rows.output,
        "req_s": o.rate / rows.output,
        "prefill_tok_s": rows.prefill_count * rows.prompt / o.per_prompt,
    }
    places = metric_places(rows) if places is None else places
    return np.asarray(np.choose(places, [values[name] for name in METRICS]))
