"""The program, its routing repair and the verifier against enumeration in exact arithmetic."""

import pytest
from small_problems import cheapest, make_case

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending
from solver.engine.assemble import assemble
from solver.formulation.build import build_program
from solver.inputs.catalogs import load_catalog
from solver.plan.routing import repair
from solver.verify.from_plan import verify_plan

#: The shipped catalogs with an entry for the cases' own API.
CATALOG = load_catalog().model_copy(update={"apis": {"api": next(iter(load_catalog().apis.values()))}})


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
    routing = repair(program, outcome.values)
    assert routing.fullest <= 1.0
    plan = assemble(case.loaded, CATALOG, case.prepared, program, outcome, routing)
    verdict = verify_plan(plan)
    assert verdict.passed, (seed, verdict.failures)
    assert plan.objective_usd == pytest.approx(float(best), rel=1e-7)


@pytest.mark.parametrize("block", range(10))
def test_optimum_equals_enumeration(block: int) -> None:
    for seed in range(block * 12, block * 12 + 12):
        compare(seed)


@pytest.mark.long
@pytest.mark.parametrize("block", range(20))
def test_optimum_equals_enumeration_on_2000(block: int) -> None:
    for seed in range(1000 + block * 100, 1100 + block * 100):
        compare(seed)
