"""Findings of a sensitivity run as a page, Markdown, JSON and on the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from solver.reports.curves import draw, text_of
from solver.reports.escape import json_text, plain
from solver.reports.section import Column, Section
from solver.reports.units import dollars
from solver.sensitivity import findings
from solver.sensitivity.findings import Findings, Table, share

if TYPE_CHECKING:
    from rich.console import Console


def cell(column: findings.Column, value: Any) -> str:
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


def sections(found: Findings, write: Callable[[str], str] = str) -> list[Section]:
    """The tables for readers, each text passed through ``write``."""
    shown = [table.for_reading for table in found.tables if table.rows and not table.data_only]
    return [Section(t.key, t.title, t.caption, _columns(t, write), t.rows) for t in shown]


def _columns(table: Table, write: Callable[[str], str]) -> tuple[Column, ...]:
    def text(column: findings.Column, value: Any) -> str:
        """A cell as text for the format at hand."""
        return write(cell(column, value))

    return tuple(
        Column(c.label, partial(text, c), c.kind != "text", c.key == "source") for c in table.columns
    )


def kept(text: str) -> str:
    """Text whose percent signs stay on the line of their number."""
    return text.replace(" %", "\u00a0%")


def render_html(found: Findings) -> str:
    """One page that opens offline: no script, nothing loaded."""
    from markupsafe import Markup

    from solver.reports.html import environment

    return (
        environment()
        .get_template("findings.html.j2")
        .render(
            found=found,
            sections=sections(found, kept),
            answer=[kept(sentence) for sentence in found.answer],
            facts=[(name, kept(value)) for name, value in found.facts],
            figures=[(f.title, f.caption, Markup(draw(f))) for f in found.figures],  # noqa: S704 (escaped in svg)
        )
    )


def render_markdown(found: Findings) -> str:
    """The answer, the tables and the notes as GitHub-flavoured Markdown."""
    from solver.reports.markdown import page

    return page(f"{found.name}: {found.kicker}", " ".join(found.answer), sections(found), found.notes)


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
    from solver.reports.terminal import print_section

    console.print(" ".join(plain(s) for s in found.answer), markup=False, highlight=False)
    for name, value in found.facts:
        console.print(f"  {plain(name)}: {plain(value)}", markup=False, highlight=False)
    for section in sections(found):
        if section.key != "assumptions":
            print_section(_fitting(section, console.width), console, TEXT_WIDTH)


#: Characters that a column of text takes at least on a terminal, and lines shown of a table.
TEXT_WIDTH, TERMINAL_ROWS = 16, 60


def _fitting(section: Section, width: int) -> Section:
    """The table as wide as the terminal; columns on the right that do not fit are left to the files."""
    rows, used, shown = section.rows[:TERMINAL_ROWS], -3, 0
    texts = [section.cells(row) for row in rows]
    for n, column in enumerate(section.columns):
        widest = max((len(row[n]) for row in texts), default=1)
        heading = max((len(word) for word in column.name.split()), default=1)
        used += (max(widest, heading) if column.right else min(widest, TEXT_WIDTH)) + 3
        if used > width and n > 1:
            break
        shown += 1
    hidden = len(section.columns) - shown
    more = f" ({hidden} more column{'s' if hidden > 1 else ''} with --out or --json.)" if hidden else ""
    if len(section.rows) > len(rows):
        more += f" (The first {TERMINAL_ROWS} of {len(section.rows)} lines.)"
    return replace(
        section,
        caption=section.caption + more,
        columns=section.columns[:shown],
        rows=tuple(row[:shown] for row in rows),
    )
