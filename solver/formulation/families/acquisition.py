"""Families about having the systems that replicas stand on: installed, rented, supply, promised."""

from __future__ import annotations

from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family
from solver.formulation.variables import lines_of


@family(
    "systems", "sum_p n_p (R[p,i,e] + spare open[p,i,e]) <= sum_o sum_{alive} buy[o,i,e'] + sum_o hold[o,i,e]"
)
def systems(problem: Problem, program: Program) -> None:
    """Replicas stand on systems that are there, for each system s, site i, epoch e.

    sum_p n_p sum_l (R[p,i,e,l] + N_spare z[p,i,e,l])
        <= sum_{o buys s} sum_{e' <= e, alive} buy[o,i,e'] + sum_{o rents s} hold[o,i,e]
    n_p: systems per replica. Fractions of a system come from one chain of divisors of its chips, so any
    sum of them that fits by number also fits box by box.
    """
    for system in sorted({p.system for p in problem.points}):
        for i, site in enumerate(problem.sites):
            for e in range(len(problem.epochs)):
                terms = _standing_need(problem, program, system, i, e)
                if not terms:
                    continue
                for column, value in _installed(problem, program, system, i, e).items():
                    terms[column] = terms.get(column, 0.0) - value
                program.row(
                    f"systems[{system},{site.name},{e}]",
                    "systems",
                    terms,
                    "<=",
                    0.0,
                    unit="systems",
                    sentence=f"replicas on {system} at {site.name} need systems to stand on",
                )


@family("rented", "sum_p n_p Q[p,i,t] <= sum_o rent[o,i,t]")
def rented(problem: Problem, program: Program) -> None:
    """Elastic replicas run on systems rented in that hour: sum_p n_p Q[p,i,t] <= sum_o rent[o,i,t]."""
    for system in sorted({p.system for p in problem.points}):
        for i, site in enumerate(problem.sites):
            for t, period in enumerate(problem.periods):
                terms = {
                    c: float(point.systems_per_replica)
                    for p, point in enumerate(problem.points)
                    if point.system == system and (c := program.find("Q", p, i, t)) is not None
                }
                if not terms:
                    continue
                for o, offer in enumerate(problem.offers):
                    column = program.find("rent", o, i, t)
                    if offer.system == system and column is not None:
                        terms[column] = -1.0
                program.row(
                    f"rented[{system},{site.name},{period.label}]",
                    "rented",
                    terms,
                    "<=",
                    0.0,
                    unit="systems",
                    sentence=f"hourly replicas on {system} need rented systems",
                )


@family("supply", "sum_i buy[o,i,e] <= supply_o years_e;  sum_{o,i,e} buy[o,i,e] <= supply_s")
def supply(problem: Problem, program: Program) -> None:
    """No more systems than can be had: per offer and epoch (supplier), and per system (workload).

    sum_i buy[o,i,e] <= floor(supply_o x years of e);   sum_{o of s, i, e} buy[o,i,e] <= supply_s.
    """
    sites, epochs = range(len(problem.sites)), range(len(problem.epochs))
    for o, offer in enumerate(problem.offers):
        if offer.supply_per_year is None or offer.kind != "buy":
            continue
        for e in epochs:
            terms = {program.index[("buy", o, i, e)]: 1.0 for i in sites}
            limit = float(int(offer.supply_per_year * problem.epochs[e].years + 1e-9))
            program.row(
                f"supply[{offer.id},{e}]",
                "supply",
                terms,
                "<=",
                limit,
                unit="systems",
                sentence=f"{offer.supplier} delivers at most {limit:g} {offer.system} in epoch {e + 1}",
            )
    for system, limit in problem.workload.hardware.supply.items():
        terms = {
            program.index[("buy", o, i, e)]: 1.0
            for o, offer in enumerate(problem.offers)
            if offer.system == system and offer.kind == "buy"
            for i in sites
            for e in epochs
        }
        program.row(
            f"supply[{system}]",
            "supply",
            terms,
            "<=",
            float(limit),
            unit="systems",
            statement=f"hardware.supply.{system}",
            sentence=f"at most {limit} {system} can be bought",
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


def _standing_need(problem: Problem, program: Program, system: str, i: int, e: int) -> dict[int, float]:
    terms: dict[int, float] = {}
    for p, point in enumerate(problem.points):
        if point.system != system:
            continue
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


def _installed(problem: Problem, program: Program, system: str, i: int, e: int) -> dict[int, float]:
    """Systems at site i in epoch e: bought and still alive, or rented for the whole epoch."""
    terms: dict[int, float] = {}
    for o, offer in enumerate(problem.offers):
        if offer.system != system:
            continue
        if offer.kind == "buy":
            for bought in range(e + 1):
                if problem.alive(offer, bought, e):
                    terms[program.index[("buy", o, i, bought)]] = 1.0
        else:
            terms[program.index[("hold", o, i, e)]] = 1.0
    return terms


installed_terms = _installed
