"""Cost terms of the objective, all in thousand dollars of net present value.

Each says which payments a unit of a column makes (solver.formulation.payments), undiscounted and when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from solver.domain.workload import HOURS_PER_YEAR
from solver.formulation.model import Program
from solver.formulation.payments import (
    Payment,
    at_energy_prices,
    living,
    over_epochs,
    pay,
    purchase_payments,
    rental_payments,
    sale_payments,
)
from solver.formulation.problem import Problem
from solver.formulation.registry import cost_term
from solver.formulation.system_offer import SystemOffer


class Owned(NamedTuple):
    """A column by which systems come to be (or, sold in an epoch, cease to be) the user's for a while."""

    column: int
    offer: SystemOffer
    o: int
    site: int
    epoch: int
    sold: int | None


def owned_columns(problem: Problem, program: Program) -> Iterator[Owned]:
    """Each purchase, lease, reservation and sale."""
    for prefix in ("buy", "sell"):
        for key, column in program.family(prefix):
            o, i, e, *sold = key[1:]
            yield Owned(column, problem.offers[o], o, i, e, sold[0] if sold else None)


def on_site(problem: Problem, program: Program, term: str, usd_per_year: Callable[[str, int], float]) -> None:
    """Add what a system (id) at a site (position) costs a year while it lives; a sale ends it."""
    for column, offer, _o, i, e, f in owned_columns(problem, program):
        amount = usd_per_year(offer.system, i) if offer.on_site else 0.0
        if amount:
            sign = 1.0 if f is None else -1.0
            paid = over_epochs(problem, living(problem, offer, e, f), sign * amount)
            pay(
                problem,
                program,
                term,
                column,
                at_energy_prices(problem, i, paid) if term == "energy" else paid,
            )


@cost_term("purchase", "sum price_o (v^order - value_o(T-e) v^T + support annuity) buy[o,i,e] + sales")
def purchase(problem: Problem, program: Program) -> None:
    """Purchase, support, what comes back: price_o (v^order - value_o(T-e) v^T + support annuity) buy[o,i,e].

    order: e, or e - lead time where the price is due with the order. value_o(age): the share of the price
    that a system of that age brings, at the end of the horizon T or where it is sold before (sell[o,i,e,f]):
    price_o (value_o(T - e) v^T - value_o(f - e) v^f - support annuity from f on).
    """
    for column, offer, _o, _i, e, f in owned_columns(problem, program):
        if offer.kind == "buy" and f is None:
            pay(problem, program, "purchase", column, purchase_payments(problem, offer, e, offer.price_usd))
        elif offer.kind == "buy" and f is not None:
            pay(problem, program, "purchase", column, sale_payments(problem, offer, e, f, offer.price_usd))


@cost_term("replacement", "sum price_o v^e renew[o,i,e]")
def replacement(problem: Problem, program: Program) -> None:
    """Systems in place of worn ones: price_o v^start renew[o,i,e]; the worn ones are scrap.

    Energy, space, support and residual value are those of the place, which the first purchase pays for.
    """
    for (_, o, _i, e), column in program.family("renew"):
        start, price = problem.epochs[e].start_years, problem.offers[o].price_usd
        pay(problem, program, "replacement", column, [Payment(start, start, price, "capital")])


@cost_term("rental", "sum hours price_o (hold[o,i,e] + rent[o,i,t])")
def rental(problem: Problem, program: Program) -> None:
    """Paid by the hour: price_o x discounted hours of an epoch (hold), a period (rent), a term (lease)."""
    for prefix in ("buy", "hold"):
        for (_, o, _i, e), column in program.family(prefix):
            offer = problem.offers[o]
            if offer.kind != "buy":
                pay(problem, program, "rental", column, rental_payments(problem, offer, e))
    for (_, o, _i, t), column in program.family("rent"):
        period = problem.periods[t]
        per_year = problem.offers[o].price_usd * period.hours / problem.epochs[period.epoch].years
        pay(problem, program, "rental", column, over_epochs(problem, [period.epoch], per_year))


@cost_term(
    "energy",
    "sum P_s PUE_i (idle_s mean tariff_i 8766 installed[s,i,e] + (1 - idle_s) tariff[i,t] h_t load[s,i,t])",
)
def energy(problem: Problem, program: Program) -> None:
    """Energy of systems at the user's sites, discounted, while they live:
    P_s PUE_i (idle_s x mean tariff x 8766 h a year + (1 - idle_s) x tariff[i,t] hours_t load[s,i,t]).

    P_s: typical power; idle_s: the share of it that an idle system draws, 1 unless the workload states less
    (the safe side: no credit for idle hours); load: systems' worth of use (family ``load``). Tariffs are the
    first ones x (1 + growth)^(full years) x the factor of the latest step, where the site states these.
    """
    idle = problem.workload.hardware.idle_share

    def usd_per_year(system: str, i: int) -> float:
        site = problem.sites[i]
        kw = problem.systems[system].power_typ_kw * site.pue
        return kw * idle(system) * site.mean_energy_usd_kwh * HOURS_PER_YEAR

    on_site(problem, program, "energy", usd_per_year)
    for (_, system, i, t), column in program.family("load"):
        site, period = problem.sites[i], problem.periods[t]
        kw = problem.systems[system].power_typ_kw * site.pue * (1 - idle(system))
        epoch = problem.epochs[period.epoch]
        usd = kw * problem.tariff(i, period) * period.hours
        paid = [Payment(epoch.start_years, epoch.end_years, usd)]
        pay(problem, program, "energy", column, at_energy_prices(problem, i, paid))


@cost_term("space", "sum U_s rent_i months installed[s,i,e]")
def space(problem: Problem, program: Program) -> None:
    """Rack space of bought systems: rack units x monthly rent x 12 x discounted years while they live."""

    def usd_per_year(system: str, i: int) -> float:
        return problem.systems[system].rack_units * problem.sites[i].space_usd_per_rack_unit_month * 12

    on_site(problem, program, "space", usd_per_year)


@cost_term("opening", "sum cost_i (v^e - v^(e+1)) site[i,e]")
def opening(problem: Problem, program: Program) -> None:
    """Paid once, when a site gets its first systems: cost_i v^start of the epoch, as a running cost.

    site[i,e] is 1 from that epoch on, so that a unit of it pays cost_i at the start of e and has it back at
    the start of the next epoch.
    """
    for (_, i, e), column in program.family("site"):
        usd, last = problem.sites[i].opening_usd, len(problem.epochs) - 1
        epochs = problem.epochs[e : e + 2]
        signs = (usd, -usd) if e < last else (usd,)
        starts = [epoch.start_years for epoch in epochs]
        paid = [Payment(at, at, amount) for at, amount in zip(starts, signs, strict=False)]
        pay(problem, program, "opening", column, paid)


@cost_term("api", "sum price[j,b] lambda_k 3600 hours_t a[j,b,t]")
def api(problem: Problem, program: Program) -> None:
    """Tokens bought: price of a request of bucket b x requests in the period (discounted)."""
    for (_, j, b, t), column in program.family("a"):
        point, period = problem.apis[j], problem.periods[t]
        k = problem.service_index(point.service)
        epoch = problem.epochs[period.epoch]
        requests = problem.peak_rps(k) * 3600 * period.hours * problem.mean_share(k, b, t)
        usd = problem.mean(k, b, point.usd_per_request) * requests
        pay(problem, program, "api", column, [Payment(epoch.start_years, epoch.end_years, usd)])
