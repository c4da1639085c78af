"""When the memory of each pool wears out at the traffic that the plan gives it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from solver.formulation.problem import Problem
from solver.operating_points.dominance import lives_per_request
from solver.operating_points.point import OperatingPoint
from solver.plan.plan import Pool, PoolWear, Route


def pool_wear(problem: Problem, standing: Sequence[Pool], paths: Sequence[Route]) -> tuple[PoolWear, ...]:
    """One entry for each standing pool and memory that wears: lives used, and the year it is worn out.

    Lives a year in an epoch are (what its traffic uses / replicas + what passes with time); the memory is
    worn out when they add up to 1, beyond the horizon at the last epoch's pace. Replacements are not counted.
    """
    points = {p.id: p for p in problem.points}
    places = sorted({(p.point, p.site) for p in standing if p.mode == "standing" and points[p.point].wear})
    found = []
    for name, site in places:
        point = points[name]
        pools = {p.epoch or 0: p for p in standing if (p.point, p.site, p.mode) == (name, site, "standing")}
        for memory, lives, steady in _memories(point):
            paces = [
                (_used(problem, point, site, lives, paths, e) / pool.replicas / epoch.years + steady)
                if (pool := pools.get(e)) is not None
                else 0.0
                for e, epoch in enumerate(problem.epochs)
            ]
            found.append(
                PoolWear(
                    service=point.service,
                    point=name,
                    system=point.system,
                    site=site,
                    memory=memory,
                    lives_used=sum(r * e.years for r, e in zip(paces, problem.epochs, strict=True)),
                    worn_out_years=_worn_out(problem, paces),
                    replaced=sum(pool.replaced for pool in pools.values()),
                )
            )
    return tuple(found)


def _memories(point: OperatingPoint) -> list[tuple[str, tuple[float, ...], float]]:
    """(memory, lives per request of each bucket, lives a year without traffic)."""
    wear = point.wear
    if wear is None:
        return []
    kv, reads = lives_per_request(point)
    found = []
    if wear.kv_bytes_budget > 0:
        found.append(("KV cache", kv, 0.0))
    if wear.models_per_year > 0:
        found.append(("mask", tuple(0.0 for _ in kv), wear.models_per_year))
    elif wear.reads_budget > 0 or wear.weight_life_years < float("inf"):
        found.append(("weights", reads, 1.0 / wear.weight_life_years))
    return found


def _used(
    problem: Problem,
    point: OperatingPoint,
    site: str,
    lives: tuple[float, ...],
    paths: Sequence[Route],
    e: int,
) -> float:
    """Lives that the traffic of a pool uses in an epoch."""
    k = problem.service_index(point.service)
    total = 0.0
    for route in paths:
        period = problem.periods[route.period]
        if (route.target, route.site, route.mode, period.epoch) == (point.id, site, "standing", e):
            requests = float(Fraction(route.share)) * problem.bucket_rps(k, route.bucket, period, mean=True)
            total += requests * 3600 * period.hours * lives[route.bucket]
    return total


def _worn_out(problem: Problem, paces: list[float]) -> float | None:
    """Years after the start until one life is used; None where nothing wears."""
    left = 1.0
    for pace, epoch in zip(paces, problem.epochs, strict=True):
        if pace * epoch.years >= left:
            return epoch.start_years + left / pace
        left -= pace * epoch.years
    return problem.epochs[-1].end_years + left / paces[-1] if paces[-1] > 0 else None
