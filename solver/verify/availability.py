"""The check of availability: enough systems are up, by the binomial distribution in whole numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from solver.plan.plan import Pool
from solver.verify.binomial import missing, terms_of
from solver.verify.case import Case
from solver.verify.entries import COMMITTED, HOURLY
from solver.verify.exact import show, written
from solver.verify.fleet import ways_of
from solver.verify.registry import Broken, check

#: Terms of binomial distributions that are worked out for a plan; 10,000 systems, down 1 % of the time, take
#: some 100, in each epoch (or hour) in which their number differs.
MOST_TERMS = 300_000
OTHERWISE = 50  # terms that take as long as the rest of a sum


@check(
    "availability", "P(Binomial(systems there, MTBF / (MTBF + repair)) >= systems needed) >= promised share"
)
def availability(case: Case) -> Iterator[Broken]:
    """The systems that replicas need are up with the promised probability.

    Per system, site and epoch: needed = ceil(sum n_p R) of standing pools, spare replicas left out; there =
    committed and alive + rented for the epoch, spot left out. The same for each permitted set of ways alone.
    Where hourly pools count, per period: with their replicas, and the systems rented for the period.
    """
    promised = case.workload.resilience.availability
    if promised is None:
        return
    hourly = case.workload.resilience.hourly_pools
    moments: list[tuple[int, int | None]] = [(e, None) for e in range(len(case.epochs))]
    if hourly:
        moments = [(period.epoch, t) for t, period in enumerate(case.periods)]
    sums = _Sums()
    for e, t in moments:
        yield from _at(case, promised, e, t, case.standing(e) if t is None else case.running(t), sums)


def _at(
    case: Case, promised: float, e: int, t: int | None, pools: list[Pool], sums: _Sums
) -> Iterator[Broken]:
    """What is wrong in an epoch, or (hourly pools count) in a period, with the pools that run then."""
    needs: dict[tuple[str, str], dict[frozenset[str], Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for pool in (pool for pool in pools if pool.replicas > 0):
        amount = case.points[pool.point].systems_per_replica * pool.replicas
        needs[pool.system, pool.site][ways_of(case, pool, COMMITTED + HOURLY)] += amount
    for (system, site), parts in needs.items():
        up = up_share(case, system)
        for chosen in {*parts, frozenset(COMMITTED + HOURLY)}:
            needed = ceil(sum((amount for ways, amount in parts.items() if ways <= chosen), Fraction(0)))
            count = _there(case, system, site, e, t, chosen)
            where = f"{system} at {site}"
            where = case.at(where, e) if t is None else f"{where}, {case.label(t)}"
            short = sums.missing(count, needed, up, written(promised))
            if short is None:
                yield Broken(f"{where}: {needed} of {count} systems are too many for the exact check")
            elif short > 0:
                share = show((written(promised) - short) * 100)
                yield Broken(f"{where}: {needed} of {count} are up {share} % of the time", short)


@dataclass
class _Sums:
    """Sums of binomial terms, each worked out once, until so many terms are spent."""

    left: int = MOST_TERMS
    known: dict[tuple[int, int, Fraction], Fraction | None] = field(default_factory=dict)

    def missing(self, count: int, needed: int, up: Fraction, promised: Fraction) -> Fraction | None:
        """What the share of time in which enough are up lacks; None if this is too much to work out."""
        key = (count, needed, up)
        if key not in self.known:
            terms = OTHERWISE + terms_of(count, needed)
            afford = terms <= self.left
            self.left -= terms if afford else 0
            self.known[key] = missing(count, needed, up, promised) if afford else None
        return self.known[key]


def up_share(case: Case, system: str) -> Fraction:
    """Share of time that a system is up: MTBF / (MTBF + repair time)."""
    facts, stated = case.systems[system], case.workload.resilience
    mtbf, repair = written(stated.mtbf_of(facts.mtbf_hours)), written(stated.repair_of(facts.repair_hours))
    return mtbf / (mtbf + repair)


def _there(case: Case, system: str, site: str, epoch: int, period: int | None, kinds: frozenset[str]) -> int:
    found = 0
    for line in case.lines_at[system, site]:
        offer = case.offers[line.offer]
        if offer.kind not in kinds:
            continue
        if line.acquisition == "buy":
            found += line.count if case.serves(line, epoch) else 0
        elif offer.interruption_share == 0 and (
            (line.acquisition == "rent" and line.epoch == epoch)
            or (line.acquisition == "rent-hourly" and period is not None and line.period == period)
        ):
            found += line.count
    return found
