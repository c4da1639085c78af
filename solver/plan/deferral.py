"""From the work that waits in the program to who waits how long: first come, first served."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from solver.domain.workload import cycle_hours
from solver.formulation.epochs import Period
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.plan.plan import Deferral
from solver.plan.routing import NOTHING, Routing, near


def deferrals(problem: Problem, program: Program, routing: Routing) -> tuple[Deferral, ...]:
    """Shares of each hour's requests by the hours they wait, for services whose work can wait."""
    cycle, found = cycle_hours(problem.workload), []
    for s, stream in enumerate(problem.streams):
        k = stream.position
        for epoch in problem.epochs if problem.windows[k] > 1 else ():
            first, peak = epoch.index * cycle, problem.peak_rps(k)
            arrivals = [Fraction(problem.periods[first + h].rate_rps[s] / peak) for h in range(cycle)]
            left = [routing.traffic.get(program.index["q", s, first + h], Fraction(0)) for h in range(cycle)]
            for hour, waits in enumerate(first_come(arrivals, work_of(arrivals, left))):
                for wait, share in sorted(waits.items()):
                    found.append(
                        Deferral(
                            service=stream.service.name,
                            region=stream.region,
                            epoch=epoch.index,
                            hour=hour,
                            wait_hours=wait,
                            share=str(share),
                        )
                    )
    return tuple(found)


def work_of(arrivals: list[Fraction], left: list[Fraction]) -> list[Fraction]:
    """What each hour serves, given what waits at its end; all that comes, exactly (the largest fills up).

    A simple number is taken where one is meant: pools may be full to the last request.
    """
    floats = [float(a + left[h - 1] - left[h]) for h, a in enumerate(arrivals)]
    work = [Fraction(0) if w < NOTHING else near(w) for w in floats]
    work[max(range(len(work)), key=work.__getitem__)] += sum(arrivals) - sum(work)
    return work


def first_come(arrivals: list[Fraction], work: list[Fraction]) -> list[dict[int, Fraction]]:
    """For each hour of a cycle: hours waited -> share of its arrivals.

    The queue at the start of the cycle is the least with which no hour serves what has not come, and it is
    the newest work of the cycle before. Shares of the size of rounding go to the largest of their hour.
    """
    cycle, queue = len(arrivals), deque[tuple[int, Fraction]]()
    rest, so_far = Fraction(0), Fraction(0)
    for came, done in zip(arrivals, work, strict=True):
        so_far += done - came
        rest = max(rest, so_far)
    hour = 0
    while rest > 0 and hour > -cycle:
        hour -= 1
        part = min(rest, arrivals[hour % cycle])
        queue.appendleft((hour, part))
        rest -= part
    amounts: list[dict[int, Fraction]] = [{} for _ in arrivals]
    for now in range(cycle):
        queue.append((now, arrivals[now]))
        to_do = work[now]
        while to_do > 0 and queue:
            when, part = queue.popleft()
            done = min(to_do, part)
            waits = amounts[when % cycle]
            waits[now - when] = waits.get(now - when, Fraction(0)) + done
            to_do -= done
            if part > done:
                queue.appendleft((when, part - done))
    return [_shares(waits) for waits in amounts]


def _shares(amounts: Mapping[int, Fraction]) -> dict[int, Fraction]:
    """Amounts as shares that add up to 1."""
    total = sum(amounts.values(), Fraction(0))
    found = {wait: part / total for wait, part in amounts.items() if total and part > NOTHING * total}
    if found:
        found[max(found, key=lambda wait: found[wait])] += 1 - sum(found.values())
    return found


def served_periods(problem: Problem, moved: tuple[Deferral, ...]) -> tuple[Period, ...]:
    """The periods with the rates at which services are served, work that waited included."""
    if not moved:
        return problem.periods
    cycle = cycle_hours(problem.workload)
    order = {(s.service.name, s.region): n for n, s in enumerate(problem.streams)}
    rates = [
        [
            Fraction(0) if problem.windows[s.position] > 1 else rate
            for s, rate in zip(problem.streams, p.rate_rps, strict=True)
        ]
        for p in problem.periods
    ]
    for entry in moved:
        s, first = order[entry.service, entry.region], entry.epoch * cycle
        came = Fraction(problem.periods[first + entry.hour].rate_rps[s])
        rates[first + (entry.hour + entry.wait_hours) % cycle][s] += came * Fraction(entry.share)
    return tuple(
        replace(p, rate_rps=tuple(float(r) for r in row))
        for p, row in zip(problem.periods, rates, strict=True)
    )
