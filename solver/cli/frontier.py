"""``solver frontier``: what speed costs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from solver.cli.options import AsJson, Changes, SecondsEach, WorkloadName


def frontier(
    workload: WorkloadName,
    low: Annotated[float, typer.Option("--from", help="Slowest speed, tok/s for each user.")] = 20.0,
    high: Annotated[float, typer.Option("--to", help="Fastest speed.")] = 3000.0,
    points: Annotated[int, typer.Option(min=2, max=100, help="Speeds, evenly spread on a log axis.")] = 12,
    service: Annotated[str, typer.Option("--service", help="Whose promise is varied; all if none.")] = "",
    kinds: Annotated[bool, typer.Option("--kinds/--no-kinds", help="Also each kind alone.")] = True,
    changes: Changes = None,
    time_limit: SecondsEach = 60.0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the report and tables.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cost of the fleet as the speed of each user rises, and where each kind of hardware takes over."""
    from solver.cli.sensitivity import open_session, show
    from solver.sensitivity.frontier import Options, frontier_findings

    options = Options(low, high, points, service, kinds, time_limit)
    show(frontier_findings(open_session(workload, changes or []), options, _progress), out, as_json)


def _progress(words: str) -> None:
    """A line on stderr for each fleet found, if that is a terminal."""
    if sys.stderr.isatty():
        typer.echo(words, err=True)
