"""Findings of a sensitivity run as files: a page, a workbook, CSV and Parquet tables, Markdown, JSON.

Equal findings give equal bytes: no clock, no random number.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from solver.reports.escape import csv_cell
from solver.reports.files import write_atomically
from solver.reports.findings import records, render_html, render_markdown, to_json
from solver.reports.xlsx import Sheet, book_of
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


_FORMATS = {"usd": "$#,##0", "price": "$#,##0.00", "share": "0.0%", "count": "#,##0"}


def _workbook(found: Findings) -> bytes:
    """A sheet with the answer and one per table."""
    sheets = [
        Sheet(
            table.key,
            tuple(column.label for column in table.columns),
            tuple(_FORMATS.get(column.kind, "") for column in table.columns),
            [list(row.values()) for row in records(table)],
        )
        for table in found.tables
        if table.rows
    ]
    return book_of(sheets, (*found.answer, *(f"{name}: {value}" for name, value in found.facts)))


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
