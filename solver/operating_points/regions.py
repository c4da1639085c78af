"""Settings of a service by place: whose requests a pool at a site serves, at which round trips.

A pool's safe load depends on the round trips of its requests. For each site the regions whose data may be
served there are sorted by round trip; there is one setting for the nearest, one for the two nearest, and
so on; regions at round trips of up to a twentieth of the promise together. Pools are shared by the regions
of their setting; the program chooses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from solver.domain.catalog import TokenApi
from solver.domain.workload import Service, Site, Workload, WorkloadProfile
from solver.operating_points.point import OperatingPoint

#: Round trips up to this part of the tightest latency promise are not told apart (a limit of the menu).
NEAR = 0.05


@dataclass(frozen=True)
class Reach:
    """Regions that pools at some sites serve, with the round trip of each, ms."""

    trips_ms: tuple[tuple[str, float], ...]
    sites: tuple[str, ...] = ()  # empty: all
    suffix: str = ""  # tells its operating points from those of others

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions."""
        return tuple(region for region, _ in self.trips_ms)


def reaches(workload: Workload, service: Service) -> list[Reach]:
    """All reaches of a service; without regions one for each round trip of the sites."""
    regions = sorted({bucket.region for bucket in service.lengths})
    found: dict[tuple[tuple[str, float], ...], list[str]] = {}
    for site in workload.sites:
        for trips in _tiers(workload, service, site, regions):
            found.setdefault(trips, []).append(site.name)
    everywhere = len(found) == 1 and len(next(iter(found.values()))) == len(workload.sites)
    words = {trips: _suffix(trips, whole=len(trips) == len(regions)) for trips in found}
    shared = {text for text, times in Counter(words.values()).items() if times > 1}
    return [
        Reach(
            trips,
            () if everywhere else tuple(sorted(sites)),
            "" if everywhere else _each_trip(trips) if words[trips] in shared else words[trips],
        )
        for trips, sites in sorted(found.items())
    ]


def _tiers(
    workload: Workload, service: Service, site: Site, regions: list[str]
) -> Iterator[tuple[tuple[str, float], ...]]:
    """The nearest regions of a site, the two nearest, ...; only those whose data may be served there."""
    trips = {r: site.trip_ms(r) for r in regions if may_stand(workload, service, r, site)}
    for most in sorted(_ends(service, trips.values())):
        yield tuple((region, trip) for region, trip in trips.items() if trip <= most)


def _ends(service: Service, trips_ms: Iterable[float]) -> set[float]:
    """Round trips at which a tier ends: one for all trips that hardly count, one for those always late."""
    levels = service.levels
    promised = (levels.ttft_ms, None if levels.end_to_end_s is None else levels.end_to_end_s * 1e3)
    limit = min((ms for ms in promised if ms is not None), default=float("inf"))
    groups: dict[float, float] = {}
    for trip in trips_ms:
        group = -1.0 if trip <= NEAR * limit else min(trip, limit)
        groups[group] = max(groups.get(group, trip), trip)
    return set(groups.values())


def _suffix(trips: tuple[tuple[str, float], ...], whole: bool) -> str:
    times = sorted({trip for _, trip in trips})
    words = "" if whole else f" for {', '.join(region for region, _ in trips)}"
    return f"{words} at {', '.join(f'{trip:g}' for trip in times)} ms"


def _each_trip(trips: tuple[tuple[str, float], ...]) -> str:
    """The suffix where the round trips alone do not tell reaches apart."""
    return f" at {', '.join(f'{region} {trip:g}' for region, trip in trips)} ms"


def may_stand(workload: Workload, service: Service, region: str, site: Site) -> bool:
    """Whether a service's requests from a region may be served at a site."""
    return all(r.permits_site(site) for r in workload.residencies(service, region).values())


def may_call(workload: Workload, service: Service, region: str, api: TokenApi) -> bool:
    """Whether a service's requests from a region may be sent to a token API."""
    law = workload.stated_api(api.id, api.provider).jurisdiction
    stated = workload.residencies(service, region).values()
    return all(r.permits_api(api.id, api.provider, law) for r in stated)


def api_trip_s(workload: Workload, region: str, api: TokenApi) -> float:
    """Network round trip between a region and a token API, s (0 where the workload states none)."""
    return workload.stated_api(api.id, api.provider).trip_ms(region) / 1e3


def cells_of(service: Service, reach: Reach) -> tuple[int, ...]:
    """Positions of the length buckets of a reach's regions."""
    return tuple(b for b, bucket in enumerate(service.lengths) if bucket.region in reach.regions)


def narrowed(service: Service, cells: tuple[int, ...]) -> Service:
    """The service with the requests of some buckets only, their shares adding up to 1."""
    if len(cells) == len(service.lengths):
        return service
    part = sum(service.lengths[b].share for b in cells)
    buckets = (service.lengths[b] for b in cells)
    lengths = tuple(b.model_copy(update={"share": min(b.share / part, 1.0)}) for b in buckets)
    demand = service.demand.of_regions(part, tuple(sorted({b.region for b in lengths})))
    return service.model_copy(update={"lengths": lengths, "demand": demand})


def narrowed_profiles(
    service: Service, cells: tuple[int, ...], profiles: tuple[WorkloadProfile, ...]
) -> tuple[WorkloadProfile, ...]:
    """The profiles of a service with the rates of some buckets only."""
    return tuple(
        p.model_copy(update={"requests_per_s": tuple(p.requests_per_s[b] for b in cells)})
        for p in profiles
        if p.service == service.name
    )


def widened(point: OperatingPoint, cells: tuple[int, ...], count: int, reach: Reach) -> OperatingPoint:
    """A point made for some buckets as one of all ``count`` buckets: it serves no others."""
    if len(cells) == count:
        return point
    at = {b: n for n, b in enumerate(cells)}

    def spread(values: tuple[float, ...], other: float = 0.0) -> tuple[float, ...]:
        return tuple(values[at[b]] if b in at else other for b in range(count)) if values else ()

    def flags(values: tuple[bool, ...], other: bool) -> tuple[bool, ...]:
        return tuple(values[at[b]] if b in at else other for b in range(count))

    queue, wear = point.queue, point.wear
    if wear is not None:
        wear = replace(wear, reads=spread(wear.reads))
    if queue is not None:
        queue = replace(
            queue,
            hold_s=spread(queue.hold_s),
            prefill_s=spread(queue.prefill_s),
            longest_s=spread(queue.longest_s),
            decode_s=spread(queue.decode_s),
        )
    return replace(
        point,
        use=tuple(spread(row) for row in point.use),
        ttft_s=spread(point.ttft_s, float("inf")),
        end_to_end_s=spread(point.end_to_end_s, float("inf")),
        late={name: flags(values, True) for name, values in point.late.items()},
        serves=flags(point.serves, False),
        kv_bytes=spread(point.kv_bytes),
        transfer_s=spread(point.transfer_s),
        wear=wear,
        queue=queue,
        regions=reach.regions,
    )
