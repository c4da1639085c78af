"""The figures that a plan repeats, as exact arithmetic has them.

A program's floats are near its plan's exact figures, not equal to them. Before a plan is checked, each figure
that agrees with the exact one (NEAR, money to half a cent) is written as the float nearest to it; the check
then compares without a tolerance. A figure that does not agree stays, and the check rejects the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import inf, nextafter
from typing import Any

from solver.domain.quantity import at_least
from solver.plan.findings import CostLine
from solver.plan.plan import Load, Plan, PoolWear, SystemPurchase
from solver.verify.case import Case
from solver.verify.endurance import wear_of
from solver.verify.exact import nearest, written
from solver.verify.goal import reached
from solver.verify.grouped_hours import group_facts
from solver.verify.hours import distinct_hours, growth_of, year_hours
from solver.verify.money import paid_hours
from solver.verify.standing import needed_loads, unserved_share
from solver.verify.streams import listed as told_rates
from solver.verify.streams import named, together

NEAR = Fraction(1, 10**9)
HALF_CENT = Fraction(1, 200)
#: What the solver's floats and the room for exact shares may take of a claimed gap.
GAP_ROUNDING = Fraction(1, 10**5)


def settled(case: Case) -> Plan:
    """The plan of a well-formed case with its repeated figures as the floats nearest to the exact ones."""
    case = replace(case, plan=case.plan.model_copy(update={"periods": _periods(case)}))
    case = replace(case, plan=case.plan.model_copy(update=_use(case)))
    plan, ledger = case.plan, case.ledger
    costs = tuple(CostLine(term=c.term, usd=_usd(c.usd, ledger.term(c.term))) for c in plan.costs)
    lines = tuple(
        _line(case, line, sum(terms.values(), Fraction(0)))
        for line, terms in zip(plan.systems, ledger.lines, strict=True)
    )
    total = _usd(plan.objective_usd, ledger.total)
    bound, gap = _bound(plan, total)
    changes = {"costs": costs, "systems": lines, "objective_usd": total, "bound_usd": bound, "gap": gap}
    return plan.model_copy(update=changes)


def _bound(plan: Plan, total_usd: float) -> tuple[float, float]:
    """(claimed bound, gap) beside the exact cost. A gap that the solver calls closed is closed if its floats
    say so; else it is as wide as the room that exact shares took makes it."""
    bound, cost = plan.bound_usd, Fraction(total_usd)
    over = Fraction(bound) - cost
    if 0 < over <= 2 * HALF_CENT or (plan.gap == 0 and near(bound, cost)):
        bound = total_usd
    gap, room = least_gap(total_usd, bound), 2 * HALF_CENT / max(abs(cost), HALF_CENT)
    return bound, gap if plan.gap < gap <= plan.gap + GAP_ROUNDING + room else plan.gap


def least_gap(cost_usd: float, bound_usd: float) -> float:
    """The least float g with cost - bound <= g x |cost|, exactly."""
    cost = abs(Fraction(cost_usd))
    share = (Fraction(cost_usd) - Fraction(bound_usd)) / cost if cost else Fraction(0)
    if share <= 0:
        return 0.0
    near = nearest(share)
    return near if Fraction(near) >= share else nextafter(near, inf)


def near(told: float, exact: Fraction) -> bool:
    """Whether a float agrees with an exact figure but for rounding."""
    return abs(Fraction(told) - exact) <= NEAR * max(abs(exact), abs(Fraction(told)))


def _figure(told: float, exact: Fraction) -> float:
    return nearest(exact) if near(told, exact) else told


def _usd(told: float, exact: Fraction) -> float:
    return nearest(exact) if abs(Fraction(told) - exact) <= HALF_CENT else told


def _line(case: Case, line: SystemPurchase, cost: Fraction) -> SystemPurchase:
    changes = {"cost_usd": _usd(line.cost_usd, cost)}
    if line.acquisition not in ("buy", "replace"):
        changes["hours"] = _figure(line.hours, paid_hours(case, line))
    return line.model_copy(update=changes)


def _use(case: Case) -> dict[str, Any]:
    """Use of systems, wear, the share of requests served, and the goal."""
    plan = case.plan
    need = needed_loads(case) if plan.loads else {}
    changes: dict[str, Any] = {
        "loads": tuple(_load(load, need) for load in plan.loads),
        "wear": tuple(_wear(case, entry) for entry in plan.wear),
    }
    if plan.unserved or plan.served_share != 1:
        changes["served_share"] = _figure(plan.served_share, 1 - unserved_share(case))
    if plan.goal is not None and case.workload.objective != "cost":
        there = replace(case, plan=plan.model_copy(update={"loads": changes["loads"]}))
        exact = reached(there)
        close = abs(Fraction(plan.goal.value) - exact) <= NEAR * max(exact, Fraction(1))
        value = nearest(exact) if close else plan.goal.value
        changes["goal"] = plan.goal.model_copy(update={"value": value})
    return changes


def _load(load: Load, need: Mapping[tuple[str, str, int], Fraction]) -> Load:
    exact = need.get((load.system, load.site, load.period))
    if exact is None or not near(load.systems, exact):
        return load
    return load.model_copy(update={"systems": at_least(exact)})


def _wear(case: Case, entry: PoolWear) -> PoolWear:
    point = case.points.get(entry.point)
    if point is None or point.wear is None:
        return entry
    used, worn = wear_of(case, entry, point)
    changes: dict[str, float] = {"lives_used": _figure(entry.lives_used, used)}
    if worn is not None and entry.worn_out_years is not None:
        changes["worn_out_years"] = _figure(entry.worn_out_years, worn)
    return entry.model_copy(update=changes)


def _periods(case: Case) -> tuple[dict[str, Any], ...]:
    """The listed periods with the floats nearest to their exact rates and durations."""
    listed = case.plan.periods
    hours, made = distinct_hours(case.curves, case.cycle), list(listed)
    for e, span in enumerate(case.epochs):
        growth = growth_of(case.curves, span.start, case.workload.horizon.start)
        mine = [n for n, entry in enumerate(listed) if entry["epoch"] == e]
        part = year_hours(span.years) / case.cycle
        if mine and all("covers" in listed[n] for n in mine):
            for n in mine:
                made[n] = _group(case, growth, listed[n], part, e)
            continue
        vectors = [tuple(b * g for b, g in zip(hour.base, growth, strict=True)) for hour in hours]
        named = {tuple(map(_rough, vector)): vector for vector in vectors}
        times = {part * hour.times for hour in hours}
        for n in mine:
            rates = told_rates(case.curves, listed[n])
            vector = named.get(tuple(map(_rough, rates)))
            stated = written(listed[n]["hours"])
            duration = min(times, key=lambda exact, stated=stated: abs(exact - stated))  # type: ignore[misc]
            made[n] = {
                **listed[n],
                "hours": _figure(listed[n]["hours"], duration),
                **({} if vector is None else _rates(case, listed[n], vector, "rate_rps", "region_rps")),
            }
    return tuple(made)


def _rough(rate: float | Fraction) -> str:
    """A rate to ten digits: the same for a float of the program and the exact one."""
    return f"{float(rate):.9e}"


def _group(
    case: Case, growth: Sequence[Fraction], group: Mapping[str, Any], part: Fraction, epoch: int
) -> dict[str, Any]:
    fact = group_facts(case.curves, growth, group, case.cycle, part, epoch, case.served)
    made = {**group, "hours": _figure(group["hours"], fact.hours)}
    made |= _rates(case, group, fact.largest, "rate_rps", "region_rps")
    if "mean_rps" in group:
        made |= _rates(case, group, fact.means, "mean_rps", "mean_region_rps")
    return made


def _rates(
    case: Case, entry: Mapping[str, Any], exact: Sequence[Fraction], whole: str, regions: str
) -> dict[str, Any]:
    """Rates of services, and of their regions with curves of their own."""
    told = told_rates(case.curves, entry, mean=whole == "mean_rps")
    made: dict[str, Any] = {whole: _figures(entry[whole], together(case.curves, exact))}
    if regions in entry:
        made[regions] = named(case.curves, _figures(told, exact))
    return made


def _figures(told: Sequence[float], exact: Sequence[Fraction]) -> list[float]:
    return [_figure(rate, rational) for rate, rational in zip(told, exact, strict=True)]
