"""``solver alternatives``: fleets of other make-up that cost nearly as little."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from solver.cli.options import AsJson, Changes, Gap, SecondsEach, WorkloadName, share, tell_progress
from solver.errors import ExitCode, InfeasibleError, Interrupted, LimitReached
from solver.reports.units import percent

if TYPE_CHECKING:
    from solver.domain.workload import LoadedWorkload
    from solver.engine.near_best import NearBest, NearBestList
    from solver.formulation.prepare import Prepared


def alternatives(
    workload: WorkloadName,
    count: Annotated[int, typer.Option(min=1, max=50, help="How many fleets.")] = 5,
    within: Annotated[
        float, typer.Option(parser=share, metavar="SHARE", help="Share above the best, such as 5 %.")
    ] = 0.10,
    changes: Changes = None,
    gap: Gap = 0.0,
    time_limit: SecondsEach = 60.0,
    as_json: AsJson = False,
) -> None:
    """The best fleets that differ in the systems they use, each verified, none left out.

    A fleet that is a cheaper one with something added does not count. Ctrl-C shows those that were found.
    """
    from solver.engine.infeasible import explain_screening
    from solver.engine.near_best import near_best
    from solver.engine.solve import Request
    from solver.formulation.prepare import prepare
    from solver.inputs.catalogs import load_catalog
    from solver.inputs.references import resolve_references
    from solver.inputs.workload import apply_overrides, load_workload
    from solver.paths import find_workload
    from solver.performance.calibration import load_calibration

    catalog = load_catalog()
    loaded = resolve_references(
        apply_overrides(load_workload(find_workload(workload)), changes or []), catalog
    )
    prepared = prepare(loaded.workload, catalog, load_calibration())
    request = Request(gap=gap, time_limit_s=time_limit)
    explain_screening(loaded, prepared)
    found = near_best(
        loaded, catalog, prepared, count, within, request, lambda one: tell_progress(_line(one))
    )
    if not found.fleets:
        _raise_without(loaded, prepared, found)
    _show(loaded.workload.name, found, within, gap, as_json)
    if found.interrupted:
        raise typer.Exit(int(ExitCode.INTERRUPTED))
    if not all(item.proven for item in found.fleets) or (not found.complete and len(found.fleets) < count):
        raise typer.Exit(int(ExitCode.LIMIT_WITH_PLAN))


def _show(name: str, found: NearBestList, within: float, gap: float, as_json: bool) -> None:
    """The fleets and what the list proves."""
    words = _how_complete(found, within, gap)
    if not as_json:
        for item in found.fleets:
            typer.echo(_line(item))
        typer.echo(words)
        return
    rows = [
        {
            "fleet": item.fleet,
            "objective_usd": item.plan.objective_usd,
            "extra_share": item.extra_share,
            "verified": item.plan.verified,
            "proven": item.proven,
        }
        for item in found.fleets
    ]
    data = {"workload": name, "within": within, "complete": found.complete, "fleets": rows, "note": words}
    typer.echo(json.dumps(data, indent=1))


def _line(item: NearBest) -> str:
    extra = percent(item.extra_share, signed=True)
    return f"  ${item.plan.objective_usd:>14,.0f}  {extra:>8}  {item.fleet}"


def _raise_without(loaded: LoadedWorkload, prepared: Prepared, found: NearBestList) -> None:
    """Why there is no fleet at all."""
    from solver.engine.infeasible import explain_program

    if found.interrupted:
        raise Interrupted("interrupted before a fleet was found")
    if not found.complete:
        raise LimitReached("no fleet was found within the time limit")
    explain_program(loaded, prepared)
    raise InfeasibleError("the statements of the workload cannot hold together")


def _how_complete(found: NearBestList, within: float, gap: float) -> str:
    """What the list proves."""
    if found.interrupted:
        return "Stopped: there may be other fleets, and cheaper ones."
    if not all(item.proven for item in found.fleets):
        return "The list is not proven: a search ended at its time limit, or hours are taken in groups."
    number = len(found.fleets)
    if found.complete:
        all_of = (
            "This is the only fleet" if number == 1 else f"These {number} are all fleets of different make-up"
        )
        return f"{all_of} within {percent(within)} of the best (proven)."
    best = "This is the best" if number == 1 else f"These are the {number} best"
    left = f"no fleet cheaper by more than {gap:.3g} of its cost" if gap else "no cheaper fleet"
    return f"{best}; {left} of another make-up was left out. More may follow."
