"""Where token APIs stand: round trips count against promises, and the law of the place against residency."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_procurement import catalogs, plan_of
from test_verify import asked, in_region

from solver.domain.places import Residency, StatedApi
from solver.engine.solve import Request, solve
from solver.errors import InfeasibleError, InputError
from solver.inputs.workload import load_workload, workload_from, workload_to_yaml
from solver.inputs.yaml_text import load_yaml
from solver.paths import find_workload
from solver.plan.plan import Plan

NAME = "40-places-of-apis"
TEXT = find_workload(NAME).read_text()
SECONDS = 3 * 8766 * 3600
#: USD per request of 800 + 200 tokens at list prices of llama-3.1-8b
DEEPINFRA, GROQ, AZURE = ((800 * a + 200 * b) / 1e6 for a, b in ((0.02, 0.03), (0.05, 0.08), (0.3, 0.61)))


def read(text: str) -> object:
    return workload_from(load_yaml(Path("w.yaml"), text=text), Path()).workload


def served(plan: Plan) -> dict[tuple[str, str], float]:
    """(region, provider) -> share of the region's requests."""
    (service,) = plan.inputs["workload"]["services"]
    found: dict[tuple[str, str], float] = {}
    for r in plan.routes:
        key = (service["lengths"][r.bucket]["region"], plan.inputs["apis"][r.target]["provider"])
        found[key] = found.get(key, 0.0) + float(Fraction(r.share))
    return found


def undiscounted(share_and_price: list[tuple[float, float]]) -> float:
    return 2 * SECONDS * sum(share * price for share, price in share_and_price)


def test_what_a_file_states() -> None:
    workload = load_workload(find_workload(NAME)).workload
    first = workload.apis[0]
    assert first == StatedApi(
        name="DeepInfra",
        jurisdiction="US",
        ttft_ms=500,
        round_trip_ms=100,
        round_trip_by_region_ms={"asia": 250},
    )
    assert [first.trip_ms("asia"), first.trip_ms("us"), first.trip_ms("")] == [250, 100, 100]
    assert read(workload_to_yaml(workload)) == workload
    more = workload.model_copy(update={"apis": (*workload.apis, StatedApi(name="id", jurisdiction="X"))})
    assert more.stated_api("id", "DeepInfra").jurisdiction == "X"
    assert more.stated_api("other", "DeepInfra") == first
    assert more.stated_api("other", "other") == StatedApi(name="other")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("jurisdiction: EU", "jurisdiction: UE", "there is no site or API with jurisdiction called 'EU'"),
        ("{eu: 20 ms}", "{ue: 20 ms}", "there is no region in any demand called 'ue'"),
        ("{eu: 20 ms}", "{eu: -20 ms}", "a round trip of -20 ms; write 0 or more"),
        ("{eu: 20 ms}", "{eu: 20}", "'20' has no unit; write 20 ms"),
        ("ttft: 250 ms", "ttfft: 250 ms", "unknown key 'ttfft'; did you mean 'ttft'"),
        ("ttft: 250 ms", "ttft: 250", "'250' has no unit; write 250 ms"),
        ("ttft: 250 ms", "ttft: 0 ms", "22:36: apis.1.ttft is .*; write more than 0"),
        ("name: Groq", "name: Azure", "the name 'Azure' is used twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, complaint: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError, match=complaint):
        read(TEXT.replace(old, new))


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(TEXT.replace("name: Groq", "name: Grok"))
    with pytest.raises(InputError, match="unknown token API or provider 'Grok'; did you mean 'Groq'"):
        solve(load_workload(path), *catalogs())


def test_far_requests_may_be_late_as_long_as_they_are_few() -> None:
    """5 of 100 requests may be late: a quarter of Asia's 20 go to the cheapest, which is too far for them."""
    plan = plan_of(NAME, "money.discount_rate=0")
    assert served(plan) == pytest.approx(
        {
            ("asia", "DeepInfra"): 0.25,
            ("asia", "Groq"): 0.75,
            ("eu", "Azure"): 1,
            ("us", "DeepInfra"): 1,
        }
    )
    expected = undiscounted([(0.55, DEEPINFRA), (0.15, GROQ), (0.3, AZURE)])
    assert plan.objective_usd == pytest.approx(expected, rel=1e-6)
    first = next(level for level in plan.service_levels if level.promise == "TTFT")
    assert (first.share_in_time, first.reached) == (pytest.approx(0.95), pytest.approx(600))
    near = plan_of(NAME, "apis.0.round_trip_by_region.asia=150 ms")
    assert served(near)["asia", "DeepInfra"] == 1


def test_data_goes_where_its_law_holds() -> None:
    free = plan_of(NAME, "regions=[]", "money.discount_rate=0")
    assert served(free)["eu", "DeepInfra"] == 1
    expected = undiscounted([(0.85, DEEPINFRA), (0.15, GROQ)])
    assert free.objective_usd == pytest.approx(expected, rel=1e-6)
    with pytest.raises(InfeasibleError, match="requests from eu are served under EU only"):
        plan_of(NAME, "apis.2.round_trip_by_region.eu=300 ms")


def test_one_api_of_a_provider_may_stand_elsewhere() -> None:
    """The id goes before the provider: this endpoint of DeepInfra is under EU law."""
    ids = [a.id for a in catalogs()[0].apis.values() if a.provider == "DeepInfra" and "3.1-8b" in a.id]
    (turbo,) = (name for name in ids if "turbo" in name)
    plan = plan_of(NAME, f"apis.2={{name: '{turbo}', jurisdiction: EU, ttft: 500 ms, round_trip: 100 ms}}")
    assert served(plan) == pytest.approx(
        {("asia", "DeepInfra"): 1, ("eu", "DeepInfra"): 1, ("us", "DeepInfra"): 1}
    )


def test_an_end_to_end_promise_counts_the_way_too(tmp_path: Path) -> None:
    """0.5 s + 200 tokens at 50 tokens/s = 4.5 s; with 0.1 s 4.6 s, from Asia 4.75 s."""
    levels = "levels: {ttft: 700 ms, tpot: 40 ms}"
    for promised, asia in (("4.8 s", 1.0), ("4.7 s", 0.25)):
        path = tmp_path / "w.yaml"
        path.write_text(TEXT.replace(levels, f"levels: {{end_to_end: {promised}}}"))
        plan = solve(load_workload(path), *catalogs(), Request(compare=False))
        assert served(plan)["asia", "DeepInfra"] == pytest.approx(asia)


def test_the_stated_speed_counts() -> None:
    """25 tokens/s are promised; an API of 20 is left out."""
    plan = plan_of(NAME, "apis.0.tokens_per_s_per_user=20", "regions=[]")
    assert set(served(plan).values()) == {1}
    assert {provider for _, provider in served(plan)} == {"Groq"}


trips = st.integers(0, 6).map(lambda n: 100 * n)


@settings(max_examples=12, deadline=None)
@given(
    ways=st.lists(trips, min_size=9, max_size=9),
    shares=st.lists(st.integers(1, 5), min_size=3, max_size=3),
    percentile=st.sampled_from([80, 90, 95]),
)
def test_the_cheapest_routes_by_enumeration(ways: list[int], shares: list[int], percentile: int) -> None:
    """Every region goes to the cheapest API that is in time for it; what may be late goes to the cheapest of
    all, where that saves most first (a knapsack of fractions)."""
    regions, names, prices = ("asia", "eu", "us"), ("DeepInfra", "Groq", "Azure"), (DEEPINFRA, GROQ, AZURE)
    trip = {
        (name, region): ways[3 * n + m] for n, name in enumerate(names) for m, region in enumerate(regions)
    }
    apis = ", ".join(
        f"{{name: {name}, ttft: 250 ms, round_trip_by_region: "
        f"{{{', '.join(f'{region}: {trip[name, region]} ms' for region in regions)}}}}}"
        for name in names
    )
    part = {region: share / sum(shares) for region, share in zip(regions, shares, strict=True)}
    useful = [n for n in range(3) if min(trip[names[n], region] for region in regions) <= 450]
    cheapest = min((prices[n] for n in useful), default=None)
    cost, savings, must = 0.0, [], 0.0
    for region in regions:
        in_time = [prices[n] for n in useful if trip[names[n], region] <= 450]
        if in_time:
            cost += part[region] * min(in_time)
            savings.append((min(in_time) - (cheapest or 0.0), part[region]))
        else:
            cost += part[region] * (cheapest or 0.0)
            must += part[region]
    left = 1 - percentile / 100 - must
    changes = (
        f"apis=[{apis}]",
        "regions=[]",
        f"services.0.demand.regions={{{', '.join(f'{r}: {part[r]!r}' for r in regions)}}}",
        f"services.0.levels.percentile={percentile}",
        "money.discount_rate=0",
    )
    if cheapest is None or left < -1e-9:
        with pytest.raises(InfeasibleError):
            plan_of(NAME, *changes)
        return
    for saving, share in sorted(savings, reverse=True):
        moved = min(share, max(left, 0.0))
        cost, left = cost - moved * saving, left - moved
    assert plan_of(NAME, *changes).objective_usd == pytest.approx(2 * SECONDS * cost, rel=1e-5)


def test_the_check_counts_the_way_to_an_api() -> None:
    """The API takes 1/20 of the requests and answers after 0.5 s; 1 s is promised to 96 %."""
    strict = asked().with_levels(ttft_percentile=0.96)
    assert strict.verdict().passed

    def stated(**more: object) -> StatedApi:
        return StatedApi(name="provider", **more)  # type: ignore[arg-type]

    assert strict.with_workload(apis=(stated(round_trip_ms=500.0),)).verdict().passed
    assert strict.with_workload(apis=(stated(round_trip_ms=501.0),)).failing() == {"promise"}
    own = StatedApi(name="provider/m", round_trip_ms=1.0)  # the id goes before the provider
    assert strict.with_workload(apis=(own, stated(round_trip_ms=501.0))).verdict().passed


def test_the_check_knows_the_law_of_an_api() -> None:
    law = Residency(jurisdictions=("EU",), sites=("east",))
    bound = asked().with_service("chat", residency=law)
    assert bound.failing() == {"residency"}
    eu, us = (StatedApi(name="provider", jurisdiction=name) for name in ("EU", "US"))
    assert bound.with_workload(apis=(us,)).failing() == {"residency"}
    assert bound.with_workload(apis=(eu,)).verdict().passed
    assert in_region(asked(), None).with_workload(apis=(us,)).verdict().passed
