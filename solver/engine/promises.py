"""Promised latencies beside those that a plan reaches by its own model."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from solver.domain.workload import Service
from solver.engine.reached import reached_s
from solver.formulation.problem import Problem
from solver.operating_points.point import OperatingPoint
from solver.plan.findings import ServiceLevel
from solver.plan.plan import Deferral, Pool, Route


def service_levels(
    problem: Problem, paths: tuple[Route, ...], standing: tuple[Pool, ...], moved: tuple[Deferral, ...] = ()
) -> tuple[ServiceLevel, ...]:
    """Promised against reached by the plan's own model: percentiles over all requests of the horizon.

    TTFT and end to end hold the waits of the queueing model, in the service's busiest hour, where every
    server of the service states its waits. Deadlines are told by the hours that work waits (``moved``).
    """
    return _with_waits(problem, paths, standing, _without_waits(problem, paths, moved))


def _without_waits(
    problem: Problem, paths: tuple[Route, ...], moved: tuple[Deferral, ...]
) -> tuple[ServiceLevel, ...]:
    points = {p.id: p for p in problem.points}
    apis = {a.id: a for a in problem.apis}
    sites = {site.name: site for site in problem.sites}
    found: list[ServiceLevel] = []
    for k, service in enumerate(problem.services):
        weighted: list[tuple[float, float, float, float]] = []  # weight, ttft, tpot, end to end
        prefilled = _first_tokens(points, paths, service.name)
        for route in paths:
            apart = points[route.target].phase if route.target in points else "both"
            if route.service != service.name or apart == "prefill":
                continue
            period, bucket = problem.periods[route.period], service.lengths[route.bucket]
            weight = float(Fraction(route.share)) * problem.bucket_rps(k, route.bucket, period) * period.hours
            if route.mode == "api":
                api = apis[route.target]
                trip = problem.workload.stated_api(api.api, api.provider).trip_ms(bucket.region) / 1e3
                first_s = api.ttft_s + trip
                weighted.append((weight, first_s, api.tpot_s, first_s + bucket.output_max * api.tpot_s))
            else:
                point, trip = points[route.target], sites[route.site].trip_ms(bucket.region) / 1e3
                if apart == "decode":
                    trip += prefilled.get((route.period, route.bucket, route.site), 0.0)
                weighted.append(
                    (
                        weight,
                        point.ttft_s[route.bucket] + trip,
                        point.tpot_s,
                        point.end_to_end_s[route.bucket] + trip,
                    )
                )
        found += _levels(service, weighted)
        found += _deadline(service, weighted, moved)
    return tuple(found)


def _deadline(
    service: Service, weighted: list[tuple[float, float, float, float]], moved: tuple[Deferral, ...]
) -> list[ServiceLevel]:
    """The deadline of work, beside the end of the last hour in which it is done.

    Work that waits n hours is done within n + 1. Of less than an hour the model tells the time of the longest
    request without waiting.
    """
    promised = service.levels.deadline_hours
    if promised is None or not weighted:
        return []
    waits = [d.wait_hours for d in moved if d.service == service.name and Fraction(d.share)]
    reached = max(waits, default=0) + 1.0 if promised >= 1 else max(row[3] for row in weighted) / 3600
    return [
        ServiceLevel(
            service=service.name,
            promise="deadline",
            unit="h",
            promised=promised,
            reached=reached,
            percentile=1.0,
            share_in_time=1.0 if reached <= promised else 0.0,
        )
    ]


def _first_tokens(
    points: Mapping[str, OperatingPoint], paths: tuple[Route, ...], service: str
) -> dict[tuple[int, int, str], float]:
    """Longest time on a prefill pool, by period, bucket and site (s)."""
    found: dict[tuple[int, int, str], float] = {}
    for r in paths:
        if r.service == service and r.target in points and points[r.target].phase == "prefill":
            key = (r.period, r.bucket, r.site)
            found[key] = max(found.get(key, 0.0), points[r.target].ttft_s[r.bucket])
    return found


def _with_waits(
    problem: Problem, paths: tuple[Route, ...], standing: tuple[Pool, ...], levels: tuple[ServiceLevel, ...]
) -> tuple[ServiceLevel, ...]:
    names = {"TTFT": ("ttft", 1e3), "end to end": ("end_to_end", 1.0)}
    found = []
    for level in levels:
        if level.promise in names:
            name, factor = names[level.promise]
            k = problem.service_index(level.service)
            seconds = reached_s(problem, k, paths, standing, name, level.percentile)
            if seconds is not None:
                level = level.model_copy(update={"reached": seconds * factor})
        found.append(level)
    return tuple(found)


def _levels(service: Service, weighted: list[tuple[float, float, float, float]]) -> list[ServiceLevel]:
    levels = service.levels
    promises = (
        ("TTFT", "ms", levels.ttft_ms, levels.ttft_percentile, 1, 1e3),
        ("TPOT", "ms", levels.tpot_ms, levels.tpot_percentile, 2, 1e3),
        ("end to end", "s", levels.end_to_end_s, levels.end_to_end_percentile, 3, 1.0),
    )
    found = []
    for name, unit, promised, percentile, column, factor in promises:
        if promised is None or not weighted:
            continue
        values = sorted((row[column] * factor, row[0]) for row in weighted)
        total = sum(w for _, w in values)
        found.append(
            ServiceLevel(
                service=service.name,
                promise=name,
                unit=unit,
                promised=promised,
                reached=_quantile(values, total, percentile),
                percentile=percentile,
                share_in_time=sum(w for v, w in values if v <= promised * (1 + 1e-12)) / total
                if total
                else 1.0,
            )
        )
        if name == "TPOT":
            found.append(_speed(found[-1]))
    return found


def _speed(tpot: ServiceLevel) -> ServiceLevel:
    """The same promise and what is reached of it, in output tokens per second and user."""
    words = {"promise": "speed per user", "unit": "tok/s"}
    return tpot.model_copy(update=words | {"promised": 1e3 / tpot.promised, "reached": 1e3 / tpot.reached})


def _quantile(values: list[tuple[float, float]], total: float, share: float) -> float:
    passed = 0.0
    for value, weight in values:
        passed += weight
        if passed >= share * total * (1 - 1e-12):
            return value
    return values[-1][0]
