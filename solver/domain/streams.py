"""Requests that share one curve over the hours: those of a service, or of one of its regions."""

from __future__ import annotations

from dataclasses import dataclass

from solver.domain.workload import Service, Workload


@dataclass(frozen=True)
class Stream:
    """Requests of a service from one region that has a curve of its own; else ("") all of them."""

    service: Service
    position: int  # of the service in the workload
    region: str
    rate_rps: tuple[float, ...]  # by hour of the first year

    @property
    def name(self) -> str:
        """Service, and region where it has several."""
        return f"{self.service.name} from {self.region}" if self.region else self.service.name

    def factor_at(self, years: float, start: str) -> float:
        """Factor on the rates of the first year at ``years`` from the month ``start``."""
        return self.service.factor_at(years, start, self.region)


def streams(workload: Workload) -> tuple[Stream, ...]:
    """All streams, service by service; one of each service without curves by region."""
    return tuple(
        Stream(service, k, region, rates)
        for k, service in enumerate(workload.services)
        for region, rates in _curves(service)
    )


def _curves(service: Service) -> list[tuple[str, tuple[float, ...]]]:
    if not service.demand.by_region:
        return [("", service.demand.rate_rps)]
    return [(name, own.rate_rps) for name, own in sorted(service.demand.by_region.items())]
