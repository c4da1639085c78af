"""The report as Markdown, for wikis and pull requests."""

from __future__ import annotations

from solver.plan.plan import Plan
from solver.reports.escape import markdown
from solver.reports.section import Section
from solver.reports.sections import sections
from solver.reports.words import answer


def render_markdown(plan: Plan) -> str:
    """The answer, the tables and the notes as GitHub-flavoured Markdown."""
    parts = [f"# {markdown(plan.workload)}", markdown(answer(plan))]
    parts += [_table(section) for section in sections(plan)]
    if plan.notes:
        parts.append("## Notes\n\n" + "\n".join(f"- {markdown(note)}" for note in plan.notes))
    return "\n\n".join(parts) + "\n"


def _table(section: Section) -> str:
    head = "| " + " | ".join(markdown(column.name) for column in section.columns) + " |"
    rule = "|" + "|".join("---:" if column.right else "---" for column in section.columns) + "|"
    rows = ["| " + " | ".join(markdown(cell) for cell in section.cells(row)) + " |" for row in section.rows]
    title, caption = f"## {markdown(section.title)}", markdown(section.caption)
    return "\n\n".join([title, caption, "\n".join([head, rule, *rows])])
