"""Goals other than cost: what a plan reaches, the bound that is proven, and the check of both."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problems import make_case
from test_procurement import catalogs, lines, plan_of
from test_registry import base, change

from solver.backend.highs import HighsModel
from solver.domain.workload import Money
from solver.engine.certificate import certified_goal
from solver.formulation.build import build_program
from solver.formulation.goals import goal_terms, hold_goal
from solver.plan.findings import Goal
from solver.plan.plan import Plan
from solver.reports.words import bounds_sentence
from solver.verify import verify_plan

NAME, HOURS = "49-least-carbon", 3 * 8766
H100, B200 = "dgx-h100", "dgx-b200"


def kw(system: str, which: str = "power_typ_kw") -> float:
    value = catalogs()[0].systems[system].get(which)
    assert value is not None
    return value


def goal_of(plan: Plan) -> Goal:
    assert plan.goal is not None
    return plan.goal


def test_the_lesson() -> None:
    """(11 + 7.5) kW in the north, 7.5 kW in the south, PUE 1.3: 19.0 + 76.9 t."""
    plan = plan_of(NAME)
    assert {(s.site, s.system, s.count) for s in plan.systems} == {
        ("north", B200, 1),
        ("north", H100, 1),
        ("south", H100, 1),
    }
    tonnes = 1.3 * HOURS * ((kw(B200) + kw(H100)) * 0.03 + kw(H100) * 0.3) / 1000
    goal = goal_of(plan)
    assert (goal.value, goal.unit) == (pytest.approx(tonnes), "t CO2e")
    assert goal.certified_bound == pytest.approx(tonnes, rel=1e-9)
    assert goal.certified_bound <= goal.value
    assert plan.certified_bound_usd == pytest.approx(plan.objective_usd, rel=1e-6)
    assert "The plan reaches 95.8957 t CO2e; certified in exact arithmetic" in bounds_sentence(plan)
    cost = plan_of(NAME, "objective=cost")
    assert lines(cost) == {("buy", B200, 0, 2)}
    assert cost.goal is None
    power = goal_of(plan_of(NAME, "objective=power"))
    assert (power.value, power.unit) == (pytest.approx(2 * kw(B200) * 1.3), "kW on average")
    assert power.certified_bound == pytest.approx(power.value, rel=1e-9)
    left = goal_of(plan_of("33-most-traffic"))
    assert left.value == pytest.approx(60)
    assert left.certified_bound == pytest.approx(60, rel=1e-6)


@pytest.mark.parametrize(
    ("rate", "north", "objective"), [(50, 21, "carbon"), (35, 30, "power"), (70, 40, "carbon")]
)
def test_the_least_by_enumeration(rate: int, north: int, objective: str) -> None:
    """All numbers of both systems at both sites, what fits the north's power."""
    intensity = {"north": 0.03, "south": 0.3} if objective == "carbon" else {"north": 1.0, "south": 1.0}
    best = float("inf")
    for a, b, c, d in product(range(8), repeat=4):
        if 10 * (a + c) + 20 * (b + d) < rate:
            continue
        if a * kw(H100, "power_max_kw") + b * kw(B200, "power_max_kw") > north:
            continue
        drawn = (a * kw(H100) + b * kw(B200)) * intensity["north"]
        drawn += (c * kw(H100) + d * kw(B200)) * intensity["south"]
        best = min(best, drawn * 1.3 * (HOURS / 1000 if objective == "carbon" else 1))
    plan = plan_of(
        NAME,
        f"services.0.demand.requests_per_s={rate}",
        f"sites.north.power={north} kW",
        f"objective={objective}",
    )
    goal = goal_of(plan)
    assert goal.value == pytest.approx(best)
    assert goal.certified_bound is not None
    assert goal.certified_bound <= best * (1 + 1e-12)
    assert goal.certified_bound == pytest.approx(best, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(number=st.integers(1, 40), objective=st.sampled_from(["power", "traffic"]))
def test_no_bound_lies_above_the_best(number: int, objective: str) -> None:
    """Small programs of many shapes; the traffic within a budget of what one system costs."""
    problem = make_case(number).prepared.problem
    money = problem.workload.money
    if objective == "traffic":
        cheapest = min((o.price_usd for o in problem.offers if o.kind == "buy"), default=0.0)
        money = money.model_copy(update={"budget_total_usd": max(cheapest, 1.0) * 1.5})
    problem = change(problem, objective=objective, money=money)
    program = build_program(problem)
    terms = goal_terms(problem, program)
    outcome = HighsModel(program, terms).solve()
    if outcome.values is None:
        return
    hold_goal(program, terms, outcome.objective, objective)
    bound = certified_goal(program, terms, outcome.objective)
    assert bound is not None
    assert bound <= Fraction(outcome.objective) + Fraction(1, 10**6) * max(
        1, abs(Fraction(outcome.objective))
    )


def test_a_bound_by_hand() -> None:
    """$150k buy one system of $100k, which carries 1 of 2 requests/s: 50 % are left out; 1.5 systems of the
    linear program would leave out 25 %. Branching proves the 50."""
    problem = change(base(), objective="traffic", money=Money(discount_rate=0.0, budget_capex_usd=150_000))
    program = build_program(problem)
    terms = goal_terms(problem, program)
    model = HighsModel(program, terms)
    with model.relaxed():
        assert model.solve(linear=True).objective == pytest.approx(25.0)
    assert float(certified_goal(program, terms, 50.0) or 0) == pytest.approx(50.0)


def with_goal(plan: Plan, **changes: object) -> set[str]:
    goal = goal_of(plan).model_copy(update=changes)
    return {f.check for f in verify_plan(plan.model_copy(update={"goal": goal})).failures}


@pytest.mark.parametrize("name", [NAME, "33-most-traffic"])
def test_the_check_recomputes_the_goal(name: str) -> None:
    plan = plan_of(name)
    value = goal_of(plan).value
    assert with_goal(plan) == set()
    assert with_goal(plan, value=value * 1.001) == {"goal"}
    assert with_goal(plan, certified_bound=value * 1.001) == {"goal"}
    assert with_goal(plan, certified_bound=value * 0.5) == set()
    assert with_goal(plan, value=float("nan")) == {"shape"}


def test_the_check_counts_idle_power_and_rent() -> None:
    """Power that follows the load, systems sold, systems rented: the program's value is the plan's."""
    day = f"services.0.demand={{requests_per_s: {[40] * 4 + [10] * 20}}}"
    for objective in ("carbon", "power"):
        for changes in (
            ("hardware.idle_power_share=30 %",),
            ("services.0.acquisitions=[buy, rent]",),
            ("services.0.demand.growth=20 %", "money.resale=[70 %, 50 %]"),
        ):
            plan = plan_of(NAME, day, f"objective={objective}", *changes)
            assert goal_of(plan).certified_bound is not None
            assert with_goal(plan) == set()
