"""Rows that follow from whole systems: worked pieces, no optimum lost, bounds raised."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_problems import make_case

from solver.backend.highs import HighsModel
from solver.formulation.build import build_program
from solver.formulation.linking import FAMILY, LINKS, pieces


def test_one_system_that_carries_all() -> None:
    """c = 4 of T = 1: x <= 1 N, not x <= 4 N."""
    assert pieces([4.0] * 9, 1.0) == [(pytest.approx(1.0), 0.0)]


def test_two_and_a_half_systems_are_three() -> None:
    """c = 0.4 of T = 1: 0.4 with one, 0.8 with two, 1 with three. The first piece is capacity itself, the
    second rises by 0.2 from 0.8: x <= 0.2 N + 0.4."""
    assert pieces([0.4] * 9, 1.0) == [(pytest.approx(0.2), pytest.approx(0.4))]


def test_small_pools_carry_less() -> None:
    """0.1 with one system, 1 with two: the straight line from none to two, x <= 0.5 N."""
    assert pieces([0.1, 0.6, 0.6, 0.7], 1.0) == [(pytest.approx(0.5), 0.0)]


def test_many_systems_need_no_rows() -> None:
    assert pieces([0.05] * 9, 1.0) == []


@given(
    st.lists(st.floats(0.01, 2.0), min_size=2, max_size=8),
    st.floats(0.05, 3.0),
)
def test_pieces_hold_at_every_number(steps: list[float], most: float) -> None:
    """No whole number of systems breaks a piece: min(T, N c(N)) <= a N + b, N = 0, 1, 2, ... and beyond."""
    best = [max(steps[: n + 1]) for n in range(len(steps))]
    for a, b in pieces([*best, best[-1]], most):
        assert b >= 0
        for n in range(20):
            height = min(most, n * best[min(n, len(best)) - 1]) if n else 0.0
            assert height <= (a * n + b) * (1 + 1e-9)


def test_no_optimum_is_lost_and_fractions_are() -> None:
    """Random problems cost the same with and without the rows; their linear programs cost more with them."""
    raised = rows = 0
    for seed in range(200):
        problem = make_case(seed).prepared.problem
        if not problem.by_the_hour:
            continue
        with_rows, bare = build_program(problem), build_program(problem, LINKS)
        rows += sum(row.family == FAMILY for row in with_rows.rows)
        models = HighsModel(with_rows), HighsModel(bare)
        cost, same = (model.solve() for model in models)
        assert cost.ending is same.ending
        if cost.values is None:
            continue
        assert cost.objective == pytest.approx(same.objective, rel=1e-7, abs=1e-7)
        bounds = []
        for model in models:
            with model.relaxed():
                bounds.append(model.solve(linear=True).objective)
        assert bounds[0] >= bounds[1] * (1 - 1e-9)
        assert bounds[0] <= cost.objective * (1 + 1e-7)
        raised += not math.isclose(bounds[0], bounds[1], rel_tol=1e-6)
    assert rows > 0
    assert raised >= 5
