"""The family about the use that systems make of their power."""

from __future__ import annotations

from solver.formulation.limits import LEAST_LOAD
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family


@family("load", "load[s,i,t] >= sum_p n_p sum_b u[p,b] lambda_k x[p,i,m,b,t] - systems rented elsewhere")
def load(problem: Problem, program: Program) -> None:
    """Use of the user's own systems s at site i in period t, in systems fully used:

    load[s,i,t] >= sum_{p on s} n_p sum_{m,b} u[p,b] lambda_k x[p,i,m,b,t]
                   - sum_{o of s elsewhere} (1 - s_o) (hold[o,i,e] + rent[o,i,t] + reserved[o,i,e]).
    u: share of a replica's first resource (time, or slots of a profile) per request/s. Rented and reserved
    systems, whose price holds their energy, take the load first. Only for systems that draw less when idle.
    """
    columns: dict[tuple[str, int, int], int] = {
        (str(s), i, t): column for (_, s, i, t), column in program.family("load")
    }
    terms: dict[tuple[str, int, int], dict[int, float]] = {key: {c: -1.0} for key, c in columns.items()}
    for (_, p, i, _m, g, t), column in program.family("x"):
        point = problem.points[p]
        row = terms.get((point.system, i, t))
        if row is not None:
            k = problem.service_index(point.service)
            use = problem.mean(k, g, point.use[0]) * problem.peak_rps(k)
            row[column] = max(float(point.systems_per_replica) * use, LEAST_LOAD)
    for key, row in terms.items():
        for column, count in elsewhere(problem, program, *key).items():
            row[column] = -count
        system, i, t = key
        program.row(
            f"load[{system},{problem.sites[i].name},{problem.periods[t].label}]",
            "load",
            row,
            "<=",
            0.0,
            unit="systems",
            sentence=f"power of {system} at {problem.sites[i].name} follows its use",
        )


def elsewhere(problem: Problem, program: Program, system: str, i: int, t: int) -> dict[int, float]:
    """Systems that serve a site in a period without standing there: rented, spot and reserved."""
    found: dict[int, float] = {}
    e = problem.periods[t].epoch
    for o, offer in enumerate(problem.offers):
        if offer.system != system or offer.on_site:
            continue
        if offer.committed:
            found |= {
                program.index[("buy", o, i, got)]: 1.0 for got in range(e + 1) if problem.alive(offer, got, e)
            }
            continue
        for column in (program.find("hold", o, i, e), program.find("rent", o, i, t)):
            if column is not None:
                found[column] = 1.0 - offer.interruption_share
    return found
