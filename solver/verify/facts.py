"""What the verifier is told beside the plan, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import Field

#: A number that is divided by; reading a plan refuses 0 and what is below.
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class OfferFacts:
    """A way to get a system. ``price_usd`` is per system (buy) or per system and hour (all others).

    Bought, leased and reserved systems are committed: there for ``life_years`` (lease, reserve: the term,
    paid in full). Bought and leased ones stand at the user's site.
    """

    id: str
    system: str
    kind: str  # buy | lease | reserve | rent | spot
    price_usd: float
    support_share_per_year: float = 0.0  # of the purchase price
    residual_share: float = 0.0  # of the purchase price, at the end of the horizon
    life_years: Positive = 4.0
    supply_per_year: float | None = None
    minimum_lot: int = 1
    supplier: str = ""
    supply_total: int | None = None  # owned systems: how many there are
    available_years: float = 0.0  # from when it can be had, years after the start
    interruption_share: float = 0.0  # spot: share of the time that it is taken away
    resale_by_age: tuple[float, ...] = ()  # share of the price after 1, 2, ... years; replaces residual_share
    lead_years: float = 0.0  # from order to delivery
    paid: str = "delivery"  # when the price is due: order | delivery
    tier_of: str = ""  # the offer whose supply this price for larger lots shares

    @property
    def on_site(self) -> bool:
        """Whether it takes power and space at the user's site."""
        return self.kind in ("buy", "lease")


@dataclass(frozen=True)
class PlaceFacts:
    """What a system needs where it stands."""

    id: str
    power_typ_kw: float
    power_max_kw: float
    rack_units: float
    mtbf_hours: Positive | None = None  # None: what the workload takes for all
    repair_hours: Positive | None = None
    name: str = ""
    vendor: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Failure:
    """One statement that the plan breaks, and by how much (in the unit the message names)."""

    check: str
    message: str
    amount: Fraction = Fraction(1)


@dataclass(frozen=True)
class Verdict:
    """The answer of the exact check. ``residual``: largest amount of any failure, 0 if none."""

    passed: bool
    failures: tuple[Failure, ...]
    residual: Fraction
    cost_by_term: dict[str, Fraction]  # net present USD, recomputed from the offers
    checks: tuple[str, ...]  # the checks that were run
