"""The self-contained HTML report: one file, no script, nothing loaded from anywhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path, PurePath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from solver.domain.calendar import span
from solver.plan.plan import Plan
from solver.reports.escape import json_in_html, plain
from solver.reports.figures import figures
from solver.reports.sections import sections
from solver.reports.units import dollars, number, percent, usd
from solver.reports.words import goal_sentence, sentences

TEMPLATES = Path(__file__).parent / "templates"


def render_html(plan: Plan) -> str:
    """The report of a plan as HTML text."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            plan=plan,
            answer=sentences(plan),
            facts=_facts(plan),
            figures=[(f.title, f.caption, Markup(f.drawing)) for f in figures(plan)],  # noqa: S704 (escaped in svg)
            sections=sections(plan),
            question=Markup(json_in_html(plan.inputs.get("workload", {}))),  # noqa: S704 (escaped)
            file=PurePath(str(plan.inputs.get("file", ""))).name,
            provenance=_provenance(plan),
        )
    )


@cache
def environment() -> Environment:
    """Every value that is not marked safe is made plain and escaped."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Markup) else plain(value)


def _facts(plan: Plan) -> list[tuple[str, str]]:
    """The strip of key figures under the answer."""
    kw, per = sum(plan.power_kw.values()), (plan.usd_per_m_tokens, plan.usd_per_m_output_tokens)
    names = ("per million tokens", "per million output tokens")
    return [
        ("total, net present, " + span(plan.horizon_years), usd(plan.objective_usd)),
        *((name, dollars(value)) for name, value in zip(names, per, strict=True) if value),
        ("maximum power", f"{number(kw)} kW"),
        ("gap to the proven bound", "none" if plan.closed else percent(plan.gap)),
        ("exact check", "passed" if plan.verified else "NOT passed"),
    ]


def _provenance(plan: Plan) -> list[tuple[str, str]]:
    words = {"workload_sha256": "workload, SHA-256", "highs": "HiGHS", "points": "operating points"}
    certified = "" if plan.certified_bound_usd is None else dollars(plan.certified_bound_usd)
    rows = [
        ("outcome", plan.outcome),
        ("objective", plan.objective),
        ("bound by the search of HiGHS", dollars(plan.bound_usd)),
        ("bound certified exactly", certified),
        ("goal", "" if plan.goal is None else goal_sentence(plan.goal)),
        ("residual of the exact check", plan.verified_residual),
    ]
    rows += [(words.get(key, key.replace("_", " ")), value) for key, value in plan.provenance.items()]
    return [(key, value) for key, value in rows if value]
