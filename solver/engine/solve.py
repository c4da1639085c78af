"""One solve from workload to verified plan: prepare, solve, repair, assemble, verify, compare."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from solver.backend.outcome import near
from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.assemble import bindings
from solver.engine.attempt import DEFAULT, Request
from solver.engine.break_even import break_evens
from solver.engine.certificate import certified_bound, certified_goal
from solver.engine.checked import checked_plan
from solver.engine.compare import Clock, alternatives, seconds_to_compare
from solver.engine.derating import Safety
from solver.engine.every_hour import every_hour
from solver.engine.fleets import Solved
from solver.engine.infeasible import explain_screening
from solver.errors import ExitCode
from solver.formulation.prepare import Prepared, prepare
from solver.inputs.references import resolve_references
from solver.performance.calibration import Calibration, load_calibration
from solver.plan.plan import Plan
from solver.verify.settle import least_gap


def solve(
    loaded: LoadedWorkload,
    catalog: Catalog | None = None,
    calibration: Calibration | None = None,
    request: Request = DEFAULT,
) -> Plan:
    """The cheapest verified plan of a workload.

    Raises InfeasibleError, LimitReached, NumericalRefusal or VerificationFailed; a plan that is returned
    has passed the exact check.
    """
    if catalog is None:
        from solver.inputs.catalogs import load_catalog

        catalog = load_catalog()
    calibration = calibration or load_calibration()
    loaded = resolve_references(loaded, catalog)
    prepared = prepare(loaded.workload, catalog, calibration, request.prune, request.reduce)
    explain_screening(loaded, prepared)
    return solve_prepared(loaded, catalog, prepared, request)


def solve_prepared(loaded: LoadedWorkload, catalog: Catalog, prepared: Prepared, request: Request) -> Plan:
    """The verified plan of a prepared problem, with its certificate and comparisons. Raises as `solve`."""
    found = checked_plan(loaded, catalog, prepared, request)
    return _told(found.plan, loaded, found.solved, found.first, found.safety, request)


def _told(
    plan: Plan,
    loaded: LoadedWorkload,
    solved: Solved,
    first: Solved,
    safety: Safety,
    request: Request,
) -> Plan:
    """A verified plan with its certificate, what binds, and comparisons, as far as memory allows.

    The certificate is that of the ``first`` search: of the problem before safe loads were lowered.
    """
    from solver.reports.words import answer

    if notes := safety.notes():
        plan = plan.model_copy(update={"notes": (*plan.notes, *notes)})
    try:
        if request.certify:
            plan = certified(plan, first, request.gap, lowered=safety.any)
        rows = bindings(loaded, solved.prepared, solved.program, solved.proof, solved.outcome)
        plan = plan.model_copy(update={"binding": rows})
        if request.compare:
            plan = _compared(plan, loaded, solved, safety, request.time_limit_s)
    except MemoryError:
        note = "memory ran out after the plan was found and checked: what would have followed is left out"
        plan = plan.model_copy(update={"notes": (*plan.notes, note)})
    return plan.model_copy(update={"answer": answer(plan)})


def certified(plan: Plan, solved: Solved, gap: float, lowered: bool = False) -> Plan:
    """The plan with the lower bound that exact arithmetic proves: on its cost, and on a goal held first.

    It may show that a plan is optimal (within ``gap``) whose search ended early. ``solved`` is the first
    solve; where safe loads were ``lowered`` after it, its cost at another value of the goal proves nothing.
    """
    plan = _certified_goal(plan, solved)
    if lowered and plan.objective != "cost":
        return plan
    bound = certified_bound(solved.proof.program, solved.proof, solved.outcome.objective, solved.multipliers)
    if bound is None:
        return plan
    usd = max(min(math.nextafter(float(bound * 1000), -math.inf), plan.objective_usd), 0.0)
    plan = plan.model_copy(update={"certified_bound_usd": usd})
    if usd > plan.bound_usd and plan.objective == "cost":
        apart = min(least_gap(plan.objective_usd, usd), plan.gap)
        met = plan.outcome == "limit reached" and near(plan.objective_usd, usd, gap)
        words = {"outcome": "optimal"} if met else {}
        plan = plan.model_copy(update={"bound_usd": usd, "gap": apart, **words})
    return plan


def _certified_goal(plan: Plan, solved: Solved) -> Plan:
    """The plan with the bound that exact arithmetic proves on its goal.

    Not where hours are in groups: their largest hours need more than the hours do.
    """
    held = [row for row in solved.program.rows if row.family == "goal"]
    if plan.goal is None or not held or solved.prepared.mean_periods:
        return plan
    bound = certified_goal(solved.program, dict(held[0].terms), plan.goal.value)
    if bound is None:
        return plan
    below = min(math.nextafter(float(bound), -math.inf), plan.goal.value)
    return plan.model_copy(update={"goal": plan.goal.model_copy(update={"certified_bound": max(below, 0.0)})})


def exit_code(plan: Plan) -> ExitCode:
    """Exit code of a plan that is shown."""
    if plan.outcome == "interrupted":
        return ExitCode.INTERRUPTED
    return ExitCode.VERIFIED if plan.outcome == "optimal" else ExitCode.LIMIT_WITH_PLAN


def _free(relaxed: Callable[[], Prepared], safety: Safety) -> Prepared:
    """The problem with all places on the menu, as safe as that of the plan."""
    return safety.applied(relaxed())


def _compared(
    plan: Plan, loaded: LoadedWorkload, solved: Solved, safety: Safety, limit_s: float | None
) -> Plan:
    """The plan with what binds, the best fleet of each single system, and prices at which losers enter.

    Where hours are in groups fleets are found at their mean hours, and cost what serving every hour costs.
    """
    from solver.engine.wishes import wishes, wishes_in_groups

    prepared, model, outcome = solved.prepared, solved.proof, solved.outcome
    program, seconds = model.program, seconds_to_compare(outcome.seconds, limit_s)
    serve = every_hour(solved) if program is not solved.program else None
    used = {line.system for line in plan.systems} | {"API" for r in plan.routes if r.mode == "api"}
    others, ties = alternatives(prepared, program, model, outcome, Clock(seconds / 2), serve, used)
    entries = break_evens(prepared, program, model, outcome, plan, Clock(seconds / 4), others, ties, serve)
    plan = plan.model_copy(update={"alternatives": others, "break_even": entries})
    free = None if prepared.relaxed is None else partial(_free, prepared.relaxed, safety)
    if prepared.curves is None:
        found = wishes(loaded, prepared, solved.program, solved.outcome, free, Clock(seconds / 2))
    else:
        found = wishes_in_groups(loaded, solved, free, Clock(seconds / 2))
    return plan.model_copy(update={"wishes": found})


__all__ = ["Request", "exit_code", "solve"]
