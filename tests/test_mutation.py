"""No family or cost term can be removed, flipped or scaled by 1.01 without the verifier noticing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from mutants import CHANGES, changed, instances, kills, mutants, says_the_same
from small_problems import make_case

from solver.backend.highs import HighsModel
from solver.formulation.build import build_program
from solver.formulation.linking import FAMILY, LINKS
from solver.formulation.model import Program
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


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ENTRIES)
def test_mutants_differ_from_the_program(name: str, change: str) -> None:
    """Each change is made, to the rows or costs of the entry and (but for columns that removed rows alone
    would have) to nothing else. Only rows that forbid (x <= 0) have nothing that 1 % would change."""
    problem = next(iter(instances(name)))
    program, made = build_program(problem, LINKS), list(mutants(problem, name, change))
    assert made or (change == "scale" and name in ("available", "residency"))
    for mutant in made:
        assert own(mutant, name) != own(program, name)
        if change != "remove":
            assert others(mutant, name) == others(program, name)


def own(program: Program, name: str) -> object:
    """What an entry puts into a program."""
    return [row for row in program.rows if row.family == name], program.costs.get(name)


def others(program: Program, name: str) -> object:
    """What all other entries put into it."""
    rows = [row for row in program.rows if row.family != name]
    return rows, {n: terms for n, terms in program.costs.items() if n != name}


def links(seeds: int = 60) -> Iterator[Program]:
    """Programs with rows that follow (family ``linking``), of random small problems with several hours."""
    for seed in range(seeds):
        problem = make_case(seed).prepared.problem
        if problem.by_the_hour:
            program = build_program(problem)
            if any(row.family == FAMILY for row in program.rows):
                yield program


def bound_and_cost(program: Program) -> tuple[float | None, float | None]:
    """Cost of the linear program and of the whole one, k$ (None: no plan)."""
    model = HighsModel(program)
    whole = model.solve()
    with model.relaxed():
        linear = model.solve(linear=True)
    return tuple(None if o.values is None else o.objective for o in (linear, whole))  # type: ignore[return-value]


@pytest.mark.parametrize("change", ["remove", "flip", "loosen", "tighten"])
def test_mutants_of_rows_that_follow_are_noticed(change: str) -> None:
    """Every plan keeps these rows by itself, so none of a mutant can be invalid: the exact check has nothing
    to reject. Removed or loosened they lower the bound; flipped or tightened they cut optima off, which the
    comparison with the program without them shows (tests/test_linking.py holds them to it)."""
    lower = dearer = 0
    for program in links():
        rows = [r for r in program.rows if r.family != FAMILY or change != "remove"]
        if change != "remove":
            rows = [changed(r, change) if r.family == FAMILY else r for r in rows]
        assert rows != program.rows
        bound, cost = bound_and_cost(program)
        mutant_bound, mutant_cost = bound_and_cost(replace(program, rows=rows))
        if cost is None or bound is None:
            continue
        lower += mutant_bound is not None and mutant_bound < bound * (1 - 1e-6)
        dearer += mutant_cost is None or mutant_cost > cost * (1 + 1e-6)
    if change in ("remove", "loosen"):
        assert lower > 0 and dearer == 0
    else:
        assert dearer > 0
