"""Groups of like hours: an upper plan, a lower bound, and hours that never cost more than themselves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_registry import change, with_api

from solver.backend.highs import HighsModel
from solver.domain.workload import Demand
from solver.formulation.build import build_program
from solver.formulation.epochs import Epoch, make_periods
from solver.formulation.hours import grouped, median_cut, most_periods
from solver.formulation.problem import Problem


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60), st.integers(1, 12))
def test_groups_part_the_hours(vectors: list[tuple[int, int]], most: int) -> None:
    groups = median_cut([(float(a), float(b)) for a, b in vectors], most)
    assert sorted(h for group in groups for h in group) == list(range(len(vectors)))
    assert len(groups) <= most
    if len(set(vectors)) <= most:  # enough groups for all: each holds equal hours only
        assert all(len({vectors[h] for h in group}) == 1 for group in groups)


def test_many_points_leave_few_periods() -> None:
    assert (most_periods(1), most_periods(50), most_periods(1000)) == (240, 100, 36)


def with_curve(curve: list[float]) -> Problem:
    """base() with an API at a tenth of a cent: it takes the busiest hours."""
    problem = with_api(price=1e-3)
    service = problem.services[0].model_copy(update={"demand": Demand(rate_rps=tuple(curve))})
    return change(problem, services=(service,))


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(1, 8), min_size=24, max_size=24), st.integers(1, 6))
def test_the_optimum_lies_between_mean_and_largest(curve: list[int], most: int) -> None:
    from dataclasses import replace

    problem = with_curve([float(v) for v in curve])
    upper, mean = grouped(problem.workload, problem.epochs, most)
    exact = replace(problem, periods=make_periods(problem.workload, problem.epochs))
    low, true, high = (
        HighsModel(build_program(replace(problem, periods=periods))).solve().objective
        for periods in (mean, exact.periods, upper)
    )
    assert low <= true * (1 + 1e-9)
    assert true <= high * (1 + 1e-9)


def test_periods_say_when_as_reports_do() -> None:
    """Where the fleet may change, each hour says from when on; where it stays, the hour alone."""
    problem = with_curve([float(h % 2 + 1) for h in range(24)])
    halves = tuple(Epoch(e, e / 2, (e + 1) / 2) for e in range(3))
    apart = [p.label for p in make_periods(problem.workload, halves)]
    assert apart[0] == "year 1, 12 hours of 24"
    assert apart[2] == "month 7 of year 1, 12 hours of 24"
    assert apart[4] == "year 2, 12 hours of 24"
    assert [p.label for p in make_periods(problem.workload, halves[:1])] == ["12 hours of 24"] * 2
    upper, _ = grouped(problem.workload, halves, 1)
    assert [p.label for p in upper][2] == "year 2, 24 like hours of 24"


def test_each_hour_alone_is_exact() -> None:
    from dataclasses import replace

    problem = with_curve([float(h % 5 + 1) for h in range(24)])
    upper, mean = grouped(problem.workload, problem.epochs, 24)
    assert [p.rate_rps for p in upper] == [p.rate_rps for p in mean]
    exact = replace(problem, periods=make_periods(problem.workload, problem.epochs))
    one, other = (
        HighsModel(build_program(replace(problem, periods=p))).solve().objective
        for p in (upper, exact.periods)
    )
    assert one == pytest.approx(other)
