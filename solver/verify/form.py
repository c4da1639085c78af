"""Is the plan well formed? Names exist, numbers are numbers, counts are whole; the rest builds on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.plan.plan import FORMAT, NEAREST, Move
from solver.verify.case import Case
from solver.verify.entries import (
    LARGEST,
    deferral_complaint,
    fallback_complaint,
    is_index,
    is_number,
    is_whole,
    pool_complaint,
    purchase_complaint,
    route_complaint,
)
from solver.verify.exact import share_of
from solver.verify.registry import Broken, check
from solver.verify.size import MOST_PERIODS, too_large
from solver.verify.streams import well_formed

MOST_EPOCHS = 1000
MOST_HOURS = 10**6  # of a curve
MOST_GROWTH = 1e6
SIGNED = ("intercept", "growth_per_year", "energy_growth_per_year")
UNBOUNDED = ("ttft_s", "end_to_end_s", "weight_life_years", "life_years")  # never, for ever
UNREAD = ("step", "wait_s", "kv_capacity_bytes", "spread")  # of an operating point, by any check


@check("shape", "names exist; numbers are finite and >= 0; shares are rationals p/q >= 0", first=True)
def shape(case: Case) -> Iterator[Broken]:
    """References lead somewhere, lists have the right lengths, numbers are finite."""
    plan = case.plan
    if plan.figures != NEAREST:
        yield Broken("the plan is of an older version, which rounded its figures; solve again")
        return
    if plan.format != FORMAT:
        yield Broken(f"the plan has format {plan.format!r}, not {FORMAT!r}")
    yield from _workload(case)
    yield from _facts(case)
    yield from _time(case)
    yield from too_large(case)
    for name in ("objective_usd", "bound_usd", "gap", "certified_bound_usd"):
        value = getattr(plan, name)
        if value is not None and not is_number(value):
            yield Broken(f"{name} is {value!r}, not a number")
    if plan.goal is not None:
        for name in ("value", "certified_bound"):
            value = getattr(plan.goal, name)
            if value is not None and not is_number(value):
                yield Broken(f"goal.{name} is {value!r}, not a number")
    for line in plan.costs:
        if not is_number(line.usd):
            yield Broken(f"cost {line.term} is {line.usd!r}, not a number")
    for purchase in plan.systems:
        if (problem := purchase_complaint(case, purchase)) is not None:
            yield Broken(f"{purchase.acquisition} of {purchase.system}: {problem}")
    for pool in plan.pools:
        if (problem := pool_complaint(case, pool)) is not None:
            yield Broken(f"pool {pool.point} at {pool.site}: {problem}")
    yield from _over_time(case)
    for entry in plan.deferrals:
        if (problem := deferral_complaint(case, entry)) is not None:
            yield Broken(f"deferral of {entry.service} (hour {entry.hour}): {problem}")
    for fallback in plan.fallbacks:
        if (problem := fallback_complaint(case, fallback)) is not None:
            words = f"bucket {fallback.bucket}, period {fallback.period}, {fallback.lost_site} lost"
            yield Broken(f"fallback to {fallback.target} ({words}): {problem}")
    for route in plan.routes:
        if (problem := route_complaint(case, route)) is not None:
            yield Broken(f"route to {route.target} (bucket {route.bucket}, period {route.period}): {problem}")


def _over_time(case: Case) -> Iterator[Broken]:
    """People, loads, moves and unserved shares name what exists."""
    plan, epochs, periods = case.plan, len(case.plan.epochs), len(case.plan.periods)
    for person in plan.people:
        if (
            person.site not in case.sites
            or not is_index(person.epoch, epochs)
            or not is_number(person.people)
        ):
            yield Broken(f"people at {person.site!r} in epoch {person.epoch}: no such place, time or number")
    for load in plan.loads:
        named = load.site in case.sites and load.system in case.systems and is_index(load.period, periods)
        if not named or not is_number(load.systems) or load.systems < 0:
            yield Broken(f"load of {load.system!r} at {load.site!r}: no such system, place, time or number")
    for what, entries in (("move", plan.moves), ("unserved share", plan.unserved)):
        for entry in entries:
            try:
                share_of(entry.systems if isinstance(entry, Move) else entry.share)
            except ValueError as error:
                yield Broken(f"{what}: {error}")
    for missed in plan.unserved:
        if missed.service not in case.order or not is_index(missed.period, periods):
            yield Broken(f"unserved requests of {missed.service!r}: no such service or period")
    if not is_number(plan.served_share):
        yield Broken(f"served_share is {plan.served_share!r}, not a number")


@check("integrality", "systems, replicas and spare replicas are whole numbers >= 0", first=True)
def integrality(case: Case) -> Iterator[Broken]:
    """Counts are whole and not negative."""
    for purchase in case.plan.systems:
        if not is_whole(purchase.count):
            yield Broken(f"{purchase.count!r} {purchase.system} are {purchase.acquisition}")
    for pool in case.plan.pools:
        for number, what in (
            (pool.replicas, "replicas"),
            (pool.spare_replicas, "spare replicas"),
            (pool.replaced, "replaced replicas"),
        ):
            if not is_whole(number):
                yield Broken(f"pool {pool.point} at {pool.site} has {number!r} {what}")


def _workload(case: Case) -> Iterator[Broken]:
    for what, names in (
        ("service", [s.name for s in case.workload.services]),
        ("site", [s.name for s in case.workload.sites]),
    ):
        if not names:
            yield Broken(f"the workload has no {what}")
        for name in sorted(n for n, times in Counter(names).items() if times > 1):
            yield Broken(f"two {what}s are called {name!r}")
    if not _sane(case.workload.model_dump()):
        yield Broken(f"the workload has a number above {LARGEST:g}, or one below 0 where none may be")
    if any(
        s.demand.growth_of(r) > MOST_GROWTH for s in case.workload.services for r in ("", *s.demand.regions)
    ):
        yield Broken(f"the workload grows more than {MOST_GROWTH:g} times a year")


def _facts(case: Case) -> Iterator[Broken]:
    tables: tuple[Mapping[str, Any], ...] = (case.offers, case.systems, case.points, case.apis)
    offers = {"", *case.offers}
    for id_, entry in (item for table in tables for item in table.items()):
        if entry.id != id_:
            yield Broken(f"{id_!r} holds the facts of {entry.id!r}")
        if getattr(entry, "tier_of", "") not in offers:
            yield Broken(f"{id_!r} is a tier of {entry.tier_of!r}, which is no offer")
        never = getattr(entry, "ttft_s", None) == math.inf  # an API's is one number; points may lack a length
        if never or not _sane(entry):
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
        if not (is_number(start) and is_number(end) and 0 <= start < end <= 1e6):
            yield Broken(f"an epoch runs from {start!r} to {end!r} years")
    for n, period in enumerate(plan.periods[:MOST_PERIODS]):
        rates = period.get("rate_rps")
        if not (
            period.get("index") == n
            and is_index(period.get("epoch"), len(plan.epochs))
            and is_number(period.get("hours"))
            and period["hours"] >= 0
            and isinstance(period.get("label"), str)
            and isinstance(rates, list | tuple)
            and len(rates) == len(case.services)
            and all(is_number(rate) and rate >= 0 for rate in rates)
            and _grouped_well(period, len(case.services))
            and well_formed(case.services, period)
        ):
            yield Broken(f"period {n} lacks its index, epoch, hours, label or a rate of each service")


def _grouped_well(period: Mapping[str, Any], services: int) -> bool:
    """Whether what a group of like hours states beside its rates is of the right form."""
    means, own = period.get("mean_rps", []), period.get("services", [])
    covers = period.get("covers", [])
    return (
        all(isinstance(part, list | tuple) for part in (means, own, covers))
        and all(is_index(hour, MOST_HOURS) for hour in covers)
        and len(means) in (0, services)
        and all(is_number(rate) and rate >= 0 for rate in means)
        and all(is_index(k, services) for k in own)
        and len(set(own)) == len(own)
        and (bool(covers) or not (means or own))
    )


def _sane(value: Any, name: str = "") -> bool:
    """The numbers of a dataclass that checks read are finite and not negative, but for the named ones."""
    if isinstance(value, int | float):
        small = abs(value) <= LARGEST or (value == math.inf and name in UNBOUNDED)
        return small and (value >= 0 or name in SIGNED)
    if isinstance(value, str):
        return True
    if is_dataclass(value):
        inner = ((field.name, getattr(value, field.name)) for field in fields(value))
        return all(field in UNREAD or _sane(item, field) for field, item in inner)
    if isinstance(value, dict):
        return all(_sane(item, str(key)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_sane(item, name) for item in value)
    return True
