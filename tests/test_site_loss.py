"""Survival of the loss of any one site: least fleets, routes kept for it, and the check of them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import ceil

import pytest
from test_procurement import plan_of

from solver.errors import InfeasibleError
from solver.plan.plan import Fallback, Plan
from solver.verify import verify_plan

Change = Callable[[Plan], Plan]


def counts(plan: Plan) -> dict[str, int]:
    return {line.site: line.count for line in plan.systems}


def test_three_sites_need_fewer_than_two() -> None:
    """Systems of 10 for 40 requests/s; 75 % are three systems, whichever site is lost."""
    plan = plan_of("25-site-loss")
    assert counts(plan) == {"north": 2, "south": 2, "west": 1}
    assert sum(counts(plan_of("25-site-loss", "resilience={}")).values()) == 4
    assert counts(plan_of("25-site-loss", "sites.west.power=1 kW")) == {"north": 3, "south": 3}
    assert counts(plan_of("25-site-loss", "resilience.site_loss=100 %")) == {
        "north": 2,
        "south": 2,
        "west": 2,
    }
    own = plan_of("25-site-loss", "resilience={}", "services.0.site_loss=75 %")
    assert counts(own) == counts(plan)
    none = plan_of("25-site-loss", "services.0.site_loss=0")
    assert counts(none) == {"north": 4}


@pytest.mark.parametrize(("rate", "percent"), [(40, 60), (55, 30), (31, 90), (9, 100), (70, 85)])
def test_the_least_fleet_by_enumeration(rate: int, percent: int) -> None:
    """All numbers of systems at three sites: the least that carry all, and the share without one."""
    share = Fraction(percent, 100)
    most = ceil(rate / 10) + 1
    least = min(
        sum(n)
        for n in product(range(most + 1), repeat=3)
        if 10 * sum(n) >= rate and all(10 * (sum(n) - lost) >= share * rate for lost in n)
    )
    changes = (f"services.0.demand.requests_per_s={rate}", f"resilience.site_loss={percent} %")
    assert sum(counts(plan_of("25-site-loss", *changes)).values()) == least


def test_fallbacks_are_kept_for_the_hours_that_no_other_outdoes() -> None:
    """Two levels of demand, rent by the hour: both are periods, the larger one's fallback serves both."""
    day = "services.0.demand={day: [20,20,20,20,20,20,40,40,40,40,40,40,40,40,40,40,40,40,20,20,20,20,20,20]}"
    plan = plan_of("25-site-loss", day, "services.0.acquisitions=[buy, rent]")
    assert len(plan.periods) == 2
    busiest = max(plan.periods, key=lambda p: p["rate_rps"])["index"]
    assert {f.period for f in plan.fallbacks} == {busiest}
    assert {f.lost_site for f in plan.fallbacks} == {"north", "south", "west"}
    without = plan.model_copy(
        update={
            "fallbacks": tuple(f.model_copy(update={"period": 1 - busiest}) for f in plan.fallbacks),
        }
    )
    assert {f.check for f in verify_plan(without).failures} == {"site_loss"}


def test_an_api_may_carry_what_a_lost_site_carried() -> None:
    """One site is enough: tokens are paid only if it is lost."""
    cheap = "hardware.overrides.dgx-h100.price_usd=10k"
    changes = ("services.0.acquisitions=[buy, api]", "services.0.demand.requests_per_s=39", cheap)
    plan = plan_of("25-site-loss", *changes)
    assert counts(plan) == {"north": 4}
    assert {f.mode for f in plan.fallbacks if f.lost_site == "north"} == {"api"}
    assert not any(line.term == "api" for line in plan.costs)


def test_data_that_must_stay_cannot_flee() -> None:
    """European data has one site: nothing carries it when that is lost, and the statements are named."""
    with pytest.raises(InfeasibleError) as error:
        plan_of("23-residency", "resilience={site_loss: 50 %}")
    words = str(error.value)
    assert "50 % of the traffic is carried after the loss of" in words
    assert "requests from eu are served under EU only" in words
    two = "sites=[{name: dublin, jurisdiction: EU}, {name: frankfurt, jurisdiction: EU}, {name: ohio}]"
    plan = plan_of("23-residency", "resilience={site_loss: 50 %}", two)
    service = plan.inputs["workload"]["services"][0]
    for fallback in plan.fallbacks:
        assert service["lengths"][fallback.bucket]["region"] == "us" or fallback.site != "ohio"


def test_what_is_missing_is_told() -> None:
    with pytest.raises(InfeasibleError) as error:
        plan_of("25-site-loss", "sites.south.power=1 kW", "sites.west.power=1 kW")
    words = str(error.value)
    assert "75 % of the traffic is carried after the loss of north" in words
    assert "systems at south need at most 1 kW" in words
    assert "systems at west need at most 1 kW" in words
    assert "missing: 0.75 peaks of the service" in words


def first(change: Callable[[Fallback], Fallback]) -> Change:
    return lambda plan: plan.model_copy(
        update={"fallbacks": (change(plan.fallbacks[0]), *plan.fallbacks[1:])}
    )


def resized(plan: Plan, **changes: int) -> Plan:
    """Pools of other sizes, and routes that fit them in normal operation are left as they are."""
    pools = tuple(p.model_copy(update={"replicas": changes.get(p.site, p.replicas)}) for p in plan.pools)
    return plan.model_copy(update={"pools": pools})


BROKEN: dict[str, Change] = {
    "nothing is kept": lambda p: p.model_copy(update={"fallbacks": ()}),
    "one site is forgotten": lambda p: p.model_copy(
        update={"fallbacks": tuple(f for f in p.fallbacks if f.lost_site != "west")}
    ),
    "a share is too small": first(lambda f: f.model_copy(update={"share": "1/3"})),
    "a share is wrong by 1e-18": first(
        lambda f: f.model_copy(update={"share": str(Fraction(f.share) - Fraction(1, 10**18))})
    ),
    "the lost site serves": lambda p: p.model_copy(
        update={"fallbacks": tuple(f.model_copy(update={"lost_site": f.site}) for f in p.fallbacks)}
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_fallback_fails_its_check_and_no_other(name: str) -> None:
    plan = BROKEN[name](plan_of("25-site-loss"))
    verdict = verify_plan(plan)
    assert {f.check for f in verdict.failures} == {"site_loss"}
    assert verdict.residual > 0


def test_more_than_the_safe_load_is_refused() -> None:
    """North lost: 30 requests/s on 2 + 1 systems fill them; all of it on the south's two is 3 of 2."""
    plan = plan_of("25-site-loss")
    moved = tuple(
        f.model_copy(update={"share": "1"}) if f.site == "south" else f
        for f in plan.fallbacks
        if f.lost_site != "north" or f.site == "south"
    )
    verdict = verify_plan(plan.model_copy(update={"fallbacks": moved}))
    assert any("3 replicas is used, 2 is safe" in f.message for f in verdict.failures)


def test_names_that_do_not_exist_are_not_well_formed() -> None:
    for update in ({"lost_site": "east"}, {"mode": "elastic"}, {"bucket": 7}, {"target": "x"}):
        plan = first(lambda f, u=update: f.model_copy(update=u))(plan_of("25-site-loss"))  # type: ignore[misc]
        assert {f.check for f in verify_plan(plan).failures} == {"shape"}


def test_reports_tell_who_takes_over() -> None:
    from solver.reports.sections import sections
    from solver.reports.tables import records

    plan = plan_of("25-site-loss")
    assert "site_loss" in [s.key for s in sections(plan)]
    rows = [r for r in records(plan)["site_loss"] if r["lost_site"] == "north"]
    assert {(r["site"], round(r["share"], 3)) for r in rows} == {("south", 0.667), ("west", 0.333)}


def test_promises_hold_after_a_loss_at_the_mix_that_each_pool_gets() -> None:
    """A chat at two sites: after a loss the other carries half within its promise, waits included."""
    two = "sites=[{name: a}, {name: b, round_trip: 40 ms}]"
    plan = plan_of(
        "24-regions", two, "resilience={site_loss: 50 %}", "services.0.demand={requests_per_s: 40}"
    )
    assert {f.lost_site for f in plan.fallbacks} == {"a", "b"}
    single = tuple(p.model_copy(update={"replicas": 1, "line": 0}) for p in plan.pools)  # more cost nothing
    plan = plan.model_copy(update={"pools": single})
    assert "site_loss" not in {f.check for f in verify_plan(plan).failures}
    workload = plan.inputs["workload"]
    (service,) = workload["services"]
    hasty = {**service, "levels": {**service["levels"], "ttft_ms": 120.0}}
    broken = plan.model_copy(
        update={"inputs": {**plan.inputs, "workload": {**workload, "services": [hasty]}}}
    )
    messages = [f.message for f in verify_plan(broken).failures if f.check == "site_loss"]
    assert any("of what is carried is late (ttft)" in message for message in messages)
