"""Families about what is served, when and by which pools: demand, work that waits, separate pools."""

from __future__ import annotations

from typing import Any

from solver.formulation.limits import traffic
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family


@family("demand", "sum_{p,i,m} x[p,i,m,b,t] + sum_j a[j,b,t] = d[b,t] + s_b (q[s,t-1] - q[s,t])")
def demand(problem: Problem, program: Program) -> None:
    """All traffic is served, at once or (work with a deadline) after waiting, for each k, b, t.

    sum_{p,i,m} x[p,i,m,b,t] + sum_j a[j,b,t] = d[k,b,t] + s_b (q[s,t-1] - q[s,t])
    d is the share s_b of bucket b times the rate of period t over the service's peak rate (unit: peaks);
    q is the work that waits at the end of hour t (peaks x 1 h; 0 for services that cannot wait), in order of
    arrival, so that each hour's work has the service's mix of lengths. The hour before the first is the last.
    Regions with curves of their own wait each in its own line: s is the stream of bucket b (the service, or
    its region), s_b the share of the bucket in it.
    Where most traffic is sought, + d[k,b,t] unserved[k,t] on the left: the same share of all lengths.
    Of separate pools the decode pool counts here; prefill pools follow (family handoff).
    """
    terms: dict[tuple[int, int, int], dict[int, float]] = {}
    # family handoff sees to prefill
    answering = [None if p.phase == "prefill" else problem.service_index(p.service) for p in problem.points]
    for (_, p, _i, _m, b, t), column in program.family("x"):
        if (k := answering[p]) is None:
            continue
        terms.setdefault((k, b, t), {})[column] = 1.0
    for (_, j, b, t), column in program.family("a"):
        k = problem.service_index(problem.apis[j].service)
        terms.setdefault((k, b, t), {})[column] = 1.0
    for k, service in enumerate(problem.services):
        for t, period in enumerate(problem.periods):
            for b in range(len(problem.classes[k])):
                load = traffic(problem, k, b, t)
                if load <= 0 and problem.windows[k] == 1:
                    continue
                program.row(
                    f"demand[{service.name},{b},{period.label}]",
                    "demand",
                    terms.get((k, b, t), {})
                    | _waiting(problem, program, k, b, t)
                    | unserved(program, k, t, load),
                    "==",
                    load,
                    unit="peaks of the service",
                    statement=f"services.{k}.demand",
                    sentence=f"{service.name}: length class {b} of the requests is served in {period.label}",
                )


def unserved(program: Program, k: int, t: int, traffic_served: float) -> dict[int, float]:
    """What is not served of some traffic of service k in period t, where most traffic is sought."""
    column = program.find("unserved", k, t)
    return {} if column is None else {column: traffic_served}


@family("handoff", "sum_{p prefills,m} x[p,i,m,b,t] = sum_{p decodes,m} x[p,i,m,b,t]")
def handoff(problem: Problem, program: Program) -> None:
    """What separate pools decode was prefilled at the same site, in the same KV precision, for each k, b, t.

    sum_{p prefill, m} x[p,i,m,b,t] - sum_{p decode, m} x[p,i,m,b,t] = 0 over the points of service k with the
    KV precision and, where an end is promised, the same part of that time for the first token; so any such
    prefill pool may feed any such decode pool, also on another system. The transfer is a capacity of both
    (resource link, in family capacity) and part of the time to first token.
    """
    terms: dict[tuple[Any, ...], dict[int, float]] = {}
    for (_, p, i, _m, b, t), column in program.family("x"):
        point = problem.points[p]
        if point.phase != "both":
            key = (point.service, point.kv_precision, point.first_token_s, i, b, t)
            terms.setdefault(key, {})[column] = 1.0 if point.phase == "prefill" else -1.0
    for (service, precision, first_s, i, b, t), row in terms.items():
        site, label = problem.sites[i].name, problem.periods[t].label
        program.row(
            f"handoff[{service},{precision},{first_s},{site},{b},{label}]",
            "handoff",
            row,
            "==",
            0.0,
            unit="peaks of the service",
            sentence=f"{service}: what is decoded at {site} is prefilled there",
        )


def _waiting(problem: Problem, program: Program, k: int, g: int, t: int) -> dict[int, float]:
    """s_b (q[s,t] - q[s,t-1]), the work of class g that the hour leaves over; empty if none can wait."""
    if problem.windows[k] == 1:
        return {}
    share, s = problem.stream_shares[k][g], problem.stream_of[k][g]
    if problem.most_work:
        return {program.index[("shift", s, t)]: share}
    now, before = (program.index[("q", s, n)] for n in problem.recent(t, 2))
    return {now: share, before: -share}


@family("deadline", "q[s,t] <= sum_{t - D_k + 2 <= t' <= t} d[s,t']")
def deadline(problem: Problem, program: Program) -> None:
    """Work that waits came in the last D - 1 hours: q[s,t] <= sum_{t - D_k + 2 <= t' <= t} d[s,t'], for each
    stream s (a service k, or each of its regions that has a curve of its own).

    D_k: whole hours of the deadline (:func:`solver.domain.workload.window_hours`), so work of hour t is done
    in t .. t + D_k - 1. With q >= 0 (no work before it arrives) and work in order of arrival the row is
    necessary and sufficient: what waits at the end of t is the newest work, and none of it is older than
    D_k - 1 hours. Hours are cyclic: the representative day or week repeats.

    In a relaxation at the mean of groups of hours, which have no order, what stays is that all work is done:
    sum_t h[t] shift[s,t] = 0 in each epoch, shift[s,t] the mean of q[s,t] - q[s,t-1] over the group's hours,
    h[t] their part of the epoch.
    """
    if problem.most_work:
        return _balanced(problem, program)
    for s, stream in enumerate(problem.streams):
        k, window = stream.position, problem.windows[stream.position]
        for t, period in enumerate(problem.periods if window > 1 else ()):
            arrived = [problem.periods[n].rate_rps[s] for n in problem.recent(t, window - 1)]
            program.row(
                f"deadline[{stream.name},{period.label}]",
                "deadline",
                {program.index[("q", s, t)]: 1.0},
                "<=",
                sum(arrived) / problem.peak_rps(k),
                unit="peak hours of the service",
                statement=f"services.{k}.levels.deadline_hours",
                sentence=f"{problem.services[k].name}: work is done within its deadline",
            )


def _balanced(problem: Problem, program: Program) -> None:
    """Work that some hours of an epoch leave over, others of it do."""
    for s, stream in enumerate(problem.streams):
        k = stream.position
        for epoch in problem.epochs if problem.windows[k] > 1 else ():
            mine = [t for t, period in enumerate(problem.periods) if period.epoch == epoch.index]
            hours = sum(problem.periods[t].hours for t in mine)
            program.row(
                f"deadline[{stream.name},{epoch.index}]",
                "deadline",
                {program.index[("shift", s, t)]: problem.periods[t].hours / hours for t in mine},
                "==",
                0.0,
                unit="peak hours of the service",
                statement=f"services.{k}.levels.deadline_hours",
                sentence=f"{stream.service.name}: all work of the epoch is done in it",
            )
