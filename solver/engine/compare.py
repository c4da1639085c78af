"""What else could be bought: the best fleet of each single system, and prices at which losers enter.

Both re-solve the same model in HiGHS with other bounds or costs; nothing is rebuilt.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from types import MappingProxyType

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.formulation.costs import owned_columns
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.formulation.taxes import price_weight
from solver.plan.plan import Alternative, BreakEven, Plan

#: Relative gaps (fleets of one system, break-evens) and time for each comparison; the plan itself is solved
#: to the gap asked for. Then the time for all of a kind: so many seconds, or so many times what the plan
#: took, but never more than the last.
ALONE_GAP, COMPARE_GAP, COMPARE_SECONDS = 1e-3, 1e-4, 5.0
ALL_SECONDS, ALL_TIMES, MOST_SECONDS = 5.0, 2.0, 15.0
#: Programs of more columns get the break-even price of the best loser only.
SMALL_PROGRAM = 400


class Clock:
    """Time left for comparisons."""

    def __init__(self, best: Outcome) -> None:
        self._end = time.perf_counter() + min(max(ALL_SECONDS, ALL_TIMES * best.seconds), MOST_SECONDS)

    @property
    def left(self) -> float:
        """Seconds left, 0 when over."""
        return max(0.0, self._end - time.perf_counter())


def acquisition_columns(problem: Problem, program: Program) -> dict[str, list[int]]:
    """Columns by which each system (or "API") enters the fleet."""
    found: dict[str, list[int]] = {}
    for prefix in ("buy", "hold", "rent"):
        for key, column in program.family(prefix):
            found.setdefault(problem.offers[key[1]].system, []).append(column)
    for _key, column in program.family("a"):
        found.setdefault("API", []).append(column)
    return found


def fleet_words(problem: Problem, program: Program, outcome: Outcome) -> str:
    """The fleet of an outcome in words: "3 x dgx-b200 (buy), API tokens"."""
    assert outcome.values is not None
    counts: dict[tuple[str, str], int] = {}
    for prefix, word in (("buy", "buy"), ("hold", "rent"), ("rent", "rent by the hour")):
        for key, column in program.family(prefix):
            count = round(outcome.values[column])
            if count:
                label = (problem.offers[key[1]].system, word)
                counts[label] = (
                    max(counts.get(label, 0), count) if prefix == "rent" else counts.get(label, 0) + count
                )
    parts = [f"{count} x {system} ({word})" for (system, word), count in sorted(counts.items())]
    if any(outcome.values[c] > 1e-9 for _, c in program.family("a")):
        parts.append("API tokens")
    return ", ".join(parts) or "nothing"


def alternatives(
    prepared: Prepared, program: Program, model: HighsModel, best: Outcome
) -> tuple[tuple[Alternative, ...], dict[str, float]]:
    """The best fleet of each single system, cheapest first; infeasible ones with the reason.

    Also, for each system that is bought, the price at which its fleet alone would cost what the best does.
    """
    problem, columns = prepared.problem, acquisition_columns(prepared.problem, program)
    found: list[Alternative] = []
    ties: dict[str, float] = {}
    clock = Clock(best)
    for system in sorted(columns):
        if not clock.left:
            found.append(_without_plan(system, "not compared: the time for comparisons was over"))
            continue
        others = {c: (0.0, 0.0) for s, group in columns.items() if s != system for c in group}
        model.set_bounds(others)
        outcome = model.solve(ALONE_GAP, min(COMPARE_SECONDS, clock.left + 0.1))
        model.set_bounds({c: (program.columns[c].low, program.columns[c].high) for c in others})
        found.append(_alternative(problem, program, system, outcome, best))
        if outcome.values is not None:
            weights = price_weights(problem, program, system)
            weight = sum(w * round(outcome.values[c]) for c, w in weights.items())
            if weight > 0:
                now = max(o.price_usd for o in problem.buy_offers(system))
                ties[system] = max(0.0, now - (outcome.objective - best.objective) / weight)
    ranked = tuple(sorted(found, key=lambda a: (not a.feasible, a.objective_usd or 0.0, a.name)))
    return ranked, ties


def _name(system: str) -> str:
    return "only API tokens" if system == "API" else f"only {system}"


def _without_plan(system: str, reason: str) -> Alternative:
    return Alternative(
        name=_name(system),
        feasible=False,
        objective_usd=None,
        extra_usd=None,
        extra_share=None,
        fleet="",
        reason=reason,
    )


def _alternative(
    problem: Problem, program: Program, system: str, outcome: Outcome, best: Outcome
) -> Alternative:
    name = _name(system)
    if outcome.values is None:
        served = {p.service for p in problem.points if p.system == system}
        missing = [s.name for s in problem.services if s.name not in served]
        reason = f"cannot serve {', '.join(missing)}" if missing else "cannot meet all statements"
        if outcome.ending is Ending.NO_POINT:
            reason = "no fleet was found within the time for comparisons"
        return _without_plan(system, reason)
    same = math.isclose(outcome.objective, best.objective, rel_tol=1e-9)  # solver noise is no difference
    extra = 0.0 if same else outcome.objective - best.objective
    return Alternative(
        name=name,
        feasible=True,
        objective_usd=outcome.objective * 1e3,
        extra_usd=extra * 1e3,
        extra_share=extra / best.objective if best.objective > 0 else None,
        fleet=fleet_words(problem, program, outcome),
    )


def break_evens(
    prepared: Prepared,
    program: Program,
    model: HighsModel,
    best: Outcome,
    plan: Plan,
    ranked: tuple[Alternative, ...] = (),
    ties: Mapping[str, float] = MappingProxyType({}),
) -> tuple[BreakEven, ...]:
    """The purchase price at which systems that are not in the fleet would enter it.

    Systems come in the order of ``ranked`` (the cheapest alone first); a large program gets the best loser
    only, and a very slow one as many as the time for comparisons allows.
    """
    problem = prepared.problem
    used = {s.system for s in plan.systems}
    order = {a.name.removeprefix("only "): n for n, a in enumerate(ranked)}
    losers = sorted({o.system for o in problem.buy_offers()} - used, key=lambda s: (order.get(s, 10**6), s))
    clock = Clock(best)
    found: list[BreakEven] = []
    for system in losers if len(program.columns) <= SMALL_PROGRAM else losers[:1]:
        if found and not clock.left:
            break
        found.append(_break_even(problem, program, model, best, system, ties.get(system, 0.0), clock))
    return tuple(sorted(found, key=lambda b: -((b.price_enters_usd or 0.0) / b.price_now_usd)))


def _break_even(
    problem: Problem,
    program: Program,
    model: HighsModel,
    best: Outcome,
    system: str,
    tie: float,
    clock: Clock,
) -> BreakEven:
    """The price up to which some plan with at least one purchase of the system costs no more than the best.

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
    return BreakEven(system=system, price_now_usd=now, price_enters_usd=enters, note=note)


def price_weights(problem: Problem, program: Program, system: str) -> dict[int, float]:
    """k$ of objective per dollar of purchase price, for each column of a system that is bought (or sold)."""
    return {
        column: price_weight(problem, offer, e, f)
        for column, offer, _o, _i, e, f in owned_columns(problem, program)
        if offer.system == system and offer.kind == "buy" and offer.price_usd > 0
    }
