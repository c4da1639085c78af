"""What is done where promises fail at the mix of lengths that pools get.

Pools then get the mix of their service, at which their safe loads were worked out; or, where little is
missing or pools cannot serve all lengths, safe loads are lowered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from solver.backend.outcome import Ending, Outcome
from solver.engine.fleets import Solved
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.plan.plan import Plan
from solver.verify import Verdict
from solver.verify.case import Case
from solver.verify.from_plan import case_of
from solver.verify.promise import kept_at

#: Safe loads of a service are multiplied by these in turn where its promise fails at the mix a pool gets:
#: first by the last digits of the waiting model's floats.
LAST_DIGITS = 1 - 1e-6
DERATINGS = (LAST_DIGITS, 0.97, 0.94, 0.9, 0.85, 0.78, 0.7, 0.6, 0.5)
#: Safe loads are lowered, rather than mixes given to pools, where so much of them is enough.
LITTLE = 0.97
#: Parts of its traffic that a pool is tried with.
PARTS = 64
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


def lowered(
    factors: Mapping[str, float], late: Iterable[str], needed: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The next factors on the safe loads of services that are late: one step, or as far as is ``needed``."""
    found = {}
    for name in late:
        further = [f for f in DERATINGS if f < factors.get(name, 1.0)] or DERATINGS[-1:]
        found[name] = min(further[0], max((needed or {}).get(name, 1.0), DERATINGS[-1]))
    return found


def needed_factors(
    plan: Plan, solved: Solved, factors: Mapping[str, float], late: Iterable[str]
) -> dict[str, float]:
    """Factors at which the pools of a plan that fails would keep the promises of the services that are late.

    In each period in which a service is late its fullest pool is loaded to some share of its safe load, and a
    part of that traffic would be in time. The largest product of any period is returned: less would not do.
    """
    case, found = case_of(plan), {}
    loads = fullest(solved)
    for name in late:
        k = case.order[name]
        periods = [t for t in range(len(case.periods)) if not kept_at(case, k, t, Fraction(1))]
        shares = [loads.get((name, t), 1.0) * _part_in_time(case, k, t) for t in periods]
        if shares:
            found[name] = factors.get(name, 1.0) * max(shares)
    return found


def _part_in_time(case: Case, k: int, t: int) -> float:
    """The largest part of service k's traffic in period t that its pools would serve in time, in PARTS."""
    low, high = 0, PARTS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if kept_at(case, k, t, Fraction(middle, PARTS)) else (low, middle)
    return low / PARTS


def fullest(solved: Solved) -> dict[tuple[str, int], float]:
    """The fullest pool of each service in each period, as a share of its safe load."""
    program, problem, values = solved.program, solved.prepared.problem, solved.outcome.values
    assert values is not None
    found: dict[tuple[str, int], float] = {}
    for row in program.rows:
        if row.family == "capacity":
            load = sum(a * values[c] for c, a in row.terms if a > 0)
            room = -sum(a * values[c] for c, a in row.terms if a < 0)
            routed = [program.columns[c].key for c, a in row.terms if a > 0]
            if routed and room > 0:
                key = (problem.points[routed[0][1]].service, routed[0][-1])
                found[key] = max(found.get(key, 0.0), float(load / room))
    return found


@dataclass(frozen=True)
class Safety:
    """What keeps the promises of services at the mixes that their pools get."""

    factors: Mapping[str, float] = field(default_factory=dict)  # on the safe loads of services
    together: frozenset[str] = frozenset()  # services whose pools get the service's mix of lengths
    unmixed: frozenset[str] = frozenset()  # services for which no plan was found so

    @property
    def any(self) -> bool:
        """Whether the problem is another than the workload's."""
        return bool(self.factors or self.together)

    def applied(self, prepared: Prepared) -> Prepared:
        """The problem to solve."""
        if self.together:
            prepared = replace(prepared, problem=replace(prepared.problem, together=self.together))
        return derated(prepared, self.factors)

    def for_late(self, problem: Problem, late: set[str], needed: Mapping[str, float]) -> Safety:
        """For services that are late: their lengths together where that may help, else lower loads."""
        mixed = self._mixed(problem, late, needed)
        factors = {**self.factors, **lowered(self.factors, late - mixed, needed)}
        return replace(self, factors=factors, together=self.together | mixed)

    def for_full(self, full: set[str]) -> Safety:
        """For services that are full beyond the last digits."""
        return replace(self, factors={**self.factors, **lowered(self.factors, full)})

    def unmixable(self, needed: Mapping[str, float]) -> Safety:
        """Without lengths together, as no plan was found so: loads lowered as far as was needed before."""
        factors = {**self.factors, **lowered(self.factors, self.together, needed)}
        return Safety(factors, frozenset(), self.unmixed | self.together)

    def _mixed(self, problem: Problem, late: set[str], needed: Mapping[str, float]) -> set[str]:
        """Late services of several length classes, if lowering loads a little is not enough; none that a
        workload states profiles of, which need not serve all lengths."""
        several = {
            s.name
            for s, classes in zip(problem.services, problem.classes, strict=True)
            if len(classes) > len({bucket.region for bucket in s.lengths})
        }
        never = {p.service for p in problem.workload.profiles} | self.unmixed | self.together
        return {name for name in late & several - never if needed.get(name, 1.0) < LITTLE}

    def notes(self) -> list[str]:
        """What a reader of the plan must know of it."""
        found = []
        if self.together:
            found.append(
                "every pool gets its service's mix of lengths, as mixes of their own would miss promises: "
                + ", ".join(sorted(self.together))
            )
        lower = [f"{name} (to {share:.0%})" for name, share in self.factors.items() if share < LAST_DIGITS]
        if lower:
            words = "safe loads are lowered so that promises hold at the mix of lengths that pools get: "
            found.append(words + ", ".join(lower))
        return found


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
