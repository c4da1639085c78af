"""Findings of a sensitivity run as files: a page, a workbook, CSV and Parquet tables, Markdown, JSON.

Equal findings give equal bytes: no clock, no random number.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from solver.reports.escape import csv_cell, xlsx_text
from solver.reports.files import write_atomically
from solver.reports.findings import finite, records, render_html, render_markdown, to_json
from solver.sensitivity.findings import Findings, Table


def write_findings(found: Findings, folder: Path) -> list[Path]:
    """Write report.html, report.md, findings.json, findings.xlsx, tables/*.csv and tables/*.parquet."""
    files = {
        "report.html": render_html(found).encode(),
        "report.md": render_markdown(found).encode(),
        "findings.json": to_json(found).encode(),
        "findings.xlsx": _workbook(found),
    }
    for table in found.tables:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([c.key for c in table.columns])
        writer.writerows([[csv_cell(v) for v in row.values()] for row in records(table)])
        files[f"tables/{table.key}.csv"] = text.getvalue().encode()
        files[f"tables/{table.key}.parquet"] = parquet_bytes(table)
    for name, data in files.items():
        write_atomically(folder / name, data)
    return [folder / name for name in files]


_FORMATS = {"usd": "$#,##0", "price": "$#,##0.00", "share": "0.0%", "number": "General", "count": "#,##0"}


def _workbook(found: Findings) -> bytes:
    """A sheet with the answer and one per table; text stays text, equal findings give equal bytes."""
    import datetime

    import xlsxwriter

    target = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(target, {"in_memory": True, **options})
    book.set_properties({"created": datetime.datetime(2000, 1, 1)})  # not the clock: runs are compared
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
    formats = {kind: book.add_format({"num_format": code}) for kind, code in _FORMATS.items()}
    sheet = book.add_worksheet("answer")
    sheet.set_column(0, 0, 110, book.add_format({"text_wrap": True}))
    for n, sentence in enumerate((*found.answer, *(f"{name}: {value}" for name, value in found.facts))):
        sheet.write_string(n, 0, xlsx_text(sentence))
    for table in found.tables:
        if not table.rows:
            continue
        sheet = book.add_worksheet(table.key)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
        for n, column in enumerate(table.columns):
            sheet.write_string(0, n, xlsx_text(column.label), head)
            sheet.set_column(n, n, 30 if column.kind == "text" else 16)
            for line, row in enumerate(table.rows, 1):
                value = finite(row[n])
                if isinstance(value, int | float) and not isinstance(value, bool):
                    sheet.write_number(line, n, value, formats.get(column.kind))
                elif value is not None:
                    sheet.write_string(line, n, xlsx_text(value))
    book.close()
    return target.getvalue()


def parquet_bytes(table: Table) -> bytes:
    """The table as Parquet: text as strings, counts as whole numbers, the rest as doubles; nothing as null.

    Heading, kind and title stand in the metadata of columns and file.
    """
    import pyarrow
    from pyarrow import parquet

    types = {"text": pyarrow.string(), "count": pyarrow.int64()}
    rows, fields, columns = records(table), [], []
    for column in table.columns:
        kind = types.get(column.kind, pyarrow.float64())
        values = [row[column.key] for row in rows]
        if column.kind == "text":
            values = [None if v is None else str(v) for v in values]
        columns.append(pyarrow.array(values, type=kind))
        about = {"label": column.label, "kind": column.kind}
        fields.append(pyarrow.field(column.key, kind, metadata=about))
    schema = pyarrow.schema(fields, metadata={"title": table.title, "caption": table.caption})
    target = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_arrays(columns, schema=schema), target, compression="zstd")
    return target.getvalue()
