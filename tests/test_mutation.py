"""No family or cost term can be removed, flipped or scaled by 1.01 without the verifier noticing."""

import pytest
from mutants import CHANGES, SCALING_SAYS_THE_SAME, Instance, instances, kills, mutants

from solver.formulation.registry import COSTS, FAMILIES

ENTRIES = sorted({*FAMILIES, *COSTS})


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ENTRIES)
def test_the_verifier_rejects_a_plan_of_a_mutant(name: str, change: str) -> None:
    if change == "scale" and name in SCALING_SAYS_THE_SAME:
        pytest.skip(SCALING_SAYS_THE_SAME[name])
    rejected, _ = kills(name, change)
    assert rejected, f"no plan of {name} ({change}) is rejected; add an instance to tests/mutants.py"


@pytest.mark.parametrize("name", sorted(SCALING_SAYS_THE_SAME))
def test_where_scaling_says_the_same_the_optimum_stays(name: str) -> None:
    for instance in map(Instance, instances(name)):
        for program in mutants(instance.problem, name, "scale"):
            assert not instance.notice(program, name).plan_rejected
