"""Hours of a workload and their rates, as a plan's periods list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solver.domain.streams import streams
from solver.domain.workload import Workload, cycle_hours


@dataclass(frozen=True)
class Hour:
    """A representative hour: ``hours`` of it in its epoch, with the period whose routing it follows.

    ``weights``: for each service the factor on the shares of its regions' buckets, where regions have curves
    of their own.
    """

    epoch: int
    hour: int
    hours: float
    rate_rps: tuple[float, ...]
    period: int
    weights: tuple[Mapping[str, float], ...] = ()


def rates_by_hour(workload: Workload, start_years: float) -> list[dict[str, Any]]:
    """Rates of all services for each hour of the longest curve, at the start of an epoch, as in a period."""
    parts = [(s, s.factor_at(start_years, workload.horizon.start)) for s in streams(workload)]
    several = any(s.region for s, _ in parts)
    found: list[dict[str, Any]] = []
    for h in range(cycle_hours(workload)):
        rates = [0.0] * len(workload.services)
        regions: list[dict[str, float]] = [{} for _ in workload.services]
        for stream, growth in parts:
            rate = stream.rate_rps[h % len(stream.rate_rps)] * growth
            rates[stream.position] += rate
            if stream.region:
                regions[stream.position][stream.region] = rate
        found.append({"rate_rps": rates, **({"region_rps": regions} if several else {})})
    return found


def stream_rates(period: Mapping[str, Any]) -> tuple[float, ...]:
    """Rates of a period, those of each region where these have curves of their own."""
    regions = period.get("region_rps") or [{}] * len(period["rate_rps"])
    found: list[float] = []
    for rate, own in zip(period["rate_rps"], regions, strict=True):
        found += [float(own[name]) for name in sorted(own)] if own else [float(rate)]
    return tuple(found)


def larger_period(
    periods: Sequence[tuple[int, int, tuple[float, ...], float]], epoch: int, rates: tuple[float, ...]
) -> int | None:
    """A period of the epoch with at least these rates (equal ones up to rounding come first)."""
    rivals = [
        (sum(held), index)
        for index, e, held, _ in periods
        if e == epoch and all(h >= r * (1 - 1e-9) for h, r in zip(held, rates, strict=True))
    ]
    return min(rivals)[1] if rivals else None
