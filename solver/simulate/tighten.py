"""Close the loop: what to ask of the next fleet where a replay missed a promise.

The plan's own model derates a pool by the burstiness of its traffic, so a missed first token or end-to-end
time raises that; a missed time per output token lowers the pace it must keep. The replays go on with the
workload as the user wrote it.
"""

from __future__ import annotations

from collections.abc import Callable

from solver.domain.workload import Service, Workload
from solver.plan.plan import Plan
from solver.simulate.from_plan import PlanReplay

BURSTIER = 1.5  # factor on the squared coefficient of variation per round
FASTER = 0.95  # factor on the TPOT that is asked for per round


def missed(replayed: PlanReplay) -> dict[str, set[str]]:
    """Service name -> names of the promises (ttft, tpot, end_to_end) that did not hold in some period."""
    found: dict[str, set[str]] = {}
    for period in replayed.periods:
        for service in period.result.services:
            for promise in service.promises:
                if not promise.holds:
                    found.setdefault(service.name, set()).add(promise.name)
    return found


def tightened(workload: Workload, replayed: PlanReplay) -> Workload:
    """The workload with stricter statements for the services that missed a promise."""
    names = missed(replayed)
    services = tuple(_stricter(s, names[s.name]) if s.name in names else s for s in workload.services)
    return workload.model_copy(update={"services": services})


def _stricter(service: Service, promises: set[str]) -> Service:
    changes: dict[str, object] = {}
    if promises & {"ttft", "end_to_end"}:
        cv2 = max(service.demand.cv2, 1.0) * BURSTIER
        changes["demand"] = service.demand.model_copy(update={"cv2": cv2})
    if "tpot" in promises and service.levels.tpot_ms is not None:
        tpot = service.levels.tpot_ms * FASTER
        changes["levels"] = service.levels.model_copy(update={"tpot_ms": tpot})
    return service.model_copy(update=changes)


def solve_until_it_holds(
    workload: Workload,
    solve: Callable[[Workload], Plan],
    replay: Callable[[Plan], PlanReplay],
    rounds: int = 6,
) -> tuple[Plan, PlanReplay, tuple[str, ...]]:
    """Solve, replay and tighten until every promise holds; the last plan, its replay, and what was changed.

    ``replay`` judges by the user's workload. After ``rounds`` the last plan is returned as it is; its
    replay tells what is still missed.
    """
    asked = workload
    notes: list[str] = []
    for n in range(1, rounds + 1):
        plan = solve(asked)
        replayed = replay(plan)
        names = missed(replayed)
        if not names or n == rounds:
            return plan, replayed, tuple(notes)
        words = "; ".join(
            f"{name}: {', '.join(sorted(promises))}" for name, promises in sorted(names.items())
        )
        notes.append(f"round {n}: the replay missed promises ({words}); the fleet was solved again for more")
        asked = tightened(asked, replayed)
    raise ValueError("rounds must be at least 1")
