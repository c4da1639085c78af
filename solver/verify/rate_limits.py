"""The check of the rate limits of token APIs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from solver.operating_points.point import ApiPoint
from solver.verify.case import Case
from solver.verify.exact import show, written
from solver.verify.registry import Broken, check


@check("api_limits", "sum_b share[b,t] weight[b] rate[t] (tokens[b]) <= requests/s (tokens/s) of each API")
def api_limits(case: Case) -> Iterator[Broken]:
    """A provider's rate limits hold for all services together that use the API, in each period."""
    requests: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
    tokens: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
    limits: dict[str, ApiPoint] = {}
    apart: dict[tuple[str, int], set[tuple[int, ...]]] = defaultdict(set)
    for target, stream in case.flows.items():
        if target.mode != "api":
            continue
        api = limits.setdefault(case.apis[target.id].api, case.apis[target.id])
        server = case.apis[target.id]
        k = case.order[server.service]
        for t, buckets in stream.items():
            apart[api.api, case.periods[t].epoch].add(case.periods[t].services)
            for b, share in buckets.items():
                rate = case.periods[t].rates[k] * case.weights[k][b] * share
                requests[api.api, t] += rate
                tokens[api.api, t] += rate * Fraction(server.tokens[b])
    for (name, _), sets in apart.items():
        limited = limits[name].requests_per_s_limit is not None or limits[name].tokens_per_s_limit is not None
        if limited and len(sets) > 1:
            yield Broken(f"{name}: services share its limit, but their hours are listed apart")
    for what, used, field in (
        ("requests/s", requests, "requests_per_s_limit"),
        ("tokens/s", tokens, "tokens_per_s_limit"),
    ):
        for (name, t), amount in used.items():
            limit: float | None = getattr(limits[name], field)
            if limit is not None and amount > written(limit):
                message = f"{name} in {case.label(t)}: {show(amount)} of {limit:g} {what}"
                yield Broken(message, amount - written(limit))
