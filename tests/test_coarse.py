"""Large programs by way of the mean of few groups of hours: the same optimum, or an honest bound."""

from dataclasses import replace

import pytest
from lessons import menu

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending
from solver.engine.coarse import solve_coarse, suits
from solver.engine.mean_hours import MeanHours, like_periods, mean_periods
from solver.engine.neighbourhood import Linear
from solver.formulation.build import build_program
from solver.formulation.problem import Problem

DAY = [4, 3, 2, 2, 3, 5, 9, 14, 20, 26, 30, 31, 29, 30, 32, 33, 30, 27, 22, 18, 14, 10, 8, 6]
RENT = "services.0.acquisitions=[buy, rent]"
CHANGES: dict[str, tuple[str, ...]] = {
    "18-growth": (f"services.0.demand={{requests_per_s: {DAY}, growth: 30 %}}", RENT),
    "20-redundancy": (f"services.0.demand={{requests_per_s: {DAY}}}", RENT),
    "25-site-loss": (f"services.0.demand={{requests_per_s: {DAY}}}", RENT),
    "34-work-that-waits": (),
}


def every_hour(lesson: str) -> Problem:
    """The lesson with each hour a period of its own."""
    prepared = menu(lesson, *CHANGES[lesson])
    return replace(prepared.problem, periods=prepared.all_periods)


@pytest.fixture(scope="module")
def optimum() -> dict[str, tuple[Problem, HighsModel, float]]:
    """Each lesson's program of every hour, and what its best plan costs, k$."""
    found = {}
    for lesson in CHANGES:
        problem = every_hour(lesson)
        model = HighsModel(build_program(problem))
        found[lesson] = problem, model, model.solve(0.0).objective
    return found


@pytest.mark.parametrize("lesson", CHANGES)
def test_few_hours_cost_no_more_than_all(
    lesson: str, optimum: dict[str, tuple[Problem, HighsModel, float]]
) -> None:
    """0 < linear program of the groups <= linear program of all hours <= best plan; near it."""
    problem, model, best = optimum[lesson]
    coarse = MeanHours.of(problem, like_periods(problem, range(len(problem.periods)), 6), None)
    assert len(coarse.model.program.columns) < len(model.program.columns)
    linear = Linear.of(model, None).outcome.objective
    assert 0 < coarse.bound <= linear * (1 + 1e-9)
    assert linear <= best * (1 + 1e-9)
    assert coarse.bound > 0.6 * linear


@pytest.mark.parametrize("lesson", CHANGES)
def test_by_way_of_mean_hours_the_optimum_is_found(
    lesson: str, optimum: dict[str, tuple[Problem, HighsModel, float]]
) -> None:
    """Without a known plan and without a limit of time: the same cost as the whole program's."""
    problem, model, best = optimum[lesson]
    outcome, proof = solve_coarse(problem, model, 0.0, None, None)
    assert proof is not None
    assert outcome.values is not None
    assert outcome.objective == pytest.approx(model.cost(outcome.values), rel=1e-9)
    assert outcome.objective == pytest.approx(best, rel=1e-6)
    assert outcome.bound <= best * (1 + 1e-6)
    assert outcome.bound >= proof.bound * (1 - 1e-12)


@pytest.mark.parametrize("lesson", CHANGES)
def test_what_is_too_dear_is_in_no_best_plan(
    lesson: str, optimum: dict[str, tuple[Problem, HighsModel, float]]
) -> None:
    """With the best plan as the known one, none of its own replicas are left out."""
    problem, model, best = optimum[lesson]
    coarse = MeanHours.of(problem, like_periods(problem, range(len(problem.periods)), 6), None)
    dear = coarse.dear(problem, model.program, best)
    values = model.solve(0.0).values
    assert values is not None
    assert not [model.program.columns[c].name for c in dear if values[c] > 1e-6]


def test_mean_of_two_hours() -> None:
    """Lesson 34: hours of 2 and 6 requests/s are one of 4, whose largest is 6."""
    problem = every_hour("34-work-that-waits")
    first, second = (replace(p, rate_rps=(rate,) * len(p.rate_rps)) for p, rate in
                     zip(problem.periods[:2], (2.0, 6.0), strict=True))  # fmt: skip
    two = replace(problem, periods=(first, second))
    (mean,) = mean_periods(two, [[0, 1]])
    assert (set(mean.rate_rps), set(mean.largest_rps)) == ({4.0}, {6.0})
    assert mean.hours == first.hours + second.hours


def test_many_more_hours_than_groups_suit() -> None:
    """24 hours suit; 8 are no more than twice the groups."""
    problem = every_hour("34-work-that-waits")
    assert suits(problem)
    assert not suits(replace(problem, periods=problem.periods[:8]))


def test_what_cannot_be_served_is_told() -> None:
    """Without any system to buy or rent the outcome is that of the whole program: no plan exists."""
    problem = every_hour("34-work-that-waits")
    program = build_program(problem)
    kinds = {c for prefix in ("buy", "hold", "rent") for _, c in program.family(prefix)}
    columns = [column.shut() if c in kinds else column for c, column in enumerate(program.columns)]
    outcome, _ = solve_coarse(problem, HighsModel(replace(program, columns=columns)), 0.0, None, None)
    assert outcome.ending is Ending.INFEASIBLE
