"""Checks about money: each cost term, their sum, the bound and the budgets."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from solver.domain.workload import HOURS_PER_YEAR
from solver.plan.plan import SystemPurchase
from solver.verify.case import Case
from solver.verify.exact import HALF_CENT, INSTANT, ROUNDING, share_of, show, written
from solver.verify.ledger import TERMS
from solver.verify.payments import RACK_UNITS, left_systems, open_sites
from solver.verify.registry import Broken, check

CENT = 2 * HALF_CENT


@check("purchase", "sum price (v^order - value(age) v^gone + support annuity) count")
def purchase(case: Case) -> Iterator[Broken]:
    """Purchase, support and what systems bring when sold or at the end, at the prices of the offers."""
    yield from _term(case, "purchase")
    yield from _prices(case, [line for line in case.plan.systems if _bought(case, line)])


@check("rental", "sum price x discounted hours (of the epoch, period or term) x count")
def rental(case: Case) -> Iterator[Broken]:
    """Paid by the hour: for an epoch, a period or a term, at the prices of the offers."""
    yield from _term(case, "rental")
    yield from _prices(case, [line for line in case.plan.systems if not _bought(case, line)])
    for line in case.plan.systems:
        if line.acquisition == "buy":
            continue
        paid = _hours(case, line)
        if abs(written(line.hours) - paid) > paid * ROUNDING:
            message = f"{line.system} is rented for {line.hours:g} h, {show(paid)} are paid"
            yield Broken(message, abs(written(line.hours) - paid))


@check("energy", "sum typical kW x PUE x USD/kWh x 8766 x discounted years of life")
def energy(case: Case) -> Iterator[Broken]:
    """Energy of bought systems while they live."""
    yield from _term(case, "energy")


@check("space", "sum rack units x USD/(U month) x 12 x discounted years of life")
def space(case: Case) -> Iterator[Broken]:
    """Rack space of bought systems while they live."""
    yield from _term(case, "space")


@check("api", "sum USD per request x requests x discount")
def api(case: Case) -> Iterator[Broken]:
    """Tokens bought from APIs."""
    yield from _term(case, "api")


@check("objective", "objective = sum of the recomputed cost terms; each line of systems costs what it says")
def objective(case: Case) -> Iterator[Broken]:
    """The plan's cost is the sum of the recomputed terms to the cent, in total and line by line."""
    total = case.ledger.total
    reported = Fraction(case.plan.objective_usd)
    if abs(total - reported) > HALF_CENT:
        message = f"the plan says {case.plan.objective_usd:.2f} USD, its parts cost {show(total)}"
        yield Broken(message, abs(total - reported))
    for line, terms in zip(case.plan.systems, case.ledger.lines, strict=True):
        cost = sum(terms.values(), Fraction(0))
        if abs(cost - Fraction(line.cost_usd)) > HALF_CENT:
            message = f"{line.count} {line.system}: {line.cost_usd:.2f} USD, recomputed {show(cost)}"
            yield Broken(message, abs(cost - Fraction(line.cost_usd)))
    for entry in case.plan.costs:
        if entry.term not in TERMS:
            yield Broken(f"{entry.term!r} is no cost term", abs(Fraction(entry.usd)))


@check("bound", "bound <= objective (to the cent), claimed and certified")
def bound(case: Case) -> Iterator[Broken]:
    """No lower bound lies above the cost of the plan."""
    for name in ("bound_usd", "certified_bound_usd"):
        value: float | None = getattr(case.plan, name)
        if value is not None:
            over = Fraction(value) - Fraction(case.plan.objective_usd)
            if over > CENT:
                yield Broken(f"{name} {value:.2f} is above the cost {case.plan.objective_usd:.2f} USD", over)


@check("budget", "capex, capex and opex per fiscal year, net present cost <= their budgets, USD")
def budget(case: Case) -> Iterator[Broken]:
    """Purchases as paid stay within the capex budgets, running costs within those of opex, the net present
    cost within the total one. A purchase belongs to the fiscal year in which its price is due, running costs
    to the year in which they arise; the first fiscal year starts with the horizon.
    """
    money, ledger = case.workload.money, case.ledger
    capital = [p for p in ledger.paid if p.kind == "capital"]
    limits = [("capex", sum((p.usd for p in capital), Fraction(0)), money.budget_capex_usd)]
    for year, (start, end) in enumerate(fiscal_years(case)):
        if year < len(money.budget_capex_by_year_usd):
            spent = sum((p.usd for p in capital if start <= p.start + INSTANT < end), Fraction(0))
            limits.append((f"capex of year {year + 1}", spent, money.budget_capex_by_year_usd[year]))
        if year < len(money.budget_opex_by_year_usd):
            limit = money.budget_opex_by_year_usd[year]
            spent = ledger.running(start, end)
            rounding = Fraction(limit) * ROUNDING
            if spent > written(limit) + rounding:
                message = f"opex of year {year + 1}: {show(spent)} of {limit:.2f} USD"
                yield Broken(message, spent - written(limit))
    for name, spent, most in (*limits, ("total", ledger.total, money.budget_total_usd)):
        if most is not None and spent > written(most):
            yield Broken(f"{name}: {show(spent)} of {most:.2f} USD", spent - written(most))


def fiscal_years(case: Case) -> list[tuple[Fraction, Fraction]]:
    """(start, end) of each fiscal year in years from the start of the horizon; the first may be short."""
    first = int(case.workload.horizon.start[5:7])
    month = case.workload.money.fiscal_year_start or first
    ends = [Fraction((month - first - 1) % 12 + 1, 12) + n for n in range(32)]
    return list(zip([Fraction(0), *ends], ends, strict=False))


@check("staffed", "people >= per_system systems + per_rack racks + per_site, at each site in each epoch")
def staffed(case: Case) -> Iterator[Broken]:
    """The plan has the people that its systems need (to the last digits of a float)."""
    staff = case.workload.money.staff
    if staff is None:
        return
    there = {(p.site, p.epoch): p.people for p in case.plan.people}
    for site, e in sorted(open_sites(case)):
        need = written(staff.per_site)
        for line in case.plan.systems:
            if line.site == site and case.offers[line.offer].on_site and case.serves(line, e):
                racks = written(case.systems[line.system].rack_units) / RACK_UNITS
                need += line.count * (written(staff.per_system) + written(staff.per_rack) * racks)
        missing = need - Fraction(there.get((site, e), 0.0))
        if missing > need * ROUNDING:
            yield Broken(f"{site}, epoch {e + 1}: {show(need)} people are needed", missing)


@check("staff", "sum salary x people x discounted years")
def staff(case: Case) -> Iterator[Broken]:
    """People at the sites while systems stand there."""
    yield from _term(case, "staff")


@check("moved", "systems that a model leaves >= n_p (R before - R now) of its pools on them, per site")
def moved(case: Case) -> Iterator[Broken]:
    """Where moves have a price, the plan lists each: at least the systems that a model's pools give up."""
    if not case.workload.money.migration_usd_per_system:
        return
    listed: dict[tuple[str, str, str, int], Fraction] = {}
    for move in case.plan.moves:
        key = (move.model, move.system, move.site, move.epoch)
        listed[key] = listed.get(key, Fraction(0)) + share_of(move.systems)
    for key, amount in left_systems(case).items():
        missing = amount - listed.get(key, Fraction(0))
        if missing > 0:
            model, system, site, e = key
            message = f"{model} leaves {show(amount)} {system} at {site} in epoch {e + 1}"
            yield Broken(message, missing)


@check("migration", "sum price x systems that a model leaves x v^e")
def migration(case: Case) -> Iterator[Broken]:
    """Moves of models between systems, paid at the start of the epoch."""
    yield from _term(case, "migration")


@check("resale", "what is sold was bought before, still lives, and its offer states a resale value")
def resale(case: Case) -> Iterator[Broken]:
    """Systems are sold at the start of a later epoch that they would live through, under such an offer."""
    for line in case.plan.systems:
        if line.sold_epoch is None or line.count == 0:
            continue
        offer = case.offers[line.offer]
        alive = case.alive(offer, line.epoch, line.sold_epoch)
        if offer.kind != "buy" or not offer.resale_by_age or line.sold_epoch <= line.epoch or not alive:
            yield Broken(
                f"{line.count} {line.system} of {line.offer} cannot be sold in epoch {line.sold_epoch + 1}"
            )


@check("tax", "-tax rate x (running costs + resale values + write-offs), net present")
def tax(case: Case) -> Iterator[Broken]:
    """Taxes saved."""
    yield from _term(case, "tax")


def _term(case: Case, name: str) -> Iterator[Broken]:
    reported = sum((Fraction(entry.usd) for entry in case.plan.costs if entry.term == name), Fraction(0))
    recomputed = case.ledger.term(name)
    if abs(reported - recomputed) > HALF_CENT:
        message = f"{name}: the plan says {show(reported)} USD, recomputed {show(recomputed)}"
        yield Broken(message, abs(reported - recomputed))


def _prices(case: Case, lines: list[SystemPurchase]) -> Iterator[Broken]:
    for line in lines:
        price = case.offers[line.offer].price_usd
        if line.unit_price_usd != price:
            message = f"{line.offer}: the plan pays {line.unit_price_usd:g} USD, the offer asks {price:g}"
            yield Broken(message, abs(written(line.unit_price_usd) - written(price)))


def _hours(case: Case, line: SystemPurchase) -> Fraction:
    if line.period is not None:
        return case.periods[line.period].hours
    return Fraction(HOURS_PER_YEAR) * case.epochs[line.epoch].years


def _bought(case: Case, line: SystemPurchase) -> bool:
    return case.offers[line.offer].kind == "buy"
