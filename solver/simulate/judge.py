"""How often one service of a plan misses its promises in replays.

Each service has pools of its own and shares nothing with the others in a replay, so each is replayed alone,
with as many requests as its own verdict needs, and no more often than its own fleet changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solver.plan.plan import Plan
from solver.simulate.from_plan import PlanReplay, workload_of


@dataclass(frozen=True)
class Judged:
    """One service in replays: the numbers of those that missed something, what, and whether too many did."""

    failed: frozenset[int] = frozenset()
    missed: frozenset[str] = frozenset()
    bad: bool = False


def services_served(plan: Plan) -> tuple[str, ...]:
    """Names of the services with pools of their own; token APIs are not replayed."""
    pools = {pool.service for pool in plan.pools}
    return tuple(s.name for s in workload_of(plan).services if s.name in pools)


def alone(plan: Plan, service: str) -> Plan:
    """The plan with the pools, routes and traffic of one service; the others stand in it without requests."""
    names = [s.name for s in workload_of(plan).services]
    periods = tuple(
        {
            **period,
            "rate_rps": [
                r if name == service else 0.0 for name, r in zip(names, period["rate_rps"], strict=True)
            ],
        }
        for period in plan.periods
    )
    pools = tuple(p for p in plan.pools if p.service == service)
    routes = tuple(r for r in plan.routes if r.service == service)
    return plan.model_copy(update={"periods": periods, "pools": pools, "routes": routes})


def judge(
    plan: Plan, replay: Callable[[Plan, int], PlanReplay], first: int, stages: Sequence[tuple[int, int]]
) -> Judged:
    """A plan of one service in replays from seed ``first`` on.

    ``stages``: replays so far, and how many of them may fail. The judgement ends with the first too many.
    """
    failed: set[int] = set()
    missed: set[str] = set()
    done = 0
    for until, may_fail in stages:
        for n in range(done, until):
            replayed = replay(plan, first + n)
            if not replayed.holds:
                failed.add(n)
                services = (s for period in replayed.periods for s in period.result.services)
                missed |= {p.name for s in services for p in s.promises if not p.holds}
            if len(failed) > may_fail:
                return Judged(frozenset(failed), frozenset(missed), True)
        done = until
    return Judged(frozenset(failed), frozenset(missed))
