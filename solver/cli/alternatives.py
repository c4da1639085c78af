"""``solver alternatives``: fleets of other make-up that cost nearly as little."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from solver.cli.options import AsJson, Changes, SecondsEach, WorkloadName

if TYPE_CHECKING:
    from solver.engine.near_best import NearBestList


def alternatives(
    workload: WorkloadName,
    count: Annotated[int, typer.Option(min=1, max=50, help="How many fleets.")] = 5,
    within: Annotated[float, typer.Option(min=0.0, help="Share above the best, 0.05 = 5 %.")] = 0.10,
    changes: Changes = None,
    time_limit: SecondsEach = 60.0,
    as_json: AsJson = False,
) -> None:
    """The best fleets that differ in the systems they use, each verified, none left out.

    A fleet that is a cheaper one with something added does not count.
    """
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
    found = near_best(loaded, catalog, prepared, count, within, Request(time_limit_s=time_limit))
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
    words = _how_complete(found, within)
    if as_json:
        data = {
            "workload": loaded.workload.name,
            "within": within,
            "complete": found.complete,
            "fleets": rows,
        }
        typer.echo(json.dumps({**data, "note": words}, indent=1))
        return
    for row in rows:
        typer.echo(f"  ${row['objective_usd']:>14,.0f}  +{row['extra_share']:6.1%}  {row['fleet']}")
    typer.echo(words)


def _how_complete(found: NearBestList, within: float) -> str:
    """What the list proves."""
    if not all(item.proven for item in found.fleets):
        return "The list is not proven: a search ended at its time limit, or hours are taken in groups."
    number = len(found.fleets)
    if found.complete:
        return f"These {number} are all fleets of different make-up within {within:.0%} of the best (proven)."
    return f"These are the {number} best; no cheaper fleet of another make-up was left out. More may follow."
