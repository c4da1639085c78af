"""The program at the mean of few groups of like hours: small, and a relaxation.

For a fixed fleet the cost of an hour is convex in its demand: a mean hour costs at most what its hours do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from solver.backend.highs import HighsModel
from solver.engine.apart import Floats
from solver.engine.neighbourhood import NOTHING, Linear
from solver.formulation.build import build_program
from solver.formulation.clusters import HOURLY_COUNTS
from solver.formulation.epochs import Period, tariff_sites
from solver.formulation.groups import median_cut
from solver.formulation.limits import lines_of
from solver.formulation.model import Program
from solver.formulation.problem import Problem

#: Groups of an epoch to begin with, and hours of an epoch that may then stand alone beside them, by the share
#: that they make up of what hours cost beyond the least.
GROUPS, ALONE, TURNS_ON = 4, 6, 0.98
#: Columns of traffic.
TRAFFIC = ("x", "a", "y", "u", "v")

Groups = list[list[int]]  # periods of the program
Pool = tuple[int, int]  # point, site


@dataclass(frozen=True)
class MeanHours:
    """Groups of hours, the model at their mean, and its linear program."""

    groups: Groups
    model: HighsModel
    linear: Linear

    @classmethod
    def of(cls, problem: Problem, groups: Groups, seconds: float | None) -> MeanHours:
        """Built and solved in fractions. Groups hold periods of one epoch each."""
        most = problem.busiest if problem.defers else ()
        whole = replace(problem, peaks_rps=problem.peaks, most_work=most)
        model = at_mean_hours(whole, mean_periods(problem, groups))
        return cls(groups, model, Linear.of(model, seconds))

    @property
    def bound(self) -> float:
        """What every plan costs at least, k$."""
        return self.linear.outcome.objective if self.linear.solved else float("-inf")

    @property
    def used(self) -> set[Pool]:
        """Pools that have replicas."""
        values = self.linear.outcome.values
        assert values is not None
        return pools_of(self.model.program, values)

    def dear(self, problem: Problem, program: Program, best_kusd: float) -> set[int]:
        """Columns of replicas that no fleet cheaper than ``best_kusd`` has any of.

        One replica costs the bound plus its reduced cost at the least; on a capacity line that begins with
        more replicas, as much for each of them. One of a single hour is the part of a mean hour that the
        hour is of its group.
        """
        room, home = best_kusd * (1 + 1e-9) - self.bound, self._home(problem)
        costs, values, index = self.linear.reduced_costs, self.linear.outcome.values, self.model.program.index
        assert values is not None
        found = set()
        for prefix in ("R", "Q"):
            for key, c in program.family(prefix):
                if prefix == "R":
                    at, times = (
                        index[key],
                        float(max(1, lines_of(problem, problem.points[key[1]])[key[4]].low)),
                    )
                else:
                    group, times = home[key[3]]
                    at = index[(*key[:3], group)]
                if values[at] <= NOTHING and costs[at] * times > room:
                    found.add(c)
        return found

    def _home(self, problem: Problem) -> dict[int, tuple[int, float]]:
        """For each period its group and the part of the group's hours that it has."""
        found: dict[int, tuple[int, float]] = {}
        for n, group in enumerate(self.groups):
            hours = sum(problem.periods[t].hours for t in group)
            found |= {t: (n, problem.periods[t].hours / hours) for t in group}
        return found


def at_mean_hours(problem: Problem, mean: tuple[Period, ...]) -> HighsModel:
    """The relaxation at the mean hours of groups: whole numbers of an hour are fractions in their mean."""
    program = build_program(replace(problem, periods=mean))
    hourly = {c for prefix in HOURLY_COUNTS for _, c in program.family(prefix)}
    columns = [c._replace(integer=False) if n in hourly else c for n, c in enumerate(program.columns)]
    return HighsModel(replace(program, columns=columns))


def like_periods(problem: Problem, among: Iterable[int], most: int) -> Groups:
    """Periods of each epoch in at most so many groups of like demand (and tariff)."""
    by_epoch: dict[int, list[int]] = defaultdict(list)
    for t in among:
        by_epoch[problem.periods[t].epoch].append(t)
    priced = [problem.sites.index(site) for site in tariff_sites(problem.workload)]
    found: Groups = []
    for mine in by_epoch.values():
        periods = [problem.periods[t] for t in mine]
        vectors = [(*p.rate_rps, *(problem.tariff(i, p) for i in priced)) for p in periods]
        found += [[mine[n] for n in part] for part in median_cut(vectors, most)]
    return found


def mean_periods(problem: Problem, groups: Groups) -> tuple[Period, ...]:
    """A period for each group: the mean demand of its hours, the least tariff."""
    found = []
    for n, group in enumerate(groups):
        mine = [problem.periods[t] for t in group]
        hours = sum(p.hours for p in mine)
        columns = list(zip(*(p.rate_rps for p in mine), strict=True))
        alone = len(mine) == 1
        rates = tuple(
            c[0] if alone else sum(p.hours * rate for p, rate in zip(mine, c, strict=True)) / hours
            for c in columns
        )
        label = mine[0].label if alone else f"epoch {mine[0].epoch + 1}, {len(mine)} like hours ({n})"
        found.append(
            replace(
                mine[0],
                index=n,
                hours=hours,
                rate_rps=rates,
                label=label,
                covers=tuple(sorted({h for p in mine for h in p.covers})),
                cheapest=True,
                largest_rps=() if alone else tuple(map(max, columns)),
            )
        )
    return tuple(found)


def pools_of(program: Program, values: Floats) -> set[Pool]:
    """Pools that have replicas."""
    return {key[1:3] for prefix in ("R", "Q") for key, c in program.family(prefix) if values[c] > NOTHING}


def turning_groups(problem: Problem, program: Program, duals: Floats, most: int = ALONE) -> Groups:
    """Hours that a linear program turns on, at most so many of an epoch by themselves, the others in groups.

    What an hour costs are the duals of its demand; of that counts what is beyond its length at the least.
    """
    costs = np.zeros(len(problem.periods))
    for row, dual in zip(program.rows, duals, strict=True):
        if row.family in ("demand", "site_loss") and row.rhs:
            keys = (program.columns[c].key for c, _ in row.terms)
            at = next((key for key in keys if key[0] in TRAFFIC), None)
            if at is not None:
                costs[at[-1]] += abs(dual * row.rhs)
    groups: Groups = []
    for epoch in problem.epochs:
        mine = [t for t, p in enumerate(problem.periods) if p.epoch == epoch.index]
        hours = np.array([problem.periods[t].hours for t in mine])
        over = costs[mine] - hours * float((costs[mine] / hours).min())
        alone: list[int] = []
        passed = 0.0
        for n in np.argsort(-over, kind="stable")[:most]:
            if passed < TURNS_ON * over.sum():
                alone.append(mine[n])
                passed += float(over[n])
        groups += [[t] for t in alone]
        groups += like_periods(problem, [t for t in mine if t not in alone], GROUPS)
    return groups
