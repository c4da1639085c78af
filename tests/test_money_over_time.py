"""The lessons on time and money: in each, one statement changes the plan, for the reason its file states."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from test_procurement import A100, H100, HOURS, catalogs, cost, lines, plan_of, price

from solver.backend.highs import HighsModel
from solver.engine.solve import Request, solve
from solver.finance.cash_flow import cash_flow, statement
from solver.formulation.build import build_program
from solver.formulation.hours import grouped
from solver.formulation.prepare import prepare
from solver.inputs.workload import apply_overrides, load_workload
from solver.paths import find_workload
from solver.plan.plan import Plan
from solver.time_value import depreciation_shares
from solver.whatif.assumption_sheet import Assumptions
from solver.whatif.entries import Ledger
from solver.whatif.workbook import Book

B200 = "dgx-b200"


def pays_off(plan: Plan) -> None:
    """Cash flow as rationals: each term and the total to the cent."""
    for term in {line.term for line in plan.costs}:
        found = sum((Fraction(f.present_usd) for f in cash_flow(plan) if f.term == term), Fraction(0))
        assert abs(found - Fraction(cost(plan, term))) < Fraction(1, 200), term
    total = sum((Fraction(f.present_usd) for f in cash_flow(plan)), Fraction(0))
    assert abs(total - Fraction(plan.objective_usd)) < Fraction(1, 200)


def test_a_service_ends_and_its_systems_change_hands() -> None:
    plan = plan_of("27-old-and-new")
    pays_off(plan)
    assert plan.epochs == ((0.0, 1.0), (1.0, 2.0), (2.0, 3.0))
    assert lines(plan) == {("buy", H100, 0, 4), ("buy", H100, 1, 1)}
    assert cost(plan, "migration") == pytest.approx(3 * 20e3 / 1.08**2)
    assert [(m.model, m.systems) for m in plan.moves] == [("llama-3.1-8b", "3")]
    dear = plan_of("27-old-and-new", "money.migration_usd_per_system=300000")
    pays_off(dear)
    assert lines(dear) == {("buy", H100, 0, 4), ("buy", H100, 1, 1), ("buy", H100, 2, 3)}
    assert cost(dear, "migration") == 0
    full = plan_of("27-old-and-new", "services.new.demand.steps={}")
    assert lines(full) == {("buy", H100, 0, 4), ("buy", H100, 1, 4)}


def test_quarters_see_growth_at_full_years() -> None:
    """2 systems through four quarters, 3 from the fifth on: growth steps at the year (18-growth)."""
    plan = plan_of("18-growth", "horizon.epoch_years=0.25", "horizon.years=2")
    assert len(plan.epochs) == 8
    assert lines(plan) == {("buy", H100, 0, 2), ("buy", H100, 4, 1)}
    pays_off(plan)
    stepped = plan_of("27-old-and-new", "horizon.epoch_years=0.25")
    assert {(s.system, s.epoch, s.count) for s in stepped.systems} == {(H100, 0, 4), (H100, 4, 1)}


def test_used_systems_are_sold_for_better_ones() -> None:
    plan = plan_of("28-resale")
    pays_off(plan)
    assert {(s.system, s.epoch, s.sold_epoch, s.count) for s in plan.systems} == {
        (H100, 0, 1, 4),
        (B200, 1, None, 1),
    }
    v = 1 / 1.08
    back = 4 * price(H100) * (1 - 0.65 * v) + price(B200) * (v - 0.30 * v**3)
    assert cost(plan, "purchase") == pytest.approx(back)
    kept = plan_of("28-resale", "money.resale_by_age=[20 %, 10 %, 5 %]")
    pays_off(kept)
    assert lines(kept) == {("buy", H100, 0, 4)}
    assert cost(kept, "purchase") == pytest.approx(4 * price(H100) * (1 - 0.05 * v**3))


def test_an_order_takes_its_time_and_is_paid_at_once() -> None:
    plan = plan_of("29-lead-time")
    pays_off(plan)
    assert lines(plan) == {("rent", H100, 0, 4), ("buy", H100, 1, 4)}
    assert {s.offer for s in plan.systems} == {"bridge", "ordered@4"}
    assert cost(plan, "purchase") == pytest.approx(4 * 180e3)  # at the order: not discounted
    assert plan.epochs[1][0] == 0.5
    later = plan_of("29-lead-time", "offers.ordered.paid=delivery")
    assert cost(later, "purchase") == pytest.approx(4 * 180e3 / 1.08**0.5)
    single = plan_of("29-lead-time", "offers.ordered.tiers={}")
    assert {(s.offer, s.epoch) for s in single.systems} == {(f"{H100}/buy", 0)}


def test_a_budget_of_running_costs_by_fiscal_year() -> None:
    plan = plan_of("30-fiscal-years")
    pays_off(plan)
    assert {(way, count) for way, _, _, count in lines(plan)} == {("buy", 1), ("rent", 1)}
    table = statement(plan)
    assert list(table.columns) == [*(f"year {n}" for n in range(1, 5)), "present value"]
    rent = HOURS * 9
    energy = cost(plan, "energy")
    assert table.loc["rental", "year 1"] == pytest.approx(rent / 4)  # January to March
    assert table.loc["rental", "year 2"] == pytest.approx(rent)
    assert rent + energy / 2 < 120e3 < 2 * rent
    free = plan_of("30-fiscal-years", "money.budget_opex_by_year_usd=[]")
    assert {way for way, *_ in lines(free)} == {"rent"}
    tight = plan_of("30-fiscal-years", "money.budget_opex_by_year_usd=[$5k, $120k, $120k, $120k]")
    assert {(e, c) for way, _, e, c in lines(tight) if way == "buy"} == {(0, 2)}  # nothing rented in spring


def test_taxes_favour_what_is_written_off_sooner() -> None:
    plan = plan_of("31-taxes-and-people")
    pays_off(plan)
    assert lines(plan) == {("reserve", H100, 0, 2)}
    assert cost(plan, "tax") == pytest.approx(-0.3 * cost(plan, "rental"))
    for change in ("money.tax_rate=0", "money.depreciation_years=1"):
        bought = plan_of("31-taxes-and-people", change)
        pays_off(bought)
        assert lines(bought) == {("buy", H100, 0, 2)}
    write_offs = sum(s / 1.08**n for n, s in ((1, 0.2), (2, 0.2), (3, 0.6)))
    only = plan_of("31-taxes-and-people", "services.0.acquisitions=[buy]")
    pays_off(only)
    saved = 0.3 * (2 * price(H100) * write_offs + cost(only, "energy"))
    assert cost(only, "tax") == pytest.approx(-saved)
    falling = plan_of("31-taxes-and-people", "services.0.acquisitions=[buy]", "money.depreciation=declining")
    pays_off(falling)
    assert cost(falling, "tax") < cost(only, "tax")


def test_people_at_a_site_make_owning_dearer() -> None:
    staffed = plan_of("31-taxes-and-people", "money={staff: {salary: $150k, per_site: 0.5}}")
    assert lines(staffed) == {("reserve", H100, 0, 2)}
    assert staffed.people == ()
    bought = plan_of(
        "31-taxes-and-people",
        "money={discount_rate: 0 %, staff: {salary: $150k, per_site: 0.5, per_system: 0.1, per_rack: 0.21}}",
        "services.0.acquisitions=[buy]",
    )
    pays_off(bought)
    people = 0.5 + 2 * 0.1 + 2 * 8 / 42 * 0.21
    assert [p.people for p in bought.people] == [pytest.approx(people)]
    assert cost(bought, "staff") == pytest.approx(3 * 150e3 * people)


def test_declining_balance_of_five_years() -> None:
    """IRS Publication 946, 200 % declining balance (no half-year convention): 40, 24, 14.4, 10.8, 10.8 %."""
    shares = [float(share) for share in depreciation_shares("declining", 5)]
    assert shares == pytest.approx([0.4, 0.24, 0.144, 0.108, 0.108])
    for years in range(1, 12):
        for schedule in ("declining", "straight-line"):
            assert sum(depreciation_shares(schedule, years)) == 1


def test_work_follows_the_cheap_hours() -> None:
    plan = plan_of("32-tariff")
    pays_off(plan)
    served: dict[int, set[str]] = {}
    for route in plan.routes:
        for hour in plan.periods[route.period]["covers"] if Fraction(route.share) > 1e-6 else ():
            served.setdefault(hour, set()).add(route.site)
    assert all(served[h] == {"west"} for h in range(8, 14))
    assert all(served[h] == {"east"} for h in range(14, 20))
    assert all(served[h] == {"east", "west"} for h in range(20, 24))
    # per day: idle 30 % of 4 systems at the mean tariff; 70 % of what is used, always at the low tariff
    kw = 1.3 * next(iter(plan.inputs["systems"].values()))["power_typ_kw"]
    mean = (6 * 0.30 + 18 * 0.05) / 24
    days = HOURS * sum(1.08 ** -(m / 12) for m in range(1, 37)) / 12 / 24
    used = 20 * 2 + 4 * 4
    per_day = kw * (0.3 * 4 * 24 * mean + 0.7 * used * 0.05)
    assert cost(plan, "energy") == pytest.approx(per_day * days, rel=1e-6)
    always = plan_of("32-tariff", "hardware.idle_power_share=100 %")
    assert cost(always, "energy") == pytest.approx(kw * 4 * 24 * mean * days)
    assert len(always.periods) == 1  # no dollar depends on the hour: only the busiest one is solved


def test_like_hours_of_different_tariffs_bound_the_cost() -> None:
    """24 hours of random demand and tariff in four groups: the plan of the groups costs no less than that of
    the hours, the mean hours at the least tariffs no more (solver.formulation.hours)."""
    rng = random.Random(4)
    rates = ", ".join(f"{rng.uniform(10, 40):.2f}" for _ in range(24))
    prices = ", ".join(f"{rng.uniform(0.03, 0.5):.3f}" for _ in range(24))
    changes = (f"services.0.demand.rate_rps=[{rates}]", f"sites=[{{name: here, tariff: [{prices}]}}]")
    loaded = apply_overrides(load_workload(find_workload("32-tariff")), changes)
    exact = prepare(loaded.workload, *catalogs())
    assert len(exact.problem.periods) == 24
    upper, mean = grouped(exact.problem.workload, exact.problem.epochs, 4)
    assert len(upper) == len(mean) == 4
    costs = [
        HighsModel(build_program(replace(exact.problem, periods=periods))).solve().objective
        for periods in (mean, exact.problem.periods, upper)
    ]
    assert costs == sorted(costs)
    assert costs[2] < costs[0] * 1.5


def test_work_that_can_wait_waits_for_cheap_energy() -> None:
    """Lesson 34 with dear energy by day: the batch work, which may take twelve hours, runs by night."""
    tariff = "sites=[{name: here, tariff: {peak: 0.30 $/kWh, off_peak: 0.05 $/kWh, peak_hours: 8-20}}]"
    plan = plan_of("34-work-that-waits", tariff, "hardware.idle_power_share=30 %")
    pays_off(plan)
    k = sorted(s["name"] for s in plan.inputs["workload"]["services"]).index("nightly")
    by_day = sum(p["rate_rps"][k] for p in plan.periods if 8 <= p["covers"][0] < 20)
    assert sum(p["rate_rps"][k] for p in plan.periods) == pytest.approx(24 * 30)
    assert by_day <= 30 * (1 + 1e-6)  # what came after 20 has to be done by 8: an hour of it is left over


def test_the_statement_by_quarter_and_month_adds_up() -> None:
    plan = plan_of("27-old-and-new")
    for by, count in (("year", 3), ("quarter", 12), ("month", 36)):
        table = statement(plan, by)  # type: ignore[arg-type]
        columns = [c for c in table.columns if c.startswith(by)]
        assert len(columns) == count
        assert table.loc["total", "present value"] == pytest.approx(plan.objective_usd, abs=0.005)
        assert table.loc["total", columns].sum() == pytest.approx(sum(f.usd for f in cash_flow(plan)))


def test_a_support_contract_is_a_choice() -> None:
    """Over five years 5 x 8 % of the price, and a life of five years, cost less than a second system."""
    bare = "{id: bare, system: dgx-h100, kind: buy, price_usd: 270000, life_years: 3}"
    terms = "kind: buy, price_usd: 270000, life_years: 5"
    supported = f"{{id: supported, system: dgx-h100, {terms}, support_share_per_year: %s}}"
    base = ("services.0.demand.growth_per_year=0", "horizon.years=5", "horizon.epoch_years=1")
    for share, chosen in (("8 %", True), ("30 %", False)):
        plan = plan_of("18-growth", *base, f"offers=[{bare}, {supported % share}]")
        pays_off(plan)
        assert ("supported" in {s.offer for s in plan.systems}) is chosen


def test_most_traffic_for_the_money() -> None:
    """12 h of 20 and 12 h of 80 requests/s: what n systems of 5 requests/s serve of it."""
    for change, count in (("$600k", 4), ("$700k", 5)):
        plan = plan_of("33-most-traffic", f"money.budget_capex_usd={change}")
        pays_off(plan)
        assert lines(plan) == {("buy", A100, 0, count)}
        assert plan.served_share == pytest.approx((12 * 20 + 12 * 5 * count) / 1200, rel=1e-6)
        assert plan.objective_usd == pytest.approx(sum(s.cost_usd for s in plan.systems))
    assert {u.period for u in plan.unserved} == {p["index"] for p in plan.periods if p["rate_rps"] == [80.0]}
    everything = plan_of("33-most-traffic", "money.budget_capex_usd=$3M")
    cheapest = plan_of("33-most-traffic", "money.budget_capex_usd=$3M", "objective=cost")
    assert lines(everything) == lines(cheapest) == {("buy", A100, 0, 16)}
    assert everything.served_share == pytest.approx(1.0, abs=1e-8)
    opex = ("money.budget_capex_usd=$3M", "money.budget_opex_by_year_usd=[$20k, $20k, $20k]")
    energy = cost(cheapest, "energy") / 16  # of one system, three years discounted: $4.1k a year
    few = plan_of("33-most-traffic", *opex)
    assert sum(s.count for s in few.systems) == 4 == int(20e3 / (energy / 2.67))


def test_announced_systems_come_in_their_year() -> None:
    """A priced hypothetical chip of 2028 is not got in 2027, although nobody states a date."""
    catalog, calibration = catalogs()
    chip = catalog.systems["hyp-hbf-gpu8"]
    assert (chip.year, chip.available_from) == (2028, "2028")
    changes = (
        "hardware={include: [hyp-hbf-gpu8, dgx-h100], overrides: {hyp-hbf-gpu8: {price_usd: 1000}}}",
        "profiles=[{id: a, system: hyp-hbf-gpu8, service: growth, requests_per_s: [40]}, "
        "{id: h100, system: dgx-h100, service: growth, requests_per_s: [10]}]",
    )
    plan = plan_of("18-growth", *changes, "hardware.profiles=only")
    assert {(s.system, s.epoch) for s in plan.systems} == {(H100, 0), ("hyp-hbf-gpu8", 1)}
    later = plan_of("18-growth", *changes, "hardware.profiles=only", "horizon.start=2028-01")
    assert {s.system for s in later.systems} == {"hyp-hbf-gpu8"}
    no_growth = plan_of(  # no epoch is stated: one begins when the chip can be had
        "18-growth", *changes, "hardware.profiles=only", "services.0.demand.growth_per_year=0"
    )
    assert no_growth.epochs == ((0.0, 1.0), (1.0, 3.0))
    prepared = prepare(
        apply_overrides(
            load_workload(find_workload("18-growth")), [*changes, "hardware.profiles=only"]
        ).workload,
        catalog,
        calibration,
    )
    assert {o.available_years for o in prepared.problem.offers if o.system == "hyp-hbf-gpu8"} == {1.0}


@pytest.mark.parametrize("name", ["27-old-and-new", "28-resale", "30-fiscal-years", "31-taxes-and-people"])
def test_dropping_hours_changes_nothing(name: str) -> None:
    """The plan with all hours kept costs the same; a day's curve in place of the constant demand."""
    day = "services.0.demand.rate_rps=[" + ", ".join(["20"] * 8 + ["40"] * 8 + ["30"] * 8) + "]"
    tariff = "sites=[{name: here, tariff: {peak: 0.3 $/kWh, off_peak: 0.05 $/kWh, peak_hours: 8-20}}]"
    loaded = apply_overrides(load_workload(find_workload(name)), [day, tariff])
    reduced, full = (solve(loaded, *catalogs(), Request(compare=False, reduce=r)) for r in (True, False))
    assert reduced.objective_usd == pytest.approx(full.objective_usd, rel=1e-9)
    assert len(full.periods) >= len(reduced.periods)


@pytest.mark.parametrize(
    "name",
    [
        "11-lease",
        "27-old-and-new",
        "28-resale",
        "29-lead-time",
        "31-taxes-and-people",
        "32-tariff",
        "33-most-traffic",
    ],
)
def test_the_workbook_comes_to_the_cost_of_the_plan(name: str) -> None:
    changes = ("services.0.acquisitions=[buy]",) if name == "31-taxes-and-people" else ()
    plan = plan_of(name, *changes)
    book = Book(plan, Assumptions(Ledger(plan, {})))
    total = book.costs().cells[len(book.terms) + 1, 1]
    assert isinstance(total, tuple)
    assert total[1] == pytest.approx(plan.objective_usd, abs=0.5)
