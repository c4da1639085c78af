"""The tables as one workbook: a sheet each, frozen heads, number formats, text written as text."""

from __future__ import annotations

import io
import math
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


def workbook_bytes(tables: dict[str, list[dict[str, Any]]]) -> bytes:
    """The workbook; no cell is a formula or a link, whatever its text looks like."""
    import xlsxwriter

    target = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(target, {"in_memory": True, **options})
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    formats = {code: book.add_format({"num_format": code}) for _, code in _FORMATS}
    for name, every in tables.items():
        rows = every[:_MOST_ROWS]
        sheet = book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(rows), len(rows[0]) - 1)
        for column, title in enumerate(rows[0]):
            sheet.write_string(0, column, title, head)
            sheet.set_column(column, column, _width(title, [row[title] for row in rows[:200]]))
            code = next((code for end, code in _FORMATS if title.endswith(end)), None)
            for line, row in enumerate(rows, 1):
                _write(sheet, line, column, row[title], formats[code] if code else None)
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
