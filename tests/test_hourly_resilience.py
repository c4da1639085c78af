"""Spares, failures and lost sites where pools rented by the hour count: least fleets, and the check."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil
from pathlib import Path

import pytest
from mutants import Instance, mutants
from mutants import plan_of as program_plan
from test_procurement import H100, catalogs, lines, plan_of
from test_registry import change, with_rent

from solver.domain.workload import Resilience, Site
from solver.engine.solve import Request, solve
from solver.formulation.problem import Problem
from solver.inputs.workload import load_workload
from solver.plan.plan import Plan
from solver.verify import verify_plan
from solver.verify.binomial import enough

NAME, HOURS = "41-spares-by-the-hour", 3 * 8766
SMALL = """
name: small
services:
  - model: gpt-oss-120b
    acquisitions: [rent]
    demand: {day: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0, 10,10,10,10,10,10]}
    lengths: {prompt: 1000, output: 250}
    levels: {ttft: 2 s, tpot: 15 ms}
redundancy: 1
resilience: {hourly_pools: true}
money: {discount_rate: 0}
hardware: {include: [dgx-b200], profiles: none}
"""
COUNTED, NOT = "resilience.hourly_pools=true", "resilience.hourly_pools=false"


def cost_of_one() -> tuple[float, float]:
    """USD of an own system over three years, and of one rented for an hour; nothing is discounted."""
    values = catalogs()[0].systems[H100].values
    energy = values["power_typ_kw"].value * 1.3 * 0.08 * HOURS
    return values["price_usd"].value + energy, values["cloud_usd_hr"].value


def day(night: float, busy: float, hours: int = 8) -> str:
    return f"services.0.demand={{day: {[night] * (24 - hours) + [busy] * hours}}}"


def failing(plan: Plan) -> set[str]:
    return {f.check for f in verify_plan(plan).failures}


def test_spares_of_the_lesson() -> None:
    """k$: 4 own 1162; 2 own + 3 rented by day 581 + 629 = 1210; 2 own + 2 rented 581 + 419 = 1000."""
    own, hour = cost_of_one()
    assert (own, hour * HOURS / 3) == (pytest.approx(290_512, abs=1), pytest.approx(209_682, abs=1))
    counted, replaced = plan_of(NAME), plan_of(NAME, NOT)
    assert lines(counted) == {("buy", H100, 0, 4)}
    assert lines(replaced) == {("buy", H100, 0, 2), ("rent", H100, 0, 2)}
    assert counted.objective_usd == pytest.approx(4 * own)
    assert replaced.objective_usd == pytest.approx(2 * own + 2 * hour * HOURS / 3)


def test_spares_of_small_replicas_are_small(tmp_path: Path) -> None:
    """Two replicas of one chip and a spare fill 3/8 of a system; one of all eight chips would need a second
    system as its spare, though it carries more per system. Six hours of the day, three years."""
    (tmp_path / "small.yaml").write_text(SMALL)
    plan = solve(load_workload(tmp_path / "small.yaml"), *catalogs(), Request(compare=False))
    (pool,) = plan.pools
    assert (pool.systems_per_replica, pool.replicas, pool.spare_replicas) == ("1/8", 2, 1)
    hour = catalogs()[0].systems["dgx-b200"].values["cloud_usd_hr"].value
    assert plan.objective_usd == pytest.approx(hour * HOURS * 6 / 24)


def test_an_hourly_pool_keeps_its_spares() -> None:
    """Rent at $15/h: 2 own + 3 rented by day, one of them spare; without it the check fails."""
    plan = plan_of(NAME, "hardware.overrides.dgx-h100.cloud_usd_hr=15")
    (running,) = (p for p in plan.pools if p.mode == "elastic")
    assert (running.replicas, running.spare_replicas) == (2, 1)
    assert {(s.acquisition, s.count) for s in plan.systems} == {("buy", 2), ("rent-hourly", 3)}
    bare = tuple(p.model_copy(update={"spare_replicas": 0}) if p is running else p for p in plan.pools)
    assert failing(plan.model_copy(update={"pools": bare})) == {"rented"}
    fewer = tuple(s.model_copy(update={"count": 2}) if s.count == 3 else s for s in plan.systems)
    assert "rented" in failing(plan.model_copy(update={"systems": fewer}))


@pytest.mark.parametrize(
    ("night", "busy", "hours", "rent", "spare"),
    [(10, 30, 8, 15, 1), (0, 25, 6, 20, 1), (20, 90, 4, 30, 2), (40, 50, 12, 10, 1), (5, 100, 2, 35, 1)],
)
def test_the_cheapest_spares_by_enumeration(night: int, busy: int, hours: int, rent: int, spare: int) -> None:
    """Own replicas and, by night and by day, rented ones, each pool with its spares."""
    own, _ = cost_of_one()
    needs = (ceil(night / 10), ceil(busy / 10))
    times = (HOURS * (24 - hours) / 24, HOURS * hours / 24)

    def cost(standing: int) -> float:
        rented = [max(0, need - standing) for need in needs]
        hourly = sum((n + spare if n else 0) * h for n, h in zip(rented, times, strict=True)) * rent
        return own * (standing + spare if standing else 0) + hourly

    least = min(cost(n) for n in range(max(needs) + 1))
    plan = plan_of(
        NAME,
        day(night, busy, hours),
        f"redundancy={spare}",
        f"hardware.overrides.dgx-h100.cloud_usd_hr={rent}",
    )
    assert plan.objective_usd == pytest.approx(least)


@pytest.mark.parametrize(
    ("night", "busy", "hours", "rent", "promised"),
    [(10, 100, 8, 12, "99.9"), (10, 100, 8, 12, "99.9999"), (30, 60, 4, 20, "99"), (0, 40, 3, 30, "99.9")],
)
def test_the_cheapest_fleet_that_is_up_by_enumeration(
    night: int, busy: int, hours: int, rent: int, promised: str
) -> None:
    """All systems of an hour stand in for one another: own, and rented in it."""
    own, _ = cost_of_one()
    needs, up = (ceil(night / 10), ceil(busy / 10)), Fraction(100, 101)
    times = (HOURS * (24 - hours) / 24, HOURS * hours / 24)
    share, best = Fraction(promised) / 100, float("inf")
    most = max(needs) + 6
    for owned, standing in product(range(most + 1), repeat=2):
        if standing > owned:
            continue
        cost = own * owned
        for need, time in zip(needs, times, strict=True):
            running = max(standing, need)
            rented = next(
                m
                for m in range(most + 1)
                if m >= running - standing and enough(owned + m, running, up) >= share
            )
            cost += rented * time * rent
        best = min(best, cost)
    plan = plan_of(
        NAME,
        day(night, busy, hours),
        "redundancy=0",
        f"resilience={{availability: {promised} %, repair: 81 h, hourly_pools: true}}",
        f"hardware.overrides.dgx-h100.cloud_usd_hr={rent}",
    )
    assert plan.objective_usd == pytest.approx(best)


def test_the_check_counts_the_systems_of_each_hour() -> None:
    """Ten replicas by day need two spares for 99.9 %: of 12 systems enough are up, of 11 not."""
    up = Fraction(100, 101)
    assert enough(12, 10, up) >= Fraction(999, 1000) > enough(11, 10, up)
    changes = (
        day(10, 100),
        "redundancy=0",
        "resilience={availability: 99.9 %, repair: 81 h, hourly_pools: true}",
        "hardware.overrides.dgx-h100.cloud_usd_hr=12",
    )
    plan = plan_of(NAME, *changes)
    busiest = max(plan.periods, key=lambda p: p["rate_rps"])["index"]
    there = sum(s.count for s in plan.systems if s.period in (None, busiest))
    assert there == 12
    fewer = tuple(
        s.model_copy(update={"count": s.count - 1}) if s.period == busiest else s for s in plan.systems
    )
    assert "availability" in failing(plan.model_copy(update={"systems": fewer}))
    free = plan_of(NAME, *changes, NOT)
    there = sum(s.count for s in free.systems if s.period in (None, busiest))
    assert there < 12  # the provider is taken to replace them at once
    from solver.reports.tables import records

    (row,) = records(plan)["availability"]
    assert (row["needed"], row["there"]) == (10, 12)


@pytest.mark.parametrize(
    ("night", "busy", "rent", "percent"), [(20, 40, 10, 100), (20, 60, 15, 50), (10, 80, 8, 75)]
)
def test_the_cheapest_way_to_survive_by_enumeration(night: int, busy: int, rent: int, percent: int) -> None:
    """Two sites; after the loss of one the other's own systems, and those it rents anyway, carry a share."""
    own, _ = cost_of_one()
    times = (HOURS * 16 / 24, HOURS * 8 / 24)
    best = float("inf")
    for owned in product(range(9), repeat=2):
        cost = own * sum(owned)
        for rate, time in zip((night, busy), times, strict=True):
            least = min(
                sum(rented)
                for rented in product(range(9), repeat=2)
                if 10 * (sum(owned) + sum(rented)) >= rate
                and all(10 * (a + b) * 100 >= percent * rate for a, b in zip(owned, rented, strict=True))
            )
            cost += least * time * rent
        best = min(best, cost)
    changes = (
        day(night, busy),
        "redundancy=0",
        "sites=[{name: a}, {name: b}]",
        f"resilience={{site_loss: {percent} %, hourly_pools: true}}",
        f"hardware.overrides.dgx-h100.cloud_usd_hr={rent}",
    )
    plan = plan_of(NAME, *changes)
    assert plan.objective_usd == pytest.approx(best)
    dearer = plan_of(NAME, *changes, NOT)
    assert dearer.objective_usd > best * 1.01  # own systems alone survive


def test_hourly_pools_carry_in_their_own_hours() -> None:
    """The routes of the busy hours lead to pools of these hours: they serve no other."""
    plan = plan_of(
        NAME,
        day(20, 40),
        "redundancy=0",
        "sites=[{name: a}, {name: b}]",
        "resilience={site_loss: 100 %, hourly_pools: true}",
        "hardware.overrides.dgx-h100.cloud_usd_hr=10",
    )
    busiest = max(plan.periods, key=lambda p: p["rate_rps"])["index"]
    assert {f.period for f in plan.fallbacks if f.mode == "elastic"} >= {busiest}
    kept = tuple(f for f in plan.fallbacks if f.period == busiest)
    assert failing(plan.model_copy(update={"fallbacks": kept})) == {"site_loss"}
    inputs = plan.inputs["workload"]
    strict = {**inputs, "resilience": {**inputs["resilience"], "hourly_pools": False}}
    assert "shape" in failing(plan.model_copy(update={"inputs": {**plan.inputs, "workload": strict}}))


def hourly(redundancy: int = 0, sites: tuple[str, ...] = ("a",), **resilience: float) -> Problem:
    """A day of one busy hour (2 requests/s, else 1), hourly systems at next to nothing, owned ones $100k."""
    return change(
        with_rent(),
        redundancy=redundancy,
        resilience=Resilience(hourly_pools=True, **resilience),  # type: ignore[arg-type]
        sites=tuple(Site(name=name, energy_usd_kwh=0.0) for name in sites),
    )


INSTANCES = {
    "pool_size": lambda: hourly(redundancy=1),
    "rented": lambda: hourly(redundancy=1),
    "availability": lambda: hourly(availability=0.999),
    "site_loss": lambda: hourly(sites=("a", "b"), site_loss_share=1.0),
}


@pytest.mark.parametrize("name", INSTANCES)
def test_the_verifier_rejects_plans_of_mutants(name: str) -> None:
    """Each family removed or turned round, in an instance in which hourly pools alone make it bind."""
    instance = Instance(INSTANCES[name]())
    assert {p.mode for p in plan_of_mutant(instance).pools} == {"elastic"}
    for turned in ("remove", "flip"):
        found = [instance.notice(program, name) for program in mutants(instance.problem, name, turned)]
        assert any(n.plan_rejected for n in found), turned
        assert any(n.optimum_differs for n in found), turned


def plan_of_mutant(instance: Instance) -> Plan:
    plan, _ = program_plan(instance.problem, instance.program, instance.safety)
    assert plan is not None
    return plan
