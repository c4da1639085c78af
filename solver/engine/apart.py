"""Programs that fall apart: parts that share no row are solved one by one.

Years for which all is rented, or services on systems of their own, have nothing to do with each other. Branch
and bound on all at once searches the product of what it searches in each part alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.dispatch import blocks, rows_hold
from solver.formulation.model import Program, Row

Bounds = dict[int, tuple[float, float]]
Floats = NDArray[np.float64]
#: Parts of fewer nonzeros go together with others: HiGHS solves them at once.
SMALLEST = 100
#: Values of a known plan are within bounds that they exceed by so much.
NEAR = 1e-6
#: Endings after which a known plan stands.
STOPPED = (Ending.NO_POINT, Ending.INTERRUPTED)
#: Endings of which the first that any part has is that of the whole.
WORST = (
    Ending.INFEASIBLE,
    Ending.UNBOUNDED,
    Ending.REFUSED,
    Ending.INTERRUPTED,
    Ending.NO_POINT,
    Ending.FEASIBLE,
    Ending.OPTIMAL,
)


@dataclass
class Part:
    """Some columns of a program that no row ties to others, as a program of their own."""

    program: Program = field(default_factory=Program)
    columns: list[int] = field(default_factory=list)  # of the whole program, in order


def parts_of(
    program: Program, costs: Mapping[int, float], bounds: Bounds
) -> tuple[list[Part], dict[int, float]] | None:
    """The parts of a program within other bounds, and the columns that those fix; None if it is one part.

    None too if a row in which only fixed columns stand is broken: then the whole has to say so.
    """
    ranges = {c: bounds.get(c, (column.low, column.high)) for c, column in enumerate(program.columns)}
    fixed = {c: low for c, (low, high) in ranges.items() if low == high}
    apart = blocks(program, fixed)
    if len(apart) < 2 or not rows_hold(program, fixed):
        return None
    groups: list[list[Row]] = []
    for rows in sorted(apart, key=len):
        if groups and sum(len(row.terms) for row in groups[-1]) < SMALLEST:
            groups[-1] += rows
        else:
            groups.append(rows)
    free = {c: limits for c, limits in ranges.items() if c not in fixed}
    made = [part_of(program, costs, free, fixed, rows) for rows in groups]
    tied = fixed.keys() | {c for part in made for c in part.columns}
    for c in ranges.keys() - tied:  # no row holds them
        low, high = ranges[c]
        fixed[c] = low if costs.get(c, 0.0) >= 0 else high
    return (made, fixed) if len(made) > 1 else None


def part_of(
    program: Program,
    costs: Mapping[int, float],
    ranges: Mapping[int, tuple[float, float]],
    fixed: Mapping[int, float],
    rows: list[Row],
) -> Part:
    """Some rows of a program as one of their own: their columns within ``ranges``, the others ``fixed``."""
    part = Part()
    part.columns = sorted({c for row in rows for c, _ in row.terms if c not in fixed})
    at = {c: n for n, c in enumerate(part.columns)}
    for c, n in at.items():
        column = program.columns[c]
        part.program.add(column.key, *ranges[c], column.integer)
        part.program.cost("all", n, costs.get(c, 0.0))
    for row in rows:
        rest = row.rhs - sum(a * fixed[c] for c, a in row.terms if c in fixed)
        terms = tuple((at[c], a) for c, a in row.terms if c not in fixed)
        part.program.rows.append(row._replace(terms=terms, rhs=rest))
    return part


def search(
    model: HighsModel, bounds: Bounds, gap: float, seconds: float | None, start: Floats | None = None
) -> Outcome:
    """The program in whole numbers within other bounds of some columns, ``start`` a known plan.

    Part by part, where it falls apart. Where nothing is found in time the known plan stands, which HiGHS may
    not take up, also if it does not keep these bounds.
    """
    fits = start is not None and all(
        low - NEAR <= start[c] <= high + NEAR for c, (low, high) in bounds.items()
    )
    apart = solve_apart(model, bounds, gap, seconds, start if fits else None)
    if apart is not None:
        outcome = apart
    else:
        with model.bounded(bounds):
            if start is not None:  # HiGHS forgets it when bounds change
                model.start_from(start)
            outcome = model.solve(gap, seconds)
    if start is None or outcome.values is not None or outcome.ending not in STOPPED:
        return outcome
    return replace(outcome, ending=Ending.FEASIBLE, values=start, objective=model.cost(start))


def solve_apart(
    model: HighsModel, bounds: Bounds, gap: float, seconds: float | None, start: Floats | None
) -> Outcome | None:
    """The outcome of a model's program within other bounds, part by part; None if it is one part.

    Each part gets the share of the time left that it has of the columns left. After Ctrl-C, and where a part
    has found nothing in its time, ``start`` (a known plan within the bounds) stands.
    """
    found = parts_of(model.program, model.costs, bounds)
    if found is None:
        return None
    parts, fixed = found
    began, left = time.perf_counter(), sum(len(part.columns) for part in parts)
    values = np.zeros(len(model.program.columns))
    values[list(fixed)] = list(fixed.values())
    outcomes: list[Outcome] = []
    for part in parts:
        now = None
        if seconds is not None:
            now = max(0.0, began + seconds - time.perf_counter()) * len(part.columns) / left
        left -= len(part.columns)
        known = None if start is None else start[part.columns]
        if outcomes and outcomes[-1].interrupted:
            outcome = Outcome(Ending.INTERRUPTED, "kInterrupt", None, np.inf, -np.inf, 0.0, True)
        else:
            outcome = _solve(model.alike(part.program), gap, now, known)
        if outcome.values is None and known is not None and outcome.ending in STOPPED:
            outcome = replace(outcome, ending=Ending.FEASIBLE, values=known)
        if outcome.values is not None:
            values[part.columns] = outcome.values
        outcomes.append(outcome)
    alone = sum(model.costs.get(c, 0.0) * value for c, value in fixed.items())
    return _together(model, outcomes, values, alone, time.perf_counter() - began)


def _solve(model: HighsModel, gap: float, seconds: float | None, known: Floats | None) -> Outcome:
    if known is not None:
        model.start_from(known)
    return model.solve(gap, seconds)


def _together(
    model: HighsModel, outcomes: list[Outcome], values: Floats, alone: float, seconds: float
) -> Outcome:
    """The outcome of the whole: the worst ending of any part, sums of cost and bound."""
    worst = min(outcomes, key=lambda outcome: WORST.index(outcome.ending))
    there = all(outcome.values is not None for outcome in outcomes)
    bound = alone + sum(outcome.bound for outcome in outcomes)
    interrupted = any(outcome.interrupted for outcome in outcomes)
    cost = model.cost(values) if there else float("inf")
    return Outcome(worst.ending, worst.status, values if there else None, cost, bound, seconds, interrupted)
