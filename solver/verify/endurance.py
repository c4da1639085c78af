"""Checks of memory that wears out, and of the systems bought in place of worn ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil

from solver.operating_points.point import OperatingPoint, Wear
from solver.plan.plan import Pool, PoolWear
from solver.verify.case import Case, Target
from solver.verify.exact import moment, nearest, show
from solver.verify.registry import Broken, check


@check(
    "endurance",
    "lives used by traffic and time <= years / horizon x R + replaced, per pool and epoch",
)
def endurance(case: Case) -> Iterator[Broken]:
    """Non-volatile memory outlives the horizon, or is replaced.

    For each standing pool and epoch, in lives of a replica: KV bytes written over the budget of a replica,
    and reads of a weight cell over theirs plus years over the life by model updates, are each at most
    R x years of the epoch / horizon + replaced replicas. Mask ROM: R x new models of the epoch <= replaced.
    The years in which the plan says that memories are worn out are those of its traffic.
    """
    for (target, e), pool in case.pools.items():
        point = case.points[target.id]
        if target.mode != "standing" or point.wear is None or pool.replicas == 0:
            continue
        span = case.epochs[e]
        for what, used in _lives(case, target, point, point.wear, e, pool).items():
            new = what == "mask"
            own = Fraction(0) if new else span.years / case.horizon * pool.replicas
            there = own + pool.replaced
            if used > there:
                words = case.at(f"{target.id} at {target.site}", e) + f": {what}"
                yield Broken(f"{words}: {show(used)} of {show(there)} lives are used", used - there)
    yield from _told(case)


def _lives(
    case: Case, target: Target, point: OperatingPoint, wear: Wear, e: int, pool: Pool
) -> dict[str, Fraction]:
    """Lives that a pool uses in an epoch, by memory."""
    span, found = case.epochs[e], {}
    if wear.kv_bytes_budget > 0:
        found["KV cache"] = _traffic(case, target, point.kv_bytes, e) / Fraction(wear.kv_bytes_budget)
    if wear.models_per_year > 0:
        rate = moment(wear.models_per_year)
        last, first = (max(0, ceil(t * rate) - 1) for t in (span.end, span.start))
        found["mask"] = Fraction((last - first) * pool.replicas)
    elif wear.reads_budget > 0 or wear.weight_life_years < float("inf"):
        steady = Fraction(0)
        if wear.weight_life_years < float("inf"):
            steady = span.years / Fraction(wear.weight_life_years) * pool.replicas
        reads = _traffic(case, target, wear.reads, e) if wear.reads_budget > 0 else Fraction(0)
        found["weights"] = steady + (reads / Fraction(wear.reads_budget) if reads else 0)
    return found


def _traffic(case: Case, target: Target, amount: Sequence[float], e: int) -> Fraction:
    """3600 sum_t hours[t] rate[t] amount[b] share[b,t] weight[b] over the periods of an epoch."""
    k = case.order[case.points[target.id].service]
    total = Fraction(0)
    for t, buckets in case.mean_flows.get(target, {}).items():
        period = case.periods[t]
        if period.epoch == e:
            each = sum(Fraction(amount[b]) * case.weights[k][b] * s for b, s in buckets.items())
            total += 3600 * period.hours * period.means[k] * each
    return total


def _told(case: Case) -> Iterator[Broken]:
    """The plan's own figures of wear are the floats nearest to the recomputed ones."""
    for entry in case.plan.wear:
        point = case.points.get(entry.point)
        if point is None or point.wear is None:
            yield Broken(f"wear of {entry.point}: no such memory")
            continue
        used, worn = wear_of(case, entry, point)
        for told, true in ((entry.lives_used, used), (entry.worn_out_years, worn)):
            if told != (None if true is None else nearest(true)):
                words = "never" if true is None else show(true)
                off = abs(Fraction(told or 0) - (true or 0))
                yield Broken(f"wear of {entry.point}: {told} is told of its {entry.memory}, not {words}", off)


def wear_of(case: Case, entry: PoolWear, point: OperatingPoint) -> tuple[Fraction, Fraction | None]:
    """(lives of a replica used within the horizon, years until one is used; None: never) of a memory."""
    target = Target(entry.point, entry.site, "standing")
    used, left, worn, last = Fraction(0), Fraction(1), None, Fraction(0)
    for e, span in enumerate(case.epochs):
        pool = case.pools.get((target, e))
        there = pool is not None and pool.replicas > 0
        lives = _paced(case, target, point, e, pool, entry.memory) if pool and there else Fraction(0)
        last = lives / span.years
        if worn is None and lives >= left:
            worn = span.start + left / last
        used, left = used + lives, left - lives
    if worn is None and last > 0:
        worn = case.horizon + left / last
    return used, worn


def _paced(case: Case, target: Target, point: OperatingPoint, e: int, pool: Pool, memory: str) -> Fraction:
    """Lives of one replica used in an epoch."""
    if memory == "mask" and point.wear is not None:
        return moment(point.wear.models_per_year) * case.epochs[e].years
    assert point.wear is not None
    return _lives(case, target, point, point.wear, e, pool).get(memory, Fraction(0)) / pool.replicas


@check("renewal", "sum_p n_p replaced <= systems bought in place of worn ones, per system, site and epoch")
def renewal(case: Case) -> Iterator[Broken]:
    """Replaced replicas stand on systems bought for that, per system, site and epoch.

    Only where the workload permits replacements, and under offers to buy single systems.
    """
    need: dict[tuple[str, str, int], Fraction] = defaultdict(Fraction)
    there: dict[tuple[str, str, int], Fraction] = defaultdict(Fraction)
    for pool in case.plan.pools:
        if pool.replaced and pool.mode == "standing":
            need[pool.system, pool.site, pool.epoch or 0] += (
                case.points[pool.point].systems_per_replica * pool.replaced
            )
    for line in case.plan.systems:
        if line.acquisition == "replace" and line.count > 0:
            there[line.system, line.site, line.epoch] += line.count
            offer = case.offers[line.offer]
            if offer.minimum_lot > 1 or offer.supply_total is not None:
                yield Broken(f"{line.offer}: not an offer of single systems to buy")
            if not case.workload.hardware.replace_worn:
                yield Broken(
                    f"{line.system}: the workload does not permit replacements", Fraction(line.count)
                )
    for key, amount in need.items():
        if amount > there[key]:
            words = case.at(f"{key[0]} at {key[1]}", key[2])
            yield Broken(f"{words}: {show(amount)} are replaced by {show(there[key])}", amount - there[key])
