"""What a plan pays, as a sheet: amounts by formula over the assumptions, and the share due at each moment."""

from __future__ import annotations

from solver.finance.cash_flow import moments
from solver.plan.plan import Plan
from solver.time_value import present_value_factor
from solver.whatif.assumption_sheet import Assumptions
from solver.whatif.entries import Entry, Key, Ledger
from solver.whatif.sheets import Sheet, letter

Moment = tuple[float, bool]  # years from the start; whether it begins a year rather than ends one
FIRST = 8  # column of the first moment
HEAD = ("Term", "Item", "Site", "How", "Kind", "From year", "Until year", "Amount")


class Payments:
    """The payments of a plan; ``scenario`` counts those beside the present one (None)."""

    def __init__(
        self, plan: Plan, ledger: Ledger, assumptions: Assumptions, scenario: int | None = None
    ) -> None:
        self.plan, self.assumptions, self.scenario = plan, assumptions, scenario
        self.entries, self.workload = ledger.entries, ledger.workload
        self.shares = [_shares(e) for e in self.entries]
        self.times: list[Moment] = sorted({m for shares in self.shares for m in shares})
        tax = ["tax"] if self.workload.money.tax_rate else []
        self.terms = [*dict.fromkeys(e.payment.term for e in self.entries if e.payment.kind != "off"), *tax]

    def cell(self, *key: str) -> str:
        """The address of a value for this plan."""
        known: Key = (key[0], key[1])
        return self.assumptions.cell(known, self.scenario)

    def sheet(self, name: str) -> Sheet:
        """What is paid for: its amount, and the share of it at each moment (columns: years)."""
        sheet = Sheet(name, (14, 34, 14, 14, 10, 9, 9, 18, *(8,) * len(self.times)), plain=True)
        sheet.row(0, *HEAD, *(years for years, _ in self.times), head=True)
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

    def present(self, term: str) -> float:
        """The present value of a term."""
        rate = self.workload.money.discount_rate
        return sum(self.paid(term, m) * present_value_factor(rate, m[0]) for m in self.times)

    def present_formula(self, term: str, sheet: str) -> str:
        """The present value of a term as a formula over the sheet of the payments."""
        bottom, last = len(self.entries) + 1, letter(FIRST + len(self.times) - 1)
        if not self.times:
            return "=0"
        first, where = letter(FIRST), f"'{sheet}'!"
        factors = f"(1+{self.cell('money', 'discount')})^-{where}${first}$1:${last}$1"
        money = f"{where}$H$2:$H${bottom}*{where}${first}$2:${last}${bottom}*{factors}"
        if term == "tax":
            kinds = f'{where}$E$2:$E${bottom}<>"capital"'
            return f"=-{self.cell('money', 'tax')}*SUMPRODUCT(({kinds})*{money})"
        return f'=SUMPRODUCT(({where}$A$2:$A${bottom}="{term}")*{money})'


def _shares(entry: Entry) -> dict[Moment, float]:
    """Which part of an entry falls due at which moment."""
    p = entry.payment
    whole = type(p)(p.term, p.item, p.start, p.end, 1.0, p.kind, p.begins)
    return {(round(years, 9), p.begins): part for years, part in moments(whole)}
