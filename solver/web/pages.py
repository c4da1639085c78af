"""What the page shows: values of a session made ready for the templates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from solver.domain.calendar import span
from solver.domain.told import number_of, told
from solver.domain.workload import LoadedWorkload
from solver.plan.plan import Plan
from solver.reports.escape import plain
from solver.reports.figures import figures
from solver.reports.html import TEMPLATES as REPORT_TEMPLATES
from solver.reports.section import Column
from solver.reports.sections import cost_words
from solver.reports.svg import Bar, bar_figure
from solver.reports.units import dollars, listed, percent, usd, usd_tick
from solver.reports.words import sentences
from solver.web.blocks import Block, blocks
from solver.web.controls import groups
from solver.web.sources import Sources
from solver.whatif.difference import Difference, difference, yearly
from solver.whatif.fields import FIELDS
from solver.whatif.planner import Result
from solver.whatif.session import Session
from solver.whatif.why import why, why_told

TEMPLATES = Path(__file__).parent / "templates"
MOST_SCENARIOS = 6


@cache
def environment() -> Environment:
    """Templates in which every value is made plain and escaped."""
    return Environment(
        loader=FileSystemLoader([TEMPLATES, REPORT_TEMPLATES]),
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


def facts(plan: Plan, sources: Sources) -> list[tuple[str | Markup, Markup]]:
    """Key figures: name and value."""
    horizon = number_of(span(plan.horizon_years), "stated", "horizon.years")
    gap = number_of("none" if plan.closed else percent(plan.gap), "bound")
    passed = number_of("passed" if plan.verified else "NOT passed", "bound")
    per = number_of(dollars(plan.usd_per_m_output_tokens), "per_token")
    per_token = (
        [("per million output tokens", sources.told(told(per)))] if plan.usd_per_m_output_tokens else []
    )
    return [
        (
            sources.told(told("total, net present, ", horizon)),
            sources.told(told(number_of(usd(plan.objective_usd), "costs"))),
        ),
        *per_token,
        ("gap to the proven bound", sources.told(told(gap))),
        ("exact check", sources.told(told(passed))),
    ]


# -- what changed -----------------------------------------------------------------------------------


def signed(value: float) -> str:
    """Dollars with a sign; a dash for nothing."""
    return "0" if abs(value) < 0.005 else f"{'+' if value > 0 else ''}{usd(value)}"


def changed(found: Difference, sources: Sources) -> dict[str, Any]:
    """A difference as rows for the page."""

    def row(name: str | Markup, origin: str, *texts: str) -> tuple[str | Markup, ...]:
        """Before, after and change, as links to their origin."""
        before, after, change = (sources.told(told(number_of(text, origin))) for text in texts)
        return name, before, after, change

    extra = found.after_usd - found.before_usd
    share = f" ({percent(extra / found.before_usd, signed=True)})" if found.before_usd else ""
    fleet = [
        row(
            f"{c.name}, {c.site}, {c.way}",
            "systems",
            *(f"{c.before:,}", f"{c.after:,}", f"{c.after - c.before:+,}"),
        )
        for c in found.fleet
        if c.before != c.after
    ]
    costs = [row(cost_words(c.term), "costs", *moved(c.before_usd, c.after_usd)) for c in found.costs]
    costs.append(row("total", "costs", *moved(found.before_usd, found.after_usd)))
    years = [
        row(
            sources.whole(f"paid in year {y.year}", "cash_flow"),
            "cash_flow",
            *moved(y.before_usd, y.after_usd),
        )
        for y in found.years
    ]
    words = told(number_of(f"{signed(extra)}{share}", "costs")) if abs(extra) >= 0.005 else "The same cost"
    tables = (
        Block("moved-fleet", "Fleet: added and removed", Markup(), _before_after("System"), tuple(fleet)),
        Block("moved-costs", "Cost by term", Markup(), _before_after("Net present"), tuple(costs), True),
        Block("moved-years", "Cash flow by year, as paid", Markup(), _before_after("Year"), tuple(years)),
    )
    return {
        "headline": sources.told(words),
        "tables": [table for table in tables if table.texts],
        "same_fleet": not fleet,
    }


def _before_after(first: str) -> tuple[Column, ...]:
    return (Column(first), *(Column(name, right=True) for name in ("Before", "After", "Change")))


def moved(before_usd: float, after_usd: float) -> tuple[str, str, str]:
    """Dollars before, after, and the change."""
    return usd(before_usd), usd(after_usd), signed(after_usd - before_usd)


def drawings(plan: Plan, sources: Sources) -> list[tuple[str, Markup, Markup]]:
    """Figures of a plan: title, caption and safe SVG; the cash flow stands second."""
    found = [(f.title, f.caption, f.drawing) for f in figures(plan, sources.link)[:4]]
    paid = {year: usd_paid for year, usd_paid in sorted(yearly(plan).items()) if usd_paid > 0}
    if len(paid) > 1:
        bars = [Bar(f"year {year}", amount, usd(amount)) for year, amount in paid.items()]
        words, to = listed([f"{bar.label} {bar.text}" for bar in bars]), sources.link(("cash_flow",))
        drawing = bar_figure("cash", "Cash flow", f"{words}.", bars, usd_tick, link=to)
        found.insert(1, ("Cash flow", told("US dollars as paid, not discounted."), drawing))
    return [(title, sources.told(words), Markup(drawing)) for title, words, drawing in found]  # noqa: S704 (escaped in svg)


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
    sources = Sources([(loaded, plan)], session.catalog)
    return render(
        "plan.html.j2",
        session,
        state=state,
        trial=trial,
        result=result,
        plan=plan,
        sources=sources,
        answer=sentences(plan) if plan else [],
        facts=facts(plan, sources) if plan else [],
        blocks=blocks(plan, sources, ("systems", "serving", "service_levels", "costs")) if plan else [],
        figures=drawings(plan, sources) if plan else [],
        change=changed(difference(before, plan), sources) if plan and before else None,
        since=changed(difference(base, plan), sources) if plan and base else None,
        groups=groups(loaded, session.base, plan, session.catalog),
        fields=FIELDS,
        seconds=f"{seconds:.2f}",
        error=error,
    )


def reasons_part(session: Session) -> str:
    """What binds, runners-up, break-even prices and why the fleet changed (solved when asked for)."""
    number = session.head
    result = session.result(compare=True)
    plan, words = result.plan, told()
    sources = Sources([(session.loaded(), plan)], session.catalog)
    if plan is not None and number:
        before = session.result(f"@{session.journal.nodes[number].parent}").plan
        if before is not None:
            words = why_told(why(before, plan, session.loaded(), session.planner.result)[1])
    keys = ("binding", "alternatives", "break_even", "assumptions")
    return render(
        "reasons.html.j2",
        session,
        plan=plan,
        why=words,
        sources=sources,
        blocks=blocks(plan, sources, keys) if plan else [],
    )
