"""Is the plan well formed? Names exist, numbers are numbers, counts are whole; the rest builds on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.plan.plan import FORMAT, Deferral, Fallback, Move, Pool, Route, SystemPurchase
from solver.verify.case import Case
from solver.verify.exact import share_of
from solver.verify.registry import Broken, check

MOST_EPOCHS = 1000
MOST_GROWTH = 1e6
LARGEST = 1e30  # far beyond all that can be bought; keeps exact numbers short
SIGNED = ("intercept", "growth_per_year")
UNBOUNDED = ("ttft_s", "end_to_end_s", "weight_life_years", "life_years")  # never, for ever
UNREAD = ("step", "wait_s", "kv_capacity_bytes", "spread")  # of an operating point, by any check
COMMITTED, HOURLY = ("buy", "lease", "reserve"), ("rent", "spot")
#: acquisition of a line -> kinds of offer
WAYS = {"buy": COMMITTED, "replace": ("buy",), "rent": HOURLY, "rent-hourly": HOURLY}


@check("shape", "names exist; numbers are finite and >= 0; shares are rationals p/q >= 0", first=True)
def shape(case: Case) -> Iterator[Broken]:
    """References lead somewhere, lists have the right lengths, numbers are finite."""
    plan = case.plan
    if plan.format != FORMAT:
        yield Broken(f"the plan has format {plan.format!r}, not {FORMAT!r}")
    yield from _workload(case)
    yield from _facts(case)
    yield from _time(case)
    for name in ("objective_usd", "bound_usd", "gap", "certified_bound_usd"):
        value = getattr(plan, name)
        if value is not None and not _number(value):
            yield Broken(f"{name} is {value!r}, not a number")
    for line in plan.costs:
        if not _number(line.usd):
            yield Broken(f"cost {line.term} is {line.usd!r}, not a number")
    for purchase in plan.systems:
        if (problem := _purchase(case, purchase)) is not None:
            yield Broken(f"{purchase.acquisition} of {purchase.system}: {problem}")
    for pool in plan.pools:
        if (problem := _pool(case, pool)) is not None:
            yield Broken(f"pool {pool.point} at {pool.site}: {problem}")
    yield from _over_time(case)
    for entry in plan.deferrals:
        if (problem := _deferral(case, entry)) is not None:
            yield Broken(f"deferral of {entry.service} (hour {entry.hour}): {problem}")
    for fallback in plan.fallbacks:
        if (problem := _fallback(case, fallback)) is not None:
            words = f"bucket {fallback.bucket}, period {fallback.period}, {fallback.lost_site} lost"
            yield Broken(f"fallback to {fallback.target} ({words}): {problem}")
    for route in plan.routes:
        if (problem := _route(case, route)) is not None:
            yield Broken(f"route to {route.target} (bucket {route.bucket}, period {route.period}): {problem}")


def _over_time(case: Case) -> Iterator[Broken]:
    """People, loads, moves and unserved shares name what exists."""
    plan, epochs, periods = case.plan, len(case.plan.epochs), len(case.plan.periods)
    for person in plan.people:
        if person.site not in case.sites or not _index(person.epoch, epochs) or not _number(person.people):
            yield Broken(f"people at {person.site!r} in epoch {person.epoch}: no such place, time or number")
    for load in plan.loads:
        named = load.site in case.sites and load.system in case.systems and _index(load.period, periods)
        if not named or not _number(load.systems) or load.systems < 0:
            yield Broken(f"load of {load.system!r} at {load.site!r}: no such system, place, time or number")
    for what, entries in (("move", plan.moves), ("unserved share", plan.unserved)):
        for entry in entries:
            try:
                share_of(entry.systems if isinstance(entry, Move) else entry.share)
            except ValueError as error:
                yield Broken(f"{what}: {error}")
    for missed in plan.unserved:
        if missed.service not in case.order or not _index(missed.period, periods):
            yield Broken(f"unserved requests of {missed.service!r}: no such service or period")
    if not _number(plan.served_share):
        yield Broken(f"served_share is {plan.served_share!r}, not a number")


@check("integrality", "systems, replicas and spare replicas are whole numbers >= 0", first=True)
def integrality(case: Case) -> Iterator[Broken]:
    """Counts are whole and not negative."""
    for purchase in case.plan.systems:
        if not _whole(purchase.count):
            yield Broken(f"{purchase.count!r} {purchase.system} are {purchase.acquisition}")
    for pool in case.plan.pools:
        for number, what in (
            (pool.replicas, "replicas"),
            (pool.spare_replicas, "spare replicas"),
            (pool.replaced, "replaced replicas"),
        ):
            if not _whole(number):
                yield Broken(f"pool {pool.point} at {pool.site} has {number!r} {what}")


def _workload(case: Case) -> Iterator[Broken]:
    for what, names in (
        ("service", [s.name for s in case.workload.services]),
        ("site", [s.name for s in case.workload.sites]),
    ):
        if not names:
            yield Broken(f"the workload has no {what}")
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield Broken(f"two {what}s are called {name!r}")
    if not _sane(case.workload.model_dump()):
        yield Broken(f"the workload has a number above {LARGEST:g}")
    if any(s.demand.growth_per_year > MOST_GROWTH for s in case.workload.services):
        yield Broken(f"the workload grows more than {MOST_GROWTH:g} times a year")


def _facts(case: Case) -> Iterator[Broken]:
    tables: tuple[Mapping[str, Any], ...] = (case.offers, case.systems, case.points, case.apis)
    for id_, entry in (item for table in tables for item in table.items()):
        if entry.id != id_:
            yield Broken(f"{id_!r} holds the facts of {entry.id!r}")
        if getattr(entry, "tier_of", "") not in ("", *case.offers):
            yield Broken(f"{id_!r} is a tier of {entry.tier_of!r}, which is no offer")
        if not _sane(entry):
            yield Broken(f"{id_!r} has a number that is negative, infinite or not a number")
    servers: list[OperatingPoint | ApiPoint] = [*case.points.values(), *case.apis.values()]
    for server in servers:
        if server.service not in case.order:
            yield Broken(f"{server.id!r} serves {server.service!r}, which the workload does not have")
        elif not _lists(server, len(case.buckets[case.order[server.service]])):
            yield Broken(f"{server.id!r} has lists of a wrong length or an empty replica")


def _lists(server: OperatingPoint | ApiPoint, buckets: int) -> bool:
    if any(len(flags) != buckets for flags in server.late.values()):
        return False
    if isinstance(server, ApiPoint):
        return {len(server.usd_per_request), len(server.tokens), len(server.serves)} == {buckets}
    lists: tuple[tuple[object, ...], ...] = (
        server.ttft_s, server.end_to_end_s, server.serves, server.kv_bytes, *server.use
    )  # fmt: skip
    if (queue := server.queue) is not None:
        lists += (queue.hold_s, queue.prefill_s, queue.longest_s, queue.decode_s)
    if server.transfer_s:
        lists += (server.transfer_s,)
    if (wear := server.wear) is not None and wear.reads_budget > 0:
        lists += (wear.reads,)
    return (
        {len(row) for row in lists} == {buckets}
        and len(server.use) == len(server.resources) > 0
        and len(server.lines) > 0
        and all(1 <= line.low <= line.high for line in server.lines)
        and server.systems_per_replica > 0
        and (wear is None or wear.weight_life_years > 0)
    )


def _time(case: Case) -> Iterator[Broken]:
    plan = case.plan
    if not 0 < len(plan.epochs) <= MOST_EPOCHS:
        yield Broken(f"the plan has {len(plan.epochs)} epochs")
    for start, end in plan.epochs:
        if not (_number(start) and _number(end) and 0 <= start < end <= 1e6):
            yield Broken(f"an epoch runs from {start!r} to {end!r} years")
    for n, period in enumerate(plan.periods):
        rates = period.get("rate_rps")
        if not (
            period.get("index") == n
            and _index(period.get("epoch"), len(plan.epochs))
            and _number(period.get("hours"))
            and period["hours"] >= 0
            and isinstance(period.get("label"), str)
            and isinstance(rates, list | tuple)
            and len(rates) == len(case.services)
            and all(_number(rate) and rate >= 0 for rate in rates)
            and _grouped_well(period, len(case.services))
        ):
            yield Broken(f"period {n} lacks its index, epoch, hours, label or a rate of each service")


def _grouped_well(period: Mapping[str, Any], services: int) -> bool:
    """Whether what a group of like hours states beside its rates is of the right form."""
    means, own = period.get("mean_rps", []), period.get("services", [])
    covers = period.get("covers", [])
    return (
        all(isinstance(part, list | tuple) for part in (means, own, covers))
        and len(means) in (0, services)
        and all(_number(rate) and rate >= 0 for rate in means)
        and all(_index(k, services) for k in own)
        and len(set(own)) == len(own)
        and (bool(covers) or not (means or own))
    )


def _purchase(case: Case, line: SystemPurchase) -> str | None:
    offer = case.offers.get(line.offer)
    if offer is None:
        return f"no offer is called {line.offer!r}"
    if line.system != offer.system or line.system not in case.systems:
        return f"the offer {line.offer!r} is of {offer.system!r}"
    if offer.kind not in WAYS.get(line.acquisition, ()):
        return f"the offer {line.offer!r} is to {offer.kind}"
    if line.site not in case.sites:
        return f"no site is called {line.site!r}"
    if line.sold_epoch is not None and not _index(line.sold_epoch, len(case.plan.epochs)):
        return f"it is sold in epoch {line.sold_epoch}, which does not exist"
    if not all(map(_number, (line.unit_price_usd, line.cost_usd, line.hours))):
        return "a price or duration is not a number"
    return _when(case, line.epoch, line.period, line.acquisition == "rent-hourly")


def _pool(case: Case, pool: Pool) -> str | None:
    point = case.points.get(pool.point)
    if point is None:
        return "no such operating point"
    same = (point.service, point.model, point.system, str(point.systems_per_replica), point.weight_precision)
    if same != (pool.service, pool.model, pool.system, pool.systems_per_replica, pool.weight_precision):
        return "service, model, system or precision differ from the operating point's"
    if (pool.layout, pool.batch) != (point.layout, point.batch) or pool.tpot_ms != point.tpot_s * 1e3:
        return "layout, batch or TPOT differ from the operating point's"
    if pool.phase != point.phase or pool.phase not in ("both", "prefill", "decode"):
        return f"its phase is {pool.phase!r}, the operating point's {point.phase!r}"
    if pool.site not in case.sites:
        return f"no site is called {pool.site!r}"
    if pool.mode not in ("standing", "elastic"):
        return f"its mode is {pool.mode!r}"
    if not _index(pool.line, len(point.lines)):
        return f"its capacity line {pool.line} does not exist"
    return _when(case, pool.epoch, pool.period, pool.mode == "elastic")


def _when(case: Case, epoch: int | None, period: int | None, hourly: bool) -> str | None:
    plan = case.plan
    if not _index(epoch, len(plan.epochs)):
        return f"epoch {epoch} does not exist"
    if hourly:
        if not _index(period, len(plan.periods)) or plan.periods[period or 0].get("epoch") != epoch:
            return f"period {period} does not exist in its epoch"
    elif period is not None:
        return f"it names period {period} although it stands all hours"
    return None


def _fallback(case: Case, fallback: Fallback) -> str | None:
    if fallback.lost_site not in case.sites:
        return f"no site is called {fallback.lost_site!r}"
    if fallback.mode not in ("standing", "api"):
        return f"its mode is {fallback.mode!r}"
    return _route(case, fallback)


def _route(case: Case, route: Route | Fallback) -> str | None:
    if route.mode not in ("standing", "elastic", "api"):
        return f"its mode is {route.mode!r}"
    server = case.apis.get(route.target) if route.mode == "api" else case.points.get(route.target)
    if server is None:
        return "no such target"
    if server.service != route.service or route.service not in case.order:
        return f"the target serves {server.service!r}, not {route.service!r}"
    if (route.site != "") if route.mode == "api" else (route.site not in case.sites):
        return f"no site is called {route.site!r}"
    if not _index(route.period, len(case.plan.periods)):
        return "no such period"
    if not _index(route.bucket, len(case.buckets[case.order[route.service]])):
        return "no such length bucket"
    try:
        share_of(route.share)
    except ValueError as error:
        return str(error)
    return None


def _deferral(case: Case, entry: Deferral) -> str | None:
    cycle = case.cycle
    if entry.service not in case.order:
        return "no such service"
    if not _index(entry.epoch, len(case.plan.epochs)) or not _index(entry.hour, cycle):
        return "no such epoch or hour"
    if not _index(entry.wait_hours, cycle):
        return f"it waits {entry.wait_hours!r} hours"
    try:
        share_of(entry.share)
    except ValueError as error:
        return str(error)
    return None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def _index(value: Any, length: int) -> bool:
    return _whole(value) and value < length


def _sane(value: Any, name: str = "") -> bool:
    """The numbers of a dataclass that checks read are finite and not negative, but for the named ones."""
    if is_dataclass(value):
        inner = ((field.name, getattr(value, field.name)) for field in fields(value))
        return all(field in UNREAD or _sane(item, field) for field, item in inner)
    if isinstance(value, dict):
        return all(_sane(item, name or str(key)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_sane(item, name) for item in value)
    if isinstance(value, int | float):
        small = abs(value) <= LARGEST or (value == math.inf and name in UNBOUNDED)
        return small and (value >= 0 or name in SIGNED)
    return True
