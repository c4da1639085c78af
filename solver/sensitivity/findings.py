"""What a sensitivity run found, as data that the reports turn into pages, workbooks and tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

#: "usd" is written in whole dollars where it is large, "price" to the cent.
Kind = Literal["text", "usd", "price", "share", "number", "count"]


@dataclass(frozen=True)
class Column:
    """A column: key of the tidy table (with its unit), heading for readers, how a value is written."""

    key: str
    label: str
    kind: Kind = "text"
    data_only: bool = False  # for files, not for reading


@dataclass(frozen=True)
class Table:
    """A table of raw values; its caption names units and meaning."""

    key: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    data_only: bool = False  # for files, not for reading

    @property
    def for_reading(self) -> Table:
        """The table without the columns that are for files only."""
        kept = [n for n, c in enumerate(self.columns) if not c.data_only]
        rows = tuple(tuple(row[n] for n in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[n] for n in kept), rows=rows)

    def records(self) -> list[dict[str, Any]]:
        """One dictionary per row, by column key."""
        return [dict(zip((c.key for c in self.columns), row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Axis:
    """An axis: what it shows with its unit, how its numbers are written, whether it is logarithmic."""

    label: str
    kind: Kind = "number"
    log: bool = False


@dataclass(frozen=True)
class Curves:
    """Lines over a common x axis; ``mark`` is a vertical line with its words."""

    key: str
    title: str
    caption: str
    x: Axis
    y: Axis
    lines: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    mark: tuple[float, str] | None = None


@dataclass(frozen=True)
class Regions:
    """Polygons of a plane, each with the name of what is best there."""

    key: str
    title: str
    caption: str
    x: Axis
    y: Axis
    areas: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    mark: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bars:
    """Bars from ``start`` to ``end`` with their words: label, start, end, text."""

    key: str
    title: str
    caption: str
    kind: Kind
    bars: tuple[tuple[str, float, float, str], ...]
    mark: tuple[float, str] | None = None


Figure = Curves | Regions | Bars


@dataclass(frozen=True)
class Findings:
    """The result of one run: the answer in sentences first, then figures, tables, notes and provenance."""

    name: str
    kicker: str
    answer: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()

    def table(self, key: str) -> Table:
        """The table called ``key``."""
        return next(t for t in self.tables if t.key == key)


def usd(value: float, digits: int = 3) -> str:
    """Dollars in a sentence, three significant digits: $1.21M, $480k, $12.3."""
    for scale, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale * (1 - 0.5 * 10.0**-digits):
            return (
                f"${value / scale:.{digits}g}{letter}"
                if abs(value) < 999.5 * scale
                else f"${value / scale:.0f}{letter}"
            )
    return f"${value:.{digits}g}"


def share(value: float) -> str:
    """A share in a sentence: 12 %, 0.3 %."""
    text = f"{value * 100:.0f}" if abs(value) >= 0.0995 else f"{value * 100:.2g}"
    if "e-" not in text:
        return f"{text} %"
    return f"{value * 100:.7f}".rstrip("0") + " %" if abs(value) >= 1e-9 else "under 0.0000001 %"


def amount(value: float, unit: str) -> str:
    """A value with its unit in a sentence."""
    return usd(value) if unit == "USD" else f"{value:.4g} {unit}"


ASSUMPTIONS = (
    Column("subject", "subject"),
    Column("quantity", "quantity"),
    Column("value", "value", "number"),
    Column("unit", "unit"),
    Column("low", "low", "number"),
    Column("high", "high", "number"),
    Column("evidence", "evidence"),
    Column("source", "source"),
    Column("date", "date"),
)
