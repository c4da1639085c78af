"""A year of hours in groups: lower bound at the mean hours, plan at the largest, split where they differ.

Each round takes a fleet from the program at the mean demand of its groups and serves every hour with it, at
the largest demand of groups that are cut finer. The bound is that of the mean hours, a relaxation of all
hours, first in fractions: a fleet of the columns that the linear program uses is often near enough. Where
it is not, whole numbers are searched (less what is too dear for any better fleet), or groups whose two
costs differ most are split, whichever the gap is due to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from solver.backend.outcome import Ending, Outcome, near
from solver.engine.apart import Bounds, search
from solver.engine.fleet_first import fleet_first, hourly_counts, served
from solver.engine.fleets import FINER, Fleet, Solved, placed, serve_all, solve_largest
from solver.engine.neighbourhood import NEAR
from solver.engine.relaxation import MOST_GROUPS, Relaxed, cut, least_cost, left, period_costs, refined
from solver.engine.start import fleet_for_peaks
from solver.formulation.clusters import HOURLY
from solver.formulation.groups import Group
from solver.formulation.prepare import Prepared

#: Rounds of groups; the relaxation is solved to this part of the gap asked for, to no less than LEAST_GAP.
ROUNDS, PART_OF_GAP, LEAST_GAP = 8, 0.5, 1e-5
#: Shares of the time left: for the first fleet, for whole numbers searched at large.
FIRST, SEARCHED = 0.3, 0.7
#: Shares of the time by when groups are no longer cut, and their first linear program must have ended.
CUTTING = 0.3, 0.5
#: Groups are split, rather than whole numbers searched, where they make so much of the gap that is left; so
#: much where they alone make more than the gap asked for (at least SMALL): they must be split anyway.
DUE_TO_GROUPS, IN_ANY_CASE, SMALL = 0.5, 0.3, 1e-3
#: Seconds in which a fleet may still be served once the time is over, and after Ctrl-C.
GRACE, AFTER_INTERRUPT = 5.0, 1.5


@dataclass
class State:
    """What is known so far: the best plan, the best bound (k$) and the model that proves it."""

    gap: float
    end: float
    best: Solved | None = None
    bound: float = float("-inf")
    proof: Relaxed | None = None
    served: Outcome | None = None
    interrupted: bool = False

    @property
    def met(self) -> bool:
        """Whether plan and bound are as near as asked for."""
        if self.best is None:
            return False
        return near(self.best.outcome.objective, self.bound, self.gap)

    @property
    def over(self) -> bool:
        """Whether to stop searching."""
        return self.met or self.interrupted or left(self.end) == 0

    def part(self, share: float) -> float | None:
        """Seconds: a share of what is left."""
        now = left(self.end)
        return None if now is None else share * now

    def raise_bound(self, bound: float, proof: Relaxed) -> None:
        """Keep a lower bound if it is the highest."""
        if self.proof is None or bound > self.bound:
            self.bound, self.proof = bound, proof

    def keep(self, found: Solved | None) -> None:
        """Keep a plan if it is the cheapest."""
        if found is not None and (self.best is None or found.outcome.objective < self.best.outcome.objective):
            self.best = found


def solve_grouped(
    prepared: Prepared, gap: float, time_limit_s: float | None, known: Fleet | None = None
) -> Solved | Outcome:
    """The plan at the largest hours with the bound of the mean hours; the outcome alone if there is none.

    A ``known`` fleet may serve them too.
    """
    started = time.perf_counter()
    end = started + (time_limit_s if time_limit_s is not None else float("inf"))
    state = State(gap, end)
    refused: Outcome | None = None
    try:
        early, linear = (started + share * (end - started) for share in CUTTING)
        relaxed = refined(prepared, list(prepared.groups), gap, early, linear)
        if known is not None:
            state.keep(serve_all(prepared, relaxed, known, list(relaxed.groups), gap, end, rounds=1))
        if not relaxed.linear.solved:
            roughly(prepared, relaxed, state, min(GRACE, end - started))
        for _ in range(0 if state.over and state.best is not None else ROUNDS):
            refused = round_of(prepared, relaxed, state)
            if refused is not None or state.over:
                break
            finer = split(prepared, relaxed, state)
            if len(finer) == len(relaxed.groups) or not relaxed.affords(len(finer), end):
                break
            relaxed = Relaxed.of(prepared, finer, end)
    except KeyboardInterrupt:
        if state.best is None:
            raise
        state.interrupted = True
    except MemoryError:
        if state.best is None:
            raise
    return _outcome(state, refused, time.perf_counter() - started)


def roughly(prepared: Prepared, relaxed: Relaxed, state: State, grace: float) -> None:
    """Where the linear program of the groups does not end: the bound of one mean hour an epoch, and every
    hour served with a fleet for all peaks at once."""
    assert prepared.curves is not None
    end = max(state.end, time.perf_counter() + grace)
    epochs: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for group in relaxed.groups:
        epochs.setdefault((group.epoch, group.streams), []).extend(group.hours)
    joined = [Group(*place, tuple(sorted(hours))) for place, hours in epochs.items()]
    rough = Relaxed.of(prepared, joined, end)
    bound = rough.linear.outcome.objective if rough.linear.solved else least_cost(rough.model.program)
    state.raise_bound(bound, rough)
    if state.best is not None:
        return
    streams, hours = range(len(prepared.curves.streams)), range(len(prepared.curves.vectors))
    peaks = [Group(e.index, tuple(streams), tuple(hours)) for e in prepared.curves.epochs]
    together = prepared.curves.periods(peaks, mean=False)
    whole = fleet_for_peaks(prepared.problem, together, max(grace, end - time.perf_counter()))
    if whole is None:
        return
    program = relaxed.model.program
    counts = {
        key: whole.get(key, 0.0)
        for key, c in program.index.items()
        if program.columns[c].integer and key[0] not in HOURLY
    }
    end = max(end, time.perf_counter() + grace)
    state.keep(serve_all(prepared, relaxed, Fleet(counts), list(relaxed.groups), state.gap, end, rounds=1))


def round_of(prepared: Prepared, relaxed: Relaxed, state: State) -> Outcome | None:
    """Fleets of one relaxation, served; an outcome only where the relaxation itself has no plan."""
    program, linear = relaxed.model.program, relaxed.linear
    goal = max(state.gap * PART_OF_GAP, LEAST_GAP)
    relaxed.model.search_plans()
    state.served = None
    if linear.solved:
        floor = linear.outcome.objective
        state.raise_bound(floor, relaxed)
        for dearer in sorted({0.0, NEAR * state.gap * abs(floor)}):
            known = None if state.served is None else state.served.values
            outcome = search(relaxed.model, linear.unused(program, dearer), goal, state.part(FIRST), known)
            _serve(prepared, relaxed, outcome, state)
            if state.over or _due_to_groups(prepared, relaxed, state):
                return None
        if hourly_counts(program):
            _fleet_first(prepared, relaxed, state, goal)
            if state.over or _due_to_groups(prepared, relaxed, state):
                return None
    return _search_all(prepared, relaxed, state, goal)


def _fleet_first(prepared: Prepared, relaxed: Relaxed, state: State, goal: float) -> None:
    """The fleet of the relaxation with its hours in fractions, its bound, and every hour served with it."""
    known = None if state.served is None else state.served.values
    fleet = fleet_first(relaxed.model, goal, state.part(FIRST), known)
    state.raise_bound(fleet.bound, relaxed)
    for plan in served(relaxed.model, fleet, goal, state.part(FIRST)):
        _serve(prepared, relaxed, plan, state)


def _search_all(prepared: Prepared, relaxed: Relaxed, state: State, goal: float) -> Outcome | None:
    """The relaxation in whole numbers, all that may lead to a better plan: its bound is one for the plan."""
    bounds: Bounds = {}
    if state.best is not None and relaxed.linear.solved:
        bounds = relaxed.linear.too_dear(relaxed.model.program, state.best.outcome.objective)
    known = None if state.served is None else state.served.values
    if known is None and state.best is not None:
        known = placed(relaxed.model, state.best, state.end)
    outcome = search(relaxed.model, bounds, goal, state.part(SEARCHED), known)
    if outcome.values is None and state.best is None:
        if outcome.ending is not Ending.NO_POINT:
            return outcome
        state.keep(solve_largest(prepared, relaxed, goal, state.end))
        return outcome if state.best is None else None
    least = float("inf") if state.best is None else state.best.outcome.objective
    state.raise_bound(min(outcome.bound, least), relaxed)
    _serve(prepared, relaxed, outcome, state)
    return None


def _serve(prepared: Prepared, relaxed: Relaxed, outcome: Outcome, state: State) -> None:
    """Serve every hour with the fleet of an outcome, if it is a better one, or find another that does."""
    state.interrupted |= outcome.interrupted
    if outcome.values is None or (state.served and outcome.objective >= state.served.objective):
        return
    state.served, now, end = outcome, time.perf_counter(), state.end
    if state.best is None:
        end = max(end, now + GRACE)
    if state.interrupted:
        end = min(end, now + AFTER_INTERRUPT)
    best = near(outcome.objective, state.bound, state.gap)
    rounds = 1 if state.interrupted or not best else FINER
    if best or state.best is None or outcome.objective < state.best.outcome.objective:
        groups = relaxed.groups
        if best and state.best is not None and len(state.best.groups) > len(groups):
            groups = list(state.best.groups)  # as fine as has been needed
        fleet = Fleet.of(relaxed.model.program, outcome.values)
        state.keep(serve_all(prepared, relaxed, fleet, groups, state.gap, end, rounds))
    if state.best is None and not state.interrupted:
        state.keep(solve_largest(prepared, relaxed, max(state.gap, LEAST_GAP), end))


def _due_to_groups(prepared: Prepared, relaxed: Relaxed, state: State) -> bool:
    """Whether hours that differ within groups make most of the gap, and can be told apart."""
    if state.best is None or state.served is None:
        return False
    hidden = state.best.outcome.objective - state.served.objective
    apart = state.best.outcome.objective - state.bound
    much = hidden > max(state.gap, SMALL) * state.best.outcome.objective
    enough = IN_ANY_CASE if much else DUE_TO_GROUPS
    return hidden > enough * apart and len(split(prepared, relaxed, state)) > len(relaxed.groups)


def split(prepared: Prepared, relaxed: Relaxed, state: State) -> list[Group]:
    """Groups of the relaxation cut in parts where their hours cost more than their mean hour does.

    Where no plan is known every group is cut.
    """
    assert prepared.curves is not None
    curves, groups, best = prepared.curves, relaxed.groups, state.best
    if best is None or state.served is None or state.served.values is None:
        return cut(curves, groups, np.ones(len(groups)), MOST_GROUPS)
    assert best.outcome.values is not None
    home = {(g.epoch, g.streams, h): n for n, g in enumerate(groups) for h in g.hours}
    over = -period_costs(relaxed.model.program, state.served.values, len(groups))
    paid = period_costs(best.program, best.outcome.values, len(best.prepared.problem.periods))
    for period, cost in zip(best.prepared.problem.periods, paid, strict=True):
        own = period.streams or tuple(range(len(period.rate_rps)))
        over[home[period.epoch, own, period.covers[0]]] += cost
    finer = cut(curves, groups, over, MOST_GROUPS)
    if len(finer) == len(groups):  # another fleet pays elsewhere
        unlike = [not curves.alike(group) for group in groups]
        return cut(curves, groups, np.array(unlike, dtype=float), MOST_GROUPS)
    return finer


def _outcome(state: State, refused: Outcome | None, seconds: float) -> Solved | Outcome:
    """The best plan with the best bound; or how the search ended without one."""
    if state.best is None:
        if refused is not None:
            return refused
        ending, status = Ending.NO_POINT, "kTimeLimit"
        if state.interrupted:
            ending, status = Ending.INTERRUPTED, "kInterrupt"
        return Outcome(ending, status, None, float("inf"), state.bound, seconds, state.interrupted)
    assert state.proof is not None
    best = state.best
    outcome = replace(best.outcome, bound=min(state.bound, best.outcome.objective), seconds=seconds)
    ending = Ending.OPTIMAL if state.met else Ending.FEASIBLE
    outcome = replace(outcome, ending=ending, interrupted=state.interrupted)
    multipliers = state.proof.linear.duals if state.proof.linear.solved else None
    return replace(best, outcome=outcome, proof=state.proof.model, multipliers=multipliers)


__all__ = ["Solved", "solve_grouped"]
