"""Arguments and options that commands share."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

WorkloadName = Annotated[str, typer.Argument(help="A workload file, or the name of a shipped one.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Change a value of the workload: path=value, repeatable.")
]
SecondsEach = Annotated[float | None, typer.Option(min=0.0, help="Seconds for each fleet.")]
SecondsAll = Annotated[float | None, typer.Option(min=0.0, help="Seconds for all of it together.")]
Gap = Annotated[float, typer.Option(min=0.0, help="Relative gap at which a plan counts as optimal.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def tell_progress(words: str) -> None:
    """A line on stderr for what was found, if that is a terminal."""
    if sys.stderr.isatty():
        typer.echo(words, err=True)
