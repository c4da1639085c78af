"""Regret: what a fleet costs above the best one in each scenario, and the fleet of least greatest regret.

The search is over every fleet that was best in some scenario, and today's. A fleet is dropped once it fails
in more scenarios than the safest fleet that was followed through all of them, or in as many with a greater
regret; what is left to solve can only add to both. So the result is the best of the whole set.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from solver.sensitivity.factors import Factor
from solver.sensitivity.known import Fleet, Known, purchases, strain_of
from solver.sensitivity.scenario import Task

Record = dict[str, Any]
#: Solves tasks under a label.
Solve = Callable[[list[Task], str], list[Record]]
#: Fleets followed through all scenarios before others are dropped: today's and the most frequent ones.
FOLLOWED = 3
#: Scenarios of the first round, in which every fleet is tried; each further round has twice as many.
FIRST_ROUND = 2
#: Scenarios after which the fleets that are left are followed one by one.
TOLD = 100
LABEL = "regret of fleets"


@dataclass(frozen=True)
class FleetRegret:
    """A set of purchases kept in every scenario: cost above the best, and where it cannot serve."""

    purchases: Fleet
    records: tuple[Record, ...]
    regret_usd: tuple[float | None, ...]  # per scenario; None: cannot serve

    @property
    def served(self) -> list[float]:
        """Regrets where it can serve."""
        return [r for r in self.regret_usd if r is not None]

    @property
    def failures(self) -> int:
        """Scenarios it cannot serve."""
        return len(self.regret_usd) - len(self.served)

    @property
    def greatest_usd(self) -> float:
        """Greatest regret where it can serve."""
        return max(self.served, default=0.0)

    @property
    def rank(self) -> tuple[int, float, Fleet]:
        """Smaller is safer: fewer failures, then a smaller greatest regret."""
        return self.failures, self.greatest_usd, self.purchases


@dataclass(frozen=True)
class Regrets:
    """Fleets followed through all scenarios, today's first, and how many the search was over."""

    fleets: tuple[FleetRegret, ...]
    searched: int

    @property
    def safest(self) -> FleetRegret:
        """The fleet of least greatest regret among those that fail least."""
        return min(self.fleets, key=lambda f: f.rank)


def regrets_of(
    factors: tuple[Factor, ...],
    tasks: list[Task],
    today: Record,
    best: list[Record],
    known: Known | None,
    solve: Solve,
) -> Regrets:
    """Regrets of today's fleet and of the safest of all ``known`` fleets (those of ``best`` and today's)."""
    counts = Counter(purchases(r) for r in best if r["cost_usd"] is not None)
    often = sorted(counts, key=lambda k: (-counts[k], k))[: FOLLOWED - 1]
    ways = [(t.values, r) for t, r in zip(tasks, best, strict=True)]
    hardest = sorted(range(len(tasks)), key=lambda n: -float(strain_of(factors, ways[n][0]).sum()))
    sturdy = [purchases(best[n]) for n in hardest if best[n]["cost_usd"] is not None][:1]
    followed = list(dict.fromkeys([purchases(today), *often, *sturdy]))
    found = [FleetRegret(f, *_answers(f, range(len(tasks)), tasks, best, solve)) for f in followed]
    every = known.fleets if known else ()
    left = [fleet for fleet in every if fleet not in followed]
    order = _telling(hardest, found)
    found += _search(left, order, tasks, best, min(f.rank for f in found), solve)
    return Regrets(tuple(found), len({*every, *followed}))


def _telling(hardest: list[int], found: list[FleetRegret]) -> list[int]:
    """Scenarios in the order in which fleets are told apart soonest: hardest, and those of great regrets."""
    regret = [max((f.regret_usd[n] or 0.0 for f in found), default=0.0) for n in range(len(hardest))]
    dear = sorted(range(len(hardest)), key=lambda n: (-regret[n], n))
    return list(dict.fromkeys(n for pair in zip(hardest, dear, strict=True) for n in pair))


def _answers(
    fleet: Fleet, numbers: range | list[int], tasks: list[Task], best: list[Record], solve: Solve
) -> tuple[tuple[Record, ...], tuple[float | None, ...]]:
    """Records and regrets of one fleet in some scenarios."""
    records = solve([_kept(fleet, tasks[n]) for n in numbers], LABEL)
    return tuple(records), tuple(_regret(r, best[n]) for r, n in zip(records, numbers, strict=True))


def _search(
    left: list[Fleet],
    order: list[int],
    tasks: list[Task],
    best: list[Record],
    rank: tuple[int, float, Fleet],
    solve: Solve,
) -> list[FleetRegret]:
    """Fleets followed to the end, each safer than all before it; the others are dropped.

    All are tried in the scenarios that tell most, in rounds; then the one that looks safest is followed
    through all scenarios, which drops others, and so on.
    """
    partial: dict[Fleet, tuple[int, float, Fleet]] = {fleet: (0, 0.0, fleet) for fleet in left}
    done, step, found = 0, FIRST_ROUND, list[FleetRegret]()
    while partial and done < min(TOLD, len(order)):
        now = order[done : done + step]
        records = iter(solve([_kept(fleet, tasks[n]) for fleet in partial for n in now], LABEL))
        for fleet, (failed, greatest, _) in partial.items():
            regrets = [_regret(next(records), best[n]) for n in now]
            worst = max(greatest, *(r or 0.0 for r in regrets))
            partial[fleet] = (failed + regrets.count(None), worst, fleet)
        partial = {fleet: so_far for fleet, so_far in partial.items() if so_far < rank}
        done, step = done + step, 2 * step
    while partial:
        fleet = min(partial.values())[2]
        found.append(FleetRegret(fleet, *_answers(fleet, range(len(tasks)), tasks, best, solve)))
        rank = min(rank, found[-1].rank)
        partial = {f: so_far for f, so_far in partial.items() if f != fleet and so_far < rank}
    return found


def _kept(fleet: Fleet, task: Task) -> Task:
    return Task(
        f"fleet-{hashlib.sha256(repr(fleet).encode()).hexdigest()[:12]}-{task.id}", task.values, fleet
    )


def _regret(kept: Record, best: Record) -> float | None:
    """Cost above the best, USD; None where the fleet cannot serve (or nothing can)."""
    if kept["cost_usd"] is None or best["cost_usd"] is None:
        return None
    return max(0.0, float(kept["cost_usd"]) - float(best["cost_usd"]))
