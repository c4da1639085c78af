"""What statements about places and failures cost, and that more of them never makes a fleet cheaper."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from test_procurement import catalogs, plan_of

from solver.engine.solve import Request, solve
from solver.inputs.workload import apply_overrides, load_workload
from solver.paths import find_workload
from solver.plan.plan import Plan

TWO_WISHES = "regions=[{name: eu, residency: EU}, {name: us, residency: US}]"


def compared(name: str, *changes: str) -> Plan:
    loaded = apply_overrides(load_workload(find_workload(name)), changes)
    return solve(loaded, *catalogs(), Request(compare=True))


@pytest.mark.parametrize(
    ("lesson", "statement", "without"),
    [
        ("23-residency", "regions.0.residency", "regions=[]"),
        ("25-site-loss", "resilience.site_loss_share", "resilience={}"),
        ("26-availability", "resilience.availability", "resilience={}"),
    ],
)
def test_a_wish_costs_what_the_plan_without_it_saves(lesson: str, statement: str, without: str) -> None:
    plan, free = compared(lesson), plan_of(lesson, without)
    (wish,) = plan.wishes
    assert wish.statement == statement
    assert f"{lesson}.yaml:" in wish.place
    assert wish.without_usd == pytest.approx(free.objective_usd, rel=1e-6)
    assert wish.costs_usd == pytest.approx(plan.objective_usd - free.objective_usd, rel=1e-6)
    assert wish.costs_usd > 100_000


def test_each_wish_is_priced_with_the_others_kept() -> None:
    """Without the European one all may go to Ohio; without the American one five systems do, not six."""
    plan = compared("23-residency", TWO_WISHES)
    costs = {w.statement: w.costs_usd for w in plan.wishes}
    us_alone = plan_of("23-residency", "regions=[{name: us, residency: US}]").objective_usd
    eu_alone = plan_of("23-residency").objective_usd
    assert costs["regions.0.residency"] == pytest.approx(plan.objective_usd - us_alone, rel=1e-6)
    assert costs["regions.1.residency"] == pytest.approx(plan.objective_usd - eu_alone, rel=1e-6)


def test_a_date_of_a_site_is_priced() -> None:
    (wish,) = compared("19-two-sites", "sites.north.open_from=2028-01").wishes
    assert wish.statement == "sites.1.open_from"
    assert wish.costs_usd > 50_000


def test_without_such_statements_nothing_is_priced() -> None:
    assert compared("15-supply").wishes == ()


@pytest.mark.parametrize(
    ("lesson", "steps"),
    [
        ("25-site-loss", [f"resilience.site_loss={n} %" for n in (10, 40, 60, 76, 100)]),
        ("26-availability", [f"resilience.availability={n} %" for n in (90, 97, 99.9, 99.995)]),
        ("26-availability", [f"resilience.repair={n} h" for n in (1, 50, 400, 3000)]),
        ("22-one-supplier", [f"hardware.supplier_supply.broker={n}" for n in (8, 6, 4.5, 3, 0)]),
        ("19-two-sites", [f"sites.north.feed={n} kW" for n in (40, 20, 10)]),
        ("19-two-sites", [f"sites.north.opening=${n}k" for n in (0, 50, 90, 200)]),
    ],
)
def test_asking_for_more_never_costs_less(lesson: str, steps: list[str]) -> None:
    costs = [plan_of(lesson, step).objective_usd for step in steps]
    for weak, strong in pairwise(costs):
        assert strong >= weak - 0.01
    assert costs[-1] > costs[0]


def test_a_region_split_in_two_that_are_alike_changes_nothing() -> None:
    """The same round trips and the same law: who comes from where does not matter."""
    split = "services.0.demand.regions={eu: 30 %, ireland: 20 %, us: 50 %}"
    both = "regions=[{name: eu, residency: EU}, {name: ireland, residency: EU}]"
    plan, one = plan_of("23-residency", split, both), plan_of("23-residency")
    assert plan.objective_usd == pytest.approx(one.objective_usd)
    assert {(s.site, s.count) for s in plan.systems} == {(s.site, s.count) for s in one.systems}


def test_wishes_are_priced_where_hours_are_in_groups() -> None:
    """A week of random demand, rent by the hour: what plans differ by lies between the two ends of a wish."""
    rng = random.Random(3)
    rates = [round(rng.uniform(5, 60), 1) for _ in range(168)]
    changes = (
        f"services.0.demand={{week: {rates}, regions: {{eu: 50 %, us: 50 %}}}}",
        "services.0.acquisitions=[buy, rent]",
    )
    plan = compared("23-residency", *changes, "resilience={availability: 99.9 %}")
    assert len(plan.periods) < len(set(rates))
    wishes = {w.statement: w for w in plan.wishes}
    loaded = apply_overrides(load_workload(find_workload("23-residency")), changes)
    free = solve(loaded, *catalogs(), Request(compare=False, certify=False))
    difference = plan.objective_usd - free.objective_usd
    assert difference > 100_000
    wish = wishes["resilience.availability"]
    assert wish.costs_usd == pytest.approx(difference, rel=0.01)
    assert wish.costs_at_most_usd is not None
    assert wish.costs_usd <= wish.costs_at_most_usd
    assert difference <= wish.costs_at_most_usd * (1 + 1e-6)
