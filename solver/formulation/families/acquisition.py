"""Families about having the systems that replicas stand on: installed, rented, available, promised."""

from __future__ import annotations

from solver.domain.calendar import year_words
from solver.formulation.limits import lines_of
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family
from solver.operating_points.point import OperatingPoint


@family(
    "systems", "sum_p n_p (R[p,i,e] + spare open[p,i,e]) <= sum_o sum_{alive} buy[o,i,e'] + sum_o hold[o,i,e]"
)
def systems(problem: Problem, program: Program) -> None:
    """Replicas stand on systems that are there, for each system s, site i, epoch e.

    sum_p n_p sum_l (R[p,i,e,l] + N_spare z[p,i,e,l])
        <= sum_{o buys s} sum_{e' <= e, alive} buy[o,i,e'] + sum_{o rents s} hold[o,i,e]
    n_p: systems per replica. Fractions of a system come from one chain of divisors of its chips, so any
    sum of them that fits by number also fits box by box. Where services permit different ways to get a
    system, the row also holds for the points and offers of each permitted set alone (Hall's condition).
    """
    for system in sorted({p.system for p in problem.points}):
        for kinds in permitted_sets(problem, system):
            for i, site in enumerate(problem.sites):
                for e in range(len(problem.epochs)):
                    terms = _standing_need(problem, program, system, i, e, kinds)
                    if not terms:
                        continue
                    for column, value in installed_terms(problem, program, system, i, e, kinds).items():
                        terms[column] = terms.get(column, 0.0) - value
                    program.row(
                        f"systems[{system},{'/'.join(sorted(kinds))},{site.name},{e}]",
                        "systems",
                        terms,
                        "<=",
                        0.0,
                        unit="systems",
                        sentence=f"replicas on {system} at {site.name} need systems to stand on",
                    )


def permitted_sets(problem: Problem, system: str) -> list[frozenset[str]]:
    """Sets of offer kinds of a system that some service permits, and their union."""
    there = {o.kind for o in problem.offers if o.system == system}
    sets = {frozenset(there & set(s.acquisitions)) for s in problem.services} - {frozenset()}
    return sorted(sets | {frozenset().union(*sets)}, key=sorted) if sets else []


@family("available", "buy[o,i,e] = hold[o,i,e] = rent[o,i,t] = 0 before offer o can be had")
def available(problem: Problem, program: Program) -> None:
    """Nothing is got before it can be had: sum_i buy + hold <= 0 in epochs that start before available_o.

    The date is the offer's own (announced systems) or the workload's (late delivery); rent likewise.
    """
    for o, offer in enumerate(problem.offers):
        for e, epoch in enumerate(problem.epochs):
            if offer.available_years <= epoch.start_years + 1e-9:
                continue
            terms: dict[int, float] = {}
            for i in range(len(problem.sites)):
                hours = [program.find("rent", o, i, t) for t, p in enumerate(problem.periods) if p.epoch == e]
                for column in (program.find("buy", o, i, e), program.find("hold", o, i, e), *hours):
                    if column is not None:
                        terms[column] = 1.0
            program.row(
                f"available[{offer.id},{e}]",
                "available",
                terms,
                "<=",
                0.0,
                unit="systems",
                statement=f"hardware.available_from.{offer.system}",
                sentence=f"{offer.system} can be had from {year_words(offer.available_years)} on",
            )


@family("lots", "lot_o lot[o,i,e] <= buy[o,i,e] <= high lot[o,i,e]")
def lots(problem: Problem, program: Program) -> None:
    """None, or at least the minimum lot: lot_o lot[o,i,e] <= buy[o,i,e] <= high lot[o,i,e].

    high is the column's own bound. A quantity discount is an offer with a lower price and a minimum lot.
    """
    for (_, o, i, e), lot in program.family("lot"):
        offer = problem.offers[o]
        buy = program.index[("buy", o, i, e)]
        words = f"{offer.id}: at least {offer.minimum_lot} at a time"
        program.row(
            f"lot_low[{offer.id},{i},{e}]",
            "lots",
            {buy: -1.0, lot: float(offer.minimum_lot)},
            "<=",
            0.0,
            unit="systems",
            sentence=words,
        )
        program.row(
            f"lot_high[{offer.id},{i},{e}]",
            "lots",
            {buy: 1.0, lot: -program.columns[buy].high},
            "<=",
            0.0,
            unit="systems",
            sentence=words,
        )


@family("vendor_share", "sum_{o of v} price_o buy[o,i,e] <= share_v sum_o price_o buy[o,i,e]")
def vendor_share(problem: Problem, program: Program) -> None:
    """No vendor gets more than its share of the purchase money (as paid, k$).

    (1 - share_v) sum_{o of v} price_o buy[o,i,e] - share_v sum_{other o} price_o buy[o,i,e] <= 0.
    """
    for vendor, share in problem.workload.hardware.vendor_share.items():
        terms: dict[int, float] = {}
        for (_, o, _i, _e), column in (*program.family("buy"), *program.family("renew")):
            offer = problem.offers[o]
            if offer.kind == "buy":
                mine = problem.systems[offer.system].vendor == vendor
                terms[column] = offer.price_usd / 1e3 * ((1 - share) if mine else -share)
        program.row(
            f"vendor_share[{vendor}]",
            "vendor_share",
            terms,
            "<=",
            0.0,
            unit="k$",
            statement=f"hardware.vendor_share.{vendor}",
            sentence=f"at most {share:.0%} of the purchase money goes to {vendor}",
        )


@family("promised", "sum_{o of s,i,e} buy[o,i,e] >= minimum_s")
def promised(problem: Problem, program: Program) -> None:
    """Systems that the workload says must be bought: sum_{o of s, i, e} buy[o,i,e] >= minimum_s."""
    for system, least in problem.workload.hardware.minimum.items():
        terms = {
            program.index[("buy", o, i, e)]: 1.0
            for o, offer in enumerate(problem.offers)
            if offer.system == system and offer.kind == "buy"
            for i in range(len(problem.sites))
            for e in range(len(problem.epochs))
        }
        program.row(
            f"promised[{system}]",
            "promised",
            terms,
            ">=",
            float(least),
            unit="systems",
            statement=f"hardware.minimum.{system}",
            sentence=f"at least {least} {system} are bought",
        )


def within(problem: Problem, point: OperatingPoint, kinds: frozenset[str]) -> bool:
    """Whether a point's service permits no other ways to get its system than ``kinds``."""
    service = problem.services[problem.service_index(point.service)]
    there = {o.kind for o in problem.offers if o.system == point.system}
    return there & set(service.acquisitions) <= kinds


def _standing_need(
    problem: Problem, program: Program, system: str, i: int, e: int, kinds: frozenset[str]
) -> dict[int, float]:
    terms: dict[int, float] = {}
    for p, point in enumerate(problem.points):
        if point.system == system and within(problem, point, kinds):
            terms |= replicas_terms(problem, program, p, i, e)
    return terms


def replicas_terms(problem: Problem, program: Program, p: int, i: int, e: int) -> dict[int, float]:
    """Systems that the standing replicas of a point take, spares included."""
    point, terms = problem.points[p], {}
    for n in range(len(lines_of(problem, point))):
        replicas = program.find("R", p, i, e, n)
        if replicas is None:
            continue
        per = float(point.systems_per_replica)
        terms[replicas] = per
        line = program.find("z", p, i, e, n)
        if line is not None and problem.workload.redundancy:
            terms[line] = per * problem.workload.redundancy
    return terms


def installed_terms(
    problem: Problem, program: Program, system: str, i: int, e: int, kinds: frozenset[str] | None = None
) -> dict[int, float]:
    """Systems at site i in epoch e (of some kinds of offers): bought, alive and not sold, or rented."""
    terms: dict[int, float] = {}
    for o, offer in enumerate(problem.offers):
        if offer.system != system or (kinds is not None and offer.kind not in kinds):
            continue
        if offer.committed:
            for bought in range(e + 1):
                if problem.alive(offer, bought, e):
                    terms[program.index[("buy", o, i, bought)]] = 1.0
                    sold = (program.find("sell", o, i, bought, f) for f in range(bought + 1, e + 1))
                    terms |= {c: -1.0 for c in sold if c is not None}
        else:
            terms[program.index[("hold", o, i, e)]] = 1.0 - offer.interruption_share
    return terms
