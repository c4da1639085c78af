"""A known plan to start the search from, where many hours make the program large.

The same problem with only its largest hours (each takes the duration of the hours it dominates), the points
that carry most per system, and nothing rented by the hour is small; if it takes too long, one hour of all
peaks does. Its whole numbers hold in every hour of the full program; with them fixed the rest is a linear
program. The search then begins with a sound incumbent, and no optimum is lost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.backend.highs import HighsModel
from solver.engine.neighbourhood import NOTHING, Linear, solve_large
from solver.engine.piece_by_piece import pieces_of
from solver.formulation.build import build_program
from solver.formulation.epochs import Period, undominated
from solver.formulation.problem import Problem
from solver.operating_points.point import OperatingPoint

#: Share of the time limit for the small problem, most seconds, and those it gets in any case; its gap.
PART, MOST_SECONDS, LEAST_SECONDS, GAP = 0.25, 15.0, 5.0, 0.01
#: Programs of the largest hours of more columns are not tried.
MOST_COLUMNS = 40_000
#: Parts of the time: for the linear program of all peaks at once, and of what is left for its plan.
LINEAR, PEAKS = 0.5, 0.5
#: Columns whose key holds an operating point next to the prefix, or a system; those of single hours.
BY_POINT, BY_SYSTEM, HOURLY = ("x", "R", "z", "Q", "swap"), ("h", "g"), ("Q", "rent", "w")

Whole = dict[tuple[Any, ...], float]


def start(problem: Problem, model: HighsModel, time_limit_s: float | None) -> NDArray[np.float64] | None:
    """A plan of the program found on the largest hours; None where all hours are alike, or none was found."""
    if len(problem.periods) <= len(problem.epochs):
        return None
    seconds = MOST_SECONDS if time_limit_s is None else min(MOST_SECONDS, PART * time_limit_s)
    seconds = max(seconds, LEAST_SECONDS)
    return known_plan(problem, model, seconds)


def known_plan(problem: Problem, model: HighsModel, seconds: float) -> NDArray[np.float64] | None:
    """Values of all columns of the full program, or None if no such plan was found.

    First for all peaks at once, then for the largest hours, both with the points that the linear program of
    all peaks at once uses anywhere; with all points if these have no plan.
    """
    resilience = problem.workload.resilience
    if resilience.hourly_pools and resilience.availability is not None:
        return None  # every hour has spares of its own, which the largest hours do not tell
    end = time.perf_counter() + seconds
    hours, together = largest_hours(problem.periods), peaks_together(problem.periods)
    small, peaks = _for_peaks(problem, together, seconds, PEAKS)
    found = None if peaks is None else small.in_full(problem, model, peaks)
    size = len(small.model.program.columns)
    if len(hours) > len(together) and size * len(hours) / len(together) <= MOST_COLUMNS:
        small = _Small.of(problem, small.problem.points, hours)
        whole = small.whole(end - time.perf_counter(), peaks)
        cheaper = None if whole is None or whole == peaks else small.in_full(problem, model, whole)
        if cheaper is not None and (found is None or model.cost(cheaper) < model.cost(found)):
            found = cheaper
    return found


def fleet_for_peaks(problem: Problem, together: tuple[Period, ...], seconds: float) -> Whole | None:
    """A fleet for periods (one an epoch) that are as large as all, by key of the problem's columns.

    What it does not name is zero; None if none was found.
    """
    small, peaks = _for_peaks(problem, together, seconds, 1.0)
    return None if peaks is None else small.keys(problem, peaks)


def _for_peaks(
    problem: Problem, together: tuple[Period, ...], seconds: float, share: float
) -> tuple[_Small, Whole | None]:
    """A fleet of the points that the linear program uses, or of all, in a share of the time left."""
    end = time.perf_counter() + seconds
    all_points = tuple(p for p in problem.points if p.id in problem.flexible)
    small = _Small.of(problem, all_points, together)
    points = small.used(LINEAR * seconds)
    if len(points) < len(all_points):
        small = _Small.of(problem, points, together)
    peaks = small.whole(share * (end - time.perf_counter()))
    if peaks is None and len(points) < len(all_points):
        small = _Small.of(problem, all_points, together)
        peaks = small.whole(end - time.perf_counter())
    return small, peaks


@dataclass(frozen=True)
class _Small:
    """The problem of some points in some periods, all work done at once, nothing rented by the hour."""

    problem: Problem
    model: HighsModel

    @classmethod
    def of(cls, problem: Problem, points: tuple[OperatingPoint, ...], periods: tuple[Period, ...]) -> _Small:
        few = at_once(replace(problem, points=points, periods=periods, peaks_rps=problem.peaks))
        program = build_program(few)
        hourly = {c for prefix in HOURLY for _, c in program.family(prefix)}
        shut = [column.shut() if n in hourly else column for n, column in enumerate(program.columns)]
        return cls(few, HighsModel(replace(program, columns=shut)))

    def used(self, seconds: float) -> tuple[OperatingPoint, ...]:
        """Points that the linear program uses anywhere (all, where it is not solved in its time)."""
        linear = Linear.of(self.model, seconds)
        values = linear.outcome.values
        if not linear.solved or values is None:
            return self.problem.points
        used = {key[1] for key, c in self.model.program.family("R") if values[c] > NOTHING}
        return tuple(p for n, p in enumerate(self.problem.points) if n in used)

    def whole(self, seconds: float, known: Whole | None = None) -> Whole | None:
        """Whole numbers of the cheapest plan found, from those of a known plan of larger hours."""
        index, values = self.model.program.index, None
        if known is not None:
            values = self.model.solve_lp({index[key]: count for key, count in known.items()}).values
        pieces = pieces_of(self.problem, self.model.program)
        outcome, _ = solve_large(self.model, GAP, max(0.0, seconds), values, pieces)
        if outcome.values is None:
            return None
        columns = self.model.program.columns
        return {
            key: float(round(outcome.values[c]))
            for key, c in index.items()
            if columns[c].integer and key[0] not in HOURLY
        }

    def keys(self, problem: Problem, whole: Whole) -> Whole:
        """The same whole numbers by the keys of the full problem, where points and systems are others."""
        at = {n: problem.points.index(p) for n, p in enumerate(self.problem.points)}
        few, many = (sorted({p.system for p in some.points}) for some in (self.problem, problem))
        system = {n: many.index(name) for n, name in enumerate(few)}
        found: Whole = {}
        for (prefix, *rest), count in whole.items():
            place = at if prefix in BY_POINT else system if prefix in BY_SYSTEM else {}
            found[prefix, place.get(rest[0], rest[0]), *rest[1:]] = count
        return found

    def in_full(self, problem: Problem, model: HighsModel, whole: Whole) -> NDArray[np.float64] | None:
        """Values of all columns of the full program with these whole numbers; None if they do not do."""
        program = model.program
        fixed = {n: 0.0 for n, column in enumerate(program.columns) if column.integer}
        keys = self.keys(problem, whole)
        return model.solve_lp(
            fixed | {program.index[key]: count for key, count in keys.items() if key in program.index}
        ).values


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
