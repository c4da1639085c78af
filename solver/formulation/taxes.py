"""What costs save in taxes: running costs when they are paid, the price of a system as it is written off."""

from __future__ import annotations

from solver.formulation.costs import owned_columns
from solver.formulation.model import Program
from solver.formulation.payments import Payment, present_usd, purchase_payments, sale_payments
from solver.formulation.problem import Problem
from solver.formulation.registry import cost_term
from solver.formulation.system_offer import SystemOffer
from solver.time_value import depreciation_shares


@cost_term(
    "tax", "-tax rate (sum running and resale payments v^t + sum written off v^t)", reads_payments=True
)
def tax(problem: Problem, program: Program) -> None:
    """Taxes saved: -tax_rate (running costs and resale values v^t + write-offs v^t), each when it arises.

    A running cost lessens the profit of the month in which it is paid; a resale value adds to it. A price is
    written off by depreciation_shares at the end of each year of service; what is left when the system is
    sold, dies, or the horizon ends is written off then; systems in place of worn ones at once. Source:
    after-tax cash flow of any finance text (Brealey, Myers, Allen, Principles of Corporate Finance,
    chapter 6); taxes are assumed to be saved at once, from profits made elsewhere.
    """
    money = problem.workload.money
    if not money.tax_rate:
        return
    for column, payment in program.payments:
        if payment.kind != "capital":
            program.cost("tax", column, -money.tax_rate * present_usd(money.discount_rate, payment) / 1e3)
    for column, offer, _o, _i, e, f in owned_columns(problem, program):
        if offer.kind == "buy" and offer.price_usd:
            saved = sum(present_usd(money.discount_rate, p) for p in written_off(problem, offer, e, f))
            program.cost("tax", column, -money.tax_rate * offer.price_usd * saved / 1e3)
    replaced = {column for _key, column in program.family("renew")}
    for column, payment in program.payments:
        if column in replaced:
            program.cost("tax", column, -money.tax_rate * present_usd(money.discount_rate, payment) / 1e3)


def written_off(problem: Problem, offer: SystemOffer, e: int, f: int | None) -> list[Payment]:
    """Shares of the price written off, as payments of one dollar's worth; for a sale what it changes."""
    begin, horizon = problem.epochs[e].start_years, problem.epochs[-1].end_years
    kept = _until(problem, begin, min(horizon, begin + offer.life_years))
    if f is None:
        return kept
    sold = _until(problem, begin, problem.epochs[f].start_years)
    return sold + [Payment(p.start, p.end, -p.usd) for p in kept]


def _until(problem: Problem, begin: float, end: float) -> list[Payment]:
    """Write-offs of a system that is put into service at ``begin`` and gone at ``end``."""
    money, found, left = problem.workload.money, [], 1.0
    for year, share in enumerate(depreciation_shares(money.depreciation, money.depreciation_years), start=1):
        if begin + year > end + 1e-9:
            break
        found.append(Payment(begin + year, begin + year, float(share)))
        left -= float(share)
    return [*found, Payment(end, end, left)]


def price_weight(problem: Problem, offer: SystemOffer, e: int, f: int | None) -> float:
    """k$ of objective per dollar of a system's purchase price, for a purchase (or, with f, a sale)."""
    money = problem.workload.money
    payments = (
        purchase_payments(problem, offer, e, 1.0) if f is None else sale_payments(problem, offer, e, f, 1.0)
    )
    total = 0.0
    for payment in payments:
        kept = 1.0 if payment.kind == "capital" else 1.0 - money.tax_rate
        total += kept * present_usd(money.discount_rate, payment)
    if money.tax_rate:
        off = written_off(problem, offer, e, f)
        total -= money.tax_rate * sum(present_usd(money.discount_rate, p) for p in off)
    return total / 1e3
