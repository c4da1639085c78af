"""Findings of a sensitivity run as a page, a workbook, tidy tables, Markdown and JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from solver.reports.curves import draw, text_of
from solver.reports.escape import json_text, markdown
from solver.reports.units import dollars
from solver.sensitivity.findings import Column, Findings, Table, share

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable


def cell(column: Column, value: Any) -> str:
    """A value as text, not yet escaped."""
    if value is None:
        return ""
    if column.kind in ("usd", "price"):
        return dollars(float(value))
    if column.kind == "count":
        return f"{value:,}"
    if column.kind in ("share", "number"):
        if value == float("inf"):
            return "not proven"
        return share(value) if column.kind == "share" else text_of(column.kind)(float(value))
    return str(value)


def kept(text: str) -> str:
    """Text whose percent signs stay on the line of their number."""
    return text.replace(" %", "\u00a0%")


def render_html(found: Findings) -> str:
    """One page that opens offline: no script, nothing loaded."""
    from markupsafe import Markup

    from solver.reports.html import _environment

    return (
        _environment()
        .get_template("findings.html.j2")
        .render(
            found=found,
            tables=_readable(found),
            cell=lambda column, value: kept(cell(column, value)),
            answer=[kept(sentence) for sentence in found.answer],
            facts=[(name, kept(value)) for name, value in found.facts],
            figures=[(f.title, f.caption, Markup(draw(f))) for f in found.figures],  # noqa: S704 (escaped in svg)
        )
    )


def render_markdown(found: Findings) -> str:
    """The answer, the tables and the notes as GitHub-flavoured Markdown."""
    parts = [f"# {markdown(found.name)}: {markdown(found.kicker)}", markdown(" ".join(found.answer))]
    for table in _readable(found):
        head = "| " + " | ".join(markdown(c.label) for c in table.columns) + " |"
        rule = "|" + "|".join("---" if c.kind == "text" else "---:" for c in table.columns) + "|"
        rows = [
            "| " + " | ".join(markdown(cell(c, v)) for c, v in zip(table.columns, row, strict=True)) + " |"
            for row in table.rows
        ]
        parts += [f"## {markdown(table.title)}", markdown(table.caption), "\n".join([head, rule, *rows])]
    if found.notes:
        parts.append("## Notes\n\n" + "\n".join(f"- {markdown(note)}" for note in found.notes))
    return "\n\n".join(parts) + "\n"


def _readable(found: Findings) -> list[Table]:
    return [table.for_reading for table in found.tables if table.rows and not table.data_only]


def finite(value: Any) -> Any:
    """The value, or nothing where it is infinite."""
    return None if isinstance(value, float) and value in (float("inf"), float("-inf")) else value


def records(table: Table) -> list[dict[str, Any]]:
    """Rows of a table for files: what is not finite is empty."""
    return [{key: finite(value) for key, value in row.items()} for row in table.records()]


def to_json(found: Findings) -> str:
    """Everything but the figures as one JSON object."""
    return json_text(
        {
            "format": "fleet-findings/1",
            "name": found.name,
            "kind": found.kicker,
            "answer": list(found.answer),
            "facts": dict(found.facts),
            "tables": {t.key: records(t) for t in found.tables},
            "units": {t.key: {c.key: c.kind for c in t.columns} for t in found.tables},
            "figures": [asdict(f) for f in found.figures],
            "notes": list(found.notes),
            "provenance": dict(found.provenance),
        }
    )


def print_findings(found: Findings, console: Console) -> None:
    """Answer, facts and tables on the terminal."""
    from solver.reports.escape import plain

    console.print(" ".join(plain(s) for s in found.answer), markup=False, highlight=False)
    for name, value in found.facts:
        console.print(f"  {plain(name)}: {plain(value)}", markup=False, highlight=False)
    for table in _readable(found):
        if table.key != "assumptions":
            console.print()
            console.print(_terminal_table(table, console.width), markup=False)


#: Characters that a column of text takes at least on a terminal, and lines shown of a table.
TEXT_WIDTH, TERMINAL_ROWS = 16, 60


def _terminal_table(table: Table, width: int) -> RichTable:
    """The table as wide as the terminal; columns on the right that do not fit are left to the files."""
    from rich.table import Table as RichTable

    from solver.reports.escape import plain

    rows, least, used = table.rows[:TERMINAL_ROWS], [], 1
    for n, column in enumerate(table.columns):
        widest = max((len(cell(column, row[n])) for row in rows), default=1)
        heading = max((len(word) for word in column.label.split()), default=1)
        least.append(min(widest, TEXT_WIDTH) if column.kind == "text" else max(widest, heading))
        used += least[-1] + 3
        if used > width and n > 1:
            break
    shown = len(least) - (used > width and len(least) > 2)
    hidden = len(table.columns) - shown
    more = f" ({hidden} more column{'s' if hidden > 1 else ''} with --out or --json.)" if hidden else ""
    more += f" (The first {TERMINAL_ROWS} of {len(table.rows)} lines.)" if len(table.rows) > len(rows) else ""
    made = RichTable(
        title=plain(table.title),
        caption=plain(table.caption) + more,
        title_justify="left",
        caption_justify="left",
    )
    for column, minimum in zip(table.columns[:shown], least, strict=False):
        text = column.kind == "text"
        most = None if text else minimum  # headings of numbers wrap
        side: Literal["left", "right"] = "left" if text else "right"
        made.add_column(plain(column.label), justify=side, min_width=minimum, max_width=most)
    for row in rows:
        made.add_row(*(plain(cell(c, v)) for c, v in zip(table.columns[:shown], row, strict=False)))
    return made
