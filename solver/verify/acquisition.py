"""Checks about getting systems: to be had, in time, in lots, promised, within power and racks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction

from solver.domain.workload import Site
from solver.plan.plan import SystemPurchase
from solver.verify.case import Case
from solver.verify.exact import moment, show, written
from solver.verify.facts import PlaceFacts
from solver.verify.hours import years_between
from solver.verify.registry import Broken, check


@check("available", "nothing is got before it can be had")
def available(case: Case) -> Iterator[Broken]:
    """A system is got in an epoch that starts when the offer (its date; its lead time after the start of
    the horizon, when the first order is placed) and the workload's date for the system permit it.
    """
    dates = case.workload.hardware.available_from
    own = {offer.id: offer for offer in case.workload.offers}
    for line in case.plan.systems:
        offer, start = case.offers[line.offer], case.epochs[line.epoch].start
        owned = offer.supply_total is not None
        moments = [moment(offer.available_years)]
        if (stated := own.get(offer.tier_of or line.offer)) is not None:
            moments += [years_until(case, stated.available_from), moment(stated.lead_months / 12)]
        moments.append(Fraction(0) if owned else years_until(case, dates.get(line.system)))
        if line.count > 0 and max(moments) > start:
            message = f"{line.offer} in year {show(start)}, to be had from year {show(max(moments))}"
            yield Broken(message, max(moments) - start)


def years_until(case: Case, month: str | None) -> Fraction:
    """Years from the start of the horizon to a month written as 2027-07."""
    if not month:
        return Fraction(0)
    return years_between(case.workload.horizon.start, month)


@check("lots", "none, or at least the minimum lot, per offer, site and epoch")
def lots(case: Case) -> Iterator[Broken]:
    """Committed systems are got in the offer's minimum lot or more at a time."""
    counts: dict[tuple[str, str, int], int] = defaultdict(int)
    for line in committed(case):
        counts[line.offer, line.site, line.epoch] += line.count
    for (name, site, e), count in counts.items():
        least = case.offers[name].minimum_lot
        if 0 < count < least:
            message = case.at(f"{name} at {site}", e) + f": {count}, the smallest lot is {least}"
            yield Broken(message, Fraction(least - count))


@check("vendor_share", "price x count bought from a vendor <= share x price x count bought in all")
def vendor_share(case: Case) -> Iterator[Broken]:
    """No vendor gets more than its share of the purchase money, as paid."""
    paid: dict[str, Fraction] = defaultdict(Fraction)
    for line in acquired(case):
        offer = case.offers[line.offer]
        if offer.kind == "buy":
            paid[case.systems[line.system].vendor] += line.count * written(offer.price_usd)
    for vendor, share in case.workload.hardware.vendor_share.items():
        limit = written(share) * sum(paid.values(), Fraction(0))
        if paid[vendor] > limit:
            message = f"{vendor} gets {show(paid[vendor])} USD, {show(limit)} permitted"
            yield Broken(message, paid[vendor] - limit)


@check("promised", "bought >= minimum per system")
def promised(case: Case) -> Iterator[Broken]:
    """Systems that the workload has promised to buy are bought."""
    for system, least in case.workload.hardware.minimum.items():
        lines = [line for line in committed(case) if case.offers[line.offer].kind == "buy"]
        count = sum(line.count for line in lines if line.system == system)
        if count < least:
            yield Broken(f"{count} {system} bought, {least} promised", Fraction(least - count))


@check("power", "sum of maximum power of systems on site <= power of the site, kW")
def power(case: Case) -> Iterator[Broken]:
    """Bought and leased systems fit the power of their site in each epoch, kW at the racks."""
    yield from _site_limit(case, "kW", lambda s: s.power_kw, lambda f: f.power_max_kw)


@check("feed", "PUE x sum of maximum power of systems on site <= feed of the site, kW")
def feed(case: Case) -> Iterator[Broken]:
    """Bought and leased systems and their cooling fit the feed of their site in each epoch, at the meter."""
    yield from _site_limit(case, "kW", lambda s: s.feed_kw, lambda f: f.power_max_kw, lambda s: s.pue)


@check("cooling", "sum of maximum power of systems on site <= cooling of the site, kW")
def cooling(case: Case) -> Iterator[Broken]:
    """The heat of bought and leased systems fits the cooling of their site in each epoch, kW."""
    yield from _site_limit(case, "kW of heat", lambda s: s.cooling_kw, lambda f: f.power_max_kw)


@check("racks", "sum of rack units of systems on site <= rack units of the site")
def racks(case: Case) -> Iterator[Broken]:
    """Bought and leased systems fit the racks of their site in each epoch, in rack units."""
    yield from _site_limit(case, "rack units", lambda s: s.rack_units, lambda f: f.rack_units)


def _site_limit(
    case: Case,
    unit: str,
    limit_of: Callable[[Site], float | None],
    need_of: Callable[[PlaceFacts], float],
    factor_of: Callable[[Site], float] = lambda site: 1.0,
) -> Iterator[Broken]:
    for name, site in case.sites.items():
        limit = limit_of(site)
        if limit is None:
            continue
        here = [line for line in committed(case) if line.site == name and case.offers[line.offer].on_site]
        for e in range(len(case.epochs)):
            need = sum(
                (
                    line.count * written(need_of(case.systems[line.system])) * written(factor_of(site))
                    for line in here
                    if case.serves(line, e)
                ),
                Fraction(0),
            )
            if need > written(limit):
                message = case.at(name, e) + f": {show(need)} of {limit:g} {unit}"
                yield Broken(message, need - written(limit))


def committed(case: Case) -> list[SystemPurchase]:
    """Lines of systems bought, leased or reserved (replacements of worn ones apart)."""
    return [line for line in case.plan.systems if line.acquisition == "buy"]


def acquired(case: Case) -> list[SystemPurchase]:
    """Lines of systems bought, leased or reserved, replacements of worn ones included."""
    return [line for line in case.plan.systems if line.acquisition in ("buy", "replace")]
