"""A program handed to HiGHS through PuLP, which does not check the return codes of the solver: this does."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Mapping

import highspy
import numpy as np
import pulp
from numpy.typing import NDArray

from solver.errors import NumericalRefusal
from solver.formulation.model import Program

#: Coefficients outside this range are refused before the solver sees them.
SMALLEST, LARGEST = 9e-7, 1e7


def handed_over(program: Program, costs: Mapping[int, float]) -> tuple[highspy.Highs, NDArray[np.int64]]:
    """The program in a new HiGHS, whole, and where it keeps each column.

    Raises NumericalRefusal where a coefficient is out of range or a part of the model is not there.
    """
    check_range(program)
    swallow_banner()
    carrier = to_pulp(program, costs)
    hand = pulp.HiGHS(msg=False)
    hand.createAndConfigureSolver(carrier)
    hand.buildSolverModel(carrier)
    highs: highspy.Highs = carrier.solverModel
    order = {variable.name: variable.index for variable in carrier.variables()}
    check_transfer(program, highs)
    return highs, np.array([order[f"v{n:06d}"] for n in range(len(program.columns))], dtype=np.int64)


def check_transfer(program: Program, highs: highspy.Highs) -> None:
    """Raises NumericalRefusal unless all columns, rows and nonzeros of a program are in HiGHS, and finite."""
    columns, rows = len(program.columns), len(program.rows)
    nonzeros = sum(len(row.terms) for row in program.rows)
    found = (highs.getNumCol(), highs.getNumRow(), highs.getNumNz())
    if found != (columns, rows, nonzeros):
        raise NumericalRefusal(
            f"the solver holds {found} columns, rows and nonzeros of {(columns, rows, nonzeros)}: "
            "it dropped a part of the model"
        )
    if not np.all(np.isfinite(np.asarray(highs.getLp().a_matrix_.value_))):
        raise NumericalRefusal("a coefficient is not finite")


def to_pulp(program: Program, objective: Mapping[int, float] | None = None) -> pulp.LpProblem:
    """The program as a PuLP problem (also for writing LP and MPS files or using another solver)."""
    problem = pulp.LpProblem("fleet", pulp.LpMinimize)
    variables = [
        problem.add_variable(
            f"v{n:06d}",
            column.low,
            None if np.isinf(column.high) else column.high,
            pulp.LpInteger if column.integer else pulp.LpContinuous,
        )
        for n, column in enumerate(program.columns)
    ]
    costs = dict(program.objective() if objective is None else objective)
    used = {c for row in program.rows for c, _ in row.terms}
    costs |= {c: 0.0 for c in range(len(variables)) if c not in used and c not in costs}  # PuLP forgets those
    problem.setObjective(pulp.LpAffineExpression([(variables[c], a) for c, a in sorted(costs.items())]))
    sense = {"<=": pulp.LpConstraintLE, ">=": pulp.LpConstraintGE, "==": pulp.LpConstraintEQ}
    for n, row in enumerate(program.rows):
        terms = pulp.LpAffineExpression([(variables[c], a) for c, a in row.terms])
        problem.addConstraint(pulp.LpConstraint(terms, sense[row.sense], rhs=row.rhs), f"r{n:06d}")
    return problem


@functools.cache
def swallow_banner() -> None:
    """HiGHS prints a banner on standard output once per process, before any option can forbid it."""
    sys.stdout.flush()
    kept, sink = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        highspy.Highs()  # type: ignore[no-untyped-call]
        ctypes.CDLL(None).fflush(None)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(sink)


def check_range(program: Program) -> None:
    """Refuse coefficients a solver would drop or drown in; the message names the rows responsible."""
    extremes = [
        (abs(a), n, c)
        for n, row in enumerate(program.rows)
        for c, a in row.terms
        if not SMALLEST <= abs(a) <= LARGEST
    ]
    extremes += [(abs(row.rhs), n, -1) for n, row in enumerate(program.rows) if abs(row.rhs) > LARGEST]
    if extremes:
        size, number, column = max(extremes, key=lambda item: abs(np.log(max(item[0], 1e-300))))
        row = program.rows[number]
        what = "the limit" if column < 0 else program.columns[column].name
        raise NumericalRefusal(
            f"{row.name}: {what} enters with {size:.3g} {row.unit}, outside {SMALLEST:g} to {LARGEST:g}; "
            f"{row.sentence}. "
            f"Check the units of the numbers behind it ({row.statement or 'catalog values'}).",
            number,
            column,
            size,
        )
