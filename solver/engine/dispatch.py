"""Every hour served by a fixed fleet: the program falls apart into small ones, one for each period.

All are solved as one linear program first, then those again whose whole numbers came out in fractions.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from solver.backend.linear import Rows, least
from solver.formulation.model import Program, Row

#: A row without free columns may be broken by so much (relative): the float error of its own sum.
ROUNDING = 1e-9
#: A linear program may break a row by so much.
TOLERANCE = 1e-7
#: A value this near to a whole number is one.
WHOLE = 1e-9


def dispatch(
    program: Program, fixed: Mapping[int, float], slack: float, end: float, rounding: float = ROUNDING
) -> NDArray[np.float64] | None:
    """Values of all columns at the least cost (within ``slack`` k$ in all) with some columns fixed.

    None if there are none, or the time (perf_counter) ``end`` is over. A row without free columns may be
    broken by ``rounding`` (relative).
    """
    values = np.zeros(len(program.columns))
    for column, value in fixed.items():
        values[column] = value
    costs = program.objective()
    parts = blocks(program, fixed)
    if not rows_hold(program, fixed, rounding):
        return None
    begun = _least(program, fixed, costs, [row for part in parts for row in part], 0.0, end, whole=False)
    if begun is None:
        return None
    for column, value in begun.items():
        values[column] = value
    apart = [part for part in parts if fractional(program, fixed, part, values)]
    for n, part in enumerate(apart):
        now = time.perf_counter()
        until = now + (end - now) / (len(apart) - n)
        known = _hours_apart(program, fixed, costs, part, values, slack / len(parts), until)
        found = _least(program, fixed, costs, part, slack / len(parts), until, whole=True, known=known)
        found = found or known
        if found is None:
            return None
        for column, value in found.items():
            values[column] = value
    return values


def _hours_apart(
    program: Program,
    fixed: Mapping[int, float],
    costs: Mapping[int, float],
    rows: list[Row],
    values: NDArray[np.float64],
    slack: float,
    end: float,
) -> dict[int, float] | None:
    """Hours that work which waits ties together, each in whole numbers, with the waiting of ``values``.

    None where nothing waits, or an hour cannot do so.
    """
    queues = {c for _, c in program.family("q")}
    found = {c: float(values[c]) for row in rows for c, _ in row.terms if c in queues and c not in fixed}
    held, mine = {**fixed, **found}, replace(program, rows=rows)
    if not found or not rows_hold(mine, held, TOLERANCE):
        return None
    hours = blocks(mine, held)
    for hour in hours:
        one = _least(program, held, costs, hour, slack / len(hours), end, whole=True)
        if one is None:
            return None
        found |= one
    return found


def _least(
    program: Program,
    fixed: Mapping[int, float],
    costs: Mapping[int, float],
    rows: list[Row],
    slack: float,
    end: float,
    whole: bool,
    known: Mapping[int, float] | None = None,
) -> dict[int, float] | None:
    """Free columns of some rows at the least cost, all in fractions or those that must be ``whole``.

    The search in whole numbers begins with ``known`` values of all of them.
    """
    if time.perf_counter() > end:
        return None
    columns = sorted({c for row in rows for c, _ in row.terms if c not in fixed})
    position = {c: n for n, c in enumerate(columns)}
    made = Rows.none()
    for row in rows:
        rest = row.rhs - sum(a * fixed[c] for c, a in row.terms if c in fixed)
        terms = {position[c]: a for c, a in row.terms if c not in fixed}
        made.add(terms, -np.inf if row.sense == "<=" else rest, np.inf if row.sense == ">=" else rest)
    found = least(
        np.array([costs.get(c, 0.0) for c in columns]),
        made,
        np.array([program.columns[c].high for c in columns]),
        [n for n, c in enumerate(columns) if whole and program.columns[c].integer],
        slack,
        end - time.perf_counter(),
        None if known is None else np.array([known[c] for c in columns]),
    )
    return None if found is None else dict(zip(columns, found.tolist(), strict=True))


def blocks(program: Program, fixed: Mapping[int, float]) -> list[list[Row]]:
    """Rows that share no free column, apart."""
    parent: dict[int, int] = {}

    def find(c: int) -> int:
        while parent.setdefault(c, c) != c:
            parent[c] = parent[parent[c]]
            c = parent[c]
        return c

    free = [(row, [c for c, _ in row.terms if c not in fixed]) for row in program.rows]
    for _, columns in free:
        for c in columns[1:]:
            parent[find(c)] = find(columns[0])
    found: dict[int, list[Row]] = defaultdict(list)
    for row, columns in free:
        if columns:
            found[find(columns[0])].append(row)
    return list(found.values())


def fractional(
    program: Program, fixed: Mapping[int, float], rows: list[Row], values: NDArray[np.float64]
) -> bool:
    """Whether a free whole-number column of the rows has a fraction."""
    free = {c for row in rows for c, _ in row.terms if c not in fixed and program.columns[c].integer}
    return any(abs(values[c] - round(values[c])) > WHOLE for c in free)


def rows_hold(program: Program, fixed: Mapping[int, float], rounding: float = ROUNDING) -> bool:
    """Whether the rows hold that only fixed columns stand in."""
    for row in program.rows:
        if all(c in fixed for c, _ in row.terms):
            left = sum(a * fixed[c] for c, a in row.terms)
            room = rounding * max(1.0, sum(abs(a * fixed[c]) for c, a in row.terms))
            over = (left - row.rhs) * (-1 if row.sense == ">=" else 1)
            if over > room or (row.sense == "==" and -over > room):
                return False
    return True
