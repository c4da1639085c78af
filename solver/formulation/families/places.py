"""Families about sites: power at the racks and at the meter, cooling, rack space."""

from __future__ import annotations

from collections.abc import Callable

from solver.formulation.families.acquisition import installed_terms
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family
from solver.formulation.system_offer import SystemFacts


@family("power", "sum_s P_s installed[s,i,e] <= power_i")
def power(problem: Problem, program: Program) -> None:
    """The maximum power of all bought systems fits the site: sum_s P_s installed[s,i,e] <= power_i (kW).

    P_s is the maximum power of the system; the site's limit counts power at the racks (PUE is paid for
    in the energy cost). Systems rented by the hour stand elsewhere.
    """
    _site_limit(
        problem,
        program,
        "power",
        "kW",
        lambda s: s.power_max_kw,
        [site.power_kw for site in problem.sites],
        "power_kw",
    )


@family("feed", "PUE_i sum_s P_s installed[s,i,e] <= feed_i")
def feed(problem: Problem, program: Program) -> None:
    """The site's feed carries racks and cooling: PUE_i sum_s P_s installed[s,i,e] <= feed_i (kW).

    P_s is the maximum power of the system.
    """
    _site_limit(
        problem,
        program,
        "feed",
        "kW at the meter",
        lambda s: s.power_max_kw,
        [site.feed_kw for site in problem.sites],
        "feed_kw",
        [site.pue for site in problem.sites],
    )


@family("cooling", "sum_s P_s installed[s,i,e] <= cooling_i")
def cooling(problem: Problem, program: Program) -> None:
    """All power becomes heat that the cooling takes away: sum_s P_s installed[s,i,e] <= cooling_i (kW)."""
    _site_limit(
        problem,
        program,
        "cooling",
        "kW of heat",
        lambda s: s.power_max_kw,
        [site.cooling_kw for site in problem.sites],
        "cooling_kw",
    )


@family("racks", "sum_s U_s installed[s,i,e] <= rack_units_i")
def racks(problem: Problem, program: Program) -> None:
    """Bought systems fit the racks of the site: sum_s U_s installed[s,i,e] <= rack_units_i (U)."""
    _site_limit(
        problem,
        program,
        "racks",
        "U",
        lambda s: s.rack_units,
        [site.rack_units for site in problem.sites],
        "rack_units",
    )


def _site_limit(
    problem: Problem,
    program: Program,
    name: str,
    unit: str,
    per: Callable[[SystemFacts], float],
    limits: list[float | None],
    field: str,
    factors: list[float] | None = None,
) -> None:
    owned = (*program.family("buy"), *program.family("sell"))
    standing = {c for key, c in owned if problem.offers[key[1]].on_site}
    for i, limit in enumerate(limits):
        if limit is None:
            continue
        for e in range(len(problem.epochs)):
            terms: dict[int, float] = {}
            for system, facts in problem.systems.items():
                for column, count in installed_terms(problem, program, system, i, e).items():
                    if column in standing:
                        terms[column] = count * per(facts) * (factors[i] if factors else 1.0)
            site = problem.sites[i].name
            program.row(
                f"{name}[{site},{e}]",
                name,
                terms,
                "<=",
                limit,
                unit=unit,
                statement=f"sites.{i}.{field}",
                sentence=f"systems at {site} need at most {limit:g} {unit}",
            )
