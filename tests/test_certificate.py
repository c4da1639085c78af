"""The certified bound: below the true optimum whatever the multipliers are, and often equal to it."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from small_problems import cheapest, make_case

from solver.backend.highs import HighsModel
from solver.engine.certificate import Exact, certified_bound
from solver.engine.solve import Request, solve
from solver.formulation.build import build_program
from solver.formulation.model import Program
from solver.inputs.workload import load_workload
from solver.paths import find_workload


def covering(need: float = 5.0) -> Program:
    """min 2 x, 2 x >= need, x whole, at most 10."""
    program = Program()
    program.cost("purchase", program.add(("buy", 0), 0, 10, integer=True), 2.0)
    program.row("need", "demand", {0: 2.0}, ">=", need, unit="systems", sentence="")
    return program


def test_by_hand() -> None:
    """With y = 1 for 2 x >= 5: L = 5 + min over 0..10 of (2 - 2) x = 5. With y = 2: 10 + (2 - 4) 10 = -10;
    a negative y has the wrong sign and counts as 0."""
    exact = Exact.of(covering())
    assert [exact.least([y], {}, costs=True) for y in (1.0, 2.0, -3.0)] == [5, -10, 0]


def test_branching_closes_what_rounding_leaves_open() -> None:
    """x = 2.5 in the linear program: x <= 2 holds no plan (4 < 5), x >= 3 costs 6."""
    program = covering()
    assert certified_bound(program, HighsModel(program), 6.0) == 6


def test_a_part_without_plan_is_proven_empty() -> None:
    """At x <= 2, y = 1 and costs 0: 5 - 2 x 2 = 1 > 0, so no x fulfils 2 x >= 5."""
    assert Exact.of(covering()).least([1.0], {0: (0.0, 2.0)}, costs=False) == 1


def test_boxes_of_traffic_come_from_its_demand() -> None:
    """x + a = 3 and both >= 0: neither is above 3, so a dual that is off by d costs 3 d."""
    program = Program()
    for name, kusd in (("x", 1.0), ("a", 2.0)):
        program.cost("api", program.add((name,)), kusd)
    program.row("all", "demand", {0: 1.0, 1: 1.0}, "==", 3.0, unit="peaks", sentence="")
    exact = Exact.of(program)
    assert [high for _, high in exact.boxes] == [3 << exact.scale] * 2
    assert exact.least([1.0], {}, costs=True) == 3
    assert exact.least([1.25], {}, costs=True) == Fraction(15, 4) - Fraction(3, 4)


def test_what_waits_is_bounded_by_its_row_and_then_bounds_traffic() -> None:
    """x - q = 1 and 2 q <= 3: q is at most 1.5, rounded up 2 (all numbers are whole), so x is at most 3."""
    program = Program()
    for name in ("x", "q"):
        program.add((name,))
    program.row("all", "demand", {0: 1.0, 1: -1.0}, "==", 1.0, unit="peaks", sentence="")
    program.row("waits", "deadline", {1: 2.0}, "<=", 3.0, unit="peaks", sentence="")
    exact = Exact.of(program)
    ends = [Fraction(high or 0, 1 << exact.scale) for _, high in exact.boxes]
    assert ends == [3, 2]


def unbounded(kusd: float) -> Program:
    """x >= 1 at ``kusd`` each, without an upper bound."""
    program = Program()
    program.cost("api", program.add(("x",)), kusd)
    program.row("some", "demand", {0: 1.0}, ">=", 1.0, unit="peaks", sentence="")
    return program


def test_multipliers_are_moved_where_a_column_without_a_box_would_spoil_the_bound() -> None:
    """min x, x >= 1: with y = 2 the price of x is 1 - 2 < 0 and x has no end, so y is lowered to 1: L = 1."""
    assert Exact.of(unbounded(1.0)).least([2.0], {}, costs=True) == 1


def test_a_row_the_other_way_round_is_moved_too() -> None:
    """min 2 L + x, 4 x - L <= 0, x >= 1: L has no end; with y = -3 its price is 2 - 3 < 0, so y is -2.

    Then x costs 1 + 8 = 9 whatever the other row's y = 9 takes of it: L(y) = 9, the optimum (x = 1, L = 4).
    """
    program = Program()
    program.cost("energy", program.add(("load",)), 2.0)
    program.cost("api", program.add(("x",)), 1.0)
    program.row("loads", "load", {0: -1.0, 1: 4.0}, "<=", 0.0, unit="systems", sentence="")
    program.row("some", "demand", {1: 1.0}, ">=", 1.0, unit="peaks", sentence="")
    assert Exact.of(program).least([-3.0, 9.0], {}, costs=True) == 9


def test_without_a_box_there_is_no_bound() -> None:
    """min -x, x >= 1 without an end: no multiplier of the right sign makes the price of x 0."""
    assert Exact.of(unbounded(-1.0)).least([2.0], {}, costs=True) is None


@pytest.mark.parametrize("block", range(4))
def test_the_true_optimum_lies_between_certificate_and_cost(block: int) -> None:
    """In all of them; and no multipliers, however wrong, certify more than the optimum."""
    closed = checked = 0
    for seed in range(block * 15, block * 15 + 15):
        case = make_case(seed)
        best = cheapest(case)
        if best is None:
            continue
        program = build_program(case.prepared.problem)
        model = HighsModel(program)
        outcome = model.solve()
        bound = certified_bound(program, model, outcome.objective)
        assert bound is not None
        assert bound * 1000 <= best * (1 + Fraction(1, 10**12))  # the oracle reads prices undiscounted
        assert float(best) <= outcome.objective * 1e3 * (1 + 1e-9)
        closed += bound * 1000 >= best * (1 - Fraction(1, 10**9))
        checked += 1
        rng, exact = random.Random(seed), Exact.of(program)
        for _ in range(5):
            wrong = exact.least([rng.gauss(0, 30) for _ in program.rows], {}, costs=True)
            assert wrong is None or wrong * 1000 <= best * (1 + Fraction(1, 10**12))
        again = model.solve()
        assert again.objective == pytest.approx(outcome.objective)  # whole numbers are whole again
    assert checked > 0
    assert closed >= 0.9 * checked


def test_an_infeasible_program_certifies_no_finite_cost() -> None:
    program = covering(need=50.0)  # 2 x >= 50 with x <= 10
    assert certified_bound(program, HighsModel(program), np.inf) is None


@pytest.mark.parametrize(
    ("name", "share"), [("01-by-hand", 1 - 1e-6), ("06-three-services", 0.9), ("32-tariff", 1 - 1e-6)]
)
def test_plans_carry_both_bounds(name: str, share: float) -> None:
    plan = solve(load_workload(find_workload(name)), request=Request(compare=False))
    assert plan.certified_bound_usd is not None
    assert plan.certified_bound_usd <= plan.objective_usd
    assert plan.certified_bound_usd >= share * plan.objective_usd
    assert plan.closed
    assert plan.bound_usd == pytest.approx(plan.objective_usd)
