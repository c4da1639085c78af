"""Rates of the periods of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from solver.domain.workload import Service


def mean_rps(period: Mapping[str, Any]) -> Sequence[float]:
    """Mean rates of the hours of a plan's period; where they are alike, those that are served."""
    rates: Sequence[float] = period.get("mean_rps") or period["rate_rps"]
    return rates


def region_weight(
    period: Mapping[str, Any], k: int, region: str, shares: Mapping[str, float], mean: bool = False
) -> float:
    """Factor on the share that a length bucket of a region has in the requests of service k, in a period.

    1 where all regions follow one curve; else the region's part of the period's requests over its part
    of all (``shares``). ``mean``: over the hours of the period, which are paid.
    """
    several = (period.get("mean_region_rps") if mean else None) or period.get("region_rps")
    if not several or region not in several[k]:
        return 1.0
    total = (mean_rps(period) if mean else period["rate_rps"])[k]
    return float(several[k][region] / total / shares[region]) if total else 1.0


def bucket_rps(period: Mapping[str, Any], k: int, service: Service) -> list[float]:
    """Requests per second of each length bucket of service k that are served in a period."""
    regions = {b.region for b in service.lengths}
    weights = {r: region_weight(period, k, r, service.demand.regions) for r in regions}
    return [float(period["rate_rps"][k]) * b.share * weights[b.region] for b in service.lengths]
