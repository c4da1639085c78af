"""Families about carrying the traffic: capacity, pool size, promises, API limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from solver.formulation.families.demand import unserved
from solver.formulation.limits import LEAST_LOAD, lines_of, traffic
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family
from solver.operating_points.point import OperatingPoint


@family("capacity", "sum_b u[p,r,b] peak x[p,i,m,b,t] <= sum_l (slope_l R[p,i,e,l] + intercept_l z[p,i,e,l])")
def capacity(problem: Problem, program: Program) -> None:
    """Two budgets per replica: time and KV memory (and batch slots), each within the pool's safe load.

    sum_b u[p,r,b] lambda_k x[p,i,s,b,t] <= sum_l (slope_l R[p,i,e,l] + intercept_l z[p,i,e,l])   standing
    sum_b u[p,r,b] lambda_k x[p,i,e,b,t] <= slope_0 Q[p,i,t]                                      elastic
    for each resource r (but those that another one is never behind in, whatever the lengths);
    u in replicas per request/s, lambda_k the service's peak rate (request/s).
    Source: design, section 3 (two budgets) and 4 (safe load of a pool).
    """
    routed: dict[tuple[int, int, str, int], dict[int, int]] = {}
    for (_, p, i, mode, b, t), column in program.family("x"):
        key = (p, i, mode, t)
        routed.setdefault(key, {})[b] = column
    known: dict[tuple[int, tuple[int, ...]], list[tuple[str, list[float]]]] = {}
    for (p, i, mode, t), columns in routed.items():
        point = problem.points[p]
        supply = _pool_capacity(problem, program, p, i, mode, t)
        classes = tuple(columns)
        if (p, classes) not in known:
            known[p, classes] = binding(problem, point, classes)
        for resource, loads in known[p, classes]:
            terms = dict(zip(columns.values(), loads, strict=True))
            program.row(
                f"capacity[{point.id},{problem.sites[i].name},{resource},{problem.periods[t].label}]",
                "capacity",
                terms | {c: -a for c, a in supply.items()},
                "<=",
                0.0,
                unit="replicas",
                sentence=f"{point.service}: {resource} of the replicas on {point.system} ({point.layout})",
            )


def binding(
    problem: Problem, point: OperatingPoint, classes: tuple[int, ...]
) -> list[tuple[str, list[float]]]:
    """Replicas that the service's peak takes of each resource, by length class; without implied resources."""
    k = problem.service_index(point.service)
    peak = problem.peak_rps(k)
    loads = [[max(problem.mean(k, g, row) * peak, LEAST_LOAD) for g in classes] for row in point.use]
    return [
        (resource, loads[r])
        for r, resource in enumerate(point.resources)
        if not any(_implied(loads[r], other, n < r) for n, other in enumerate(loads) if n != r)
    ]


def _implied(load: list[float], other: list[float], equal: bool) -> bool:
    """Whether a resource that takes ``load`` is never the first to be full (``equal``: or full together)."""
    return all(a <= b for a, b in zip(load, other, strict=True)) and (equal or load != other)


def _pool_capacity(problem: Problem, program: Program, p: int, i: int, mode: str, t: int) -> dict[int, float]:
    point = problem.points[p]
    if mode == "e":
        return {program.index[("Q", p, i, t)]: point.lines[0].slope}
    epoch, supply = problem.periods[t].epoch, {}
    for n, line in enumerate(lines_of(problem, point)):
        supply[program.index[("R", p, i, epoch, n)]] = line.slope
        if line.intercept:
            supply[program.index[("z", p, i, epoch, n)]] = line.intercept
    return supply


@family("pool_size", "low_l z[p,i,e,l] <= R[p,i,e,l] <= high_l z[p,i,e,l];  sum_l z[p,i,e,l] <= 1")
def pool_size(problem: Problem, program: Program) -> None:
    """A pool's replicas lie in the range of the one capacity line in force.

    low_l z[p,i,e,l] <= R[p,i,e,l] <= high_l z[p,i,e,l];   sum_l z[p,i,e,l] <= 1.
    high_l is the line's own end, cut to the replicas the whole service could need. Hourly pools with spares
    are open where they have replicas: Q[p,i,t] <= high w[p,i,t].
    """
    _open_hourly(problem, program)
    pools: dict[tuple[Any, ...], dict[int, float]] = {}
    for (_, p, i, e, n), z in program.family("z"):
        point = problem.points[p]
        line = lines_of(problem, point)[n]
        replicas = program.index[("R", p, i, e, n)]
        pools.setdefault((p, i, e), {})[z] = 1.0
        words = {"unit": "replicas", "sentence": f"{point.id}: pool size within its capacity line"}
        program.row(
            f"pool_high[{point.id},{i},{e},{n}]",
            "pool_size",
            {replicas: 1.0, z: -float(line.high)},
            "<=",
            0.0,
            **words,
        )
        if line.low > 0:
            program.row(
                f"pool_low[{point.id},{i},{e},{n}]",
                "pool_size",
                {replicas: -1.0, z: float(line.low)},
                "<=",
                0.0,
                **words,
            )
    for (p, i, e), terms in pools.items():
        point = problem.points[p]
        program.row(
            f"pool_line[{point.id},{i},{e}]",
            "pool_size",
            terms,
            "<=",
            1.0,
            unit="lines",
            sentence=f"{point.id}: one capacity line in force",
        )


def _open_hourly(problem: Problem, program: Program) -> None:
    """Hourly pools with replicas are open."""
    for (_, p, i, t), w in program.family("w"):
        point, replicas = problem.points[p], program.index[("Q", p, i, t)]
        program.row(
            f"pool_open[{point.id},{i},{t}]",
            "pool_size",
            {replicas: 1.0, w: -program.columns[replicas].high},
            "<=",
            0.0,
            unit="replicas",
            sentence=f"{point.id}: an hourly pool with replicas has its spares",
        )


@family("promise", "sum_{late} x[p,i,m,b,t] + sum_{late} a[j,b,t] <= (1 - q) sum_b d[k,b,t]")
def promise(problem: Problem, program: Program) -> None:
    """Each latency promise holds for a share q of the requests in every period.

    sum over (p,i,m,b) late x[p,i,m,b,t] + sum over (j,b) late a[j,b,t] <= (1 - q) sum_b d[k,b,t].
    (of what is served, where most traffic is sought). A pair (point, bucket) is late if prefill and network
    round trip alone exceed the promise, a pair (API, bucket) if its published time to first token and the
    round trip stated for it do.
    Waits are held by the capacity lines, which count both; the check recomputes the late share of every
    pool at its own rate and mix, and the solve is repeated with smaller lines where it is too high.
    """
    for k, service in enumerate(problem.services):
        for name, field, share in promises(problem, k):
            for t, period in enumerate(problem.periods):
                terms = late_terms(problem, program, k, name, t) if problem.rate(k, period) > 0 else {}
                total = sum(traffic(problem, k, g, t) for g in range(len(problem.classes[k])))
                if terms:
                    program.row(
                        f"promise[{service.name},{name},{period.label}]",
                        "promise",
                        terms | unserved(program, k, t, share * total),
                        "<=",
                        share * total,
                        unit="peaks of the service",
                        statement=f"services.{k}.levels.{field}",
                        sentence=f"{service.name}: at most {share:.3%} of the requests may be late ({name})",
                    )


def promises(problem: Problem, k: int) -> list[tuple[str, str, float]]:
    """(promise, field of the workload, share of requests whose length may make them late)."""
    levels, found = problem.services[k].levels, []
    if levels.ttft_ms is not None:
        found.append(("ttft", "ttft_ms", 1 - levels.ttft_percentile))
    if levels.end_to_end_s is not None:
        found.append(("end_to_end", "end_to_end_s", 1 - levels.end_to_end_percentile))
    return found


def late_terms(problem: Problem, program: Program, k: int, name: str, t: int) -> dict[int, float]:
    """Columns of late traffic of service k in period t."""
    service = problem.services[k]
    terms: dict[int, float] = {}
    for p, point in enumerate(problem.points):
        if point.service != service.name:
            continue
        for g in range(len(problem.classes[k])):
            late = late_share(problem, k, g, point.late.get(name, ()))
            for i in range(len(problem.sites)):
                for mode in ("s", "e"):
                    column = program.find("x", p, i, mode, g, t)
                    if column is not None and late:
                        terms[column] = late
    for j, api in enumerate(problem.apis):
        if api.service == service.name:
            for g in range(len(problem.classes[k])):
                late = late_share(problem, k, g, api.late.get(name, ()))
                column = program.find("a", j, g, t)
                if column is not None and late:
                    terms[column] = late
    return terms


def late_share(problem: Problem, k: int, g: int, late: Sequence[bool]) -> float:
    """Share of a length class that is late."""
    return problem.mean(k, g, [float(flag) for flag in late]) if late else 0.0


@family("api_limits", "sum_b w[b] lambda_k a[j,b,t] <= limit_j   (requests/s and tokens/s)")
def api_limits(problem: Problem, program: Program) -> None:
    """A provider's rate limits, in requests/s and in ktok/s, over all services that use the API.

    sum_{k,b} lambda_k a[j,b,t] <= requests_per_s_j;
    sum_{k,b} tokens[b] lambda_k a[j,b,t] / 1000 <= ktok_per_s_j.
    """
    shared: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
    for (_, j, g, t), column in program.family("a"):
        api = problem.apis[j]
        shared.setdefault((api.api, t), []).append((j, g, column))
    for (_name, t), users in shared.items():
        api, label = problem.apis[users[0][0]], problem.periods[t].label
        requests, tokens = {}, {}
        for j, g, column in users:
            k = problem.service_index(problem.apis[j].service)
            requests[column] = problem.peak_rps(k)
            tokens[column] = problem.mean(k, g, problem.apis[j].tokens) * problem.peak_rps(k) / 1e3
        ktok = None if api.tokens_per_s_limit is None else api.tokens_per_s_limit / 1e3
        for unit, limit, terms in (
            ("requests/s", api.requests_per_s_limit, requests),
            ("ktok/s", ktok, tokens),
        ):
            if limit is not None:
                program.row(
                    f"api[{api.api},{unit},{label}]",
                    "api_limits",
                    terms,
                    "<=",
                    limit,
                    unit=unit,
                    sentence=f"rate limit of {api.provider} in {unit}",
                )
