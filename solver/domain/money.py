"""Money: how costs are added up, what may be spent, and offers that the workload states."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from solver.domain.calendar import Month
from solver.domain.quantity import Frozen


class Staff(Frozen):
    """People that systems at the user's sites need, and what one of them costs a year."""

    usd_per_year: float = Field(ge=0)  # salary with all that comes with it
    per_system: float = Field(default=0.0, ge=0)
    per_rack: float = Field(default=0.0, ge=0)  # of 42 rack units
    per_site: float = Field(default=0.0, ge=0)  # at each site that has any system


class Money(Frozen):
    """How costs at different times and of different kinds are added up."""

    discount_rate: float = Field(default=0.08, ge=0)
    support_share_per_year: float = Field(
        default=0.0, ge=0
    )  # of the purchase price, where an offer is silent
    residual_share: float = Field(default=0.0, ge=0, lt=1)  # of the purchase price, at the end of the horizon
    budget_capex_usd: float | None = Field(default=None, gt=0)
    budget_total_usd: float | None = Field(default=None, gt=0)
    budget_capex_by_year_usd: tuple[float | None, ...] = ()  # purchases of each fiscal year (None: no limit)
    budget_opex_by_year_usd: tuple[float | None, ...] = ()  # running costs of each fiscal year
    fiscal_year_start: int | None = Field(default=None, ge=1, le=12)  # month; None: that of horizon.start
    resale_by_age: tuple[float, ...] = ()  # share of the price after 1, 2, ... years; replaces residual_share
    tax_rate: float = Field(default=0.0, ge=0, lt=1)
    depreciation: Literal["straight-line", "declining"] = "straight-line"
    depreciation_years: int = Field(default=5, ge=1, le=30)
    staff: Staff | None = None
    migration_usd_per_system: float = Field(default=0.0, ge=0)  # a model leaves a system for another

    @model_validator(mode="after")
    def _resale(self) -> Money:
        check_resale(self.resale_by_age)
        return self


def check_resale(shares: tuple[float, ...]) -> None:
    """Shares of the price by age lie between 0 and 1 and never rise."""
    if any(not 0 <= share <= 1 for share in shares):
        raise ValueError("a share of resale_by_age is not between 0 and 1; write such as [60 %, 40 %]")
    if any(later > earlier for earlier, later in pairwise(shares)):
        raise ValueError("resale_by_age rises with age; write falling shares")


class WorkloadOffer(Frozen):
    """A way to get a system that the catalogs do not hold.

    ``price_usd`` is per system for buy, and per system and hour for lease, reserve, rent and spot. Lease
    and reserve commit to pay for ``term_months``; leased systems stand at the user's site.
    """

    id: str
    system: str
    kind: Literal["buy", "lease", "reserve", "rent", "spot"]
    price_usd: float = Field(ge=0)
    term_months: int = Field(default=12, gt=0)
    supplier: str = ""  # empty: the system's vendor
    minimum_lot: int = Field(default=1, ge=1)  # none, or at least so many at a time
    supply_per_year: float | None = Field(default=None, ge=0)
    available_from: Month | None = None
    interruption_share: float = Field(default=0.0, ge=0, lt=1)  # spot: share of time it is taken away
    residual_share: float | None = Field(default=None, ge=0, lt=1)
    support_share_per_year: float | None = Field(default=None, ge=0)
    life_years: float | None = Field(default=None, gt=0)
    resale_by_age: tuple[float, ...] | None = None  # buy: share of the price after 1, 2, ... years
    tiers: dict[int, float] = {}  # buy: price of each where at least so many are bought at a time
    lead_months: float = Field(default=0.0, ge=0)  # from order to delivery
    paid: Literal["order", "delivery"] = "delivery"  # buy: when the price is due

    @model_validator(mode="after")
    def _terms(self) -> WorkloadOffer:
        check_resale(self.resale_by_age or ())
        if any(lot < 1 or price < 0 for lot, price in self.tiers.items()):
            raise ValueError("a tier has a lot below 1 or a negative price; write {8: $260k}")
        if self.kind != "buy" and (self.tiers or self.resale_by_age or self.paid == "order"):
            raise ValueError("tiers, resale_by_age and paid are of purchases; write kind: buy")
        return self
