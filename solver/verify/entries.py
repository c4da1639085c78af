"""Does one entry of a plan name what exists? Each ``..._complaint`` says what is wrong with it, or None."""

from __future__ import annotations

from typing import Any

from solver.plan.plan import Deferral, Fallback, Pool, Route, SystemPurchase
from solver.verify.case import Case
from solver.verify.exact import share_of

LARGEST = 1e30  # far beyond all that can be bought; keeps exact numbers short
COMMITTED, HOURLY = ("buy", "lease", "reserve"), ("rent", "spot")
#: acquisition of a line -> kinds of offer
WAYS = {"buy": COMMITTED, "replace": ("buy",), "rent": HOURLY, "rent-hourly": HOURLY}


def is_number(value: Any) -> bool:
    """Whether it is a finite number of a size that can be checked."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def is_whole(value: Any) -> bool:
    """Whether it is a count."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def is_index(value: Any, length: int) -> bool:
    """Whether it is a place in a list of that length."""
    return is_whole(value) and value < length


def purchase_complaint(case: Case, line: SystemPurchase) -> str | None:
    """What is wrong with systems got: names, kind of offer, numbers, time."""
    offer = case.offers.get(line.offer)
    if offer is None:
        return f"no offer is called {line.offer!r}"
    if line.system != offer.system or line.system not in case.systems:
        return f"the offer {line.offer!r} is of {offer.system!r}"
    if offer.kind not in WAYS.get(line.acquisition, ()):
        return f"the offer {line.offer!r} is to {offer.kind}"
    if line.site not in case.sites:
        return f"no site is called {line.site!r}"
    if line.sold_epoch is not None and not is_index(line.sold_epoch, len(case.plan.epochs)):
        return f"it is sold in epoch {line.sold_epoch}, which does not exist"
    if not all(map(is_number, (line.unit_price_usd, line.cost_usd, line.hours))):
        return "a price or duration is not a number"
    return _when(case, line.epoch, line.period, line.acquisition == "rent-hourly")


def pool_complaint(case: Case, pool: Pool) -> str | None:
    """What is wrong with a pool: names, facts that differ from its operating point, time."""
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
    if not is_index(pool.line, len(point.lines)):
        return f"its capacity line {pool.line} does not exist"
    return _when(case, pool.epoch, pool.period, pool.mode == "elastic")


def _when(case: Case, epoch: int | None, period: int | None, hourly: bool) -> str | None:
    plan = case.plan
    if not is_index(epoch, len(plan.epochs)):
        return f"epoch {epoch} does not exist"
    if hourly:
        if not is_index(period, len(plan.periods)) or plan.periods[period or 0].get("epoch") != epoch:
            return f"period {period} does not exist in its epoch"
    elif period is not None:
        return f"it names period {period} although it stands all hours"
    return None


def fallback_complaint(case: Case, fallback: Fallback) -> str | None:
    """What is wrong with a route after the loss of a site."""
    if fallback.lost_site not in case.sites:
        return f"no site is called {fallback.lost_site!r}"
    hourly = ("elastic",) if case.workload.resilience.hourly_pools else ()
    if fallback.mode not in ("standing", "api", *hourly):
        return f"its mode is {fallback.mode!r}"
    return route_complaint(case, fallback)


def route_complaint(case: Case, route: Route | Fallback) -> str | None:
    """What is wrong with a route: names, period, bucket, share."""
    if route.mode not in ("standing", "elastic", "api"):
        return f"its mode is {route.mode!r}"
    server = case.apis.get(route.target) if route.mode == "api" else case.points.get(route.target)
    if server is None:
        return "no such target"
    if server.service != route.service or route.service not in case.order:
        return f"the target serves {server.service!r}, not {route.service!r}"
    if (route.site != "") if route.mode == "api" else (route.site not in case.sites):
        return f"no site is called {route.site!r}"
    if not is_index(route.period, len(case.plan.periods)):
        return "no such period"
    if not is_index(route.bucket, len(case.buckets[case.order[route.service]])):
        return "no such length bucket"
    try:
        share_of(route.share)
    except ValueError as error:
        return str(error)
    return None


def deferral_complaint(case: Case, entry: Deferral) -> str | None:
    """What is wrong with work that waits: names, hours, share."""
    cycle = case.cycle
    if (entry.service, entry.region) not in case.curve_of:
        return "no such service or region"
    if not is_index(entry.epoch, len(case.plan.epochs)) or not is_index(entry.hour, cycle):
        return "no such epoch or hour"
    if not is_index(entry.wait_hours, cycle):
        return f"it waits {entry.wait_hours!r} hours"
    try:
        share_of(entry.share)
    except ValueError as error:
        return str(error)
    return None
