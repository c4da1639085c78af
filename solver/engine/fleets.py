"""Fleets for a year of hours: found near the linear program, and every hour served with them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.dispatch import dispatch
from solver.engine.neighbourhood import solve_large
from solver.engine.relaxation import MOST_GROUPS, Relaxed, cut, left, period_costs, with_periods
from solver.formulation.build import build_program
from solver.formulation.clusters import HOURLY
from solver.formulation.groups import Group
from solver.formulation.merge import rented_at_one_site
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared

#: Times the groups of a dispatch are cut, and the share of the gap that their largest hours may cost.
FINER, FINE_SHARE = 4, 0.1


@dataclass(frozen=True)
class Solved:
    """A plan's program and outcome, and the model (with its own program) that proves its bound.

    Where hours are few both are the same; in groups the proof is the relaxation at the mean hours.
    """

    prepared: Prepared
    program: Program
    outcome: Outcome
    proof: HighsModel
    groups: Sequence[Group] = ()  # of the plan
    multipliers: NDArray[np.float64] | None = None  # of the rows of the proof's linear program


@dataclass(frozen=True)
class Fleet:
    """Whole numbers of everything that does not belong to an hour, by the key of its column."""

    counts: dict[tuple[Any, ...], float]

    @classmethod
    def of(cls, program: Program, values: NDArray[np.float64]) -> Fleet:
        """The fleet of a program's values."""
        return cls(
            {
                key: float(round(values[c]))
                for key, c in program.index.items()
                if program.columns[c].integer and key[0] not in HOURLY
            }
        )

    def columns(self, program: Program) -> dict[int, float]:
        """The same whole numbers by the columns of another program."""
        return {program.index[key]: count for key, count in self.counts.items() if key in program.index}


def placed(model: HighsModel, best: Solved, end: float) -> NDArray[np.float64] | None:
    """The fleet of the best plan in the columns of a relaxation, None if it does not fit there."""
    assert best.outcome.values is not None
    fleet = Fleet.of(best.program, best.outcome.values).columns(model.program)
    return dispatch(model.program, fleet, 1e-3 * best.outcome.objective, end)


def serve_all(
    prepared: Prepared,
    relaxed: Relaxed,
    fleet: Fleet,
    groups: list[Group],
    gap: float,
    end: float,
    rounds: int = FINER,
) -> Solved | None:
    """Every hour served by a fleet, each of ``groups`` at its largest hour; None if it does not serve them.

    Groups are cut while their largest hours cost much more than their mean hours, and time is left; they
    are served ``rounds`` times at most.
    """
    assert prepared.curves is not None
    slack = 0.05 * gap * abs(relaxed.linear.outcome.objective)
    found: Solved | None = None
    for _ in range(rounds):
        started = time.perf_counter()
        now, program = at_largest(prepared, groups, fleet.counts)
        served = dispatch(program, fleet.columns(program), slack, end)
        if served is None:
            return found
        cost = _cost(program, served)
        if found is None or cost < found.outcome.objective:
            outcome = Outcome(
                Ending.FEASIBLE, "kOptimal", served, cost, relaxed.linear.outcome.objective, 0.0
            )
            found = Solved(now, program, outcome, relaxed.model, groups)
        over = period_costs(program, served, len(groups)) * prepared.curves.spread(groups)
        finer = cut(prepared.curves, groups, over, MOST_GROUPS)
        seconds = (time.perf_counter() - started) * len(finer) / len(groups)
        if (
            over.sum() <= FINE_SHARE * gap * cost
            or len(finer) == len(groups)
            or time.perf_counter() + seconds > end
        ):
            return found
        groups = finer
    return found


def at_largest(
    prepared: Prepared, groups: list[Group], fleet: Mapping[tuple[Any, ...], float] | None = None
) -> tuple[Prepared, Program]:
    """The problem with each group at its largest hour (served by a fleet), and its program."""
    assert prepared.curves is not None
    now = with_periods(prepared, prepared.curves.periods(groups, mean=False), fleet)
    return now, rented_at_one_site(build_program(now.problem))


def solve_largest(prepared: Prepared, relaxed: Relaxed, gap: float, end: float) -> Solved | None:
    """A plan found at the largest hours themselves, where no fleet of the mean hours serves them all."""
    now, program = at_largest(prepared, relaxed.groups)
    model = HighsModel(program)
    outcome, _ = solve_large(model, gap, left(end))
    if outcome.values is None:
        return None
    outcome = replace(outcome, bound=relaxed.linear.outcome.objective)
    return Solved(now, program, outcome, relaxed.model, relaxed.groups)


def _cost(program: Program, values: NDArray[np.float64]) -> float:
    return float(sum(kusd * values[c] for c, kusd in program.objective().items()))
