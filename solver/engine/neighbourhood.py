"""Whole numbers of a large program, searched near its linear program first.

The columns that the linear program uses make a small program, whose fleets are often near enough to the
bound that the linear program is. Where they are not, columns that cost little more are added, and then all
but those that no better fleet uses.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome, near
from solver.engine.apart import Bounds, Floats, search
from solver.engine.fleet_first import fleet_first, hourly_counts, served
from solver.engine.piece_by_piece import Piece, improved
from solver.formulation.model import Program

#: Programs of so many columns are searched near their linear program first.
LARGE = 5000
#: Linear programs of so many columns are solved by the interior point method.
INTERIOR = 10_000
#: What a linear program leaves at its lower bound (absolute).
NOTHING = 1e-9
#: Fleets are searched among the columns that the linear program uses, then also among those a unit of which
#: would cost so little more there (share of the gap asked for, in cost).
NEAR = 0.02
#: The fleet is searched before its hours to this gap at the least, and its hours are served to the same.
ROUGH = 1e-3
#: Share of the time in which small programs are searched all at once first.
FIRST = 0.25
#: Shares of the time left: for the linear program, for each search near it, piece by piece, and for the hours
#: of a fleet.
LINEAR, SEARCH, PIECES, HOURS = 0.5, 0.4, 0.5, 0.6


@dataclass(frozen=True)
class Linear:
    """A program's linear program: its outcome, row duals and reduced costs (k$ per unit)."""

    outcome: Outcome
    duals: Floats
    reduced_costs: Floats

    @classmethod
    def of(cls, model: HighsModel, seconds: float | None) -> Linear:
        """Solved in fractions; Ctrl-C is raised."""
        large = len(model.program.columns) >= INTERIOR
        with model.relaxed(), model.interior() if large else nullcontext():
            outcome = model.solve(0.0, seconds, linear=True)
            if outcome.interrupted:
                raise KeyboardInterrupt
            duals, costs = model.duals() if outcome.values is not None else (np.zeros(0), np.zeros(0))
        return cls(outcome, duals, costs)

    @property
    def solved(self) -> bool:
        """Whether its optimum is known: then it is a bound."""
        return self.outcome.ending is Ending.OPTIMAL

    def unused(self, program: Program, near_kusd: float = 0.0) -> Bounds:
        """Whole-number columns left at their lower bound, held there.

        Not held: those a unit of which would cost less than ``near_kusd`` more there, and the other capacity
        lines of pools that are used (in fractions a pool is on the line of the largest: whole ones may be too
        small for it). What is left is a small program with good fleets; the best of all may be shut out.
        """
        held = {c for c in self._at_low(program) if self.reduced_costs[c] >= near_kusd}
        lines = [(key[1:4], c) for prefix in ("R", "z") for key, c in program.family(prefix)]
        pools = {pool for pool, c in lines if c not in held}
        held -= {c for pool, c in lines if pool in pools}
        return {c: (program.columns[c].low, program.columns[c].low) for c in sorted(held)}

    def too_dear(self, program: Program, best_kusd: float) -> Bounds:
        """Whole-number columns that no fleet cheaper than ``best_kusd`` uses beyond their low, held there.

        One unit more costs at least the linear program's optimum plus the column's reduced cost.
        """
        room = best_kusd * (1 + 1e-9) - self.outcome.objective
        return {
            c: (program.columns[c].low, program.columns[c].low)
            for c in self._at_low(program)
            if self.reduced_costs[c] > room
        }

    def _at_low(self, program: Program) -> list[int]:
        assert self.outcome.values is not None
        values, columns = self.outcome.values, enumerate(program.columns)
        return [c for c, column in columns if column.integer and values[c] <= column.low + NOTHING]


def solve_small(
    model: HighsModel, gap: float, seconds: float | None, known: Floats | None, pieces: list[Piece]
) -> Outcome:
    """The program's outcome within ``gap``, from a known plan.

    What is not solved in part of the time is made better piece by piece, and then searched from there.
    """
    if seconds is None or not pieces:
        return search(model, {}, gap, seconds, known)
    end = time.perf_counter() + seconds
    first = search(model, {}, gap, FIRST * seconds, known)
    if first.ending not in (Ending.FEASIBLE, Ending.NO_POINT) or first.interrupted:
        return first
    best = _Best(first.values, first.bound, first if first.values is not None else None)
    if best.values is not None:
        left = PIECES * (end - time.perf_counter())
        best.keep(improved(model, pieces, best.values, max(gap / 2, ROUGH), left))
        if best.done(gap):
            return best.outcome(gap)
    outcome = search(model, {}, gap, max(0.0, end - time.perf_counter()), best.values)
    if best.found is None:
        return outcome
    best.bound = max(best.bound, min(outcome.bound, best.found.objective))
    best.keep(outcome)
    return best.outcome(gap)


def solve_large(
    model: HighsModel,
    gap: float,
    seconds: float | None,
    known: Floats | None = None,
    pieces: list[Piece] | None = None,
    hours: bool = True,
) -> tuple[Outcome, Linear | None]:
    """The program's outcome within ``gap``, from a known plan; its linear program, where solved.

    Plans near the linear program are made better piece by piece (solver.engine.piece_by_piece). Without
    ``hours`` no fleet is found before its hours are served (solver.engine.fleet_first), but its bound.
    """
    started = time.perf_counter()

    def part(share: float) -> float | None:
        return None if seconds is None else max(0.0, share * (started + seconds - time.perf_counter()))

    linear = Linear.of(model, part(LINEAR))
    if not linear.solved:
        return search(model, {}, gap, part(1.0), known), None
    program, dearer = model.program, NEAR * gap * abs(linear.outcome.objective)
    best = _Best.of(model, known, linear.outcome.objective)

    def by_pieces() -> Iterator[None]:
        if pieces and best.values is not None and best.values is not best.searched:
            best.keep(improved(model, pieces, best.values, max(gap / 2, ROUGH), part(PIECES)))
            best.searched = best.values
            yield

    def steps() -> Iterator[None]:
        if hourly_counts(program):
            fleet = fleet_first(model, max(gap / 2, ROUGH), part(SEARCH), best.values)
            best.bound = max(best.bound, fleet.bound)
            for plan in served(model, fleet, max(gap / 2, ROUGH), part(HOURS)) if hours else ():
                best.keep(plan)
                yield
        yield from by_pieces()
        best.keep(search(model, linear.unused(program), gap, part(SEARCH), best.values))
        yield
        yield from by_pieces()
        if dearer:
            best.keep(search(model, linear.unused(program, dearer), gap, part(SEARCH), best.values))
            yield

    try:
        for _ in steps():
            if best.done(gap):
                return best.outcome(gap), linear
        dear = {} if best.found is None else linear.too_dear(program, best.found.objective)
        outcome = search(model, dear, gap, part(1.0), best.values)
    except MemoryError:
        if best.found is None:
            raise
        return best.outcome(gap), linear
    if best.found is None:
        return outcome, linear
    best.bound = max(best.bound, min(outcome.bound, best.found.objective))
    best.keep(outcome)
    return best.outcome(gap), linear


@dataclass
class _Best:
    """The cheapest outcome so far."""

    values: Floats | None
    bound: float
    found: Outcome | None = None
    searched: Floats | None = None  # the values that have been searched piece by piece

    @classmethod
    def of(cls, model: HighsModel, known: Floats | None, bound: float) -> _Best:
        """A known plan to begin with."""
        if known is None:
            return cls(None, bound)
        return cls(
            known, bound, Outcome(Ending.FEASIBLE, "kKnown", known, model.cost(known), float("-inf"), 0.0)
        )

    def keep(self, outcome: Outcome) -> None:
        better = self.found is None or outcome.objective < self.found.objective
        if outcome.values is not None and better:
            self.found, self.values = outcome, outcome.values
        elif self.found is not None:
            self.found = replace(self.found, interrupted=self.found.interrupted or outcome.interrupted)

    def done(self, gap: float) -> bool:
        if self.found is None:
            return False
        return self.found.interrupted or near(self.found.objective, self.bound, gap)

    def outcome(self, gap: float) -> Outcome:
        assert self.found is not None
        found = replace(self.found, bound=min(self.bound, self.found.objective))
        met = near(found.objective, found.bound, gap)
        return replace(found, ending=Ending.OPTIMAL if met else Ending.FEASIBLE)
