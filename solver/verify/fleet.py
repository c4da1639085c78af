"""Checks about systems: enough are there, got in ways that the services permit, for the replicas on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

from solver.plan.plan import Pool
from solver.verify.case import Case
from solver.verify.entries import COMMITTED, HOURLY
from solver.verify.exact import show, written
from solver.verify.registry import Broken, check

BY_HOUR = " by the hour"  # marks systems that are there in one period only
Need = dict[frozenset[str], Fraction]  # ways of acquisition -> systems


@check("systems", "sum_p n_p (R + spare) <= systems there, by permitted acquisition; spare >= redundancy")
def systems(case: Case) -> Iterator[Broken]:
    """Standing replicas, spares included, have permitted systems to stand on, at each site in each epoch.

    sum n_p (R + spare) <= committed and alive + (1 - interruption) rented for the epoch; n_p: systems per
    replica. The same for each set of ways of acquisition: services that permit only these fit the systems
    acquired so. Each open standing pool has at least the spares that the workload asks for.
    """
    need: dict[tuple[str, str, int], Need] = defaultdict(lambda: defaultdict(Fraction))
    for pool in case.plan.pools:
        if pool.mode != "standing" or pool.replicas == 0:
            continue
        least = case.workload.redundancy
        if pool.spare_replicas < least:
            message = f"pool {pool.point} at {pool.site} has {pool.spare_replicas} of {least} spare replicas"
            yield Broken(message, Fraction(least - pool.spare_replicas))
        amount = case.points[pool.point].systems_per_replica * (pool.replicas + pool.spare_replicas)
        need[pool.system, pool.site, pool.epoch or 0][ways_of(case, pool, COMMITTED + HOURLY)] += amount
    for (system, site, e), parts in need.items():
        yield from _short(case.at(f"{system} at {site}", e), parts, _standing(case, system, site, e))
    yield from _policy(case)


@check("rented", "sum_p n_p R <= (1 - interruption) systems rented, for elastic pools in each period")
def rented(case: Case) -> Iterator[Broken]:
    """Elastic replicas run on systems rented for that period, in ways that their service permits.

    Where some work can wait they may also run on systems that stand there: then all replicas of each period
    fit all systems of the period, standing ones those that are there in all hours. Where hourly pools count
    (``resilience.hourly_pools``), each has at least the spares that the workload asks for.
    """
    least = case.workload.redundancy if case.workload.resilience.hourly_pools else 0
    for pool in case.plan.pools:
        if pool.mode == "elastic" and pool.replicas > 0 and pool.spare_replicas < least:
            words = f"hourly pool {pool.point} at {pool.site} has {pool.spare_replicas} of {least}"
            yield Broken(f"{words} spare replicas", Fraction(least - pool.spare_replicas))
    if case.shares_systems:
        yield from _filled(case)
        return
    need: dict[tuple[str, str, int], Need] = defaultdict(lambda: defaultdict(Fraction))
    there: dict[tuple[str, str, int], Need] = defaultdict(lambda: defaultdict(Fraction))
    for line in case.plan.systems:
        if line.acquisition == "rent-hourly":
            offer = case.offers[line.offer]
            free = line.count * (1 - written(offer.interruption_share))
            there[line.system, line.site, line.period or 0][frozenset({offer.kind})] += free
    for pool in case.plan.pools:
        if pool.mode == "elastic":
            amount = case.points[pool.point].systems_per_replica * (pool.replicas + pool.spare_replicas)
            need[pool.system, pool.site, pool.period or 0][ways_of(case, pool, HOURLY)] += amount
    for (system, site, t), parts in need.items():
        words = f"{system} at {site} in {case.periods[t].label}"
        yield from _short(words, parts, there[system, site, t])


def _filled(case: Case) -> Iterator[Broken]:
    for t, period in enumerate(case.periods):
        need: dict[tuple[str, str], Need] = defaultdict(lambda: defaultdict(Fraction))
        for pool in case.running(t):
            standing = pool.mode == "standing"
            ways = ways_of(case, pool, COMMITTED + HOURLY)
            point = case.points[pool.point]
            if not standing:
                hourly = frozenset(kind + BY_HOUR for kind in ways & frozenset(HOURLY))
                ways = hourly | (frozenset() if point.wear is not None else ways)
            amount = point.systems_per_replica * (pool.replicas + pool.spare_replicas)
            need[pool.system, pool.site][ways] += amount
        for (system, site), parts in need.items():
            there = _standing(case, system, site, period.epoch)
            for line in case.lines_at[system, site]:
                if line.period == t:
                    offer = case.offers[line.offer]
                    free = line.count * (1 - written(offer.interruption_share))
                    there[frozenset({offer.kind + BY_HOUR})] += free
            yield from _short(f"{system} at {site} in {period.label}", parts, there)


def ways_of(case: Case, pool: Pool, kinds: tuple[str, ...]) -> frozenset[str]:
    """Ways among ``kinds`` to get the systems of a pool that its service permits."""
    return frozenset(kinds) & frozenset(case.services[case.order[pool.service]].acquisitions)


def _short(words: str, need: Need, there: Need) -> Iterator[Broken]:
    """Hall's condition: whatever permits only some ways of acquisition fits what was acquired so."""
    kinds = sorted(frozenset().union(*need, *there))
    worst: tuple[Fraction, str] = (Fraction(0), "")
    for size in range(len(kinds) + 1):
        for chosen in map(frozenset, combinations(kinds, size)):
            needed = sum((v for ways, v in need.items() if ways <= chosen), Fraction(0))
            free = sum((v for ways, v in there.items() if ways <= chosen), Fraction(0))
            if needed - free > worst[0]:
                names = " or ".join(sorted(chosen)) or "nothing"
                worst = needed - free, f"{words}: {show(needed)} needed by {names}, {show(free)} there"
    if worst[0] > 0:
        yield Broken(worst[1], worst[0])


def _standing(case: Case, system: str, site: str, epoch: int) -> Need:
    """Systems at a site all through an epoch, by way of acquisition."""
    found: Need = defaultdict(Fraction)
    for line in case.lines_at[system, site]:
        offer = case.offers[line.offer]
        if line.acquisition == "buy" and case.serves(line, epoch):
            found[frozenset({offer.kind})] += line.count
        elif line.acquisition == "rent" and line.epoch == epoch:
            found[frozenset({offer.kind})] += line.count * (1 - written(offer.interruption_share))
    return found


def _policy(case: Case) -> Iterator[Broken]:
    policy = case.workload.hardware
    for system in sorted({line.system for line in case.plan.systems if line.count > 0}):
        named = system in policy.include
        if (policy.include and not named) or system in policy.exclude:
            yield Broken(f"the workload does not permit {system}")
