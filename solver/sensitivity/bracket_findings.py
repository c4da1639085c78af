"""Breakpoints by bracketing in words, tables and figures."""

from __future__ import annotations

from solver.sensitivity.brackets import MOST_SOLVES, BracketResult, Sample
from solver.sensitivity.findings import Axis, Column, Curves, Findings, Table
from solver.sensitivity.session import Session


def bracket_findings(session: Session, result: BracketResult) -> Findings:
    """The findings of a sweep of one statement."""
    name, unit = result.range.name, result.unit
    return Findings(
        name=session.loaded.workload.name,
        kicker=f"Sensitivity to {name}",
        answer=tuple(_answer(session, result)),
        facts=(
            ("changes found", str(len(result.changes))),
            ("of these in the kinds of systems", str(sum(c.in_kind for c in result.changes))),
            ("solves", str(len(result.samples))),
            ("each change known to within", f"{result.tolerance:.3g} {unit}"),
        ),
        figures=_figures(result),
        tables=(_changes(session, result), _samples(session, result), session.prices_table()),
        notes=(
            "Between samples of one and the same fleet a change and its reversal would not be seen.",
            *([] if result.complete else [f"After {MOST_SOLVES} solves only changes in kind were followed."]),
        ),
        provenance=session.provenance(),
    )


def _fleet(session: Session, sample: Sample) -> str:
    if sample.plan is None:
        return f"none: {sample.reason}"
    return session.words(sample.plan.fleet, sample.plan.shares.get("API", 0.0))


def _answer(session: Session, result: BracketResult) -> list[str]:
    name = result.range.name
    first, last = result.samples[0], result.samples[-1]
    kinds = [c for c in result.changes if c.in_kind]
    if not kinds:
        counted = len(result.changes)
        numbers = f"their numbers change {counted} times" if counted else "so do their numbers"
        return [
            f"From {first.value:g} to {last.value:g} ({name}, {result.unit}) the kinds of systems stay, "
            f"{numbers}: {_fleet(session, first)} at the lower end, {_fleet(session, last)} at the upper."
        ]
    sentences = [f"{_fleet(session, first)} at {name} {first.value:g} ({result.unit})."]
    for change in kinds[:8]:
        sentences.append(
            f"Between {change.low.value:.4g} and {change.high.value:.4g} it becomes "
            f"{_fleet(session, change.high)}."
        )
    return sentences


def _changes(session: Session, result: BracketResult) -> Table:
    columns = (
        Column("last_before", "last value before", "number"),
        Column("first_after", "first value after", "number"),
        Column("change", "what changes"),
        Column("fleet_before", "fleet before"),
        Column("fleet_after", "fleet after"),
    )
    rows = tuple(
        (
            c.low.value,
            c.high.value,
            "kinds" if c.in_kind else "numbers",
            _fleet(session, c.low),
            _fleet(session, c.high),
        )
        for c in result.changes
    )
    caption = f"{result.range.name} in {result.unit}; brackets at most {result.tolerance:.3g} wide."
    return Table("changes", "Where the fleet changes", caption, columns, rows)


def _samples(session: Session, result: BracketResult) -> Table:
    columns = (
        Column("value", result.range.name, "number"),
        Column("cost_usd", "least cost", "usd"),
        Column("fleet", "best fleet"),
    )
    rows = tuple((s.value, s.cost_usd, _fleet(session, s)) for s in result.samples)
    caption = f"Every value that was solved, {result.unit}; net present US dollars over the horizon."
    return Table("samples", "All solves", caption, columns, rows)


def _figures(result: BracketResult) -> tuple[Curves, ...]:
    points = tuple((s.value, s.cost_usd) for s in result.samples if s.cost_usd is not None)
    if len(points) < 2:
        return ()
    title = f"Least cost by {result.range.name}"
    caption = "Net present cost of the best fleet at every value that was solved."
    x, y = Axis(f"{result.range.name}, {result.unit}"), Axis("net present cost, USD", "usd")
    return (Curves("cost", title, caption, x, y, (("least cost", points),)),)
