"""What a point may do, and how much of it the demand can need: the bounds of the variables."""

from __future__ import annotations

import math

from solver.domain.workload import HOURS_PER_YEAR
from solver.formulation.problem import Problem
from solver.formulation.spares import spare_steps
from solver.formulation.system_offer import SystemOffer
from solver.operating_points.dominance import lives_per_request
from solver.operating_points.point import OperatingPoint
from solver.performance.queueing import Line

#: Bounds of counts leave this much room (relative) for the roundings of float loads.
_MARGIN = 1e-6

#: Smallest coefficient handed to a solver; smaller loads are rounded up to it (the safe side).
LEAST_LOAD = 1e-6


def renewable(problem: Problem, point: OperatingPoint) -> list[int]:
    """Offers under which a point's worn systems can be replaced: to buy, one at a time."""
    if not problem.workload.hardware.replace_worn or point.wear is None:
        return []
    allowed = [o for o in allowed_offers(problem, point) if o.kind == "buy" and o.supply_total is None]
    return [problem.offers.index(o) for o in allowed if o.minimum_lot == 1]


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


def whole_traffic(problem: Problem, k: int, after_loss: bool, t: int) -> float:
    """All traffic that service k may have in the largest hour of period t, in its peaks."""
    period = problem.periods[t]
    rates = period.largest_rps or period.rate_rps
    whole = sum(rates[s] for s in problem.streams_of[k])
    share = problem.workload.share_after_loss(problem.services[k]) if after_loss else 1.0
    return share * whole / problem.peak_rps(k) * sum(problem.class_shares[k])


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
    return max(1, enough, math.ceil(replicas_that_wear(problem, point)))


def most_hourly(problem: Problem, point: OperatingPoint) -> int:
    """The same for replicas rented by the hour: each counts with the slope of the first capacity line."""
    return max(1, math.ceil(_whole_load(problem, point) / point.lines[0].slope))


def _whole_load(problem: Problem, point: OperatingPoint) -> float:
    """Largest use of a resource by the whole service at its peak, in replicas."""
    k = problem.service_index(point.service)
    shares = problem.largest_shares[k]
    worst = max(sum(share * use for share, use in zip(shares, row, strict=True)) for row in point.use)
    return worst * problem.peak_rps(k) * problem.busiest[k] * (1 + _MARGIN)


def replicas_that_wear(problem: Problem, point: OperatingPoint) -> float:
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
