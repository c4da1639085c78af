"""The fleet in whole numbers first, what is rented by the hour in fractions.

Of thousands of whole numbers most belong to one hour. Without them a program of years has a few dozen, and
its optimum is a bound on all plans. Its fleet then serves each day, or each hour, in whole numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.apart import Floats
from solver.engine.dispatch import dispatch
from solver.formulation.clusters import HOURLY_COUNTS
from solver.formulation.model import Program

#: Part of the whole numbers that single periods hold, at least.
PART = 0.25
#: Whole numbers of pools that stand all epoch, by the first part of their key; point and site follow.
STANDING = ("R", "z", "swap")
#: Share of the time for the hours of a fleet whose pools may change.
FIRST = 0.8


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


def served(model: HighsModel, fleet: Outcome, gap: float, seconds: float | None) -> Iterator[Outcome]:
    """Plans with the fleet of an outcome, their hours at the least cost (within ``gap``) in whole numbers.

    First with the systems alone held, and all that may change by the hour free to do so: then hours (days,
    where work waits) have nothing but the systems in common. Then with the pools of the outcome, if it has
    any that stand. ``seconds`` are for both.
    """
    program, columns = model.program, model.program.columns
    if fleet.values is None or fleet.interrupted:
        return
    hourly = set(hourly_counts(program))
    held = {c: float(round(fleet.values[c])) for c, k in enumerate(columns) if k.integer and c not in hourly}
    end = float("inf") if seconds is None else time.perf_counter() + seconds
    systems = without_pools(program, held)
    for fixed, share in ((systems, FIRST), (held, 1.0)):
        now = time.perf_counter()
        values = dispatch(program, fixed, gap * abs(fleet.objective), now + share * (end - now))
        if values is not None:
            yield replace(fleet, values=values, objective=model.cost(values), ending=Ending.FEASIBLE)
        if systems == held:
            return


def without_pools(program: Program, whole: Mapping[int, float]) -> dict[int, float]:
    """Whole numbers with none of the replicas that stand all epoch where others may be had by the hour."""
    hourly = {key[1:3] for key, _ in program.family("Q")}
    pools = {c for prefix in STANDING for key, c in program.family(prefix) if key[1:3] in hourly}
    return {c: 0.0 if c in pools else count for c, count in whole.items()}
