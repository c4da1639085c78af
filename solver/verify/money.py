"""Checks about money: each cost term, their sum, the bound and the budgets."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from solver.domain.workload import HOURS_PER_YEAR
from solver.plan.plan import SystemPurchase
from solver.verify.case import Case
from solver.verify.exact import dollars, nearest, show, written
from solver.verify.ledger import TERMS
from solver.verify.registry import Broken, check


@check("purchase", "sum price (v^order - value(age) v^gone + support annuity) count")
def purchase(case: Case) -> Iterator[Broken]:
    """Purchase, support and what systems bring when sold or at the end, at the prices of the offers."""
    yield from term(case, "purchase")
    yield from _prices(case, [line for line in case.plan.systems if _bought(case, line)])


@check("replacement", "sum price v^s count of systems in place of worn ones")
def replacement(case: Case) -> Iterator[Broken]:
    """Systems bought in place of worn ones, which are scrap."""
    yield from term(case, "replacement")


@check("rental", "sum price x discounted hours (of the epoch, period or term) x count")
def rental(case: Case) -> Iterator[Broken]:
    """Paid by the hour: for an epoch, a period or a term, at the prices of the offers."""
    yield from term(case, "rental")
    yield from _prices(case, [line for line in case.plan.systems if not _bought(case, line)])
    for line in case.plan.systems:
        if line.acquisition in ("buy", "replace"):
            continue
        paid = paid_hours(case, line)
        if line.hours != nearest(paid):
            message = f"{line.system} is rented for {line.hours:g} h, {show(paid)} are paid"
            yield Broken(message, abs(written(line.hours) - paid))


@check("energy", "sum typical kW x PUE x USD/kWh x 8766 x discounted years of life")
def energy(case: Case) -> Iterator[Broken]:
    """Energy of bought systems while they live."""
    yield from term(case, "energy")


@check("space", "sum rack units x USD/(U month) x 12 x discounted years of life")
def space(case: Case) -> Iterator[Broken]:
    """Rack space of bought systems while they live."""
    yield from term(case, "space")


@check("api", "sum USD per request x requests x discount")
def api(case: Case) -> Iterator[Broken]:
    """Tokens bought from APIs."""
    yield from term(case, "api")


@check("objective", "objective = sum of the recomputed cost terms; each line of systems costs what it says")
def objective(case: Case) -> Iterator[Broken]:
    """The plan's cost is the float nearest to the sum of the recomputed terms, in total and line by line."""
    total = case.ledger.total
    reported = Fraction(case.plan.objective_usd)
    if case.plan.objective_usd != nearest(total):
        message = f"the plan says {dollars(case.plan.objective_usd)}, its parts cost {dollars(total)}"
        yield Broken(message, abs(total - reported))
    for line, terms in zip(case.plan.systems, case.ledger.lines, strict=True):
        cost = sum(terms.values(), Fraction(0))
        if line.cost_usd != nearest(cost):
            message = f"{line.count} {line.system}: {dollars(line.cost_usd)}, recomputed {dollars(cost)}"
            yield Broken(message, abs(cost - Fraction(line.cost_usd)))
    for entry in case.plan.costs:
        if entry.term not in TERMS:
            yield Broken(f"{entry.term!r} is no cost term", abs(Fraction(entry.usd)))


@check("bound", "claimed and certified bound <= objective <= claimed bound + gap x objective")
def bound(case: Case) -> Iterator[Broken]:
    """No lower bound lies above the cost of the plan, and the claimed one is as near as the stated gap says.

    A program whose cost is not that of its plan shows here: its bound belongs to another plan.
    """
    for name in ("bound_usd", "certified_bound_usd"):
        value: float | None = getattr(case.plan, name)
        if value is not None:
            over = Fraction(value) - Fraction(case.plan.objective_usd)
            if over > 0:
                yield Broken(
                    f"{name} {dollars(value)} is above the cost {dollars(case.plan.objective_usd)}", over
                )
    cost, gap = Fraction(case.plan.objective_usd), Fraction(case.plan.gap)
    short = cost - Fraction(case.plan.bound_usd) - gap * abs(cost)
    if short > 0:
        yield Broken(f"the bound lies further below the cost than the gap of {case.plan.gap:.4%} says", short)


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
            spent = sum((p.usd for p in capital if start <= p.start < end), Fraction(0))
            limits.append((f"capex of year {year + 1}", spent, money.budget_capex_by_year_usd[year]))
        if year < len(money.budget_opex_by_year_usd):
            limit = money.budget_opex_by_year_usd[year]
            if limit is None:
                continue
            spent = ledger.running(start, end)
            if spent > written(limit):
                message = f"opex of year {year + 1}: {dollars(spent)} of {dollars(limit)}"
                yield Broken(message, spent - written(limit))
    for name, spent, most in (*limits, ("total", ledger.total, money.budget_total_usd)):
        if most is not None and spent > written(most):
            yield Broken(f"{name}: {dollars(spent)} of {dollars(most)}", spent - written(most))


def fiscal_years(case: Case) -> list[tuple[Fraction, Fraction]]:
    """(start, end) of each fiscal year in years from the start of the horizon; the first may be short."""
    first = int(case.workload.horizon.start[5:7])
    month = case.workload.money.fiscal_year_start or first
    ends = [Fraction((month - first - 1) % 12 + 1, 12) + n for n in range(32)]
    return list(zip([Fraction(0), *ends], ends, strict=False))


def term(case: Case, name: str) -> Iterator[Broken]:
    """What is wrong with a cost term of the plan, recomputed."""
    listed = [entry.usd for entry in case.plan.costs if entry.term == name]
    reported, recomputed = sum(map(Fraction, listed), Fraction(0)), case.ledger.term(name)
    if (listed or [0.0]) != [nearest(recomputed)]:
        message = f"the plan says {dollars(reported)}, recomputed {dollars(recomputed)}"
        yield Broken(message, abs(reported - recomputed))


def _prices(case: Case, lines: list[SystemPurchase]) -> Iterator[Broken]:
    for line in lines:
        price = case.offers[line.offer].price_usd
        if line.unit_price_usd != price:
            message = f"{line.offer}: the plan pays {line.unit_price_usd:g} USD, the offer asks {price:g}"
            yield Broken(message, abs(written(line.unit_price_usd) - written(price)))


def paid_hours(case: Case, line: SystemPurchase) -> Fraction:
    """Hours that a line of rented systems is paid for."""
    if line.period is not None:
        return case.periods[line.period].hours
    return Fraction(HOURS_PER_YEAR) * case.epochs[line.epoch].years


def _bought(case: Case, line: SystemPurchase) -> bool:
    return case.offers[line.offer].kind == "buy"
