"""Families about budgets."""

from __future__ import annotations

import math
from itertools import pairwise

from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family


@family("budget", "sum price_o buy[o,i,e] <= capex budget;  net present cost <= total budget")
def budget(problem: Problem, program: Program) -> None:
    """Money that may be spent, in k$.

    sum_{o,i,e} price_o buy[o,i,e] <= capex budget (prices as paid, not discounted);
    the same over the purchases due in a fiscal year <= that year's capex budget;
    running costs that fall in a fiscal year (all but purchases, resale and taxes) <= its opex budget;
    sum of all cost terms <= total budget (net present). Cost terms are added before this family.
    """
    money, years = problem.workload.money, fiscal_years(problem)
    if (limit := money.budget_capex_usd) is not None:
        words = "purchases stay within the capex budget"
        _cap(program, "capex", purchases(problem, program), limit, "budget_capex_usd", words)
    for year, limit in enumerate(money.budget_capex_by_year_usd):
        if limit is not None:
            words = f"purchases of year {year + 1} stay within {limit:,.0f} $"
            terms = purchases(problem, program, years[year])
            _cap(program, f"capex,{year}", terms, limit, "budget_capex_by_year_usd", words)
    for year, limit in enumerate(money.budget_opex_by_year_usd):
        if limit is not None:
            words = f"running costs of year {year + 1} stay within {limit:,.0f} $"
            terms = running_terms(program, *years[year])
            _cap(program, f"opex,{year}", terms, limit, "budget_opex_by_year_usd", words)
    if (limit := money.budget_total_usd) is not None:
        words = "the net present cost stays within the total budget"
        _cap(program, "total", program.objective(), limit, "budget_total_usd", words)


def _cap(
    program: Program, name: str, terms: dict[int, float], limit_usd: float, field: str, words: str
) -> None:
    """One budget row."""
    program.row(
        f"budget[{name}]",
        "budget",
        terms,
        "<=",
        limit_usd / 1e3,
        unit="k$",
        statement=f"money.{field}",
        sentence=words,
    )


def purchases(
    problem: Problem, program: Program, span: tuple[float, float] | None = None
) -> dict[int, float]:
    """Prices as paid, k$ per column: of all purchases and replacements, or of those due within years."""
    low, high = (-math.inf, math.inf) if span is None else (span[0] - 1e-9, span[1] - 1e-9)
    terms: dict[int, float] = {}
    for prefix in ("buy", "renew"):
        for (_, o, _i, e), column in program.family(prefix):
            offer, epoch = problem.offers[o], e
            paid = due(problem, o, epoch) if prefix == "buy" else problem.epochs[epoch].start_years
            if offer.kind == "buy" and low <= paid < high:
                terms[column] = offer.price_usd / 1e3
    return terms


def fiscal_years(problem: Problem) -> list[tuple[float, float]]:
    """(start, end) of the fiscal years in years from the start; the first may be short, and there are 31."""
    money, first = problem.workload.money, int(problem.workload.horizon.start[-2:])
    short = ((money.fiscal_year_start or first) - first) % 12 / 12
    starts = [0.0, *(short + n for n in range(32) if short + n > 0)]
    return list(pairwise(starts))


def due(problem: Problem, o: int, e: int) -> float:
    """When the price of a purchase for epoch e is paid, in years."""
    offer = problem.offers[o]
    return problem.epochs[e].start_years - (offer.lead_years if offer.paid == "order" else 0.0)


def running_terms(program: Program, start: float, end: float) -> dict[int, float]:
    """k$ of running costs per unit of each column that fall between two times (by the share of the time)."""
    terms: dict[int, float] = {}
    for column, payment in program.payments:
        if payment.kind != "running":
            continue
        if payment.end <= payment.start:
            part = float(start - 1e-9 <= payment.start < end - 1e-9)
        else:
            overlap = min(end, payment.end) - max(start, payment.start)
            part = overlap / (payment.end - payment.start) if overlap > 1e-9 else 0.0
        terms[column] = terms.get(column, 0.0) + payment.usd * part / 1e3
    return terms
