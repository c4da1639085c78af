"""How many requests come when, and from where."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from solver.domain.bursts import Burstiness, Bursts
from solver.domain.calendar import Month
from solver.domain.quantity import Frozen

CURVES = (1, 24, 168, 8760)  # hours of a constant, a day, a week, a year


class RegionalDemand(Frozen):
    """Requests from one region, where regions have curves of their own (UTC, as all hours of a workload).

    ``rate_rps`` as in :class:`Demand`; ``growth_per_year`` None: that of the service.
    """

    rate_rps: tuple[float, ...]
    growth_per_year: float | None = Field(default=None, gt=-1)

    @model_validator(mode="after")
    def _shape(self) -> RegionalDemand:
        if len(self.rate_rps) not in CURVES:
            raise ValueError(f"{len(self.rate_rps)} hourly values; write 1, 24, 168 or 8760 of them")
        if any(rate < 0 for rate in self.rate_rps):
            raise ValueError("a request rate is negative; write 0 or more")
        return self


class Demand(Frozen):
    """Request rate per representative hour.

    ``rate_rps`` has 1 value (constant), 24 (a day), 168 (a week) or 8760 (a year): mean requests per
    second in that hour, in the first year. ``growth_per_year`` multiplies it yearly (0.3 = +30 %); ``steps``
    multiply it too: from a month on by its factor, until the next. ``cv2`` is the squared coefficient of
    variation of the times between arrivals within an hour (1 = Poisson). ``planned_cv2`` is what the waiting
    model is told instead, where replays have shown that another number sizes the pools for this traffic;
    ``planned_cv2_by_s`` one for each time scale in seconds (:class:`~solver.domain.bursts.Bursts`).
    ``regions`` are the shares of every hour's requests from each region; ``by_region`` are curves of
    their own instead: then ``rate_rps`` is their sum hour by hour, and ``regions`` their shares of it.
    """

    rate_rps: tuple[float, ...]
    growth_per_year: float = Field(default=0.0, gt=-1)
    steps: dict[Month, float] = {}
    cv2: float = Field(default=1.0, ge=0, le=1e6)
    planned_cv2: float | None = Field(default=None, ge=0)
    planned_cv2_by_s: dict[float, float] = {}
    regions: dict[str, Annotated[float, Field(gt=0, le=1)]] = {}
    by_region: dict[str, RegionalDemand] = {}

    @model_validator(mode="after")
    def _shape(self) -> Demand:
        if self.by_region:
            self._add_up()
        if len(self.rate_rps) not in CURVES:
            raise ValueError(f"{len(self.rate_rps)} hourly values; write 1, 24, 168 or 8760 of them")
        if any(rate < 0 for rate in self.rate_rps):
            raise ValueError("a request rate is negative; write 0 or more")
        total = sum(self.regions.values())
        if self.regions and abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the regions add up to {total:g}; make them add up to 1")
        if any(factor < 0 for factor in self.steps.values()):
            raise ValueError("a factor of steps is negative; write 0 or more")
        return self

    def _add_up(self) -> None:
        """Rates of all regions together, and the share of each."""
        curves = {name: own.rate_rps for name, own in self.by_region.items()}
        length = max(map(len, curves.values()))
        rates = tuple(math.fsum(c[h % len(c)] for c in curves.values()) for h in range(length))
        totals = {name: math.fsum(c) / len(c) for name, c in curves.items()}
        if min(totals.values()) <= 0:
            raise ValueError("a region has no request in any hour; leave the region out")
        object.__setattr__(self, "rate_rps", rates)
        whole = math.fsum(totals.values())
        object.__setattr__(self, "regions", {name: total / whole for name, total in totals.items()})

    def growth_of(self, region: str) -> float:
        """Yearly growth of the requests from a region ("": of the service)."""
        own = self.by_region[region].growth_per_year if region in self.by_region else None
        return self.growth_per_year if own is None else own

    @property
    def grows(self) -> bool:
        """Whether demand changes from year to year."""
        return any(map(self.growth_of, self.by_region or ("",)))

    def scaled(self, factor: float) -> Demand:
        """The demand with all rates multiplied."""
        own = {
            name: r.model_copy(update={"rate_rps": tuple(rate * factor for rate in r.rate_rps)})
            for name, r in self.by_region.items()
        }
        rates = tuple(rate * factor for rate in self.rate_rps)
        return self.model_copy(update={"rate_rps": rates, "by_region": own})

    def of_regions(self, share: float, regions: tuple[str, ...]) -> Demand:
        """The demand of some regions, which are a share of all requests."""
        if not self.by_region:
            return self.scaled(share)
        own = {name: r for name, r in self.by_region.items() if name in regions}
        return Demand.model_validate(
            {**self.model_dump(), "by_region": {n: r.model_dump() for n, r in own.items()}}
        )

    @model_validator(mode="after")
    def _planned(self) -> Demand:
        by_time = sorted(self.planned_cv2_by_s.items())
        told = "planned_burstiness_by_time"
        if by_time and self.planned_cv2 is not None:
            raise ValueError(f"planned_burstiness and {told} state the same thing; keep one of the two")
        if any(not 0 < time < math.inf or not 0 <= value < math.inf for time, value in by_time):
            raise ValueError(f"{told} has a time of 0 or a value below 0; write {{500 ms: 20, 10 s: 180}}")
        if any(later < value for (_, value), (_, later) in pairwise(by_time)):
            raise ValueError(f"{told} falls; a longer time feels no smaller bursts, so let it rise")
        object.__setattr__(self, "planned_cv2_by_s", dict(by_time))
        return self

    @property
    def bursts(self) -> Burstiness:
        """Burstiness that the waiting model is told."""
        if self.planned_cv2_by_s:
            return Bursts(tuple(self.planned_cv2_by_s), tuple(self.planned_cv2_by_s.values()))
        return self.cv2 if self.planned_cv2 is None else self.planned_cv2
