"""Limits of sites: power at the racks and at the meter, cooling; the cost and the date of opening one."""

from __future__ import annotations

import pytest
from test_procurement import H100, catalogs, cost, plan_of
from test_verify import asked

from solver.errors import InfeasibleError
from solver.finance.cash_flow import cash_flow
from solver.plan.plan import Plan
from solver.verify import verify_plan


def there(plan: Plan) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in plan.systems:
        found[line.site] = found.get(line.site, 0) + line.count
    return found


def test_power_counts_at_the_racks_and_the_feed_at_the_meter() -> None:
    """A DGX H100 takes 10.2 kW: two in 21 kW of racks; with PUE 1.3 13.26 kW each at the meter: one in 21."""
    most = catalogs()[0].systems[H100].get("power_max_kw")
    assert most == 10.2
    assert there(plan_of("19-two-sites")) == {"north": 2, "city": 1}
    assert there(plan_of("19-two-sites", "sites.north.feed=21 kW")) == {"north": 1, "city": 2}
    assert there(plan_of("19-two-sites", "sites.north.feed=26.52 kW")) == {"north": 2, "city": 1}
    assert there(plan_of("19-two-sites", "sites.north.feed=26.51 kW")) == {"north": 1, "city": 2}
    better = plan_of("19-two-sites", "sites.north.feed=21 kW", "sites.north.pue=1.02")
    assert there(better) == {"north": 2, "city": 1}


def test_cooling_takes_the_heat_of_the_racks() -> None:
    assert there(plan_of("19-two-sites", "sites.north.cooling=20.4 kW")) == {"north": 2, "city": 1}
    assert there(plan_of("19-two-sites", "sites.north.cooling=20.3 kW")) == {"north": 1, "city": 2}
    with pytest.raises(InfeasibleError, match="systems at city need at most 5 kW of heat"):
        plan_of("19-two-sites", "sites.city.cooling=5 kW")


def test_a_site_opens_if_it_saves_more_than_that_costs() -> None:
    """The north saves what the city's dearer energy costs more, 947 - 869 = 78 k$."""
    near, far = plan_of("19-two-sites"), plan_of("19-two-sites", "sites.north.power=1 kW")
    saved = far.objective_usd - near.objective_usd
    below = plan_of("19-two-sites", f"sites.north.opening={saved - 100:.0f}")
    above = plan_of("19-two-sites", f"sites.north.opening={saved + 100:.0f}")
    assert there(below) == {"north": 2, "city": 1}
    assert there(above) == {"city": 3}
    assert cost(below, "opening") == pytest.approx(saved - 100, abs=1)
    assert cost(above, "opening") == 0
    assert below.objective_usd == pytest.approx(near.objective_usd + saved - 100, abs=1)
    flows = [f for f in cash_flow(below) if f.term == "opening"]
    assert [(f.years, f.item, f.year) for f in flows] == [(0.0, "north", 1)]


def test_it_is_paid_when_the_first_systems_come() -> None:
    """Demand for the second site comes in the second year: the cost is worth 1 / 1.08 then."""
    changes = (
        "services.night-work.demand={requests_per_s: 13, growth: 60 %}",
        "sites.city.power=21 kW",
        "sites.north.power=100 kW",
        "sites.north.opening=$50k",
        "sites.north.energy=200 $/MWh",
        "money={discount_rate: 8 %}",
    )
    plan = plan_of("19-two-sites", *changes)
    first = min(line.epoch for line in plan.systems if line.site == "north")
    assert first == 1
    assert cost(plan, "opening") == pytest.approx(50_000 / 1.08)
    assert sum(f.present_usd for f in cash_flow(plan)) == pytest.approx(plan.objective_usd, abs=0.01)


def test_taxes_are_saved_on_it() -> None:
    taxed = plan_of("19-two-sites", "sites.north.opening=$10k", "money.tax_rate=30 %")
    free = plan_of("19-two-sites", "money.tax_rate=30 %")
    assert taxed.objective_usd - free.objective_usd == pytest.approx(7_000, abs=1)


def test_a_site_holds_nothing_before_its_date() -> None:
    assert there(plan_of("19-two-sites", "sites.north.open_from=2028-01")) == {"city": 3}
    with pytest.raises(InfeasibleError, match="city can hold systems from 2027-07"):
        plan_of("19-two-sites", "sites.city.open_from=2027-07")
    plan = plan_of("19-two-sites")
    workload = plan.inputs["workload"]
    sites = [dict(s, open_from="2027-02") if s["name"] == "north" else s for s in workload["sites"]]
    broken = plan.model_copy(update={"inputs": {**plan.inputs, "workload": {**workload, "sites": sites}}})
    assert {f.check for f in verify_plan(broken).failures} == {"open_sites"}


def test_the_checks_are_exact() -> None:
    """25 kW at the racks are 25 x 1.2 = 30 kW at the meter and 25 kW of heat."""
    assert asked().with_site(feed_kw=30.0, cooling_kw=25.0).verdict().passed
    assert asked().with_site(feed_kw=29.999999).failing() == {"feed"}
    assert asked().with_site(cooling_kw=24.999999).failing() == {"cooling"}
