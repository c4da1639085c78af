"""Families about wear of non-volatile memory, and about the systems bought in place of worn ones."""

from __future__ import annotations

import math

from solver.formulation.limits import LEAST_LOAD, lines_of
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family
from solver.operating_points.dominance import lives_per_request
from solver.operating_points.point import OperatingPoint


@family(
    "endurance",
    "sum_{t in e} 3600 hours_t sum_b w[p,b] lambda_k x[p,i,s,b,t] + u[p,e] R[p,i,e] "
    "<= years_e / horizon R[p,i,e] + swap[p,i,e]",
)
def endurance(problem: Problem, program: Program) -> None:
    """What wears memory out stays within its endurance, or worn systems are replaced, per pool and epoch.

    sum_{t in e} 3600 hours_t sum_b w[p,b] lambda_k x[p,i,s,b,t] + u[p,e] sum_l R[p,i,e,l]
        <= (years_e / horizon) sum_l R[p,i,e,l] + swap[p,i,e]                          (lives of a replica)
    once for the KV memory, w = KV bytes written per request / (endurance x capacity x levelling) and u = 0;
    and once for the weights, w = reads of a cell per request / (endurance x reads between refreshes) and
    u = years_e / life by model updates. A replaced replica begins a new life. Replacements are bought at the
    start of their epoch and take turns with those in place, so that all wear alike. Mask ROM has no life to
    use up, but each new model of the epoch takes new systems: new_models_e sum_l R <= swap.
    Source: facts on endurance, formulas (a) updates, (b) KV writes, (c) refresh against read disturb.
    """
    for p, point in enumerate(problem.points):
        if point.wear is None:
            continue
        kv, reads = lives_per_request(point)
        for i in range(len(problem.sites)):
            for e, epoch in enumerate(problem.epochs):
                life = epoch.years / problem.epochs[-1].end_years
                steady = epoch.years / point.wear.weight_life_years
                if point.wear.kv_bytes_budget > 0:
                    _row(problem, program, (p, i, e), kv, life, "KV writes")
                if point.wear.reads_budget > 0 or steady > life:
                    _row(problem, program, (p, i, e), reads, life - steady, "weight memory")
                if models := new_models(point, epoch.start_years, epoch.end_years):
                    _row(problem, program, (p, i, e), (0.0,) * len(kv), -float(models), "new models")


def new_models(point: OperatingPoint, start_years: float, end_years: float) -> int:
    """New models from ``start_years`` until before ``end_years``; the first comes one interval after 0."""
    rate = point.wear.models_per_year if point.wear else 0.0

    def until(years: float) -> int:
        return max(0, math.ceil(years * rate - 1e-9) - 1)

    return until(end_years) - until(start_years)


def _row(
    problem: Problem,
    program: Program,
    pool: tuple[int, int, int],
    lives: tuple[float, ...],
    life: float,
    what: str,
) -> None:
    """Lives used by a pool's traffic <= life x replicas + replaced replicas."""
    p, i, e = pool
    point = problem.points[p]
    k = problem.service_index(point.service)
    terms: dict[int, float] = {}
    for t, period in enumerate(problem.periods):
        for g in range(len(problem.classes[k]) if period.epoch == e and any(lives) else 0):
            column = program.find("x", p, i, "s", g, t)
            if column is not None:
                seconds = 3600 * period.hours * problem.mean_share(k, g, t)
                used = problem.mean(k, g, lives) * problem.peak_rps(k) * seconds
                terms[column] = max(used, LEAST_LOAD)
    for n in range(len(lines_of(problem, point))):
        replicas = program.find("R", p, i, e, n)
        if replicas is not None:
            terms[replicas] = -life
    swap = program.find("swap", p, i, e)
    if swap is not None:
        terms[swap] = -1.0
    program.row(
        f"endurance[{point.id},{problem.sites[i].name},{e},{what}]",
        "endurance",
        terms,
        "<=",
        0.0,
        unit="lives of a replica's memory",
        sentence=f"{point.service}: {what} on {point.system} within its endurance",
    )


@family("renewal", "sum_p n_p swap[p,i,e] <= sum_o renew[o,i,e]")
def renewal(problem: Problem, program: Program) -> None:
    """Replaced replicas stand on new systems, for each system s, site i, epoch e.

    sum_{p on s} n_p swap[p,i,e] <= sum_{o sells s} renew[o,i,e]
    """
    needs: dict[tuple[str, int, int], dict[int, float]] = {}
    for (_, p, i, e), column in program.family("swap"):
        point = problem.points[p]
        key = (point.system, i, e)
        needs.setdefault(key, {})[column] = float(point.systems_per_replica)
    for (_, o, i, e), column in program.family("renew"):
        needs[problem.offers[o].system, i, e][column] = -1.0
    for (system, i, e), terms in needs.items():
        program.row(
            f"renewal[{system},{problem.sites[i].name},{e}]",
            "renewal",
            terms,
            "<=",
            0.0,
            unit="systems",
            sentence=f"worn {system} at {problem.sites[i].name} are replaced by new ones",
        )
