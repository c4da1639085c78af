"""No family or cost term can be removed, flipped or scaled by 1.01 without the verifier noticing."""

import pytest
from mutants import CHANGES, Instance, instances, kills, mutants, says_the_same

from solver.formulation.registry import COSTS, FAMILIES

ENTRIES = sorted({*FAMILIES, *COSTS})


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ENTRIES)
def test_the_verifier_rejects_a_plan_of_a_mutant(name: str, change: str) -> None:
    rejected, _ = kills(name, change)
    if not rejected and change == "scale" and says_the_same(name):
        pytest.skip("rows that forbid, or tie a yes or no to a number, say the same when scaled")
    assert rejected, f"no plan of {name} ({change}) is rejected; add an instance to tests/mutants.py"


@pytest.mark.parametrize("name", ["available", "lots", "residency", "staffed"])
def test_yes_or_no(name: str) -> None:
    """Lots hold numbers of the user in such rows, and scaling those is noticed."""
    assert says_the_same(name)
    assert bool(kills(name, "scale")[0]) == (name == "lots")


def test_a_family_of_sums_does_not_say_the_same() -> None:
    assert not says_the_same("systems")
    assert not says_the_same("budget")


def test_mutants_differ_from_the_program() -> None:
    (instance, *_) = map(Instance, instances("systems"))
    assert all(m.rows != instance.program.rows for m in mutants(instance.problem, "systems", "scale"))
