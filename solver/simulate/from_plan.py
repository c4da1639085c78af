"""A saved plan as pools, services and traffic, and its replay hour by hour.

A plan carries its operating points and its workload, so nothing else is read. Requests routed to a token
API are left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import ValidationError

from solver.domain.workload import Workload
from solver.errors import InputError
from solver.plan.plan import Plan, Pool
from solver.simulate.engine import replay
from solver.simulate.failures import FailureRates, failures_of
from solver.simulate.plan_pools import check_room, pools_in, replayed_pool
from solver.simulate.plan_traffic import trace_of_each, traffic_of
from solver.simulate.trace_lengths import TraceLengths
from solver.simulate.types import Failure, ReplayResult, ServiceSpec

_WARM_UP = 0.1  # share of the arrivals that only fill the replicas, but at least for
_WARM_UP_STAYS = 3.0  # mean times that a request stays
#: Whether work without a promised wait, or with a deadline, piles up shows only over many stays of a request:
#: so many, at most so many times the requests asked for.
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
    promised = services_of(workload)
    if any(rate > 0 and (s.only_pace or s.deadline_s) for s, rate in zip(promised, rates, strict=True)):
        counted = max(counted, min(_TREND_STAYS * stay, _TREND_LONGER * counted))
    warm_up = max(_WARM_UP * counted, _WARM_UP_STAYS * stay)
    traffic = traffic_of(plan, workload, period, warm_up + counted, seed, traces)
    check_room(specs, traffic, {k: t for k, t in trace_of_each(workload, traces) if not t.arrivals_only})
    if failures is not None:
        specs = [
            replace(s, replicas=p.replicas + p.spare_replicas) for s, p in zip(specs, pools, strict=True)
        ]
        down = failures_of(plan, workload, pools, warm_up + counted, failures, (seed, period))
    services = [replace(s, rate_rps=rate) for s, rate in zip(promised, rates, strict=True)]
    result = replay(specs, services, traffic, failures=down, warm_up_s=warm_up, progress=progress)
    return PeriodReplay(period, str(plan.periods[period].get("label", period)), seed, result, len(down))
