"""Breakpoints of what is not a price: demand, promises, budgets, tariffs, the discount rate.

The program changes with these, so there is no cost line to intersect. The range is sampled, and between
two samples with different fleets the change is bracketed by bisection (scipy.optimize.bisect) to a stated
tolerance. A fleet that appears and vanishes again between two samples that agree is not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from solver.errors import InfeasibleError, LimitReached
from solver.sensitivity.parameters import Range, change_unit, changed
from solver.sensitivity.priced import FoundPlan, Priced
from solver.sensitivity.session import Session

#: Relative gap of each solve.
GAP = 1e-4


@dataclass(frozen=True)
class Sample:
    """The best plan at one value; ``plan`` is None where nothing keeps the promises."""

    value: float
    cost_usd: float | None
    plan: FoundPlan | None
    reason: str = ""

    @property
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """Systems in the fleet and how they are got, without their numbers."""
        if self.plan is None:
            return (("", "impossible"),)
        api = (("API", "api"),) if self.plan.shares.get("API", 0.0) > 1e-6 else ()
        return tuple((s, way) for s, way, _ in self.plan.fleet) + api


@dataclass(frozen=True)
class Change:
    """Between ``low`` and ``high`` (at most the tolerance apart) the kinds of systems change."""

    low: Sample
    high: Sample


@dataclass(frozen=True)
class BracketResult:
    """Samples in order of the value, and the changes between them."""

    range: Range
    unit: str
    tolerance: float
    samples: tuple[Sample, ...]
    changes: tuple[Change, ...]


def evaluate(session: Session, name: str, value: float) -> Sample:
    """The best plan with one statement changed."""
    try:
        there = session.with_loaded(changed(session.loaded, name, value))
        priced = Priced(there.prepared, ())
        solved = priced.solve((), None, GAP)
    except InfeasibleError as error:
        return Sample(value, None, None, str(error).splitlines()[0])
    except LimitReached as error:
        return Sample(value, None, None, f"not decided: {error}")
    assert isinstance(solved.line.plan, FoundPlan)
    return Sample(value, solved.line.base * 1e3, solved.line.plan)


def bracket(
    session: Session,
    wanted: Range,
    samples: int = 17,
    tolerance: float = 0.005,
    tick: Callable[[], None] = lambda: None,
) -> BracketResult:
    """Samples over the range and every change between neighbours, to ``tolerance`` of the range."""
    known: dict[float, Sample] = {}

    def at(value: float) -> Sample:
        if value not in known:
            known[value] = evaluate(session, wanted.name, value)
            tick()
        return known[value]

    width = tolerance * (wanted.high - wanted.low)
    values = [float(v) for v in np.linspace(wanted.low, wanted.high, samples)]
    changes: list[Change] = []
    for low, high in pairwise(values):
        changes += _between(at, low, high, width)
    ordered = tuple(known[v] for v in sorted(known))
    return BracketResult(wanted, change_unit(wanted.name), width, ordered, tuple(changes))


def _between(at: Callable[[float], Sample], low: float, high: float, width: float) -> list[Change]:
    """All changes seen from ``low`` to ``high``: bisect the first, then go on from behind it."""
    from scipy.optimize import bisect

    found: list[Change] = []
    while at(low).kinds != at(high).kinds:
        here = at(low).kinds
        seen = [low, high]

        def same(value: float, here: object = here, seen: list[float] = seen) -> float:
            inside = at(value).kinds == here
            seen[not inside] = max(seen[0], value) if inside else min(seen[1], value)
            return 1.0 if inside else -1.0

        if high - low > width:
            bisect(same, low, high, xtol=width / 2, rtol=8.9e-16, maxiter=60)
        found.append(Change(at(seen[0]), at(seen[1])))
        low = seen[1]
    return found
