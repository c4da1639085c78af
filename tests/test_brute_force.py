"""The program, its routing repair and the verifier against enumeration in exact arithmetic."""

import pytest
from small_problems import cheapest, make_case

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending
from solver.formulation.build import build_program
from solver.plan.routing import repair


def compare(seed: int) -> None:
    case = make_case(seed)
    best = cheapest(case)
    program = build_program(case.prepared.problem)
    outcome = HighsModel(program).solve()
    if best is None:
        assert outcome.ending is Ending.INFEASIBLE
        return
    assert outcome.ending is Ending.OPTIMAL
    assert outcome.values is not None
    assert outcome.objective * 1e3 == pytest.approx(float(best), rel=1e-7)
    assert repair(program, outcome.values).fullest <= 1.0


@pytest.mark.parametrize("block", range(10))
def test_optimum_equals_enumeration(block: int) -> None:
    for seed in range(block * 12, block * 12 + 12):
        compare(seed)


@pytest.mark.long
@pytest.mark.parametrize("block", range(20))
def test_optimum_equals_enumeration_on_2000(block: int) -> None:
    for seed in range(1000 + block * 100, 1100 + block * 100):
        compare(seed)
