"""A workload in sentences, so that a reader sees what was understood."""

from __future__ import annotations

from collections.abc import Iterator

from solver.domain.calendar import span
from solver.domain.resilience import MTBF_HOURS, REPAIR_HOURS
from solver.domain.workload import Demand, Residency, Service, ServiceLevels, Site, StatedApi, Workload


def sentences(workload: Workload) -> Iterator[str]:
    """One line for the whole, one per service and one per site."""
    horizon = workload.horizon
    yield (
        f"{workload.name}: least {workload.objective} over {span(horizon.years)} from {horizon.start}, "
        f"discount rate {100 * workload.money.discount_rate:.3g} % a year"
    )
    for service in workload.services:
        yield f"- {_service(service)}"
    for site in workload.sites:
        yield f"- {_site(site)}"
    yield from (f"- {_api(api)}" for api in workload.apis)
    yield from (f"- {words}" for words in _resilience(workload))
    for who, residency in _residencies(workload):
        places = (*residency.jurisdictions, *residency.sites, *residency.apis)
        yield f"- data of {who} may be served by: {', '.join(places)}"


def _api(api: StatedApi) -> str:
    law = f" under {api.jurisdiction}" if api.jurisdiction else ""
    trips = "".join(f", {trip:g} ms to {region}" for region, trip in api.round_trip_by_region_ms.items())
    first = "" if api.ttft_ms is None else f", first token after {api.ttft_ms:g} ms"
    speed = "" if api.tokens_per_s_per_user is None else f", {api.tokens_per_s_per_user:g} tokens/s per user"
    return f"token API {api.name}{law}: round trip {api.round_trip_ms:g} ms{trips}{first}{speed}"


def _resilience(workload: Workload) -> Iterator[str]:
    """What the fleet survives."""
    for service in workload.services:
        if (share := workload.share_after_loss(service)) > 0:
            yield f"after the loss of any one site {share:.4g} of the traffic of {service.name} is carried"
    stated = workload.resilience
    if stated.availability is not None:
        yield (
            f"enough systems are up {stated.availability:.6g} of the time; each fails every "
            f"{_hours(stated.mtbf_hours, MTBF_HOURS)} and is repaired in "
            f"{_hours(stated.repair_hours, REPAIR_HOURS)}"
        )
    if workload.redundancy:
        yield f"{workload.redundancy} spare replicas in each pool"


def _hours(stated: float | None, assumed: float) -> str:
    return f"{assumed:g} h (or as the catalog says)" if stated is None else f"{stated:g} h"


def _residencies(workload: Workload) -> Iterator[tuple[str, Residency]]:
    """Who states where its data may be served."""
    for service in workload.services:
        if service.residency is not None:
            yield f"service {service.name}", service.residency
    for region in workload.regions:
        if region.residency is not None:
            yield f"region {region.name}", region.residency


def _service(service: Service) -> str:
    prompt = sum(bucket.share * bucket.prompt_tokens for bucket in service.lengths)
    output = sum(bucket.share * bucket.output_tokens for bucket in service.lengths)
    precisions = "/".join(service.precisions)
    when = f", from {service.starts}" if service.starts else ""
    when += f", until {service.ends}" if service.ends else ""
    return (
        f"service {service.name}: {service.model} at {precisions}, {_demand(service.demand)}{when}, "
        f"mean {prompt:.5g} prompt and {output:.5g} output tokens in {len(service.lengths)} length cells, "
        f"{_levels(service.levels)}; may {', '.join(service.acquisitions)}"
    )


def _demand(demand: Demand) -> str:
    rates = demand.rate_rps
    words = f"{rates[0]:.5g} requests/s"
    if len(rates) > 1:
        mean, peak = sum(rates) / len(rates), max(rates)
        words = f"{mean:.5g} requests/s on average and {peak:.5g} at the peak of {len(rates)} hours"
    growth = "".join(f", {factor:g} times from {month}" for month, factor in sorted(demand.steps.items()))
    growth += f", growing {100 * demand.growth_per_year:.3g} % a year" if demand.growth_per_year else ""
    regions = ", ".join(
        f"{share:.4g} from {name}{_own(demand, name)}" for name, share in demand.regions.items()
    )
    planned = "" if demand.planned_cv2 is None else f", planned with {demand.planned_cv2:.3g}"
    if by_time := [f"{value:.3g} within {time:.3g} s" for time, value in demand.planned_cv2_by_s.items()]:
        planned = f", planned with {', '.join(by_time)}"
    return f"{words} (cv2 {demand.cv2:.3g}{planned}){growth}" + (f", {regions}" if regions else "")


def _own(demand: Demand, region: str) -> str:
    """The peak and growth of a region with a curve of its own."""
    if region not in demand.by_region:
        return ""
    curve, growth = demand.by_region[region].rate_rps, 100 * (demand.by_region[region].growth_per_year or 0.0)
    return f" ({max(curve):.5g}/s at its peak" + (f", growing {growth:.3g} % a year)" if growth else ")")


def _levels(levels: ServiceLevels) -> str:
    parts = []
    if levels.ttft_ms is not None:
        parts.append(f"TTFT {levels.ttft_ms:g} ms at p{levels.ttft_percentile * 100:g}")
    if levels.tpot_ms is not None:
        parts.append(f"TPOT {levels.tpot_ms:g} ms at p{levels.tpot_percentile * 100:g}")
    if levels.end_to_end_s is not None:
        parts.append(f"end to end {levels.end_to_end_s:g} s at p{levels.end_to_end_percentile * 100:g}")
    if levels.deadline_hours is not None:
        parts.append(f"done within {levels.deadline_hours:g} h")
    return ", ".join(parts) or "no promise on latency"


def _site(site: Site) -> str:
    power = "no power limit" if site.power_kw is None else f"{site.power_kw:g} kW"
    limits = {"at the meter": site.feed_kw, "of heat": site.cooling_kw}
    power += "".join(f", {kw:g} kW {what}" for what, kw in limits.items() if kw is not None)
    racks = "no space limit" if site.rack_units is None else f"{site.rack_units:g} rack units"
    law = f" under {site.jurisdiction}" if site.jurisdiction else ""
    trips = f", round trip {site.round_trip_ms:g} ms" if site.round_trip_ms else ""
    trips += "".join(f", {trip:g} ms to {region}" for region, trip in site.round_trip_by_region_ms.items())
    energy = f"{site.mean_energy_usd_kwh:g}" + (" on average" if site.tariff_usd_kwh else "")
    growth = 100 * site.energy_growth_per_year
    later = f", growing {growth:.3g} % a year" if growth else ""
    later += "".join(
        f", {factor:g} times from {month}" for month, factor in sorted(site.energy_steps.items())
    )
    return f"site {site.name}{law}: {power}, {racks}, PUE {site.pue:g}, {energy} USD/kWh{later}{trips}"
