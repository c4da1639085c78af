"""The tables as one workbook: a sheet each, frozen heads, number formats, text written as text."""

from __future__ import annotations

import datetime
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from solver.reports.escape import xlsx_text

#: Formats by the end of a column's name.
_FORMATS = (
    ("_usd", "#,##0.00"),
    ("usd", "#,##0.00"),
    ("_share", "0.0%"),
    ("share_of_requests", "0.0%"),
    ("share_in_time", "0.00%"),
    ("share_value", "0.0%"),
    ("_tokens", "#,##0.0000"),
    ("_ms", "#,##0.00"),
    ("_kw", "#,##0.0"),
    ("_rps", "#,##0.000"),
)
_MOST_ROWS = 1_048_575  # of a sheet, less the head


def workbook_bytes(tables: dict[str, list[dict[str, Any]]], front: Sequence[str] = ()) -> bytes:
    """The tables of a plan as a workbook, after a sheet with the sentences of ``front``."""
    sheets = []
    for name, rows in tables.items():
        codes = [next((code for end, code in _FORMATS if title.endswith(end)), "") for title in rows[0]]
        sheets.append(Sheet(name, tuple(rows[0]), tuple(codes), [list(row.values()) for row in rows]))
    return book_of(sheets, front)


@dataclass(frozen=True)
class Sheet:
    """A sheet: heads, a number format for each column ("": general), rows of raw values."""

    name: str
    heads: tuple[str, ...]
    codes: tuple[str, ...]
    rows: Sequence[Sequence[Any]]


def book_of(sheets: Iterable[Sheet], front: Sequence[str] = ()) -> bytes:
    """A workbook, after a sheet with the sentences of ``front``.

    No cell is a formula or a link, whatever its text looks like; equal sheets give equal bytes.
    """
    import xlsxwriter

    target = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(target, {"in_memory": True, **options})
    book.set_properties({"created": datetime.datetime(2000, 1, 1)})  # not the clock
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    if front:
        answer = book.add_worksheet("answer")
        answer.set_column(0, 0, 110, book.add_format({"text_wrap": True}))
        for line, sentence in enumerate(front):
            answer.write_string(line, 0, xlsx_text(sentence))
    formats: dict[str, Any] = {}
    for sheet in sheets:
        rows, written = sheet.rows[:_MOST_ROWS], book.add_worksheet(sheet.name)
        written.freeze_panes(1, 0)
        written.set_landscape()
        written.fit_to_pages(1, 0)
        written.autofilter(0, 0, len(rows), len(sheet.heads) - 1)
        for column, (title, code) in enumerate(zip(sheet.heads, sheet.codes, strict=True)):
            if code and code not in formats:
                formats[code] = book.add_format({"num_format": code})
            written.write_string(0, column, xlsx_text(title), head)
            written.set_column(column, column, _width(title, [row[column] for row in rows[:200]]))
            for line, row in enumerate(rows, 1):
                _write(written, line, column, row[column], formats.get(code))
    book.close()
    return target.getvalue()


def _write(sheet: Any, line: int, column: int, value: Any, form: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, int | float) and math.isfinite(value):
        sheet.write_number(line, column, value, form)
    else:
        sheet.write_string(line, column, xlsx_text(value))


def _width(title: str, values: list[Any]) -> float:
    texts = [f"{v:,.2f}" if isinstance(v, float) else xlsx_text(v) for v in values if v is not None]
    return float(min(48, max(len(title), *map(len, texts), 8) + 1 if texts else len(title) + 1))
