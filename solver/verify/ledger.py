"""Every dollar of a plan recomputed from the offers, net present over the horizon."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from solver.verify.case import Case
from solver.verify.exact import written
from solver.verify.payments import Payment, payments, present

TERMS = (
    "purchase",
    "replacement",
    "rental",
    "energy",
    "space",
    "staff",
    "migration",
    "api",
    "tax",
    "opening",
)


@dataclass(frozen=True)
class Ledger:
    """Net present USD of each line of systems by cost term (in the plan's order), and of all else."""

    lines: tuple[dict[str, Fraction], ...]
    other: dict[str, Fraction]
    paid: tuple[Payment, ...]

    @cached_property
    def terms(self) -> dict[str, Fraction]:
        """Net present USD of each cost term that is paid."""
        found = dict(self.other)
        for line in self.lines:
            for name, usd in line.items():
                found[name] = found.get(name, Fraction(0)) + usd
        return found

    def term(self, name: str) -> Fraction:
        """Net present USD of a cost term."""
        return self.terms.get(name, Fraction(0))

    @cached_property
    def total(self) -> Fraction:
        """Net present USD of the plan."""
        return sum(self.terms.values(), Fraction(0))

    def running(self, start: Fraction, end: Fraction) -> Fraction:
        """Running costs as paid between two times, a payment over a stretch by its part of it."""
        total = Fraction(0)
        for payment in self.paid:
            if payment.kind != "running":
                continue
            if payment.start == payment.end:
                part = Fraction(start <= payment.start < end)
            else:
                overlap = min(end, payment.end) - max(start, payment.start)
                part = max(overlap, Fraction(0)) / (payment.end - payment.start)
            total += payment.usd * part
        return total


def ledger(case: Case) -> Ledger:
    """The plan's costs, recomputed. Taxes are saved on all but prices, on prices as they are written off."""
    rate = written(case.workload.money.tax_rate)
    lines: tuple[dict[str, Fraction], ...] = tuple({} for _ in case.plan.systems)
    other: dict[str, Fraction] = {}
    paid = tuple(payments(case))
    for payment in paid:
        if payment.usd == 0 or (payment.kind == "off" and not rate):
            continue
        value = present(case, payment)
        terms = other if payment.line is None else lines[payment.line]
        if payment.kind != "off":
            terms[payment.term] = terms.get(payment.term, Fraction(0)) + value
        if rate and payment.kind != "capital":
            terms["tax"] = terms.get("tax", Fraction(0)) - rate * value
    return Ledger(lines, other, paid)
