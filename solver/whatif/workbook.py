"""The money of a plan as a workbook with live formulas: change a price and the costs follow.

The fleet and the traffic are fixed; every dollar is a formula over the sheet *Assumptions*. *Payments* lists
what is paid for, with a formula for its amount, and which share of it falls due at which moment; *Cash flow*
adds up by moment and term, *Costs* by year. Payments and moments are those of solver.finance. Cached values
are computed here, so that viewers which do not calculate show the plan's figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from solver.domain.catalog import TokenApi
from solver.errors import UsageError
from solver.finance.cash_flow import fiscal_year, moments
from solver.plan.plan import Plan
from solver.time_value import MONTHS, present_value_factor
from solver.whatif.difference import WAY_WORDS, fleet_counts
from solver.whatif.entries import Entry, Ledger
from solver.whatif.months import month_number, month_text
from solver.whatif.sheets import Cell, Sheet, letter, written

if TYPE_CHECKING:
    from solver.whatif.session import Session

Moment = tuple[float, bool]  # years from the start; whether it begins a year rather than ends one
FIRST = 8  # column of the first moment on the sheet of payments

#: Kind of payment -> ChargeCategory of FOCUS 1.0 (https://focus.finops.org).
CATEGORY = {"capital": "Purchase", "resale": "Credit", "running": "Usage"}
FOCUS = (
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory"),
    *("ChargeFrequency", "ChargeDescription", "ServiceCategory", "ServiceName", "ResourceName"),
    *("RegionName", "BilledCost", "EffectiveCost", "BillingCurrency"),
)
BILLED = FOCUS.index("BilledCost")


def workbook(
    plan: Plan, scenarios: list[tuple[str, Plan]] | None = None, apis: Mapping[str, TokenApi] | None = None
) -> bytes:
    """The workbook of a plan; ``scenarios`` stand beside each other on a sheet of their own."""
    book = Book(plan, apis or {})
    sheets = [book.assumptions(), book.fleet(), book.payments(), book.cash_flow(), book.costs(), book.focus()]
    if scenarios:
        sheets.append(_scenarios(scenarios))
    return written(sheets)


class Book:
    """The sheets of one plan; rows and columns count from 0."""

    def __init__(self, plan: Plan, apis: Mapping[str, TokenApi]) -> None:
        self.plan, self.ledger = plan, Ledger(plan, apis)
        self.entries, self.workload = self.ledger.entries, self.ledger.workload
        self.rows = {key: n + 2 for n, key in enumerate(self.ledger.given)}
        self.shares = [_shares(e) for e in self.entries]
        self.times: list[Moment] = sorted({m for shares in self.shares for m in shares})
        tax = ["tax"] if self.workload.money.tax_rate else []
        self.terms = [*dict.fromkeys(e.payment.term for e in self.entries if e.payment.kind != "off"), *tax]

    def cell(self, *key: str) -> str:
        """The address of a given."""
        return f"Assumptions!$B${self.rows[key[0], key[1]] + 1}"

    def assumptions(self) -> Sheet:
        """Values that may be changed, with unit and source."""
        sheet = Sheet("Assumptions", (60, 16, 18, 70))
        sheet.row(0, "Change the blue values; the costs follow, for the fleet and the traffic as they are.")
        sheet.row(1, "Assumption", "Value", "Unit", "Source", head=True)
        for key, given in self.ledger.given.items():
            sheet.row(self.rows[key], given.name, given.value, given.unit, given.source)
            sheet.inputs.add((self.rows[key], 1))
        return sheet

    def fleet(self) -> Sheet:
        """Systems to get, and where their price stands."""
        sheet = Sheet("Fleet", (34, 16, 18, 10, 12, 12, 16))
        sheet.row(0, "System", "Site", "How", "Count", "From year", "Until year", "Unit price", head=True)
        for n, line in enumerate(self.plan.systems, 1):
            way, there = self.plan.way(line), self.plan.at_once(line) or [line.epoch]
            begin, end = self.plan.epochs[line.epoch][0], self.plan.epochs[there[-1]][1]
            price: Cell = line.unit_price_usd
            if ("price", line.offer) in self.rows:
                price = (f"={self.cell('price', line.offer)}", line.unit_price_usd)
            sheet.row(n, line.name, line.site, WAY_WORDS.get(way, way), line.count, begin, end, price)
        return sheet

    def payments(self) -> Sheet:
        """What is paid for: its amount, and the share of it at each moment (columns: years)."""
        sheet = Sheet("Payments", (14, 34, 14, 14, 10, 9, 9, 18, *(8,) * len(self.times)))
        head = ("Term", "Item", "Site", "How", "Kind", "From year", "Until year", "Amount")
        sheet.row(0, *head, *(years for years, _ in self.times), head=True)
        for n, (entry, shares) in enumerate(zip(self.entries, self.shares, strict=True), 1):
            p, parts = entry.payment, []
            for number, keys in entry.terms:
                parts.append("*".join([repr(number), *(self.cell(*key) for key in keys)]))
            amount = ("=" + "+".join(parts), p.usd)
            sheet.row(n, p.term, p.item, entry.site, entry.way, p.kind, p.start, p.end, amount)
            for column, moment in enumerate(self.times, FIRST):
                if moment in shares:
                    sheet.cells[n, column] = shares[moment]
        return sheet

    def paid(self, term: str, moment: Moment) -> float:
        """Dollars of a term at a moment."""
        rate = -self.workload.money.tax_rate if term == "tax" else 1.0
        return rate * sum(
            entry.payment.usd * shares.get(moment, 0.0)
            for entry, shares in zip(self.entries, self.shares, strict=True)
            if (entry.payment.kind != "capital" if term == "tax" else entry.payment.term == term)
        )

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
        bottom, due = len(self.entries) + 1, letter(FIRST + row - 1)
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
        for n, (entry, shares) in enumerate(zip(self.entries, self.shares, strict=True), 2):
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


def _shares(entry: Entry) -> dict[Moment, float]:
    """Which part of an entry falls due at which moment."""
    p = entry.payment
    whole = type(p)(p.term, p.item, p.start, p.end, 1.0, p.kind, p.begins)
    return {(round(years, 9), p.begins): part for years, part in moments(whole)}


def _scenarios(plans: list[tuple[str, Plan]]) -> Sheet:
    sheet = Sheet("Scenarios", (40, *(24,) * len(plans)))
    sheet.row(0, "Scenario", *(name for name, _ in plans), head=True)
    sheet.row(1, "present value, USD", *(p.objective_usd for _, p in plans))
    first = plans[0][1].objective_usd
    changes = [(f"={letter(n + 1)}2-$B$2", p.objective_usd - first) for n, (_, p) in enumerate(plans)]
    sheet.row(2, "change against the first", *changes)
    sheet.row(3, "USD per million output tokens", *(p.usd_per_m_output_tokens for _, p in plans))
    terms = dict.fromkeys(c.term for _, p in plans for c in p.costs)
    for row, term in enumerate(terms, 4):
        sheet.row(row, term, *(next((c.usd for c in p.costs if c.term == term), 0.0) for _, p in plans))
    names = {s.system: s.name for _, p in plans for s in p.systems}
    fleets = [fleet_counts(p) for _, p in plans]
    for row, key in enumerate(dict.fromkeys(k for f in fleets for k in f), 4 + len(terms)):
        label = f"{names[key[0]]}, {key[1]} ({WAY_WORDS.get(key[2], key[2])})"
        sheet.row(row, label, *(f.get(key, 0) for f in fleets))
    return sheet


def workbook_of(session: Session) -> bytes:
    """The workbook of a session: the present state, with the base and all branches beside it."""
    from solver.operating_points.apis import with_token_prices

    plan = session.result(compare=True).plan
    if plan is None:
        raise UsageError("there is no plan to write")
    scenarios = [("base", session.result("base").plan), ("now", plan)]
    for name in session.journal.heads:
        if session.resolve(name) not in (0, session.head):
            scenarios.append((name, session.result(name).plan))
    apis = with_token_prices(session.catalog.apis, session.loaded().workload.token_prices)
    return workbook(plan, [(name, p) for name, p in scenarios if p is not None], apis)
