"""Rows of a demand curve: one for each hour, in order."""

from __future__ import annotations

from datetime import datetime, timedelta

from solver.errors import Complaint, InputError, Place
from solver.inputs.tables import Table, plain_number
from solver.inputs.validation import shorten

#: Hours that a curve may have.
LENGTHS = (1, 24, 168, 8760)


def in_order(table: Table, values: list[float]) -> list[float]:
    """Values by hour: column ``hour`` counts 0, 1, 2, ...; column ``timestamp`` goes up by one hour."""
    if len(values) not in LENGTHS:
        problem = f"{len(values)} hourly rows"
        raise InputError.at(table.file, table.lines[-1], problem, f"write {either(LENGTHS)} of them")
    if name := table.column("hour"):
        for hour, line, text in zip(range(len(values)), table.lines, table.texts(name), strict=True):
            if plain_number(text) != hour:
                raise InputError.at(table.file, line, f"hour '{shorten(text)}'", f"write {hour} here")
    elif name := table.column("timestamp", "TIMESTAMP"):
        _check_times(table, name)
    else:
        raise InputError.at(table.file, 1, "no column with the hour", "name a column hour or timestamp")
    return values


def _check_times(table: Table, name: str) -> None:
    previous: datetime | None = None
    for line, text in zip(table.lines, table.texts(name), strict=True):
        try:
            time = datetime.fromisoformat(text.strip())
            steady = previous is None or time - previous == timedelta(hours=1)
        except (ValueError, TypeError):
            problem = f"'{shorten(text)}' is not a time"
            remedy = "write it like 2027-01-01T00:00"
            raise InputError(Complaint(Place(table.file, line), problem, remedy)) from None
        if not steady:
            problem = f"'{shorten(text)}' is not one hour after the row above"
            raise InputError.at(table.file, line, problem, "write one row per hour, in order")
        previous = time


def either(counts: tuple[int, ...]) -> str:
    """Counts as a choice: 24 or 168."""
    words = [str(count) for count in counts]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
