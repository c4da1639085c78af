"""From per-request times and replica counters to the replay's result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from solver.simulate.types import (
    Floats,
    PoolResult,
    Promise,
    ReplayResult,
    ServiceResult,
    ServiceSpec,
    Traffic,
)

if TYPE_CHECKING:
    from solver.simulate.engine import Pool

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
#: Waits that grow through a replay are continued over this time before they are held against a deadline.
BACKLOG_S = 30 * 86400.0
#: Share of the planned rate that a service without a promise about waiting must be served at, over the
#: replay or so many times that a request's answer takes: what stands in the fleet by chance is no backlog.
KEEPS_PACE, _PACE_ANSWERS = 0.98, 10.0


def summarise(
    pools: Sequence[Pool],
    services: Sequence[ServiceSpec],
    traffic: Traffic,
    times: tuple[Floats, Floats, Floats],
    warm_up_s: float,
    end_s: float,
) -> ReplayResult:
    """The frozen result; ``times`` are TTFT, TPOT and end-to-end seconds per request."""
    counted = (traffic.arrival_s >= warm_up_s) & (traffic.pool >= 0)
    span = float(traffic.arrival_s[-1] - warm_up_s) if len(traffic) else 0.0
    results = tuple(
        _service(spec, traffic.arrival_s[mine], tuple(t[mine] for t in times), span)
        for s, spec in enumerate(services)
        for mine in [counted & (traffic.service == s)]
    )
    places = traffic.pool if traffic.then is None else np.concatenate([traffic.pool, traffic.then])
    done = tuple(_pool(pool, int((places == p).sum()), end_s) for p, pool in enumerate(pools))
    return ReplayResult(end_s, results, done, *times, traffic.service)


def _service(spec: ServiceSpec, arrival_s: Floats, times: tuple[Floats, ...], span_s: float) -> ServiceResult:
    served = np.isfinite(times[2])
    kept = served.copy()
    promises: list[Promise] = []
    limits = (spec.ttft_s, spec.tpot_s, spec.end_to_end_s)
    shares = (spec.ttft_percentile, spec.tpot_percentile, spec.end_to_end_percentile)
    for name, limit, share, values in zip(("ttft", "tpot", "end_to_end"), limits, shares, times, strict=True):
        if limit is None or not len(values):
            continue
        within = served & (values <= limit * (1 + 1e-9))
        kept &= within
        reached = _percentiles(values[served], (share * 100,))[0]
        promises.append(Promise(name, share, limit, reached, float(within.mean())))
    if spec.deadline_s is not None and served.any():
        promises.append(_deadline(spec.deadline_s, arrival_s[served], times[2][served], spec.rate_rps))
    if spec.only_pace and served.any():
        promises.append(_pace(tuple(t[served] for t in times), arrival_s[served], spec.rate_rps))
    return ServiceResult(
        spec.name,
        len(served),
        int((~served).sum()),
        _percentiles(times[0][served], PERCENTILES),
        _percentiles(times[1][served], PERCENTILES),
        _percentiles(times[2][served], PERCENTILES),
        float(kept.sum()) / span_s if span_s > 0 else 0.0,
        tuple(promises),
    )


def _deadline(limit_s: float, arrival_s: Floats, end_to_end_s: Floats, rate_rps: float | None) -> Promise:
    """A backlog that grows by a share of the time breaks any deadline at last."""
    later = end_to_end_s + max(_growth(arrival_s, end_to_end_s, rate_rps), 0.0) * BACKLOG_S
    return Promise("deadline", 1.0, limit_s, float(later.max()), float((later <= limit_s).mean()))


def _pace(times: tuple[Floats, ...], arrival_s: Floats, rate_rps: float | None) -> Promise:
    """Where no wait is promised the fleet must still keep up: seconds that it falls behind in the replay.

    Requests that are served at a share s of the rate at which they come wait 1 / s - 1 s longer every second.
    """
    span_s = float(arrival_s[-1] - arrival_s[0])
    behind_s = max(_growth(arrival_s, times[2], rate_rps), 0.0) * span_s
    time_s = max(span_s, _PACE_ANSWERS * float((times[2] - times[0]).mean()))
    share = time_s / (time_s + behind_s) if behind_s else 1.0
    return Promise("pace", KEEPS_PACE, (1 / KEEPS_PACE - 1) * time_s, behind_s, share)


def _growth(arrival_s: Floats, end_to_end_s: Floats, rate_rps: float | None) -> float:
    """By how many seconds a second the backlog grows, by least squares.

    A replay may hold more requests than the plan promises to serve (``rate_rps``), or have them late in it: a
    pool that just serves the plan's rate falls behind by :func:`behind_plan`. The growth of that does not
    last, and does not count.
    """
    growth = _slope(arrival_s, end_to_end_s)
    if rate_rps:
        growth -= max(_slope(arrival_s, behind_plan(arrival_s, rate_rps)), 0.0)
    return growth


def behind_plan(arrival_s: Floats, rate_rps: float) -> Floats:
    """Seconds of work that each request finds before a server that takes ``rate_rps`` requests a second."""
    ahead = np.arange(len(arrival_s)) / rate_rps - arrival_s
    return np.asarray(ahead - np.minimum.accumulate(ahead), dtype=np.float64)


def _slope(at: Floats, values: Floats) -> float:
    """Growth of ``values`` per second, by least squares."""
    centred = at - at.mean()
    spread = float(centred @ centred)
    return float(centred @ values) / spread if spread > 0 else 0.0


def _percentiles(values: Floats, levels: tuple[float, ...]) -> tuple[float, ...]:
    """Percentiles as values that occur (the smallest with at least that share at or below it)."""
    if not len(values):
        return tuple(0.0 for _ in levels)
    return tuple(float(v) for v in np.percentile(values, levels, method="inverted_cdf"))


def _pool(pool: Pool, requests: int, end_s: float) -> PoolResult:
    spec, replicas = pool.spec, pool.replicas
    total = max(end_s * spec.replicas, 1e-300)
    written = sum(r.tokens_written for r in replicas)
    per_token = spec.kv_written_per_token_bytes
    if per_token is None:
        per_token = spec.kv_per_token_bytes
    capacity = max(spec.kv_capacity_bytes, 1e-300)
    return PoolResult(
        name=spec.name,
        requests=requests,
        busy_share=sum(r.busy_s for r in replicas) / total,
        batch_share=sum(r.batch_seconds for r in replicas) / total / spec.batch,
        peak_batch=max(r.peak_batch for r in replicas),
        kv_share=sum(r.kv_seconds for r in replicas) / total / capacity,
        kv_peak_share=max(r.peak_kv for r in replicas) / capacity,
        kv_written_bytes=written * per_token,
        preemptions=sum(r.preemptions for r in replicas),
        energy_kwh=spec.power_kw * spec.replicas * end_s / 3600,
        longest_step_s=max(r.longest_step for r in replicas),
    )
