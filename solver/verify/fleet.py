"""Checks about systems: there where replicas stand on them, to be had, promised, within power and racks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from math import floor

from solver.domain.workload import Site
from solver.plan.plan import SystemPurchase
from solver.verify.case import Case
from solver.verify.exact import show, written
from solver.verify.facts import PlaceFacts
from solver.verify.registry import Broken, check


@check("systems", "sum_p n_p (R + spare) <= systems bought and alive + rented; spare >= redundancy")
def systems(case: Case) -> Iterator[Broken]:
    """Standing replicas, spares included, have permitted systems to stand on, at each site in each epoch.

    sum n_p (R + spare) <= bought and alive + rented for the epoch; the part of it that serves services
    which permit only buying (renting) is at most what is bought (rented). n_p: systems per replica. Each
    open standing pool has at least the spares that the workload asks for.
    """
    need: dict[tuple[str, str, int], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for pool in case.plan.pools:
        if pool.mode != "standing" or pool.replicas == 0:
            continue
        least = case.workload.redundancy
        if pool.spare_replicas < least:
            message = f"pool {pool.point} at {pool.site} has {pool.spare_replicas} of {least} spare replicas"
            yield Broken(message, Fraction(least - pool.spare_replicas))
        ways = case.services[case.order[pool.service]].acquisitions
        kind = "any" if {"buy", "rent"} <= set(ways) else "buy" if "buy" in ways else "rent"
        amount = case.points[pool.point].systems_per_replica * (pool.replicas + pool.spare_replicas)
        need[pool.system, pool.site, pool.epoch or 0][kind] += amount
    for (system, site, e), kinds in need.items():
        there = {"buy": bought_and_alive(case, system, site, e), "rent": _rented(case, system, site, e)}
        words = f"{system} at {site}, epoch {e + 1}"
        for way, count in there.items():
            if kinds[way] > count:
                message = f"{words}: {show(kinds[way])} needed by {way} alone, {count} there"
                yield Broken(message, kinds[way] - count)
        total = sum(kinds.values(), Fraction(0))
        if total > sum(there.values()):
            yield Broken(
                f"{words}: {show(total)} needed, {sum(there.values())} there", total - sum(there.values())
            )
    yield from _policy(case)


def _policy(case: Case) -> Iterator[Broken]:
    policy = case.workload.hardware
    for system in sorted({line.system for line in case.plan.systems if line.count > 0}):
        named = system in policy.include
        if (policy.include and not named) or system in policy.exclude:
            yield Broken(f"the workload does not permit {system}")


def bought_and_alive(case: Case, system: str, site: str, epoch: int) -> int:
    """Systems bought for a site by an epoch that live through it."""
    return sum(
        line.count
        for line in case.plan.systems
        if line.acquisition == "buy"
        and (line.system, line.site) == (system, site)
        and case.alive(case.offers[line.offer], line.epoch, epoch)
    )


def _rented(case: Case, system: str, site: str, epoch: int) -> int:
    return sum(
        line.count
        for line in case.plan.systems
        if line.acquisition == "rent" and (line.system, line.site, line.epoch) == (system, site, epoch)
    )


@check("rented", "sum_p n_p R <= systems rented, for elastic pools in each period")
def rented(case: Case) -> Iterator[Broken]:
    """Elastic replicas run on systems rented for that period: sum n_p (R + spare) <= rented."""
    free: dict[tuple[str, str, int], Fraction] = defaultdict(Fraction)
    for line in case.plan.systems:
        if line.acquisition == "rent-hourly":
            free[line.system, line.site, line.period or 0] += line.count
    for pool in case.plan.pools:
        if pool.mode == "elastic":
            amount = case.points[pool.point].systems_per_replica * (pool.replicas + pool.spare_replicas)
            free[pool.system, pool.site, pool.period or 0] -= amount
    for (system, site, t), left in free.items():
        if left < 0:
            label = case.periods[t].label
            yield Broken(f"{system} at {site} in {label}: {show(-left)} more needed than rented", -left)


@check(
    "supply", "bought <= floor(supply x years) per offer and epoch; bought <= supply per system; whole lots"
)
def supply(case: Case) -> Iterator[Broken]:
    """No more is bought than can be had, and no less than the smallest lot.

    Per offer and epoch, over all sites: floor(supply per year x years of the epoch); per system over the
    horizon: the workload's supply; a purchase is at least the offer's minimum lot.
    """
    per_offer: dict[tuple[str, int], int] = defaultdict(int)
    per_system: dict[str, int] = defaultdict(int)
    for line in _bought(case):
        per_offer[line.offer, line.epoch] += line.count
        per_system[line.system] += line.count
    for (name, e), count in per_offer.items():
        offer = case.offers[name]
        if 0 < count < offer.minimum_lot:
            message = f"{name}: {count} bought in epoch {e + 1}, the smallest lot is {offer.minimum_lot}"
            yield Broken(message, Fraction(offer.minimum_lot - count))
        if offer.supply_per_year is not None:
            limit = floor(written(offer.supply_per_year) * case.epochs[e].years)
            if count > limit:
                yield Broken(
                    f"{name}: {count} bought in epoch {e + 1}, {limit} to be had", Fraction(count - limit)
                )
    for system, limit in case.workload.hardware.supply.items():
        if (count := per_system[system]) > limit:
            yield Broken(f"{count} {system} bought, {limit} to be had", Fraction(count - limit))


@check("promised", "bought >= minimum per system")
def promised(case: Case) -> Iterator[Broken]:
    """Systems that the workload has promised to buy are bought."""
    for system, least in case.workload.hardware.minimum.items():
        count = sum(line.count for line in _bought(case) if line.system == system)
        if count < least:
            yield Broken(f"{count} {system} bought, {least} promised", Fraction(least - count))


@check("power", "sum of maximum power of systems bought and alive <= power of the site, kW")
def power(case: Case) -> Iterator[Broken]:
    """Bought systems fit the power of their site in each epoch, kW at the racks."""
    yield from _site_limit(case, "kW", lambda s: s.power_kw, lambda f: f.power_max_kw)


@check("racks", "sum of rack units of systems bought and alive <= rack units of the site")
def racks(case: Case) -> Iterator[Broken]:
    """Bought systems fit the racks of their site in each epoch, in rack units."""
    yield from _site_limit(case, "rack units", lambda s: s.rack_units, lambda f: f.rack_units)


def _site_limit(
    case: Case, unit: str, limit_of: Callable[[Site], float | None], need_of: Callable[[PlaceFacts], float]
) -> Iterator[Broken]:
    for name, site in case.sites.items():
        limit = limit_of(site)
        if limit is None:
            continue
        here = sorted({line.system for line in _bought(case) if line.site == name})
        for e in range(len(case.epochs)):
            need = sum(
                (written(need_of(case.systems[s])) * bought_and_alive(case, s, name, e) for s in here),
                Fraction(0),
            )
            if need > written(limit):
                message = f"{name}, epoch {e + 1}: {show(need)} of {limit:g} {unit}"
                yield Broken(message, need - written(limit))


def _bought(case: Case) -> list[SystemPurchase]:
    return [line for line in case.plan.systems if line.acquisition == "buy"]
