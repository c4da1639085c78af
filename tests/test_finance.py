"""The cash flow of a plan: its present value is the objective to the cent, whatever the fleet consists of."""

from __future__ import annotations

import lessons
import pytest

from solver.finance.cash_flow import Flow, cash_flow, months, statement, yearly
from solver.plan.plan import Plan

HOURS = 8766.0  # a year
RATE = "money.discount_rate=8 %"

#: Workloads of every way to get capacity: name -> (shipped workload, statements replaced).
CASES: dict[str, tuple[str, tuple[str, ...]]] = {
    "bought": ("01-by-hand", ()),
    "bought with tokens": ("01-by-hand", ("services.0.acquisitions=[buy, api]", RATE)),
    "residual and support": (
        "01-by-hand",
        ("money.residual_share=20 %", "money.support_share_per_year=7 %", RATE),
    ),
    "space": ("18-growth", ("sites.site.space_usd_per_rack_unit_month=100",)),
    "growth": ("18-growth", ()),
    "growth, partial year": ("18-growth", ("horizon.years=2.5", "money.residual_share=10 %")),
    "owned": ("10-owned", (RATE,)),
    "leased": ("11-lease", (RATE,)),
    "lease renewed": ("11-lease", ("horizon.years=3", RATE)),
    "reserved": ("12-reservation", (RATE,)),
    "spot": ("13-spot", (RATE,)),
    "quantity discount": ("14-quantity-discount", ()),
    "two sites": ("19-two-sites", ()),
    "capex by year": ("21-capex-by-year", ()),
}


def plan_of(name: str) -> Plan:
    workload, changes = CASES[name]
    return lessons.plan_of(workload, *changes)


def total(flows: tuple[Flow, ...], *terms: str) -> float:
    return sum(f.usd for f in flows if f.term in terms)


@pytest.mark.parametrize("name", CASES)
def test_present_value_is_the_objective_to_the_cent(name: str) -> None:
    plan = plan_of(name)
    flows = cash_flow(plan)
    assert sum(f.present_usd for f in flows) == pytest.approx(plan.objective_usd, abs=0.005)


@pytest.mark.parametrize("name", CASES)
def test_each_cost_term_to_the_cent(name: str) -> None:
    plan, found = plan_of(name), dict.fromkeys((line.term for line in plan_of(name).costs), 0.0)
    for flow in cash_flow(plan):
        found[flow.term] = found.get(flow.term, 0.0) + flow.present_usd
    assert found == pytest.approx({line.term: line.usd for line in plan.costs}, abs=0.005)


@pytest.mark.parametrize("name", CASES)
def test_the_statement_adds_up_both_ways(name: str) -> None:
    plan = plan_of(name)
    table = statement(plan)
    years = [c for c in table.columns if c.startswith("year")]
    assert table.loc["total", "present value"] == pytest.approx(plan.objective_usd, abs=0.005)
    paid = sum(f.usd for f in cash_flow(plan))
    assert table.loc["total", years].sum() == pytest.approx(paid, abs=0.005)
    assert sum(row["usd"] for row in yearly(plan)) == pytest.approx(paid, abs=0.005)
    assert list(table.index) == [*sorted({f.term for f in cash_flow(plan)}), "total"]


def test_the_cases_cover_every_kind_of_offer_and_every_term() -> None:
    kinds, terms = set(), set()
    for name in CASES:
        plan = plan_of(name)
        kinds |= {plan.inputs["offers"][line.offer]["kind"] for line in plan.systems}
        terms |= {line.term for line in plan.costs}
    assert kinds >= {"buy", "lease", "reserve", "spot"}
    assert terms == {"purchase", "rental", "energy", "space", "api"}


def test_growth_is_bought_year_by_year() -> None:
    """2, 3 and 5 systems (18-growth): 2, 1 and 2 bought at the starts of years 1, 2 and 3."""
    plan = plan_of("growth")
    price = plan.systems[0].unit_price_usd
    bought = [(f.year, f.years, f.usd) for f in cash_flow(plan) if f.term == "purchase" and f.usd > 0]
    assert bought == [(1, 0.0, 2 * price), (2, 1.0, price), (3, 2.0, 2 * price)]
    energy = [sum(f.usd for f in cash_flow(plan) if (f.term, f.year) == ("energy", y)) for y in (1, 2, 3)]
    assert energy[1] / energy[0] == pytest.approx(3 / 2)
    assert energy[2] / energy[0] == pytest.approx(5 / 2)


def test_a_lease_is_paid_monthly_for_its_term() -> None:
    """4 leases at $9 an hour for a year: 12 payments that add up to 4 x 8,766 x 9 dollars (11-lease)."""
    flows = [f for f in cash_flow(plan_of("leased")) if f.term == "rental"]
    assert len(flows) == 12
    assert sum(f.usd for f in flows) == pytest.approx(4 * HOURS * 9, abs=0.005)
    assert {f.year for f in flows} == {1}
    assert total(cash_flow(plan_of("leased")), "energy") > 0  # it stands at the user's site


def test_a_reservation_takes_no_power_of_ours() -> None:
    plan = plan_of("reserved")
    reserved = {s.system for s in plan.systems if plan.inputs["offers"][s.offer]["kind"] == "reserve"}
    assert reserved
    bought = {s.system for s in plan.systems if plan.inputs["offers"][s.offer]["kind"] == "buy"}
    energy = {f.item for f in cash_flow(plan) if f.term == "energy"}
    assert energy <= bought


def test_the_residual_value_comes_back_at_the_end() -> None:
    plan = plan_of("residual and support")
    flows = cash_flow(plan)
    price = sum(f.usd for f in flows if f.years == 0)
    back = [f for f in flows if f.usd < 0]
    assert {f.years for f in back} == {plan.horizon_years}
    assert sum(f.usd for f in back) == pytest.approx(-0.2 * price)
    support = sum(f.usd for f in flows if f.item.endswith("support"))
    assert support == pytest.approx(0.07 * plan.horizon_years * price)


def test_months_of_two_and_a_half_months() -> None:
    assert [t * 12 for pair in months(0, 2.5 / 12) for t in pair] == pytest.approx([0, 1, 1, 2, 2, 2.5])
    assert months(1, 1) == []
