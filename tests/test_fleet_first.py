"""The fleet in whole numbers first: a bound, and a plan whose hours are served in whole numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.fleet_first import fleet_first, hourly_counts, served
from solver.formulation.model import Program


def hours(demand: list[int], buy_kusd: float, rent_kusd: float) -> Program:
    """Each hour served by systems bought once and systems rented in it, of 10 units each."""
    program = Program()
    buy = program.add(("buy", 0, 0, 0), 0, 20, integer=True)
    program.cost("price", buy, buy_kusd)
    for t, units in enumerate(demand):
        rent = program.add(("rent", 0, 0, t), 0, 20, integer=True)
        program.cost("rental", rent, rent_kusd)
        program.row(f"hour{t}", "capacity", {buy: 10.0, rent: 10.0}, ">=", units, unit="u", sentence="s")
    return program


def test_a_fleet_and_its_hours() -> None:
    """Hours of 15, 5, 5 and 5 units. In fractions one system at 8 and half a one at 3 cost 9.5; rent alone
    (3 systems in fractions) costs 9, the bound. Its fleet, none, rents 2 + 1 + 1 + 1 whole ones: 15."""
    program = hours([15, 5, 5, 5], buy_kusd=8.0, rent_kusd=3.0)
    model = HighsModel(program)
    assert hourly_counts(program) == [1, 2, 3, 4]
    fleet = fleet_first(model, 0.0, None, None)
    assert (fleet.ending, fleet.bound) == (Ending.OPTIMAL, pytest.approx(9.0))
    (plan,) = served(model, fleet, 0.0, None)
    assert (plan.ending, plan.objective) == (Ending.FEASIBLE, pytest.approx(15.0))
    assert plan.bound == fleet.bound
    best = model.solve()
    assert best.objective == pytest.approx(11.0)  # one bought, one rented in the first hour


def test_programs_of_few_hours_have_none_to_leave_in_fractions() -> None:
    """Four purchases that differ and one hour: a fifth of the whole numbers. Hours alone are no fleet."""
    program = hours([15], 8.0, 3.0)
    for n in range(1, 4):
        program.add(("buy", n, 0, 0), 0, 20, integer=True)
    assert hourly_counts(program) == []
    program = hours([15, 5, 5], 8.0, 3.0)
    program.columns[1] = program.columns[1].shut()
    assert hourly_counts(program) == [2, 3]
    program.columns[0] = program.columns[0].shut()
    assert hourly_counts(program) == []


@settings(max_examples=40, deadline=None)
@given(
    demand=st.lists(st.integers(0, 60), min_size=3, max_size=8),
    buy=st.integers(1, 40),
    rent=st.integers(1, 9),
)
def test_bound_optimum_and_plan_are_in_order(demand: list[int], buy: int, rent: int) -> None:
    """Bound <= best cost, over all numbers of systems to buy, <= cost of the plan, which serves all."""
    program = hours(demand, float(buy), float(rent))
    model = HighsModel(program)
    fleet = fleet_first(model, 0.0, None, None)
    (plan,) = served(model, fleet, 0.0, None)
    best = min(n * buy + sum(rent * max(0, -(-units // 10) - n) for units in demand) for n in range(8))
    assert fleet.bound <= best + 1e-6
    assert plan.values is not None
    assert plan.objective >= best - 1e-6
    assert np.allclose(plan.values, plan.values.round())
    for row in program.rows:
        assert sum(a * plan.values[c] for c, a in row.terms) >= row.rhs - 1e-6


def test_pools_of_the_hour_make_hours_a_matter_of_their_own() -> None:
    """Two hours of 12 and 4 units, on 2 systems of the year of 10 units each, in replicas of half a system (5
    units) that stand or are changed by the hour, and systems by the hour at 3. A fleet with 1 system whose
    replicas stand, 2 of them, is served by one rented system in the first hour; so it is when they need not
    stand. The program with replicas at 1 k$ each tells both apart: 8 + 2 + 3 = 13, and 8 + 3 = 11."""
    program = Program()
    buy = program.add(("buy", 0, 0, 0), 0, 2, integer=True)
    stands = program.add(("R", 0, 0, 0, 0), 0, 4, integer=True)
    program.cost("price", buy, 8.0)
    program.cost("price", stands, 1.0)
    program.row("stand", "systems", {stands: 0.5, buy: -1.0}, "<=", 0.0, unit="systems", sentence="s")
    for t, units in enumerate((12, 4)):
        rent = program.add(("rent", 0, 0, t), 0, 4, integer=True)
        changes = program.add(("Q", 0, 0, t), 0, 8, integer=True)
        program.cost("rental", rent, 3.0)
        there = {stands: 0.5, changes: 0.5, buy: -1.0, rent: -1.0}
        program.row(f"there{t}", "systems", there, "<=", 0.0, unit="systems", sentence="s")
        serve = {stands: 5.0, changes: 5.0}
        program.row(f"hour{t}", "capacity", serve, ">=", units, unit="u", sentence="s")
    model = HighsModel(program)
    values = np.zeros(len(program.columns))
    values[[buy, stands]] = 1.0, 2.0
    fleet = Outcome(Ending.OPTIMAL, "kOptimal", values, 10.0, 10.0, 0.0)
    changing, standing = served(model, fleet, 0.0, None)
    assert changing.objective == pytest.approx(11.0)
    assert standing.objective == pytest.approx(13.0)
