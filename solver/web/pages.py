"""What the page shows: values of a session made ready for the templates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from solver.domain.workload import LoadedWorkload
from solver.plan.plan import Plan
from solver.reports.escape import plain
from solver.reports.figures import figures
from solver.reports.fleet import Names, deciding
from solver.reports.section import Section
from solver.reports.sections import cost_words, sections
from solver.reports.svg import Bar, bar_figure
from solver.reports.units import dollars, listed, percent, usd
from solver.reports.words import sentences
from solver.web.controls import groups
from solver.web.evidence import METHODS, anchor, evidence
from solver.whatif.difference import Difference, difference, yearly
from solver.whatif.fields import FIELDS
from solver.whatif.planner import Result
from solver.whatif.session import Session
from solver.whatif.why import why, why_words

TEMPLATES = Path(__file__).parent / "templates"
MOST_SCENARIOS = 6


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
    moved = f"{signed(extra)}{share}" if abs(extra) >= 0.005 else "The same cost"
    return {"headline": moved, "fleet": fleet, "costs": costs, "years": years}


def drawings(plan: Plan) -> list[tuple[str, str, Markup]]:
    """Figures of a plan: title, caption and safe SVG; the cash flow stands second."""
    found = [(f.title, f.caption, f.drawing) for f in figures(plan)[:4]]
    paid = {year: usd_paid for year, usd_paid in sorted(yearly(plan).items()) if usd_paid > 0}
    if len(paid) > 1:
        bars = [Bar(f"year {year}", amount, usd(amount)) for year, amount in paid.items()]
        words = listed([f"{bar.label} {bar.text}" for bar in bars])
        caption = "US dollars as paid, not discounted."
        found.insert(1, ("Cash flow", caption, bar_figure("cash", "Cash flow", f"{words}.", bars, usd)))
    return [(title, caption, Markup(drawing)) for title, caption, drawing in found]  # noqa: S704 (escaped in svg)


@dataclass(frozen=True)
class Trial:
    """A change that is tried and not made."""

    line: str
    loaded: LoadedWorkload

    @property
    def query(self) -> str:
        """The change as a query of an address."""
        return f"&text={quote(self.line)}"


def plan_page(
    session: Session, seconds: float, result: Result, error: str = "", trial: Trial | None = None
) -> str:
    """The main page: fields on one side, the plan on the other."""
    state, plan = session.state(), result.plan
    parent = session.journal.nodes[state.number].parent if state.number else 0
    last = f"@{state.number}" if trial else f"@{parent}" if state.number else ""
    before = session.result(last).plan if last else None
    base = session.result("base").plan if (state.number if trial else parent) else None
    loaded = trial.loaded if trial else session.loaded()
    return render(
        "plan.html.j2",
        session,
        state=state,
        trial=trial,
        result=result,
        plan=plan,
        answer=sentences(plan) if plan else [],
        facts=facts(plan) if plan else [],
        blocks=blocks(plan, ("systems", "serving", "service_levels", "costs")) if plan else [],
        figures=drawings(plan) if plan else [],
        change=changed(difference(before, plan)) if plan and before else None,
        since=changed(difference(base, plan)) if plan and base else None,
        evidence=evidence(plan) if plan else [],
        methods=METHODS,
        reasons=result.refusal.get("reasons", ()) if plan is None else (),
        groups=groups(loaded, session.base, plan, session.catalog),
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
