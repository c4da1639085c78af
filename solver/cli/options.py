"""Arguments and options that commands share."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Annotated

import typer

WorkloadName = Annotated[str, typer.Argument(help="A workload file, or the name of a shipped one.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Change a value of the workload: path=value, repeatable.")
]
SecondsEach = Annotated[float | None, typer.Option(min=0.0, help="Seconds for each fleet.")]
SecondsAll = Annotated[float | None, typer.Option(min=0.0, help="Seconds for all of it together.")]
Gap = Annotated[float, typer.Option(min=0.0, help="Relative gap at which a plan counts as optimal.")]
#: Seconds of a search between two signs of life on a terminal.
SIGN_S = 10.0
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def tell_progress(words: str) -> None:
    """A line on stderr for what was found, if that is a terminal."""
    if sys.stderr.isatty():
        typer.echo(words, err=True)


@contextmanager
def signs_of_life(what: str, limit_s: float | None) -> Iterator[None]:
    """While ``what`` runs, a line on stderr every `SIGN_S` seconds, if that is a terminal."""
    over, start = Event(), time.monotonic()
    most = "" if limit_s is None else f" of {limit_s:g} s"

    def tell() -> None:
        while not over.wait(SIGN_S):
            tell_progress(f"{what} ({time.monotonic() - start:.0f} s{most}; Ctrl-C ends the search)")

    if sys.stderr.isatty():
        Thread(target=tell, daemon=True).start()
    try:
        yield
    finally:
        over.set()
