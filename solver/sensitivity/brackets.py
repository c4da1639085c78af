"""Breakpoints of what is not a price: demand, promises, budgets, tariffs, the discount rate.

The program changes with these, so there is no cost line to intersect. The range is sampled, and between
two samples with different fleets each change is bracketed by bisection (scipy.optimize.bisect) to a stated
tolerance. A fleet that appears and vanishes again between two samples that agree is not seen. After
`MOST_SOLVES` only changes in the kinds of systems are bracketed, not those in their numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from solver.errors import InfeasibleError, LimitReached
from solver.sensitivity.oracle import Oracle
from solver.sensitivity.parameters import Range, change_unit, changed
from solver.sensitivity.priced import FoundPlan
from solver.sensitivity.session import Session

#: Solves after which changes in numbers of systems alone are no longer followed.
MOST_SOLVES = 160


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

    @property
    def fleet(self) -> tuple[object, ...]:
        """Systems in the fleet with their numbers."""
        return self.kinds if self.plan is None else (*self.kinds, *self.plan.fleet)


@dataclass(frozen=True)
class Change:
    """Between ``low`` and ``high`` (at most the tolerance apart) the fleet changes."""

    low: Sample
    high: Sample

    @property
    def in_kind(self) -> bool:
        """Whether the kinds of systems change, not their numbers alone."""
        return self.low.kinds != self.high.kinds


@dataclass(frozen=True)
class BracketResult:
    """Samples in order of the value, and the changes between them."""

    range: Range
    unit: str
    tolerance: float
    samples: tuple[Sample, ...]
    changes: tuple[Change, ...]
    complete: bool = True  # changes in numbers were followed everywhere


def evaluate(session: Session, name: str, value: float) -> Sample:
    """The best plan with one statement changed; one that fails the exact check does not count."""
    try:
        there = (
            session.with_technology(name, value)
            if name.startswith(("design.", "technology."))
            else session.with_loaded(changed(session.loaded, name, value))
        )
        oracle = Oracle(there, ())
        solved = oracle(())
    except InfeasibleError as error:
        return Sample(value, None, None, str(error).splitlines()[0])
    except LimitReached as error:
        return Sample(value, None, None, f"not decided: {error}")
    if (words := oracle.verdict(solved)) != "passed":
        return Sample(value, None, None, f"not decided: the plan fails the exact check: {words}")
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
        """The fleet at a value, solved once."""
        if value not in known:
            known[value] = evaluate(session, wanted.name, value)
            tick()
        return known[value]

    width = tolerance * (wanted.high - wanted.low)
    values = [float(v) for v in np.linspace(wanted.low, wanted.high, samples)]
    for value in values:
        at(value)
    changes: list[Change] = []
    complete = True
    for low, high in pairwise(values):
        kinds_only = len(known) > MOST_SOLVES and at(low).kinds == at(high).kinds
        complete &= not (kinds_only and at(low).fleet != at(high).fleet)
        changes += [] if kinds_only else _between(at, low, high, width)
    ordered = tuple(known[v] for v in sorted(known))
    return BracketResult(wanted, change_unit(wanted.name), width, ordered, tuple(changes), complete)


def _between(at: Callable[[float], Sample], low: float, high: float, width: float) -> list[Change]:
    """All changes seen from ``low`` to ``high``: bisect the first, then go on from behind it."""
    from scipy.optimize import bisect

    found: list[Change] = []
    while at(low).fleet != at(high).fleet:
        here = at(low).fleet
        seen = [low, high]

        def same(value: float, here: object = here, seen: list[float] = seen) -> float:
            """1 where the fleet at a value is still the one at hand, -1 where not; ``seen`` keeps the
            ends."""
            inside = at(value).fleet == here
            seen[not inside] = max(seen[0], value) if inside else min(seen[1], value)
            return 1.0 if inside else -1.0

        if high - low > width:
            bisect(same, low, high, xtol=width / 2, rtol=8.9e-16, maxiter=60)
        found.append(Change(at(seen[0]), at(seen[1])))
        low = seen[1]
    return found
