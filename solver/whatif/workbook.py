"""The money of a plan as a workbook with live formulas: change a price and the costs follow.

The fleet and the traffic are fixed; every dollar is a formula over the sheet *Assumptions*. The algebra is
that of solver.finance.cash_flow: purchases at the start of their epoch, what runs at the end of each month,
the residual value at the end of the horizon; present value (1 + discount rate)^-years. What has no formula
(taxes, people, moves, sales, leases) stands as a value in "other". Cached values are computed here, so that
viewers which do not calculate show the plan's figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from solver.domain.workload import HOURS_PER_YEAR, Workload
from solver.errors import UsageError
from solver.finance.cash_flow import cash_flow, months
from solver.plan.plan import Plan
from solver.time_value import present_value_factor
from solver.whatif.difference import WAY_WORDS, fleet_counts
from solver.whatif.ledger_lines import Line, fleet_lines, givens
from solver.whatif.sheets import Sheet, letter, written

if TYPE_CHECKING:
    from solver.whatif.session import Session

TERMS = ("purchase", "support", "residual", "energy", "space", "rental", "token API", "other")
EPS = "0.000000001"

#: FOCUS 1.0 column -> what the ledger writes there (https://focus.finops.org/focus-specification/).
CATEGORY = {"purchase": "Purchase", "residual": "Credit"}


def workbook(plan: Plan, scenarios: list[tuple[str, Plan]] | None = None) -> bytes:
    """The workbook of a plan; ``scenarios`` stand beside each other on a sheet of their own."""
    book = Book(plan)
    sheets = [book.assumptions(), book.fleet(), book.cash_flow(), book.costs(), book.ledger()]
    if scenarios:
        sheets.append(_scenarios(scenarios))
    return written(sheets)


class Book:
    """The sheets of one plan; rows count from 0."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.workload = Workload.model_validate(plan.inputs["workload"])
        self.horizon = plan.epochs[-1][1]
        self.lines = fleet_lines(plan, self.workload, self.horizon)
        self.given = {g.key: (n + 2, g) for n, g in enumerate(givens(plan, self.workload, self.lines))}
        self.months = months(0.0, self.horizon)
        self.flows = cash_flow(plan)
        begins = {f.years for f in self.flows if f.begins}
        self.starts = sorted({line.begin for line in self.lines if line.kind == "buy"} | begins | {0.0})

    # values that may be changed ------------------------------------------------------------------

    def value(self, group: str, name: str) -> float:
        """The present value of a given."""
        return self.given[group, name][1].value

    def cell(self, group: str, name: str) -> str:
        """The address of a given."""
        return f"Assumptions!$B${self.given[group, name][0] + 1}"

    def assumptions(self) -> Sheet:
        sheet = Sheet("Assumptions", (44, 16, 18, 70))
        sheet.row(0, "Change the blue values; the costs follow, for the fleet as it is.")
        sheet.row(1, "Assumption", "Value", "Unit", "Source", head=True)
        for row, given in self.given.values():
            sheet.row(row, given.name, given.value, given.unit, given.source)
            sheet.inputs.add((row, 1))
        return sheet

    # the fleet ------------------------------------------------------------------------------------

    def fleet(self) -> Sheet:
        sheet = Sheet("Fleet", (30, 16, 16, 10, 14, 10, 10, 12, 10, 10, 12, 12, 12, 12, 14, 14))
        sheet.row(
            0,
            *("Item", "Site", "How", "Count", "Unit price", "From year", "To year"),
            *("Support to", "Energy to", "Residual", "Support share", "kW each", "PUE", "USD/kWh"),
            *("USD/month space", "Amount/year"),
            head=True,
        )
        for n, line in enumerate(self.lines, 1):
            buy = line.kind == "buy"
            sheet.row(
                n,
                *(line.name, line.site, line.way, line.count),
                self._ref("price", line.offer),
                *(line.begin, line.end, line.support_end, line.power_end),
                self._ref("residual", line.offer) if buy and line.residual else 0.0,
                self._ref("support", line.offer) if buy else 0.0,
                line.power_kw,
                self._ref("pue", line.site) if buy else 0.0,
                self._ref("energy", line.site) if buy else 0.0,
                self._space(line) if buy else 0.0,
                line.amount_per_year,
            )
        return sheet

    def _ref(self, group: str, name: str) -> tuple[str, float]:
        return f"={self.cell(group, name)}", self.value(group, name)

    def _space(self, line: Line) -> tuple[str, float]:
        rent = self.value("space", line.site)
        return f"={line.rack_units!r}*{self.cell('space', line.site)}", line.rack_units * rent

    # month by month -------------------------------------------------------------------------------

    def cash_flow(self) -> Sheet:
        sheet = Sheet("Cash flow", (12, 12, 12, 12, *(14,) * (len(TERMS) + 2)))
        head = ("Year", "From", "To", "Factor", *TERMS, "total", "present value")
        sheet.row(0, *head, head=True)
        row = 1
        for begin, end, at in self._times():
            values = {term: self.amount(term, begin, end) for term in TERMS}
            factor = present_value_factor(self.value("money", "discount"), at)
            sheet.row(row, max(1, int(at + 1 - 1e-9)), begin, end, (self._factor(row), factor))
            for n, term in enumerate(TERMS):
                formula = self.formula(term, row)
                if formula is not None:
                    sheet.cells[row, 4 + n] = (formula, values[term])
                elif term == "other" and values[term]:
                    sheet.cells[row, 4 + n] = values[term]
            total = sum(values.values())
            last = 4 + len(TERMS)
            first, end_column = letter(4), letter(last - 1)
            sheet.cells[row, last] = (f"=SUM({first}{row + 1}:{end_column}{row + 1})", total)
            sheet.cells[row, last + 1] = (f"={letter(last)}{row + 1}*D{row + 1}", total * factor)
            row += 1
        return sheet

    def _times(self) -> list[tuple[float, float, float]]:
        """(from, to, paid at): purchases at a moment, months at their end, in order of time."""
        moments = [(t, t, t) for t in self.starts]
        return sorted([*moments, *((a, b, b) for a, b in self.months)], key=lambda x: (x[2], x[0]))

    def _factor(self, row: int) -> str:
        return f"=(1+{self.cell('money', 'discount')})^-C{row + 1}"

    def _column(self, name: str) -> str:
        return f"Fleet!${name}$2:${name}${len(self.lines) + 1}"

    def formula(self, term: str, row: int) -> str | None:
        """The formula of a term in a row of the cash flow; None where nothing can fall due."""
        if not self.lines:
            return None
        begin, end, at = self._times()[row - 1]
        c, start, stop = self._column, f"$B{row + 1}", f"$C{row + 1}"
        kinds = {"rental": "run", "token API": "api"}
        how = c("C")
        buys = f'(LEFT({how},3)="buy")'
        lasts = f"({c('F')}<{start}+{EPS})"
        dt = f"({stop}-{start})"
        if begin == end:
            if term != "purchase":
                return None
            return f"=SUMPRODUCT({buys}*(ABS({c('F')}-{stop})<{EPS})*{c('D')}*{c('E')})"
        if term == "support":
            return f"=SUMPRODUCT({buys}*{lasts}*({c('H')}>{stop}-{EPS})*{c('D')}*{c('E')}*{c('K')})*{dt}"
        if term == "energy":
            alive = f"{lasts}*({c('I')}>{stop}-{EPS})"
            power = f"{c('D')}*{c('L')}*{c('M')}*{c('N')}"
            return f"=SUMPRODUCT({buys}*{alive}*{power})*{HOURS_PER_YEAR!r}*{dt}"
        if term == "space":
            alive = f"{lasts}*({c('I')}>{stop}-{EPS})"
            return f"=SUMPRODUCT({buys}*{alive}*{c('D')}*{c('O')})*12*{dt}"
        if term == "residual":
            if at < self.horizon - 1e-9:
                return None
            return f"=-SUMPRODUCT({buys}*{c('D')}*{c('E')}*{c('J')})"
        if term in kinds:
            what = f'({how}="tokens")' if term == "token API" else f'(({how}<>"tokens")-{buys})'
            runs = f"{lasts}*({c('G')}>{stop}-{EPS})"
            return f"=SUMPRODUCT({what}*{runs}*{c('D')}*{c('E')}*{c('P')})*{dt}"
        return None

    def amount(self, term: str, begin: float, end: float) -> float:
        """The value of that formula; "other": what the cash flow has beyond the formulas."""
        if term == "other":
            return self._other(begin, end)
        moment, total = begin == end, 0.0
        for line in self.lines:
            price = self.value("price", line.offer)
            buy, lasts = line.kind == "buy", line.begin < begin + 1e-9
            running = {"run": "rental", "api": "token API"}.get(line.kind)
            worth = line.count * price
            if buy and moment and term == "purchase" and abs(line.begin - end) < 1e-9:
                total += worth
            elif moment:
                continue
            elif buy and term == "support" and lasts and line.support_end > end - 1e-9:
                total += worth * self.value("support", line.offer) * (end - begin)
            elif buy and term == "energy" and lasts and line.power_end > end - 1e-9:
                kw = line.count * line.power_kw * self.value("pue", line.site)
                total += kw * self.value("energy", line.site) * HOURS_PER_YEAR * (end - begin)
            elif buy and term == "space" and lasts and line.power_end > end - 1e-9:
                total += line.count * line.rack_units * self.value("space", line.site) * 12 * (end - begin)
            elif buy and term == "residual" and line.residual and end > self.horizon - 1e-9:
                total -= worth * self.value("residual", line.offer)
            elif term == running and lasts and line.end > end - 1e-9:
                total += worth * line.amount_per_year * (end - begin)
        return total

    def _other(self, begin: float, end: float) -> float:
        """Taxes, people, moves, sales, leases and all else that no formula expresses (0 up to rounding)."""
        paid = sum(
            flow.usd
            for flow in self.flows
            if (abs(flow.years - end) < 1e-9 if flow.begins else begin + 1e-9 < flow.years < end + 1e-9)
            and flow.begins == (begin == end)
        )
        rest = paid - sum(self.amount(term, begin, end) for term in TERMS[:-1])
        return rest if abs(rest) > 5e-3 else 0.0

    # what it comes to -----------------------------------------------------------------------------

    def costs(self) -> Sheet:
        sheet = Sheet("Costs", (34, 18, *(18,) * 12))
        last = len(self._times()) + 1
        years = sorted({max(1, int(at + 1 - 1e-9)) for _, _, at in self._times()})
        sheet.row(0, "Cost term", "present value", *(f"year {y}" for y in years), head=True)
        flows = [
            (max(1, int(at + 1 - 1e-9)), present_value_factor(self.value("money", "discount"), at), a, b)
            for a, b, at in self._times()
        ]
        for n, term in enumerate(TERMS):
            column = f"'Cash flow'!${letter(4 + n)}$2:${letter(4 + n)}${last}"
            present = sum(self.amount(term, a, b) * factor for _, factor, a, b in flows)
            cells: list[Any] = [(f"=SUMPRODUCT({column}*'Cash flow'!$D$2:$D${last})", present)]
            for year in years:
                paid = sum(self.amount(term, a, b) for y, _, a, b in flows if y == year)
                cells.append((f"=SUMIF('Cash flow'!$A$2:$A${last},{year},{column})", paid))
            sheet.row(n + 1, term, *cells)
        bottom = len(TERMS) + 1
        totals = []
        for k in range(1, len(years) + 2):
            name = letter(k)
            value = sum(sheet.cells[n + 1, k][1] for n in range(len(TERMS)))
            totals.append((f"=SUM({name}2:{name}{bottom})", value))
        sheet.row(bottom, "total", *totals)
        output = self.plan.usd_per_m_output_tokens
        tokens = self.plan.objective_usd / output if output else 0.0
        sheet.row(bottom + 2, "verified plan, present value", self.plan.objective_usd)
        sheet.row(
            bottom + 3,
            "change against the verified plan",
            (f"=B{bottom + 1}-B{bottom + 3}", totals[0][1] - self.plan.objective_usd),
        )
        sheet.row(bottom + 4, "million output tokens, discounted", tokens)
        if tokens:
            sheet.row(
                bottom + 5,
                "USD per million output tokens",
                (f"=B{bottom + 1}/B{bottom + 5}", totals[0][1] / tokens),
            )
        return sheet

    def ledger(self) -> Sheet:
        """One row per month and term under the column names of FOCUS 1.0."""
        sheet = Sheet("FOCUS", (20, 20, 18, 18, 30, 16, 16))
        sheet.row(
            0,
            *("ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ServiceCategory"),
            *("ChargeDescription", "BilledCost", "BillingCurrency"),
            head=True,
        )
        row = 1
        for line, (begin, end, _) in enumerate(self._times(), 1):
            for n, term in enumerate(TERMS):
                value = self.amount(term, begin, end)
                if value and (term == "other" or self.formula(term, line) is not None):
                    start, stop = self._month(begin), self._month(end, end == begin)
                    formula = (f"='Cash flow'!{letter(4 + n)}{line + 1}", value)
                    kind = CATEGORY.get(term, "Usage")
                    sheet.row(row, start, stop, kind, "AI and Machine Learning", term, formula, "USD")
                    row += 1
        return sheet

    def _month(self, years: float, next_month: bool = False) -> str:
        first = self.workload.horizon.start
        count = int(first[:4]) * 12 + int(first[5:7]) - 1 + round(years * 12) + next_month
        return f"{count // 12:04d}-{count % 12 + 1:02d}-01"


def _scenarios(plans: list[tuple[str, Plan]]) -> Sheet:
    sheet = Sheet("Scenarios", (40, *(24,) * len(plans)))
    sheet.row(0, "Scenario", *(name for name, _ in plans), head=True)
    sheet.row(1, "present value, USD", *(p.objective_usd for _, p in plans))
    sheet.row(
        2,
        "change against the first",
        *(
            (f"={letter(n + 1)}2-$B$2", p.objective_usd - plans[0][1].objective_usd)
            for n, (_, p) in enumerate(plans)
        ),
    )
    sheet.row(3, "USD per million output tokens", *(p.usd_per_m_output_tokens for _, p in plans))
    terms = dict.fromkeys(c.term for _, p in plans for c in p.costs)
    for row, term in enumerate(terms, 4):
        values = [next((c.usd for c in p.costs if c.term == term), 0.0) for _, p in plans]
        sheet.row(row, term, *values)
    base = 4 + len(terms)
    names = {s.system: s.name for _, p in plans for s in p.systems}
    fleets = [fleet_counts(p) for _, p in plans]
    for row, key in enumerate(dict.fromkeys(k for f in fleets for k in f), base):
        label = f"{names[key[0]]}, {key[1]} ({WAY_WORDS.get(key[2], key[2])})"
        sheet.row(row, label, *(f.get(key, 0) for f in fleets))
    return sheet


def workbook_of(session: Session) -> bytes:
    """The workbook of a session: the present state, with the base and all branches beside it."""
    plan = session.result(compare=True).plan
    if plan is None:
        raise UsageError("there is no plan to write")
    scenarios = [("base", session.result("base").plan), ("now", plan)]
    for name in session.journal.heads:
        if session.resolve(name) not in (0, session.head):
            scenarios.append((name, session.result(name).plan))
    return workbook(plan, [(name, p) for name, p in scenarios if p is not None])
