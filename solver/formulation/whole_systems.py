"""What whole systems, or whole replicas, carry: concave pieces above min(T, N c(N)), for family linking."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest

from solver.formulation.limits import LEAST_LOAD, lines_of
from solver.formulation.problem import Problem
from solver.formulation.spares import spare_steps
from solver.operating_points.point import OperatingPoint

#: Rows are added where so few systems or units carry the traffic of an hour; more lose little by rounding up.
MOST_UNITS = 8
#: A piece through the origin is left out where capacity alone says nearly as much.
WORTH = 0.97
_MARGIN = 1 + 1e-12

Piece = tuple[float, float]  # a, b of x <= a N + b


@dataclass(frozen=True)
class Way:
    """Traffic of service ``k`` on a system: in which phases, standing (s), by the hour (e), or both (se)."""

    k: int
    system: str
    phases: tuple[str, ...]  # of its points: it passes through one of them
    modes: str
    lost: int | None = None  # the site whose loss the standing systems carry


def pieces(per_system: list[float], most: float, spares: tuple[int, ...] = ()) -> list[Piece]:
    """Pieces of the least concave function above min(most, n c(n)) at n + v(n) systems, n = 0, 1, 2, ...

    ``per_system`` holds c(1), c(2), ..., ``spares`` v(1), v(2), ... (missing: none). No pieces where more
    systems than listed are needed.
    """
    corners = [(0, 0.0)]
    for n, (c, v) in enumerate(zip_longest(per_system[:-1], spares, fillvalue=0), start=1):
        corners.append((n + int(v), min(most, n * c)))
        if corners[-1][1] >= most:
            break
    if most <= 0 or corners[-1][1] < most:
        return []
    found, at, last = [], 0, len(corners) - 1
    while at < last:
        (begin, low), rest = corners[at], corners[at + 1 :]
        a, step = max(((high - low) / (n - begin), at + 1 + m) for m, (n, high) in enumerate(rest))
        a *= _MARGIN
        if (at > 0 or a < WORTH * per_system[-1]) and a > LEAST_LOAD:
            found.append((a, max(0.0, low - a * begin) * _MARGIN))
        at = step
    return found


def spares_of(problem: Problem, way: Way) -> tuple[int, ...]:
    """Spare systems that stand beside 1, 2, ..., MOST_UNITS that are used, where availability is promised.

    None where spare replicas may use them, or systems of the hour stand in.
    """
    resilience = problem.workload.resilience
    if resilience.availability is None or resilience.hourly_pools:
        return ()
    if way.modes != "s" or problem.workload.redundancy > 0:
        return ()
    steps = spare_steps(problem.up_share(way.system), resilience.availability, MOST_UNITS)
    counts = range(1, MOST_UNITS + 1)
    return tuple(next((v for v, most in steps if most >= n), 0) for n in counts)


def common_unit(a: Fraction, b: Fraction) -> Fraction:
    """The largest size of which both are multiples."""
    return Fraction(
        math.gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator
    )


def traffic_per_unit(problem: Problem, way: Way, unit: Fraction) -> list[float]:
    """c(1), ..., c(MOST_UNITS), and c of the linear program: peaks of the service per ``unit`` systems."""
    best, fractional = [0.0] * (MOST_UNITS + 1), 0.0
    for p, point, mode in pools(problem, way):
        use, size = _least_use(problem, way.k, p), point.systems_per_replica / unit
        spare = problem.workload.redundancy if mode == "s" else 0
        for replicas in range(1, math.floor(MOST_UNITS / size) - spare + 1):
            n = math.ceil((replicas + spare) * size)
            each = _safe_load(problem, point, mode, replicas) / (use * float((replicas + spare) * size))
            best[n] = max(best[n], each)
        most = lines_of(problem, point)[-1].high
        fractional = max(fractional, _safe_load(problem, point, mode, most) / (use * most * float(size)))
    for n in range(1, len(best)):
        best[n] = max(best[n], best[n - 1])
    return [*best[1:], max(fractional, best[-1])]


def pools(problem: Problem, way: Way) -> Iterator[tuple[int, OperatingPoint, str]]:
    """Points that serve so, their positions and modes."""
    for p, point in enumerate(problem.points):
        if problem.service_index(point.service) != way.k or point.system != way.system:
            continue
        for mode in way.modes if point.phase in way.phases else "":
            if mode == "s" or point.id in problem.flexible:
                yield p, point, mode


def _least_use(problem: Problem, k: int, p: int) -> float:
    """Replicas that a peak of the service takes at the least, whatever lengths it is made of."""
    point, peak = problem.points[p], problem.peak_rps(k)
    classes = range(len(problem.classes[k]))
    able = [g for g in classes if all(point.serves[b] for b in problem.classes[k][g])]
    return max(
        min((max(problem.mean(k, g, row) * peak, LEAST_LOAD) for g in able), default=LEAST_LOAD)
        for row in point.use
    )


def _safe_load(problem: Problem, point: OperatingPoint, mode: str, replicas: int) -> float:
    if mode == "e":
        return point.lines[0].slope * replicas
    lines = [line for line in lines_of(problem, point) if line.low <= replicas <= line.high]
    return max((line.slope * replicas + line.intercept for line in lines), default=0.0)
