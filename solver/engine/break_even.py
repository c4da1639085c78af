"""The purchase prices at which systems that are not in the fleet would enter it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.compare import COMPARE_SECONDS, Clock, price_weights
from solver.engine.every_hour import EveryHour, Served, acquisition_columns
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.plan.findings import Alternative, BreakEven
from solver.plan.plan import Plan

#: Relative gap to which fleets are found.
COMPARE_GAP = 1e-4
#: Programs of more columns get the break-even price of the best loser only.
SMALL_PROGRAM = 400


def break_evens(
    prepared: Prepared,
    program: Program,
    model: HighsModel,
    best: Outcome,
    plan: Plan,
    clock: Clock,
    ranked: tuple[Alternative, ...] = (),
    ties: Mapping[str, float] = MappingProxyType({}),
    serve: EveryHour | None = None,
) -> tuple[BreakEven, ...]:
    """The purchase price at which systems that are not in the fleet would enter it.

    Systems come in the order of ``ranked`` (the cheapest alone first); a large program gets the best loser
    only, and a very slow one as many as the time for comparisons allows. ``serve``: as in `alternatives`.
    """
    problem = prepared.problem
    used = {s.system for s in plan.systems}
    order = {a.name.removeprefix("only "): n for n, a in enumerate(ranked)}
    losers = sorted({o.system for o in problem.buy_offers()} - used, key=lambda s: (order.get(s, 10**6), s))
    found: list[BreakEven] = []
    for system in losers if len(program.columns) <= SMALL_PROGRAM else losers[:1]:
        if found and not clock.left:
            break
        entry, last = _break_even(problem, program, model, best, system, ties.get(system, 0.0), clock)
        if serve is not None and last is not None:
            served = serve(program, last, clock.soon)
            entry = _between(problem, entry, served, best)
        found.append(entry)
    return tuple(sorted(found, key=lambda b: -((b.price_enters_usd or 0.0) / b.price_now_usd)))


def _break_even(
    problem: Problem,
    program: Program,
    model: HighsModel,
    best: Outcome,
    system: str,
    tie: float,
    clock: Clock,
) -> tuple[BreakEven, Outcome | None]:
    """The price up to which some plan with at least one purchase of the system costs no more than the best.

    Also the last such plan, at that price or a little below.

    The optimal cost of such plans is concave and piecewise linear in the price, so Newton's steps on cost
    lines end. Start where the fleet of this system alone ties with the best (or at nothing); each optimal
    plan found is a line base + price x weight that meets the cost of the best at some price, no higher than
    the one sought; solve there; stop when no plan with the system is cheaper than the best.
    """
    weights = price_weights(problem, program, system)
    now = max(o.price_usd for o in problem.buy_offers(system))
    costs = program.objective()
    base = {c: costs.get(c, 0.0) - w * now for c, w in weights.items()}
    bought = [c for c in acquisition_columns(problem, program)[system] if weights.get(c, 0.0) > 0]
    price, note, known = tie, "", None
    last: Outcome | None = None
    with model.at_least(bought, 1.0):
        for _ in range(12):
            model.set_costs(costs | {c: base[c] + w * price for c, w in weights.items()})
            if known is not None:
                model.start_from(known)  # it costs just what the best does
            outcome = model.solve(COMPARE_GAP, min(COMPARE_SECONDS, clock.left + 0.1))
            if outcome.values is None and outcome.ending is Ending.INFEASIBLE:
                break
            if outcome.values is None or outcome.ending is not Ending.OPTIMAL:
                note = "at least; the time for comparisons was over"
                break
            weight = sum(w * round(outcome.values[c]) for c, w in weights.items())
            last = outcome
            if weight <= 0 or outcome.objective >= best.objective * (1 - 1e-9):
                break
            step = (best.objective - outcome.objective) / weight
            price += step
            if step <= 1e-6 * max(price, 1.0):
                break
            known = outcome.values
    model.set_costs(costs)
    if price <= 0 and not note:
        note = "not even for free: energy, space or service levels keep it out"
    enters = round(price, 2) if price > 0 and math.isfinite(price) else None
    return BreakEven(system=system, price_now_usd=now, price_enters_usd=enters, note=note), last


def _between(problem: Problem, entry: BreakEven, served: Served | None, best: Outcome) -> BreakEven:
    """The price at which a fleet that serves every hour costs what no other is below; the other end stays.

    ``entry`` has the price above which none with the system is as cheap as the plan (proven at mean hours).
    """
    high = entry.price_enters_usd
    if served is None or high is None:
        words = entry.note or "at most; no fleet was found in time that serves every hour"
        return entry.model_copy(update={"price_enters_usd": None, "price_at_most_usd": high, "note": words})
    assert served.outcome.values is not None
    weights = price_weights(problem, served.program, entry.system)
    weight = sum(w * round(served.outcome.values[c]) for c, w in weights.items())
    if weight <= 0:
        return entry.model_copy(update={"price_at_most_usd": high})
    low = entry.price_now_usd - (served.outcome.objective - best.bound) / weight
    enters = round(min(low, high), 2) if low > 0 else None
    return entry.model_copy(update={"price_enters_usd": enters, "price_at_most_usd": high})
