"""Demand by region: shared pools, round trips of each region, and data that must stay where it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from test_procurement import H100, catalogs, plan_of
from test_verify import asked, in_region

from solver.domain.workload import (
    Demand,
    LengthBucket,
    Region,
    Residency,
    Service,
    ServiceLevels,
    Site,
    Workload,
)
from solver.engine.solve import Request, solve
from solver.errors import InfeasibleError, InputError
from solver.formulation.length_classes import length_classes
from solver.formulation.order import in_order
from solver.inputs.workload import load_workload, workload_from, workload_to_yaml
from solver.inputs.yaml_text import load_yaml
from solver.operating_points.regions import cells_of, narrowed, reaches
from solver.plan.plan import Plan
from solver.time_value import running_factor

FILE = """
name: places
services:
  - model: llama-3.1-8b
    acquisitions: [buy, api]
    demand: {requests_per_s: 50, regions: {eu: 60 %, us: 40 %}}
    lengths: {prompt: 1000, output: 250}
    levels: {ttft: 500 ms, tpot: 50 ms}
    residency: {jurisdictions: [EU, US], apis: OpenAI}
regions:
  - {name: eu, residency: EU}
sites:
  - {name: frankfurt, jurisdiction: EU, round_trip: 100 ms, round_trip_by_region: {eu: 15 ms}}
  - {name: ohio, jurisdiction: US, round_trip_by_region: {eu: 0.1 s, us: 20 ms}}
"""


def read(text: str) -> Workload:
    return workload_from(load_yaml(Path("places.yaml"), text=text), Path()).workload


def served(plan: Plan) -> dict[tuple[str, str], Fraction]:
    """(region, site) -> share of the region's requests in the first period."""
    (service,) = plan.inputs["workload"]["services"]
    found: dict[tuple[str, str], Fraction] = {}
    for route in plan.routes:
        if route.period == 0:
            key = (service["lengths"][route.bucket]["region"], route.site)
            found[key] = found.get(key, Fraction(0)) + Fraction(route.share)
    return found


def test_what_a_file_states() -> None:
    workload = read(FILE)
    (service,) = workload.services
    assert service.demand.regions == {"eu": 0.6, "us": 0.4}
    assert service.residency == Residency(jurisdictions=("EU", "US"), apis=("OpenAI",))
    assert workload.regions == (Region(name="eu", residency=Residency(jurisdictions=("EU",))),)
    frankfurt, ohio = workload.sites
    assert [frankfurt.trip_ms("eu"), frankfurt.trip_ms("us")] == [15, 100]
    assert [ohio.trip_ms("eu"), ohio.trip_ms("us"), ohio.trip_ms("")] == [100, 20, 0]
    assert read(workload_to_yaml(workload)) == workload


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("eu: 60 %", "eu: 50 %", "6:5: .*the shares of the regions add up to 0.9"),
        (
            "residency: EU}",
            "residency: UE}",
            "11:16: there is no site or API with jurisdiction called 'UE'; known: EU",
        ),
        ("name: eu", "name: uk", "there is no region in any demand called 'uk'"),
        ("us: 20 ms", "uss: 20 ms", "there is no region in any demand called 'uss'; did you mean 'us'"),
        ("us: 20 ms", "us: 20", "'20' has no unit; write 20 ms"),
        ("us: 20 ms", "us: -20 ms", "a round trip of -20 ms; write 0 or more"),
        ("residency: EU}", "residency: {}}", "no place is permitted"),
        ("residency: EU}", "residency: {site: x}}", "unknown key 'site'; did you mean 'sites'"),
        ("residency: EU}", "residency: {sites: ohioo}}", "no site called 'ohioo'; did you mean 'ohio'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, complaint: str) -> None:
    assert old in FILE
    with pytest.raises(InputError, match=complaint):
        read(FILE.replace(old, new))


def test_unknown_providers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(FILE.replace("apis: OpenAI", "apis: OpenIA"))
    with pytest.raises(InputError, match="unknown token API or provider 'OpenIA'"):
        solve(load_workload(path), *catalogs())


def service(regions: dict[str, float], lengths: int = 2) -> Service:
    buckets = tuple(
        LengthBucket(prompt_tokens=100 * (n + 1), output_tokens=50, share=1 / lengths) for n in range(lengths)
    )
    return Service(name="s", model="m", demand=Demand(rate_rps=(10.0,), regions=regions), lengths=buckets)


def test_buckets_are_told_apart_by_region() -> None:
    """2 lengths x 2 regions; shares multiply; doing it twice changes nothing."""
    workload = Workload(name="w", services=(service({"us": 0.25, "eu": 0.75}),))
    ordered = in_order(workload)
    cells = [(b.prompt_tokens, b.region, b.share) for b in ordered.services[0].lengths]
    assert cells == [(100, "eu", 0.375), (100, "us", 0.125), (200, "eu", 0.375), (200, "us", 0.125)]
    assert in_order(ordered) == ordered
    assert length_classes(ordered.services[0]) == ((0,), (2,), (1,), (3,))


def test_length_classes_stay_within_a_region() -> None:
    """Ten lengths: classes of 60 %, 30 % and 10 % in each region, as without regions."""
    plain = in_order(Workload(name="w", services=(service({}, 10),))).services[0]
    alone = [len(group) for group in length_classes(plain)]
    both = in_order(Workload(name="w", services=(service({"a": 0.9, "b": 0.1}, 10),))).services[0]
    groups = length_classes(both)
    assert [len(g) for g in groups] == alone * 2 == [6, 3, 1] * 2
    assert all(len({both.lengths[b].region for b in group}) == 1 for group in groups)


def test_pools_are_offered_for_the_nearest_regions_of_each_site() -> None:
    far = Site(name="far", round_trip_by_region_ms={"a": 50, "b": 50, "c": 90})
    near = Site(name="near", jurisdiction="EU", round_trip_by_region_ms={"a": 10, "b": 20, "c": 30})
    regions = (Region(name="b", residency=Residency(jurisdictions=("EU",))),)
    asked_ = service({"a": 0.5, "b": 0.3, "c": 0.2})
    workload = in_order(Workload(name="w", services=(asked_,), sites=(far, near), regions=regions))
    whole = {(r.sites, r.regions) for r in reaches(workload, workload.services[0])}
    assert whole == {(("near",), ("a", "b", "c")), (("far",), ("a", "c"))}  # nothing is promised
    promised = workload.services[0].model_copy(update={"levels": ServiceLevels(ttft_ms=50)})
    workload = workload.model_copy(update={"services": (promised,)})
    found = {(r.sites, r.regions) for r in reaches(workload, workload.services[0])}
    assert found == {
        (("near",), ("a",)),
        (("near",), ("a", "b")),
        (("near",), ("a", "b", "c")),
        (("far",), ("a", "c")),  # b must stay under EU law; both are always late
    }
    loose = promised.model_copy(update={"levels": ServiceLevels(ttft_ms=400)})  # a and b are near
    workload = workload.model_copy(update={"services": (loose,)})
    tiers = [r.regions for r in reaches(workload, loose) if r.sites == ("near",)]
    assert tiers == [("a", "b"), ("a", "b", "c")]
    for reach in reaches(workload, workload.services[0]):
        part = narrowed(workload.services[0], cells_of(workload.services[0], reach))
        assert sum(b.share for b in part.lengths) == pytest.approx(1)
        whole = sum(asked_.demand.regions[region] for region in reach.regions)
        assert part.demand.rate_rps[0] == pytest.approx(10 * whole)


def test_sites_that_mirror_each_other_have_points_of_their_own() -> None:
    """a is near one site and b near the other: the same two round trips, and two names."""
    sites = (
        Site(name="east", round_trip_by_region_ms={"a": 20, "b": 150}),
        Site(name="west", round_trip_by_region_ms={"a": 150, "b": 20}),
    )
    workload = in_order(Workload(name="w", services=(service({"a": 0.5, "b": 0.5}),), sites=sites))
    found = reaches(workload, workload.services[0])
    assert {r.sites for r in found} == {("east",), ("west",)}
    assert len({r.suffix for r in found}) == len(found) == 2


def test_data_stays_and_what_is_left_free_is_shared() -> None:
    """25 of 50 requests/s are bound to Frankfurt: 3 systems of 10; their other 5 serve Americans."""
    plan = plan_of("23-residency")
    assert {(s.site, s.count) for s in plan.systems} == {("frankfurt", 3), ("ohio", 2)}
    assert served(plan)["eu", "frankfurt"] == 1
    assert float(served(plan)["us", "frankfurt"]) == pytest.approx(0.2, abs=1e-6)
    free = plan_of("23-residency", "regions=[]")
    assert {(s.site, s.count) for s in free.systems} == {("ohio", 5)}
    both = plan_of("23-residency", "regions=[{name: eu, residency: EU}, {name: us, residency: US}]")
    assert {(s.site, s.count) for s in both.systems} == {("frankfurt", 3), ("ohio", 3)}
    assert set(served(both)) == {("eu", "frankfurt"), ("us", "ohio")}


def test_what_cannot_stay_is_told_with_the_statements() -> None:
    with pytest.raises(InfeasibleError) as error:
        plan_of("23-residency", "sites.frankfurt.power=20 kW")
    words = str(error.value)
    assert "requests from eu are served under EU only" in words
    assert "systems at frankfurt need at most 20 kW" in words
    assert "missing: 10.6 kW" in words  # three systems of 10.2 kW
    with pytest.raises(InfeasibleError, match="its requests are served at ohio only") as error:
        plan_of("23-residency", "services.0.residency={sites: [ohio]}")
    assert "requests from eu are served under EU only" in str(error.value)


def test_far_requests_may_be_late_as_long_as_they_are_few() -> None:
    plan = plan_of("24-regions")
    assert {(s.system, s.site, s.count) for s in plan.systems} == {(H100, "iowa", 1)}
    more = plan_of("24-regions", "services.0.demand.regions={asia: 10 %, us: 90 %}")
    assert {(s.system, s.site, s.count) for s in more.systems} == {(H100, "iowa", 1), (H100, "tokyo", 1)}
    assert set(served(more)) == {("asia", "tokyo"), ("us", "iowa")}
    near = plan_of(
        "24-regions",
        "services.0.demand.regions={asia: 10 %, us: 90 %}",
        "sites.iowa.round_trip_by_region_ms.asia=100",
    )
    assert {s.site for s in near.systems} == {"iowa"}


def test_an_api_serves_only_data_that_may_be_sent_to_it(tmp_path: Path) -> None:
    """Without a named API European data can go to none; with one it goes there, the rest to the cheapest."""
    path = tmp_path / "w.yaml"
    text = FILE.replace("    residency: {jurisdictions: [EU, US], apis: OpenAI}\n", "")
    text = text.replace("levels: {ttft: 500 ms, tpot: 50 ms}", "levels: {}").replace("[buy, api]", "[api]")
    path.write_text(text)
    with pytest.raises(InfeasibleError, match="requests from eu are served under EU only"):
        solve(load_workload(path), *catalogs())
    offers = [a for a in catalogs()[0].apis.values() if a.model == "llama-3.1-8b" and a.status == "list"]
    dearest = max(offers, key=lambda a: a.input_usd_per_m.value + a.output_usd_per_m.value)
    path.write_text(text.replace("residency: EU}", f'residency: {{apis: ["{dearest.id}"]}}}}'))
    plan = solve(load_workload(path), *catalogs(), Request(compare=False))
    (service,) = plan.inputs["workload"]["services"]
    where = {
        service["lengths"][r.bucket]["region"]: plan.inputs["apis"][r.target]["api"] for r in plan.routes
    }
    assert where["eu"] == dearest.id != where["us"]


def test_the_check_permits_what_is_permitted() -> None:
    for residency in (None, Residency(sites=("east",)), Residency(apis=("x",), sites=("west", "east"))):
        assert in_region(asked(), residency).verdict().passed


def test_the_check_takes_the_round_trip_of_the_region() -> None:
    """code has no promise; with one of 600 ms it holds at 100 ms, and no more at 300 ms from its region."""
    promised = in_region(asked(), None).with_service("code", levels=ServiceLevels(ttft_ms=600))
    first = promised.points["code/nvm"].ttft_s[0]
    assert first + 0.1 <= 0.6 < first + 0.3
    assert promised.verdict().passed
    assert promised.with_site(round_trip_by_region_ms={"us": 300.0}).verdict().passed
    assert promised.with_site(round_trip_by_region_ms={"eu": 300.0}).failing() == {"promise"}


def test_reports_tell_where_each_region_is_served() -> None:
    from solver.reports.sections import sections
    from solver.reports.tables import records

    plan = plan_of("23-residency")
    (section,) = [s for s in sections(plan) if s.key == "regions"]
    assert section.rows[0][:3] == ("residency", "eu", "frankfurt")
    rows = {(r["region"], r["site"]): round(r["share"], 6) for r in records(plan)["regions"]}
    assert rows == {("eu", "frankfurt"): 1, ("us", "ohio"): 0.8, ("us", "frankfurt"): 0.2}


def test_a_replay_counts_the_way_of_each_request() -> None:
    """3 % of the requests come 280 ms, the others 30 ms: the same queue, and the promise holds."""
    from solver.simulate.from_plan import replay_plan, workload_of
    from solver.simulate.plan_traffic import traffic_of

    plan = plan_of("24-regions")
    traffic = traffic_of(plan, workload_of(plan), 0, 100.0, 1, {})
    assert traffic.further_s is not None
    far = traffic.further_s > 0.1
    assert sorted({round(float(s), 6) for s in traffic.further_s}) == [0.03, 0.28]
    assert far.mean() == pytest.approx(0.03, abs=0.01)
    (result,) = replay_plan(plan, requests=20_000).periods
    (promise,) = [p for p in result.result.services[0].promises if p.name == "ttft"]
    assert 0.95 <= promise.kept_share < 0.975


@pytest.mark.parametrize(
    ("rate", "eu", "dear"), [(50, 50, 4.0), (72, 35, 1.5), (33, 90, 20.0), (90, 10, 2.0)]
)
def test_the_cheapest_fleet_by_enumeration(rate: int, eu: int, dear: float) -> None:
    """Systems of 10 requests/s at two sites: Europe's share fits Frankfurt, all of it fits both."""
    tariff = 0.05 * dear
    changes = (
        f"services.0.demand={{requests_per_s: {rate}, regions: {{eu: {eu} %, us: {100 - eu} %}}}}",
        f"sites.frankfurt.energy_usd_kwh={tariff}",
    )
    plan = plan_of("23-residency", *changes)
    facts = catalogs()[0].systems[H100].values
    years = running_factor(0.08, 0.0, 3.0)
    hours = facts["power_typ_kw"].value * 1.3 * 8766 * years
    unit = {"frankfurt": hours * tariff, "ohio": hours * 0.05}
    unit = {site: facts["price_usd"].value + usd for site, usd in unit.items()}
    most = rate // 10 + 2
    least = min(
        f * unit["frankfurt"] + o * unit["ohio"]
        for f in range(most)
        for o in range(most)
        if 10 * f >= Fraction(rate * eu, 100) and 10 * (f + o) >= rate
    )
    assert plan.objective_usd == pytest.approx(least)


def test_regions_with_curves_of_their_own_are_services_that_share_systems() -> None:
    """One is busy while the other sleeps; replicas of an eighth of a system stand on one system."""
    day, night = [8] * 12 + [2] * 12, [2] * 12 + [8] * 12
    part = "model: llama-3.1-8b, acquisitions: [buy], lengths: {prompt: 1000, output: 250}"
    services = (
        f"services=[{{name: east, {part}, demand: {{day: {day}, regions: {{asia: 100 %}}}}}},"
        f" {{name: west, {part}, demand: {{day: {night}, regions: {{us: 100 %}}}}}}]"
    )
    sites = "sites=[{name: ohio, round_trip_by_region: {asia: 200 ms, us: 20 ms}}]"
    asia = "regions=[{name: asia, residency: {sites: [ohio]}}]"
    plan = plan_of("23-residency", services, sites, asia, "profiles=[]", "hardware.profiles=none")
    assert {(s.site, s.count) for s in plan.systems} == {("ohio", 1)}
    assert {p.service for p in plan.pools} == {"east", "west"}
    assert len(plan.periods) == 2
