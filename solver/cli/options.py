"""Arguments and options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

WorkloadName = Annotated[str, typer.Argument(help="A workload file, or the name of a shipped one.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Change a value of the workload: path=value, repeatable.")
]
SecondsEach = Annotated[float | None, typer.Option(min=0.0, help="Seconds for each fleet.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
