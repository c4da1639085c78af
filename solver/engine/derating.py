"""Safe loads lowered where promises fail at the mix of lengths that pools get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from solver.backend.outcome import Ending, Outcome
from solver.formulation.prepare import Prepared
from solver.verify import Verdict

#: Safe loads of a service are multiplied by these in turn where its promise fails at the mix a pool gets:
#: first by the last digits of the waiting model's floats.
LAST_DIGITS = 1 - 1e-6
DERATINGS = (LAST_DIGITS, 0.97, 0.94, 0.9, 0.85, 0.78, 0.7, 0.6, 0.5)
#: Solves of one problem at most.
MOST_DERATINGS = 12


def late_services(verdict: Verdict, prepared: Prepared) -> set[str]:
    """Services whose promise failed, also after the loss of a site, if nothing else did."""
    if any(f.check not in ("promise", "site_loss") for f in verdict.failures):
        return set()
    names = [s.name for s in prepared.problem.services]
    return {n for n in names if any(f.message.startswith(f"{n} in ") for f in verdict.failures)}


def full_services(verdict: Verdict, prepared: Prepared) -> set[str]:
    """Services whose pools are full by more than their safe load, if nothing else failed.

    Rows hold floats and the check does not: a pool that is full to the last request may pass one and miss the
    other by the last digits. Such a service is solved once more with those digits to spare.
    """
    if any(f.check != "capacity" for f in verdict.failures):
        return set()
    names = [s.name for s in prepared.problem.services]
    return {n for n in names if any(f.message.startswith(f"{n}/") for f in verdict.failures)}


def lowered(factors: Mapping[str, float], late: Iterable[str]) -> dict[str, float]:
    """The next factors on the safe loads of services that are late."""
    smaller = {name: [f for f in DERATINGS if f < factors.get(name, 1.0)] for name in late}
    return {name: (further or DERATINGS[-1:])[0] for name, further in smaller.items()}


def derated(prepared: Prepared, factors: Mapping[str, float]) -> Prepared:
    """The problem with the safe loads of some services multiplied by a factor."""
    if not factors:
        return prepared
    points = tuple(
        replace(
            p,
            lines=tuple(
                replace(
                    line, slope=line.slope * factors[p.service], intercept=line.intercept * factors[p.service]
                )
                for line in p.lines
            ),
        )
        if p.service in factors
        else p
        for p in prepared.problem.points
    )
    return replace(prepared, problem=replace(prepared.problem, points=points))


def bounded_by(first: Outcome, outcome: Outcome, gap: float) -> Outcome:
    """The outcome of a problem with smaller safe loads under the bound of the first one.

    It is optimal if it comes so near to that bound: to the gap asked for, or to the last digits.
    """
    found = replace(outcome, bound=min(first.bound, outcome.objective))
    met = found.gap <= max(gap + 1e-9, 1 - LAST_DIGITS)
    return found if met or found.ending is not Ending.OPTIMAL else replace(found, ending=Ending.FEASIBLE)
