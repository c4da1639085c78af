"""One solve from workload to verified plan: prepare, solve, repair, assemble, verify, compare."""

from __future__ import annotations

from dataclasses import dataclass, replace

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.assemble import assemble
from solver.engine.compare import alternatives, break_evens
from solver.engine.infeasible import explain_program, explain_screening
from solver.errors import (
    ExitCode,
    InfeasibleError,
    LimitReached,
    NumericalRefusal,
    VerificationFailed,
)
from solver.formulation.build import build_program
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared, prepare
from solver.inputs.references import resolve_references
from solver.performance.calibration import Calibration, load_calibration
from solver.plan.plan import Plan
from solver.plan.routing import RepairFailed, Routing, repair
from solver.verify.from_plan import verify_plan

#: Capacity is shrunk by this share when rounding to exact shares left no room (tried in turn).
SAFETY = (0.0, 1e-7)


@dataclass(frozen=True)
class Request:
    """How a solve is run."""

    gap: float = 0.0
    time_limit_s: float | None = None
    compare: bool = True
    prune: bool = True
    reduce: bool = True


def solve(
    loaded: LoadedWorkload,
    catalog: Catalog | None = None,
    calibration: Calibration | None = None,
    request: Request = Request(),
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
    last: RepairFailed | None = None
    for safety in SAFETY:
        program = build_program(prepared.problem)
        model = HighsModel(tightened(program, safety))
        outcome = model.solve(request.gap, request.time_limit_s)
        raise_unless_point(outcome, loaded, prepared)
        assert outcome.values is not None
        try:
            routing = repair(program, outcome.values)
        except RepairFailed as failure:
            last = failure
            continue
        plan = _finish(loaded, catalog, prepared, program, model, outcome, routing)
        return _compared(plan, loaded, prepared, program, model, outcome) if request.compare else plan
    raise VerificationFailed(f"no exact routing for the solver's whole numbers: {last}")


def exit_code(plan: Plan) -> ExitCode:
    """Exit code of a plan that is shown."""
    if plan.outcome == "interrupted":
        return ExitCode.INTERRUPTED
    return ExitCode.VERIFIED if plan.outcome == "optimal" else ExitCode.LIMIT_WITH_PLAN


def tightened(program: Program, safety: float) -> Program:
    """The program with every load counted (1 + safety) times."""
    if safety == 0.0:
        return program
    rows = [
        row
        if row.family != "capacity"
        else replace(row, terms=tuple((c, a * (1 + safety) if a > 0 else a) for c, a in row.terms))
        for row in program.rows
    ]
    return replace(program, rows=rows)


def raise_unless_point(outcome: Outcome, loaded: LoadedWorkload, prepared: Prepared) -> None:
    """Turn an ending without a plan into the error that names it."""
    if outcome.ending is Ending.INFEASIBLE:
        explain_program(loaded, prepared)
        raise InfeasibleError("the statements of the workload cannot hold together")
    if outcome.ending is Ending.NO_POINT:
        raise LimitReached(f"no plan was found within the limit ({outcome.seconds:.1f} s)")
    if outcome.ending is Ending.INTERRUPTED and outcome.values is None:
        raise KeyboardInterrupt
    if outcome.ending in (Ending.UNBOUNDED, Ending.REFUSED) or outcome.values is None:
        raise NumericalRefusal(f"HiGHS ended with {outcome.status}, without a plan that can be trusted")


def _finish(
    loaded: LoadedWorkload,
    catalog: Catalog,
    prepared: Prepared,
    program: Program,
    model: HighsModel,
    outcome: Outcome,
    routing: Routing,
) -> Plan:
    plan = assemble(loaded, catalog, prepared, program, outcome, routing)
    verdict = verify_plan(plan)
    if not verdict.passed:
        raise VerificationFailed(
            "the plan did not pass the exact check and is not shown: "
            + "; ".join(f"{f.check}: {f.message}" for f in verdict.failures[:5]),
            tuple(f.message for f in verdict.failures),
        )
    return plan.model_copy(update={"verified": True, "verified_residual": str(verdict.residual)})


def _compared(
    plan: Plan,
    loaded: LoadedWorkload,
    prepared: Prepared,
    program: Program,
    model: HighsModel,
    outcome: Outcome,
) -> Plan:
    from solver.engine.assemble import bindings
    from solver.reports.words import answer

    rows = bindings(loaded, prepared, program, model, outcome)
    others = alternatives(prepared, program, model, outcome)
    entries = break_evens(prepared, program, model, outcome, plan)
    plan = plan.model_copy(update={"binding": rows, "alternatives": others, "break_even": entries})
    return plan.model_copy(update={"answer": answer(plan)})


__all__ = ["Request", "exit_code", "solve"]
