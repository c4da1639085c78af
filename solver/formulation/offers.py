"""Which offers and systems a workload may use: those of the catalogs, its own, and what it owns."""

from __future__ import annotations

from dataclasses import replace

from solver.domain.calendar import years_until
from solver.domain.catalog import Catalog, Offer, System
from solver.domain.quantity import Quantity
from solver.domain.workload import Money, Workload, WorkloadOffer
from solver.errors import UsageError
from solver.formulation.system_offer import SystemFacts, SystemOffer


def choose_offers(
    workload: Workload, catalog: Catalog
) -> tuple[list[SystemOffer], dict[str, System], list[str]]:
    """Offers the policy allows, their systems (overrides applied), and notes on what is left out."""
    policy = workload.hardware
    unpriced: list[str] = []
    hostless: list[str] = []
    known = {**catalog.systems, **stated_systems(workload, catalog)}
    for wanted in (*policy.include, *policy.exclude, *policy.overrides, *policy.supply, *policy.minimum):
        if wanted not in known:
            raise UsageError(f"hardware: no system is called {wanted!r}{_nearest(wanted, catalog)}")
    kinds = {kind for service in workload.services for kind in service.acquisitions}
    offers: list[SystemOffer] = []
    systems: dict[str, System] = {}
    for system_id, system in sorted(known.items()):
        hypothetical = system_id.startswith("hyp-")
        named = system_id in policy.include
        if (policy.include and not named) or system_id in policy.exclude:
            continue
        if hypothetical and not (policy.hypothetical or named):
            continue
        if system.needs_host and not named:
            hostless.append(system_id)
            continue
        changed = with_overrides(system, policy.overrides.get(system_id, {}))
        found = own_offers(workload, changed) + [
            made
            for offer in catalog.offers.values()
            if offer.system == system_id
            and offer.kind in kinds
            and (made := system_offer(offer, changed, workload)) is not None
        ]
        for kind, name in (("buy", "price_usd"), ("rent", "cloud_usd_hr")):
            price = policy.overrides.get(system_id, {}).get(name)
            if price is not None and kind in kinds and not any(o.id == f"{system_id}/{kind}" for o in found):
                found.append(priced(workload, system, kind, price))
        found = [with_date(offer, workload) for offer in found]
        if not found:
            unpriced.append(system_id)
            continue
        systems[system_id] = changed
        offers.extend(found)
    notes = [f"left out, no price in the catalog: {', '.join(unpriced)}"] if unpriced else []
    if hostless:
        notes.append(f"left out, cards priced without their server: {', '.join(hostless)}")
    return sorted(offers, key=lambda o: o.id), systems, notes


def stated_systems(workload: Workload, catalog: Catalog) -> dict[str, System]:
    """Systems that only the workload's profiles know: nothing but a name (no physics, power or space)."""
    return {
        p.system: System(
            id=p.system,
            name=p.system,
            vendor="",
            kind="hbm-gpu",
            year=0,
            status="stated by the workload",
            chips=1,
            values={},
        )
        for p in workload.profiles
        if p.system not in catalog.systems and p.usd_per_hour is not None
    }


def priced(workload: Workload, system: System, kind: str, price_usd: float) -> SystemOffer:
    """An offer at a price that only the workload states, not before the system's own date."""
    money = workload.money
    return SystemOffer(
        f"{system.id}/{kind}",
        system.id,
        kind,
        price_usd,
        money.support_share_per_year,
        money.residual_share,
        4.0,
        None,
        1,
        system.vendor,
        available_years=years_until(system.available_from, workload.horizon.start),
        resale_by_age=money.resale_by_age if kind == "buy" else (),
    )


def own_offers(workload: Workload, system: System) -> list[SystemOffer]:
    """Offers that the workload itself states, and the systems that are already owned."""
    found: list[SystemOffer] = []
    for offer in workload.offers:
        if offer.system != system.id:
            continue
        found += stated_offers(workload, system, offer)
    rents = {p.usd_per_hour for p in workload.profiles if p.system == system.id} - {None}
    found += [
        replace(priced(workload, system, "rent", price), id=f"{system.id}/hourly")
        for price in rents
        if price is not None
    ]
    owned = workload.hardware.owned.get(system.id, 0)
    if owned:
        until = workload.hardware.owned_until.get(system.id)
        life = max(4.0, workload.horizon.years)
        life = years_until(until, workload.horizon.start) if until else life
        found.append(
            SystemOffer(
                f"{system.id}/owned", system.id, "buy", 0.0, 0.0, 0.0, life, None, 1, system.vendor, owned
            )
        )
    return found


def stated_offers(workload: Workload, system: System, offer: WorkloadOffer) -> list[SystemOffer]:
    """An offer of the workload, and one more for each tier: the price of larger lots."""
    money, given, first = workload.money, offer.lead_months / 12, workload.horizon.start
    made = replace(
        priced(workload, system, offer.kind, offer.price_usd),
        id=offer.id,
        life_years=offer.life_years or (4.0 if offer.kind == "buy" else offer.term_months / 12),
        supply_per_year=offer.supply_per_year,
        minimum_lot=offer.minimum_lot,
        supplier=offer.supplier or system.vendor,
        available_years=max(given, years_until(offer.available_from or system.available_from, first)),
        interruption_share=offer.interruption_share,
        resale_by_age=resale_of(money, offer),
        lead_years=given,
        paid=offer.paid,
    )
    if offer.residual_share is not None:
        made = replace(made, residual_share=offer.residual_share)
    if offer.support_share_per_year is not None:
        made = replace(made, support_share_per_year=offer.support_share_per_year)
    tiers = [
        replace(made, id=f"{offer.id}@{lot}", price_usd=price, minimum_lot=lot, tier_of=offer.id)
        for lot, price in sorted(offer.tiers.items())
    ]
    return [made, *tiers]


def resale_of(money: Money, offer: WorkloadOffer) -> tuple[float, ...]:
    """The resale curve of an offer: its own, or that of the workload if it states no residual value."""
    if offer.kind != "buy":
        return ()
    if offer.resale_by_age is not None:
        return offer.resale_by_age
    return () if offer.residual_share is not None else money.resale_by_age


def with_date(offer: SystemOffer, workload: Workload) -> SystemOffer:
    """The offer not before the workload's date for its system (late delivery, announced systems)."""
    date = workload.hardware.available_from.get(offer.system, "")
    if offer.supply_total is not None or not date:
        return offer
    return replace(
        offer, available_years=max(offer.available_years, years_until(date, workload.horizon.start))
    )


def system_offer(offer: Offer, system: System, workload: Workload) -> SystemOffer | None:
    """The numbers of an offer; a price override of the workload replaces the catalog's price."""
    money = workload.money
    field = "price_usd" if offer.kind == "buy" else "cloud_usd_hr"
    changed = workload.hardware.overrides.get(system.id, {})
    if not offer.id.endswith(("/buy", "/rent")):
        changed = {}  # an override replaces the system's own price, not a special offer
    override = changed.get(field)
    supply = offer.supply_per_year.value if offer.supply_per_year else None
    life = offer.life_years.value if offer.life_years else 4.0
    residual = offer.residual_share.value if offer.residual_share else money.residual_share
    support = (
        offer.support_share_per_year.value if offer.support_share_per_year else money.support_share_per_year
    )
    return SystemOffer(
        id=offer.id,
        system=system.id,
        kind=offer.kind,
        price_usd=offer.price.value if override is None else override,
        support_share_per_year=support,
        residual_share=residual,
        life_years=offer.term_months / 12 if offer.kind in ("lease", "reserve") else life,
        supply_per_year=changed.get("supply_per_year", supply),
        minimum_lot=offer.minimum_lot,
        supplier=offer.supplier,
        available_years=years_until(offer.available_from, workload.horizon.start),
        resale_by_age=money.resale_by_age if offer.kind == "buy" and not offer.residual_share else (),
    )


def with_overrides(system: System, changes: dict[str, float]) -> System:
    """The system with some quantities replaced (evidence: assumed, source: the workload)."""
    if not changes:
        return system
    from solver.domain.catalog import SYSTEM_QUANTITIES

    values = dict(system.values)
    for name, value in changes.items():
        if name not in SYSTEM_QUANTITIES:
            raise UsageError(
                f"hardware.overrides.{system.id}: no quantity is called {name!r}; "
                f"write one of {', '.join(SYSTEM_QUANTITIES)}"
            )
        values[name] = Quantity(
            value=value,
            unit=SYSTEM_QUANTITIES[name][0],
            source="workload override",
            date="workload",
            evidence="assumed",
        )
    return system.model_copy(update={"values": values})


def system_facts(system: System, workload: Workload) -> SystemFacts:
    """Power, space and failures; an unknown typical power is taken as the maximum and the other way round.

    Failures and repair: as the workload overrides for this system, else as it states for all, else as the
    catalog says.
    """
    changed, stated = workload.hardware.overrides.get(system.id, {}), workload.resilience

    def told(name: str, of_all: float | None) -> float | None:
        return system.get(name) if name in changed or of_all is None else of_all

    most = system.get("power_max_kw") or system.get("power_typ_kw") or 0.0
    typical = system.get("power_typ_kw") or most
    return SystemFacts(
        id=system.id,
        name=system.name,
        kind=system.kind,
        vendor=system.vendor,
        power_typ_kw=typical,
        power_max_kw=most,
        rack_units=system.get("rack_units") or 0.0,
        mtbf_hours=told("mtbf_hours", stated.mtbf_hours),
        repair_hours=told("repair_hours", stated.repair_hours),
    )


def _nearest(word: str, catalog: Catalog) -> str:
    import difflib

    close = difflib.get_close_matches(word, list(catalog.systems), 1)
    return f"; did you mean {close[0]!r}?" if close else "; see `solver catalog list`"
