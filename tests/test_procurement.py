"""The lessons on procurement: in each, one feature changes the plan, for the reason that its file states."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import lessons
import pytest

from solver.domain.catalog import Catalog
from solver.errors import InfeasibleError
from solver.inputs.catalogs import load_catalog
from solver.paths import workload_dir
from solver.performance.calibration import Calibration, load_calibration
from solver.plan.plan import Plan
from solver.reports.words import answer

HOURS = 8766  # a year
H100, A100, B200, MI300X = "dgx-h100", "dgx-a100-80", "dgx-b200", "mi300x-8"
Lines = set[tuple[str, str, int, int]]  # offer's kind, system, epoch, count


@cache
def catalogs() -> tuple[Catalog, Calibration]:
    return load_catalog(), load_calibration()


def plan_of(name: str, *changes: str) -> Plan:
    plan = lessons.plan_of(name, *changes)
    assert (plan.closed, plan.verified) == (True, True)
    return plan


def lines(plan: Plan) -> Lines:
    offers = plan.inputs["offers"]
    return {(offers[s.offer]["kind"], s.system, s.epoch, s.count) for s in plan.systems}


def cost(plan: Plan, term: str) -> float:
    return sum(line.usd for line in plan.costs if line.term == term)


def price(system: str) -> float:
    value = catalogs()[0].systems[system].get("price_usd")
    assert value is not None
    return value


def test_files_are_short() -> None:
    for path in Path(workload_dir()).glob("[12][0-9]-*.yaml"):
        assert len(path.read_text().splitlines()) < 40


def test_owned_systems_make_more_of_their_kind_the_cheapest() -> None:
    """k$. Without: 3 H100 + 1 A100 = 940 < 8 A100 = 1040. 3 owned: 5 A100 = 650 < 2 H100 + 1 A100 = 670."""
    plan = plan_of("10-owned")
    assert lines(plan) == {("buy", A100, 0, 3), ("buy", A100, 0, 5)}
    assert {s.count for s in plan.systems if s.offer == f"{A100}/owned"} == {3}
    assert cost(plan, "purchase") == pytest.approx(5 * price(A100))
    without = plan_of("10-owned", "hardware.owned={}")
    assert lines(without) == {("buy", H100, 0, 3), ("buy", A100, 0, 1)}


def test_a_lease_wins_until_it_has_paid_the_price() -> None:
    plan = plan_of("11-lease")
    assert lines(plan) == {("lease", H100, 0, 4)}
    assert cost(plan, "rental") == pytest.approx(4 * HOURS * 9)
    three = plan_of("11-lease", "horizon.years=3")
    assert lines(three) == {("lease", H100, year, 4) for year in range(3)}
    years = price(H100) / (HOURS * 9)
    assert 3 < years < 4
    assert lines(plan_of("11-lease", "horizon.years=4")) == {("buy", H100, 0, 4)}


def test_the_base_load_is_reserved_and_the_peak_rented() -> None:
    plan = plan_of("12-reservation")
    assert {(s.acquisition, s.count) for s in plan.systems if s.offer == "reserved"} == {("buy", 1)}
    assert {(s.count, round(s.hours)) for s in plan.systems if s.offer != "reserved"} == {(4, HOURS // 3)}
    only_rent = plan_of("12-reservation", "services.0.acquisitions=[rent]")
    hours = sum(s.count * s.hours for s in only_rent.systems)  # five in a third of the hours, one in the rest
    assert hours == pytest.approx(HOURS * (5 + 2 * 1) / 3)
    assert only_rent.objective_usd > plan.objective_usd


def test_spot_systems_make_up_for_interruptions() -> None:
    assert lines(plan_of("13-spot")) == {("spot", H100, 0, 5)}
    assert lines(plan_of("13-spot", "offers.0.interruption_share=75 %")) == {("rent", H100, 0, 4)}
    cheap = plan_of("13-spot", "offers.0.interruption_share=75 %", "offers.0.price_usd=2")
    assert lines(cheap) == {("spot", H100, 0, 16)}


def test_a_minimum_lot_can_be_cheaper_than_what_is_needed() -> None:
    plan = plan_of("14-quantity-discount")
    assert lines(plan) == {("buy", H100, 0, 8)}
    assert cost(plan, "purchase") == pytest.approx(8 * 190e3)
    five = plan_of("14-quantity-discount", "services.0.demand.requests_per_s=50")
    assert lines(five) == {("buy", H100, 0, 5)}
    assert cost(five, "purchase") == pytest.approx(5 * price(H100))


def test_a_lot_far_above_the_need_is_bought_if_it_is_cheaper() -> None:
    """Twenty for $1k each and their energy (7.5 kW x 1.3 x $0.08 x 26,298 h = $20.5k each, undiscounted)
    cost less than two for $270k each."""
    changes = ("services.0.demand.requests_per_s=20", "offers.0.minimum_lot=20", "offers.0.price_usd=1000")
    assert lines(plan_of("14-quantity-discount", *changes)) == {("buy", H100, 0, 20)}


def test_a_supply_limit_brings_in_the_next_best() -> None:
    assert lines(plan_of("15-supply")) == {("buy", MI300X, 0, 3), ("buy", H100, 0, 3)}
    assert lines(plan_of("15-supply", "hardware.supply.mi300x-8=6")) == {("buy", MI300X, 0, 6)}


def test_a_vendor_gets_at_most_its_share_of_the_money() -> None:
    plan = plan_of("16-vendor-share")
    assert lines(plan) == {("buy", MI300X, 0, 4), ("buy", H100, 0, 2)}
    assert 4 * price(MI300X) <= 0.6 * cost(plan, "purchase") < 5 * price(MI300X)
    assert lines(plan_of("16-vendor-share", "hardware.vendor_share={}")) == {("buy", MI300X, 0, 6)}


def test_what_comes_late_is_bridged() -> None:
    plan = plan_of("17-late-delivery")
    assert lines(plan) == {("rent", H100, 0, 3), ("buy", B200, 1, 1)}
    assert plan.epochs[1] == (0.5, 1.0)
    assert lines(plan_of("17-late-delivery", "hardware.available_from={}")) == {("buy", B200, 0, 1)}
    never = "hardware.available_from={dgx-b200: 2030-01}"
    assert {system for _, system, _, _ in lines(plan_of("17-late-delivery", never))} == {H100}


def test_systems_are_bought_when_the_traffic_comes() -> None:
    plan = plan_of("18-growth")
    assert lines(plan) == {("buy", H100, 0, 2), ("buy", H100, 1, 1), ("buy", H100, 2, 2)}
    value = price(H100) * (2 + 1 / 1.08 + 2 / 1.08**2)
    assert cost(plan, "purchase") == pytest.approx(value)
    assert lines(plan_of("18-growth", "services.0.demand.growth_per_year=0")) == {("buy", H100, 0, 2)}


def test_power_and_round_trip_decide_where_work_goes() -> None:
    plan = plan_of("19-two-sites")
    assert {r.site for r in plan.routes if r.service == "chat"} == {"city"}
    assert {r.site for r in plan.routes if r.service == "night-work"} == {"city", "north"}
    assert plan.count(H100) > 2
    assert sum(s.count for s in plan.systems if s.site == "north") == 2
    assert plan.power_kw["north"] <= 21
    near = plan_of("19-two-sites", "sites.north.round_trip=5 ms", "sites.north.power=100 kW")
    assert {r.site for r in near.routes} == {"north"}
    with pytest.raises(InfeasibleError):  # the north alone is too far for the chat
        plan_of("19-two-sites", "sites.city.power=1 kW")


def test_a_spare_in_each_pool_makes_one_pool_of_two() -> None:
    plan = plan_of("20-redundancy")
    assert lines(plan) == {("buy", A100, 0, 9)}
    assert [(p.replicas, p.spare_replicas) for p in plan.pools] == [(8, 1)]
    without = plan_of("20-redundancy", "redundancy=0")
    assert lines(without) == {("buy", H100, 0, 3), ("buy", A100, 0, 1)}


def test_pools_that_are_full_call_no_api_for_the_room_of_rounding() -> None:
    """Three A100 and three H100 carry 3 x 5 + 3 x 12 = 51 requests/s to the last; an API is dearer."""
    changes = ("services.0.demand.requests_per_s=51", "services.0.acquisitions=[buy, api]")
    cheap = ("hardware.overrides={dgx-h100: {price_usd: 12000}, dgx-a100-80: {price_usd: 5100}}",)
    plan = plan_of("10-owned", *changes, *cheap, "sites=[{name: a, energy: 0 $/kWh}]")
    assert plan.objective_usd == pytest.approx(36e3, rel=1e-6)
    assert "buy 3 × DGX H100" in answer(plan)
    assert "API" not in answer(plan)
    assert any(route.mode == "api" for route in plan.routes)


def test_a_yearly_budget_spreads_purchases() -> None:
    plan = plan_of("21-capex-by-year")
    assert lines(plan) == {("buy", H100, 0, 1), ("rent", H100, 0, 2), ("buy", H100, 1, 2)}
    free = plan_of("21-capex-by-year", "money.budget_capex_by_year_usd=[]")
    assert lines(free) == {("buy", H100, 0, 3)}
    nothing = plan_of("21-capex-by-year", "money.budget_capex_by_year_usd=[0, 0, 0]")
    assert {way for way, *_ in lines(nothing)} == {"rent"}


#: The reference instance asks for a gap and takes a minute: tests/test_reference.py.
@pytest.mark.parametrize("name", sorted({p.stem for p in workload_dir().glob("*.yaml")} - {"42-reference"}))
def test_every_shipped_workload_is_compared_and_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole answer, comparisons included, of every shipped workload."""
    from solver.cli.app import main

    with pytest.raises(SystemExit) as ended:
        main(["solve", name, "--json"])
    assert ended.value.code == 0
    assert '"verified": true' in capsys.readouterr().out
