"""Prices of energy that grow or step: parts of the time, payments, the check, and changes of a session."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_money_over_time import pays_off
from test_procurement import H100, catalogs, cost, plan_of
from test_whatif_later import session

from solver.domain.places import Site
from solver.errors import InfeasibleError, InputError
from solver.finance.cash_flow import cash_flow
from solver.inputs.workload import load_workload, workload_from, workload_to_yaml
from solver.inputs.yaml_text import load_yaml
from solver.paths import find_workload
from solver.plan.plan import Plan
from solver.verify import verify_plan

NAME, YEAR = "48-energy-prices-rise", 8766


def kw() -> float:
    return catalogs()[0].systems[H100].values["power_typ_kw"].value * 1.3


def sites(plan: Plan) -> dict[str, int]:
    return {line.site: line.count for line in plan.systems}


def test_the_lesson() -> None:
    """9.75 kW x 8766 h: south 10 ct x (1 + 1.03 + 1.0609), north 5 ct x (1.5 + 4 x 1.5)."""
    plan = plan_of(NAME)
    assert sites(plan) == {"south": 4}
    assert cost(plan, "energy") == pytest.approx(4 * kw() * YEAR * 0.10 * (1 + 1.03 + 1.03**2))
    pays_off(plan)
    forever = plan_of(NAME, "sites.north.energy_steps={}")
    assert sites(forever) == {"north": 4}
    assert cost(forever, "energy") == pytest.approx(4 * kw() * YEAR * 0.05 * 3)
    north = plan_of(NAME, "sites.north.energy_steps={2028-07: 3}")  # 5 ct x 6 years < 10 ct x 3.09
    assert sites(north) == {"north": 4}
    assert cost(north, "energy") == pytest.approx(4 * kw() * YEAR * 0.05 * (1.5 + 3 * 1.5))


def test_prices_and_traffic_may_fall() -> None:
    """North a fifth less each year: 5 ct x (1 + 0.8 + 0.64). Traffic half each year: 4, 2, 1 systems used."""
    falling = plan_of(NAME, "sites.north.energy_steps={}", "sites.north.energy_growth=-20 %")
    assert sites(falling) == {"north": 4}
    assert cost(falling, "energy") == pytest.approx(4 * kw() * YEAR * 0.05 * (1 + 0.8 + 0.64))
    fewer = plan_of(NAME, "sites.north.energy_steps={}", "services.0.demand.growth=-50 %")
    assert [p.replicas for p in fewer.pools] == [4, 2, 1]


months = st.integers(-6, 60)


@settings(max_examples=200, deadline=None)
@given(
    growth=st.floats(-0.5, 0.5),
    steps=st.dictionaries(months, st.floats(0, 5), max_size=4),
    begin=st.integers(0, 40),
    length=st.integers(1, 30),
)
def test_parts_by_month(growth: float, steps: dict[int, float], begin: int, length: int) -> None:
    """The parts tile the time; they cost what its months do: full years passed, latest step."""
    named = {f"{2027 + m // 12}-{m % 12 + 1:02d}": factor for m, factor in steps.items()}
    site = Site(energy_growth_per_year=growth, energy_steps=named)
    found = site.energy_parts(begin / 12, (begin + length) / 12, "2027-01")
    assert (found[0][0], found[-1][1]) == (begin / 12, (begin + length) / 12)
    assert all(a[1] == b[0] for a, b in pairwise(found))
    total = sum(factor for _, _, factor in found) * length / 12
    by_month = 0.0
    for month in range(begin, begin + length):
        passed = [m for m in steps if m <= month]
        by_month += (1 + growth) ** (month // 12) * (steps[max(passed)] if passed else 1.0) / 12
    assert total == pytest.approx(by_month, abs=1e-9)


def test_each_month_is_discounted_at_its_own_price() -> None:
    changes = (
        "money.discount_rate=8 %",
        "sites=[{name: here, energy: 0.1 $/kWh, energy_growth: 10 %,"
        " energy_steps: {2027-05: 2, 2029-03: 0.5}}]",
    )
    plan = plan_of(NAME, *changes)
    pays_off(plan)
    expected, paid = 0.0, []
    for month in range(36):
        step = 1.0 if month < 4 else 2.0 if month < 26 else 0.5
        usd = 4 * kw() * YEAR / 12 * 0.1 * 1.1 ** (month // 12) * step
        paid.append(usd)
        expected += usd * 1.08 ** -((month + 1) / 12)
    assert cost(plan, "energy") == pytest.approx(expected)
    flows = [f for f in cash_flow(plan) if f.term == "energy"]
    assert sum(f.usd for f in flows) == pytest.approx(sum(paid))


def test_running_budgets_see_the_price_of_the_year() -> None:
    """South: $8,547 a server in 2027, 3 % more each year; a budget of 2029 a dollar below is too little."""
    south = [4 * kw() * YEAR * 0.10 * 1.03**year for year in range(3)]
    enough = ", ".join(f"{usd + 1:.2f}" for usd in south)
    short = ", ".join(f"{usd + delta:.2f}" for usd, delta in zip(south, (1, 1, -1), strict=True))
    assert sites(plan_of(NAME, f"money.budget_opex_by_year=[{enough}]")) == {"south": 4}
    with pytest.raises(InfeasibleError, match="running costs of year"):  # the north is dearer from 2028 on
        plan_of(NAME, f"money.budget_opex_by_year=[{short}]")


def test_work_moves_when_the_price_does() -> None:
    """Power follows the load: all that can goes north until July 2028, south from then on."""
    changes = (
        "services.0.demand={requests_per_s: [20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,"
        " 20, 20, 20, 20, 40, 40, 40, 40]}",
        "sites.north.power=25 kW",
        "sites.south.power=25 kW",
        "hardware.idle_power_share=30 %",
    )
    plan = plan_of(NAME, *changes)
    pays_off(plan)
    assert [end for _, end in plan.epochs] == [1.5, 3.0]
    low = [p["index"] for p in plan.periods if p["rate_rps"] == [20.0]]
    where = {
        plan.periods[t]["epoch"]: {r.site for r in plan.routes if r.period == t and Fraction(r.share) > 1e-6}
        for t in low
    }
    assert where == {0: {"north"}, 1: {"south"}}


def with_site(plan: Plan, **changes: object) -> Plan:
    workload = plan.inputs["workload"]
    changed = [{**site, **changes} if site["name"] == "south" else site for site in workload["sites"]]
    return plan.model_copy(update={"inputs": {**plan.inputs, "workload": {**workload, "sites": changed}}})


@pytest.mark.parametrize(
    "changes",
    [
        {"energy_growth_per_year": 0.031},
        {"energy_growth_per_year": 0.0},
        {"energy_steps": {"2029-12": 1.01}},
        {"energy_steps": {"2026-01": 0.99}},  # in force from the start
    ],
)
def test_the_check_finds_other_prices(changes: dict[str, object]) -> None:
    found = {f.check for f in verify_plan(with_site(plan_of(NAME), **changes)).failures}
    assert {"energy", "objective"} <= found <= {"energy", "objective", "bound"}
    assert verify_plan(with_site(plan_of(NAME), energy_steps={"2030-01": 9.0})).passed  # after the end


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("{2028-07: 4}", "{2028-7: 4}", "18:54: .*'2028-7'; write a month"),
        ("{2028-07: 4}", "{2028-07: -4}", "0 or more|at least 0"),
        ("energy_growth: 3 %", "energy_growth: -100 %", "more than -1"),
        ("energy_growth: 3 %", "energy_growth: 3", "'3' is more than 1; write a share"),
        ("energy_growth", "energy_groth", "did you mean 'energy_growth'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, complaint: str) -> None:
    text = find_workload(NAME).read_text()
    assert old in text
    with pytest.raises(InputError, match=complaint):
        workload_from(load_yaml(Path("w.yaml"), text=text.replace(old, new)), Path())


def test_what_a_file_states() -> None:
    workload = load_workload(find_workload(NAME)).workload
    assert workload.sites[0].energy_steps == {"2028-07": 4}
    assert workload.sites[1].energy_growth_per_year == 0.03
    again = workload_from(load_yaml(Path("w.yaml"), text=workload_to_yaml(workload)), Path()).workload
    assert again == workload


def test_a_session_changes_the_price_from_a_month_on() -> None:
    one = session()

    def steps() -> dict[str, float]:
        return one.loaded().workload.sites[0].energy_steps

    one.change("energy=0.16 from 2028")  # 8 ct before
    assert steps() == {"2028-01": 2.0}
    one.change("energy=x1.5 from July 2028")
    assert steps() == {"2028-01": 2.0, "2028-07": 3.0}
    one.change("energy=+50 % from Q4")
    assert steps() == pytest.approx({"2027-10": 1.5, "2028-01": 3.0, "2028-07": 4.5})
    one.change("energy=0.04 from 2028")  # a price replaces what was stated for later
    assert steps() == pytest.approx({"2027-10": 1.5, "2028-01": 0.5})
    one.change("energy_growth=10 %")
    one.change("energy=0.11 from 2028")
    assert steps()["2028-01"] == pytest.approx(0.11 / (0.08 * 1.1))
