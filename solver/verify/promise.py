"""The check of the service levels: time to first token, time per output token, end to end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import isfinite

import numpy as np

from solver.operating_points.lateness import late_rate, limits_of
from solver.operating_points.point import ApiPoint
from solver.verify.case import Case, Target
from solver.verify.exact import INFINITE, show, written
from solver.verify.registry import Broken, check


@check("promise", "late requests <= (1 - q) of all, per promise and period; TPOT of each used target")
def promise(case: Case) -> Iterator[Broken]:
    """Each latency promise holds.

    TTFT and end to end: in each period the requests that are late at their target are at most (1 - q) of
    the service's requests that are served. Late are those whose length alone makes them late and, at
    targets that state what their queues see, the share that waits too long at the pool's own replicas,
    rate and mix of lengths (floats; solver.operating_points.lateness). TPOT: no target streams more slowly
    than promised. Of separate pools both are counted: a decode pool is late from end to end where its part
    for the first token and the output at its pace take longer than promised.
    """
    late: dict[tuple[int, str, int], Fraction] = defaultdict(Fraction)
    for target, stream in case.flows.items():
        k = case.order[case.server(target).service]
        levels = case.services[k].levels
        tpot = case.server(target).tpot_s
        phase = getattr(case.server(target), "phase", "both")
        if (
            levels.tpot_ms is not None
            and phase != "prefill"
            and (over := written(tpot) * 1000 - written(levels.tpot_ms)) > 0
        ):
            yield Broken(f"{target.id}: TPOT is {tpot * 1e3:g} of {levels.tpot_ms:g} ms", over)
        for name, tardy in late_buckets(case, target, k).items():
            for t, buckets in stream.items():
                late[k, name, t] += _late_share(case, target, k, name, t, buckets, tardy)
    for (k, name, t), share in late.items():
        permitted = _permitted(case, k, name, t)
        if share > permitted and case.periods[t].rates[k] > 0:
            message = (f"{case.services[k].name} in {case.label(t)}: {show(share * 100)} % of the "
                       f"requests are late ({name}), {show(permitted * 100)} % may be")  # fmt: skip
            yield Broken(message, share - permitted)


def _permitted(case: Case, k: int, name: str, t: int) -> Fraction:
    """Share of a service's requests that may be late in a period."""
    levels, total = case.services[k].levels, sum(case.weights[k], Fraction(0))
    percentile = levels.ttft_percentile if name == "ttft" else levels.end_to_end_percentile
    return (1 - written(percentile)) * total * (1 - case.unserved.get((k, t), Fraction(0)))


def _late_share(
    case: Case, target: Target, k: int, name: str, t: int, buckets: Mapping[int, Fraction], tardy: list[bool]
) -> Fraction:
    """Share of a service's requests that are late at a target: too long, or with waits if that is more."""
    long = sum((case.weights[k][b] * s for b, s in buckets.items() if tardy[b]), Fraction(0))
    return max(long, waiting(case, target, k, name, t, buckets))


def late_targets(case: Case) -> frozenset[str]:
    """Operating points at which, in some period, more of the requests are late than of all may be."""
    found = set()
    for target, stream in case.flows.items():
        k = case.order[case.server(target).service]
        for name, tardy in late_buckets(case, target, k).items():
            for t, buckets in stream.items():
                part = sum((case.weights[k][b] * share for b, share in buckets.items()), Fraction(0))
                if _late_share(case, target, k, name, t, buckets, tardy) > part * _permitted(
                    case, k, name, t
                ):
                    found.add(target.id)
    return frozenset(found - set(case.apis))


def kept_at(case: Case, k: int, t: int, part: Fraction) -> bool:
    """Whether service k would keep its promises in period t if its pools got ``part`` of their traffic."""
    late: dict[str, Fraction] = defaultdict(Fraction)
    for target, stream in case.streams.items():
        if case.order[case.server(target).service] == k and t in stream:
            fewer = {b: share * part for b, share in stream[t].items()}
            for name, tardy in late_buckets(case, target, k).items():
                late[name] += _late_share(case, target, k, name, t, fewer, tardy)
    return all(share <= part * _permitted(case, k, name, t) for name, share in late.items())


def waiting(
    case: Case, target: Target, k: int, name: str, t: int, buckets: Mapping[int, Fraction]
) -> Fraction:
    """Share of a service's requests that come too late at a target, waits included (0 for APIs)."""
    server = case.server(target)
    rate = float(case.periods[t].rates[k])
    if isinstance(server, ApiPoint) or server.queue is None or rate <= 0:
        return Fraction(0)
    pool = case.pool(target, t)
    replicas = pool.replicas if pool else 0
    rates = np.zeros(len(case.buckets[k]))
    for b, share in buckets.items():
        rates[b] = float(case.weights[k][b] * share) * rate
    trip = np.array([float(trip) for trip in case.trips(k, target.site)])
    limit, _miss = limits_of(case.services[k], server, trip)[name]
    burstiness = case.services[k].demand.bursts
    try:
        with np.errstate(all="ignore"):
            late = late_rate(server, max(replicas, 1), rates, limit, burstiness) / rate
    except ZeroDivisionError:
        late = INFINITE
    return Fraction(late) if isfinite(late) else Fraction(1)  # absurd figures of a damaged plan: all late


def late_buckets(case: Case, target: Target, k: int) -> dict[str, list[bool]]:
    """For each promise of service k: which length buckets are late at a target, network included."""
    levels, server = case.services[k].levels, case.server(target)
    if isinstance(server, ApiPoint):
        trips = case.api_trips(k, server)
        pace = written(server.tpot_s)
        first: list[Fraction | None] = [written(server.ttft_s)] * len(case.buckets[k])
        last: list[Fraction | None]
        last = [written(server.ttft_s) + written(b.output_max) * pace for b in case.buckets[k]]
    else:
        trips = case.trips(k, target.site)
        first, last = ([_time(s) for s in row] for row in (server.ttft_s, server.end_to_end_s))
        if server.phase == "decode":  # the round trip is the prefill pool's
            trips, pace = (Fraction(0),) * len(case.buckets[k]), written(server.tpot_s)
            last = [written(server.first_token_s) + written(b.output_max) * pace for b in case.buckets[k]]
    found = {}
    for name, seconds, promised in (
        ("ttft", first, None if levels.ttft_ms is None else written(levels.ttft_ms) / 1000),
        ("end_to_end", last, None if levels.end_to_end_s is None else written(levels.end_to_end_s)),
    ):
        if promised is not None:
            flags = server.late.get(name) or [False] * len(seconds)
            found[name] = [
                flag or value is None or value + trip > promised
                for flag, value, trip in zip(flags, seconds, trips, strict=True)
            ]
    return found


def _time(seconds: float) -> Fraction | None:
    """The decimal of a computed time; None: never."""
    return None if seconds == INFINITE else written(seconds)
