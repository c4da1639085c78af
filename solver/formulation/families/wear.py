"""Families about wear of non-volatile memory."""

from __future__ import annotations

from solver.formulation.families.serving import LEAST_LOAD
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family
from solver.formulation.variables import lines_of


@family(
    "endurance",
    "sum_{t in e} hours_t 3600 sum_b kv[p,b] lambda_k x[p,i,s,b,t] <= budget_p years_e / horizon R[p,i,e]",
)
def endurance(problem: Problem, program: Program) -> None:
    """KV written to non-volatile memory stays within what its cells endure, for each pool and epoch.

    sum_{t in e} 3600 hours_t sum_b kv[p,b] lambda_k x[p,i,s,b,t] <= W_p (years_e / horizon) sum_l R[p,i,e,l]
    W_p = endurance x capacity x levelling of one replica (bytes over the horizon); both sides are divided
    by W_p. Wear from model updates and refresh does not depend on traffic and is screened beforehand.
    Source: facts on endurance, formula (b) years = E C WL / (bytes per token x tokens per year).
    """
    horizon = problem.epochs[-1].end_years
    for p, point in enumerate(problem.points):
        if point.wear is None or point.wear.kv_bytes_budget <= 0:
            continue
        k = problem.service_index(point.service)
        for i in range(len(problem.sites)):
            for e, epoch in enumerate(problem.epochs):
                terms: dict[int, float] = {}
                for t, period in enumerate(problem.periods):
                    if period.epoch != e:
                        continue
                    for g in range(len(problem.classes[k])):
                        kv_bytes = problem.mean(k, g, point.kv_bytes)
                        column = program.find("x", p, i, "s", g, t)
                        if column is not None:
                            written = kv_bytes * problem.peak_rps(k) * 3600 * period.hours
                            terms[column] = max(written / point.wear.kv_bytes_budget, LEAST_LOAD)
                for n in range(len(lines_of(problem, point))):
                    replicas = program.find("R", p, i, e, n)
                    if replicas is not None:
                        terms[replicas] = -epoch.years / horizon
                program.row(
                    f"endurance[{point.id},{problem.sites[i].name},{e}]",
                    "endurance",
                    terms,
                    "<=",
                    0.0,
                    unit="lives of a replica's KV memory",
                    sentence=f"{point.service}: KV writes on {point.system} within its endurance",
                )
