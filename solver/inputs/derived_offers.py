"""Offers that follow from the prices of a system, so that a price stands in one place only."""

from __future__ import annotations

from collections.abc import Mapping

from solver.domain.catalog import Offer, System
from solver.domain.quantity import Quantity

#: Offer terms that the ``terms`` section of the catalog may set for all derived offers.
TERMS = ("life_years", "support_share_per_year", "residual_share")


def derived_offers(systems: Mapping[str, System], terms: Mapping[str, Quantity]) -> dict[str, Offer]:
    """A buy offer for each system that is sold, a rent offer for each that has ``cloud_usd_hr``."""
    offers = (offer for system in systems.values() for offer in _of(system, terms))
    return {offer.id: offer for offer in offers}


def _of(system: System, terms: Mapping[str, Quantity]) -> list[Offer]:
    offers = []
    if can_be_bought(system):
        offers.append(_buy(system, terms))
    if "cloud_usd_hr" in system.values:
        rent = Offer(
            id=f"{system.id}/rent",
            system=system.id,
            supplier="cloud",
            kind="rent",
            price=system.values["cloud_usd_hr"],
            available_from=system.available_from,
        )
        offers.append(rent)
    return offers


def can_be_bought(system: System) -> bool:
    """Whether a purchase price is an offer: not for systems that are only rented out or no longer made."""
    gone = system.status.startswith(("eol", "cloud-only", "discontinued"))
    return "price_usd" in system.values and not gone


def _buy(system: System, terms: Mapping[str, Quantity]) -> Offer:
    return Offer(
        id=f"{system.id}/buy",
        system=system.id,
        supplier=system.vendor,
        kind="buy",
        price=system.values["price_usd"],
        supply_per_year=system.values.get("supply_per_year"),
        lead_weeks=system.values.get("lead_weeks"),
        available_from=system.available_from,
        life_years=terms.get("life_years"),
        support_share_per_year=terms.get("support_share_per_year"),
        residual_share=terms.get("residual_share"),
    )
