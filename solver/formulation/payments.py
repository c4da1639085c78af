"""Which dollars a column pays, and when: the one place from which costs, budgets and taxes are made.

A payment is made at once (start = end) or evenly, month by month, over [start, end] years. Kinds: capital
(the price of a system), running (all that is paid while it runs) and resale (what comes back: negative).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from solver.domain.workload import HOURS_PER_YEAR
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.system_offer import SystemOffer
from solver.time_value import present_value_factor, running_factor

Kind = Literal["capital", "running", "resale"]


@dataclass(frozen=True)
class Payment:
    """Dollars per unit of a column, as paid (not discounted)."""

    start: float
    end: float
    usd: float
    kind: Kind = "running"


def present_usd(rate: float, payment: Payment) -> float:
    """Value at the start of the horizon: usd v^start, or usd a year x sum of v^(month's end) / 12."""
    if payment.end <= payment.start:
        return payment.usd * present_value_factor(rate, payment.start)
    per_year = payment.usd / (payment.end - payment.start)
    return per_year * running_factor(rate, payment.start, payment.end)


def pay(problem: Problem, program: Program, term: str, column: int, payments: list[Payment]) -> None:
    """Add payments to a cost term; they are kept where taxes or budgets of running costs need them."""
    rate = problem.workload.money.discount_rate
    program.cost(term, column, sum(present_usd(rate, p) for p in payments) / 1e3)
    money = problem.workload.money
    if money.tax_rate or money.budget_opex_by_year_usd:
        program.payments += [(column, p) for p in payments if p.usd]


def purchase_payments(problem: Problem, offer: SystemOffer, e: int, price_usd: float) -> list[Payment]:
    """One bought system: its price at order or delivery, support while it lives, what it brings."""
    begin, horizon = problem.epochs[e].start_years, problem.epochs[-1].end_years
    ordered = begin - offer.lead_years if offer.paid == "order" else begin
    end = min(horizon, begin + offer.life_years)
    found = [Payment(ordered, ordered, price_usd, "capital")]
    if begin + offer.life_years >= horizon - 1e-9:
        found.append(Payment(horizon, horizon, -price_usd * offer.value_at(horizon - begin), "resale"))
    found.append(Payment(begin, end, price_usd * offer.support_share_per_year * (end - begin)))
    return found


def sale_payments(problem: Problem, offer: SystemOffer, e: int, f: int, price_usd: float) -> list[Payment]:
    """What changes if a system bought in epoch e is sold at the start of epoch f."""
    begin, horizon = problem.epochs[e].start_years, problem.epochs[-1].end_years
    sold, end = problem.epochs[f].start_years, min(horizon, begin + offer.life_years)
    found = [Payment(sold, sold, -price_usd * offer.value_at(sold - begin), "resale")]
    if begin + offer.life_years >= horizon - 1e-9:
        found.append(Payment(horizon, horizon, price_usd * offer.value_at(horizon - begin), "resale"))
    found.append(Payment(sold, end, -price_usd * offer.support_share_per_year * (end - sold)))
    return found


def rental_payments(problem: Problem, offer: SystemOffer, e: int) -> list[Payment]:
    """All hours of a lease's or reservation's term, or of the epoch."""
    begin = problem.epochs[e].start_years
    end = begin + offer.life_years if offer.committed else problem.epochs[e].end_years
    return [Payment(begin, end, offer.price_usd * HOURS_PER_YEAR * (end - begin))]


def over_epochs(problem: Problem, epochs: list[int], usd_per_year: float) -> list[Payment]:
    """A yearly amount through some epochs."""
    spans = [problem.epochs[e] for e in epochs]
    return [Payment(s.start_years, s.end_years, usd_per_year * s.years) for s in spans]


def at_energy_prices(problem: Problem, i: int, payments: list[Payment]) -> list[Payment]:
    """Payments for energy at the first prices of site i, in parts at the prices in force."""
    first = problem.workload.horizon.start
    return [
        Payment(start, end, p.usd * factor, p.kind)
        for p in payments
        for start, end, factor in problem.sites[i].energy_parts(p.start, p.end, first)
    ]


def living(problem: Problem, offer: SystemOffer, e: int, f: int | None = None) -> list[int]:
    """Epochs that a system got in epoch e serves through; with ``f`` those from f on, which a sale ends."""
    first = e if f is None else f
    return [later for later in range(first, len(problem.epochs)) if problem.alive(offer, e, later)]
