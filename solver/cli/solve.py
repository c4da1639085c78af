"""``solver solve``, ``solver explain`` and ``solver verify``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solver.cli.options import AsJson, Changes, Gap, WorkloadName, signs_of_life
from solver.errors import ExitCode, Interrupted, SolverError, UsageError

if TYPE_CHECKING:
    from solver.plan.plan import Plan


Out = Annotated[
    Path | None, typer.Option("--out", help="Folder for plan.json, tables, workbook and the HTML report.")
]
TimeLimit = Annotated[
    float | None, typer.Option(min=0.0, help="Seconds after which the best plan so far is taken.")
]
Compare = Annotated[bool, typer.Option("--compare/--no-compare", help="Also solve for each single system.")]
Simulate = Annotated[
    bool, typer.Option("--simulate", help="Replay the fleet; where a promise fails, solve again for more.")
]
Trace = Annotated[
    list[str] | None,
    typer.Option("--trace", help="With --simulate: a request trace, FILE or SERVICE=FILE, repeatable."),
]


def solve(
    workload: WorkloadName,
    as_json: AsJson = False,
    out: Out = None,
    changes: Changes = None,
    gap: Gap = 0.0,
    time_limit: TimeLimit = 120.0,
    compare: Compare = True,
    simulate: Simulate = False,
    trace: Trace = None,
) -> None:
    """The cheapest verified fleet for a workload."""
    from solver.engine.solve import Request, exit_code
    from solver.engine.solve import solve as run
    from solver.inputs.workload import apply_overrides, load_workload
    from solver.paths import find_workload

    try:
        loaded = apply_overrides(load_workload(find_workload(workload)), changes or [])
        request = Request(gap=gap, time_limit_s=time_limit, compare=compare)
        if trace and not simulate:
            raise UsageError("--trace is for the replay; add --simulate")
        with signs_of_life("searching", time_limit):
            plan, held = run(loaded, request=request), True
        if simulate:
            from solver.cli.closed_loop import held_by_replay
            from solver.cli.simulate import traces_of

            traces = traces_of(trace or [], [s.name for s in loaded.workload.services])
            closed = held_by_replay(loaded, plan, request, traces)
            plan, held = closed.plan, closed.holds
    except SolverError as error:
        raise _ending(error, as_json) from None
    except KeyboardInterrupt:
        raise _ending(Interrupted("interrupted before a plan was found"), as_json) from None
    _show(plan, as_json)
    if out is not None:
        from solver.reports.tables import write_out

        write_out(plan, out)
        typer.echo(f"written to {out}", err=True)
    if not held:
        typer.echo(plan.notes[-1], err=True)
        raise typer.Exit(int(ExitCode.VERIFICATION_FAILED))
    raise typer.Exit(int(exit_code(plan)))


def explain(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="A saved plan.json.")],
    as_json: AsJson = False,
) -> None:
    """Tell a saved plan again, after checking it."""
    plan, failures = _checked(plan_file)
    if failures:
        typer.echo("the plan does not pass the exact check: " + "; ".join(failures[:5]), err=True)
        raise typer.Exit(int(ExitCode.VERIFICATION_FAILED))
    _show(plan, as_json)


def verify(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="A saved plan.json.")],
    as_json: AsJson = False,
) -> None:
    """Re-check a saved plan in exact arithmetic, from the numbers in its file."""
    plan, failures = _checked(plan_file)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "verified": not failures,
                    "failures": failures,
                    "workload": plan.workload,
                    "objective_usd": plan.objective_usd,
                }
            )
        )
    elif failures:
        typer.echo(f"{plan_file}: {len(failures)} checks failed")
        for failure in failures:
            typer.echo(f"  {failure}")
    else:
        typer.echo(f"{plan_file}: every check holds exactly; total ${plan.objective_usd:,.2f}")
    raise typer.Exit(int(ExitCode.VERIFICATION_FAILED if failures else ExitCode.VERIFIED))


def _checked(path: Path) -> tuple[Plan, list[str]]:
    from solver.verify.from_plan import verify_file

    plan, verdict = verify_file(path)
    return plan, [f"{f.check}: {f.message}" for f in verdict.failures]


def _show(plan: Plan, as_json: bool) -> None:
    if as_json:
        typer.echo(plan.model_dump_json(indent=1))
        return
    from rich.console import Console

    from solver.reports.terminal import print_plan

    print_plan(plan, Console())


def _ending(error: SolverError, as_json: bool) -> SolverError:
    """With --json the ending without a plan is an object too."""
    if as_json:
        words = {
            ExitCode.BAD_INPUT: "bad input",
            ExitCode.INFEASIBLE: "infeasible",
            ExitCode.NUMERICALLY_REFUSED: "refused for numerical reasons",
            ExitCode.LIMIT_WITHOUT_PLAN: "limit reached without a plan",
            ExitCode.VERIFICATION_FAILED: "verification failed",
            ExitCode.INTERRUPTED: "interrupted",
        }
        typer.echo(
            json.dumps(
                {
                    "outcome": words.get(error.exit_code, "failed"),
                    "objective_usd": None,
                    "bound_usd": None,
                    "gap": None,
                    "verified": False,
                    "systems": [],
                    "service_levels": [],
                    "message": str(error),
                    "reasons": list(getattr(error, "reasons", ())),
                }
            )
        )
    return error
