"""Replicas that run for single hours: on rented systems or, where work can wait, on idle ones."""

from __future__ import annotations

from solver.formulation.families.acquisition import (
    installed_terms,
    permitted_sets,
    replicas_terms,
    within,
)
from solver.formulation.limits import can_fill
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family
from solver.operating_points.point import OperatingPoint

HOURLY = " by the hour"  # marks ways to get a system for single hours


@family("rented", "sum_p n_p (Q[p,i,t] + spare w[p,i,t]) <= sum_o rent[o,i,t]")
def rented(problem: Problem, program: Program) -> None:
    """Elastic replicas run on systems rented in that hour.

    sum_p n_p (Q[p,i,t] + spare w[p,i,t]) <= sum_o (1 - s_o) rent[o,i,t], s_o the share of time a spot system
    is taken away (0 for rent); the same share shortens hold in family ``systems``. Spares of hourly pools are
    kept where the workload asks for them (``resilience.hourly_pools``), else none. Where work can wait,
    standing systems that are idle in the hour serve too: :func:`_filled`.
    """
    if problem.defers:
        return _filled(problem, program)
    for system in sorted({p.system for p in problem.points}):
        for kinds in permitted_sets(problem, system):
            needs = [
                p
                for p, point in enumerate(problem.points)
                if point.system == system and within(problem, point, kinds)
            ]
            offers = {
                o: offer.interruption_share
                for o, offer in enumerate(problem.offers)
                if offer.system == system and offer.kind in kinds
            }
            for i, site in enumerate(problem.sites if needs else ()):
                for t, period in enumerate(problem.periods):
                    terms: dict[int, float] = {}
                    for p in needs:
                        terms |= elastic_terms(problem, program, p, i, t)
                    if not terms:
                        continue
                    for o, away in offers.items():
                        column = program.find("rent", o, i, t)
                        if column is not None:
                            terms[column] = -(1.0 - away)
                    program.row(
                        f"rented[{system},{'/'.join(sorted(kinds))},{site.name},{period.label}]",
                        "rented",
                        terms,
                        "<=",
                        0.0,
                        unit="systems",
                        sentence=f"hourly replicas on {system} need rented systems",
                    )


def _filled(problem: Problem, program: Program) -> None:
    """All replicas of an hour run on what stands there or is rented for it, for each s, i, t.

    sum_p n_p (Q[p,i,t] + spare w[p,i,t] + sum_l R[p,i,e,l])
        <= sum_{alive} buy[o,i,e'] + sum (1 - s_o) (hold[o,i,e] + rent[o,i,t])
    For each set of ways to get a system that replicas permit, and their unions, the row holds for the
    replicas and the systems of that set alone (Hall's condition): standing replicas cannot use rent by the
    hour.
    """
    for system in sorted({p.system for p in problem.points}):
        needs = {p: _ways(problem, point) for p, point in enumerate(problem.points) if point.system == system}
        for kinds in _unions({ways for pair in needs.values() for ways in pair}):
            for i, site in enumerate(problem.sites):
                for t, period in enumerate(problem.periods):
                    terms: dict[int, float] = {}
                    for p, (standing, elastic) in needs.items():
                        if standing <= kinds:
                            terms |= replicas_terms(problem, program, p, i, period.epoch)
                        if elastic <= kinds:
                            terms |= elastic_terms(problem, program, p, i, t)
                    if not any(program.find("Q", p, i, t) in terms for p in needs):
                        continue  # nothing but standing replicas: family systems
                    terms |= {c: -v for c, v in _there(problem, program, system, i, t, kinds).items()}
                    program.row(
                        f"rented[{system},{'/'.join(sorted(kinds))},{site.name},{period.label}]",
                        "rented",
                        terms,
                        "<=",
                        0.0,
                        unit="systems",
                        sentence=f"replicas on {system} need systems that stand there or are rented",
                    )


def _ways(problem: Problem, point: OperatingPoint) -> tuple[frozenset[str], frozenset[str]]:
    """Ways to get its system that a point's standing and its hourly replicas can use."""
    service = problem.services[problem.service_index(point.service)]
    offers = [o for o in problem.offers if o.system == point.system and o.kind in service.acquisitions]
    standing = frozenset(o.kind for o in offers)
    hourly = frozenset(o.kind + HOURLY for o in offers if not o.committed)
    return standing, hourly | (standing if can_fill(problem, point) else frozenset())


def _unions(sets: set[frozenset[str]]) -> list[frozenset[str]]:
    """All unions of the sets."""
    found: set[frozenset[str]] = set()
    for one in sorted(sets, key=sorted):
        found |= {one} | {one | other for other in found}
    return sorted(found - {frozenset()}, key=sorted)


def _there(
    problem: Problem, program: Program, system: str, i: int, t: int, kinds: frozenset[str]
) -> dict[int, float]:
    """Systems at a site in a period, of some ways to get them."""
    terms = installed_terms(problem, program, system, i, problem.periods[t].epoch, kinds)
    for o, offer in enumerate(problem.offers):
        column = program.find("rent", o, i, t)
        if offer.system == system and offer.kind + HOURLY in kinds and column is not None:
            terms[column] = 1.0 - offer.interruption_share
    return terms


def elastic_terms(problem: Problem, program: Program, p: int, i: int, t: int) -> dict[int, float]:
    """Systems that the hourly replicas of a point take in a period, spares included."""
    per, terms = float(problem.points[p].systems_per_replica), {}
    if (replicas := program.find("Q", p, i, t)) is not None:
        terms[replicas] = per
    if (running := program.find("w", p, i, t)) is not None:
        terms[running] = per * problem.hourly_spares
    return terms
