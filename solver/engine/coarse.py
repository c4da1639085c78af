"""Large programs of many hours, by way of the linear program at the mean of few groups of like hours.

That one is small and a relaxation (solver.engine.mean_hours). It tells

1. which pools are worth a look: the program of these alone has nearly the best fleet of all, soon found;
2. a lower bound: the higher, the better the groups. Hours that the linear program of those pools turns on
   then stand alone, and the others share groups;
3. what no better fleet uses: a unit of it would cost more than a known plan. The rest is a smaller program
   with the same optimum.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome, near
from solver.engine.apart import Floats, Part, part_of
from solver.engine.dispatch import rows_hold
from solver.engine.mean_hours import ALONE, GROUPS, MeanHours, Pool, like_periods, pools_of, turning_groups
from solver.engine.neighbourhood import NOTHING, Linear, solve_large
from solver.engine.piece_by_piece import improved, pieces_of
from solver.formulation.model import Program
from solver.formulation.problem import Problem

#: Large programs are solved so if they have so many more hours than groups.
FEWER = 2
#: Shares of the time left: the linear program of mean hours, the program of the pools that it uses, and the
#: linear program of better groups.
MEAN, NEAR, BETTER = 0.4, 0.5, 0.8
#: Better groups are looked for where they may close so much of what lies between plan and bound.
WORTH = 0.1
#: Linear programs take time as this power of their size.
GROWS = 1.8
#: Programs of the pools that are left are solved up to so many columns.
MOST_COLUMNS = 120_000
#: Columns of a pool, by the first part of their key, and where the key holds point and site.
POOLED = {"x": 1, "R": 1, "z": 1, "Q": 1, "w": 1, "swap": 1, "y": 2, "u": 2}


def suits(problem: Problem) -> bool:
    """Whether the program of a problem is to be solved by way of its mean hours, if it is large."""
    many = len(problem.periods) > FEWER * GROUPS * len(problem.epochs)
    return many and problem.workload.objective == "cost" and problem.by_the_hour


@dataclass
class _Search:
    """A program, what is known of it, and until when (perf_counter) it may be searched."""

    problem: Problem
    program: Program
    gap: float
    end: float
    values: Floats | None
    objective: float = float("inf")
    bound: float = float("-inf")
    proof: MeanHours | None = None
    interrupted: bool = False

    def part(self, share: float) -> float | None:
        """Seconds: a share of what is left."""
        return None if self.end == float("inf") else max(0.0, share * (self.end - time.perf_counter()))

    @property
    def pools(self) -> set[Pool]:
        """Pools of the best plan so far."""
        return set() if self.values is None else pools_of(self.program, self.values)

    @property
    def over(self) -> bool:
        """Whether plan and bound are as near as asked for, or the time is over."""
        if self.interrupted or self.part(1.0) == 0.0:
            return True
        return self.values is not None and near(self.objective, self.bound, self.gap)

    def prove(self, coarse: MeanHours) -> None:
        """Keep the bound of mean hours if it is the highest."""
        if coarse.linear.solved and (self.proof is None or coarse.bound > self.proof.bound):
            self.proof, self.bound = coarse, max(self.bound, coarse.bound)

    def within(
        self, without: set[int], seconds: float | None, hours: bool = True
    ) -> tuple[Outcome, Linear, Program] | None:
        """The program without some columns, in its own model (see `solve_large`); its plan is kept if it is
        the best.

        None where a row cannot do without them, or its linear program was not solved.
        """
        part = self._part(without)
        if part is None:
            return None
        pieces = pieces_of(self.problem, part.program)
        model, known = HighsModel(part.program), self._known(part, without)
        outcome, linear = solve_large(model, self.gap, seconds, known, pieces, hours)
        self._keep(part, outcome)
        return None if linear is None else (outcome, linear, part.program)

    def better(self, without: set[int], seconds: float | None) -> None:
        """The best plan made better piece by piece, without some columns."""
        part = self._part(without)
        known = None if part is None else self._known(part, without)
        if part is not None and known is not None:
            pieces = pieces_of(self.problem, part.program)
            self._keep(part, improved(HighsModel(part.program), pieces, known, self.gap, seconds))

    def _part(self, without: set[int]) -> Part | None:
        fixed = dict.fromkeys(without, 0.0)
        if not rows_hold(self.program, fixed):
            return None
        free = {c: (k.low, k.high) for c, k in enumerate(self.program.columns) if c not in fixed}
        rows = [row for row in self.program.rows if any(c in free for c, _ in row.terms)]
        return part_of(self.program, self.program.objective(), free, fixed, rows)

    def _known(self, part: Part, without: set[int]) -> Floats | None:
        """The best plan in the columns of a part; None if it has any of those left out."""
        if self.values is None or any(self.values[c] > NOTHING for c in without):
            return None
        return self.values[part.columns]

    def _keep(self, part: Part, outcome: Outcome) -> None:
        self.interrupted |= outcome.interrupted
        if outcome.values is not None and outcome.objective < self.objective:
            self.values = np.array([c.low for c in self.program.columns])
            self.values[part.columns] = outcome.values
            self.objective = outcome.objective

    def outcome(self, seconds: float) -> Outcome:
        """What is known in the end."""
        if self.values is None:
            ending, status = Ending.NO_POINT, "kTimeLimit"
            if self.interrupted:
                ending, status = Ending.INTERRUPTED, "kInterrupt"
            return Outcome(ending, status, None, float("inf"), self.bound, seconds, self.interrupted)
        bound = min(self.bound, self.objective)
        met = near(self.objective, bound, self.gap)
        ending = Ending.OPTIMAL if met else Ending.FEASIBLE
        return Outcome(ending, "kCoarse", self.values, self.objective, bound, seconds, self.interrupted)


def solve_coarse(
    problem: Problem, model: HighsModel, gap: float, seconds: float | None, known: Floats | None
) -> tuple[Outcome, MeanHours | None]:
    """The program's outcome within ``gap``, from a known plan, and what proves its bound.

    The bound may be that of a search over what is left in the end, which the proof does not reach.
    """
    started = time.perf_counter()
    end = float("inf") if seconds is None else started + seconds
    state = _Search(problem, model.program, gap, end, known)
    if known is not None:
        state.objective = model.cost(known)
    try:
        _steps(state)
    except KeyboardInterrupt:
        if state.values is None:
            raise
        state.interrupted = True
    except MemoryError:
        if state.values is None:
            raise
    if state.values is None and not state.over:  # nothing serves all, or other pools do
        outcome, _ = solve_large(model, gap, state.part(1.0))
        return outcome, None
    return state.outcome(time.perf_counter() - started), state.proof


def _steps(state: _Search) -> None:
    problem, program = state.problem, state.program
    coarse = MeanHours.of(
        problem, like_periods(problem, range(len(problem.periods)), GROUPS), state.part(MEAN)
    )
    state.prove(coarse)
    kept = (coarse.used if coarse.linear.solved else set()) | state.pools
    if state.over or not kept:
        return
    others = other_pools(program, kept)
    found = state.within(others, state.part(NEAR))
    if found is None or state.over or not coarse.linear.solved:
        return
    _, linear, near_program = found
    alone = hours_alone(coarse.linear.outcome.seconds, state.part(BETTER))
    most = linear.outcome.objective - state.bound  # no groups raise the bound by more
    if alone and (state.values is None or most > WORTH * (state.objective - state.bound)):
        groups = turning_groups(problem, near_program, linear.duals, alone)
        coarse = MeanHours.of(problem, groups, state.part(BETTER))
        state.prove(coarse)
    if not coarse.linear.solved or state.over:
        return
    without = emptied(problem, program, coarse.dear(problem, program, state.objective))
    if len(program.columns) - len(without) > MOST_COLUMNS:
        state.better(others, state.part(1.0))
        return
    found = state.within(without, state.part(1.0), hours=state.values is None)
    if found is not None:
        state.bound = max(state.bound, min(found[0].bound, state.objective))


def hours_alone(taken: float, seconds: float | None) -> int:
    """Hours of an epoch that may stand alone beside its groups, so that the linear program ends in its time.

    ``taken`` seconds were those of the groups alone.
    """
    if seconds is None or taken <= 0:
        return ALONE
    times: float = (seconds / taken) ** (1 / GROWS)  # as large a program
    return max(0, min(ALONE, int(GROUPS * times) - GROUPS))


def other_pools(program: Program, kept: set[Pool]) -> set[int]:
    """Columns of all pools but those that are kept."""
    return {
        c
        for prefix, at in POOLED.items()
        for key, c in program.family(prefix)
        if key[at : at + 2] not in kept
    }


def emptied(problem: Problem, program: Program, without: set[int]) -> set[int]:
    """Columns of replicas that are left out, with the traffic of the pools that have none left."""
    left: set[tuple[Any, ...]] = set()
    for (_, p, i, e, _n), c in program.family("R"):
        if c not in without:
            left.add((p, i, "s", e))
    for (_, p, i, t), c in program.family("Q"):
        if c not in without:
            left.add((p, i, "e", t))
    epoch = [p.epoch for p in problem.periods]
    found = set(without)
    for (_, p, i, mode, _b, t), c in program.family("x"):
        if (p, i, mode, epoch[t] if mode == "s" else t) not in left:
            found.add(c)
    for (_, _l, p, i, _b, t), c in program.family("y"):
        if (p, i, "s", epoch[t]) not in left:
            found.add(c)
    return found
