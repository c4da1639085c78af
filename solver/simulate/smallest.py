"""How much of a fleet its promises need: the fewest replicas that pass the same replays, and what they cost.

Where the fleet itself does not pass, all its pools grow by a tenth until it does. Then, pool by pool, the
dearest first, replicas are taken away (bisection; operating points, routes and the other pools stay) as long
as the promises hold in the demanded share of the replays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from solver.plan.plan import Plan
from solver.simulate.from_plan import PlanReplay, busiest_periods
from solver.simulate.plan_pools import pools_in

PASSING = 0.95  # share of the replays in which every promise must hold
_MOST_TENTHS = 12  # more than threefold


@dataclass(frozen=True)
class Smallest:
    """The search's result; costs in net present dollars, those of systems and what runs them."""

    pools: tuple[tuple[str, str, int, int], ...]  # point, site, replicas in the plan, fewest that pass
    plan_usd: float  # systems of the plan
    smallest_usd: float  # systems that the fewest replicas fit on
    plan_replicas_usd: float  # the same with each replica at its share of a system
    smallest_replicas_usd: float

    @property
    def extra(self) -> float:
        """How much more the plan's systems cost, as a share (below 0: the plan is too small)."""
        return self.plan_usd / self.smallest_usd - 1 if self.smallest_usd else 0.0

    @property
    def extra_of_replicas(self) -> float:
        """How much more the plan's replicas cost, as a share, if systems could be bought by the replica."""
        return self.plan_replicas_usd / self.smallest_replicas_usd - 1 if self.smallest_replicas_usd else 0.0


def passes(plan: Plan, replay: Callable[[Plan, int], PlanReplay], replays: int) -> bool:
    """Whether the promises hold in at least 95 % of ``replays`` replays; stops as soon as that is known."""
    failures = 0
    for seed in range(replays):
        failures += not replay(plan, seed).holds
        if failures > (1 - PASSING) * replays + 1e-9:
            return False
    return True


def smallest_fleet(plan: Plan, replay: Callable[[Plan, int], PlanReplay], replays: int) -> Smallest | None:
    """Search the fewest replicas with which ``replays`` replays (``replay(plan, n)``) pass.

    None where more replicas do not help.
    """
    prices = _prices(plan)
    counts = [p.replicas for p in plan.pools]
    if not passes(plan, replay, replays):
        larger = [counts := [math.ceil(1.1 * c) for c in counts] for _ in range(_MOST_TENTHS)]
        if not passes(with_replicas(plan, larger.pop()), replay, replays):
            return None  # known at once, not after all sizes between
        counts = next((c for c in larger if passes(with_replicas(plan, c), replay, replays)), counts)
    served = {pool for t in busiest_periods(plan) for pool in pools_in(plan, t)}
    order = [n for n, pool in enumerate(plan.pools) if pool in served]
    order.sort(key=lambda n: -counts[n] * _share(plan, n) * prices.get(plan.pools[n].system, 0.0))
    for n in order:
        low, high = 0, counts[n]  # more than `low` are needed; `high` pass
        while high - low > 1:
            counts[n] = (low + high) // 2
            if passes(with_replicas(plan, counts), replay, replays):
                high = counts[n]
            else:
                low = counts[n]
        counts[n] = high
    now = [p.replicas for p in plan.pools]
    return Smallest(
        tuple((plan.pools[n].point, plan.pools[n].site, now[n], counts[n]) for n in order),
        _systems_usd(plan, now, prices, whole=True),
        _systems_usd(plan, counts, prices, whole=True),
        _systems_usd(plan, now, prices, whole=False),
        _systems_usd(plan, counts, prices, whole=False),
    )


def with_replicas(plan: Plan, counts: list[int]) -> Plan:
    """The plan with other numbers of replicas, for replay only."""
    pools = tuple(
        pool.model_copy(update={"replicas": count}) for pool, count in zip(plan.pools, counts, strict=True)
    )
    return plan.model_copy(update={"pools": pools})


def _share(plan: Plan, n: int) -> float:
    return float(Fraction(plan.pools[n].systems_per_replica))


def _prices(plan: Plan) -> dict[str, float]:
    """Dollars of one system of each kind over the horizon."""
    dollars: dict[str, float] = {}
    count: dict[str, int] = {}
    for line in plan.systems:
        dollars[line.system] = dollars.get(line.system, 0.0) + line.cost_usd
        count[line.system] = count.get(line.system, 0) + line.count
    return {system: usd / count[system] for system, usd in dollars.items() if count[system]}


def _systems_usd(plan: Plan, counts: list[int], prices: dict[str, float], whole: bool) -> float:
    """Cost of the systems that the pools of the busiest hours stand on, as whole systems or by the share."""
    needed: dict[tuple[str, str], float] = {}
    served = {pool for t in busiest_periods(plan) for pool in pools_in(plan, t)}
    for n, pool in enumerate(plan.pools):
        if pool in served:
            place = (pool.system, pool.site)
            needed[place] = needed.get(place, 0.0) + counts[n] * _share(plan, n)
    return sum(
        prices.get(system, 0.0) * (math.ceil(amount - 1e-9) if whole else amount)
        for (system, _), amount in needed.items()
    )
