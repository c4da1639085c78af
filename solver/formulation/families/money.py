"""Families about budgets."""

from __future__ import annotations

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
    money = problem.workload.money
    if money.budget_capex_usd is not None:
        terms = {
            program.index[("buy", o, i, e)]: offer.price_usd / 1e3
            for o, offer in enumerate(problem.offers)
            if offer.kind == "buy"
            for i in range(len(problem.sites))
            for e in range(len(problem.epochs))
        }
        terms |= {c: problem.offers[int(str(key[1]))].price_usd / 1e3 for key, c in program.family("renew")}
        program.row(
            "budget[capex]",
            "budget",
            terms,
            "<=",
            money.budget_capex_usd / 1e3,
            unit="k$",
            statement="money.budget_capex_usd",
            sentence="purchases stay within the capex budget",
        )
    years = fiscal_years(problem)
    for year, limit in enumerate(money.budget_capex_by_year_usd):
        if limit is None:
            continue
        terms = {
            column: problem.offers[int(str(o))].price_usd / 1e3
            for (_, o, _i, e), column in program.family("buy")
            if problem.offers[int(str(o))].kind == "buy"
            and years[year][0] - 1e-9 <= due(problem, int(str(o)), int(str(e))) < years[year][1] - 1e-9
        }
        for (_, o, _i, e), column in program.family("renew"):
            if years[year][0] - 1e-9 <= problem.epochs[int(str(e))].start_years < years[year][1] - 1e-9:
                terms[column] = problem.offers[int(str(o))].price_usd / 1e3
        program.row(
            f"budget[capex,{year}]",
            "budget",
            terms,
            "<=",
            limit / 1e3,
            unit="k$",
            statement="money.budget_capex_by_year_usd",
            sentence=f"purchases of year {year + 1} stay within {limit:,.0f} $",
        )
    for year, limit in enumerate(money.budget_opex_by_year_usd):
        if limit is None:
            continue
        program.row(
            f"budget[opex,{year}]",
            "budget",
            running_terms(program, *years[year]),
            "<=",
            limit / 1e3,
            unit="k$",
            statement="money.budget_opex_by_year_usd",
            sentence=f"running costs of year {year + 1} stay within {limit:,.0f} $",
        )
    if money.budget_total_usd is not None:
        program.row(
            "budget[total]",
            "budget",
            program.objective(),
            "<=",
            money.budget_total_usd / 1e3,
            unit="k$",
            statement="money.budget_total_usd",
            sentence="the net present cost stays within the total budget",
        )


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
