"""Close the loop: solve, replay, and solve again for more where a replay missed a promise.

What is tightened is the derating itself: the safe load of every pool of the service that missed is
multiplied by a factor below 1. The workload stays as the user wrote it, so the plan can be checked and
replayed against the user's own promises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from solver.plan.plan import Plan
from solver.simulate.from_plan import PlanReplay

STEP = 0.9  # factor on a service's safe loads per round
ROUNDS = 6


def missed(replayed: PlanReplay) -> dict[str, set[str]]:
    """Service name -> names of the promises (ttft, tpot, end_to_end) that did not hold in some period."""
    found: dict[str, set[str]] = {}
    for period in replayed.periods:
        for service in period.result.services:
            for promise in service.promises:
                if not promise.holds:
                    found.setdefault(service.name, set()).add(promise.name)
    return found


def solve_until_it_holds(
    solve: Callable[[Mapping[str, float]], Plan],
    replay: Callable[[Plan], PlanReplay],
    rounds: int = ROUNDS,
) -> tuple[Plan, PlanReplay]:
    """The first plan of at most ``rounds`` whose replay holds every promise, and that replay.

    ``solve`` takes the factor on the safe loads of each service (1 where it is not named). The plan's notes
    say what was tightened, and after the last round what is still missed.
    """
    factors: dict[str, float] = {}
    for n in range(1, rounds + 1):
        plan = solve(factors)
        replayed = replay(plan)
        names = missed(replayed)
        if not names or n == rounds:
            return plan.model_copy(
                update={"notes": (*plan.notes, _words(replayed, factors, names))}
            ), replayed
        factors |= {name: factors.get(name, 1.0) * STEP for name in names}
    raise ValueError("rounds must be at least 1")


def _words(replayed: PlanReplay, factors: Mapping[str, float], names: Mapping[str, set[str]]) -> str:
    """What the replay was, what it led to, and whether the promises hold in it."""
    requests = sum(s.requests for p in replayed.periods for s in p.result.services)
    words = f"replayed with {requests:,} requests: "
    if names:
        lost = "; ".join(f"{name}: {', '.join(sorted(missing))}" for name, missing in sorted(names.items()))
        words += f"promises still missed ({lost})"
    else:
        words += "every promise of time holds"
    if factors:
        told = ", ".join(f"{name} to {factor:.0%}" for name, factor in sorted(factors.items()))
        words += f"; for that the safe loads of the waiting model were lowered ({told})"
    return words
