"""A plan on the terminal: the answer first, then the tables. Readable at 80 columns and without colour."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from solver.plan.plan import Plan
from solver.reports.escape import plain
from solver.reports.section import SOURCE, Section
from solver.reports.sections import sections
from solver.reports.words import answer, bounds_sentence


def print_plan(plan: Plan, console: Console) -> None:
    """Print a plan; text of others is shown as text, whatever it holds."""
    _heading(console, f"{plan.workload}: the answer")
    console.print(Text(answer(plan)))
    console.print(Text(plain(bounds_sentence(plan)), style="dim"))
    for section in sections(plan):
        _heading(console, section.title)
        sources = _table(console, section)
        console.print(Text(plain(section.caption), style="dim"))
        for position, source in enumerate(sources, 1):
            console.print(Padding(Text(plain(f"[{position}] {source}")), (0, 0, 0, 2)))
    if plan.notes:
        _heading(console, "Notes")
        for note in plan.notes:
            console.print(Text(plain(f"- {note}")))


def _heading(console: Console, title: str) -> None:
    console.print()
    console.print(Text(plain(title), style="bold"))


def _table(console: Console, section: Section) -> list[str]:
    """Print the table; the sources of assumptions are numbered and returned to stand below it."""
    cited = section.columns[-1].name == SOURCE
    columns = section.columns[:-1] if cited else section.columns
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for column in columns:
        table.add_column(Text(column.name), justify="right" if column.right else "left", overflow="fold")
    sources: list[str] = []
    for position, row in enumerate(section.rows):
        cells = section.cells(row)
        if cited:
            source = cells.pop()
            if source not in sources:
                sources.append(source)
            cells[0] += f" [{sources.index(source) + 1}]"
        last = section.total and position == len(section.rows) - 1
        if last:
            table.add_section()
        table.add_row(*(Text(plain(cell), style="bold" if last else "") for cell in cells))
    console.print(table)
    return sources
