"""A plan on the terminal: the answer first, then the tables. Readable at 80 columns and without colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.table import Column as RichColumn
from rich.table import Table
from rich.text import Text

from solver.plan.plan import Plan
from solver.reports.escape import plain
from solver.reports.section import Section
from solver.reports.sections import sections
from solver.reports.words import answer, bounds_sentence


def print_plan(plan: Plan, console: Console) -> None:
    """Print a plan; text of others is shown as text, whatever it holds."""
    _heading(console, f"{plan.workload}: the answer")
    console.print(Text(answer(plan)))
    console.print(Text(plain(bounds_sentence(plan)), style="dim"))
    for section in sections(plan):
        print_section(section, console)
    if plan.notes:
        _heading(console, "Notes")
        for note in plan.notes:
            console.print(Text(plain(f"- {note}")))


def print_section(section: Section, console: Console, text_width: int = 0) -> None:
    """Print a table under its title; sources are numbered and stand below it.

    Numbers are never broken; texts are, where the terminal is narrow, at ``text_width`` characters or more,
    and with a ``text_width`` headings of numbers are.
    """
    _heading(console, section.title)
    columns, rows, sources = list(section.columns), section.texts, list[str]()
    if columns[-1].source:
        columns.pop()
        for row in rows:
            source = row.pop()
            if source not in sources:
                sources.append(source)
            row[0] += f" [{sources.index(source) + 1}]"
    heads = []
    for n, column in enumerate(columns):
        words = [
            row[n].replace(" %", "_%").split() if column.right else [row[n][:text_width]] for row in rows
        ]
        least = max((len(word) for row in words for word in row), default=0)
        widest = least if column.right else max(map(len, (row[n] for row in rows)), default=0)
        most = max([widest, *map(len, column.name.split())]) if text_width else None
        side: JustifyMethod = "right" if column.right else "left"
        heads.append(RichColumn(Text(plain(column.name)), justify=side, min_width=least, max_width=most))
    console.print(grid(heads, rows, section.total))
    console.print(Text(plain(section.caption), style="dim"))
    for position, source in enumerate(sources, 1):
        console.print(Padding(Text(plain(f"[{position}] {source}")), (0, 0, 0, 2)))


def grid(columns: Sequence[RichColumn], rows: Iterable[Sequence[str]], total: bool = False) -> Table:
    """A table of texts as all commands print it; ``total``: the last row is a sum."""
    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    shown = list(rows)
    for position, row in enumerate(shown, 1):
        last = total and position == len(shown)
        if last:
            table.add_section()
        table.add_row(*(Text(plain(text), style="bold" if last else "") for text in row))
    return table


def _heading(console: Console, title: str) -> None:
    console.print()
    console.print(Text(plain(title), style="bold"))
