"""Sets and data of the integer program, free of any solver and of any variable.

The verifier does not read this module's matrices; it shares only these value types' inputs (the domain
and the operating points).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from solver.domain.calendar import years_until
from solver.domain.streams import Stream, streams
from solver.domain.workload import (
    Service,
    Site,
    Workload,
    cycle_hours,
    window_hours,
)
from solver.formulation.epochs import Epoch, Period
from solver.formulation.flexible import offered_by_the_hour
from solver.formulation.length_classes import length_classes, whole_regions
from solver.formulation.system_offer import SystemFacts, SystemOffer
from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.performance.queueing import Line
from solver.time_value import running_factor


@dataclass(frozen=True)
class Problem:
    """Everything the families and cost terms read."""

    workload: Workload
    epochs: tuple[Epoch, ...]
    periods: tuple[Period, ...]
    points: tuple[OperatingPoint, ...]
    apis: tuple[ApiPoint, ...]
    offers: tuple[SystemOffer, ...]
    systems: dict[str, SystemFacts]
    peaks_rps: tuple[float, ...] = ()  # largest rates of streams, where the periods at hand are a part of all
    empty_pools: frozenset[tuple[int, int, int]] = frozenset()  # point, site, epoch: a fixed fleet has none
    together: frozenset[str] = frozenset()  # services whose pools all get the service's mix of lengths
    most_work: tuple[float, ...] = ()  # `busiest`, where periods are means of hours: they have no order

    @property
    def by_the_hour(self) -> bool:
        """Whether hours differ, so that renting by the hour may pay."""
        return bool(self.peaks_rps) or len(self.periods) > len(self.epochs)

    def mean_share(self, k: int, g: int, t: int) -> float:
        """Mean rate of class g of service k over the hours of period t, as a share of what is served."""
        period, s = self.periods[t], self.stream_of[k][g]
        return period.mean_rps[s] / period.rate_rps[s] if period.mean_rps else 1.0

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        """Whose rates a period holds: services, or their regions where these have curves of their own."""
        return streams(self.workload)

    @cached_property
    def streams_of(self) -> tuple[tuple[int, ...], ...]:
        """For each service its streams (positions)."""
        return tuple(
            tuple(n for n, s in enumerate(self.streams) if s.position == k) for k in range(len(self.services))
        )

    @cached_property
    def stream_of(self) -> tuple[tuple[int, ...], ...]:
        """For each service the stream of each length class (position)."""
        at = {(s.position, s.region): n for n, s in enumerate(self.streams)}
        return tuple(
            tuple(at.get((k, s.lengths[group[0]].region), self.streams_of[k][0]) for group in self.classes[k])
            for k, s in enumerate(self.services)
        )

    @cached_property
    def stream_shares(self) -> tuple[tuple[float, ...], ...]:
        """For each service the share of each length class in the requests of its stream."""
        found = []
        for own, shares in zip(self.stream_of, self.class_shares, strict=True):
            whole = {n: sum(x for s, x in zip(own, shares, strict=True) if s == n) for n in own}
            alone = len(whole) == 1
            found.append(tuple(x if alone else x / whole[s] for s, x in zip(own, shares, strict=True)))
        return tuple(found)

    def rate(self, k: int, period: Period) -> float:
        """Requests per second of service k that are served in a period."""
        own = self.streams_of[k]
        return period.rate_rps[own[0]] if len(own) == 1 else sum(period.rate_rps[s] for s in own)

    def rates(self, period: Period) -> tuple[float, ...]:
        """Requests per second of each service that are served in a period."""
        return tuple(self.rate(k, period) for k in range(len(self.services)))

    def bucket_rps(self, k: int, b: int, period: Period, mean: bool = False) -> float:
        """Requests per second of a length bucket in a period (``mean``: over its hours, which are paid)."""
        bucket = self.services[k].lengths[b]
        rates = (period.mean_rps if mean else ()) or period.rate_rps
        part = self.services[k].demand.regions[bucket.region] if len(self.streams_of[k]) > 1 else 1.0
        return bucket.share / part * rates[self._at[k, bucket.region]]

    @cached_property
    def _at(self) -> dict[tuple[int, str], int]:
        """Stream of each service and region."""
        found = {(k, b.region): self.streams_of[k][0] for k, s in enumerate(self.services) for b in s.lengths}
        return found | {(s.position, s.region): n for n, s in enumerate(self.streams)}

    @cached_property
    def classes(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each service its length classes: buckets that are routed together (positions)."""
        measured = {p.service for p in self.workload.profiles}
        return tuple(
            whole_regions(s) if s.name in self.together else length_classes(s, apart=s.name in measured)
            for s in self.services
        )

    def mean(self, k: int, g: int, values: Sequence[float]) -> float:
        """Mean of a value per bucket over the requests of class g of service k."""
        buckets = self.services[k].lengths
        weight = sum(buckets[b].share for b in self.classes[k][g])
        return sum(buckets[b].share * values[b] for b in self.classes[k][g]) / weight

    @cached_property
    def flexible(self) -> frozenset[str]:
        """Ids of the points that are offered for rent by the hour (solver.formulation.flexible)."""
        users: dict[str, set[str]] = {}
        for point in self.points:
            users.setdefault(point.system, set()).add(point.service)
        whole = not (self.defers or self.hourly_spares)  # spares of small replicas are small
        alone = frozenset(s for s, names in users.items() if len(names) == 1 and whole)
        shares = {s.name: [b.share for b in s.lengths] for s in self.services}
        return offered_by_the_hour(self.points, shares, alone)

    @cached_property
    def windows(self) -> tuple[int, ...]:
        """For each service the hours in which the work of one hour may be done (1: at once)."""
        return tuple(window_hours(self.workload, s) for s in self.services)

    @property
    def defers(self) -> bool:
        """Whether the work of some service can wait: then every hour is a period, in order."""
        return max(self.windows) > 1

    def recent(self, t: int, hours: int) -> list[int]:
        """The period t and those before it in its epoch's cycle, ``hours`` in all (where work can wait)."""
        cycle = cycle_hours(self.workload)
        first = t - t % cycle
        return [first + (t - first - back) % cycle for back in range(hours)]

    @cached_property
    def busiest(self) -> tuple[float, ...]:
        """For each service the most work of any of its streams that an hour can be given, in its peaks."""
        if self.most_work:
            return self.most_work
        found = []
        for k, window in enumerate(self.windows):
            loads = [
                sum(self.periods[n].rate_rps[s] for n in self.recent(t, window)) / self.peaks[s]
                for s in self.streams_of[k]
                for t in range(len(self.periods) if window > 1 else 0)
            ]
            found.append(max(loads, default=1.0))
        return tuple(found)

    def tariff(self, i: int, period: Period) -> float:
        """Price of energy at site i in a period, USD/kWh: the largest of its hours (bounds: the least)."""
        site = self.sites[i]
        if not site.tariff_usd_kwh:
            return site.energy_usd_kwh
        return (min if period.cheapest else max)(site.energy_at(h) for h in period.covers)

    @property
    def hourly_spares(self) -> int:
        """Spare replicas of each open pool that is rented by the hour."""
        return self.workload.redundancy if self.workload.resilience.hourly_pools else 0

    @property
    def services(self) -> tuple[Service, ...]:
        """Services in the order of the workload; their positions are the index k of all rates."""
        return self.workload.services

    @property
    def sites(self) -> tuple[Site, ...]:
        """Sites in the order of the workload; their positions are the index i of all variables."""
        return self.workload.sites

    def buy_offers(self, system: str | None = None) -> list[SystemOffer]:
        """Offers with a purchase price (owned systems have none)."""
        return [o for o in self.offers if o.kind == "buy" and o.price_usd > 0 and system in (None, o.system)]

    def opens_years(self, site: Site) -> float:
        """Years from the start of the horizon until a site can hold systems."""
        start = self.workload.horizon.start
        return years_until(site.open_from, start) if site.open_from else 0.0

    def up_share(self, system: str) -> float:
        """Share of time that a system is up: MTBF / (MTBF + repair time)."""
        facts, stated = self.systems.get(system), self.workload.resilience
        hours = stated.mtbf_of(facts.mtbf_hours if facts else None)
        return hours / (hours + stated.repair_of(facts.repair_hours if facts else None))

    def peak_rps(self, service: int) -> float:
        """The unit of a service's traffic: its largest rate of all periods, requests/s (at least 1e-9).

        Where regions have curves of their own, the sum of their largest rates.
        """
        return self._peaks[service]

    @cached_property
    def peaks(self) -> tuple[float, ...]:
        """Largest rate of each stream over all periods (at least 1e-9)."""
        if self.peaks_rps:
            return self.peaks_rps
        columns = zip(*(period.rate_rps for period in self.periods), strict=True)
        return tuple(max(max(column), 1e-9) for column in columns)

    @cached_property
    def _peaks(self) -> tuple[float, ...]:
        """Of several streams the sum of their peaks: at least the largest rate of any hour or group."""
        return tuple(sum(self.peaks[s] for s in own) for own in self.streams_of)

    def service_index(self, name: str) -> int:
        """Position of a service."""
        return self._positions[name]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {s.name: i for i, s in enumerate(self.services)}

    @cached_property
    def known_lines(self) -> dict[str, tuple[Line, ...]]:
        """Memory of solver.formulation.limits.lines_of, by id of the point."""
        return {}

    @cached_property
    def class_shares(self) -> tuple[tuple[float, ...], ...]:
        """For each service the share of its requests in each length class."""
        return tuple(
            tuple(sum(s.lengths[b].share for b in group) for group in groups)
            for s, groups in zip(self.services, self.classes, strict=True)
        )

    @cached_property
    def largest_shares(self) -> tuple[tuple[float, ...], ...]:
        """For each service and length bucket the most traffic of any hour, in peaks of the service."""
        found = []
        for k, service in enumerate(self.services):
            regions, peak = service.demand.regions if len(self.streams_of[k]) > 1 else {}, self.peak_rps(k)
            weights = {
                b.region: self.peaks[self._at[k, b.region]] / peak / regions.get(b.region, 1.0)
                for b in service.lengths
            }
            found.append(tuple(b.share * weights[b.region] for b in service.lengths))
        return tuple(found)

    def hours_factor(self, period: Period) -> float:
        """Discounted hours of a period: its share of the epoch's hours times the epoch's running factor."""
        epoch = self.epochs[period.epoch]
        return period.hours / epoch.years * self.running(period.epoch)

    def running(self, epoch: int) -> float:
        """Value at the start of one dollar a year paid monthly during the epoch."""
        e = self.epochs[epoch]
        return running_factor(self.workload.money.discount_rate, e.start_years, e.end_years)

    def alive(self, offer: SystemOffer, bought: int, epoch: int) -> bool:
        """Whether a system bought at the start of one epoch still serves through another."""
        begin = self.epochs[bought].start_years
        return bought <= epoch and begin + offer.life_years >= self.epochs[epoch].end_years - 1e-9
