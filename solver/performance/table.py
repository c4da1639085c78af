"""The rows of a measurement file as they stand there, each with its line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from solver.errors import InputError

_COMMAS = "give a CSV file, its columns separated by commas"
_QUOTES = "put quotation marks around fields that hold commas"


def read_table(file: Path, columns: Sequence[str], needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Line (from 1) and ``columns`` of every row, stripped.

    A column that is missing is empty, blank lines are left out, headings count in any case.

    Raises :class:`InputError` with the line where the file cannot be read, a column of ``needed`` is missing,
    one of ``columns`` stands there twice, or a row has more or fewer fields than the heading.
    """
    rows: list[tuple[int, dict[str, str]]] = []
    line = 0
    try:
        with file.open(newline="", encoding="utf-8-sig") as source:
            reader = csv.reader(source, strict=True)
            heading = [name.strip().lower() for name in next(reader, [])]
            line = reader.line_num
            _check(heading, columns, needed, str(file))
            places = {c: heading.index(c) for c in columns if c in heading}
            for fields in reader:
                first, line = line + 1, reader.line_num
                if len(fields) == len(heading):
                    found = {c: fields[i].strip() for c, i in places.items()}
                    rows.append((first, {c: found.get(c, "") for c in columns}))
                elif fields:
                    problem = f"{len(fields)} fields where the heading has {len(heading)}"
                    raise InputError.at(str(file), first, problem, _QUOTES)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError.at(
            str(file), line + 1 if line else 0, f"cannot be read: {error}", _COMMAS
        ) from error
    return rows


def _check(heading: Sequence[str], columns: Sequence[str], needed: Sequence[str], file: str) -> None:
    """Refuse headings that lack or repeat a column."""
    if missing := [c for c in needed if c not in heading]:
        remedy = "the columns are listed in docs/reference/measurements.md, separated by commas"
        raise InputError.at(file, 1, f"columns missing: {', '.join(missing)}", remedy)
    if twice := [c for c in columns if heading.count(c) > 1]:
        raise InputError.at(file, 1, f"columns twice: {', '.join(twice)}", "keep one of each")
