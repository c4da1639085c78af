"""What all operating points of one service share."""

from __future__ import annotations

from dataclasses import dataclass

from solver.domain.catalog import Model, System, Technology
from solver.domain.workload import HardwarePolicy, Horizon, Service
from solver.operating_points.regions import Reach


@dataclass(frozen=True)
class Setting:
    """What all points of one service share."""

    service: Service
    model: Model
    systems: dict[str, System]
    technologies: dict[str, Technology]
    policy: HardwarePolicy
    horizon: Horizon
    round_trip_s: float  # the longest of its regions
    trips_s: tuple[float, ...]  # per length bucket
    reach: Reach
    cells: tuple[int, ...]  # positions of the service's buckets among all of its regions
    sites: tuple[str, ...] = ()  # sites at that round trip; empty: all
    suffix: str = ""  # tells points of different round trips apart
    draft: Model | None = None  # whose KV stands beside that of the model

    @property
    def holding(self) -> tuple[Model, ...]:
        """Models whose KV of a sequence a replica holds."""
        return (self.model,) if self.draft is None else (self.model, self.draft)

    @property
    def peak_rps(self) -> float:
        """Largest request rate of the service over the horizon."""
        demand = self.service.demand
        step = max(1.0, *demand.steps.values()) if demand.steps else 1.0
        fastest = max(0.0, *map(demand.growth_of, demand.by_region or ("",)))
        return float(max(demand.rate_rps) * (1 + fastest) ** self.horizon.years * step)
