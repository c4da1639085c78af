"""Tables and reports as Markdown, for wikis and pull requests."""

from __future__ import annotations

from collections.abc import Iterable

from solver.plan.plan import Plan
from solver.reports.escape import markdown
from solver.reports.section import Section
from solver.reports.sections import sections
from solver.reports.words import answer


def render_markdown(plan: Plan) -> str:
    """The answer, the tables and the notes of a plan as GitHub-flavoured Markdown."""
    return page(plan.workload, answer(plan), sections(plan), plan.notes)


def page(title: str, answer: str, tables: Iterable[Section], notes: Iterable[str]) -> str:
    """A page: title, answer, tables with headings, notes."""
    parts = [f"# {markdown(title)}", markdown(answer)]
    for section in tables:
        parts += [f"## {markdown(section.title)}", markdown(section.caption), table(section)]
    if listed := [f"- {markdown(note)}" for note in notes]:
        parts.append("## Notes\n\n" + "\n".join(listed))
    return "\n\n".join(parts) + "\n"


def table(section: Section) -> str:
    """The table alone."""
    head = "| " + " | ".join(markdown(column.name) for column in section.columns) + " |"
    rule = "|" + "|".join("---:" if column.right else "---" for column in section.columns) + "|"
    rows = ["| " + " | ".join(markdown(text) for text in row) + " |" for row in section.texts]
    return "\n".join([head, rule, *rows])
