"""Families about budgets."""

from __future__ import annotations

from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family


@family("budget", "sum price_o buy[o,i,e] <= capex budget;  net present cost <= total budget")
def budget(problem: Problem, program: Program) -> None:
    """Money that may be spent, in k$.

    sum_{o,i,e} price_o buy[o,i,e] <= capex budget (prices as paid, not discounted);
    the same over the epochs that start in a year <= that year's capex budget;
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
    for year, limit in enumerate(money.budget_capex_by_year_usd):
        terms = {
            column: problem.offers[int(str(o))].price_usd / 1e3
            for (_, o, _i, e), column in program.family("buy")
            if problem.offers[int(str(o))].kind == "buy"
            and int(problem.epochs[int(str(e))].start_years + 1e-9) == year
        }
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
