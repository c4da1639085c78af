"""Whose curves the hours hold: services, or their regions where these have curves of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from solver.domain.workload import Service


class Curve(NamedTuple):
    """Requests of a service (its position ``k``), or of one of its regions, by hour of the first year."""

    k: int
    service: Service
    region: str
    rates: tuple[float, ...]

    def at(self, hour: int) -> float:
        """Requests/s in an hour of the representative curve."""
        return self.rates[hour % len(self.rates)]

    @property
    def name(self) -> str:
        """Service, and region where it has several."""
        return f"{self.service.name} from {self.region}" if self.region else self.service.name


def curves_of(services: Sequence[Service]) -> list[Curve]:
    """All curves, service by service, regions by name."""
    found = []
    for k, service in enumerate(services):
        own = service.demand.by_region
        found += [Curve(k, service, name, own[name].rate_rps) for name in sorted(own)]
        if not own:
            found.append(Curve(k, service, "", service.demand.rate_rps))
    return found


def listed(curves: Sequence[Curve], entry: Mapping[str, Any], mean: bool = False) -> tuple[float, ...]:
    """What a period of a plan lists for each curve, requests/s (``mean``: over its hours)."""
    whole = entry["mean_rps" if mean else "rate_rps"]
    parts: Sequence[Mapping[str, float]] = entry.get("mean_region_rps" if mean else "region_rps") or ()
    return tuple(parts[c.k][c.region] if c.region else whole[c.k] for c in curves)


def named(curves: Sequence[Curve], rates: Sequence[float]) -> list[dict[str, float]]:
    """Rates of curves as a period lists those of regions, by service."""
    found: list[dict[str, float]] = [{} for _ in range(1 + max(curve.k for curve in curves))]
    for curve, rate in zip(curves, rates, strict=True):
        if curve.region:
            found[curve.k][curve.region] = rate
    return found


def together(curves: Sequence[Curve], rates: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Rates of each service: the sums of those of its curves."""
    totals = [Fraction(0)] * (1 + max(curve.k for curve in curves))
    for curve, rate in zip(curves, rates, strict=True):
        totals[curve.k] += rate
    return tuple(totals)


def well_formed(services: Sequence[Service], entry: Mapping[str, Any]) -> bool:
    """Whether a period lists the rates of each region that has a curve of its own."""
    if not any(s.demand.by_region for s in services):
        return "region_rps" not in entry and "mean_region_rps" not in entry
    for name in ("region_rps", "mean_region_rps") if "mean_rps" in entry else ("region_rps",):
        regions = entry.get(name)
        if not isinstance(regions, list | tuple) or len(regions) != len(services):
            return False
        for service, own in zip(services, regions, strict=True):
            if not isinstance(own, Mapping) or set(own) != set(service.demand.by_region):
                return False
            if any(type(rate) not in (int, float) or not 0 <= rate <= 1e30 for rate in own.values()):
                return False
    return True
