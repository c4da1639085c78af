"""Plans made better with all but one site, service or epoch held: a worked case, and no plan made worse."""

from __future__ import annotations

import numpy as np
import pytest
from lessons import menu

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending
from solver.engine.piece_by_piece import improved, pieces_of
from solver.formulation.build import build_program
from solver.formulation.model import Program
from solver.formulation.problem import Problem


def by_name(problem: Problem, program: Program, values: np.ndarray) -> dict[tuple[str, str], int]:
    """Systems bought or held, by system and site."""
    found: dict[tuple[str, str], int] = {}
    for prefix in ("buy", "hold"):
        for (_, o, i, _e), c in program.family(prefix):
            if values[c] > 0.5:
                found[problem.offers[o].system, problem.sites[i].name] = round(values[c])
    return found


def optimum_and_more(program: Program) -> tuple[HighsModel, float, np.ndarray, np.ndarray]:
    """The model, the least cost, its plan, and a plan with ten times the systems."""
    model = HighsModel(program)
    best = model.solve(0.0)
    assert best.values is not None
    bought = {c for prefix in ("buy", "hold") for _, c in program.family(prefix)}
    held = {
        c: round(value) * (10.0 if c in bought else 1.0)
        for c, value in enumerate(best.values)
        if program.columns[c].integer
    }
    more = model.solve_lp(held).values
    assert more is not None
    return model, best.objective, best.values, more


def test_sites_are_searched_one_by_one() -> None:
    """Lesson 25: either of two sites may be lost. From ten times the systems at each the best plan comes out,
    though no search was free to change both sites at once."""
    problem = menu("25-site-loss").problem
    program = build_program(problem)
    model, least, best, more = optimum_and_more(program)
    assert model.cost(more) > 2 * least
    pieces = pieces_of(problem, program)[: len(problem.sites)]
    found = improved(model, pieces, more, 0.0, None)
    assert found.objective == pytest.approx(least)
    assert found.values is not None
    assert by_name(problem, program, found.values) == by_name(problem, program, best)


LESSONS = ("50-follow-the-sun", "18-growth", "24-regions", "25-site-loss", "34-work-that-waits")


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_piece_is_a_part_and_all_hold_every_whole_number(lesson: str) -> None:
    problem = menu(lesson).problem
    program = build_program(problem)
    whole = {c for c, column in enumerate(program.columns) if column.integer}
    pieces = pieces_of(problem, program)
    assert pieces
    assert all(piece < whole for piece in pieces)
    assert frozenset().union(*pieces) == whole


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_plan_gets_better_and_none_beats_the_best(lesson: str) -> None:
    problem = menu(lesson).problem
    program = build_program(problem)
    model, least, _, more = optimum_and_more(program)
    found = improved(model, pieces_of(problem, program), more, 0.0, 20.0)
    assert least * (1 - 1e-7) <= found.objective < model.cost(more)
    assert found.ending is Ending.FEASIBLE
