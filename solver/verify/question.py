"""The question: workload, offers and points, in the order and the exact numbers of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from solver.domain.workload import LengthBucket, Service, Site, Workload
from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.verify.exact import moment, written
from solver.verify.facts import OfferFacts, PlaceFacts
from solver.verify.hours import cycle_of


@dataclass(frozen=True)
class Question:
    """What the checks read of the question."""

    workload: Workload
    offers: Mapping[str, OfferFacts]
    systems: Mapping[str, PlaceFacts]
    points: Mapping[str, OperatingPoint]
    apis: Mapping[str, ApiPoint]

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """Services by name, lengths by prompt, output, region and share: the order in a plan."""
        return tuple(
            s.model_copy(
                update={
                    "lengths": tuple(
                        sorted(s.lengths, key=lambda b: (b.prompt_tokens, b.output_tokens, b.region, b.share))
                    )
                }
            )
            for s in sorted(self.workload.services, key=lambda s: s.name)
        )

    @cached_property
    def order(self) -> dict[str, int]:
        """Service name -> its position."""
        return {s.name: k for k, s in enumerate(self.services)}

    @cached_property
    def buckets(self) -> tuple[tuple[LengthBucket, ...], ...]:
        """Length buckets of each service."""
        return tuple(s.lengths for s in self.services)

    @cached_property
    def weights(self) -> tuple[tuple[Fraction, ...], ...]:
        """Share of each bucket among the requests of its service."""
        return tuple(tuple(written(b.share) for b in buckets) for buckets in self.buckets)

    @cached_property
    def sites(self) -> dict[str, Site]:
        """Sites by name."""
        return {site.name: site for site in self.workload.sites}

    def trips(self, k: int, site: str) -> tuple[Fraction, ...]:
        """Network round trip between each length bucket's region and a site, s."""
        place = self.sites[site]
        return tuple(written(place.trip_ms(bucket.region)) / 1000 for bucket in self.buckets[k])

    def api_statement(self, api: ApiPoint, field: str) -> Any:
        """What the workload states of an API: under its id, else under its provider (None: nothing)."""
        for name in (api.api, api.provider):
            for place in self.workload.apis:
                if place.name == name:
                    return getattr(place, field)
        return None

    def api_trips(self, k: int, api: ApiPoint) -> tuple[Fraction, ...]:
        """Network round trip between each length bucket's region and a token API, s."""
        everyone = self.api_statement(api, "round_trip_ms") or 0.0
        stated = self.api_statement(api, "round_trip_by_region_ms") or {}
        return tuple(written(stated.get(b.region, everyone)) / 1000 for b in self.buckets[k])

    @cached_property
    def horizon(self) -> Fraction:
        """Years."""
        return moment(self.workload.horizon.years)

    @cached_property
    def rate(self) -> Fraction:
        """Discount rate per year."""
        return written(self.workload.money.discount_rate)

    @cached_property
    def cycle(self) -> int:
        """Hours of the representative curve; tariffs count where power depends on the load."""
        return cycle_of(self.workload)

    def idle(self, system: str) -> Fraction:
        """Share of its typical power that a system draws when idle: its own, else that of all."""
        stated = self.workload.hardware
        share = stated.idle_power_share_by_system.get(system, stated.idle_power_share)
        return Fraction(1) if share is None else written(share)
