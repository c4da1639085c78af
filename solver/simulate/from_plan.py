"""A saved plan as pools, services and traffic, and its replay hour by hour.

A plan carries its operating points and its workload, so nothing else is read. Requests routed to a token
API are left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from solver.domain.workload import LengthBucket, Service, Workload
from solver.errors import InputError
from solver.plan.periods import bucket_rps
from solver.plan.plan import Plan, Pool
from solver.simulate.arrivals import Stream, generate, merge, scale_trace, with_lengths
from solver.simulate.engine import replay
from solver.simulate.failures import FailureRates, failures_of
from solver.simulate.plan_pools import pools_in, replayed_pool
from solver.simulate.routing import Routing
from solver.simulate.trace_lengths import TraceLengths
from solver.simulate.types import Failure, Floats, Ints, ReplayResult, ServiceSpec, Traffic

_WARM_UP = 0.1  # share of the arrivals that only fill the replicas, but at least for
_WARM_UP_STAYS = 3.0  # mean times that a request stays
#: Whether work with a deadline piles up shows only over many stays of a request: so many, at most so many
#: times the requests asked for.
_TREND_STAYS, _TREND_LONGER = 60.0, 10.0


@dataclass(frozen=True)
class PeriodReplay:
    """The replay of one period of the plan."""

    period: int
    label: str
    seed: int
    result: ReplayResult
    failures: int = 0  # times that a replica went down


@dataclass(frozen=True)
class PlanReplay:
    """Replays of a plan; the plan's promises hold if they hold in each."""

    periods: tuple[PeriodReplay, ...]

    @property
    def holds(self) -> bool:
        """Every promise holds in every replay."""
        return all(p.result.holds for p in self.periods)

    def to_json(self) -> str:
        """All summaries as JSON text; equal plan and seed give equal bytes."""
        rows = [
            {
                "period": p.period,
                "label": p.label,
                "seed": p.seed,
                "failures": p.failures,
                **json.loads(p.result.to_json()),
            }
            for p in self.periods
        ]
        return json.dumps({"holds": self.holds, "replays": rows}, indent=1)


def workload_of(plan: Plan) -> Workload:
    """The workload as it was solved; InputError if the plan does not hold one."""
    try:
        return Workload.model_validate(plan.inputs["workload"])
    except (KeyError, ValidationError):
        raise InputError.at("plan", 0, "the plan does not hold its workload", "solve again") from None


def services_of(workload: Workload) -> tuple[ServiceSpec, ...]:
    """The promises of each service in seconds."""
    return tuple(
        ServiceSpec(
            s.name,
            _seconds(s.levels.ttft_ms),
            s.levels.ttft_percentile,
            _seconds(s.levels.tpot_ms),
            s.levels.tpot_percentile,
            s.levels.end_to_end_s,
            s.levels.end_to_end_percentile,
            None if s.levels.deadline_hours is None else s.levels.deadline_hours * 3600,
        )
        for s in workload.services
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


def busiest_periods(plan: Plan) -> tuple[int, ...]:
    """For each service the period of its highest rate, each once."""
    rates = np.array([p["rate_rps"] for p in plan.periods], dtype=np.float64)
    return tuple(sorted({int(n) for n in rates.argmax(axis=0)}))


def requests_for_each(plan: Plan, each: int, most: int = 60_000) -> int:
    """Requests of a replay in which every service of a busiest period has ``each``, at most ``most``."""
    counts = [0.0]
    for period in busiest_periods(plan):
        rates = [float(rate) for rate in plan.periods[period]["rate_rps"] if float(rate) > 0]
        counts.append(each * sum(rates) / min(rates, default=1.0))
    return int(min(math.ceil(max(counts)), most))


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
    streams, targets, then, handover_s, further = [], [], [], [], []
    for k, service in enumerate(workload.services):
        rng = np.random.default_rng([seed, period, k])
        rate = float(plan.periods[period]["rate_rps"][k])
        lengths = _lengths_in(plan.periods[period], k, service)
        trace = traces.get(service.name, traces.get(""))
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
    return merge(streams, targets, then, handover_s, further)


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


def replay_plan(
    plan: Plan,
    *,
    seed: int = 0,
    periods: Sequence[int] | None = None,
    requests: int = 20_000,
    traces: Mapping[str, TraceLengths] | None = None,
    workload: Workload | None = None,
    failures: FailureRates | None = None,
    progress: Callable[[float], None] | None = None,
) -> PlanReplay:
    """Replay the plan's busiest periods (or ``periods``), each with about ``requests`` requests that count.

    ``traces`` maps a service's name (or "" for all) to a real trace, which is scaled to the demand;
    services without one get generated arrivals of their stated burstiness. ``workload`` stands for the
    plan's own where the plan was made for a stricter one (:mod:`solver.simulate.tighten`). With
    ``failures`` systems fail and are repaired, and spare replicas serve.
    """
    workload = workload_of(plan) if workload is None else workload
    chosen = busiest_periods(plan) if periods is None else tuple(periods)
    results = []
    for n, period in enumerate(chosen):
        share = _scaled(progress, n / len(chosen), 1 / len(chosen))
        results.append(_replay_period(plan, workload, period, seed, requests, traces or {}, failures, share))
    return PlanReplay(tuple(results))


def _scaled(
    progress: Callable[[float], None] | None, base: float, part: float
) -> Callable[[float], None] | None:
    return None if progress is None else lambda share: progress(base + part * share)


def _longest_stay(workload: Workload, pools: Sequence[Pool]) -> float:
    """Mean decode time of a request at the promised pace, in the slowest pool (s)."""
    tokens = {s.name: sum(b.share * b.output_tokens for b in s.lengths) for s in workload.services}
    return max((tokens.get(p.service, 0.0) * p.tpot_ms / 1e3 for p in pools), default=0.0)


def _replay_period(
    plan: Plan,
    workload: Workload,
    period: int,
    seed: int,
    requests: int,
    traces: Mapping[str, TraceLengths],
    failures: FailureRates | None,
    progress: Callable[[float], None] | None,
) -> PeriodReplay:
    rates = [float(r) for r in plan.periods[period]["rate_rps"]]
    pools = pools_in(plan, period)
    specs = [replayed_pool(plan, p, workload) for p in pools]
    down: tuple[Failure, ...] = ()
    counted, stay = requests / max(sum(rates), 1e-12), _longest_stay(workload, pools)
    if any(s.levels.deadline_hours for s in workload.services):
        counted = max(counted, min(_TREND_STAYS * stay, _TREND_LONGER * counted))
    warm_up = max(_WARM_UP * counted, _WARM_UP_STAYS * stay)
    traffic = traffic_of(plan, workload, period, warm_up + counted, seed, traces)
    if failures is not None:
        specs = [
            replace(s, replicas=p.replicas + p.spare_replicas) for s, p in zip(specs, pools, strict=True)
        ]
        down = failures_of(plan, workload, pools, warm_up + counted, failures, (seed, period))
    services = [replace(s, rate_rps=rate) for s, rate in zip(services_of(workload), rates, strict=True)]
    result = replay(specs, services, traffic, failures=down, warm_up_s=warm_up, progress=progress)
    return PeriodReplay(period, str(plan.periods[period].get("label", period)), seed, result, len(down))
