"""From the work that waits in the program to who waits how long: first come, first served."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from solver.domain.workload import cycle_hours
from solver.formulation.model import Program
from solver.formulation.problem import Period, Problem
from solver.plan.plan import Deferral
from solver.plan.routing import DENOMINATOR, NOTHING, Routing


def deferrals(problem: Problem, program: Program, routing: Routing) -> tuple[Deferral, ...]:
    """Shares of each hour's requests by the hours they wait, for services whose work can wait."""
    cycle, found = cycle_hours(problem.workload), []
    for k, window in enumerate(problem.windows):
        for epoch in problem.epochs if window > 1 else ():
            first, peak = epoch.index * cycle, problem.peak_rps(k)
            arrivals = [problem.periods[first + h].rate_rps[k] / peak for h in range(cycle)]
            left = [float(routing.traffic.get(program.index["q", k, first + h], 0)) for h in range(cycle)]
            for hour, waits in enumerate(first_come(arrivals, left)):
                for wait, share in _exact(waits).items():
                    found.append(
                        Deferral(
                            service=problem.services[k].name,
                            epoch=epoch.index,
                            hour=hour,
                            wait_hours=wait,
                            share=str(share),
                        )
                    )
    return tuple(found)


def first_come(arrivals: list[float], left: list[float]) -> list[dict[int, float]]:
    """For each hour of a cycle: hours waited -> share of its arrivals.

    ``left``: work that waits at the end of each hour. The queue at the start of the cycle is the newest
    work of the cycle before.
    """
    cycle, queue = len(arrivals), deque[list[float]]()
    rest, hour = left[-1], 0
    while rest > NOTHING and hour > -cycle:
        hour -= 1
        part = min(rest, arrivals[hour % cycle])
        queue.appendleft([hour, part])
        rest -= part
    amounts: list[dict[int, float]] = [{} for _ in arrivals]
    for now in range(cycle):
        queue.append([now, arrivals[now]])
        work = arrivals[now] + left[now - 1] - left[now]
        while work > NOTHING and queue:
            came, part = queue[0]
            done = min(work, part)
            waits = amounts[int(came) % cycle]
            waits[now - int(came)] = waits.get(now - int(came), 0.0) + done
            work -= done
            queue[0][1] -= done
            if queue[0][1] <= NOTHING * 1e-3:
                queue.popleft()
    return [
        {wait: part / total for wait, part in waits.items()} if (total := sum(waits.values())) > 0 else {}
        for waits in amounts
    ]


def _exact(shares: Mapping[int, float]) -> dict[int, Fraction]:
    """Rationals near the shares that add up to 1; the largest takes the remainder."""
    found = {
        wait: Fraction(round(share * DENOMINATOR), DENOMINATOR)
        for wait, share in sorted(shares.items())
        if share > NOTHING * 10
    }
    if found:
        largest = max(found, key=lambda wait: found[wait])
        found[largest] += 1 - sum(found.values(), Fraction(0))
    return found


def served_periods(problem: Problem, moved: tuple[Deferral, ...]) -> tuple[Period, ...]:
    """The periods with the rates at which services are served, work that waited included."""
    if not moved:
        return problem.periods
    cycle = cycle_hours(problem.workload)
    order = {s.name: k for k, s in enumerate(problem.services)}
    rates = [
        [Fraction(0) if problem.windows[k] > 1 else rate for k, rate in enumerate(p.rate_rps)]
        for p in problem.periods
    ]
    for entry in moved:
        k, first = order[entry.service], entry.epoch * cycle
        came = Fraction(problem.periods[first + entry.hour].rate_rps[k])
        rates[first + (entry.hour + entry.wait_hours) % cycle][k] += came * Fraction(entry.share)
    return tuple(
        replace(p, rate_rps=tuple(float(r) for r in row))
        for p, row in zip(problem.periods, rates, strict=True)
    )
