"""A year of hours in groups: lower bound at the mean hours, plan at the largest, split where they differ.

Each round solves the program at the mean demand of its groups (a relaxation of all hours: its bound is
certified for the whole problem), fixes the fleet found, and serves every hour with it in finer groups, at
their largest demand. Groups whose two costs differ most are split for the next round, until plan and bound
are as near as asked for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.dispatch import dispatch
from solver.formulation.build import build_program
from solver.formulation.clusters import HOURLY
from solver.formulation.epochs import Period
from solver.formulation.groups import Curves, Group
from solver.formulation.merge import merged_sites, rented_at_one_site
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared

#: Rounds of the relaxation; parts of a group of it that is split; share of the difference that is split.
ROUNDS, PARTS, SPLIT_SHARE = 8, 4, 0.95
#: The relaxation is solved to this part of the gap asked for, and to no less than LEAST_GAP.
PART_OF_GAP, LEAST_GAP = 0.5, 1e-5
#: Linear programs by which groups are cut beforehand, the share of the gap that may stay hidden in their
#: mean hours, and by how much a fleet in fractions is enlarged so that it serves what it just serves.
CUTS, CUT_SHARE, ROOM = 6, 0.15, 1e-7
#: Groups of the dispatch: so many, and as many again where the largest hour costs much more than the mean.
MOST_GROUPS = 1500


@dataclass(frozen=True)
class Solved:
    """A plan's program and outcome, and the model (with its own program) that proves its bound.

    Where hours are few both are the same; in groups the proof is the relaxation at the mean hours.
    """

    prepared: Prepared
    program: Program
    outcome: Outcome
    proof: HighsModel


@dataclass(frozen=True)
class Fleet:
    """Whole numbers of everything that does not belong to an hour, by the key of its column."""

    counts: dict[tuple[object, ...], float]

    @classmethod
    def of(cls, program: Program, outcome: Outcome) -> Fleet:
        """The fleet of an outcome."""
        assert outcome.values is not None
        values = outcome.values
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


def solve_grouped(prepared: Prepared, gap: float, time_limit_s: float | None) -> Solved | Outcome:
    """The plan at the largest hours with the bound of the mean hours; the outcome alone if there is none."""
    assert prepared.curves is not None
    started = time.perf_counter()
    end = started + (time_limit_s if time_limit_s is not None else float("inf"))
    early = started + 0.3 * (end - started)
    groups, bound = refined(prepared, list(prepared.groups), gap, early), float("-inf")
    best: Solved | None = None
    proof: HighsModel | None = None
    interrupted = False
    for _ in range(ROUNDS):
        model = HighsModel(relaxation(prepared, groups))
        model.search_plans()
        if best is not None:
            offer(model, best)
        outcome = model.solve(max(gap * PART_OF_GAP, LEAST_GAP), _part(end))
        interrupted = outcome.interrupted
        if outcome.values is None:
            if best is None:
                return outcome
            break
        if proof is None or outcome.bound > bound:
            bound, proof = outcome.bound, model
        try:
            found = dispatch_all(prepared, groups, gap, outcome, model, end)
        except KeyboardInterrupt:
            if best is None:
                raise
            interrupted = True
            break
        if found is not None and (best is None or found.outcome.objective < best.outcome.objective):
            best = replace(found, proof=proof)
        if best is not None and best.outcome.objective - bound <= gap * best.outcome.objective + 1e-9:
            break
        finer = groups if found is None else split(prepared.curves, groups, model.program, outcome, found)
        if interrupted or _left(end) == 0 or len(finer) == len(groups):
            break
        groups = finer
    if best is None or proof is None:
        spent = time.perf_counter() - started
        ending, status = (
            (Ending.INTERRUPTED, "kInterrupt") if interrupted else (Ending.NO_POINT, "kTimeLimit")
        )
        return Outcome(ending, status, None, float("inf"), bound, spent, interrupted)
    interrupted = interrupted or best.outcome.interrupted
    outcome = replace(best.outcome, bound=min(bound, best.outcome.objective), interrupted=interrupted)
    met = outcome.gap <= gap + 1e-9
    outcome = replace(outcome, ending=Ending.OPTIMAL if met else Ending.FEASIBLE)
    return replace(best, outcome=outcome, proof=proof)


def refined(prepared: Prepared, groups: list[Group], gap: float, end: float) -> list[Group]:
    """Groups cut until their mean hours stand for their hours, as far as the linear program tells.

    Its fleet (in fractions) is kept while each group is cut in parts: what these cost more is what the
    mean hour hides.
    """
    assert prepared.curves is not None
    for _ in range(CUTS):
        if _left(end) == 0:
            return groups
        program = relaxation(prepared, groups)
        model = HighsModel(program)
        with model.relaxed():
            outcome = model.solve(0.0, _part(end), linear=True)
        if outcome.interrupted:
            raise KeyboardInterrupt
        if outcome.values is None:
            return groups
        parts = [part for group in groups for part in prepared.curves.parts(group, PARTS)]
        below = relaxation(prepared, parts)
        below = replace(below, columns=[replace(c, integer=False) for c in below.columns])
        fleet = {
            below.index[key]: float(outcome.values[c]) * (1 + ROOM)
            for key, c in program.index.items()
            if key[0] not in HOURLY
        }
        values = dispatch(below, fleet, 0.0, end, rounding=1e-5)
        if values is None or len(parts) == len(groups):
            return groups
        over = -period_costs(program, outcome.values, len(groups))
        at = iter(period_costs(below, values, len(parts)))
        for n, group in enumerate(groups):
            over[n] += sum(next(at) for _ in prepared.curves.parts(group, PARTS))
        if over.sum() <= CUT_SHARE * gap * abs(outcome.objective):
            return groups
        groups = cut(prepared.curves, groups, over, MOST_GROUPS)
    return groups


def _part(end: float) -> float | None:
    """Seconds for one relaxation: most of what is left, but so that its fleet can still be served."""
    left = _left(end)
    return None if left is None else 0.7 * left


def _left(end: float) -> float | None:
    return None if end == float("inf") else max(0.0, end - time.perf_counter())


def with_periods(prepared: Prepared, periods: tuple[Period, ...]) -> Prepared:
    """The prepared problem over other periods, in the same unit of traffic."""
    assert prepared.curves is not None
    problem = replace(prepared.problem, periods=periods, peaks_rps=prepared.curves.peaks_rps)
    return replace(prepared, problem=problem)


def relaxation(prepared: Prepared, groups: list[Group]) -> Program:
    """The program at the mean hours; hourly purchases of unlike hours may be fractions."""
    assert prepared.curves is not None
    program = build_program(with_periods(prepared, prepared.curves.periods(groups, mean=True)).problem)
    unlike = {n for n, group in enumerate(groups) if not prepared.curves.alike(group)}
    for key, column in program.index.items():
        if key[0] in HOURLY and key[-1] in unlike and program.columns[column].integer:
            program.columns[column] = replace(program.columns[column], integer=False)
    return merged_sites(rented_at_one_site(program))


def offer(model: HighsModel, best: Solved) -> None:
    """Start the search of a relaxation from the fleet of the best plan."""
    fleet = Fleet.of(best.program, best.outcome).columns(model.program)
    values = dispatch(model.program, fleet, 1e-3 * best.outcome.objective, float("inf"))
    if values is not None:
        model.start_from(values)


def dispatch_all(
    prepared: Prepared,
    groups: list[Group],
    gap: float,
    relaxed: Outcome,
    proof: HighsModel,
    end: float,
) -> Solved | None:
    """Every hour served by the fleet of a relaxation, each group at its largest hour."""
    assert prepared.curves is not None
    fleet = Fleet.of(proof.program, relaxed)
    fine = prepared.curves.fine(groups, MOST_GROUPS)
    slack = 0.05 * gap * abs(relaxed.objective)
    found: Solved | None = None
    for _ in range(2):
        now = with_periods(prepared, prepared.curves.periods(fine, mean=False))
        program = rented_at_one_site(build_program(now.problem))
        values = dispatch(program, fleet.columns(program), slack, end)
        if values is None:
            return found
        cost = sum(kusd * values[c] for c, kusd in program.objective().items())
        outcome = replace(relaxed, values=values, objective=float(cost), ending=Ending.FEASIBLE)
        found = Solved(now, program, outcome, proof)
        over = period_costs(program, values, len(fine)) * prepared.curves.spread(fine)
        if over.sum() <= 0.1 * gap * cost:
            break
        fine = cut(prepared.curves, fine, over, MOST_GROUPS)
    return found


def period_costs(program: Program, values: NDArray[np.float64], periods: int) -> NDArray[np.float64]:
    """What is paid by the hour in each period, k$."""
    costs, found = program.objective(), np.zeros(periods)
    for key, column in program.index.items():
        if key[0] in HOURLY and column in costs:
            found[int(str(key[-1]))] += costs[column] * values[column]
    return found


def split(
    curves: Curves,
    groups: list[Group],
    relaxed: Program,
    outcome: Outcome,
    found: Solved,
) -> list[Group]:
    """Groups of the relaxation cut in parts where their hours cost more than their mean hour does."""
    assert outcome.values is not None
    assert found.outcome.values is not None
    home = {(g.epoch, g.services, h): n for n, g in enumerate(groups) for h in g.hours}
    over = -period_costs(relaxed, outcome.values, len(groups))
    paid = period_costs(found.program, found.outcome.values, len(found.prepared.problem.periods))
    for period, cost in zip(found.prepared.problem.periods, paid, strict=True):
        own = period.services or tuple(range(len(period.rate_rps)))
        over[home[period.epoch, own, period.covers[0]]] += cost
    return cut(curves, groups, over, MOST_GROUPS)


def cut(curves: Curves, groups: list[Group], over: NDArray[np.float64], most: int) -> list[Group]:
    """Groups that make up most of the difference ``over`` cut in parts, at most ``most`` more."""
    chosen: set[int] = set()
    passed, total = 0.0, float(np.maximum(over, 0.0).sum())
    for n in sorted(range(len(groups)), key=lambda n: -over[n])[: most // PARTS]:
        if over[n] <= 0 or passed > SPLIT_SHARE * total:
            break
        passed += float(over[n])
        chosen.add(n)
    return [
        part
        for n, group in enumerate(groups)
        for part in (curves.parts(group, PARTS) if n in chosen else [group])
    ]
