"""Small CSV tables beside a workload file: strict headers, numbers with file:line in every complaint."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from solver.errors import Complaint, InputError, Place
from solver.inputs.validation import shorten
from solver.inputs.yaml_text import decode, read_bytes

MAX_COMPLAINTS = 20


@dataclass(frozen=True)
class Table:
    """Rows of texts with the line each stands in."""

    file: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, *names: str) -> str | None:
        """The first of ``names`` that is a column."""
        return next((name for name in names if name in self.header), None)

    def texts(self, name: str) -> list[str]:
        """The cells of the column ``name``."""
        index = self.header.index(name)
        return [row[index] for row in self.rows]

    def numbers(self, name: str, minimum: float = 0.0) -> list[float]:
        """The column ``name`` as finite numbers of at least ``minimum``."""
        values, complaints = [], []
        for line, text in zip(self.lines, self.texts(name), strict=True):
            value = plain_number(text)
            if value is None or value < minimum:
                problem = f"{name}: '{shorten(text)}' is not a number of at least {minimum:g}"
                complaints.append(Complaint(Place(self.file, line), problem, "write a number such as 12.5"))
            else:
                values.append(value)
        if complaints:
            raise InputError(*complaints[:MAX_COMPLAINTS])
        return values


def plain_number(text: str) -> float | None:
    """A finite decimal number of at most 30 characters, or None."""
    text = text.strip()
    if not text or len(text) > 30 or not set(text) <= set("0123456789.+-eE"):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


_REMEDY = "name a file in the folder of the workload or below it, such as lengths/chat.csv"


def inside(folder: Path, name: object, place: Place) -> Path:
    """The path ``name`` in ``folder`` or below it; anything that leaves the folder is refused."""
    if not isinstance(name, str) or not name.strip():
        raise InputError(Complaint(place, "no file is named", _REMEDY))
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor or ".." in Path(name).parts:
        raise InputError(Complaint(place, f"the path '{shorten(name)}' leaves the folder", _REMEDY))
    path = folder / name
    try:
        below = path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        raise InputError(Complaint(place, f"'{shorten(name)}' is not a path", _REMEDY)) from None
    if not below:
        raise InputError(Complaint(place, f"the path '{shorten(name)}' leaves the folder", _REMEDY))
    return path


def beside(folder: Path, name: object, place: Place) -> Path:
    """The existing file ``name`` in ``folder`` or below it."""
    path = inside(folder, name, place)
    try:
        exists = path.is_file()
    except (OSError, ValueError):
        exists = False
    if not exists:
        raise InputError(Complaint(place, f"there is no file '{shorten(name)}'", _REMEDY))
    return path


def read_table(path: Path) -> Table:
    """The CSV file at ``path``: a header, then rows of as many cells; lines beginning with # are comments."""
    file = str(path)
    content = decode(read_bytes(path), file, tabs=True)
    lines: list[int] = []
    rows: list[tuple[str, ...]] = []
    header: tuple[str, ...] = ()
    for line, cells in _records(content, file):
        if not header:
            header = tuple(cell.strip() for cell in cells)
            _check_header(header, file, line)
        elif len(cells) != len(header):
            problem = f"{len(cells)} cells where the header has {len(header)}"
            raise InputError.at(file, line, problem, "write one cell per column")
        else:
            rows.append(tuple(cells))
            lines.append(line)
    if not rows:
        raise InputError.at(file, 1, "the table has no rows", "write a header and at least one row")
    return Table(file, header, tuple(rows), tuple(lines))


def _records(content: str, file: str) -> Iterator[tuple[int, Sequence[str]]]:
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].startswith("#"):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError.at(file, reader.line_num, f"not CSV: {error}", "check the quotes") from None


def _check_header(header: tuple[str, ...], file: str, line: int) -> None:
    for name in header:
        if header.count(name) > 1:
            problem = f"the column '{shorten(name)}' is there twice"
            raise InputError.at(file, line, problem, "keep one of the two")
