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
sell[o,i,e,f]  systems bought in epoch e that are sold at the start of epoch f         (integer)
open[i,e]      1 if any system stands at the site, where people are stated per site    (binary)
unserved[k,t]  share of a service's requests that are not served, where most traffic is sought
load[s,i,t]    systems' worth of use of the user's own systems, where idle ones draw less
moved[m,s,i,e] systems s that model m leaves at the start of epoch e, where that costs
"""

from __future__ import annotations

import math

from solver.domain.workload import HOURS_PER_YEAR
from solver.formulation.model import Program
from solver.formulation.payments import living
from solver.formulation.problem import Problem, SystemOffer
from solver.formulation.spares import spare_steps
from solver.operating_points.dominance import lives_per_request
from solver.operating_points.point import OperatingPoint
from solver.performance.queueing import Line

#: Bounds of counts leave this much room (relative) for the roundings of float loads.
_MARGIN = 1e-6
#: Smallest coefficient handed to a solver; smaller loads are rounded up to it (the safe side).
LEAST_LOAD = 1e-6


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
    for k, window in enumerate(problem.windows):
        for t in range(len(problem.periods) if window > 1 else 0):
            program.add(("q", k, t))
    for o, offer in enumerate(problem.offers):
        high = _most_systems(offer, limits.get(offer.system, 0))
        for i in range(len(problem.sites)):
            for e in range(len(problem.epochs)):
                program.add(("buy" if offer.committed else "hold", o, i, e), 0, high, integer=True)
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


def renewable(problem: Problem, point: OperatingPoint) -> list[int]:
    """Offers under which a point's worn systems can be replaced: to buy, one at a time."""
    if not problem.workload.hardware.replace_worn or point.wear is None:
        return []
    allowed = [o for o in allowed_offers(problem, point) if o.kind == "buy" and o.supply_total is None]
    return [problem.offers.index(o) for o in allowed if o.minimum_lot == 1]


def _renewals(problem: Problem, program: Program, p: int, i: int) -> None:
    """Replacements of a standing pool, and the purchases for them; bounds from all traffic on it."""
    point = problem.points[p]
    offers = renewable(problem, point)
    if not offers or point.wear is None:
        return
    years, replicas = problem.epochs[-1].end_years, most_replicas(problem, point)
    steady = years / point.wear.weight_life_years + years * point.wear.models_per_year
    high = math.ceil(_replicas_that_wear(problem, point) + replicas * steady) + 1
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


def can_stand(problem: Problem, point: OperatingPoint) -> bool:
    """Whether a point may stand on bought systems or on systems rented for a whole epoch."""
    return any(o.system == point.system for o in allowed_offers(problem, point))


def can_flex(problem: Problem, point: OperatingPoint) -> bool:
    """Whether a point may run on systems got for single hours (pointless if all hours are alike)."""
    return (
        problem.by_the_hour
        and point.lines[0].low == 1  # a pool of any size is safe
        and point.id in problem.flexible
        and (
            any(not o.committed and o.system == point.system for o in allowed_offers(problem, point))
            or can_fill(problem, point)
        )
    )


def can_fill(problem: Problem, point: OperatingPoint) -> bool:
    """Whether a point may run, hour by hour, on standing systems that are idle then.

    Only where some work can wait; without spares (hourly pools have none) and on memory that does not wear
    (its budget belongs to standing pools).
    """
    return problem.defers and problem.workload.redundancy == 0 and point.wear is None


def allowed_offers(problem: Problem, point: OperatingPoint) -> list[SystemOffer]:
    """Offers of the point's system under which its service may be served."""
    service = problem.services[problem.service_index(point.service)]
    return [o for o in problem.offers if o.system == point.system and o.kind in service.acquisitions]


def traffic(problem: Problem, k: int, g: int, t: int) -> float:
    """Traffic of length class g of service k in period t, in peaks of the service."""
    rate = problem.periods[t].rate_rps[problem.stream_of[k][g]]
    return problem.stream_shares[k][g] * rate / problem.peak_rps(k)


def has_work(problem: Problem, k: int, g: int, t: int) -> bool:
    """Whether class g of service k can have work in period t: its own, or some that waited."""
    return problem.windows[k] > 1 or traffic(problem, k, g, t) > 0


def lines_of(problem: Problem, point: OperatingPoint) -> tuple[Line, ...]:
    """Capacity lines cut to the largest pool the demand can need."""
    if point.id not in problem.known_lines:
        most = most_replicas(problem, point)
        kept = tuple(
            Line(line.low, min(line.high, most), line.slope, line.intercept)
            for line in point.lines
            if line.low <= most
        )
        problem.known_lines[point.id] = kept or point.lines[:1]
    return problem.known_lines[point.id]


def most_replicas(problem: Problem, point: OperatingPoint) -> int:
    """Fewest replicas that carry the whole service at its peak on this point alone, wear included.

    A pool never needs more: the smallest R whose safe load slope R + intercept reaches the largest use of
    any resource, on the first capacity line that has such an R.
    """
    load = _whole_load(problem, point)
    carrying = (max(line.low, math.ceil((load - line.intercept) / line.slope)) for line in point.lines)
    enough = min((r for r, line in zip(carrying, point.lines, strict=True) if r <= line.high), default=0)
    enough = enough or math.ceil(load / min(line.slope for line in point.lines))
    return max(1, enough, math.ceil(_replicas_that_wear(problem, point)))


def most_hourly(problem: Problem, point: OperatingPoint) -> int:
    """The same for replicas rented by the hour: each counts with the slope of the first capacity line."""
    return max(1, math.ceil(_whole_load(problem, point) / point.lines[0].slope))


def _whole_load(problem: Problem, point: OperatingPoint) -> float:
    """Largest use of a resource by the whole service at its peak, in replicas."""
    k = problem.service_index(point.service)
    shares = problem.largest_shares[k]
    worst = max(sum(share * use for share, use in zip(shares, row, strict=True)) for row in point.use)
    return worst * problem.peak_rps(k) * problem.busiest[k] * (1 + _MARGIN)


def _replicas_that_wear(problem: Problem, point: OperatingPoint) -> float:
    """Replicas whose memory endures the whole service at its peak rate in all hours."""
    if point.wear is None:
        return 0.0
    k = problem.service_index(point.service)
    shares = problem.largest_shares[k]
    per_request = max(
        sum(s * v for s, v in zip(shares, lives, strict=True)) for lives in lives_per_request(point)
    )
    seconds = problem.epochs[-1].end_years * HOURS_PER_YEAR * 3600
    return per_request * problem.peak_rps(k) * seconds


def selects(problem: Problem, point: OperatingPoint) -> bool:
    """Whether the pool needs binaries: several lines, or spare replicas that depend on its being open."""
    lines = lines_of(problem, point)
    return len(lines) > 1 or lines[0].intercept != 0 or problem.workload.redundancy > 0


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


def system_limits(problem: Problem) -> dict[str, int]:
    """Largest useful number of each system: all services' peaks on it alone, spares included."""
    limits: dict[str, float] = {}
    for point in problem.points:
        replicas = most_replicas(problem, point) + problem.workload.redundancy
        if can_flex(problem, point):
            replicas = max(replicas, most_hourly(problem, point) + problem.hourly_spares)
        need = float(point.systems_per_replica) * replicas
        limits[point.system] = limits.get(point.system, 0.0) + need
    for system, least in problem.workload.hardware.minimum.items():
        limits[system] = limits.get(system, 0.0) + least
    whole = {system: math.ceil(need) + 1 for system, need in limits.items()}
    promised = problem.workload.resilience.availability
    if promised is None:
        return whole
    for system, most in whole.items():
        steps = spare_steps(problem.up_share(system), promised, most)
        whole[system] = most + max((spares for spares, _ in steps), default=0)
    return whole
