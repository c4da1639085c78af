"""Failures of systems in a replay: each is up for a random time of mean MTBF and down for one of mean repair.

A system that fails takes all its replicas with it; a replica on several systems fails with any of them. The
replicas of each pool fill their systems one by one; that pools may share a box is left out. With failures the
spare replicas of a pool serve beside the others: they are what stands in for the failed ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from solver.domain.workload import Workload
from solver.plan.plan import Plan, Pool
from solver.simulate.types import Failure

HOUR_S = 3600.0


@dataclass(frozen=True)
class FailureRates:
    """Mean hours between failures of a system and to its repair; None: as the plan says."""

    mtbf_hours: float | None = None
    repair_hours: float | None = None

    def seconds(self, plan: Plan, workload: Workload, system: str) -> tuple[float, float]:
        """Mean time between failures and to repair of a system."""
        facts, stated = plan.inputs["systems"][system], workload.resilience
        mtbf = self.mtbf_hours or stated.mtbf_of(facts.get("mtbf_hours"))
        repair = self.repair_hours or stated.repair_of(facts.get("repair_hours"))
        return mtbf * HOUR_S, repair * HOUR_S


def failures_of(
    plan: Plan,
    workload: Workload,
    pools: Sequence[Pool],
    duration_s: float,
    rates: FailureRates,
    seed: Sequence[int],
) -> tuple[Failure, ...]:
    """Failures of all replicas within ``duration_s``, in the steady state from the start."""
    found: list[Failure] = []
    for p, pool in enumerate(pools):
        mtbf_s, repair_s = rates.seconds(plan, workload, pool.system)
        for g, (replicas, systems) in enumerate(_groups(pool)):
            rng = np.random.default_rng([*seed, 7, p, g])
            for start, length in _down(rng, mtbf_s / systems, repair_s, duration_s):
                found += [Failure(p, r, start, length) for r in replicas]
    return tuple(found)


def _groups(pool: Pool) -> Iterator[tuple[range, int]]:
    """Replicas that fail together, and the systems that each of these groups stands on."""
    share, count = Fraction(pool.systems_per_replica), pool.replicas + pool.spare_replicas
    together = max(1, int(1 / share))
    for first in range(0, count, together):
        yield range(first, min(first + together, count)), max(1, int(share))


def _down(
    rng: np.random.Generator, mtbf_s: float, repair_s: float, duration_s: float
) -> Iterator[tuple[float, float]]:
    """Start and length of the times in which a group is down (exponential; memoryless, so steady at once)."""
    now = 0.0
    if rng.random() < repair_s / (mtbf_s + repair_s):
        length = float(rng.exponential(repair_s))
        yield 0.0, length
        now = length
    while (now := now + float(rng.exponential(mtbf_s))) < duration_s:
        length = float(rng.exponential(repair_s))
        yield now, length
        now += length
