"""Dials of a closed loop: what the waiting model is told of each service, and what is tried next.

Each service searches its own smallest burstiness that holds; safe loads are lowered for what does not hang on
waiting. Promises and traffic never move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from solver.domain.bursts import Bursts, largest_of
from solver.domain.workload import Demand, Workload
from solver.plan.plan import Plan
from solver.simulate.from_plan import services_of, workload_of

_RAISE, _LOWER = 1.5, 0.9  # factors on the burstiness and on the safe loads of a service that missed
_CLOSE = 1.1  # ratio of burstinesses at which the search ends
_WAITING = {"ttft", "end_to_end"}  # promises that more room for bursts can keep


@dataclass(frozen=True)
class Told:
    """What the waiting model is told of a service: burstiness (None: as stated; where each time scale has
    its own, the largest), factor on safe loads."""

    burstiness: float | None = None
    factor: float = 1.0


def planned(workload: Workload, told: Mapping[str, Told]) -> Workload:
    """The workload with what the waiting model is told; traffic and promises stay."""
    services = (
        s.model_copy(update={"demand": _planned(s.demand, told[s.name].burstiness)}) if s.name in told else s
        for s in workload.services
    )
    return workload.model_copy(update={"services": tuple(services)})


def _planned(demand: Demand, burstiness: float | None) -> Demand:
    """Another number; where each time scale has its own, all excesses over 1 by one factor."""
    if burstiness is None:
        return demand
    if not isinstance(demand.bursts, Bursts):
        return demand.model_copy(update={"planned_cv2": burstiness})
    higher = demand.bursts.raised(burstiness)
    by_time = dict(zip(higher.times_s, higher.values, strict=True))
    return demand.model_copy(update={"planned_cv2_by_s": by_time})


@dataclass(frozen=True)
class Dial:
    """One service's search over the burstiness that the waiting model is told."""

    now: float
    stated: float
    loosens: bool
    holds: float | None = None  # smallest that held
    fails: float | None = None  # largest that failed
    factor: float = 1.0

    @property
    def settled(self) -> bool:
        """Nothing smaller that is worth a try."""
        if self.holds is None:
            return False
        closed = self.fails is not None and self.holds <= _CLOSE * self.fails
        return closed or self.holds <= 1 or not self.loosens

    def after(self, held: bool, missed: frozenset[str]) -> Dial:
        """The next value to try."""
        if not held and not missed <= _WAITING:
            return replace(self, factor=self.factor * _LOWER)
        if not held:
            higher = self.holds is None or self.holds <= self.now
            return replace(
                self,
                now=self.now * _RAISE if higher else (self.now * (self.holds or 0.0)) ** 0.5,
                holds=None if higher else self.holds,
                fails=self.now,
            )
        found = replace(self, holds=self.now)
        if found.settled:
            return found
        return replace(found, now=1.0 if self.fails is None else (self.now * self.fails) ** 0.5)

    def told(self) -> Told:
        """As the solve takes it."""
        return Told(None if self.now == self.stated else self.now, self.factor)


def raised(dials: Mapping[str, Dial], failing: Mapping[str, frozenset[str]]) -> dict[str, Dial]:
    """Services that failed the confirmation are tightened, and nothing is loosened any more."""
    fixed = {name: replace(dial, loosens=False) for name, dial in dials.items()}
    return {
        name: dial.after(False, failing[name]) if name in failing else replace(dial, holds=dial.now)
        for name, dial in fixed.items()
    }


def dials_of(plan: Plan) -> dict[str, Dial]:
    """One for each service; only the cheapest plan is sought by loosening."""
    workload = workload_of(plan)
    loosens = workload.objective == "cost"
    return {
        spec.name: Dial(
            largest_of(service.demand.bursts), largest_of(service.demand.bursts), loosens and waits
        )
        for spec, service in zip(services_of(workload), workload.services, strict=True)
        for waits in [spec.ttft_s is not None or spec.end_to_end_s is not None]
    }
