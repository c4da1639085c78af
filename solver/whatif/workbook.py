"""The money of a plan as a workbook with live formulas: change a price and the costs follow.

The fleet and the traffic are fixed; every dollar is a formula over the sheet *Assumptions*. *Payments* lists
what is paid for, with a formula for its amount, and which share of it falls due at which moment; *Cash flow*
adds up by moment and term, *Costs* by year. Payments and moments are those of solver.finance. Cached values
are computed here, so that viewers which do not calculate show the plan's figures. Scenarios have sheets of
payments of their own over the same assumptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from solver.domain.catalog import TokenApi
from solver.errors import UsageError
from solver.finance.cash_flow import fiscal_year
from solver.plan.plan import Plan
from solver.time_value import MONTHS, present_value_factor
from solver.whatif.assumption_sheet import Assumptions
from solver.whatif.difference import WAY_WORDS
from solver.whatif.entries import Entry, Ledger
from solver.whatif.months import month_number, month_text
from solver.whatif.payment_sheet import FIRST, Moment, Payments
from solver.whatif.scenario_sheets import Scenario, scenario_sheets, scenarios_of
from solver.whatif.sheets import Cell, Sheet, letter, written

if TYPE_CHECKING:
    from solver.whatif.session import Session

#: Kind of payment -> ChargeCategory of FOCUS 1.0 (https://focus.finops.org).
CATEGORY = {"capital": "Purchase", "resale": "Credit", "running": "Usage"}
FOCUS = (
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory"),
    *("ChargeFrequency", "ChargeDescription", "ServiceCategory", "ServiceName", "ResourceName"),
    *("RegionName", "BilledCost", "EffectiveCost", "BillingCurrency"),
)
BILLED = FOCUS.index("BilledCost")


@dataclass(frozen=True)
class Named:
    """A plan with its name and the token APIs whose prices it knows."""

    name: str
    plan: Plan
    apis: Mapping[str, TokenApi]


def workbook(now: Named, others: Sequence[Named] = (), order: Sequence[str] = ()) -> bytes:
    """The workbook of a plan; ``others`` stand beside it in ``order``, and follow the prices too."""
    ledgers = [(t.name, Ledger(t.plan, t.apis)) for t in others]
    assumptions = Assumptions(Ledger(now.plan, now.apis), ledgers)
    book = Book(now.plan, assumptions)
    sheets = [assumptions.sheet(), book.fleet(), book.pays.sheet("Payments")]
    sheets += [book.cash_flow(), book.costs(), book.focus()]
    if others:
        present = Scenario(now.name, book.pays, "Payments")
        beside = scenarios_of([(t.name, t.plan) for t in others], assumptions)
        sheets += scenario_sheets(present, beside, order or [now.name, *(t.name for t in others)])
    return written(sheets)


class Book:
    """The sheets of one plan; rows and columns count from 0."""

    def __init__(self, plan: Plan, assumptions: Assumptions) -> None:
        self.plan, self.pays, self.assumptions = (
            plan,
            Payments(plan, assumptions.main, assumptions),
            assumptions,
        )
        self.workload, self.times, self.terms = self.pays.workload, self.pays.times, self.pays.terms
        self.cell, self.paid = self.pays.cell, self.pays.paid

    def fleet(self) -> Sheet:
        """Systems to get, and where their price stands."""
        sheet = Sheet("Fleet", (34, 16, 18, 10, 12, 12, 16), plain=True)
        sheet.row(0, "System", "Site", "How", "Count", "From year", "Until year", "Unit price", head=True)
        for n, line in enumerate(self.plan.systems, 1):
            way, there = self.plan.way(line), self.plan.at_once(line) or [line.epoch]
            begin, end = self.plan.epochs[line.epoch][0], self.plan.epochs[there[-1]][1]
            price: Cell = line.unit_price_usd
            if ("price", line.offer) in self.assumptions.main.given:
                price = (f"={self.cell('price', line.offer)}", line.unit_price_usd)
            sheet.row(n, line.name, line.site, WAY_WORDS.get(way, way), line.count, begin, end, price)
        return sheet

    def cash_flow(self) -> Sheet:
        """Dollars by moment and term, with the present value."""
        sheet = Sheet("Cash flow", (12, 12, 10, 12, *(16,) * (len(self.terms) + 2)))
        head = ("Fiscal year", "Month", "Years", "Factor", *self.terms, "total", "present value")
        sheet.row(0, *head, head=True)
        rate, last = self.workload.money.discount_rate, 4 + len(self.terms)
        for row, (years, begins) in enumerate(self.times, 1):
            factor = present_value_factor(rate, years)
            formula = f"=(1+{self.cell('money', 'discount')})^-C{row + 1}"
            year = fiscal_year(self.workload, years, begins)
            sheet.row(row, year, self._month(years, begins), years, (formula, factor))
            amounts = [self.paid(term, (years, begins)) for term in self.terms]
            for column, (term, amount) in enumerate(zip(self.terms, amounts, strict=True), 4):
                sheet.cells[row, column] = (self._sum(term, row), amount)
            total = sum(amounts)
            sheet.cells[row, last] = (f"=SUM(E{row + 1}:{letter(last - 1)}{row + 1})", total)
            sheet.cells[row, last + 1] = (f"={letter(last)}{row + 1}*D{row + 1}", total * factor)
        return sheet

    def _sum(self, term: str, row: int) -> str:
        """What payments of a term come to at the moment of a row of the cash flow."""
        bottom, due = len(self.pays.entries) + 1, letter(FIRST + row - 1)
        money = f"Payments!$H$2:$H${bottom}*Payments!${due}$2:${due}${bottom}"
        if term == "tax":
            kinds = f'Payments!$E$2:$E${bottom}<>"capital"'
            return f"=-{self.cell('money', 'tax')}*SUMPRODUCT(({kinds})*{money})"
        return f'=SUMPRODUCT((Payments!$A$2:$A${bottom}="{term}")*{money})'

    def costs(self) -> Sheet:
        """Cost terms: present value, and dollars as paid in each fiscal year."""
        years = sorted({fiscal_year(self.workload, *moment) for moment in self.times})
        sheet = Sheet("Costs", (36, 20, *(18,) * len(years)))
        sheet.row(0, "Cost term", "present value", *(f"year {y}" for y in years), head=True)
        last, rate = len(self.times) + 1, self.workload.money.discount_rate
        for n, term in enumerate(self.terms, 1):
            column = f"'Cash flow'!${letter(3 + n)}$2:${letter(3 + n)}${last}"
            flows = [(m, self.paid(term, m)) for m in self.times]
            present = sum(usd * present_value_factor(rate, m[0]) for m, usd in flows)
            cells: list[Cell] = [(f"=SUMPRODUCT({column}*'Cash flow'!$D$2:$D${last})", present)]
            for year in years:
                paid = sum(usd for m, usd in flows if fiscal_year(self.workload, *m) == year)
                cells.append((f"=SUMIF('Cash flow'!$A$2:$A${last},{year},{column})", paid))
            sheet.row(n, term, *cells)
        self._totals(sheet, len(self.terms) + 1, len(years) + 1)
        return sheet

    def _totals(self, sheet: Sheet, bottom: int, columns: int) -> None:
        totals: list[Cell] = []
        for k in range(1, columns + 1):
            value = sum(sheet.value(n, k) for n in range(1, bottom))
            totals.append((f"=SUM({letter(k)}2:{letter(k)}{bottom})" if bottom > 1 else "=0", value))
        sheet.row(bottom, "total", *totals)
        total, plan = sheet.value(bottom, 1), self.plan
        sheet.row(bottom + 2, "verified plan, present value", plan.objective_usd)
        change = f"=B{bottom + 1}-B{bottom + 3}"
        sheet.row(bottom + 3, "change against the verified plan", (change, total - plan.objective_usd))
        if plan.usd_per_m_output_tokens:
            tokens = plan.objective_usd / plan.usd_per_m_output_tokens
            sheet.row(bottom + 4, "million output tokens, discounted", tokens)
            ratio = f"=B{bottom + 1}/B{bottom + 5}"
            sheet.row(bottom + 5, "USD per million output tokens", (ratio, total / tokens))

    def focus(self) -> Sheet:
        """One row per payment and moment under the column names of FOCUS 1.0."""
        sheet = Sheet("FOCUS", (18,) * len(FOCUS))
        sheet.row(0, *FOCUS, head=True)
        row, rate = 1, self.workload.money.tax_rate
        for n, (entry, shares) in enumerate(zip(self.pays.entries, self.pays.shares, strict=True), 2):
            p = entry.payment
            for moment, share in shares.items():
                column, usd = letter(FIRST + self.times.index(moment)), p.usd * share
                cell = f"Payments!$H${n}*Payments!{column}${n}"
                charges = [] if p.kind == "off" else [(CATEGORY[p.kind], p.term, f"={cell}", usd)]
                if rate and p.kind != "capital":
                    charges.append(("Tax", "tax", f"=-{self.cell('money', 'tax')}*{cell}", -rate * usd))
                for category, term, formula, value in charges:
                    billed = ((formula, value), (f"={letter(BILLED)}{row + 1}", value))
                    sheet.row(row, *self._charge(entry, moment, category, term), *billed, "USD")
                    row += 1
        return sheet

    def _charge(self, entry: Entry, moment: Moment, category: str, term: str) -> tuple[str, ...]:
        month = month_number(self._month(*moment))
        start, end = f"{month_text(month)}-01", f"{month_text(month + 1)}-01"
        often = "Recurring" if entry.payment.end > entry.payment.start else "One-Time"
        service = "AI and Machine Learning" if entry.way == "tokens" else "Compute"
        item = entry.payment.item
        words = f"{term}: {item}"
        return start, end, start, end, category, often, words, service, term, item, entry.site

    def _month(self, years: float, begins: bool) -> str:
        """The month that a moment begins or ends."""
        first = month_number(self.workload.horizon.start)
        return month_text(first + round(years * MONTHS) - (not begins and years > 0))


def workbook_of(session: Session) -> bytes:
    """The workbook of a session: the present state, with the base and all branches beside it."""
    plan = session.result(compare=True).plan
    if plan is None:
        raise UsageError("there is no plan to write")
    heads = [name for name in session.journal.heads if session.resolve(name) not in (0, session.head)]
    found = [(name, session.result(name).plan) for name in ("base", *heads)]
    others = [Named(name, p, _apis(session, name)) for name, p in found if p is not None]
    names = [t.name for t in others]
    order = ["base", "now", *names[1:]] if "base" in names else ["now", *names]
    return workbook(Named("now", plan, _apis(session, "")), others, order)


def _apis(session: Session, ref: str) -> Mapping[str, TokenApi]:
    """The token APIs at the prices of a state."""
    from solver.operating_points.apis import with_token_prices

    return with_token_prices(session.catalog.apis, session.loaded(ref).workload.token_prices)
