"""Regions with demand curves of their own on shared pools: by hand, against two programs, and as input."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from test_groups import curves_written_out, grouped, prepared_of, reduced_and_full_agree
from test_procurement import H100, catalogs, lines, plan_of

from solver.backend.highs import HighsModel
from solver.domain.workload import LoadedWorkload, Workload
from solver.engine.solve import Request, solve, solve_prepared
from solver.errors import InputError
from solver.formulation.build import build_program
from solver.formulation.prepare import prepare
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import apply_overrides, workload_from, workload_to_yaml
from solver.inputs.yaml_text import load_yaml
from solver.plan.plan import Plan
from solver.reports.fleet import Names
from solver.reports.places import region_lines
from solver.reports.traffic import Traffic
from solver.verify.from_plan import verify_plan

BOTH = "dgx-h100, mi325x-8"
LESSON = "50-follow-the-sun"
TEXT = """
name: sun
services:
  - model: llama-3.1-8b
    acquisitions: [{ways}]
    demand: {demand}
    lengths: {{prompt: 1000, output: 250}}
    {more}
horizon: 1 year
sites: [{{name: east, round_trip_by_region: {{eu: 20 ms}}}}, {{name: west, energy: 0.2 $/kWh}}]
resilience: {resilience}
hardware: {{include: [{include}], profiles: only}}
profiles:
  - {{id: one, system: dgx-h100, service: sun, requests_per_s: [10]}}
  - {{id: two, system: mi325x-8, service: sun, requests_per_s: [8]}}
"""


def text(
    demand: str, ways: str = "buy", more: str = "", resilience: str = "{}", include: str = "dgx-h100"
) -> str:
    return TEXT.format(demand=demand, ways=ways, more=more, resilience=resilience, include=include)


def read(demand: str, **others: str) -> LoadedWorkload:
    return workload_from(load_yaml(Path("sun.yaml"), text=text(demand, **others)), Path())


def solved(loaded: LoadedWorkload) -> Plan:
    plan = solve(loaded, *catalogs(), Request(compare=False))
    assert (plan.outcome, plan.verified) == ("optimal", True)
    return plan


def day(*blocks: tuple[int, float]) -> str:
    """24 values: (hours, rate) one after another."""
    values = [rate for hours, rate in blocks for _ in range(hours)]
    assert len(values) == 24
    return f"[{', '.join(map(str, values))}]"


#: 20/s from Europe in the first half of the day, from America in the second, 4/s else: 24/s in all hours.
SUN = f"{{regions: {{eu: {{day: {day((12, 20), (12, 4))}}}, us: {{day: {day((12, 4), (12, 20))}}}}}}}"


def test_the_lesson() -> None:
    """40 + 5 + 5 requests/s at any hour: 5 systems of 10; with Europe's data at home 4 there."""
    plan = plan_of(LESSON)
    assert lines(plan) == {("buy", H100, 0, 5)}
    stay = plan_of(LESSON, "regions=[{name: europe, residency: EU}]")
    assert {(s.site, s.count) for s in stay.systems} == {("frankfurt", 4), ("ohio", 1)}
    awake = day((8, 5), (8, 40), (8, 5))
    both = plan_of(LESSON, f"services.0.demand.regions.america.day={awake}")
    assert lines(both) == {("buy", H100, 0, 9)}  # 40 + 40 + 5


def test_two_services_would_need_more() -> None:
    """24/s together are 3 systems; a service of 20/s alone needs 2, and there are two."""
    assert lines(solved(read(SUN))) == {("buy", H100, 0, 3)}
    alone = solved(read(f"{{regions: {{eu: 100 %}}, day: {day((12, 20), (12, 4))}}}"))
    assert lines(alone) == {("buy", H100, 0, 2)}


def test_growth_of_a_region() -> None:
    """Europe 20, 30, 45/s; America stays: with 4/s from there 24, 34, 49/s by year; 3, 4 and 5 systems."""
    demand = SUN.replace("eu: {", "eu: {growth: 50 %, ")
    loaded = read(demand)
    loaded = apply_overrides(loaded, ["horizon=3 years"])
    plan = solved(loaded)
    assert sorted((s.epoch, s.count) for s in plan.systems) == [(0, 3), (1, 1), (2, 1)]
    largest = {p["epoch"]: max(q["rate_rps"][0] for q in plan.periods if q["epoch"] == p["epoch"])
               for p in plan.periods}  # fmt: skip
    assert largest == pytest.approx({0: 24, 1: 34, 2: 49})


def test_rented_by_the_hour_where_regions_are_awake() -> None:
    """Bought for the 8/s of the night, rented for the rest; every hour served, paid by its own demand."""
    wide = (
        f"{{regions: {{eu: {{day: {day((6, 36), (18, 4))}}}, us: {{day: {day((6, 4), (6, 16), (12, 4))}}}}}}}"
    )
    plan = solved(read(wide, ways="rent"))
    periods = [p["region_rps"][0] for p in plan.periods]
    assert {(p["eu"], p["us"]) for p in periods} == {(36, 4), (4, 16), (4, 4)}
    hourly = {s.period: s.count for s in plan.systems if s.acquisition == "rent-hourly"}
    standing = sum(s.count for s in plan.systems if s.acquisition == "rent")
    need = {p["index"]: -(-p["rate_rps"][0] // 10) for p in plan.periods}
    assert {t: standing + hourly.get(t, 0) for t in need} == need  # 40, 20 and 8/s: 4, 2 and 1 systems


def test_same_curve_is_the_same_as_shares() -> None:
    """Regions that follow one curve cost what shares of it cost."""
    curve = day((12, 20), (12, 5))
    own = (
        f"{{regions: {{eu: {{requests_per_s: 15, day: {curve}}}, us: {{requests_per_s: 5, day: {curve}}}}}}}"
    )
    one = f"{{requests_per_s: 20, day: {curve}, regions: {{eu: 75 %, us: 25 %}}}}"
    for ways in ("buy", "rent", "buy, rent"):
        costs = {solved(read(demand, ways=ways, include=BOTH)).objective_usd for demand in (own, one)}
        assert max(costs) == pytest.approx(min(costs), rel=1e-9)


def test_after_the_loss_of_a_site() -> None:
    """All traffic after the loss of either site: 24/s, so 3 systems at each of two sites; a sum of peaks
    would be 4 at each."""
    plan = solved(read(SUN, resilience="{site_loss: 100 %}"))
    assert {(s.site, s.count) for s in plan.systems if s.system == H100} == {("east", 3), ("west", 3)}


def hours_of(rng: random.Random) -> str:
    curves = []
    for name in ("eu", "us"):
        steps = [rng.randint(20, 300) for _ in range(3)]
        curves.append(f"{name}: {{hourly: [{', '.join(str(rng.choice(steps)) for _ in range(24))}]}}")
    return f"{{regions: {{{', '.join(curves)}}}}}"


@pytest.mark.parametrize("seed", range(4))
def test_grouped_hours_and_all_hours_agree(tmp_path: Path, seed: int) -> None:
    """Every hour a period of its own, and hours in groups: the same optimum, in a verified plan."""
    demand = hours_of(random.Random(seed))
    loaded, full = prepared_of(text(demand, ways="buy, rent", include=BOTH), tmp_path)
    reduced_and_full_agree(loaded, full)


def test_groups_of_unlike_hours_hold(tmp_path: Path) -> None:
    """A group serves the largest rate of each region and pays for the mean: above the optimum."""
    loaded, full = prepared_of(text(hours_of(random.Random(9)), ways="buy, rent", include=BOTH), tmp_path)
    true = HighsModel(build_program(curves_written_out(full).problem)).solve().objective
    plan = solve_prepared(loaded, load_catalog(), grouped(full), Request(gap=0.2, compare=False))
    assert plan.verified
    assert plan.bound_usd <= true * 1e3 * (1 + 1e-9)
    assert true * 1e3 <= plan.objective_usd * (1 + 1e-9)


def spoilt(plan: Plan, n: int, **fields: object) -> Plan:
    periods = [dict(p) for p in plan.periods]
    periods[n].update(fields)
    return plan.model_copy(update={"periods": tuple(periods)})


def test_the_check_knows_the_regions() -> None:
    """Less of a region, rates that do not add up, or none at all: rejected."""
    plan = solved(read(SUN))
    assert verify_plan(plan).passed
    first = plan.periods[0]["region_rps"][0]
    less = {"eu": first["eu"] - 1, "us": first["us"]}
    wrong = verify_plan(spoilt(plan, 0, region_rps=[less], rate_rps=[sum(less.values())]))
    assert {f.check for f in wrong.failures} >= {"hours"}
    swapped = [{"eu": first["us"], "us": first["eu"]}]
    assert {f.check for f in verify_plan(spoilt(plan, 0, region_rps=swapped)).failures} >= {"hours"}
    assert {f.check for f in verify_plan(spoilt(plan, 0, rate_rps=[30.0])).failures} == {"hours"}
    assert {f.check for f in verify_plan(spoilt(plan, 0, region_rps=[{}])).failures} == {"shape"}


def test_capacity_counts_the_regions_of_the_hour() -> None:
    """24 requests/s on two systems of 10/s: 0.4 of a replica too many, whoever is awake."""
    plan = solved(read(SUN))
    one = [p.model_copy(update={"replicas": p.replicas - 1}) for p in plan.pools if p.replicas == 3]
    assert len(one) == 1  # 24/s do not fit on two
    kept = tuple(p for p in plan.pools if p.replicas != 3)
    failures = verify_plan(plan.model_copy(update={"pools": (*kept, *one)})).failures
    (over,) = {f.amount for f in failures if f.check == "capacity"}
    assert float(over) == pytest.approx(0.4)


def test_reports_follow_the_hours() -> None:
    plan = plan_of(LESSON, "regions=[{name: europe, residency: EU}]")
    traffic = Traffic(plan)
    assert traffic.demand_rps("follow-the-sun") == pytest.approx([50.0] * 24)
    served = traffic.served_rps("follow-the-sun")
    assert [sum(row[h] for row in served.values()) for h in range(24)] == pytest.approx([50.0] * 24)
    rows = [x for x in region_lines(traffic, Names(plan)) if x.region == "europe"]
    assert {x.site for x in rows} == {"frankfurt"}
    assert sum(x.share for x in rows) == pytest.approx(1)


def test_what_a_file_states(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text(
        "hour,eu,us\n" + "".join(f"{h},{h + 1},{24 - h}\n" for h in range(24))
    )
    demand = "{growth: 10 %, regions: {eu: {curve: curve.csv, growth: 30 %}, us: {curve: curve.csv}}}"
    loaded = workload_from(load_yaml(tmp_path / "sun.yaml", text=text(demand)), tmp_path)
    (service,) = loaded.workload.services
    assert service.demand.rate_rps == (25.0,) * 24
    assert service.demand.regions == {"eu": 0.5, "us": 0.5}
    assert [service.demand.growth_of(r) for r in ("eu", "us", "")] == [0.3, 0.1, 0.1]
    assert service.factor_at(2.0, "2027-01", "eu") == pytest.approx(1.69)
    again = workload_from(load_yaml(Path("again.yaml"), text=workload_to_yaml(loaded.workload)), Path())
    assert again.workload == loaded.workload


def test_a_total_scales_all_regions() -> None:
    def peaks(workload: Workload) -> list[float]:
        return [max(r.rate_rps) for r in workload.services[0].demand.by_region.values()]

    assert peaks(read(SUN.replace("{regions", "{requests_per_s: 48, regions")).workload) == [40, 40]
    assert peaks(read(SUN.replace("{regions", "{peak_requests_per_s: 12, regions")).workload) == [10, 10]
    changed = apply_overrides(read(SUN), ["services.0.demand.requests_per_s=48"])
    assert peaks(changed.workload) == [40, 40]
    changed = apply_overrides(read(SUN), ["services.0.demand.regions.eu.growth=20 %"])
    assert changed.workload.services[0].demand.growth_of("eu") == 0.2
    changed = apply_overrides(read(SUN), ["services.0.demand.regions.eu.requests_per_s=6"])
    assert peaks(changed.workload) == [10, 20]  # the curve keeps its shape: mean 12, peak 20


@pytest.mark.parametrize(
    ("demand", "complaint"),
    [
        ("{regions: {eu: {day: [1]}, us: {requests_per_s: 1}}}", "1 hourly values; write 24 of them"),
        ("{regions: {eu: {requests_per_s: 5}, us: 40 %}}", "'us' has no curve of its own, as another region"),
        ("{hourly: 5, regions: {eu: {requests_per_s: 5}}}", "a curve beside those of its regions"),
        ("{regions: {eu: {requests_per_s: 5, grow: 5 %}}}", "did you mean 'growth'"),
        ("{regions: {eu: {}}}", "states no amount"),
        ("{regions: {eu: {requests_per_s: 0}, us: {requests_per_s: 1}}}", "no request in any hour"),
        ("{requests_per_s: 5, peak_requests_per_s: 5, regions: {eu: {requests_per_s: 1}}}", "twice"),
        ("{regions: {eu: {curve: nowhere.csv}}}", "nowhere.csv"),
    ],
)  # fmt: skip
def test_complaints(demand: str, complaint: str) -> None:
    with pytest.raises(InputError) as error:
        read(demand)
    assert complaint in str(error.value)
    assert "sun.yaml:6" in str(error.value) or "nowhere" in str(error.value)


def test_periods_without_a_region(tmp_path: Path) -> None:
    """A region without requests in some hours: nothing is routed for it then."""
    demand = f"{{regions: {{eu: {{day: {day((12, 20), (12, 0))}}}, us: {{day: {day((12, 0), (12, 20))}}}}}}}"
    assert lines(solved(read(demand))) == {("buy", H100, 0, 2)}
    loaded, full = prepared_of(text(demand, ways="rent"), tmp_path)
    every = replace(full, problem=replace(full.problem, periods=full.all_periods))
    assert {p.rate_rps for p in every.problem.periods} == {(20.0, 0.0), (0.0, 20.0)}
    assert solve_prepared(loaded, load_catalog(), every, Request(compare=False)).verified


def test_points_for_one_region_are_sized_by_its_own_peak() -> None:
    """The near region alone: its rates are its own curve, not a share of the sum."""
    workload = read(SUN, more="levels: {ttft: 500 ms}").workload
    problem = prepare(workload, *catalogs()).problem
    assert problem.peaks == (20.0, 20.0)
    assert problem.peak_rps(0) == 40.0
    assert sum(problem.largest_shares[0]) == pytest.approx(1.0)
