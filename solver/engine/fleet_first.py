"""The fleet in whole numbers first, what is rented by the hour in fractions.

Of thousands of whole numbers most belong to one hour. Without them a program of years has a few dozen, and
its optimum is a bound on all plans. Its fleet then serves each day, or each hour, in whole numbers.
"""

from __future__ import annotations

import time
from dataclasses import replace

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.apart import Floats
from solver.engine.dispatch import dispatch
from solver.formulation.clusters import HOURLY_COUNTS
from solver.formulation.model import Program

#: Part of the whole numbers that single periods hold, at least.
PART = 0.25


def hourly_counts(program: Program) -> list[int]:
    """Whole-number columns of single periods, where they are so large a part of all that are not settled that
    the program without them is a smaller one; else none."""
    whole = {c for c, column in enumerate(program.columns) if column.integer and column.high > column.low}
    hourly = [c for key, c in program.index.items() if c in whole and key[0] in HOURLY_COUNTS]
    return hourly if len(whole) * PART <= len(hourly) < len(whole) else []


def fleet_first(model: HighsModel, gap: float, seconds: float | None, known: Floats | None) -> Outcome:
    """The program with hours in fractions: its bound is one on the program's plans. From a ``known`` plan."""
    with model.relaxed(hourly_counts(model.program)):
        if known is not None:
            model.start_from(known)
        return model.solve(gap, seconds)


def served(model: HighsModel, fleet: Outcome, gap: float, seconds: float | None) -> Outcome:
    """A plan with the fleet of an outcome, its hours at the least cost (within ``gap``) in whole numbers."""
    none = replace(fleet, values=None, objective=float("inf"), ending=Ending.NO_POINT)
    if fleet.values is None or fleet.interrupted:
        return none
    hourly = set(hourly_counts(model.program))
    fixed = {
        c: float(round(fleet.values[c]))
        for c, column in enumerate(model.program.columns)
        if column.integer and c not in hourly
    }
    end = float("inf") if seconds is None else time.perf_counter() + seconds
    values = dispatch(model.program, fixed, gap * abs(fleet.objective), end)
    if values is None:
        return none
    return replace(fleet, values=values, objective=model.cost(values), ending=Ending.FEASIBLE)
