"""Where systems stand, where requests come from, and where their data may be served."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, model_validator

from solver.domain.calendar import INSTANT, Month, factor_in_force, years_until
from solver.domain.quantity import Frozen


class Distant(Frozen):
    """Something that users reach over a network."""

    round_trip_ms: float = Field(default=0.0, ge=0)
    round_trip_by_region_ms: dict[str, float] = {}  # region -> round trip; others: round_trip_ms

    def trip_ms(self, region: str) -> float:
        """Network round trip to the users of a region ("": of a service without regions), ms."""
        return self.round_trip_by_region_ms.get(region, self.round_trip_ms)


class Site(Distant):
    """A place that can hold systems, with its limits (None: no limit)."""

    name: str = "site"
    power_kw: float | None = Field(default=None, gt=0)  # at the racks
    feed_kw: float | None = Field(default=None, gt=0)  # at the meter, PUE included
    cooling_kw: float | None = Field(default=None, gt=0)  # heat that can be taken away
    rack_units: float | None = Field(default=None, gt=0)
    pue: float = Field(default=1.3, ge=1)
    energy_usd_kwh: float = Field(default=0.08, ge=0)
    tariff_usd_kwh: tuple[float, ...] = ()  # by hour: 24, 168 or 8760 prices, in place of energy_usd_kwh
    energy_growth_per_year: float = Field(default=0.0, gt=-1)  # of either, at each full year
    energy_steps: dict[Month, Annotated[float, Field(ge=0)]] = {}  # from a month on: factor on either
    space_usd_per_rack_unit_month: float = Field(default=0.0, ge=0)
    jurisdiction: str = ""  # whose law the data at the site is under, such as EU
    carbon_kg_kwh: float = Field(default=0.0, ge=0)
    opening_usd: float = Field(default=0.0, ge=0)  # once, when it gets its first systems
    open_from: Month | None = None  # first month in which it can hold systems

    @model_validator(mode="after")
    def _tariff(self) -> Site:
        if len(self.tariff_usd_kwh) not in (0, 24, 168, 8760):
            raise ValueError(f"{len(self.tariff_usd_kwh)} prices of energy; write 24, 168 or 8760 of them")
        if any(price < 0 for price in self.tariff_usd_kwh):
            raise ValueError("a price of energy is negative; write 0 or more")
        return self

    @property
    def mean_energy_usd_kwh(self) -> float:
        """Price of energy that is drawn evenly in all hours."""
        prices = self.tariff_usd_kwh or (self.energy_usd_kwh,)
        return sum(prices) / len(prices)

    def energy_at(self, hour: int) -> float:
        """Price of energy in an hour of the representative curve, USD/kWh."""
        prices = self.tariff_usd_kwh or (self.energy_usd_kwh,)
        return prices[hour % len(prices)]

    def energy_parts(self, begin: float, end: float, first: str) -> list[tuple[float, float, float]]:
        """(from, to, factor) of the time from ``begin`` to ``end``, years from the month ``first``.

        Of what energy costs in all that time at the first prices, each part costs the factor at its own:
        its share of the time, times growth at full years and the step of the latest month.
        """
        dates = {years_until(month, first) for month in self.energy_steps}
        if self.energy_growth_per_year:
            dates |= {float(year) for year in range(math.ceil(begin), math.floor(end) + 1)}
        ends = [*sorted(t for t in dates if begin + INSTANT < t < end - INSTANT), end]
        found = []
        for start, stop in zip([begin, *ends], ends, strict=False):
            growth = (1 + self.energy_growth_per_year) ** math.floor(start + INSTANT)
            share = (stop - start) / (end - begin)
            found.append((start, stop, share * growth * factor_in_force(self.energy_steps, start, first)))
        return found


class StatedApi(Distant):
    """What a workload knows of a token API: where it stands, whose law its data is under, how fast it is."""

    name: str  # provider, or id of the catalog (which goes before its provider)
    jurisdiction: str = ""  # empty: not known
    ttft_ms: float | None = Field(default=None, gt=0)  # without the round trip; None: published or assumed
    tokens_per_s_per_user: float | None = Field(default=None, gt=0)


class Residency(Frozen):
    """Where data may be served: at these sites, in these jurisdictions, and by these token APIs."""

    sites: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()  # providers, or ids of the catalog

    def permits_site(self, site: Site) -> bool:
        """Whether the data may be served at a site."""
        return site.name in self.sites or bool(site.jurisdiction and site.jurisdiction in self.jurisdictions)

    def permits_api(self, api: str, provider: str, jurisdiction: str) -> bool:
        """Whether the data may be sent to a token API: by name, or by the jurisdiction stated for it."""
        return bool({api, provider} & {*self.apis}) or bool(
            jurisdiction and jurisdiction in self.jurisdictions
        )


class Region(Frozen):
    """Where requests come from, and where their data may be served (None: anywhere)."""

    name: str
    residency: Residency | None = None
