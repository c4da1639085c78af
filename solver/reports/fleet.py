"""The fleet as a reader thinks of it: purchases of the same kind together, systems by their names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from solver.domain.calendar import year_words
from solver.operating_points.profiles import AS_MEASURED
from solver.plan.findings import Assumption
from solver.plan.plan import Plan, Pool, SystemPurchase
from solver.reports.pool_facts import Target


@dataclass(frozen=True)
class FleetLine:
    """Systems of one kind got in one way at one site in one epoch.

    Those rented by the hour are one line over all epochs (``epoch`` is the first one): ``count`` is the most
    at once and ``system_hours`` their total.
    """

    system: str
    name: str
    site: str
    acquisition: str
    epoch: int
    count: int
    unit_price_usd: float
    cost_usd: float
    system_hours: float
    sold_epoch: int | None = None

    @property
    def way(self) -> str:
        """How the systems are got, in words."""
        words = {"rent-hourly": "rent by the hour", "replace": "buy in place of worn ones"}
        return words.get(self.acquisition, self.acquisition)


def fleet(plan: Plan) -> list[FleetLine]:
    """Lines of the fleet, the dearest first."""
    groups: dict[tuple[object, ...], list[SystemPurchase]] = {}
    for line in plan.systems:
        epoch = None if line.acquisition == "rent-hourly" else line.epoch
        key = (line.system, line.site, plan.way(line), epoch, line.offer, line.sold_epoch)
        groups.setdefault(key, []).append(line)
    found = [_line(group, str(key[2])) for key, group in groups.items()]
    return sorted(found, key=lambda f: (-f.cost_usd, f.system, f.site, f.epoch))


#: Ways to get systems in the order in which they are told: what is there, what is bought, what is rented.
WAYS = ("own", "buy", "replace", "lease", "reserve", "rent", "spot", "rent-hourly")


def by_way(lines: list[FleetLine]) -> dict[str, list[FleetLine]]:
    """Lines by the way the systems are got."""
    order = {way: n for n, way in enumerate(WAYS)}
    groups: dict[str, list[FleetLine]] = {}
    for line in sorted(lines, key=lambda f: order.get(f.acquisition, len(WAYS))):
        groups.setdefault(line.acquisition, []).append(line)
    return groups


def _line(group: list[SystemPurchase], way: str) -> FleetLine:
    first = group[0]
    hourly = first.acquisition == "rent-hourly"
    return FleetLine(
        system=first.system,
        name=first.name,
        site=first.site,
        acquisition=way,
        epoch=min(s.epoch for s in group),
        count=max(s.count for s in group) if hourly else sum(s.count for s in group),
        unit_price_usd=first.unit_price_usd,
        cost_usd=sum(s.cost_usd for s in group),
        system_hours=sum(s.count * s.hours for s in group),
        sold_epoch=first.sold_epoch,
    )


class Names:
    """Names for readers in place of ids."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        stated = plan.inputs.get("systems", {})
        self._systems = {key: str(facts.get("name") or key) for key, facts in stated.items()}
        self._systems |= {s.system: s.name for s in plan.systems}
        self._pools = {p.point: p for p in plan.pools}

    def system(self, identity: str) -> str:
        """The name of a system."""
        return self._systems.get(identity, identity)

    def target(self, target: Target) -> str:
        """The system of a pool, or the provider of an API."""
        if target.mode != "api":
            pool = self._pools.get(target.point)
            facts = self.plan.points.get(target.point, {})
            return self.system(pool.system if pool else str(facts.get("system", target.point)))
        facts = self.plan.inputs.get("apis", {}).get(target.point, {})
        return f"{facts.get('provider') or target.point} API"

    def in_words(self, text: str) -> str:
        """``text`` with the ids of systems replaced by their names."""
        known = sorted(self._systems, key=len, reverse=True)
        if not known:
            return text
        pattern = rf"(?<![\w-])(\d+ x )?({'|'.join(map(re.escape, known))})(?![\w-])"
        return re.sub(pattern, lambda m: (m[1] or "").replace(" x ", " × ") + self._systems[m[2]], text)


def epoch_words(plan: Plan, epoch: int | None, sold_epoch: int | None = None) -> str:
    """From when on, until when: "" for a fleet that stays, "from year 2", "from year 1, sold in year 2"."""
    if epoch is None or len(plan.epochs) < 2:
        return ""
    sold = "" if sold_epoch is None else f", sold in {year_words(plan.epochs[sold_epoch][0])}"
    return f"from {year_words(plan.epochs[epoch][0])}{sold}"


def span_words(plan: Plan, first: int | None, last: int | None) -> str:
    """Epochs of a pool: "" for all, "from year 2", "in year 1", "from year 1 to the end of year 2"."""
    if first is None or last is None or last - first + 1 == len(plan.epochs):
        return ""
    start = epoch_words(plan, first)
    if last == len(plan.epochs) - 1:
        return start
    months = round(12 * plan.epochs[last][1])
    if round(12 * plan.epochs[first][0]) == months - 12 and months % 12 == 0:
        return f"in year {months // 12}"
    month = f"month {months % 12} of year {months // 12 + 1}"
    return f"{start} to {month if months % 12 else f'the end of year {months // 12}'}"


def tok_s_per_user(pool: Pool) -> float | None:
    """Output tokens per second that a user sees at full load; None where nothing tells it.

    A profile of the workload tells requests per second of a system, not how many it serves at a time.
    """
    return None if pool.phase == "prefill" or pool.layout.endswith(AS_MEASURED) else 1e3 / pool.tpot_ms


def configuration(pool: Pool) -> str:
    """Layout, precision and batch of a replica; of a profile of the workload no batch is known."""
    size = pool.systems_per_replica
    stated = size == "1" or " on " in pool.layout
    per = "" if stated else f" on {size} systems" if "/" not in size else f" on {size} system"
    batch = "" if pool.layout.endswith(AS_MEASURED) else f", batch {pool.batch:,}"
    return f"{pool.layout}{per}, {pool.weight_precision}{batch}"


def replica_words(replicas: int, spare: int) -> str:
    """Replicas with the spare ones named."""
    return f"{replicas:,}" + (f" + {spare} spare" if spare else "")


def leverage(plan: Plan, assumption: Assumption) -> float:
    """How far the cost moves, as a share, when a value goes to the further end of its range.

    First order: the part of the cost that depends on the value (the price's own share; energy for a
    power; tokens bought for an API's price; else all that is paid for the system) times the relative
    width. It orders the assumptions; `solver solve --set` tells the exact effect.
    """
    if (assumption.low is None and assumption.high is None) or not assumption.value:
        return 0.0
    part = assumption.cost_share
    if not part and plan.objective_usd:
        apis = plan.inputs.get("apis", {}).values()
        if assumption.quantity.startswith("power"):
            moved = [c.usd for c in plan.costs if c.term == "energy"]
        elif "price" in assumption.quantity and any(a.get("provider") == assumption.subject for a in apis):
            moved = [c.usd for c in plan.costs if c.term == "api"]
        else:
            moved = [s.cost_usd for s in plan.systems if s.system == assumption.subject]
        part = sum(moved) / plan.objective_usd
    ends = [end for end in (assumption.low, assumption.high) if end is not None]
    return part * max(abs(end / assumption.value - 1) for end in ends)


def deciding(plan: Plan) -> list[Assumption]:
    """The assumptions, those with most leverage on the cost first."""
    return sorted(plan.assumptions, key=lambda a: (-leverage(plan, a), -a.cost_share))
