"""The table of work that waits: how much, how long, and in which hours it runs."""

from __future__ import annotations

from dataclasses import dataclass

from solver.domain.streams import Stream, streams
from solver.plan.plan import Plan
from solver.reports.pool_facts import share_value
from solver.reports.section import Column, Section, right
from solver.reports.serving import hour_words, hours_words
from solver.reports.traffic import Traffic
from solver.reports.units import number, percent


@dataclass(frozen=True)
class Waiting:
    """How the work of a service waits, over the whole horizon."""

    service: str
    moved: float  # share of the requests that are served in a later hour
    mean_wait_hours: float
    longest_wait_hours: int
    deadline_hours: float | None
    hours: str  # in which it runs
    busiest: str


def waiting(plan: Plan, traffic: Traffic) -> list[Waiting]:
    """One line for each service whose work can wait."""
    found = []
    for name in sorted({d.service for d in plan.deferrals}):
        k = traffic.services.index(name)
        curves = (
            {s.region: s for s in streams(traffic.workload) if s.position == k} if traffic.workload else {}
        )
        total = moved = waited = 0.0
        longest = 0
        for entry in plan.deferrals:
            if entry.service == name:
                start, end = plan.epochs[entry.epoch]
                came = _rate(traffic, curves.get(entry.region), entry.hour, start) * (end - start)
                requests = came * share_value(entry.share)
                total, waited = total + requests, waited + requests * entry.wait_hours
                moved += requests if entry.wait_hours else 0.0
                longest = max(longest, entry.wait_hours if requests else 0)
        rates = traffic.demand_rps(name)
        most = max(range(len(rates)), key=rates.__getitem__)
        words = hours_words(traffic, [rate > 0 for rate in rates])
        busiest = f"{hour_words(traffic, traffic.hours[most].hour)}, {number(rates[most])} requests/s"
        scale = total or 1.0
        deadline = traffic.workload.services[k].levels.deadline_hours if traffic.workload else None
        found.append(Waiting(name, moved / scale, waited / scale, longest, deadline, words, busiest))
    return found


def _rate(traffic: Traffic, stream: Stream | None, hour: int, start_years: float) -> float:
    """Requests/s of a service, or of its region, in an hour of an epoch."""
    if stream is None or traffic.workload is None:
        return 1.0
    rates = stream.rate_rps
    return rates[hour % len(rates)] * stream.factor_at(start_years, traffic.workload.horizon.start)


def waiting_section(plan: Plan, traffic: Traffic) -> Section:
    """Work with a deadline: when it runs."""
    rows = tuple(
        (
            *(w.service, w.moved, w.mean_wait_hours, float(w.longest_wait_hours), w.deadline_hours),
            *(w.hours, w.busiest),
        )
        for w in (waiting(plan, traffic) if plan.deferrals else ())
    )
    return Section(
        "waiting",
        "Work that waits",
        "Later: share of the requests that are served in a later hour than they come, in order of arrival. "
        "Waits in hours; work that waits n hours is done within n + 1.",
        (
            Column("Service"),
            right("Later", percent),
            right("Mean wait, h", number),
            right("Longest, h", number),
            right("Promised within, h", number),
            Column("Runs in"),
            Column("Most in"),
        ),
        rows,
    )
