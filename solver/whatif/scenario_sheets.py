"""Scenarios side by side: the money of each fixed fleet by formula, and sheets with what each pays for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from solver.plan.plan import Plan
from solver.whatif.assumption_sheet import Assumptions
from solver.whatif.difference import WAY_WORDS, fleet_counts
from solver.whatif.payment_sheet import Payments
from solver.whatif.sheets import Cell, Sheet, letter

LONGEST = 31  # characters of the name of a sheet (ECMA-376 as implemented by Excel)


@dataclass(frozen=True)
class Scenario:
    """A plan beside others: its name, its payments and the sheet on which they stand."""

    name: str
    payments: Payments
    sheet: str

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.payments.plan


def sheet_name(number: int, name: str) -> str:
    """The name of the sheet of a scenario's payments."""
    return f"{number} {re.sub(r'[^A-Za-z0-9_. -]', ' ', name)}"[:LONGEST].rstrip()


def scenario_sheets(now: Scenario, others: Sequence[Scenario], order: Sequence[str]) -> list[Sheet]:
    """The comparison in a given order of names, and the payments of the others."""
    by_name = {s.name: s for s in (now, *others)}
    return [_comparison([by_name[name] for name in order]), *(s.payments.sheet(s.sheet) for s in others)]


def _comparison(scenarios: list[Scenario]) -> Sheet:
    sheet, columns = Sheet("Scenarios", (40, *(24,) * len(scenarios))), range(1, len(scenarios) + 1)
    terms = list(dict.fromkeys(t for s in scenarios for t in s.payments.terms))
    first, last = 8, 7 + len(terms)  # rows of the terms, counted from 1
    sheet.row(0, "Scenario", *(s.name for s in scenarios), head=True)
    for row, term in enumerate(terms, first - 1):
        cells: list[Cell] = [
            (s.payments.present_formula(term, s.sheet), s.payments.present(term))
            if term in s.payments.terms
            else 0.0
            for s in scenarios
        ]
        sheet.row(row, term, *cells)
    totals = [sum(sheet.value(row, k) for row in range(first - 1, last)) for k in columns]
    sums = [(f"=SUM({letter(k)}{first}:{letter(k)}{last})", totals[k - 1]) for k in columns]
    sheet.row(1, "present value, USD", *(sums if terms else totals))
    sheet.row(
        2, "change against the first", *((f"={letter(k)}2-$B$2", totals[k - 1] - totals[0]) for k in columns)
    )
    found = [(s.plan.objective_usd, _tokens(s.plan)) for s in scenarios]
    ratios = [
        (f"={letter(k)}2/{letter(k)}7", total / tokens) if tokens else None
        for k, total, (_, tokens) in zip(columns, totals, found, strict=True)
    ]
    sheet.row(3, "USD per million output tokens", *ratios)
    sheet.row(4, "verified plan, present value", *(usd for usd, _ in found))
    changes = [
        (f"={letter(k)}2-{letter(k)}5", total - usd)
        for k, total, (usd, _) in zip(columns, totals, found, strict=True)
    ]
    sheet.row(5, "change against the verified plan", *changes)
    sheet.row(6, "million output tokens, discounted", *(tokens or None for _, tokens in found))
    _fleets(sheet, scenarios, last + 1)
    return sheet


def _tokens(plan: Plan) -> float:
    """Million output tokens of the horizon, discounted like the money."""
    return plan.objective_usd / plan.usd_per_m_output_tokens if plan.usd_per_m_output_tokens else 0.0


def _fleets(sheet: Sheet, scenarios: list[Scenario], row: int) -> None:
    """Systems of each scenario, by kind, site and way."""
    sheet.row(row, "Systems", head=True)
    names = {line.system: line.name for s in scenarios for line in s.plan.systems}
    fleets = [fleet_counts(s.plan) for s in scenarios]
    for n, key in enumerate(dict.fromkeys(k for f in fleets for k in f), row + 1):
        label = f"{names[key[0]]}, {key[1]} ({WAY_WORDS.get(key[2], key[2])})"
        sheet.row(n, label, *(f.get(key, 0) for f in fleets))


def scenarios_of(plans: Sequence[tuple[str, Plan]], assumptions: Assumptions) -> list[Scenario]:
    """The scenarios beside the present one, in the order of the columns of the assumptions."""
    ledgers = [ledger for _, ledger in assumptions.scenarios]
    return [
        Scenario(name, Payments(plan, ledger, assumptions, n), sheet_name(n + 1, name))
        for n, ((name, plan), ledger) in enumerate(zip(plans, ledgers, strict=True))
    ]
