"""Other goals from the same rows, and fleets of other make-up."""

from dataclasses import replace

import pytest
from test_registry import base, change

from solver.backend.highs import HighsModel
from solver.domain.workload import Money, Site
from solver.engine.near_best import add_use, forbid
from solver.errors import UsageError
from solver.formulation.build import build_program
from solver.formulation.goals import goal_terms, hold_goal
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.operating_points.build import Menu


def frugal() -> Problem:
    """As base(): s1 carries 1 request/s, s2 half of that; but s2 draws a tenth of the power."""
    problem = change(base(), objective="power")
    facts = {
        "s1": replace(problem.systems["s1"], power_typ_kw=10.0),
        "s2": replace(problem.systems["s2"], power_typ_kw=1.0),
    }
    return replace(problem, systems=facts)


def test_least_power_takes_the_frugal_system() -> None:
    """2 requests/s: two s1 at 10 kW or four s2 at 1 kW; PUE 1.3 gives 5.2 kW."""
    problem = frugal()
    program = build_program(problem)
    terms = goal_terms(problem, program)
    outcome = HighsModel(program, terms).solve()
    assert outcome.objective == pytest.approx(4 * 1.0 * 1.3)
    hold_goal(program, terms, outcome.objective, "power")
    assert HighsModel(program).solve().objective == pytest.approx(400.0)  # four at $100k


def test_most_traffic_within_a_budget() -> None:
    """$100k buys one system, which carries 1 of 2 requests/s."""
    problem = change(base(), objective="traffic", money=Money(discount_rate=0.0, budget_capex_usd=100_000))
    program = build_program(problem)
    terms = goal_terms(problem, program)
    outcome = HighsModel(program, terms).solve()
    assert outcome.objective == pytest.approx(50.0)  # per cent unserved
    hold_goal(program, terms, outcome.objective, "traffic")
    assert HighsModel(program).solve().objective == pytest.approx(100.0)


def test_carbon_needs_an_intensity() -> None:
    problem = change(base(), objective="carbon")
    with pytest.raises(UsageError, match="carbon_kg_kwh"):
        goal_terms(problem, build_program(problem))


def test_carbon_counts_tonnes() -> None:
    """Two s1 at 10 kW for 3 years at PUE 1 and 0.5 kg/kWh, or four s2 at 1 kW: 4 x 8766 x 3 x 0.5 kg."""
    problem = change(frugal(), objective="carbon", sites=(Site(name="a", pue=1.0, carbon_kg_kwh=0.5),))
    program = build_program(problem)
    outcome = HighsModel(program, goal_terms(problem, program)).solve()
    assert outcome.objective == pytest.approx(4 * 8766 * 3 * 0.5 / 1000)


def test_each_next_fleet_lacks_a_system_of_those_before() -> None:
    """Best: two s1 ($200k). Without s1: four s2 ($400k). Then nothing is left."""
    problem = base()
    prepared = Prepared(problem, problem.periods, Menu(problem.points, (), (), 0), ())
    program = build_program(problem)
    used = add_use(prepared, program)
    costs = []
    for number in range(3):
        outcome = HighsModel(program).solve()
        if outcome.values is None:
            break
        costs.append(outcome.objective)
        forbid(program, used, outcome, number)
    assert costs == pytest.approx([200.0, 400.0])
