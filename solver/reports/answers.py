"""The answer to a question of a budget meeting as a table."""

from __future__ import annotations

from functools import partial

from solver.reports.section import Column, Section
from solver.reports.units import price, usd
from solver.whatif.cases import Answer, Cell, figure


def answer_section(found: Answer) -> Section:
    """The rows behind an answer."""
    columns = []
    for n, name in enumerate(found.columns):
        right = any(isinstance(row[n], float) for row in found.rows)
        columns.append(Column(name, partial(cell_words, name), right))
    title = "What it rests on: verified plans, solved for this question"
    return Section("rests", title, " ".join(found.notes), tuple(columns), found.rows)


def cell_words(column: str, value: Cell) -> str:
    """A cell of an answer; money where the column's name says so."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if "(USD)" in column:
        return usd(value)
    return price(value) if "USD per" in column else figure(value)
