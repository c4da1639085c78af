"""What else could be bought: the best fleet of each single system.

The same model is solved again in HiGHS with other bounds (or costs: solver.engine.break_even). Where hours
are in groups that model is the relaxation at their mean hours; fleets are then served at every hour
(solver.engine.every_hour), and both numbers are told: what a fleet costs, and what none of its kind is below.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.every_hour import EveryHour, Served, acquisition_columns
from solver.formulation.costs import owned_columns
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.formulation.taxes import price_weight
from solver.plan.findings import NONE_BELOW, NOT_COMPARED, NOT_FOUND, Alternative

#: Relative gap and most seconds of each comparison; the plan itself is solved to the gap asked for.
ALONE_GAP, COMPARE_SECONDS = 1e-3, 5.0
#: A fleet that was found when the time was over is not told where its bound is below this part of its cost.
FAR = 0.5
#: Seconds for comparisons: so many times what the plan took, within these, and of a time limit that part
#: at most (but the last): half for the fleets of one system, a quarter for prices, a half for wishes.
ALL_TIMES, LEAST_SECONDS, MOST_SECONDS, OF_LIMIT, ANYWAY = 2.0, 10.0, 20.0, 0.5, 5.0


def seconds_to_compare(solved_s: float, limit_s: float | None) -> float:
    """Seconds for all comparisons with a plan that took ``solved_s``."""
    seconds = min(max(LEAST_SECONDS, ALL_TIMES * solved_s), MOST_SECONDS)
    return seconds if limit_s is None else min(seconds, max(ANYWAY, OF_LIMIT * limit_s))


class Clock:
    """Time left for some comparisons."""

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds

    @property
    def soon(self) -> float:
        """When a comparison that is under way ends at the latest (perf_counter)."""
        return min(self._end, time.perf_counter() + COMPARE_SECONDS) + 0.1

    @property
    def left(self) -> float:
        """Seconds left, 0 when over."""
        return max(0.0, self._end - time.perf_counter())


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
    prepared: Prepared,
    program: Program,
    model: HighsModel,
    best: Outcome,
    clock: Clock,
    serve: EveryHour | None = None,
    used: Collection[str] = (),
) -> tuple[tuple[Alternative, ...], dict[str, float]]:
    """The best fleet of each single system, cheapest first; infeasible ones with the reason.

    Also, for each system that is bought, the price at which its fleet alone would cost what the best does.
    ``serve``: where the model has the mean hours of groups, the cost at every hour; ``used``: what the plan
    consists of.
    """
    problem, columns = prepared.problem, acquisition_columns(prepared.problem, program)
    found: list[Alternative] = []
    ties: dict[str, float] = {}
    for system in sorted(columns):
        if not clock.left:
            found.append(_without_plan(system, NOT_COMPARED))
            continue
        others = {c: (0.0, 0.0) for s, group in columns.items() if s != system for c in group}
        model.set_bounds(others)
        outcome = model.solve(ALONE_GAP, min(COMPARE_SECONDS, clock.left + 0.1))
        model.set_bounds({c: (program.columns[c].low, program.columns[c].high) for c in others})
        if serve is None or outcome.values is None:
            found.append(told(problem, program, system, outcome, best))
        elif set(used) == {system}:
            found.append(_same(system, best, fleet_words(problem, program, outcome)))
        else:
            served = serve(program, outcome, clock.soon, system)
            found.append(_at_every_hour(problem, system, outcome, served, best))
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


def _same(system: str, best: Outcome, fleet: str) -> Alternative:
    """The plan itself, which is of this system alone."""
    return Alternative(
        name=_name(system),
        feasible=True,
        objective_usd=best.objective * 1e3,
        extra_usd=0.0,
        extra_share=0.0,
        fleet=fleet,
        bound_usd=best.bound * 1e3,
    )


def _at_every_hour(
    problem: Problem, system: str, mean: Outcome, served: Served | None, best: Outcome
) -> Alternative:
    """A fleet of the mean hours with its cost at every hour, and the bound that the mean hours prove."""
    bound = max(mean.bound, best.bound) * 1e3
    if served is None:
        return _without_plan(
            system, f"{NONE_BELOW} ${bound:,.0f}, none was found in time that serves every hour"
        )
    found = told(problem, served.program, system, served.outcome, best)
    return found.model_copy(update={"bound_usd": min(bound, served.outcome.objective * 1e3)})


def told(problem: Problem, program: Program, system: str, outcome: Outcome, best: Outcome) -> Alternative:
    """The best fleet of one system as far as it was found, beside the ``best`` of all (costs in k$)."""
    name = _name(system)
    if outcome.values is None:
        served = {p.service for p in problem.points if p.system == system}
        missing = [s.name for s in problem.services if s.name not in served]
        reason = f"cannot serve {', '.join(missing)}" if missing else "cannot meet all statements"
        if outcome.ending is Ending.NO_POINT:
            reason = NOT_FOUND
        return _without_plan(system, reason)
    bound = None if outcome.ending is Ending.OPTIMAL else max(outcome.bound, best.bound) * 1e3
    if bound is not None and bound < FAR * outcome.objective * 1e3:
        return _without_plan(system, f"{NONE_BELOW} ${bound:,.0f}, no good one was found in time")
    same = math.isclose(outcome.objective, best.objective, rel_tol=1e-9)  # solver noise is no difference
    extra = 0.0 if same else outcome.objective - best.objective
    return Alternative(
        name=name,
        feasible=True,
        objective_usd=outcome.objective * 1e3,
        extra_usd=extra * 1e3,
        extra_share=extra / best.objective if best.objective > 0 else None,
        fleet=fleet_words(problem, program, outcome),
        bound_usd=bound,
    )


def price_weights(problem: Problem, program: Program, system: str) -> dict[int, float]:
    """k$ of objective per dollar of purchase price, for each column of a system that is bought (or sold)."""
    return {
        column: price_weight(problem, offer, e, f)
        for column, offer, _o, _i, e, f in owned_columns(problem, program)
        if offer.system == system and offer.kind == "buy" and offer.price_usd > 0
    }
