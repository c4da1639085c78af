"""Checks about the traffic: all hours, all requests, within the capacity of pools and memories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from math import lcm

from solver.domain.workload import Service
from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.performance.queueing import Line
from solver.plan.plan import Pool
from solver.verify.case import Case, Target
from solver.verify.entries import COMMITTED, HOURLY
from solver.verify.exact import moment, show
from solver.verify.hours import changes_within
from solver.verify.registry import Broken, check


@check(
    "hours", "epochs tile the horizon; each hour of it is served by a listed period with at least its demand"
)
def hours(case: Case) -> Iterator[Broken]:
    """Every hour of the horizon is served.

    Epochs follow one another from 0 to the horizon's end, and the demand changes in none: neither grows at
    a full year, nor steps, starts or ends. An hour that is not listed is served with the routes of a listed
    one of the same epoch whose rates are all as large; this is refused where a dollar or a written byte
    depends on the hour: then each hour is listed with its duration, and these add up to 8766 h a year.
    """
    at = Fraction(0)
    first = case.workload.horizon.start
    for n, span in enumerate(case.epochs):
        if span.start != at:
            yield Broken(f"epoch {n + 1} starts at {show(span.start)} years, not {show(at)}")
        if any(changes_within(s, span.start, span.end, first) for s in case.services):
            yield Broken(
                f"the demand changes between {show(span.start)} and {show(span.end)} years: "
                "a year of growth, a step, a start or an end"
            )
        at = span.end
    for what, years in (("the epochs end", at), ("the plan ends", moment(case.plan.horizon_years))):
        if years != case.horizon:
            yield Broken(f"{what} at {show(years)} of {show(case.horizon)} years", abs(years - case.horizon))
    for words in case.schedule.uncovered:
        yield Broken(f"no period serves the demand of {words}")
    if not case.schedule.complete and _depends_on_hours(case):
        yield Broken("hours are left out although what is paid or written depends on each hour")


def _depends_on_hours(case: Case) -> bool:
    wears = any(p.wear is not None and p.wear.follows_traffic for p in _used_points(case))
    hourly = any(line.acquisition == "rent-hourly" and line.count > 0 for line in case.plan.systems)
    follows = any(
        case.idle(line.system) < 1 and case.offers[line.offer].on_site for line in case.plan.systems
    )
    traffic = case.workload.objective == "traffic"
    return wears or hourly or follows or traffic or any(target.mode != "standing" for target in case.streams)


def _used_points(case: Case) -> list[OperatingPoint]:
    return [case.points[pool.point] for pool in case.plan.pools if pool.replicas > 0]


@check("demand", "sum of shares = 1 for each service, length bucket and period with requests")
def demand(case: Case) -> Iterator[Broken]:
    """All requests are served, by something that can serve them and that the service permits.

    For each service k, bucket b and period t with rate > 0 the shares of its routes add up to 1 exactly.
    Each route leads to an API or to an open pool, of the service's model, in a permitted precision and way
    of acquisition, whose memory holds the bucket's requests.
    """
    totals: dict[tuple[int, int, int], Fraction] = defaultdict(Fraction)
    for target, stream in case.streams.items():
        server = case.server(target)
        k = case.order[server.service]
        if (problem := refused(case, case.services[k], server, target)) is not None:
            yield Broken(f"{target.id}: {problem}")
        for t, buckets in stream.items():
            if target.mode != "api":
                pool = case.pool(target, t)
                if pool is None or pool.replicas < 1:
                    yield Broken(f"{target.id}: no {target.mode} pool at {target.site} in {case.label(t)}")
            for b, share in buckets.items():
                if _phase(server) != "prefill":  # whoever decodes serves the request
                    totals[k, b, t] += share
                if not server.serves[b]:
                    yield Broken(f"{target.id} cannot serve length bucket {b}", share)
    for k, service in enumerate(case.services):
        for t, period in enumerate(case.periods):
            for b in range(len(case.buckets[k])) if period.rates[k] > 0 else ():
                if not case.arrives(k, b, t):
                    continue
                served = totals.get((k, b, t), Fraction(0))
                if (total := served + case.unserved.get((k, t), Fraction(0))) != 1:
                    message = f"{service.name}, bucket {b}, {period.label}: shares add up to {show(total)}"
                    yield Broken(message, abs(total - 1))


def refused(case: Case, service: Service, server: OperatingPoint | ApiPoint, target: Target) -> str | None:
    """Why a service may not be served at a target, if it may not: way, model, site or precision."""
    hourly = {*COMMITTED, *HOURLY} if case.shares_systems else set(HOURLY)
    ways = {"api": {"api"}, "elastic": hourly, "standing": {*COMMITTED, *HOURLY}}[target.mode]
    if not ways & set(service.acquisitions):
        return f"{service.name} does not permit {' or '.join(sorted(ways))}"
    if isinstance(server, OperatingPoint):
        if server.model != service.model:
            return f"{service.name} asks for {service.model}, not {server.model}"
        if server.sites and target.site not in server.sites:
            return f"it keeps its promises at {', '.join(server.sites)} only, not at {target.site}"
        if server.weight_precision not in service.precisions:
            return f"{service.name} does not permit {server.weight_precision} weights"
        if not server.profile and server.kv_precision not in service.kv_precisions:
            return f"{service.name} does not permit {server.kv_precision} KV"
    return None


def _phase(server: OperatingPoint | ApiPoint) -> str:
    return server.phase if isinstance(server, OperatingPoint) else "both"


@check(
    "handoff", "sum of shares of prefill pools = that of decode pools, per service, bucket, period, site, KV"
)
def handoff(case: Case) -> Iterator[Broken]:
    """Separate pools hand over what they were given.

    For each service, length bucket, period, site, KV precision and (where an end is promised) part of that
    time for the first token the shares of prefill pools and of decode pools add up to the same, exactly.
    """
    missing: dict[tuple[str, str, str, float, int, int], Fraction] = defaultdict(Fraction)
    for target, stream in case.streams.items():
        point = case.points.get(target.id)
        if target.mode == "api" or point is None or point.phase == "both":
            continue
        sign = 1 if point.phase == "prefill" else -1
        for t, buckets in stream.items():
            for b, share in buckets.items():
                key = (point.service, target.site, point.kv_precision, point.first_token_s, b, t)
                missing[key] += sign * share
    for (service, site, precision, _first_s, b, t), difference in missing.items():
        if difference and case.arrives(case.order[service], b, t):
            words = f"{service}, bucket {b} at {site} in {case.label(t)}"
            more = "prefilled than decoded" if difference > 0 else "decoded than prefilled"
            yield Broken(f"{words}: {show(abs(difference))} more {more} ({precision} KV)", abs(difference))


@check("capacity", "sum_b use[r,b] share[b,t] weight[b] rate[t] <= slope R + intercept for each resource r")
def capacity(case: Case) -> Iterator[Broken]:
    """No resource of a pool is used beyond its safe load.

    sum_b use[r,b] share[b,t] weight[b] rate[k,t] <= slope R + intercept, for each pool, resource r and
    period t; R counts replicas without spares; use is in replicas per request/s.
    """
    for target, stream in case.flows.items():
        if target.mode == "api":
            continue
        point = case.points[target.id]
        k = case.order[point.service]
        needs = [_integers([Fraction(u) * w for u, w in zip(row, case.weights[k], strict=True)])
                 for row in point.use]  # fmt: skip
        for t, buckets in stream.items():
            pool = case.pool(target, t)
            rate = case.periods[t].rates[k]
            if pool is None or not rate:  # a missing pool breaks the demand check
                continue
            limit = safe_load(point.lines[pool.line], pool)
            bound = limit / rate
            shares, scale = _integers(list(buckets.values()))
            for resource, (need, unit) in zip(point.resources, needs, strict=True):
                load = sum(need[b] * share for b, share in zip(buckets, shares, strict=True))
                if load * bound.denominator > bound.numerator * scale * unit:
                    used = Fraction(load, scale * unit) * rate
                    yield Broken(
                        f"{target.id} at {target.site} in {case.label(t)}: {resource} of "
                        f"{show(used)} replicas is used, {show(limit)} is safe",
                        used - limit,
                    )


def safe_load(line: Line, pool: Pool) -> Fraction:
    """Load that a pool of R replicas carries, in fully used replicas: slope R + intercept up to the line's
    end, beyond it (elastic pools) at the utilisation of the line's end, which larger pools also keep."""
    known = min(pool.replicas, line.high)
    if known < 1:
        return Fraction(0)
    load = Fraction(line.slope) * known + Fraction(line.intercept)
    return max(load * pool.replicas / known, Fraction(0))


def _integers(values: list[Fraction]) -> tuple[list[int], int]:
    """The values as whole numbers over one denominator (fast to add up)."""
    scale = lcm(*(v.denominator for v in values))
    return [v.numerator * (scale // v.denominator) for v in values], scale


@check("pool_size", "low <= R <= high of the pool's capacity line; one pool per point, site and time")
def pool_size(case: Case) -> Iterator[Broken]:
    """A pool's replicas lie in the range of its capacity line, and only one line is in force.

    low <= R <= high for a standing pool with R > 0. Elastic pools may be larger than the line's end: the
    utilisation that is safe never falls as a pool grows.
    """
    seen: set[tuple[str, str, str, int | None, int | None]] = set()
    for pool in case.plan.pools:
        words = f"pool {pool.point} at {pool.site}"
        line = case.points[pool.point].lines[pool.line]
        if 0 < pool.replicas < line.low:
            yield Broken(
                f"{words}: its line starts at {line.low} replicas", Fraction(line.low - pool.replicas)
            )
        if pool.mode == "standing" and pool.replicas > line.high:
            yield Broken(
                f"{words}: its line ends at {line.high} replicas", Fraction(pool.replicas - line.high)
            )
        key = (pool.point, pool.site, pool.mode, pool.epoch, pool.period)
        if key in seen:
            yield Broken(f"{words} is listed twice")
        seen.add(key)
