"""Fleets found at the mean hours of groups, served at every hour: what they cost, not what a mean hour says.

Comparisons where hours are in groups are made twice: the relaxation at the mean hours finds a fleet and a
bound that none of its kind is below; every hour is then served with that fleet (groups at their largest
hours, paid by their mean demand), which is what such a fleet costs at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from solver.backend.outcome import Outcome
from solver.engine.dispatch import dispatch
from solver.engine.fleets import Fleet, Solved, at_largest
from solver.formulation.clusters import HOURLY_COUNTS
from solver.formulation.model import Program, Row
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem

#: What the whole numbers of single hours may cost too much, as a share of the plan.
SLACK = 1e-4


@dataclass(frozen=True)
class Served:
    """A fleet at every hour: the program, its values, and their cost in k$."""

    program: Program
    outcome: Outcome


class EveryHour(Protocol):
    """How a fleet serves all hours."""

    def __call__(
        self, program: Program, outcome: Outcome, end: float, only: str | None = None
    ) -> Served | None:
        """From a program and its outcome at the mean hours, until a time (perf_counter), by one system
        (or "API") ``only``; None if it is not served."""


def acquisition_columns(problem: Problem, program: Program) -> dict[str, list[int]]:
    """Columns by which each system (or "API") enters the fleet."""
    found: dict[str, list[int]] = {}
    for prefix in ("buy", "hold", "rent"):
        for key, column in program.family(prefix):
            found.setdefault(problem.offers[key[1]].system, []).append(column)
    for _key, column in program.family("a"):
        found.setdefault("API", []).append(column)
    return found


def every_hour(
    solved: Solved, prepared: Prepared | None = None, left_out: Callable[[Row], bool] = lambda row: False
) -> EveryHour:
    """How fleets serve all hours of a plan; of another ``prepared`` problem, or without some rows."""
    problem = solved.prepared if prepared is None else prepared

    def serve(program: Program, outcome: Outcome, end: float, only: str | None = None) -> Served | None:
        assert outcome.values is not None
        counts = Fleet.of(program, outcome.values).counts
        fleet = Fleet({key: count for key, count in counts.items() if key[0] not in HOURLY_COUNTS})
        hours = solved.program
        if problem.curves is not None:
            _, hours = at_largest(problem, list(solved.groups), fleet.counts)
        hours = replace(hours, rows=[row for row in hours.rows if not left_out(row)])
        others = acquisition_columns(problem.problem, hours) if only is not None else {}
        shut = {c: 0.0 for system, columns in others.items() if system != only for c in columns}
        values = dispatch(hours, fleet.columns(hours) | shut, SLACK * solved.outcome.objective, end)
        if values is None:
            return None
        cost = float(sum(kusd * values[c] for c, kusd in hours.objective().items()))
        return Served(hours, replace(outcome, values=values, objective=cost))

    return serve
