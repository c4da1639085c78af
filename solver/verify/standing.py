"""What stands where and how much it is used, from the lines, pools and routes of a plan."""

from __future__ import annotations

from fractions import Fraction

from solver.verify.case import Case
from solver.verify.exact import written


def needed_loads(case: Case) -> dict[tuple[str, str, int], Fraction]:
    """(system, site, period) -> systems' worth of use that rented and reserved systems do not take.

    Of systems that draw less when idle.
    """
    used: dict[tuple[str, str, int], Fraction] = {}
    for target, stream in case.flows.items():
        if target.mode == "api" or case.idle((point := case.points[target.id]).system) >= 1:
            continue
        k = case.order[point.service]
        for t, buckets in stream.items():
            per_request = sum(
                (Fraction(point.use[0][b]) * case.weights[k][b] * share for b, share in buckets.items()),
                Fraction(0),
            )
            amount = point.systems_per_replica * per_request * case.periods[t].rates[k]
            key = (point.system, target.site, t)
            used[key] = used.get(key, Fraction(0)) + amount
    return {key: amount - _elsewhere(case, *key) for key, amount in used.items()}


def _elsewhere(case: Case, system: str, site: str, period: int) -> Fraction:
    """Systems rented or reserved for a site, there in a period."""
    epoch, total = case.periods[period].epoch, Fraction(0)
    for line in case.lines_at[system, site]:
        offer = case.offers[line.offer]
        if offer.on_site:
            continue
        if line.acquisition == "buy":
            there = case.serves(line, epoch)
        else:
            there = line.period == period or (line.period is None and line.epoch == epoch)
        total += line.count * (1 - written(offer.interruption_share)) if there else 0
    return total


def open_sites(case: Case) -> set[tuple[str, int]]:
    """(site, epoch) with any system of the user's."""
    return {
        (line.site, e)
        for line in case.plan.systems
        if case.offers[line.offer].on_site and line.count > 0
        for e in range(len(case.epochs))
        if case.serves(line, e)
    }


def left_systems(case: Case) -> dict[tuple[str, str, str, int], Fraction]:
    """(model, system, site, epoch) -> systems that a model leaves at the epoch's start."""
    there: dict[tuple[str, str, str, int], Fraction] = {}
    for pool in case.plan.pools:
        if pool.mode == "standing":
            key = (pool.model, pool.system, pool.site, pool.epoch or 0)
            amount = case.points[pool.point].systems_per_replica * pool.replicas
            there[key] = there.get(key, Fraction(0)) + amount
    found = {}
    for (model, system, site, e), amount in there.items():
        gone = amount - there.get((model, system, site, e + 1), Fraction(0))
        if gone > 0 and e + 1 < len(case.epochs):
            found[model, system, site, e + 1] = gone
    return found


def unserved_share(case: Case) -> Fraction:
    """Share of all requests of the horizon that the plan leaves out."""
    total = sum((p.hours * sum(p.rates, Fraction(0)) for p in case.periods), Fraction(0))
    lost = sum(
        (case.periods[t].hours * case.periods[t].rates[k] * share for (k, t), share in case.unserved.items()),
        Fraction(0),
    )
    return lost / total if total else Fraction(0)
