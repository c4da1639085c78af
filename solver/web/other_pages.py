"""Scenarios side by side, the history of a session, cost against speed, and answers as tables and figures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from markupsafe import Markup

from solver.domain.told import Origin, number_of, told
from solver.plan.plan import Plan
from solver.reports.answers import answer_section, cell_words
from solver.reports.sections import cost_words
from solver.reports.svg import Bar, bar_figure
from solver.reports.units import dollars, listed, usd, usd_tick
from solver.web.blocks import Block, linked
from solver.web.pages import render, signed
from solver.web.sources import Sources
from solver.whatif.cases import Answer
from solver.whatif.difference import WAY_WORDS, fleet_counts
from solver.whatif.session import Session

MOST_SCENARIOS = 6
COSTS: Origin = ("costs",)


def scenarios_page(session: Session, refs: list[str]) -> str:
    """States side by side."""
    journal = session.journal
    chosen = list(dict.fromkeys(refs))[:MOST_SCENARIOS] or list(dict.fromkeys(["base", *journal.heads]))[:4]
    shown = [(ref, session.state(ref), session.result(ref)) for ref in chosen]
    plans = [result.plan for _, _, result in shown]
    states = zip((session.loaded(ref) for ref in chosen), plans, strict=True)
    sources = Sources(states, session.catalog)
    return render(
        "scenarios.html.j2",
        session,
        chosen=chosen,
        heads=[(ref, state, result) for ref, state, result in shown],
        sources=sources,
        rows=_scenario_rows(plans, sources),
    )


def _scenario_rows(plans: list[Plan | None], sources: Sources) -> list[tuple[str, list[Markup]]]:
    """(name, one text per plan)."""
    first = next((p for p in plans if p is not None), None)
    rows: list[tuple[str, list[Markup]]] = []

    def add(origin: Origin, name: str, texts: Iterable[str]) -> None:
        """A row with one text for each plan."""
        rows.append((name, [sources.told(told(number_of(text, *origin))) for text in texts]))

    add(COSTS, "total, net present", (usd(p.objective_usd) if p else "no plan" for p in plans))
    if first is not None:
        base = first.objective_usd
        add(COSTS, "against the first", (signed(p.objective_usd - base) if p else "" for p in plans))
    if any(p.usd_per_m_output_tokens for p in plans if p):
        per = (dollars(p.usd_per_m_output_tokens) if p else "" for p in plans)
        add(("per_token",), "per million output tokens", per)
    for term in dict.fromkeys(c.term for p in plans if p for c in p.costs):
        values = ({c.term: c.usd for c in p.costs}.get(term, 0.0) if p else None for p in plans)
        add(COSTS, cost_words(term), ("" if v is None else usd(v) for v in values))
    names = {s.system: s.name for p in plans if p for s in p.systems}
    counts = [fleet_counts(p) if p else {} for p in plans]
    for key in sorted({k for c in counts for k in c}):
        label = f"{names[key[0]]}, {key[1]}, {WAY_WORDS.get(key[2], key[2])}"
        add(("systems",), label, (f"{c.get(key, 0):,}" for c in counts))
    levels = [
        {(s.service, s.promise, s.unit): s.reached for s in p.service_levels} if p else {} for p in plans
    ]
    for level in dict.fromkeys(k for found in levels for k in found):
        texts = (f"{found[level]:,.4g} {level[2]}" if level in found else "" for found in levels)
        add(("service_levels",), f"{level[0]}, {level[1]}", texts)
    return rows


def speed_part(session: Session, found: Answer | None, error: str = "") -> str:
    """Cost against speed, as a part of the page of the plan."""
    sources = sources_of(session)
    return render(
        "speed.html.j2",
        session,
        answer=found,
        sources=sources,
        figure=answer_figure(found, sources) if found else None,
        block=answer_block(found, sources) if found else None,
        problem=error,
    )


def history_page(session: Session) -> str:
    """All states with notes."""
    journal = session.journal
    rows = [("base", "", Path(session.base.file).name, "", 0)]
    rows += [
        (f"@{n}", f"@{x.parent}" if x.parent else "base", x.change, x.at, n) for n, x in journal.nodes.items()
    ]
    return render("history.html.j2", session, rows=rows, notes=journal.notes, heads=journal.heads)


def sources_of(session: Session) -> Sources:
    """The sources of the present state, those of its plan only if it need not be solved first."""
    known = session.planner.known(session.loaded())
    return Sources([(session.loaded(), known.plan if known else None)], session.catalog)


def answer_block(found: Answer, sources: Sources) -> Block:
    """The table behind an answer."""
    return linked(answer_section(found), sources, lambda n, column: ("answers",), "answers")


def answer_figure(found: Answer, sources: Sources) -> Markup | None:
    """Costs of an answer as bars, where its rows have one."""
    column = next((n for n, name in enumerate(found.columns) if name == "cost (USD)"), None)
    if column is None:
        return None
    bars = []
    for row in found.rows:
        cost, first = row[column], cell_words(found.columns[0], row[0])
        if isinstance(cost, float):
            what = first if isinstance(row[0], str) else f"{found.columns[0]}: {first}"
            bars.append(Bar(what, cost, usd(cost)))
    if len(bars) < 2:
        return None
    words, to = listed([f"{bar.label} {bar.text}" for bar in bars]), sources.link(("answers",))
    return Markup(bar_figure("answer", str(found.question), f"{words}.", bars, usd_tick, link=to))  # noqa: S704 (escaped in svg)
