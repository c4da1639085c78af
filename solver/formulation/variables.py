"""The decision variables. Units: systems and replicas are counts; traffic is in peaks of its service.

x[p,i,m,b,t]   traffic of bucket b routed to point p at site i in period t (m: standing or elastic)
a[j,b,t]       traffic of length class b bought as tokens from API j in period t
R[p,i,e,l]     replicas of point p standing at site i in epoch e, on capacity line l   (integer)
z[p,i,e,l]     1 if that line is in force                                              (binary)
Q[p,i,t]       replicas of point p rented for the hours of period t                    (integer)
w[p,i,t]       1 if there are any, where hourly pools have spares                       (binary)
buy[o,i,e]     systems bought, leased or reserved under offer o for site i in epoch e  (integer)
    lot[o,i,e]     1 if any are, where the offer has a minimum lot                         (binary)
    hold[o,i,e]    systems rented under offer o through all hours of epoch e               (integer)
rent[o,i,t]    systems rented under offer o for the hours of period t                  (integer)
swap[p,i,e]    replicas of point p whose systems are replaced in epoch e, as worn         (integer)
renew[o,i,e]   systems bought under offer o in place of worn ones                      (integer)
q[k,t]         work of service k that waits at the end of hour t, where it has a deadline
shift[k,t]     the same in a relaxation at mean hours: work that an hour leaves to others of its epoch
sell[o,i,e,f]  systems bought in epoch e that are sold at the start of epoch f         (integer)
open[i,e]      1 if any system stands at the site, where people are stated per site    (binary)
unserved[k,t]  share of a service's requests that are not served, where most traffic is sought
load[s,i,t]    systems' worth of use of the user's own systems, where idle ones draw less
moved[m,s,i,e] systems s that model m leaves at the start of epoch e, where that costs
"""

from __future__ import annotations

import math

from solver.formulation.limits import (
    can_flex,
    can_stand,
    has_work,
    lines_of,
    most_hourly,
    most_replicas,
    renewable,
    replicas_that_wear,
    selects,
    system_limits,
)
from solver.formulation.model import Program
from solver.formulation.payments import living
from solver.formulation.problem import Problem
from solver.formulation.system_offer import SystemOffer


def add_variables(problem: Problem, program: Program) -> None:
    """Create every column, with integer bounds that come from the demand."""
    limits = system_limits(problem)
    flexible: dict[str, set[int]] = {}
    for point in problem.points:
        if can_flex(problem, point):
            flexible.setdefault(point.system, set()).add(problem.service_index(point.service))
    for p, point in enumerate(problem.points):
        for i, site in enumerate(problem.sites):
            if point.sites and site.name not in point.sites:
                continue
            if can_stand(problem, point):
                _standing(problem, program, p, i)
                _renewals(problem, program, p, i)
            if can_flex(problem, point):
                _elastic(problem, program, p, i)
    for j, api in enumerate(problem.apis):
        k = problem.service_index(api.service)
        for t in range(len(problem.periods)):
            for g, group in enumerate(problem.classes[k]):
                if all(api.serves[b] for b in group) and has_work(problem, k, g, t):
                    program.add(("a", j, g, t))
    for s, stream in enumerate(problem.streams):
        waits = problem.windows[stream.position] > 1
        for t in range(len(problem.periods) if waits else 0):
            if problem.most_work:
                most = problem.most_work[stream.position] * (1 + 1e-6)
                program.add(("shift", s, t), -most, most)
            else:
                program.add(("q", s, t))
    for o, offer in enumerate(problem.offers):
        high = _most_systems(offer, limits.get(offer.system, 0))
        for i in range(len(problem.sites)):
            for e in range(len(problem.epochs)):
                most = 0 if e and offer.leaves(problem.workload.horizon.years) else high
                program.add(("buy" if offer.committed else "hold", o, i, e), 0, most, integer=True)
                if offer.committed and offer.minimum_lot > 1:
                    program.add(("lot", o, i, e), 0, 1, integer=True)
            if not offer.committed and problem.by_the_hour:
                for t, period in enumerate(problem.periods):
                    if any(
                        problem.windows[k] > 1 or problem.rate(k, period) > 0
                        for k in flexible.get(offer.system, ())
                    ):
                        program.add(("rent", o, i, t), 0, high, integer=True)

    _over_time(problem, program)


def _over_time(problem: Problem, program: Program) -> None:
    """Sales before the end of the horizon, open sites, moves: each only where the workload prices it."""
    money, sites, epochs = problem.workload.money, range(len(problem.sites)), range(len(problem.epochs))
    for o, offer in enumerate(problem.offers):
        if offer.kind == "buy" and offer.resale_by_age:
            for i in sites:
                for e in epochs:
                    high = program.columns[program.index[("buy", o, i, e)]].high
                    for f in living(problem, offer, e)[1:]:
                        program.add(("sell", o, i, e, f), 0, high, integer=True)
    for i, site in enumerate(problem.sites):
        for e in epochs if site.opening_usd > 0 else ():
            program.add(("site", i, e), 0, 1, integer=True)
    if money.staff is not None and money.staff.per_site:
        for i in sites:
            for e in epochs:
                program.add(("open", i, e), 0, 1, integer=True)
    if problem.workload.objective == "traffic":
        for k in range(len(problem.services)):
            for t, period in enumerate(problem.periods):
                if problem.rate(k, period) > 0:
                    program.add(("unserved", k, t), 0, 1)
    if problem.workload.power_follows_load:
        here = sorted({o.system for o in problem.offers if o.on_site} & {p.system for p in problem.points})
        for system in (s for s in here if problem.workload.hardware.idle_share(s) < 1):
            for i in sites:
                for t in range(len(problem.periods)):
                    program.add(("load", system, i, t))
    if money.migration_usd_per_system:
        for model, system in sorted({(p.model, p.system) for p in problem.points}):
            for i in sites:
                for e in epochs[1:]:
                    program.add(("moved", model, system, i, e))


def _renewals(problem: Problem, program: Program, p: int, i: int) -> None:
    """Replacements of a standing pool, and the purchases for them; bounds from all traffic on it."""
    point = problem.points[p]
    offers = renewable(problem, point)
    if not offers or point.wear is None:
        return
    years, replicas = problem.epochs[-1].end_years, most_replicas(problem, point)
    steady = years / point.wear.weight_life_years + years * point.wear.models_per_year
    high = math.ceil(replicas_that_wear(problem, point) + replicas * steady) + 1
    for e in range(len(problem.epochs)):
        program.add(("swap", p, i, e), 0, high, integer=True)
        for o in offers:
            if problem.offers[o].available_years <= problem.epochs[e].start_years + 1e-9:
                column = program.find("renew", o, i, e)
                more = math.ceil(high * point.systems_per_replica)
                if column is None:
                    program.add(("renew", o, i, e), 0, more, integer=True)
                else:
                    known = program.columns[column]
                    program.columns[column] = known._replace(high=known.high + more)


def _most_systems(offer: SystemOffer, needed: int) -> int:
    """Largest useful number under an offer: what is needed, more of what is taken away, or a whole lot."""
    if not needed:
        return 0
    return max(math.ceil(needed / (1.0 - offer.interruption_share)), offer.minimum_lot)


def _standing(problem: Problem, program: Program, p: int, i: int) -> None:
    point = problem.points[p]
    for e in range(len(problem.epochs)):
        for n, line in enumerate(lines_of(problem, point)):
            program.add(("R", p, i, e, n), 0, line.high, integer=True)
            if selects(problem, point):
                program.add(("z", p, i, e, n), 0, 1, integer=True)
    _routing(problem, program, p, i, "s")


def _elastic(problem: Problem, program: Program, p: int, i: int) -> None:
    high = most_hourly(problem, problem.points[p])
    k = problem.service_index(problem.points[p].service)
    for t, period in enumerate(problem.periods):
        if problem.windows[k] > 1 or problem.rate(k, period) > 0:
            program.add(("Q", p, i, t), 0, high, integer=True)
            if problem.hourly_spares:
                program.add(("w", p, i, t), 0, 1, integer=True)
    _routing(problem, program, p, i, "e")


def _routing(problem: Problem, program: Program, p: int, i: int, mode: str) -> None:
    point = problem.points[p]
    k = problem.service_index(point.service)
    able = [g for g, group in enumerate(problem.classes[k]) if all(point.serves[b] for b in group)]
    for t, period in enumerate(problem.periods):
        if mode == "s" and (p, i, period.epoch) in problem.empty_pools:
            continue
        for g in able if problem.windows[k] > 1 or problem.rate(k, period) > 0 else ():
            if has_work(problem, k, g, t):
                high = math.inf
                if point.phase == "prefill":  # no demand row bounds it, but no more comes than there is
                    high = sum(problem.largest_shares[k][b] for b in problem.classes[k][g])
                    high *= problem.busiest[k] * (1 + 1e-6)
                program.add(("x", p, i, mode, g, t), 0.0, high)
