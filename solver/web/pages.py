"""What the page shows: values of a session made ready for the templates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from solver.plan.plan import Plan
from solver.reports.escape import plain
from solver.reports.figures import figures
from solver.reports.fleet import Names, deciding
from solver.reports.section import Section
from solver.reports.sections import cost_words, sections
from solver.reports.units import dollars, percent, usd
from solver.reports.words import quantity_words, sentences, value_words
from solver.web.controls import groups
from solver.whatif.cases import Answer, Cell
from solver.whatif.difference import Difference, difference, fleet_counts
from solver.whatif.fields import FIELDS
from solver.whatif.planner import Result
from solver.whatif.questions import QUESTIONS
from solver.whatif.session import Session
from solver.whatif.why import why, why_words

TEMPLATES = Path(__file__).parent / "templates"
MOST_SCENARIOS = 6

#: Table -> how its numbers come about (the links of numbers without a catalog value of their own).
METHODS = {
    "systems": "Counts are whole numbers chosen by the integer program; totals are net present dollars with "
    "energy, space and support (docs/formulation.md).",
    "pools": "Replicas and batches follow from the operating point of each configuration: roofline and "
    "calibration, or a measurement (docs/formulation.md, sections capacity and pool_size).",
    "serving": "Shares are the routing of the verified plan, weighted by the requests of each hour.",
    "service_levels": "Percentiles over all requests of the horizon, from step times and the safe load of "
    "each pool (docs/formulation.md, section promise).",
    "costs": "Each term is recomputed exactly from counts, prices and traffic (docs/formulation.md, "
    "cost terms).",
    "power": "Maximum power of bought systems at the racks.",
    "binding": "Limits without slack at the plan; each names the statement it comes from.",
    "alternatives": "Each is the cheapest plan with that hardware alone, solved within a gap of 0.01 %.",
    "break_even": "The optimal cost is concave and piecewise linear in a price; the break-even is exact.",
    "assumptions": "Catalog values with source, date and evidence.",
}


@cache
def environment() -> Environment:
    """Templates in which every value is made plain and escaped."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else plain(value),
    )


def render(name: str, session: Session, **values: Any) -> str:
    """A page; every page knows the session's branches and states."""
    journal = session.journal
    common = {
        "title": session.base.workload.name,
        "branch": session.branch,
        "branches": list(journal.heads),
        "head": session.head,
        "can_undo": session.head != 0,
        "can_redo": bool(journal.redos.get(session.branch)),
        "states": [("base", "base"), *((f"@{n}", f"@{n} {x.change}") for n, x in journal.nodes.items())],
        "error": "",
    }
    return environment().get_template(name).render(**(common | values))


# -- the plan ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cellule:
    """A cell with the place its number comes from."""

    text: str
    right: bool
    link: str


@dataclass(frozen=True)
class Block:
    """A table for the page."""

    key: str
    title: str
    caption: str
    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Cellule, ...], ...]
    total: bool


def blocks(plan: Plan, keys: Iterable[str] = ()) -> list[Block]:
    """The tables of a plan (all, or those named); every number is linked to its source."""
    wanted = tuple(keys)
    return [_block(plan, s) for s in sections(plan) if not wanted or s.key in wanted]


def _block(plan: Plan, section: Section) -> Block:
    rows = []
    known = [f"evidence-{anchor(a.subject, a.quantity)}" for a in deciding(plan)]
    for n, row in enumerate(section.rows):
        texts = section.cells(row)
        link = known[n] if section.key == "assumptions" else _link(plan, section.key, texts)
        rows.append(
            tuple(
                Cellule(text, column.right, link if column.right or section.key == "assumptions" else "")
                for text, column in zip(texts, section.columns, strict=True)
            )
        )
    columns = tuple((c.name, c.right) for c in section.columns)
    return Block(section.key, section.title, section.caption, columns, tuple(rows), section.total)


def _link(plan: Plan, key: str, texts: list[str]) -> str:
    """The anchor of the catalog value behind a row, else of the method of its table."""
    said, names = " ".join(texts), Names(plan)
    wanted = "price" if key in ("systems", "costs", "break_even") else "throughput"
    for assumption in plan.assumptions:
        if names.system(assumption.subject) in said and wanted in assumption.quantity:
            return f"evidence-{anchor(assumption.subject, assumption.quantity)}"
    return f"method-{key}"


def anchor(subject: str, quantity: str) -> str:
    """The id of a piece of evidence."""
    return "".join(c if c.isalnum() else "-" for c in f"{subject}-{quantity}".lower())


def evidence(plan: Plan) -> list[dict[str, str]]:
    """Catalog values the plan rests on, with anchors."""
    names = Names(plan)
    return [
        {
            "id": f"evidence-{anchor(a.subject, a.quantity)}",
            "what": f"{names.system(a.subject)}, {quantity_words(a.quantity)}: {value_words(a)}",
            "evidence": a.evidence,
            "source": a.source,
            "date": a.date,
        }
        for a in plan.assumptions
    ]


def facts(plan: Plan) -> list[tuple[str, str, str]]:
    """Key figures: name, value, anchor."""
    return [
        (f"total, net present, {plan.horizon_years:g} years", usd(plan.objective_usd), "method-costs"),
        ("per million output tokens", dollars(plan.usd_per_m_output_tokens), "method-costs"),
        ("gap to the proven bound", percent(plan.gap) if plan.gap else "none", "method-systems"),
        ("exact check", "passed" if plan.verified else "NOT passed", "method-costs"),
    ]


# -- what changed -----------------------------------------------------------------------------------


def signed(value: float) -> str:
    """Dollars with a sign; a dash for nothing."""
    return "0" if abs(value) < 0.005 else f"{'+' if value > 0 else ''}{usd(value)}"


def changed(found: Difference) -> dict[str, Any]:
    """A difference as rows for the page."""
    extra = found.after_usd - found.before_usd
    share = f" ({percent(extra / found.before_usd, signed=True)})" if found.before_usd else ""
    fleet = [
        (f"{c.name}, {c.site}, {c.way}", f"{c.before:,}", f"{c.after:,}", f"{c.after - c.before:+,}")
        for c in found.fleet
        if c.before != c.after
    ]
    costs = [
        (cost_words(c.term), usd(c.before_usd), usd(c.after_usd), signed(c.after_usd - c.before_usd))
        for c in found.costs
    ]
    costs.append(("total", usd(found.before_usd), usd(found.after_usd), signed(extra)))
    years = [
        (f"paid in year {y.year}", usd(y.before_usd), usd(y.after_usd), signed(y.after_usd - y.before_usd))
        for y in found.years
    ]
    return {"headline": f"{signed(extra)}{share}", "fleet": fleet, "costs": costs, "years": years}


def plan_page(session: Session, seconds: float, result: Result, error: str = "") -> str:
    """The main page: fields on one side, the plan on the other."""
    state, plan = session.state(), result.plan
    parent = session.journal.nodes[state.number].parent if state.number else 0
    before = session.result(f"@{parent}").plan if state.number else None
    base = session.result("base").plan
    return render(
        "plan.html.j2",
        session,
        state=state,
        result=result,
        plan=plan,
        answer=sentences(plan) if plan else [],
        facts=facts(plan) if plan else [],
        blocks=blocks(plan, ("systems", "serving", "service_levels", "costs")) if plan else [],
        figures=[(f.title, f.caption, Markup(f.drawing)) for f in figures(plan)[:4]] if plan else [],  # noqa: S704
        change=changed(difference(before, plan)) if plan and before else None,
        since=changed(difference(base, plan)) if plan and base and parent else None,
        evidence=evidence(plan) if plan else [],
        methods=METHODS,
        reasons=result.refusal.get("reasons", ()) if plan is None else (),
        groups=groups(session.loaded(), session.base, plan, session.catalog),
        fields=FIELDS,
        seconds=f"{seconds:.2f}",
        error=error,
    )


def reasons_part(session: Session) -> str:
    """What binds, runners-up, break-even prices and why the fleet changed (solved when asked for)."""
    number = session.head
    result = session.result(compare=True)
    plan, words = result.plan, ""
    if plan is not None and number:
        before = session.result(f"@{session.journal.nodes[number].parent}").plan
        if before is not None:
            words = why_words(why(before, plan, session.loaded(), session.planner.result)[1])
    keys = ("binding", "alternatives", "break_even", "assumptions")
    return render(
        "reasons.html.j2",
        session,
        plan=plan,
        why=words,
        blocks=blocks(plan, keys) if plan else [],
        evidence=evidence(plan) if plan else [],
        methods=METHODS,
    )


# -- scenarios, history, questions ------------------------------------------------------------------


def scenarios_page(session: Session, refs: list[str]) -> str:
    """States side by side."""
    journal = session.journal
    chosen = list(dict.fromkeys(refs))[:MOST_SCENARIOS] or list(dict.fromkeys(["base", *journal.heads]))[:4]
    shown = [(ref, session.state(ref), session.result(ref)) for ref in chosen]
    plans = [result.plan for _, _, result in shown]
    return render(
        "scenarios.html.j2",
        session,
        chosen=chosen,
        heads=[(ref, state.title, result) for ref, state, result in shown],
        rows=_scenario_rows(plans),
    )


def _scenario_rows(plans: list[Plan | None]) -> list[tuple[str, str, list[str]]]:
    """(group, name, one text per plan)."""
    first = next((p for p in plans if p is not None), None)
    rows: list[tuple[str, str, list[str]]] = []

    def add(group: str, name: str, texts: Iterable[str]) -> None:
        rows.append((group, name, list(texts)))

    add("Money", "total, net present", (usd(p.objective_usd) if p else "no plan" for p in plans))
    if first is not None:
        base = first.objective_usd
        add("Money", "against the first", (signed(p.objective_usd - base) if p else "" for p in plans))
    per = (dollars(p.usd_per_m_output_tokens) if p else "" for p in plans)
    add("Money", "per million output tokens", per)
    for term in dict.fromkeys(c.term for p in plans if p for c in p.costs):
        values = ({c.term: c.usd for c in p.costs}.get(term, 0.0) if p else None for p in plans)
        add("Cost terms", cost_words(term), ("" if v is None else usd(v) for v in values))
    names = {s.system: s.name for p in plans if p for s in p.systems}
    counts = [fleet_counts(p) if p else {} for p in plans]
    for key in sorted({k for c in counts for k in c}):
        add("Fleet", f"{names[key[0]]}, {key[1]}, {key[2]}", (f"{c.get(key, 0):,}" for c in counts))
    levels = [
        {(s.service, s.promise, s.unit): s.reached for s in p.service_levels} if p else {} for p in plans
    ]
    for level in dict.fromkeys(k for found in levels for k in found):
        texts = (f"{found[level]:,.4g} {level[2]}" if level in found else "" for found in levels)
        add("Reached", f"{level[0]}, {level[1]}", texts)
    return rows


def history_page(session: Session) -> str:
    """All states with notes."""
    journal = session.journal
    rows = [("base", "", session.base.file, "", 0)]
    rows += [
        (f"@{n}", f"@{x.parent}" if x.parent else "base", x.change, x.at, n) for n, x in journal.nodes.items()
    ]
    return render("history.html.j2", session, rows=rows, notes=journal.notes, heads=journal.heads)


def ask_page(
    session: Session, name: str = "", argument: str = "", found: Answer | None = None, error: str = ""
) -> str:
    """The questions, and the answer to one of them."""
    rows: list[list[tuple[str, bool]]] = []
    if found is not None:
        rows = [
            [(cell_words(v, c), isinstance(v, float)) for v, c in zip(row, found.columns, strict=True)]
            for row in found.rows
        ]
    return render(
        "ask.html.j2",
        session,
        questions=list(QUESTIONS.values()),
        asked=name,
        argument=argument,
        answer=found,
        rows=rows,
        error=error,
        state=session.state(),
    )


def cell_words(value: Cell, column: str) -> str:
    """A cell of an answer; money where the column's name says so."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return usd(value) if "(USD)" in column else f"{value:,.4g}"
