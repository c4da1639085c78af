"""Programs that fall apart: solved part by part, the same optimum."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine import apart
from solver.engine.apart import parts_of, search, solve_apart
from solver.formulation.model import Program


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Iterator[None]:
    """Parts as small as those of these examples stand alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apart, "SMALLEST", 1)
        yield


def knapsacks(needs: list[int], join: bool = False, size: int = 12) -> Program:
    """Parts of ``size`` columns each: cover 10 x need with columns that cover 3, 4, 5, ... at 1 + cover."""
    program = Program()
    for n, need in enumerate(needs):
        columns = [program.add(("R", n, m), 0, 20, integer=True) for m in range(size)]
        for m, c in enumerate(columns):
            program.cost("price", c, 4.0 + m + 0.5 * n)
        terms = {c: 3.0 + m for m, c in enumerate(columns)}
        program.row(f"need{n}", "demand", terms, ">=", 10.0 * need, unit="u", sentence="s")
    if join:
        everything = dict.fromkeys(range(len(program.columns)), 1.0)
        program.row("together", "supply", everything, "<=", 1000.0, unit="u", sentence="s")
    return program


def test_two_needs_without_a_common_row_are_two_parts() -> None:
    """Needs of 10 and 20: the same plan and bound as of both at once; with a row over all, one part."""
    program = knapsacks([1, 2], size=20)
    model = HighsModel(program)
    found = solve_apart(model, {}, 0.0, None, None)
    assert found is not None
    whole = HighsModel(program).solve()
    assert (found.ending, found.objective) == (Ending.OPTIMAL, pytest.approx(whole.objective, abs=1e-9))
    assert found.bound == pytest.approx(whole.bound, abs=1e-6)
    assert found.values is not None
    for row in program.rows:
        assert sum(a * found.values[c] for c, a in row.terms) >= row.rhs - 1e-9
    assert solve_apart(HighsModel(knapsacks([1, 2], join=True, size=20)), {}, 0.0, None, None) is None


def test_columns_that_bounds_fix_tie_nothing_together() -> None:
    """A row over all columns but the sixth of the first part: where that one alone is free, two parts."""
    program = knapsacks([1, 2], size=20)
    program.row(
        "together", "supply", {c: 1.0 for c in range(40) if c != 5}, "<=", 9.0, unit="u", sentence="s"
    )
    assert parts_of(program, program.objective(), {}) is None
    held = {c: (0.0, 0.0) for c in range(20) if c != 5} | {1: (2.0, 2.0)}
    found = parts_of(program, program.objective(), held)
    assert found is not None
    parts, fixed = found
    assert (sorted(fixed), fixed[1]) == (sorted(held), 2.0)
    assert sorted(part.columns for part in parts) == [[5], list(range(20, 40))]
    rooms = [row.rhs for part in parts for row in part.program.rows if row.name == "together"]
    assert rooms == [9.0 - 2.0]
    broken = dict.fromkeys(range(40), (4.0, 4.0)) | {5: (0.0, 9.0), 6: (0.0, 9.0)}
    assert parts_of(program, program.objective(), broken) is None  # the whole says that nothing fits


def test_a_part_without_a_plan_leaves_the_whole_without_one() -> None:
    """Needs of 10 and of 30,000: the second cannot be met."""
    found = solve_apart(HighsModel(knapsacks([1, 30000], size=20)), {}, 0.0, None, None)
    assert found is not None
    assert (found.ending, found.values) == (Ending.INFEASIBLE, None)


def test_what_is_known_stands_after_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the first part: its plan, and the known one in the part that was never begun."""
    program = knapsacks([1, 2], size=20)
    known = np.zeros(40)
    known[[0, 20]] = 4.0, 7.0
    real = HighsModel.solve

    def stopped(model: HighsModel, *args: float) -> Outcome:
        outcome = real(model, *args)
        return Outcome(Ending.FEASIBLE, "kInterrupt", outcome.values, outcome.objective, 0.0, 0.0, True)

    monkeypatch.setattr(HighsModel, "solve", stopped)
    found = solve_apart(HighsModel(program), {}, 0.0, None, known)
    assert found is not None
    assert found.interrupted
    assert found.values is not None
    assert found.ending is Ending.FEASIBLE
    assert found.values[20:].tolist() == known[20:].tolist()
    nothing = solve_apart(HighsModel(program), {}, 0.0, None, None)
    assert nothing is not None
    assert (nothing.values, nothing.ending, nothing.interrupted) == (None, Ending.INTERRUPTED, True)


@settings(max_examples=30, deadline=None)
@given(
    needs=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    held=st.dictionaries(st.integers(0, 47), st.integers(0, 3), max_size=8),
)
def test_part_by_part_costs_what_the_whole_costs(needs: list[int], held: dict[int, int]) -> None:
    """Random needs, some columns held: the same optimum and bound."""
    program = knapsacks(needs)
    bounds = {c: (float(n), float(n)) for c, n in held.items() if c < len(program.columns)}
    model = HighsModel(program)
    found = solve_apart(model, bounds, 0.0, None, None)
    with model.bounded(bounds):
        whole = model.solve()
    assert found is not None
    assert found.ending is whole.ending
    assert found.objective == pytest.approx(whole.objective, abs=1e-6)
    assert found.values is not None
    assert all(found.values[c] == low for c, (low, _) in bounds.items())


def test_a_known_plan_stands_where_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS may not take up a plan that it is offered: the time is over with nothing found."""
    nothing = Outcome(Ending.NO_POINT, "kTimeLimit", None, np.inf, 30.0, 1.0)
    monkeypatch.setattr(HighsModel, "solve", lambda *_: nothing)
    model = HighsModel(knapsacks([3]))
    values = np.zeros(12)
    values[0] = 10.0  # covers 3 x 10 at 4 k$ each
    found = search(model, {}, 0.0, 1.0, values)
    assert (found.ending, found.objective, found.bound) == (Ending.FEASIBLE, 40.0, 30.0)
    assert found.values is values
    assert search(model, {}, 0.0, 1.0) is nothing


def test_a_known_plan_beyond_the_bounds_is_not_taken_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parts, each served by column 0 in the known plan, which bounds shut in both. Nothing is found for
    either in time: half of a plan is none, so the whole known plan stands."""
    program = knapsacks([3, 3])
    nothing = Outcome(Ending.NO_POINT, "kTimeLimit", None, np.inf, 10.0, 1.0)
    monkeypatch.setattr(HighsModel, "solve", lambda *_: nothing)
    values = np.zeros(24)
    values[[0, 12]] = 10.0
    model = HighsModel(program)
    shut = {0: (0.0, 0.0), 12: (0.0, 0.0)}
    assert parts_of(program, model.costs, shut) is not None
    found = search(model, shut, 0.0, 1.0, values)
    assert found.values is not None
    for row in program.rows:
        assert sum(a * found.values[c] for c, a in row.terms) >= row.rhs
    assert found.objective == pytest.approx(85.0)  # 10 x 4 and 10 x 4.5
