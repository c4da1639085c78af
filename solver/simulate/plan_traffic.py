"""The traffic of a plan's period: each service's requests, generated or from a trace, routed to the pools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from solver.domain.workload import LengthBucket, Service, Workload
from solver.plan.periods import bucket_rps
from solver.plan.plan import Plan
from solver.simulate.arrivals import Stream, generate, merge, scale_trace, with_lengths
from solver.simulate.plan_pools import pools_in
from solver.simulate.routing import Routing
from solver.simulate.trace_lengths import TraceLengths
from solver.simulate.types import Floats, Ints, Traffic


def bucket_of(prompt: Ints, output: Ints, lengths: Sequence[LengthBucket]) -> Ints:
    """The nearest cell of the histogram (by logarithms of prompt and output tokens) of each request."""
    points = np.log(np.array([[max(b.prompt_tokens, 1.0), b.output_tokens] for b in lengths]))
    wanted = np.log(np.stack([np.maximum(prompt, 1), output], axis=1).astype(np.float64))
    distances = ((wanted[:, None, :] - points[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(distances.argmin(axis=1), dtype=np.int64)


def with_regions(rng: np.random.Generator, bucket: Ints, lengths: Sequence[LengthBucket]) -> Ints:
    """Buckets with the region drawn anew by the shares: a trace does not tell where requests come from."""
    if not any(b.region for b in lengths):
        return bucket
    found = bucket.copy()
    for n in np.unique(bucket):
        alike = [m for m, b in enumerate(lengths) if _size(b) == _size(lengths[n])]
        shares = np.array([lengths[m].share for m in alike])
        here = np.flatnonzero(bucket == n)
        found[here] = rng.choice(alike, size=len(here), p=shares / shares.sum())
    return found


def _size(bucket: LengthBucket) -> tuple[float, float]:
    return bucket.prompt_tokens, bucket.output_tokens


def traffic_of(
    plan: Plan,
    workload: Workload,
    period: int,
    duration_s: float,
    seed: int,
    traces: Mapping[str, TraceLengths],
) -> Traffic:
    """Requests of all services in a period, routed to the pools with the plan's shares."""
    mine_of = dict(trace_of_each(workload, traces))
    streams, targets, then, handover_s, further, steps = [], [], [], [], [], []
    for k, service in enumerate(workload.services):
        rng = np.random.default_rng([seed, period, k])
        rate = float(plan.periods[period]["rate_rps"][k])
        lengths = _lengths_in(plan.periods[period], k, service)
        trace = mine_of.get(k)
        if trace is None or rate <= 0:
            stream = generate(rng, [rate], duration_s, service.demand.cv2, lengths)
        else:
            nearest = bucket_of(trace.prompt_tokens, trace.output_tokens, service.lengths)
            bucket = with_regions(rng, nearest, lengths)
            whole = Stream(trace.arrival_s, trace.prompt_tokens, trace.output_tokens, bucket)
            stream = scale_trace(rng, whole, rate, duration_s)
            if trace.arrivals_only:
                stream = with_lengths(rng, stream.arrival_s, lengths)
        streams.append(stream)
        mine = Routing.of(plan, period, service)
        targets.append(mine.first(rng, stream))
        decodes, seconds = mine.then(rng, stream, targets[-1])
        then.append(decodes)
        handover_s.append(seconds)
        further.append(_further(plan, workload, period, service)[targets[-1], stream.bucket])
        steps.append(mine.steps()[targets[-1], stream.bucket])
    return merge(streams, targets, then, handover_s, further, steps)


def trace_of_each(
    workload: Workload, traces: Mapping[str, TraceLengths]
) -> Iterator[tuple[int, TraceLengths]]:
    """The trace of each service that has one, by the service's number."""
    for k, service in enumerate(workload.services):
        if trace := traces.get(service.name, traces.get("")):
            yield k, trace


def _lengths_in(period: Mapping[str, Any], k: int, service: Service) -> tuple[LengthBucket, ...]:
    """Length buckets with their shares of the requests of a period: those of regions change by the hour."""
    rates = bucket_rps(period, k, service)
    if not service.demand.by_region or not (total := sum(rates)):
        return service.lengths
    return tuple(
        b.model_copy(update={"share": r / total}) for b, r in zip(service.lengths, rates, strict=True)
    )


def _further(plan: Plan, workload: Workload, period: int, service: Service) -> Floats:
    """Round trip of each bucket's region beyond the site's own, s (pools and, last, elsewhere x buckets)."""
    sites = {site.name: site for site in workload.sites}
    places = [sites[pool.site] for pool in pools_in(plan, period)]
    rows = [[p.trip_ms(b.region) - p.round_trip_ms for b in service.lengths] for p in places]
    return np.array([*rows, [0.0] * len(service.lengths)]) / 1e3
