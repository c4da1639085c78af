"""Idle power of each kind of system: the cheapest fleet by enumeration, payments, and the check."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from test_money_over_time import pays_off
from test_procurement import catalogs, cost, lines, plan_of
from test_verify import asked, priced, using, with_policy

from solver.errors import InputError
from solver.inputs.workload import load_workload, workload_from, workload_to_yaml
from solver.inputs.yaml_text import load_yaml
from solver.paths import find_workload
from solver.plan.plan import Load, Plan
from solver.verify import standing, verify_plan
from solver.verify.case import Case

NAME, HOURS = "47-idle-power", 3 * 8766
MI300X, GAUDI3 = "mi300x-8", "gaudi3-8"


def facts(system: str) -> tuple[float, float]:
    """Price, and USD of energy in three years of always typical power at $0.25/kWh and PUE 1.3."""
    values = catalogs()[0].systems[system].values
    return values["price_usd"].value, values["power_typ_kw"].value * 1.3 * 0.25 * HOURS


def test_the_lesson() -> None:
    """Load 17.5 %: 20 % + 80 % x 17.5 % of $64.1k; by one number 40 % + 60 % x 17.5 % of $61.5k."""
    price, energy = facts(MI300X)
    plan = plan_of(NAME)
    assert lines(plan) == {("buy", MI300X, 0, 1)}
    assert plan.objective_usd == pytest.approx(price + energy * (0.2 + 0.8 * 0.175), rel=1e-6)
    price, energy = facts(GAUDI3)
    one = plan_of(NAME, "hardware.idle_power_by_system={}")
    assert lines(one) == {("buy", GAUDI3, 0, 1)}
    assert one.objective_usd == pytest.approx(price + energy * (0.4 + 0.6 * 0.175), rel=1e-6)
    pays_off(plan)
    pays_off(one)


@pytest.mark.parametrize(
    ("peak", "low", "busy", "idle"),
    [(20, 4, 6, (0.2, 0.7)), (35, 15, 12, (0.6, 0.1)), (18, 2, 1, (0.9, 0.3)), (40, 11, 20, (0.0, 1.0))],
)
def test_the_cheapest_fleet_by_enumeration(peak: int, low: int, busy: int, idle: tuple[float, float]) -> None:
    """All numbers of both kinds; in each hour the work goes where use costs least, P (1 - idle)."""
    systems = dict(zip((MI300X, GAUDI3), idle, strict=True))
    rates = [peak] * busy + [low] * (24 - busy)
    use = sorted((facts(s)[1] * (1 - share), s) for s, share in systems.items())
    best = float("inf")
    for counts in product(range(6), repeat=2):
        fleet = dict(zip(systems, counts, strict=True))
        if 10 * sum(counts) < peak:
            continue
        usd = sum(n * (facts(s)[0] + facts(s)[1] * systems[s]) for s, n in fleet.items())
        for rate in rates:
            left = rate / 10
            for per_system, s in use:
                taken = min(left, fleet[s])
                usd, left = usd + taken * per_system / 24, left - taken
        best = min(best, usd)
    shares = ", ".join(f"{s}: {share}" for s, share in systems.items())
    plan = plan_of(
        NAME, f"services.0.demand={{requests_per_s: {rates}}}", f"hardware.idle_power_by_system={{{shares}}}"
    )
    assert plan.objective_usd == pytest.approx(best, rel=1e-6)


def with_shares(plan: Plan, **shares: float) -> Plan:
    workload = plan.inputs["workload"]
    stated = {name.replace("_", "-"): share for name, share in shares.items()}
    hardware = {**workload["hardware"], "idle_power_share_by_system": stated}
    return plan.model_copy(update={"inputs": {**plan.inputs, "workload": {**workload, "hardware": hardware}}})


def test_the_check_takes_the_share_of_each_system() -> None:
    plan = plan_of(NAME)
    assert verify_plan(with_shares(plan, mi300x_8=0.2, gaudi3_8=0.1)).passed  # there is no Gaudi 3
    other = {f.check for f in verify_plan(with_shares(plan, mi300x_8=0.25)).failures}
    assert {"energy", "objective"} <= other <= {"energy", "objective", "bound"}


def test_the_check_asks_for_the_use_of_systems_that_draw_less() -> None:
    """All draw half when idle: nvm is used. Is its share 1, its use need not be listed."""
    half = using(asked())
    assert half.verdict().passed
    bare = priced(with_policy(asked(), idle_power_share=0.5)).with_plan(loads=())
    assert "load" in bare.failing()
    own = priced(with_policy(asked(), idle_power_share=0.5, idle_power_share_by_system={"nvm": 1.0}))
    assert own.with_plan(loads=()).settled().verdict().passed
    only = priced(with_policy(asked(), idle_power_share_by_system={"nvm": 0.5}))
    assert "load" in only.with_plan(loads=()).failing()
    loads = tuple(Load(system="nvm", site="east", period=t, systems=0.25) for t in range(4))
    assert only.with_plan(loads=loads).settled().verdict().passed


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("gaudi3-8: 70 %", "gaudi3-8: 170 %", "170 %|1.7|at most 1"),
        ("gaudi3-8: 70 %", "gaudi3-8: 70", "'70' is more than 1; write a share"),
        ("by_system: {", "by_sytem: {", "did you mean 'idle_power_by_system'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, complaint: str) -> None:
    text = find_workload(NAME).read_text()
    assert old in text
    with pytest.raises(InputError, match=complaint):
        workload_from(load_yaml(Path("w.yaml"), text=text.replace(old, new)), Path())


def test_unknown_systems_are_refused() -> None:
    with pytest.raises(InputError, match="unknown system 'gaudi-3'"):
        plan_of(NAME, "hardware.idle_power_by_system.gaudi-3=0.5")


def test_what_a_file_states() -> None:
    workload = load_workload(find_workload(NAME)).workload
    hardware = workload.hardware
    assert [hardware.idle_share(s) for s in (MI300X, GAUDI3, "other")] == [0.2, 0.7, 0.4]
    again = workload_from(load_yaml(Path("w.yaml"), text=workload_to_yaml(workload)), Path()).workload
    assert again == workload
    none = hardware.model_copy(update={"idle_power_share": None, "idle_power_share_by_system": {}})
    assert none.idle_share(MI300X) == 1
    assert not workload.model_copy(update={"hardware": none}).power_follows_load
    assert cost(plan_of(NAME), "energy") > 0


def test_use_is_counted_only_where_it_has_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a year by the hour it took a minute to count what no row asks for."""
    counted: list[str] = []
    known = standing._elsewhere

    def counting(case: Case, system: str, site: str, period: int) -> Fraction:
        counted.append(system)
        return known(case, system, site, period)

    monkeypatch.setattr(standing, "_elsewhere", counting)
    assert verify_plan(plan_of(NAME)).passed
    assert set(counted) == {MI300X}
    counted.clear()
    always = plan_of(NAME, "hardware.idle_power_by_system={}", "hardware.idle_power_share=1")
    assert verify_plan(always).passed
    assert counted == []
