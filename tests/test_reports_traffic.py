"""Shares, loads and capacities read from the routes, against sums done by hand."""

from __future__ import annotations

from typing import Any

import pytest
from plan_fixture import API_POINT, CHAT, DGX_POINT, L40S_POINT, SAFE, make_plan

from solver.plan.plan import Plan, Pool, Route
from solver.reports.fleet import fleet, span_words
from solver.reports.pool_facts import Target, safe_load
from solver.reports.serving import hours_words, pool_groups, serving_lines
from solver.reports.tables import records
from solver.reports.traffic import Traffic
from solver.reports.units import percent


def small(rates: list[float], routes: list[tuple[int, int, str, str]], **more: Any) -> Plan:
    """One service of two length buckets (shares 3/4 and 1/4) on points P and Q, and an API A.

    ``rates`` (all different, one period each) are repeated to fill a day.
    """
    curve = rates if len(rates) in (1, 24, 168) else rates * (24 // len(rates))
    service = {
        "name": "s",
        "model": "m",
        "demand": {"rate_rps": curve},
        "lengths": [
            {"prompt_tokens": 10, "output_tokens": 10, "share": 0.75},
            {"prompt_tokens": 99, "output_tokens": 10, "share": 0.25},
        ],
    }
    modes = {"P": "standing", "Q": "elastic", "A": "api"}
    line = {"low": 1, "high": 9, "slope": 0.8, "intercept": -0.3}
    fields: dict[str, Any] = {
        "periods": tuple(
            {"index": n, "epoch": 0, "hours": 8766.0 / len(rates), "rate_rps": [rate], "label": ""}
            for n, rate in enumerate(rates)
        ),
        "epochs": ((0.0, 1.0),),
        "systems": (),
        "pools": (pool("P", "standing", 2),),
        "routes": tuple(
            Route(service="s", bucket=b, period=t, target=p, site="x", mode=modes[p], share=share)
            for b, t, p, share in routes
        ),
        "points": {"P": {"use": [[0.1, 0.4], [0.2, 0.2]], "lines": [line]}, "Q": {"use": [[0.1, 0.1]]}},
        "inputs": {"workload": {"name": "w", "services": [service]}},
    }
    return make_plan(**(fields | more))


def pool(point: str, mode: str, replicas: int, period: int | None = None) -> Pool:
    return Pool(
        point=point,
        service="s",
        model="m",
        system="y",
        site="x",
        mode=mode,
        epoch=0,
        period=period,
        replicas=replicas,
        spare_replicas=0,
        systems_per_replica="1",
        layout="",
        weight_precision="",
        batch=1,
        tpot_ms=1.0,
        line=0,
        evidence="",
    )


def test_shares_are_weighted_with_requests() -> None:
    plan = small(
        [1.0, 3.0],
        [(0, 0, "P", "1"), (1, 0, "P", "1"), (0, 1, "P", "1/3"), (0, 1, "A", "2/3"), (1, 1, "A", "1")],
    )
    # hour 0: 1 request/s all on P; hour 1: 3/s, of which 3/4 x 1/3 = 1/4 on P. P: (1 + 0.75) / 4
    shares = Traffic(plan).shares("s")
    assert shares[Target("P", "x", "standing")] == pytest.approx(1.75 / 4)
    assert shares[Target("A", "x", "api")] == pytest.approx(2.25 / 4)


@pytest.mark.parametrize(
    ("hours", "mix"),
    [(1, (0.333333333, 0.666666666)), (24, (0.010333333, 0.9896666660000001))],  # floats add up to less
)
def test_all_requests_are_all_where_shares_were_rounded(hours: int, mix: tuple[float, float]) -> None:
    rates = [(n + 1) / 10 for n in range(hours)]
    traffic = Traffic(small(rates, [(b, t, "P", "1") for b in (0, 1) for t in range(hours)]))
    traffic.mixes = {"s": mix}
    assert percent(traffic.shares("s")[Target("P", "x", "standing")]) == "100 %"


def test_safe_load_follows_the_capacity_line() -> None:
    plan = small([1.0], [(0, 0, "P", "1"), (1, 0, "P", "1")])
    assert safe_load(plan, plan.pools[0]) == pytest.approx(0.8 * 2 - 0.3)


def test_peak_load_is_that_of_the_scarcest_resource() -> None:
    plan = small([2.0, 4.0], [(b, t, "P", "1") for b in (0, 1) for t in (0, 1)])
    # per request/s: resource 1: 0.75 x 0.1 + 0.25 x 0.4 = 0.175; resource 2: 0.2. Peak: 4 x 0.2 of 1.3
    traffic = Traffic(plan)
    assert traffic.peak_load(plan.pools[0]) == pytest.approx(0.8 / 1.3)
    assert traffic.capacity_rps("s") == pytest.approx([1.3 / 0.2] * 24)


def test_elastic_pools_add_capacity_in_their_hour_alone() -> None:
    routes = [(0, 0, "P", "1"), (1, 0, "P", "1"), (0, 1, "P", "1"), (1, 1, "Q", "1")]
    plan = small([1.0, 2.0], routes, pools=(pool("P", "standing", 2), pool("Q", "elastic", 3, period=1)))
    quiet, busy = Traffic(plan).capacity_rps("s")[:2]
    # Q without capacity lines carries its 3 replicas whole, 0.1 replicas per request/s
    assert busy - quiet == pytest.approx(3 / 0.1)


def test_hours_left_out_follow_a_larger_hour() -> None:
    plan = small([1.0, 4.0, 2.0], [(0, 0, "P", "1"), (1, 0, "P", "1/2"), (1, 0, "A", "1/2")])
    only = {"index": 0, "epoch": 0, "hours": 2922.0, "rate_rps": [4.0], "label": ""}
    traffic = Traffic(plan.model_copy(update={"periods": (only,)}))
    assert [hour.rate_rps for hour in traffic.hours] == [(1.0,), (4.0,), (2.0,)] * 8
    assert {hour.period for hour in traffic.hours} == {0}
    assert traffic.shares("s")[Target("A", "x", "api")] == pytest.approx(0.125)
    assert traffic.served_rps("s")[Target("P", "x", "standing")] == pytest.approx([0.875, 3.5, 1.75] * 8)


def test_growth_makes_later_years_weigh_more() -> None:
    plan = small([1.0], [])
    workload = plan.inputs["workload"]
    workload["services"][0]["demand"]["growth_per_year"] = 1.0
    periods = tuple(
        {"index": e, "epoch": e, "hours": 8766.0, "rate_rps": [2.0**e], "label": ""} for e in range(2)
    )
    routes = tuple(
        Route(service="s", bucket=b, period=t, target=p, site="x", mode="standing", share="1")
        for t, p in ((0, "P"), (1, "Q"))
        for b in (0, 1)
    )
    plan = plan.model_copy(update={"periods": periods, "routes": routes, "epochs": ((0.0, 1.0), (1.0, 2.0))})
    # year 1: 1 request/s on P, year 2: 2 on Q
    assert list(Traffic(plan).shares("s").values()) == pytest.approx([2 / 3, 1 / 3])


def test_a_plan_without_its_workload_is_still_told() -> None:
    plan = make_plan(inputs={})
    traffic = Traffic(plan)
    assert traffic.services == ("chat", "coder")
    assert sum(traffic.shares("chat").values()) == pytest.approx(1)


def test_served_requests_add_up_to_the_demand_of_every_hour() -> None:
    traffic = Traffic(make_plan())
    for service in traffic.services:
        served = traffic.served_rps(service)
        sums = [sum(rates[n] for rates in served.values()) for n in range(24)]
        assert sums == pytest.approx(traffic.demand_rps(service))


def test_every_pool_of_the_fixture_carries_its_load() -> None:
    plan = make_plan()
    loads = [Traffic(plan).peak_load(p) for p in plan.pools]
    assert min(loads) > 0
    assert max(loads) <= 1 + 1e-9
    by_hand = max(CHAT[:10]) * (0.6 * 0.05 + 0.35 * 0.11) / (6 * SAFE)
    assert loads[0] >= by_hand


def test_serving_lines_tell_shares_and_hours() -> None:
    lines = {line.target.point: line for line in serving_lines(Traffic(make_plan()))}
    assert lines[API_POINT].share == pytest.approx(0.05)
    assert lines[API_POINT].hours_words == "all hours"
    assert lines[L40S_POINT].hours_words == "10-21 h"
    assert lines[DGX_POINT].share + lines[L40S_POINT].share == pytest.approx(0.95)


def test_hours_in_words() -> None:
    traffic = Traffic(make_plan())
    active = [h in (0, 1, 5, 23) for h in range(24)]
    assert hours_words(traffic, active) == "0-2 h, 5-6 h, 23-24 h"
    assert hours_words(traffic, [True] * 24) == "all hours"
    week = Traffic(small([1.0] * 167 + [2.0], []))
    assert hours_words(week, [n < 3 for n in range(168)]) == "3 hours of 168"


def test_elastic_pools_of_one_point_are_one_line() -> None:
    plan = make_plan()
    groups = pool_groups(plan, Traffic(plan))
    assert [(g.pool.point, g.replicas) for g in groups][1] == (L40S_POINT, 11)
    assert len(groups) == 3


def test_systems_rented_by_the_hour_are_one_line_over_all_years() -> None:
    plan = make_plan()
    later = [s.model_copy(update={"epoch": 1, "count": s.count + 1}) for s in plan.systems if s.period]
    several = plan.model_copy(update={"systems": (*plan.systems, *later), "epochs": ((0.0, 1.0), (1.0, 3.0))})
    (before,) = (f for f in fleet(plan) if f.acquisition == "rent-hourly")
    (after,) = (f for f in fleet(several) if f.acquisition == "rent-hourly")
    assert (after.count, after.epoch) == (before.count + 1, 0)
    assert after.system_hours == pytest.approx(before.system_hours + sum(s.count * s.hours for s in later))


def test_pools_that_stay_are_one_line_until_they_change() -> None:
    counts = (2, 2, 3)
    years = [pool("P", "standing", n).model_copy(update={"epoch": e}) for e, n in enumerate(counts)]
    epochs = tuple((float(e), float(e + 1)) for e in range(3))
    periods = tuple(
        {"index": e, "epoch": e, "hours": 8766.0, "rate_rps": [1.0], "label": ""} for e in range(3)
    )
    plan = small([1.0], [(0, 0, "P", "1")], pools=tuple(years), epochs=epochs, periods=periods)
    groups = pool_groups(plan, Traffic(plan))
    assert [g.replicas for g in groups] == [2, 3]
    words = [span_words(plan, g.pool.epoch, g.last_epoch) for g in groups]
    assert words == ["from year 1 to the end of year 2", "from year 3"]
    assert span_words(plan, 0, 2) == ""
    assert span_words(plan, 1, 1) == "in year 2"
    traffic = Traffic(plan)
    assert hours_words(traffic, [True, False, False]) == "all hours, in year 1"
    assert hours_words(traffic, [False, True, True]) == "all hours, from year 2"
    assert hours_words(traffic, [True, False, True]) == "all hours, with years between"


def test_tidy_tables_hold_every_entry_and_the_same_totals() -> None:
    plan = make_plan()
    found = records(plan)
    assert len(found["routes"]) == len(plan.routes)
    assert len(found["systems"]) == len(plan.systems)
    assert sum(row["usd"] for row in found["costs"]) == pytest.approx(plan.objective_usd)
    assert sum(row["usd_per_m_tokens"] for row in found["costs"]) == pytest.approx(plan.usd_per_m_tokens)
    served = sum(row["served_rps"] for row in found["hours"] if row["service"] == "chat")
    assert served == pytest.approx(sum(CHAT))
