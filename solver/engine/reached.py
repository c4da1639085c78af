"""Latency that a plan reaches by its own queueing model, waits included, in the busiest hour of a service."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from solver.formulation.epochs import Period
from solver.formulation.problem import Problem
from solver.operating_points.lateness import handover_s, late_rate
from solver.operating_points.point import OperatingPoint
from solver.operating_points.requests import Floats
from solver.plan.plan import Pool, Route

_BISECTIONS = 20


@dataclass(frozen=True)
class Stream:
    """Requests/s per bucket of one service at one pool."""

    point: OperatingPoint
    replicas: int
    trip_s: Floats  # per bucket
    rates_rps: Floats


def reached_s(
    problem: Problem, k: int, paths: tuple[Route, ...], standing: tuple[Pool, ...], promise: str, share: float
) -> float | None:
    """Time that ``share`` of the service's requests keep (promise "ttft" or "end_to_end"), seconds.

    None where a token API or a published operating point takes part: they state no waits.
    """
    service = problem.services[k]
    period = max(problem.periods, key=lambda p: problem.rate(k, p))
    mine = [r for r in paths if r.service == service.name and r.period == period.index]
    streams = _streams(problem, k, mine, standing, period)
    if not streams or any(s.point.queue is None for s in streams):
        return None
    total = sum(float(s.rates_rps.sum()) for s in streams if s.point.phase != "prefill")
    outputs = np.array([b.output_max for b in service.lengths])
    slowest = max(s.point.tpot_s for s in streams if s.point.phase != "prefill")

    def late(seconds: float) -> float:
        found = 0.0
        for s in streams:
            assert s.point.queue is not None
            handover = handover_s(service, s.point.first_token_s or (service.levels.ttft_ms or 0.0) / 1e3)
            limit = seconds - s.trip_s - s.point.queue.base_s
            if s.point.phase == "prefill":
                limit = limit - handover
            if promise == "end_to_end":
                limit = limit - outputs * (slowest if s.point.phase == "prefill" else s.point.tpot_s)
            if s.point.phase == "decode":  # a pool apart has its own part of the time
                limit = handover - s.point.queue.base_s + 0.0 * outputs
            found += late_rate(s.point, s.replicas, s.rates_rps, limit, service.demand.bursts)
        return found / total

    low, high = 0.0, 1.0
    while late(high) > 1 - share and high < 1e6:
        high *= 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if late(middle) > 1 - share else (low, middle)
    return high


def _streams(
    problem: Problem, k: int, mine: list[Route], standing: tuple[Pool, ...], period: Period
) -> list[Stream]:
    points = {p.id: p for p in problem.points}
    buckets = problem.services[k].lengths
    trips = {s.name: np.array([s.trip_ms(b.region) / 1e3 for b in buckets]) for s in problem.sites}
    rates: dict[tuple[str, str, str], Floats] = {}
    for route in mine:
        if route.mode == "api":
            return []
        target = (route.target, route.site, route.mode)
        column = rates.setdefault(target, np.zeros(len(buckets)))
        column[route.bucket] += float(Fraction(route.share)) * problem.bucket_rps(k, route.bucket, period)
    found = []
    for (name, site, mode), column in rates.items():
        replicas = sum(
            p.replicas
            for p in standing
            if (p.point, p.site, p.mode) == (name, site, mode)
            and (p.period == period.index if mode == "elastic" else p.epoch == period.epoch)
        )
        found.append(Stream(points[name], max(replicas, 1), trips[site], column))
    return found
