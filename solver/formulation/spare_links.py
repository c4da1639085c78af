"""Rows of the family `linking` about spares: who serves on a system at a site at all keeps spares there.

A linear program keeps a thousandth of the spares of the largest fleet. Plans keep those of some number of
systems, whole, as soon as one replica stands: with T all the traffic that service k may have there,

    sum_{p on s, b} x[p,i,m,b,t] <= T sum_n h[s,K,i,e,n],

and the same of what is carried after the loss of a site. Over all sites: some site that is left keeps spares.
"""

from __future__ import annotations

from collections import defaultdict

from solver.formulation.families.acquisition import permitted_sets
from solver.formulation.limits import whole_traffic
from solver.formulation.linking import AVAILABILITY, FAMILY
from solver.formulation.model import Program
from solver.formulation.problem import Problem

_MARGIN = 1 + 1e-12

#: Service, system, phase, the site that is lost (None: none is), period.
Where = tuple[int, str, str, int | None, int]


def add_spare_links(problem: Problem, program: Program) -> None:
    """Add the rows for each service, system, phase, site and epoch, in the hour that asks for most.

    Where hourly pools keep spares of their own there is a row for each hour. Work that waits has none.
    """
    if problem.workload.resilience.availability is None:
        return
    spares = _spares(problem, program)
    routed = _routed(problem, program)
    hours = None if problem.workload.resilience.hourly_pools else _busiest(problem, routed)
    for where, sites in routed.items():
        k, system, phase, lost, t = where
        if hours is not None and hours[k, lost, problem.periods[t].epoch] != t:
            continue
        most = whole_traffic(problem, k, lost is not None, t) * _MARGIN
        for i, columns in sites.items():
            chosen = spares.get((k, system, i, problem.periods[t].epoch if hours is not None else t), [])
            if chosen:
                service, site = problem.services[k].name, problem.sites[i].name
                away = "" if lost is None else f" without {problem.sites[lost].name}"
                program.row(
                    f"linking_spares[{service},{system},{site}{away},{phase},{t}]",
                    FAMILY,
                    dict.fromkeys(columns, 1.0) | dict.fromkeys(chosen, -most),
                    "<=",
                    0.0,
                    unit="peaks of the service",
                    sentence=f"{service} on {system} needs whole spares",
                    statement=AVAILABILITY,
                )


def _spares(problem: Problem, program: Program) -> dict[tuple[int, str, int, int], list[int]]:
    """Columns that choose a number of spares, by service, system, site, and epoch (or hour: hourly pools)."""
    sets: dict[tuple[int, int], list[int]] = defaultdict(list)
    systems = sorted({p.system for p in problem.points})
    for s, system in enumerate(systems):
        there = {o.kind for o in problem.offers if o.system == system}
        for n_set, kinds in enumerate(permitted_sets(problem, system)):
            for k, service in enumerate(problem.services):
                if there & set(service.acquisitions) == kinds:
                    sets[s, n_set].append(k)
    found: dict[tuple[int, str, int, int], list[int]] = defaultdict(list)
    for (_, s, n_set, i, e, _n), column in program.family("h"):
        for k in sets[s, n_set]:
            found[k, systems[s], i, e].append(column)
    for (_, s, n_set, i, _n, t), column in program.family("g"):
        for k in sets[s, n_set]:
            found[k, systems[s], i, t].append(column)
    return found


def _routed(problem: Problem, program: Program) -> dict[Where, dict[int, list[int]]]:
    """Columns of traffic on systems whose spares count, by where and site."""
    found: dict[Where, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    places = [(problem.service_index(point.service), point.system, point.phase) for point in problem.points]
    hourly = problem.workload.resilience.hourly_pools
    for (_, p, i, mode, _b, t), column in program.family("x"):
        if problem.windows[places[p][0]] == 1 and (mode == "s" or hourly):
            found[*places[p], None, t][i].append(column)
    for prefix in ("y", "u"):
        for (_, lost, p, i, _b, t), column in program.family(prefix):
            found[*places[p], lost, t][i].append(column)
    return found


def _busiest(
    problem: Problem, routed: dict[Where, dict[int, list[int]]]
) -> dict[tuple[int, int | None, int], int]:
    """The hour of each service and epoch that fills most of what it may have (groups: its mean)."""
    best: dict[tuple[int, int | None, int], tuple[float, float, int]] = {}
    for k, _, _, lost, t in routed:
        period = problem.periods[t]
        rate, most = problem.rate(k, period), whole_traffic(problem, k, lost is not None, t)
        filled = (rate / most if most else 0.0, rate, -t)
        place = (k, lost, period.epoch)
        best[place] = max(best.get(place, filled), filled)
    return {place: -t for place, (_, _, t) in best.items()}
