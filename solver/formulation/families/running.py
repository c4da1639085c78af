"""Families about running the fleet over time: people at each site, moves from system to system, sales."""

from __future__ import annotations

from typing import Any

from solver.formulation.costs import owned_columns
from solver.formulation.limits import lines_of
from solver.formulation.model import Program
from solver.formulation.payments import living
from solver.formulation.problem import Problem
from solver.formulation.registry import family


@family("staffed", "buy[o,i,e'] - sold by e <= high_o open[i,e] for each epoch e that it lives through")
def staffed(problem: Problem, program: Program) -> None:
    """A site with any system on it is open: buy[o,i,e'] - sum_{f <= e} sell[o,i,e',f] <= high open[i,e].

    For each e that a system got in e' lives through; high is the column's own bound. Only where people
    are stated per site.
    """
    for column, offer, o, i, e, f in owned_columns(problem, program):
        high = program.columns[column].high
        if f is not None or not offer.on_site or high <= 0:
            continue
        for later in living(problem, offer, e):
            opened = program.find("open", i, later)
            if opened is None:
                continue
            sold = (program.find("sell", o, i, e, g) for g in range(e + 1, later + 1))
            site = problem.sites[i].name
            program.row(
                f"staffed[{offer.id},{site},{e},{later}]",
                "staffed",
                {column: 1.0, opened: -high} | {c: -1.0 for c in sold if c is not None},
                "<=",
                0.0,
                unit="systems",
                sentence=f"{site} has its people while {offer.system} stands there",
            )


@family("moved", "moved[m,s,i,e] >= sum_p n_p (R[p,i,e-1] - R[p,i,e]) over the points p of model m on s")
def moved(problem: Problem, program: Program) -> None:
    """Systems that a model leaves: moved[m,s,i,e] >= sum_{p of m on s} n_p sum_l (R[p,i,e-1,l] - R[p,i,e,l]).

    In systems (a half of one counts half). More replicas are no move: growth costs nothing here, and a
    replica may stay where it stands although less traffic comes.
    """
    for (_, model, system, i, e), column in program.family("moved"):
        terms: dict[int, float] = {column: -1.0}
        for p, point in enumerate(problem.points):
            if (point.model, point.system) != (model, system):
                continue
            for when, sign in ((e - 1, 1.0), (e, -1.0)):
                for n in range(len(lines_of(problem, point))):
                    replicas = program.find("R", p, i, when, n)
                    if replicas is not None:
                        terms[replicas] = sign * float(point.systems_per_replica)
        site = problem.sites[i].name
        program.row(
            f"moved[{model},{system},{site},{e}]",
            "moved",
            terms,
            "<=",
            0.0,
            unit="systems",
            sentence=f"{model} leaves {system} at {site} in epoch {e + 1}",
        )


@family("resale", "sum_f sell[o,i,e,f] <= buy[o,i,e]")
def resale(problem: Problem, program: Program) -> None:
    """No more is sold than was bought: sum_{f > e} sell[o,i,e,f] <= buy[o,i,e]."""
    sold: dict[tuple[Any, ...], dict[int, float]] = {}
    for (_, o, i, e, _f), column in program.family("sell"):
        sold.setdefault(("buy", o, i, e), {})[column] = 1.0
    for key, terms in sold.items():
        offer = problem.offers[key[1]]
        program.row(
            f"resale[{offer.id},{key[2]},{key[3]}]",
            "resale",
            terms | {program.index[key]: -1.0},
            "<=",
            0.0,
            unit="systems",
            sentence=f"no more {offer.system} are sold than were bought",
        )
