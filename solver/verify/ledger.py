"""Every dollar of a plan recomputed from the offers, net present over the horizon."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

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

    def term(self, name: str) -> Fraction:
        """Net present USD of a cost term."""
        zero = Fraction(0)
        return sum((line.get(name, zero) for line in self.lines), self.other.get(name, zero))

    @property
    def total(self) -> Fraction:
        """Net present USD of the plan."""
        return sum((self.term(name) for name in TERMS), Fraction(0))

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
        value = present(case, payment)
        terms = other if payment.line is None else lines[payment.line]
        if payment.kind != "off":
            terms[payment.term] = terms.get(payment.term, Fraction(0)) + value
        if rate and payment.kind != "capital":
            terms["tax"] = terms.get("tax", Fraction(0)) - rate * value
    return Ledger(lines, other, paid)
