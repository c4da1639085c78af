"""``solver frontier``: what speed costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from solver.cli.options import AsJson, Changes, Gap, SecondsAll, SecondsEach, WorkloadName, tell_progress
from solver.errors import ExitCode, Interrupted, LimitReached


def frontier(
    workload: WorkloadName,
    low: Annotated[float, typer.Option("--from", help="Slowest speed, tok/s for each user.")] = 20.0,
    high: Annotated[float, typer.Option("--to", help="Fastest speed.")] = 3000.0,
    points: Annotated[int, typer.Option(min=2, max=100, help="Speeds, evenly spread on a log axis.")] = 12,
    service: Annotated[str, typer.Option("--service", help="Whose promise is varied; all if none.")] = "",
    kinds: Annotated[bool, typer.Option("--kinds/--no-kinds", help="Also each kind alone.")] = True,
    changes: Changes = None,
    gap: Gap = 0.0,
    time_limit: SecondsEach = 60.0,
    total_time_limit: SecondsAll = 600.0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the report and tables.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cost of the fleet as the speed of each user rises, and where each kind of hardware takes over.

    Ctrl-C, or the end of the time, shows what has been found.
    """
    from solver.cli.sensitivity import open_session, show
    from solver.sensitivity.frontier import Options
    from solver.sensitivity.frontier import frontier as search
    from solver.sensitivity.frontier_findings import frontier_findings

    options = Options(low, high, points, service, kinds, time_limit, total_time_limit, gap)
    session = open_session(workload, changes or [])
    found = search(session, options, tell_progress)
    if not any(p.plan for p in found.points) and (found.over or not all(p.known for p in found.points)):
        ending = Interrupted if found.interrupted else LimitReached
        raise ending(f"no fleet was found: {found.over or 'the time of each fleet was over'}")
    show(frontier_findings(session, options, found), out, as_json)
    if found.interrupted:
        raise typer.Exit(int(ExitCode.INTERRUPTED))
    if found.over or not found.proven:
        raise typer.Exit(int(ExitCode.LIMIT_WITH_PLAN))
