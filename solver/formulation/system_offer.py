"""Ways to get a system, and what places and money need to know of it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SystemOffer:
    """A way to get a system, with the numbers the program needs."""

    id: str
    system: str
    kind: str  # buy | lease | reserve (committed for life_years) | rent | spot (by the hour)
    price_usd: float  # per system (buy) or per system and hour (all others)
    support_share_per_year: float
    residual_share: float
    life_years: float
    supply_per_year: float | None
    minimum_lot: int
    supplier: str
    supply_total: int | None = None  # owned systems: how many there are
    available_years: float = 0.0  # from when it can serve, years after the start
    interruption_share: float = 0.0  # spot: share of the time it is not there
    resale_by_age: tuple[float, ...] = ()  # buy: share of the price after 1, 2, ... years
    lead_years: float = 0.0  # from order to delivery
    paid: str = "delivery"  # buy: when the price is due (order | delivery)
    tier_of: str = ""  # a price for larger lots of this offer: they share its supply

    def value_at(self, years: float) -> float:
        """Share of the price that a system of this age brings; between full years on a straight line."""
        if not self.resale_by_age:
            return self.residual_share
        shares = (1.0, *self.resale_by_age, 0.0)
        year = min(math.floor(years + 1e-9), len(shares) - 1)
        later = shares[min(year + 1, len(shares) - 1)]
        return shares[year] + (later - shares[year]) * max(0.0, years - year)

    def leaves(self, years: float) -> bool:
        """Owned, and gone before the end of the horizon: there from the start or not at all."""
        return self.supply_total is not None and self.life_years < years

    @property
    def committed(self) -> bool:
        """Got for its life or term (a column per epoch) rather than for hours."""
        return self.kind in ("buy", "lease", "reserve")

    @property
    def on_site(self) -> bool:
        """Stands at the user's site: takes power and space there."""
        return self.kind in ("buy", "lease")


@dataclass(frozen=True)
class SystemFacts:
    """What places and money need to know of a system."""

    id: str
    name: str
    kind: str
    vendor: str
    power_typ_kw: float
    power_max_kw: float
    rack_units: float
    mtbf_hours: float | None = None  # None: what the workload takes for all
    repair_hours: float | None = None
