"""What is uncertain: factors with triangular distributions, from catalog ranges, calibration or as stated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solver.errors import Complaint, InputError, Place
from solver.formulation.problem import Problem
from solver.sensitivity.indices import Floats
from solver.sensitivity.parameters import _number
from solver.sensitivity.price_names import price_now
from solver.sensitivity.session import Session

#: Demand is uncertain even where the workload states one figure; replace with --factor demand=...
DEMAND = (0.8, 1.0, 1.25)
#: Prefix of factors on the throughput of a system, and how far their triangle reaches in units of the
#: calibrated spread (which holds 80 %): a triangle on [-w, w] holds 80 % within w (1 - sqrt(0.2)).
THROUGHPUT, REACH = "throughput/", 1 / (1 - 0.2**0.5)


@dataclass(frozen=True)
class Factor:
    """A triangular distribution from low to high with its peak at ``mode`` (the value in the catalog)."""

    name: str  # a price name, "demand" or "demand.SERVICE"
    low: float
    mode: float
    high: float
    unit: str
    source: str
    log: bool = False  # triangular in the logarithm

    @property
    def is_throughput(self) -> bool:
        """Whether the factor multiplies what a system serves."""
        return self.name.startswith(THROUGHPUT)

    @property
    def is_price(self) -> bool:
        """Whether the factor is a price."""
        return not self.is_demand and not self.is_throughput

    @property
    def is_demand(self) -> bool:
        """Whether the factor multiplies request rates."""
        return self.name == "demand" or self.name.startswith("demand.")

    def quantile(self, share: Floats) -> Floats:
        """Values at cumulative probabilities (inverse of the triangular distribution)."""
        if self.log:
            low, mode, high = (float(np.log(v)) for v in (self.low, self.mode, self.high))
            return np.asarray(np.exp(Factor(self.name, low, mode, high, "", "").quantile(share)))
        width = self.high - self.low
        if width <= 0:
            return np.full_like(share, self.mode)
        left = (self.mode - self.low) / width
        rising = self.low + np.sqrt(np.maximum(share * width * (self.mode - self.low), 0))
        falling = self.high - np.sqrt(np.maximum((1 - share) * width * (self.high - self.mode), 0))
        return np.asarray(np.where(share < left, rising, falling))


def parse_factor(text: str, session: Session) -> Factor:
    """A factor stated as name=low..mode..high."""
    name, _, ends = text.partition("=")
    parts, place = ends.split(".."), Place(f"--factor {text[:60]!r}")
    if len(parts) != 3:
        raise InputError(Complaint(place, "not a factor", "write NAME=LOW..MODE..HIGH"))
    low, mode, high = (_number(part, place) for part in parts)
    if not low <= mode <= high:
        raise InputError(Complaint(place, "the values do not rise", "write low, most likely and high value"))
    name = name.strip()
    if name.startswith(THROUGHPUT):
        systems = sorted({p.system for p in session.prepared.problem.points})
        if name.removeprefix(THROUGHPUT) not in systems or low <= 0:
            remedy = f"write {THROUGHPUT} and one of {', '.join(systems)}, with values above 0"
            raise InputError(Complaint(place, "no such throughput", remedy))
        return Factor(name, low, mode, high, "times the calibrated one", "stated on the command line")
    if name != "demand" and not name.startswith("demand."):
        try:
            price_now(session.prepared.problem, name)
        except InputError as error:
            raise InputError(*(replace(c, place=place) for c in error.complaints)) from None
        return Factor(name, low, mode, high, "as in the catalog", "stated on the command line")
    only, services = name.partition(".")[2], [s.name for s in session.loaded.workload.services]
    if only and only not in services:
        remedy = f"write one of {', '.join(services)}"
        raise InputError(Complaint(place, f"no service is called {only!r}", remedy))
    return Factor(name, low, mode, high, "times the stated demand", "stated on the command line")


def spreads(problem: Problem) -> dict[str, float]:
    """Largest calibrated spread of the operating points of each system (a factor that holds 80 %)."""
    found: dict[str, float] = {}
    for point in problem.points:
        found[point.system] = max(found.get(point.system, 1.0), point.spread)
    return {system: spread for system, spread in found.items() if spread > 1}


def factors_of(session: Session, stated: tuple[str, ...]) -> tuple[Factor, ...]:
    """Stated factors, then every offer whose price has a range in the catalog, then demand."""
    found = {f.name: f for f in (parse_factor(text, session) for text in stated)}
    used = {o.id: o for o in session.prepared.problem.offers}
    for offer in sorted(session.catalog.offers.values(), key=lambda o: o.id):
        p, own = offer.price, used.get(offer.id)
        if own is None or own.price_usd != p.value or offer.system in found or offer.id in found:
            continue  # not on the menu, or the workload states its own price
        if p.low is not None or p.high is not None:
            low, high = (p.value if end is None else end for end in (p.low, p.high))
            found[offer.id] = Factor(offer.id, low, p.value, high, p.unit, f"{p.source}, {p.date}")
    for system, spread in sorted(spreads(session.prepared.problem).items()):
        name, far = f"{THROUGHPUT}{system}", spread**REACH
        source = f"calibration: 80 % within a factor of {spread:.3g}"
        if name not in found:
            found[name] = Factor(name, 1 / far, 1.0, far, "times the calibrated one", source, log=True)
    if not any(f.is_demand for f in found.values()):
        low, mode, high = DEMAND
        source = "assumed: a forecast is right to within about a quarter"
        found["demand"] = Factor("demand", low, mode, high, "times the stated demand", source)
    return tuple(f for f in found.values() if f.high > f.low)
