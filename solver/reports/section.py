"""A table of a report as data: columns, rows of raw values, and how a value is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from solver.reports.units import percent


@dataclass(frozen=True)
class Column:
    """A column: heading, how a value is written, whether it is a number (set to the right) or a source."""

    name: str
    text: Callable[[Any], str] = str
    right: bool = False
    source: bool = False


@dataclass(frozen=True)
class Section:
    """A table with its title and a caption that names the units; rows hold raw values (None: nothing)."""

    key: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: bool = False  # the last row is a sum

    def cells(self, row: tuple[Any, ...]) -> list[str]:
        """The texts of a row, not yet escaped."""
        pairs = zip(self.columns, row, strict=True)
        return ["" if value is None else column.text(value) for column, value in pairs]

    @property
    def texts(self) -> list[list[str]]:
        """The texts of all rows, not yet escaped."""
        return [self.cells(row) for row in self.rows]


def without_empty_columns(section: Section) -> Section:
    """The section without columns that hold nothing."""
    kept_columns = [
        n for n in range(len(section.columns)) if any(r[n] not in (None, "") for r in section.rows)
    ]
    return replace(
        section,
        columns=tuple(section.columns[n] for n in kept_columns),
        rows=tuple(tuple(row[n] for n in kept_columns) for row in section.rows),
    )


def right(name: str, text: Callable[[Any], str] = str) -> Column:
    """A column of numbers."""
    return Column(name, text, right=True)


def signed(share: float) -> str:
    """A change as per cent with its sign."""
    return percent(share, signed=True)
