"""Cost terms of the objective, all in thousand dollars of net present value."""

from __future__ import annotations

from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import cost_term


@cost_term("purchase", "sum price_o purchase_factor[o,e] buy[o,i,e]")
def purchase(problem: Problem, program: Program) -> None:
    """Purchase, support and residual value: price_o (v^e - residual v^T + support annuity) buy[o,i,e]."""
    for (_, o, _i, e), column in program.family("buy"):
        offer = problem.offers[int(str(o))]
        if offer.kind != "buy":
            continue
        factor = problem.purchase_factor(offer, int(str(e)))
        program.cost("purchase", column, offer.price_usd * factor / 1e3)


@cost_term("rental", "sum hours price_o (hold[o,i,e] + rent[o,i,t])")
def rental(problem: Problem, program: Program) -> None:
    """Paid by the hour: price_o x discounted hours of an epoch (hold), a period (rent), a term (lease)."""
    for (_, o, _i, e), column in program.family("buy"):
        offer = problem.offers[int(str(o))]
        if offer.kind != "buy":
            hours = problem.commitment_hours(offer, int(str(e)))
            program.cost("rental", column, offer.price_usd * hours / 1e3)
    for (_, o, _i, e), column in program.family("hold"):
        hours = sum(problem.hours_factor(t) for t in problem.periods if t.epoch == e)
        program.cost("rental", column, problem.offers[int(str(o))].price_usd * hours / 1e3)
    for (_, o, _i, t), column in program.family("rent"):
        hours = problem.hours_factor(problem.periods[int(str(t))])
        program.cost("rental", column, problem.offers[int(str(o))].price_usd * hours / 1e3)


@cost_term("energy", "sum P_s PUE_i tariff_i hours installed[s,i,e]")
def energy(problem: Problem, program: Program) -> None:
    """Energy of bought systems: typical power x PUE x tariff x discounted hours while they live.

    Systems draw their typical power all hours (the safe side: no credit for idle hours).
    """
    from solver.domain.workload import HOURS_PER_YEAR

    for (_, o, i, e), column in program.family("buy"):
        offer, site = problem.offers[int(str(o))], problem.sites[int(str(i))]
        if not offer.on_site:
            continue
        kw = problem.systems[offer.system].power_typ_kw
        hours = HOURS_PER_YEAR * _living_years(problem, int(str(o)), int(str(e)))
        program.cost("energy", column, kw * site.pue * site.energy_usd_kwh * hours / 1e3)


@cost_term("space", "sum U_s rent_i months installed[s,i,e]")
def space(problem: Problem, program: Program) -> None:
    """Rack space of bought systems: rack units x monthly rent x 12 x discounted years while they live."""
    for (_, o, i, e), column in program.family("buy"):
        offer, site = problem.offers[int(str(o))], problem.sites[int(str(i))]
        if not offer.on_site:
            continue
        per_year = problem.systems[offer.system].rack_units * site.space_usd_per_rack_unit_month * 12
        program.cost("space", column, per_year * _living_years(problem, int(str(o)), int(str(e))) / 1e3)


@cost_term("api", "sum price[j,b] lambda_k 3600 hours_t a[j,b,t]")
def api(problem: Problem, program: Program) -> None:
    """Tokens bought: price of a request of bucket b x requests in the period (discounted)."""
    for (_, j, b, t), column in program.family("a"):
        point, period = problem.apis[int(str(j))], problem.periods[int(str(t))]
        k = problem.service_index(point.service)
        peak = problem.peak_rps(k)
        requests = peak * 3600 * problem.hours_factor(period)
        program.cost("api", column, problem.mean(k, int(str(b)), point.usd_per_request) * requests / 1e3)


def _living_years(problem: Problem, o: int, e: int) -> float:
    """Discounted years that a system bought in epoch e serves within the horizon."""
    offer = problem.offers[o]
    return sum(
        problem.running(later) for later in range(e, len(problem.epochs)) if problem.alive(offer, e, later)
    )
