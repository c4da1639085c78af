"""The program at the mean hours of groups: a relaxation of all hours, and the cuts that make it tight."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.backend.highs import HighsModel
from solver.engine.dispatch import dispatch
from solver.engine.neighbourhood import Linear
from solver.formulation.build import build_program
from solver.formulation.clusters import HOURLY
from solver.formulation.epochs import Period
from solver.formulation.groups import Curves, Group
from solver.formulation.merge import merged
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared

#: Parts of a group that is cut, and the share of the difference that is cut at once.
PARTS, SPLIT_SHARE = 4, 0.95
#: Linear programs by which groups are cut beforehand, the share of the gap that may stay hidden in their
#: mean hours, and by how much a fleet in fractions is enlarged so that it serves what it just serves.
CUTS, CUT_SHARE, ROOM = 6, 0.15, 1e-7
#: Groups are cut into so many more at once.
MOST_GROUPS = 1500


@dataclass(frozen=True)
class Relaxed:
    """Groups of hours, the model at their mean hours, and its linear program."""

    groups: list[Group]
    model: HighsModel
    linear: Linear
    seconds: float  # that it took

    @classmethod
    def of(cls, prepared: Prepared, groups: list[Group], end: float) -> Relaxed:
        """Built and solved in fractions."""
        started = time.perf_counter()
        model = HighsModel(relaxation(prepared, groups))
        linear = Linear.of(model, left(end))
        return cls(groups, model, linear, time.perf_counter() - started)

    def affords(self, groups: int, end: float) -> bool:
        """Whether so many groups can be built and solved before ``end``, as far as this one tells."""
        return time.perf_counter() + self.seconds * groups / len(self.groups) < end


def left(end: float) -> float | None:
    """Seconds until ``end`` (perf_counter), None if there is no end."""
    return None if end == float("inf") else max(0.0, end - time.perf_counter())


def least_cost(program: Program) -> float:
    """The bound that the columns alone give, k$: each at the end of its range that costs less."""
    ranges = ((kusd, program.columns[c]) for c, kusd in program.objective().items())
    return float(sum(kusd * (column.low if kusd > 0 else column.high) for kusd, column in ranges if kusd))


def with_periods(
    prepared: Prepared, periods: tuple[Period, ...], fleet: Mapping[tuple[Any, ...], float] | None = None
) -> Prepared:
    """The prepared problem over other periods, in the same unit of traffic.

    No traffic goes to pools that a ``fleet`` (replicas and the like, by key of their column) does not have.
    """
    assert prepared.curves is not None
    problem = replace(
        prepared.problem,
        periods=periods,
        peaks_rps=prepared.curves.peaks_rps,
        empty_pools=empty_pools(fleet or {}),
    )
    return replace(prepared, problem=problem)


def empty_pools(fleet: Mapping[tuple[Any, ...], float]) -> frozenset[tuple[int, int, int]]:
    """Point, site and epoch of the pools in which a fleet has no replicas."""
    replicas: dict[tuple[int, int, int], float] = {}
    for (prefix, *key), count in fleet.items():
        if prefix == "R":
            p, i, e = key[:3]
            replicas[p, i, e] = replicas.get((p, i, e), 0.0) + count
    return frozenset(pool for pool, count in replicas.items() if count <= 0)


def relaxation(
    prepared: Prepared, groups: list[Group], fleet: Mapping[tuple[Any, ...], float] | None = None
) -> Program:
    """The program at the mean hours (of a fleet); hourly purchases of unlike hours may be fractions."""
    assert prepared.curves is not None
    periods = prepared.curves.periods(groups, mean=True)
    program = build_program(with_periods(prepared, periods, fleet).problem)
    unlike = {n for n, group in enumerate(groups) if not prepared.curves.alike(group)}
    for key, column in program.index.items():
        if key[0] in HOURLY and key[-1] in unlike and program.columns[column].integer:
            program.columns[column] = program.columns[column]._replace(integer=False)
    return merged(program)


def refined(prepared: Prepared, groups: list[Group], gap: float, early: float, end: float) -> Relaxed:
    """Groups cut until their mean hours stand for their hours, as far as the linear program tells.

    Its fleet (in fractions) is kept while each group is cut in parts: what these cost more is what the
    mean hour hides. Cutting ends at the time ``early``.
    """
    assert prepared.curves is not None
    found = Relaxed.of(prepared, groups, end)
    for _ in range(CUTS):
        over = hidden(prepared, found, early) if found.linear.solved else None
        if over is None or over.sum() <= CUT_SHARE * gap * abs(found.linear.outcome.objective):
            return found
        groups = cut(prepared.curves, found.groups, over, MOST_GROUPS)
        if not found.affords(len(groups), early):
            return found
        finer = Relaxed.of(prepared, groups, end)
        if not finer.linear.solved:
            return found
        found = finer
    return found


def hidden(prepared: Prepared, relaxed: Relaxed, end: float) -> NDArray[np.float64] | None:
    """What the fleet of a linear program pays more for each group once that is cut in parts, k$.

    None where no group can be cut, the fleet does not serve the parts, or the time ``end`` is over.
    """
    assert prepared.curves is not None
    found = relaxed.linear.outcome.values
    assert found is not None
    program = relaxed.model.program
    parts = [part for group in relaxed.groups for part in prepared.curves.parts(group, PARTS)]
    if len(parts) == len(relaxed.groups) or not relaxed.affords(len(parts), end):
        return None
    fleet = {
        key: max(float(found[c]), 0.0) * (1 + ROOM)
        for key, c in program.index.items()
        if key[0] not in HOURLY
    }
    below = relaxation(prepared, parts, fleet)
    below = replace(below, columns=[c._replace(integer=False) for c in below.columns])
    fixed = {below.index[key]: count for key, count in fleet.items()}
    values = dispatch(below, fixed, 0.0, end, rounding=1e-5)
    if values is None:
        return None
    over = -period_costs(program, found, len(relaxed.groups))
    at = iter(period_costs(below, values, len(parts)))
    for n, group in enumerate(relaxed.groups):
        over[n] += sum(next(at) for _ in prepared.curves.parts(group, PARTS))
    return over


def period_costs(program: Program, values: NDArray[np.float64], periods: int) -> NDArray[np.float64]:
    """What is paid by the hour in each period, k$."""
    costs, found = program.objective(), np.zeros(periods)
    for key, column in program.index.items():
        if key[0] in HOURLY and column in costs:
            found[key[-1]] += costs[column] * values[column]
    return found


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
