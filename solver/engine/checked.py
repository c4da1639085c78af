"""Searches of a prepared problem until a plan passes the exact check.

Pools that serve another mix of lengths than their service's may be late more often than promised; the check
finds that, and the search is repeated with the same mix for all pools of that service, or with smaller safe
loads (solver.engine.derating). The bound stays that of the first search, which no plan is below.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.assemble import assemble
from solver.engine.attempt import Request, attempt, left_of
from solver.engine.derating import (
    MOST_DERATINGS,
    Safety,
    bounded_by,
    full_services,
    late_services,
    needed_factors,
)
from solver.engine.fleets import Fleet, Solved
from solver.engine.refused import with_inputs
from solver.errors import InfeasibleError, LimitReached, NumericalRefusal, VerificationFailed
from solver.formulation.prepare import Prepared
from solver.plan.plan import Plan
from solver.verify.from_plan import verify_plan


@dataclass(frozen=True)
class Checked:
    """A plan that passed the exact check, its program, and the first search, which proves its bound."""

    plan: Plan
    solved: Solved
    first: Solved
    safety: Safety


def checked_plan(loaded: LoadedWorkload, catalog: Catalog, prepared: Prepared, request: Request) -> Checked:
    """The cheapest plan found that passes the exact check.

    Raises InfeasibleError, LimitReached, NumericalRefusal or VerificationFailed where there is none.
    """
    safety, needed = Safety(), dict[str, float]()
    first: Solved | None = None
    known: Fleet | None = None
    end = None if request.time_limit_s is None else time.perf_counter() + request.time_limit_s
    for _ in range(MOST_DERATINGS):
        now = safety.applied(prepared)
        try:
            part = replace(request, time_limit_s=left_of(request, end))
            solved, routing = attempt(loaded, now, part, known)
        except NumericalRefusal as refusal:
            raise with_inputs(refusal, loaded, now) from None
        except (InfeasibleError, LimitReached):
            if not safety.together:
                raise
            safety = safety.unmixable(needed)
            continue
        first = first or solved
        if now.problem.workload.objective == "cost":
            solved = replace(solved, outcome=bounded_by(first.outcome, solved.outcome, request.gap))
        assert solved.outcome.values is not None
        known = Fleet.of(solved.program, solved.outcome.values)
        plan = assemble(loaded, catalog, solved.prepared, solved.program, solved.outcome, routing)
        verdict = verify_plan(plan)
        if verdict.passed:
            passed = {"verified": True, "verified_residual": str(verdict.residual)}
            return Checked(plan.model_copy(update=passed), solved, first, safety)
        if late := late_services(verdict, now):
            needed = needed_factors(plan, solved, safety.factors, late)
            safety = safety.for_late(now.problem, late, needed)
        elif full := full_services(verdict, now) - set(safety.factors):
            safety = safety.for_full(full)
        else:
            break
    raise VerificationFailed(
        "the plan did not pass the exact check and is not shown: "
        + "; ".join(f"{f.check}: {f.message}" for f in verdict.failures[:5]),
        tuple(f.message for f in verdict.failures),
    )
