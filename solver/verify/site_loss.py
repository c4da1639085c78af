"""The check of the loss of a site: the routes that the plan keeps for it carry what was promised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.verify.case import Case, Target
from solver.verify.exact import share_of, show, written
from solver.verify.promise import late_buckets, waiting
from solver.verify.registry import Broken, check
from solver.verify.residency import permitted
from solver.verify.serving import refused, safe_load

Streams = dict[Target, dict[int, Fraction]]  # target -> bucket -> share of what must still be served


@check("site_loss", "after the loss of each site: shares of the fallback add up to 1 and fit what is left")
def site_loss(case: Case) -> Iterator[Broken]:
    """After the loss of any one site the others carry the promised share of each bucket in each hour.

    For each lost site and period there is a fallback, its own or that of a period of the epoch with rates
    as large (not one that leads to hourly pools, which run in their own period alone, and only where the
    workload counts them). Its shares of each bucket add up to 1 exactly; it leads to pools at other sites and
    to APIs that may serve the request; sum_b use[r,b] s_k share[b] weight[b] rate <= safe load of each pool;
    APIs keep their rate limits; late, waits included, are at most (1 - q) of what is carried.
    """
    need = [written(case.workload.share_after_loss(service)) for service in case.services]
    if not any(need):
        return
    listed: dict[tuple[str, int], Streams] = defaultdict(lambda: defaultdict(dict))
    for entry in case.plan.fallbacks:
        stream = listed[entry.lost_site, entry.period][Target(entry.target, entry.site, entry.mode)]
        stream[entry.bucket] = stream.get(entry.bucket, Fraction(0)) + share_of(entry.share)
    for lost in case.sites:
        own = {t: streams for (site, t), streams in listed.items() if site == lost}
        for t, period in enumerate(case.periods):
            served = any(rate > 0 and share > 0 for rate, share in zip(period.rates, need, strict=True))
            standing = [n for n, streams in own.items() if not any(x.mode == "elastic" for x in streams)]
            if served and t not in own and not any(_covers(case, n, t, need) for n in standing):
                yield Broken(f"no fallback for the loss of {lost} in {case.label(t)}")
        for t, streams in own.items():
            words = f"{lost} lost, {case.label(t)}"
            yield from _complete(case, t, streams, need, words)
            yield from _allowed(case, lost, streams, need, words, t)
            yield from _fits(case, t, streams, need, words)


def _covers(case: Case, other: int, t: int, need: list[Fraction]) -> bool:
    """Whether the fallback of a period also serves another: same epoch, rates of what is carried as large."""
    a, b = case.periods[other], case.periods[t]
    rates = zip(a.parts, b.parts, case.curves, strict=True)
    return a.epoch == b.epoch and all(x >= y for x, y, curve in rates if need[curve.k] > 0)


def _complete(case: Case, t: int, streams: Streams, need: list[Fraction], words: str) -> Iterator[Broken]:
    totals: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for target, shares in streams.items():
        for b, share in shares.items():
            totals[case.order[case.server(target).service], b] += share
    for k, service in enumerate(case.services):
        for b in range(len(case.buckets[k])) if need[k] > 0 and case.periods[t].rates[k] > 0 else ():
            if (total := totals[k, b]) != 1 and case.arrives(k, b, t):
                message = f"{service.name}, bucket {b}, {words}: shares add up to {show(total)}"
                yield Broken(message, abs(total - 1))


def _allowed(
    case: Case, lost: str, streams: Streams, need: list[Fraction], words: str, t: int
) -> Iterator[Broken]:
    late: dict[tuple[int, str], Fraction] = defaultdict(Fraction)
    for target, shares in streams.items():
        server = case.server(target)
        k = case.order[server.service]
        if target.site == lost:
            yield Broken(f"{target.id}, {words}: the fallback leads to the lost site")
        if (problem := refused(case, case.services[k], server, target)) is not None:
            yield Broken(f"{target.id}, {words}: {problem}")
        if isinstance(server, OperatingPoint) and server.phase != "both":
            yield Broken(f"{target.id}, {words}: a pool of one phase alone")
        for b, share in shares.items():
            if share > 0 and not (server.serves[b] and permitted(case, k, b, target)):
                yield Broken(f"{target.id}, {words}: bucket {b} may not be served there", share)
        for name, tardy in late_buckets(case, target, k).items():
            carried = case.weighted(k, t, {b: share * need[k] for b, share in shares.items()})
            long = sum((case.weights[k][b] * s for b, s in carried.items() if tardy[b]), Fraction(0))
            late[k, name] += max(long, waiting(case, target, k, name, t, carried))
    for (k, name), share in late.items():
        levels, total = case.services[k].levels, need[k] * sum(case.weights[k])
        percentile = levels.ttft_percentile if name == "ttft" else levels.end_to_end_percentile
        if share > (1 - written(percentile)) * total:
            name_in = f"{case.services[k].name} in {case.label(t)}, {words}"
            message = f"{name_in}: {show(share / total * 100)} % of what is carried is late ({name})"
            yield Broken(message, share - (1 - written(percentile)) * total)


def _fits(case: Case, t: int, streams: Streams, need: list[Fraction], words: str) -> Iterator[Broken]:
    period = case.periods[t]
    requests: dict[str, Fraction] = defaultdict(Fraction)
    tokens: dict[str, Fraction] = defaultdict(Fraction)
    limits: dict[str, ApiPoint] = {}
    for target, shares in streams.items():
        server = case.server(target)
        k = case.order[server.service]
        flows = case.weighted(k, t, shares)
        rates = {b: flow * need[k] * case.weights[k][b] * period.rates[k] for b, flow in flows.items()}
        if isinstance(server, ApiPoint):
            limits.setdefault(server.api, server)
            requests[server.api] += sum(rates.values(), Fraction(0))
            tokens[server.api] += sum((r * Fraction(server.tokens[b]) for b, r in rates.items()), Fraction(0))
            continue
        pool = case.pool(target, t)
        limit = safe_load(server.lines[pool.line], pool) if pool else Fraction(0)
        for resource, row in zip(server.resources, server.use, strict=True):
            load = sum((Fraction(row[b]) * rate for b, rate in rates.items()), Fraction(0))
            if load > limit:
                message = (
                    f"{target.id} at {target.site}, {words}: {resource} of {show(load)} replicas is used, "
                )
                yield Broken(f"{message}{show(limit)} is safe", load - limit)
    for what, used, field in (
        ("requests/s", requests, "requests_per_s_limit"),
        ("tokens/s", tokens, "tokens_per_s_limit"),
    ):
        for name, amount in used.items():
            most: float | None = getattr(limits[name], field)
            if most is not None and amount > written(most):
                yield Broken(f"{name}, {words}: {show(amount)} of {most:g} {what}", amount - written(most))
