"""Tables about places: which region is served where, and by whom after the loss of a site."""

from __future__ import annotations

from dataclasses import dataclass

from solver.domain.workload import Workload
from solver.plan.periods import region_weight
from solver.plan.plan import Plan
from solver.reports.fleet import Names
from solver.reports.pool_facts import Target, share_value
from solver.reports.section import Column, Section, right
from solver.reports.traffic import Traffic
from solver.reports.units import number, percent


@dataclass(frozen=True)
class RegionLine:
    """What part of a region's requests is served at a place, and how far that is."""

    service: str
    region: str
    site: str  # empty: at a token API
    served_by: str
    share: float
    round_trip_ms: float | None


def region_lines(traffic: Traffic, names: Names) -> list[RegionLine]:
    """For each service with regions: who serves which part of each region's requests."""
    found: list[RegionLine] = []
    if traffic.workload is None:
        return found
    sites = {site.name: site for site in traffic.workload.sites}
    for k, service in enumerate(traffic.workload.services):
        for region in sorted(service.demand.regions):
            served = _served(traffic, k, region)
            total = sum(served.values()) or 1.0
            for target, amount in sorted(served.items(), key=lambda item: (-item[1], item[0])):
                site = sites.get(target.site)
                trip = (
                    site.trip_ms(region)
                    if site
                    else _api_trip_ms(traffic.workload, names.plan, target, region)
                )
                name = names.target(target)
                found.append(RegionLine(service.name, region, target.site, name, amount / total, trip))
    return found


def _api_trip_ms(workload: Workload, plan: Plan, target: Target, region: str) -> float | None:
    """Round trip to a token API; None where the workload states none."""
    facts = plan.inputs.get("apis", {}).get(target.point, {})
    names = {str(facts.get(key)) for key in ("api", "provider")} & {api.name for api in workload.apis}
    stated = workload.stated_api(str(facts.get("api")), str(facts.get("provider")))
    return stated.trip_ms(region) if names else None


def _served(traffic: Traffic, k: int, region: str) -> dict[Target, float]:
    """Requests of a region over the horizon by target."""
    assert traffic.workload is not None
    buckets = traffic.workload.services[k].lengths
    found: dict[Target, float] = {}
    for hour in traffic.hours:
        for target, parts in traffic.parts_at(hour, k).items():
            share = sum(part for b, part in parts.items() if buckets[b].region == region)
            if share > 0:
                found[target] = found.get(target, 0.0) + share * hour.rate_rps[k] * hour.hours
    return found


def regions_section(traffic: Traffic, names: Names) -> Section:
    """Where the requests of each region are served."""
    return Section(
        "regions",
        "Where each region is served",
        "Share: part of the region's requests over the whole horizon. Round trip: between the region and the "
        "site or provider; it counts against the first token.",
        (
            Column("Service"),
            Column("Region"),
            Column("At"),
            Column("Served by"),
            right("Share", percent),
            right("Round trip, ms", number),
        ),
        tuple(
            (x.service, x.region, x.site or "provider", x.served_by, x.share, x.round_trip_ms)
            for x in region_lines(traffic, names)
        ),
    )


@dataclass(frozen=True)
class LossLine:
    """Who carries which part of what must still be served after the loss of a site, in the busiest hour."""

    lost_site: str
    service: str
    carried: float  # share of the traffic that must be carried
    site: str  # empty: at a token API
    served_by: str
    share: float  # of what is carried


def loss_lines(plan: Plan, traffic: Traffic, names: Names) -> list[LossLine]:
    """For each lost site and service: who carries the traffic in the busiest hour of the last epoch."""
    found: list[LossLine] = []
    if traffic.workload is None:
        return found
    for k, service in enumerate(traffic.workload.services):
        mine = [f for f in plan.fallbacks if f.service == service.name]
        if not mine:
            continue
        busiest = max({f.period for f in mine}, key=lambda t: (plan.periods[t]["rate_rps"][k], t))
        shares: dict[tuple[str, Target], float] = {}
        for f in mine:
            if f.period == busiest:
                key = (f.lost_site, Target(f.target, f.site, f.mode))
                weight = service.lengths[f.bucket].share * share_value(f.share)
                region = service.lengths[f.bucket].region
                weight *= region_weight(plan.periods[busiest], k, region, service.demand.regions)
                shares[key] = shares.get(key, 0.0) + weight
        carried = traffic.workload.share_after_loss(service)
        for (lost, target), share in sorted(shares.items()):
            found.append(LossLine(lost, service.name, carried, target.site, names.target(target), share))
    return found


def loss_section(plan: Plan, traffic: Traffic, names: Names) -> Section:
    """Who carries the traffic after the loss of each site."""
    return Section(
        "site_loss",
        "After the loss of a site",
        "Carried: promised part of the service's traffic. Share: part of it that each takes, in the busiest "
        "hour; the plan holds one such routing for each hour that no other outdoes.",
        (
            Column("Site lost"),
            Column("Service"),
            right("Carried", percent),
            Column("At"),
            Column("Served by"),
            right("Share", percent),
        ),
        tuple(
            (x.lost_site, x.service, x.carried, x.site or "provider", x.served_by, x.share)
            for x in loss_lines(plan, traffic, names)
        ),
    )
