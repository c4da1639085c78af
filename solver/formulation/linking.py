"""Rows that every plan keeps and fractions of systems do not: the same plans, found sooner.

A linear program buys 0.1 systems to serve a tenth of the traffic of each hour. Whole systems cannot: with N
of them, service k has at most h(N) = min(T, N c(N)) of its traffic served there, T being all of it in the
hour, and c(N) the best traffic per system of any pool that fits on N systems. Pools side by side do no
better, for each of them fits too: sum_p k_p n_p c(N) <= N c(N). The traffic lies below the least concave
function above the points h(0), h(1), ..., and each piece of that is a row

    sum_{p on s, b} x[p,i,m,b,t] <= a N + b.

Where all fits on one system it says x <= T N: who serves there at all has a whole system (Nemhauser and
Wolsey 1988, II.6, of which mixed-integer rounding is the general form). In a group of unlike hours T is that
of the largest hour, so that the mean of the hours keeps the row too.
"""

from __future__ import annotations

import math
from collections import defaultdict

from solver.formulation.families.acquisition import installed_terms
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.variables import LEAST_LOAD, lines_of
from solver.operating_points.point import OperatingPoint

FAMILY = "linking"
#: The set of families to leave out for a program without these rows (its coefficients may then be changed).
LINKS = frozenset({FAMILY})
#: Rows are added where so few systems carry the traffic of an hour; more lose little by rounding up.
MOST_SYSTEMS = 8
#: A piece through the origin is left out where capacity alone says nearly as much.
WORTH = 0.97
_MARGIN = 1 + 1e-12

Piece = tuple[float, float]  # a, b of x <= a N + b


def add_links(problem: Problem, program: Program) -> None:
    """Add the rows for each service, system, site, way to serve (standing or by the hour) and period.

    Where all hours are alike there are none: such programs are small and solved as fast without.
    """
    if not problem.by_the_hour:
        return
    routed: dict[tuple[int, str, int, str, int], list[int]] = defaultdict(list)
    for (_, p, i, mode, _, t), column in program.family("x"):
        point = problem.points[int(str(p))]
        if point.phase != "prefill":
            k = problem.service_index(point.service)
            routed[k, point.system, int(str(i)), str(mode), int(str(t))].append(column)
    known: dict[tuple[int, str, str], list[float]] = {}
    for (k, system, i, mode, t), columns in routed.items():
        if problem.windows[k] > 1 or (mode == "e" and problem.defers):
            continue  # work that waits: its hour has no largest traffic, and idle systems serve by the hour
        if (k, system, mode) not in known:
            known[k, system, mode] = traffic_per_system(problem, k, system, mode)
        counts = _counts(problem, program, k, system, i, mode, t)
        for a, b in pieces(known[k, system, mode], _largest(problem, k, t)):
            program.row(
                f"linking[{problem.services[k].name},{system},{problem.sites[i].name},{mode},{t},{b:.6g}]",
                FAMILY,
                dict.fromkeys(columns, 1.0) | {c: -a * sign for c, sign in counts.items()},
                "<=",
                b,
                unit="peaks of the service",
                sentence=f"{problem.services[k].name} on {system} needs whole systems",
            )


def pieces(per_system: list[float], most: float) -> list[Piece]:
    """Pieces of the least concave function above min(most, N c(N)), c given for N = 1, 2, ...

    None if more systems than listed are needed.
    """
    heights = [0.0]
    for n, c in enumerate(per_system[:-1], start=1):
        heights.append(min(most, n * c))
        if heights[-1] >= most:
            break
    if most <= 0 or heights[-1] < most:
        return []
    found, at, last = [], 0, len(heights) - 1
    while at < last:
        step = max(range(at + 1, last + 1), key=lambda n: ((heights[n] - heights[at]) / (n - at), n))
        a = (heights[step] - heights[at]) / (step - at) * _MARGIN
        if (at > 0 or a < WORTH * per_system[-1]) and a > LEAST_LOAD:
            found.append((a, max(0.0, heights[at] - a * at) * _MARGIN))
        at = step
    return found


def traffic_per_system(problem: Problem, k: int, system: str, mode: str) -> list[float]:
    """c(1), ..., c(MOST_SYSTEMS) in peaks of service k, and at the end c of the linear program."""
    best, fractional = [0.0] * (MOST_SYSTEMS + 1), 0.0
    for p, point in enumerate(problem.points):
        if problem.service_index(point.service) != k or point.system != system or point.phase == "prefill":
            continue
        if mode == "e" and point.id not in problem.flexible:
            continue
        use, size = _least_use(problem, k, p), float(point.systems_per_replica)
        for replicas in range(1, math.floor(MOST_SYSTEMS / point.systems_per_replica) + 1):
            n = max(1, math.ceil(replicas * point.systems_per_replica))
            each = _safe_load(problem, point, mode, replicas) / (use * replicas * size)
            best[n] = max(best[n], each)
        most = lines_of(problem, point)[-1].high
        fractional = max(fractional, _safe_load(problem, point, mode, most) / (use * most * size))
    for n in range(1, len(best)):
        best[n] = max(best[n], best[n - 1])
    return [*best[1:], max(fractional, best[-1])]


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


def _largest(problem: Problem, k: int, t: int) -> float:
    """All traffic of service k in the largest hour of period t, in its peaks."""
    period = problem.periods[t]
    rates = period.largest_rps or period.rate_rps
    return rates[k] / problem.peak_rps(k) * sum(problem.class_shares[k])


def _counts(
    problem: Problem, program: Program, k: int, system: str, i: int, mode: str, t: int
) -> dict[int, float]:
    """Columns that count the systems there, those that are sold with -1."""
    kinds = frozenset(problem.services[k].acquisitions)
    if mode == "s":
        there = installed_terms(problem, program, system, i, problem.periods[t].epoch, kinds)
        return {column: math.copysign(1.0, value) for column, value in there.items()}
    rented = (
        program.find("rent", o, i, t)
        for o, offer in enumerate(problem.offers)
        if offer.system == system and offer.kind in kinds
    )
    return {column: 1.0 for column in rented if column is not None}
