"""Cash flow of a plan, month by month; its present value is the plan's objective to the cent.

Prices of systems are paid at the start of their epoch, or with the order; everything that runs (energy,
space, support, rent, people, tokens) at the end of each month; what a system brings, when it is sold or at
the end of the horizon. Leases and reservations are paid for their whole term, also past the horizon. Taxes
are saved when the costs arise, on prices at the end of each year of service.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from solver.domain.workload import Workload
from solver.finance.payments import Payment, payments
from solver.time_value import MONTHS, present_value_factor

if TYPE_CHECKING:
    import pandas as pd

    from solver.plan.plan import Plan

Period = Literal["year", "quarter", "month"]


@dataclass(frozen=True)
class Flow:
    """One payment: ``years`` from the start, dollars then, and what they are worth at the start.

    ``year`` is the fiscal year (1, 2, ...; the horizon's own years unless the workload states another start)
    it belongs to: a purchase at 1.0 years is the first of year 2, a rent paid at 1.0 years the last of
    year 1. ``begins`` tells these two apart.
    """

    years: float
    term: str
    item: str
    usd: float
    present_usd: float
    year: int
    begins: bool = False


def cash_flow(plan: Plan) -> tuple[Flow, ...]:
    """All payments of a plan in order of time."""
    workload = Workload.model_validate(plan.inputs["workload"])
    rate, tax = workload.money.discount_rate, workload.money.tax_rate
    flows: list[Flow] = []
    for payment in payments(plan):
        for years, usd in moments(payment):
            entries = [] if payment.kind == "off" else [(payment.term, payment.item, usd)]
            if tax and payment.kind != "capital":
                entries.append(("tax", payment.item, -tax * usd))
            for term, item, amount in entries:
                year = fiscal_year(workload, years, payment.begins)
                present = amount * present_value_factor(rate, years)
                flows.append(Flow(years, term, item, amount, present, year, payment.begins))
    return tuple(sorted((f for f in flows if f.usd), key=lambda f: (f.years, f.term, f.item)))


def first_year(workload: Workload) -> float:
    """Length of the first fiscal year within the horizon, in years (1 where it starts with the horizon)."""
    first = int(workload.horizon.start[-2:])
    return (((workload.money.fiscal_year_start or first) - first - 1) % MONTHS + 1) / MONTHS


def fiscal_year(workload: Workload, years: float, begins: bool) -> int:
    """The fiscal year (1, 2, ...) of a payment; one that ``begins`` a year belongs to that year."""
    return _count(years + 1 - first_year(workload), begins)


def moments(payment: Payment) -> Iterator[tuple[float, float]]:
    """(years, dollars) of a payment: at once, or at the end of each month."""
    if payment.end <= payment.start:
        yield payment.start, payment.usd
        return
    for start, stop in months(payment.start, payment.end):
        yield stop, payment.usd / (payment.end - payment.start) * (stop - start)


def _count(time: float, begins: bool) -> int:
    """The number (1, 2, ...) of the unit of time that begins or ends with a moment."""
    return math.floor(time + 1e-9) + 1 if begins else max(1, math.ceil(time - 1e-9))


def months(begin: float, end: float) -> list[tuple[float, float]]:
    """Months (the last may be short) from ``begin`` to ``end``, in years."""
    found, start = [], begin
    while start < end - 1e-12:
        stop = min(start + 1.0 / MONTHS, end)
        found.append((start, stop))
        start = stop
    return found


def yearly(plan: Plan) -> list[dict[str, Any]]:
    """Cash flow by cost term and fiscal year: dollars as paid, and their present value."""
    sums: dict[tuple[str, int], list[float]] = {}
    for flow in cash_flow(plan):
        paid = sums.setdefault((flow.term, flow.year), [0.0, 0.0])
        paid[0] += flow.usd
        paid[1] += flow.present_usd
    return [
        {"term": term, "year": year, "usd": usd, "present_usd": present}
        for (term, year), (usd, present) in sorted(sums.items())
    ]


def statement(plan: Plan, by: Period = "year") -> pd.DataFrame:
    """Statement by fiscal year, quarter or month of the horizon: rows terms, dollars as paid; the last column
    is the present value, whose total is the plan's objective."""
    import pandas as pd

    def number(flow: Flow) -> int:
        """The number of the year, quarter or month that a flow falls into."""
        if by == "year":
            return flow.year
        return _count(flow.years * {"quarter": 4, "month": MONTHS}[by], flow.begins)

    rows = [(f.term, number(f), f.usd, f.present_usd) for f in cash_flow(plan)]
    frame = pd.DataFrame(rows, columns=["term", "number", "usd", "present_usd"])
    table = frame.pivot_table(index="term", columns="number", values="usd", aggfunc="sum", fill_value=0.0)
    table.columns = [f"{by} {n}" for n in table.columns]
    table["present value"] = frame.groupby("term")["present_usd"].sum()
    table.loc["total"] = table.sum()
    return table
