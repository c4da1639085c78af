"""Arguments and options that commands share."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Annotated

import typer


def share(text: str | float) -> float:
    """A share from ``5 %`` or ``0.05``."""
    from solver.inputs.units import parse_quantity

    try:
        value = parse_quantity(str(text), "share")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not 0 <= value <= 10 or (value > 1 and "%" not in str(text)):
        raise typer.BadParameter(f"'{text}' is no share; write 5 % or 0.05")
    return value


WorkloadName = Annotated[str, typer.Argument(help="A workload file, or the name of a shipped one.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Change a value of the workload: path=value, repeatable.")
]
SecondsEach = Annotated[float | None, typer.Option(min=0.0, help="Seconds for each fleet.")]
SecondsAll = Annotated[float | None, typer.Option(min=0.0, help="Seconds for all of it together.")]
Gap = Annotated[
    float,
    typer.Option(parser=share, metavar="SHARE", help="Gap at which a plan counts as optimal: 0.1 %."),
]
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
