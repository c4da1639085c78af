"""Every hour served by a fixed fleet, also where work that waits ties hours together."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.backend.linear import Rows, least
from solver.engine.dispatch import _hours_apart, dispatch
from solver.formulation.model import Program

ROOM, RENT_KUSD = 10, 3.0


def day(arriving: list[int], bought: int) -> Program:
    """Work that waits for at most an hour, around the day: systems of ROOM units, bought and rented."""
    program, hours = Program(), len(arriving)
    buy = program.add(("buy", 0, 0, 0), bought, bought, integer=True)
    waits = [program.add(("q", 0, t)) for t in range(hours)]
    for t, units in enumerate(arriving):
        rent = program.add(("rent", 0, 0, t), 0, 20, integer=True)
        program.cost("rental", rent, RENT_KUSD)
        done = program.add(("x", 0, 0, "e", 0, t))
        balance = {waits[t]: 1.0, waits[t - 1]: -1.0, done: 1.0}
        program.row(f"work{t}", "demand", balance, "==", units, unit="u", sentence="s")
        program.row(f"late{t}", "deadline", {waits[t]: 1.0}, "<=", units, unit="u", sentence="s")
        capacity = {done: 1.0, rent: -float(ROOM), buy: -float(ROOM)}
        program.row(f"hour{t}", "capacity", capacity, "<=", 0.0, unit="u", sentence="s")
    return program


def served(program: Program, values: np.ndarray) -> float:
    """Cost of values, after a look at every row."""
    for row in program.rows:
        left = sum(a * values[c] for c, a in row.terms)
        over = left - row.rhs
        assert over <= 1e-6 if row.sense == "<=" else abs(over) <= 1e-6
    assert all(abs(values[c] - round(values[c])) < 1e-6 for c, k in enumerate(program.columns) if k.integer)
    return float(sum(kusd * values[c] for c, kusd in program.objective().items()))


def test_work_that_waits_fills_rented_systems() -> None:
    """Four hours of 5 units: rented for two of them, 10 units are done in each. 6 k$."""
    program = day([5, 5, 5, 5], bought=0)
    found = dispatch(program, {0: 0.0}, 0.0, time.perf_counter() + 60)
    assert found is not None
    assert served(program, found) == pytest.approx(2 * RENT_KUSD)


def test_hours_apart_keep_what_waits() -> None:
    """With nothing waiting each of the four hours rents a system of its own: 12 k$. With 5 units waiting at
    the end of the first and third hour, 6 k$."""
    program = day([5, 5, 5, 5], bought=0)
    for waiting, kusd in ((0.0, 12.0), (5.0, 6.0)):
        values = np.zeros(len(program.columns))
        values[[1, 3]] = waiting
        known = _hours_apart(
            program, {0: 0.0}, program.objective(), program.rows, values, 0.0, time.perf_counter() + 60
        )
        assert known is not None
        found = np.array([known.get(c, 0.0) for c in range(len(program.columns))])
        assert served(program, found) == pytest.approx(kusd)


@settings(max_examples=30, deadline=None)
@given(arriving=st.lists(st.integers(0, 25), min_size=2, max_size=4), bought=st.integers(0, 1))
def test_no_choice_of_rentals_is_cheaper(arriving: list[int], bought: int) -> None:
    """All numbers of rented systems: enough room in every run of hours for what must be done within it."""
    program = day(arriving, bought)
    found = dispatch(program, {0: float(bought)}, 0.0, time.perf_counter() + 60)
    assert found is not None
    hours = len(arriving)

    def enough(rented: tuple[int, ...]) -> bool:
        """By Hall: work of any consecutive hours has these hours and the next one; all work has the day."""
        room = [ROOM * (bought + n) for n in rented]
        runs = [
            [(a + n) % hours for n in range(length)] for a in range(hours) for length in range(1, hours + 1)
        ]
        for run in runs:
            places = {*run, (run[-1] + 1) % hours}
            if sum(arriving[t] for t in run) > sum(room[t] for t in places):
                return False
        return True

    best = min(sum(n) for n in itertools.product(range(4), repeat=hours) if enough(n))
    assert served(program, found) == pytest.approx(best * RENT_KUSD)


def test_a_known_plan_that_highs_refuses_is_no_silent_loss() -> None:
    """Values of another number of columns: a fault of ours, which the return code tells."""
    rows = Rows.none()
    rows.add({0: 1.0}, 3.0, np.inf)
    costs, high = np.array([1.0]), np.array([9.0])
    found = least(costs, rows, high, whole=[0], known=np.array([4.0]))
    assert found is not None
    assert list(found) == [3.0]
    with pytest.raises(RuntimeError, match="known plan"):
        least(costs, rows, high, whole=[0], known=np.array([4.0, 1.0]))
