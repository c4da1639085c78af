"""The family about the loss of a site: the others carry a share of the traffic, by routes of their own.

y[l,p,i,b,t]  traffic of class b routed to the standing pool of point p at site i in period t, site l lost
u[l,p,i,b,t]  the same to its pool of that hour, where hourly pools count
v[l,j,b,t]    traffic bought from API j then
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from solver.formulation.epochs import undominated
from solver.formulation.families.residency import forbidding
from solver.formulation.families.serving import binding, late_share, promises
from solver.formulation.limits import lines_of, traffic
from solver.formulation.model import Program, Sense
from solver.formulation.problem import Problem
from solver.formulation.registry import family

Terms = dict[int, float]


@family(
    "site_loss",
    "sum_{p, i != l} y[l,p,i,b,t] + sum_j v[l,j,b,t] = s_k d[b,t];  sum_b u[p,r,b] peak y <= safe load",
)
def site_loss(problem: Problem, program: Program) -> None:
    """After the loss of any one site l the others carry a share s_k of each length class in each period.

    sum_{p, i != l} y[l,p,i,b,t] + sum_j v[l,j,b,t] = s_k d[k,b,t]
    sum_b u[p,r,b] lambda_k y[l,p,i,b,t] <= sum_n (slope_n R[p,i,e,n] + intercept_n z[p,i,e,n])
    late traffic by length <= (1 - q) s_k sum_b d[k,b,t];   API rate limits and data residency as always.
    Only pools that stand all hours count (spares and hourly systems do not), and only periods that no
    other of their epoch dominates: the same routes serve the smaller ones. Work that can wait is not carried.
    With ``resilience.hourly_pools`` the pools that run in the hour carry too, within slope_1 Q[p,i,t], and
    every period has rows of its own.
    """
    carried = [k for k, s in enumerate(problem.services) if problem.workload.share_after_loss(s) > 0]
    if not carried:
        return
    streams = [s for k in carried for s in problem.streams_of[k]]
    rates = tuple(replace(p, rate_rps=tuple(p.rate_rps[s] for s in streams)) for p in problem.periods)
    for lost in range(len(problem.sites)):
        for period in rates if problem.workload.resilience.hourly_pools else undominated(rates):
            for k in carried:
                if problem.rate(k, problem.periods[period.index]) > 0:
                    share = problem.workload.share_after_loss(problem.services[k])
                    _routes(problem, program, lost, k, period.index, share)
            _api_limits(problem, program, lost, period.index)


def _routes(problem: Problem, program: Program, lost: int, k: int, t: int, share: float) -> None:
    """Columns and rows of one service in one period after one loss."""
    service, site = problem.services[k], problem.sites[lost].name
    statement = f"services.{k}.site_loss_share" if service.site_loss_share else "resilience.site_loss_share"
    words = f"{service.name}: {100 * share:.4g} % of the traffic is carried after the loss of {site}"
    groups = [g for g in range(len(problem.classes[k])) if traffic(problem, k, g, t) > 0]
    served: dict[int, Terms] = {g: {} for g in groups}
    shut: dict[str, tuple[str, Terms]] = {}

    def add(key: tuple[Any, ...], g: int, i: int | None, api: tuple[str, str]) -> int:
        column = program.add(key)
        served[g][column] = 1.0
        for path, sentence in forbidding(problem, k, g, i, api):
            shut.setdefault(path, (sentence, {}))[1][column] = 1.0
        return column

    def row(what: str, terms: Mapping[int, float], sense: Sense, rhs: float, unit: str) -> None:
        name = f"site_loss[{site},{service.name},{what},{problem.periods[t].label}]"
        program.row(name, "site_loss", terms, sense, rhs, unit=unit, statement=statement, sentence=words)

    late: dict[str, Terms] = {name: {} for name, _, _ in promises(problem, k)}
    for p, point in enumerate(problem.points):
        if point.service != service.name or point.phase != "both":
            continue
        pools = ((n, _pools(problem, program, p, n, t)) for n in range(len(problem.sites)) if n != lost)
        for i, prefix, safe in ((n, prefix, safe) for n, found in pools for prefix, safe in found.items()):
            able = [g for g in groups if all(point.serves[b] for b in problem.classes[k][g])]
            columns = {g: add((prefix, lost, p, i, g, t), g, i, ("", "")) for g in able}
            for name, terms in late.items():
                flags = point.late.get(name, ())
                terms.update({c: late_share(problem, k, g, flags) for g, c in columns.items()})
            for resource, loads in binding(problem, point, tuple(able)) if able else ():
                what = f"{point.id},{problem.sites[i].name},{prefix},{resource}"
                terms = dict(zip(columns.values(), loads, strict=True))
                row(what, {**terms, **safe}, "<=", 0.0, "replicas")
    for j, api in enumerate(problem.apis):
        for g in groups if api.service == service.name else ():
            if all(api.serves[b] for b in problem.classes[k][g]):
                column = add(("v", lost, j, g, t), g, None, (api.api, api.provider))
                for name, terms in late.items():
                    terms[column] = late_share(problem, k, g, api.late.get(name, ()))
    for g, terms in served.items():
        row(f"class {g}", terms, "==", share * traffic(problem, k, g, t), "peaks of the service")
    total = sum(traffic(problem, k, g, t) for g in groups)
    for name, _field, miss in promises(problem, k):
        row(name, late[name], "<=", miss * share * total, "peaks of the service")
    for path, (sentence, terms) in shut.items():
        program.row(
            f"residency[{path},{service.name},{site} lost,{t}]", "residency", terms, "<=", 0.0,
            unit="peaks of the service", statement=path, sentence=sentence,
        )  # fmt: skip


def _pools(problem: Problem, program: Program, p: int, i: int, t: int) -> dict[str, Terms]:
    """Pools of a point at a site that carry in a period, by the prefix of their columns: their safe loads."""
    found = {"y": _safe_load(problem, program, p, i, problem.periods[t].epoch)}
    running = program.find("Q", p, i, t)
    if running is not None and problem.workload.resilience.hourly_pools:
        found["u"] = {running: -problem.points[p].lines[0].slope}
    return {prefix: safe for prefix, safe in found.items() if safe}


def _safe_load(problem: Problem, program: Program, p: int, i: int, epoch: int) -> Terms:
    """What a standing pool carries, as terms on the left side of a row."""
    terms: Terms = {}
    for n, line in enumerate(lines_of(problem, problem.points[p])):
        replicas, chosen = program.find("R", p, i, epoch, n), program.find("z", p, i, epoch, n)
        if replicas is not None:
            terms[replicas] = -line.slope
        if chosen is not None and line.intercept:
            terms[chosen] = -line.intercept
    return terms


def _api_limits(problem: Problem, program: Program, lost: int, t: int) -> None:
    """Rate limits of the APIs after the loss of a site, over all services."""
    site = problem.sites[lost].name
    users: dict[str, list[tuple[int, int, int]]] = {}
    for (_, away, j, g, period), column in program.family("v"):
        if (away, period) == (lost, t):
            users.setdefault(problem.apis[j].api, []).append((j, g, column))
    for name, columns in users.items():
        api = problem.apis[columns[0][0]]
        requests: Terms = {}
        tokens: Terms = {}
        for j, g, column in columns:
            k = problem.service_index(problem.apis[j].service)
            requests[column] = problem.peak_rps(k)
            tokens[column] = problem.mean(k, g, problem.apis[j].tokens) * problem.peak_rps(k) / 1e3
        ktok = None if api.tokens_per_s_limit is None else api.tokens_per_s_limit / 1e3
        limits = (("requests/s", api.requests_per_s_limit, requests), ("ktok/s", ktok, tokens))
        for unit, limit, terms in limits:
            if limit is not None:
                program.row(
                    f"site_loss[{site},{name},{unit},{t}]", "site_loss", terms, "<=", limit, unit=unit,
                    sentence=f"rate limit of {api.provider} in {unit} after the loss of {site}",
                )  # fmt: skip
