"""A known plan to start the search from, where many hours make the program large.

The same problem with only its largest hours (each takes the duration of the hours it dominates), the points
that carry most per system, and nothing rented by the hour is small; if it takes too long, one hour of all
peaks does. Its whole numbers hold in every hour of the full program; with them fixed the rest is a linear
program. The search then begins with a sound incumbent, and no optimum is lost.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from solver.backend.highs import HighsModel
from solver.engine.neighbourhood import solve_large
from solver.formulation.build import build_program
from solver.formulation.model import Program
from solver.formulation.problem import Period, Problem, undominated

#: Share of the time limit for the small problem, most seconds, and those it gets in any case; its gap.
PART, MOST_SECONDS, LEAST_SECONDS, GAP = 0.25, 15.0, 5.0, 0.01
#: Programs of the largest hours of more columns are not tried.
MOST_COLUMNS = 40_000
#: Columns whose key holds an operating point next to the prefix.
BY_POINT = ("x", "R", "z", "Q", "swap")


def start(
    problem: Problem, program: Program, model: HighsModel, time_limit_s: float | None
) -> NDArray[np.float64] | None:
    """A plan of the program found on the largest hours; None where all hours are alike, or none was found."""
    if len(problem.periods) <= len(problem.epochs):
        return None
    seconds = MOST_SECONDS if time_limit_s is None else min(MOST_SECONDS, PART * time_limit_s)
    seconds = max(seconds, LEAST_SECONDS)
    return known_plan(problem, program, model, seconds)


def known_plan(
    problem: Problem, program: Program, model: HighsModel, seconds: float
) -> NDArray[np.float64] | None:
    """Values of all columns of the full program, or None if no such plan was found.

    First for all peaks at once, then for the largest hours where these are no large program themselves.
    """
    resilience = problem.workload.resilience
    if resilience.hourly_pools and resilience.availability is not None:
        return None  # every hour has spares of its own, which the largest hours do not tell
    largest, epochs = largest_hours(problem.periods), len(problem.epochs)
    found, size = _plan_of(problem, program, model, seconds, peaks_together(problem.periods))
    if len(largest) > epochs and size * len(largest) / epochs <= MOST_COLUMNS:
        cheaper, _ = _plan_of(problem, program, model, seconds, largest)
        if cheaper is not None and (found is None or model.cost(cheaper) < model.cost(found)):
            found = cheaper
    return found


def _plan_of(
    problem: Problem, program: Program, model: HighsModel, seconds: float, periods: tuple[Period, ...]
) -> tuple[NDArray[np.float64] | None, int]:
    """A plan of the program whose whole numbers serve some periods that are as large as all, and the columns
    of the program of these."""
    few = tuple(p for p in problem.points if p.id in problem.flexible)
    at = {n: problem.points.index(p) for n, p in enumerate(few)}
    small = build_program(at_once(replace(problem, points=few, periods=periods, peaks_rps=problem.peaks)))
    hourly = {c for prefix in ("Q", "rent", "w") for _, c in small.family(prefix)}
    shut = [column.shut() if n in hourly else column for n, column in enumerate(small.columns)]
    found, _ = solve_large(HighsModel(replace(small, columns=shut)), GAP, seconds)
    if found.values is None:
        return None, len(small.columns)
    whole = {n: 0.0 for n, column in enumerate(program.columns) if column.integer}
    for (prefix, *rest), column in small.index.items():
        key = (prefix, at[rest[0]], *rest[1:]) if prefix in BY_POINT else (prefix, *rest)
        if small.columns[column].integer and column not in hourly and key in program.index:
            whole[program.index[key]] = float(round(found.values[column]))
    return model.solve_lp(whole).values, len(small.columns)


def at_once(problem: Problem) -> Problem:
    """The problem with all work done in the hour in which it comes; its fleet serves work that waits too."""
    if not problem.defers:
        return problem
    services = tuple(
        s.model_copy(update={"levels": s.levels.model_copy(update={"deadline_hours": None})})
        for s in problem.services
    )
    return replace(problem, workload=problem.workload.model_copy(update={"services": services}))


def largest_hours(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    """Periods that no other of their epoch dominates, each with the duration of those it dominates."""
    kept = undominated(periods)
    hours = {p.index: 0.0 for p in kept}
    for period in periods:
        same = [k for k in kept if k.epoch == period.epoch]
        rates = period.rate_rps
        above = next(k for k in same if all(a <= b for a, b in zip(rates, k.rate_rps, strict=True)))
        hours[above.index] += period.hours
    return tuple(replace(p, index=n, hours=hours[p.index]) for n, p in enumerate(kept))


def peaks_together(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    """One period for each epoch, as if all peaks were at once: dearer, and soon solved."""
    found: list[Period] = []
    for epoch in sorted({p.epoch for p in periods}):
        mine = [p for p in periods if p.epoch == epoch]
        rates = tuple(map(max, zip(*(p.rate_rps for p in mine), strict=True)))
        covers = tuple(sorted({h for p in mine for h in p.covers}))
        hours = sum(p.hours for p in mine)
        found.append(replace(mine[0], index=len(found), hours=hours, rate_rps=rates, covers=covers))
    return tuple(found)
