"""Rows that every plan keeps and fractions of systems do not: the same plans, found sooner.

A linear program buys 0.1 systems to serve a tenth of the traffic of each hour. Whole systems cannot: with N
of them, service k has at most h(N) = min(T, N c(N)) of its traffic served there, T being all of it in the
hour, and c(N) the best traffic per system of any pool that fits on N systems. Pools side by side do no
better, for each of them fits too: sum_p k_p n_p c(N) <= N c(N). The traffic lies below the least concave
function above the points h(0), h(1), ... (solver.formulation.whole_systems), each piece of which is a row

    sum_{p on s, b} x[p,i,m,b,t] <= a N + b.

Where all fits on one system it says x <= T N: who serves there at all has a whole system (Nemhauser and
Wolsey 1988, II.6, of which mixed-integer rounding is the general form). In a group of unlike hours T is that
of the largest hour, so that the mean of the hours keeps the row too.

The same holds in units u of the service's own replicas there, the largest of which all their sizes are
multiples: with n = sum_p size_p R_p / u units in place of N. Services that share systems each need whole
replicas, which together need the systems. Where replicas are whole systems (u >= 1) these rows say all that
those in systems do, unless spares v(n) stand beside n systems (promised availability): then h(n + v(n)) is
n c(n). More rows about spares: solver.formulation.spare_links.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from typing import Any

from solver.formulation.families.acquisition import installed_terms
from solver.formulation.limits import lines_of, whole_traffic
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.whole_systems import Way, common_unit, pieces, pools, spares_of, traffic_per_unit

#: Family of the rows; the statement behind those that count spares: without the promise they do not follow.
FAMILY, AVAILABILITY = "linking", "resilience.availability"
#: The set of families to leave out for a program without these rows (its coefficients may then be changed).
LINKS = frozenset({FAMILY})
#: Phases of which a request passes through one.
PASSED = (("both", "decode"), ("both", "prefill"))

#: What is counted, its size in systems, the traffic of each by count.
Counted = tuple[str, Fraction, list[float]]
Known = dict[Way, list[Counted]]


def add_links(problem: Problem, program: Program) -> None:
    """Add the rows for each service, system, phase, way to serve, site and period.

    Where all hours are alike there are none: such programs are small and solved as fast without. Pieces that
    do not begin at nothing are rows over all sites, whose systems carry no more together than at one of them.
    """
    if not problem.by_the_hour:
        return
    known: Known = {}
    for (way, t), sites in _routed(problem, program, known).items():
        for what, unit, best in known[way]:
            spares = spares_of(problem, way) if what == "systems" else ()
            for a, b in pieces(best, whole_traffic(problem, way.k, way.lost is not None, t), spares):
                for together in [tuple(sites)] if b > 0 else [(i,) for i in sites]:
                    terms = dict.fromkeys((c for i in together for c in sites[i]), 1.0)
                    for i in together:
                        if what == "replicas":
                            counts = _replicas(problem, program, way, i, t, unit)
                        else:
                            counts = _counts(problem, program, way, i, t)
                        terms |= {c: -a * n for c, n in counts.items()}
                    _row(problem, program, way, what, together, t, terms, b, any(spares))


def _row(
    problem: Problem,
    program: Program,
    way: Way,
    what: str,
    sites: tuple[int, ...],
    t: int,
    terms: dict[int, float],
    b: float,
    spared: bool,
) -> None:
    service, phases = problem.services[way.k].name, " ".join(way.phases)
    places = " ".join(problem.sites[i].name for i in sites)
    if way.lost is not None:
        places += f" without {problem.sites[way.lost].name}"
    program.row(
        f"linking_{what}[{service},{way.system},{places},{phases},{way.modes},{t},{b:.6g}]",
        FAMILY,
        terms,
        "<=",
        b,
        unit="peaks of the service",
        sentence=f"{service} on {way.system} needs whole {what}",
        statement=AVAILABILITY if spared else "",
    )


def _routed(problem: Problem, program: Program, known: Known) -> dict[tuple[Way, int], dict[int, list[int]]]:
    """Columns of traffic by way, period and site: those that may have rows, what they count in ``known``."""
    routed: dict[tuple[Way, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    ways: dict[tuple[Any, ...], list[Way]] = {}
    traffic = [((key[1], key[3], None), key, column) for key, column in program.family("x")]
    traffic += [((key[2], "s", key[1]), key, column) for key, column in program.family("y")]
    for where, key, column in traffic:
        if where not in ways:
            ways[where] = [way for way in _ways(problem, *where) if _in_reach(problem, way, known)]
        for way in ways[where]:
            routed[way, key[-1]][key[2 if way.lost is None else 3]].append(column)
    for (way, t), standing in list(routed.items()):
        hourly = routed.get((replace(way, modes="e"), t))
        both = replace(way, modes="se")
        if way.modes == "s" and way.lost is None and hourly is not None and _in_reach(problem, both, known):
            sites = (*standing, *hourly)
            routed[both, t] = {i: standing.get(i, []) + hourly.get(i, []) for i in sites}
    return routed


def _ways(problem: Problem, p: int, mode: str, lost: int | None) -> list[Way]:
    """The ways of a point's traffic; none for work that waits, whose hour has no largest traffic."""
    point = problem.points[p]
    k = problem.service_index(point.service)
    if problem.windows[k] > 1:
        return []
    others = {o.phase for o in problem.points if (o.service, o.system) == (point.service, point.system)}
    either = PASSED if lost is None and "both" in others and len(others) > 1 else ()
    phases = [(point.phase,), *(some for some in either if point.phase in some)]
    return [Way(k, point.system, some, mode, lost) for some in phases]


def _in_reach(problem: Problem, way: Way, known: Known) -> bool:
    """Whether few systems or replicas carry the smallest hour; what they carry is kept in ``known``."""
    if way not in known:
        hours = [whole_traffic(problem, way.k, way.lost is not None, t) for t in range(len(problem.periods))]
        least = min((traffic for traffic in hours if traffic > 0), default=0.0)
        counted = _units(problem, way)
        known[way] = [(what, unit, best) for what, unit, best in counted if _carried(best) >= least > 0]
    return bool(known[way])


def _carried(best: list[float]) -> float:
    return max((n * c for n, c in enumerate(best[:-1], start=1)), default=0.0)


def _units(problem: Problem, way: Way) -> Iterator[Counted]:
    """What is counted, its size in systems, and the traffic per system by count: see `traffic_per_unit`."""
    unit = reduce(common_unit, (point.systems_per_replica for _, point, _ in pools(problem, way)))
    yield "replicas", unit, traffic_per_unit(problem, way, unit)
    idle_serve = way.modes == "e" and problem.defers  # by the hour
    if (unit < 1 or any(spares_of(problem, way))) and not idle_serve:
        yield "systems", Fraction(1), traffic_per_unit(problem, way, Fraction(1))


def _counts(problem: Problem, program: Program, way: Way, i: int, t: int) -> dict[int, float]:
    """Columns that count the systems there, those that are sold with -1."""
    kinds = frozenset(problem.services[way.k].acquisitions)
    counts: dict[int, float] = {}
    if "s" in way.modes:
        there = installed_terms(problem, program, way.system, i, problem.periods[t].epoch, kinds)
        counts |= {column: math.copysign(1.0, value) for column, value in there.items()}
    if "e" in way.modes:
        rented = (
            program.find("rent", o, i, t)
            for o, offer in enumerate(problem.offers)
            if offer.system == way.system and offer.kind in kinds
        )
        counts |= {column: 1.0 for column in rented if column is not None}
    return counts


def _replicas(
    problem: Problem, program: Program, way: Way, i: int, t: int, unit: Fraction
) -> dict[int, float]:
    """Columns that count the service's replicas there, spares included, each with its size in units."""
    found: dict[int, float] = {}
    for p, point, mode in pools(problem, way):
        if mode == "e":
            columns = [(program.find("Q", p, i, t), 1)]
        else:
            columns = []
            for n in range(len(lines_of(problem, point))):
                place = (p, i, problem.periods[t].epoch, n)
                columns.append((program.find("R", *place), 1))
                columns.append((program.find("z", *place), problem.workload.redundancy))
        size = float(point.systems_per_replica / unit)
        found |= {column: many * size for column, many in columns if column is not None and many}
    return found
