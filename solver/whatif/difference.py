"""What a change did: fleet, money by term and year, who serves what, what binds. Two plans, one answer."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from solver.domain.quantity import Frozen
from solver.finance.cash_flow import cash_flow
from solver.plan.periods import mean_rps, region_weight
from solver.plan.plan import Plan

SMALL_USD = 0.005
#: Ways to get systems whose name is not a word of its own.
WAY_WORDS = {"rent-hourly": "rent by the hour", "own": "owned"}


class FleetChange(Frozen):
    """Systems of one kind, got in one way for one site: how many before and after."""

    system: str
    name: str
    site: str
    way: str
    before: int
    after: int


class CostChange(Frozen):
    """A cost term, net present dollars."""

    term: str
    before_usd: float
    after_usd: float


class YearChange(Frozen):
    """All payments of a year, dollars as paid."""

    year: int
    before_usd: float
    after_usd: float


class ShareChange(Frozen):
    """Share of a service's requests over the horizon that a system or an API serves."""

    service: str
    server: str
    before: float
    after: float


class Difference(Frozen):
    """From one plan to another. ``before`` and ``after`` are net present dollars."""

    before_usd: float
    after_usd: float
    fleet: tuple[FleetChange, ...]
    costs: tuple[CostChange, ...]
    years: tuple[YearChange, ...]
    serving: tuple[ShareChange, ...]
    binds_now: tuple[str, ...]
    binds_no_longer: tuple[str, ...]

    @property
    def same_fleet(self) -> bool:
        """Whether the same systems are bought and rented."""
        return all(c.before == c.after for c in self.fleet)


def difference(before: Plan, after: Plan) -> Difference:
    """What is different; lines that did not change stay in, so that a table is complete."""
    old, new = {b.sentence for b in before.binding}, {b.sentence for b in after.binding}
    return Difference(
        before_usd=before.objective_usd,
        after_usd=after.objective_usd,
        fleet=_fleet(before, after),
        costs=_costs(before, after),
        years=_years(before, after),
        serving=_serving(before, after),
        binds_now=tuple(b.sentence for b in after.binding if b.sentence not in old),
        binds_no_longer=tuple(b.sentence for b in before.binding if b.sentence not in new),
    )


def _fleet(before: Plan, after: Plan) -> tuple[FleetChange, ...]:
    names = {s.system: s.name for s in (*before.systems, *after.systems)}
    old, new = fleet_counts(before), fleet_counts(after)
    keys = sorted({*old, *new}, key=lambda k: (-max(old.get(k, 0), new.get(k, 0)), k))
    return tuple(
        FleetChange(
            system=system,
            name=names[system],
            site=site,
            way=way,
            before=old.get((system, site, way), 0),
            after=new.get((system, site, way), 0),
        )
        for system, site, way in keys
    )


def fleet_counts(plan: Plan) -> dict[tuple[str, str, str], int]:
    """(system, site, way) -> systems: bought, in all; owned, leased, reserved or rented, the most at once."""
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    there: dict[tuple[str, str, str], dict[tuple[int, int | None], int]] = {}
    for line in plan.systems:
        key = (line.system, line.site, plan.way(line))
        if key[2] == "buy":
            counts[key] += line.count
            continue
        moments = there.setdefault(key, defaultdict(int))
        for epoch in plan.at_once(line):
            moments[epoch, line.period] += line.count
    return dict(counts) | {key: max(moments.values(), default=0) for key, moments in there.items()}


def _costs(before: Plan, after: Plan) -> tuple[CostChange, ...]:
    old, new = ({c.term: c.usd for c in plan.costs} for plan in (before, after))
    return tuple(
        CostChange(term=term, before_usd=old.get(term, 0.0), after_usd=new.get(term, 0.0))
        for term in dict.fromkeys((*old, *new))
    )


def _years(before: Plan, after: Plan) -> tuple[YearChange, ...]:
    old, new = yearly(before), yearly(after)
    return tuple(
        YearChange(year=year, before_usd=old.get(year, 0.0), after_usd=new.get(year, 0.0))
        for year in sorted({*old, *new})
    )


def yearly(plan: Plan) -> dict[int, float]:
    """Dollars as paid in each year of the horizon (1, 2, ...)."""
    found: dict[int, float] = defaultdict(float)
    for flow in cash_flow(plan):
        found[flow.year] += flow.usd
    return dict(found)


def _serving(before: Plan, after: Plan) -> tuple[ShareChange, ...]:
    old, new = serving(before), serving(after)
    keys = sorted({*old, *new}, key=lambda k: (k[0], -max(old.get(k, 0.0), new.get(k, 0.0)), k[1]))
    return tuple(
        ShareChange(service=k[0], server=k[1], before=old.get(k, 0.0), after=new.get(k, 0.0)) for k in keys
    )


def serving(plan: Plan) -> dict[tuple[str, str], float]:
    """(service, system or API) -> share of the service's requests in the plan's periods; of those whose
    prompt alone it works on under ``..., prefill``."""
    services = plan.inputs["workload"]["services"]
    index = {s["name"]: n for n, s in enumerate(services)}
    requests: dict[tuple[str, str], float] = defaultdict(float)
    totals: dict[str, float] = defaultdict(float)
    for route in plan.routes:
        apart = ", prefill" if plan.points.get(route.target, {}).get("phase") == "prefill" else ""
        n, period = index[route.service], plan.periods[route.period]
        bucket, shares = services[n]["lengths"][route.bucket], services[n]["demand"]["regions"]
        weight = float(Fraction(route.share)) * bucket["share"] * mean_rps(period)[n] * period["hours"]
        weight *= region_weight(period, n, bucket["region"], shares, mean=True)
        requests[route.service, f"{server_name(plan, route.target, route.mode)}{apart}"] += weight
        totals[route.service] += 0.0 if apart else weight  # whoever decodes serves the request
    return {key: value / totals[key[0]] for key, value in requests.items() if totals[key[0]]}


def server_name(plan: Plan, target: str, mode: str) -> str:
    """The name of the system of an operating point, or of the provider of an API."""
    if mode == "api":
        return f"{plan.inputs['apis'].get(target, {}).get('provider', target)} API"
    system = str(plan.points.get(target, {}).get("system", target))
    return str(plan.inputs["systems"].get(system, {}).get("name") or system)
