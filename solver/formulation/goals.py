"""Other goals from the same rows: least power, least carbon, most traffic, and then the least cost at that.

    power    mean kW at the meter:  sum P_s PUE_i (hours in use / hours of the horizon) systems
             (where idle systems draw less: idle share x systems + the rest x load)
    carbon   tonnes over the horizon: the same kWh times the site's carbon intensity
    traffic  per cent of all requests that are not served: sum_{k,t} requests[k,t] unserved[k,t] / all; what
             binds is a budget, power, supply; the share left out is the same for all lengths of an hour

Systems rented elsewhere count with the best site's PUE and carbon intensity. What a token API draws is not
known, so it cannot be compared and is left out.
"""

from __future__ import annotations

from solver.domain.workload import HOURS_PER_YEAR
from solver.errors import UsageError
from solver.formulation.model import Program
from solver.formulation.payments import living
from solver.formulation.problem import Problem

UNITS = {"power": "kW on average", "carbon": "t CO2e", "traffic": "% of the requests unserved"}
#: Room left to the second solve, so that a goal reached to the last digit stays reachable.
SLACKS = {"power": 1e-6, "carbon": 1e-6, "traffic": 1e-7}


def goal_terms(problem: Problem, program: Program) -> dict[int, float]:
    """The workload's goal per unit of each column; least power and least carbon shut APIs."""
    name = problem.workload.objective
    if name == "traffic":
        return unserved_terms(problem, program)
    if name == "carbon" and all(site.carbon_kg_kwh == 0 for site in problem.sites):
        raise UsageError("objective: carbon needs sites.*.carbon_kg_kwh; no site states it")
    horizon_hours = HOURS_PER_YEAR * problem.epochs[-1].end_years
    per_kwh = {"power": 1.0 / horizon_hours, "carbon": 1e-3}[name]
    terms: dict[int, float] = {}
    for prefix in ("buy", "hold", "rent"):
        for key, column in program.family(prefix):
            o, i, n = key[1:]
            weight = _weight(problem, i if problem.offers[o].on_site else None)
            system = problem.offers[o].system
            kw = problem.systems[system].power_typ_kw
            idle = problem.workload.hardware.idle_share(system) if problem.offers[o].on_site else 1.0
            terms[column] = kw * idle * weight * _hours(problem, prefix, o, n) * per_kwh
    for key, column in program.family("sell"):
        o, i, bought, sold = key[1:]
        rest = sum(problem.epochs[e].years for e in living(problem, problem.offers[o], bought, sold))
        system = problem.offers[o].system
        kw = problem.systems[system].power_typ_kw * problem.workload.hardware.idle_share(system)
        terms[column] = -kw * _weight(problem, i) * HOURS_PER_YEAR * rest * per_kwh
    for (_, used, site, t), column in program.family("load"):
        i, period = site, problem.periods[t]
        kw = problem.systems[str(used)].power_typ_kw * (1 - problem.workload.hardware.idle_share(str(used)))
        terms[column] = kw * _weight(problem, i) * period.hours * per_kwh
    for _key, column in program.family("a"):
        program.columns[column] = program.columns[column].shut()
    return terms


def unserved_terms(problem: Problem, program: Program) -> dict[int, float]:
    """Per cent of all requests of the horizon that each unserved share stands for."""
    total = sum(p.hours * sum(p.rate_rps) for p in problem.periods)
    return {
        column: max(100 * (p := problem.periods[t]).hours * problem.rate(k, p) / total, 1e-6)
        for (_, k, t), column in program.family("unserved")
    }


def _weight(problem: Problem, site: int | None) -> float:
    """PUE (times carbon intensity) of a site, or of the best one for systems that stand elsewhere."""
    sites = problem.sites if site is None else (problem.sites[site],)
    if problem.workload.objective == "power":
        return min(s.pue for s in sites)
    return min(s.pue * s.carbon_kg_kwh for s in sites)


def _hours(problem: Problem, prefix: str, o: int, n: int) -> float:
    """Hours in use within the horizon of one unit of a column."""
    if prefix == "rent":
        return problem.periods[n].hours
    if prefix == "hold":
        return HOURS_PER_YEAR * problem.epochs[n].years
    alive = [e for e in range(n, len(problem.epochs)) if problem.alive(problem.offers[o], n, e)]
    return HOURS_PER_YEAR * sum(problem.epochs[e].years for e in alive)


def hold_goal(program: Program, terms: dict[int, float], best: float, goal: str) -> None:
    """A row that keeps the goal at its best value while the cost is minimised."""
    slack = SLACKS[goal]
    words = f"the fleet takes no more than the least {goal}, {best:,.4g} {UNITS[goal]}"
    words += "; what token APIs draw is not known, so none is used"
    if goal == "traffic":
        words = f"as many requests are served as can be: {100 - best:,.6g} % of all"
    program.row(
        "goal",
        "goal",
        terms,
        "<=",
        best * (1 + slack) + slack,
        unit=UNITS[goal],
        statement="objective",
        sentence=words,
    )
