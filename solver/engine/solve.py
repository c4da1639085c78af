"""One solve from workload to verified plan: prepare, solve, repair, assemble, verify, compare."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from solver.backend.outcome import Ending, Outcome, near
from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.assemble import assemble, bindings
from solver.engine.attempt import DEFAULT, Request, attempt, left_of
from solver.engine.certificate import certified_bound, certified_goal
from solver.engine.compare import alternatives, break_evens
from solver.engine.fleets import Fleet, Solved
from solver.engine.infeasible import explain_screening
from solver.engine.refused import with_inputs
from solver.errors import (
    ExitCode,
    NumericalRefusal,
    VerificationFailed,
)
from solver.formulation.prepare import Prepared, prepare
from solver.inputs.references import resolve_references
from solver.performance.calibration import Calibration, load_calibration
from solver.plan.plan import Plan
from solver.verify import Verdict
from solver.verify.from_plan import verify_plan

#: Safe loads of a service are multiplied by these in turn where its promise fails at the mix a pool gets:
#: first by the last digits of the waiting model's floats.
LAST_DIGITS = 1 - 1e-6
DERATINGS = (LAST_DIGITS, 0.97, 0.94, 0.9, 0.85, 0.78, 0.7, 0.6, 0.5)
#: Solves of one problem at most.
MOST_DERATINGS = 12
#: Groups of like hours: gap and time of the fleet that others are compared with.
COMPARED_GAP, COMPARED_SECONDS = 1e-3, 10.0


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
    """The verified plan of a prepared problem.

    Pools that serve another mix of lengths than their service's may be late more often than promised;
    the check finds that, and the solve is repeated with all safe loads of that service smaller. The bound
    stays that of the first solve, whose loads no plan exceeds.
    """
    factors: dict[str, float] = {}
    first: Solved | None = None
    known: Fleet | None = None
    end = None if request.time_limit_s is None else time.perf_counter() + request.time_limit_s
    for _ in range(MOST_DERATINGS):
        now = derated(prepared, factors)
        try:
            part = replace(request, time_limit_s=left_of(request, end))
            solved, routing = attempt(loaded, now, part, known)
        except NumericalRefusal as refusal:
            raise with_inputs(refusal, loaded, now) from None
        first = first or solved
        if now.problem.workload.objective == "cost":
            solved = replace(solved, outcome=bounded_by(first.outcome, solved.outcome, request.gap))
        assert solved.outcome.values is not None
        known = Fleet.of(solved.program, solved.outcome.values)
        plan = assemble(loaded, catalog, solved.prepared, solved.program, solved.outcome, routing)
        verdict = verify_plan(plan)
        if verdict.passed:
            residual = str(verdict.residual)
            plan = plan.model_copy(update={"verified": True, "verified_residual": residual})
            return _told(plan, loaded, solved, first, factors, request)
        late = late_services(verdict, now) or full_services(verdict, now) - set(factors)
        if not late:
            break
        factors |= lowered(factors, late)
    raise VerificationFailed(
        "the plan did not pass the exact check and is not shown: "
        + "; ".join(f"{f.check}: {f.message}" for f in verdict.failures[:5]),
        tuple(f.message for f in verdict.failures),
    )


def bounded_by(first: Outcome, outcome: Outcome, gap: float) -> Outcome:
    """The outcome of a problem with smaller safe loads under the bound of the first one.

    It is optimal if it comes so near to that bound: to the gap asked for, or to the last digits.
    """
    found = replace(outcome, bound=min(first.bound, outcome.objective))
    met = found.gap <= max(gap + 1e-9, 1 - LAST_DIGITS)
    return found if met or found.ending is not Ending.OPTIMAL else replace(found, ending=Ending.FEASIBLE)


def _told(
    plan: Plan,
    loaded: LoadedWorkload,
    solved: Solved,
    first: Solved,
    factors: Mapping[str, float],
    request: Request,
) -> Plan:
    """A verified plan with its certificate, what binds, and comparisons, as far as memory allows.

    The certificate is that of the ``first`` solve, before safe loads were lowered.
    """
    lower = [f"{name} (to {share:.0%})" for name, share in factors.items() if share < LAST_DIGITS]
    if lower:
        note = "safe loads are lowered so that promises hold at the mix of lengths that pools get: "
        plan = plan.model_copy(update={"notes": (*plan.notes, note + ", ".join(lower))})
    try:
        if request.certify:
            plan = certified(plan, first if plan.objective == "cost" else solved, request.gap)
        rows = bindings(loaded, solved.prepared, solved.program, solved.proof, solved.outcome)
        plan = plan.model_copy(update={"binding": rows})
        return _compared(plan, loaded, solved, factors) if request.compare else plan
    except MemoryError:
        note = "memory ran out after the plan was found and checked: what would have followed is left out"
        return plan.model_copy(update={"notes": (*plan.notes, note)})


def certified(plan: Plan, solved: Solved, gap: float) -> Plan:
    """The plan with the lower bound that exact arithmetic proves: on its cost, and on a goal held first.

    It may show that a plan is optimal (within ``gap``) whose search ended early.
    """
    plan = _certified_goal(plan, solved)
    bound = certified_bound(solved.proof.program, solved.proof, solved.outcome.objective, solved.multipliers)
    if bound is None:
        return plan
    usd = max(min(math.nextafter(float(bound * 1000), -math.inf), plan.objective_usd), 0.0)
    plan = plan.model_copy(update={"certified_bound_usd": usd})
    if usd > plan.bound_usd and plan.objective == "cost":
        apart = min((plan.objective_usd - usd) / plan.objective_usd, plan.gap)
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


def exit_code(plan: Plan) -> ExitCode:
    """Exit code of a plan that is shown."""
    if plan.outcome == "interrupted":
        return ExitCode.INTERRUPTED
    return ExitCode.VERIFIED if plan.outcome == "optimal" else ExitCode.LIMIT_WITH_PLAN


def _free(relaxed: Callable[[], Prepared], factors: Mapping[str, float]) -> Prepared:
    """The problem with all places on the menu, its safe loads as small as those of the plan."""
    return derated(relaxed(), factors)


def _compared(plan: Plan, loaded: LoadedWorkload, solved: Solved, factors: Mapping[str, float]) -> Plan:
    """The plan with what binds, the best fleet of each single system, and prices at which losers enter.

    Where hours are in groups the fleets are compared at their mean hours, like with like.
    """
    from solver.engine.wishes import wishes, wishes_at_mean_hours
    from solver.reports.words import answer

    prepared, model, outcome = solved.prepared, solved.proof, solved.outcome
    program = model.program
    if prepared.curves is not None or prepared.mean_periods:
        outcome = model.solve(COMPARED_GAP, COMPARED_SECONDS)
        note = "fleets are compared, and wishes priced, at the mean hours of groups of like hours"
        plan = plan.model_copy(update={"notes": (*plan.notes, note)})
    others, ties = alternatives(prepared, program, model, outcome)
    entries = break_evens(prepared, program, model, outcome, plan, others, ties)
    plan = plan.model_copy(update={"alternatives": others, "break_even": entries})
    free = None if prepared.relaxed is None else partial(_free, prepared.relaxed, factors)
    if prepared.curves is None:
        found = wishes(loaded, prepared, solved.program, solved.outcome, free)
    else:
        found = wishes_at_mean_hours(loaded, solved, free)
    plan = plan.model_copy(update={"wishes": found})
    return plan.model_copy(update={"answer": answer(plan)})


__all__ = ["Request", "exit_code", "solve"]
