"""What speed costs, told: who is cheapest from which speed on, a figure and a table."""

from __future__ import annotations

from typing import Any

from solver.plan.plan import Plan
from solver.sensitivity.findings import Axis, Column, Curves, Findings, Table, usd
from solver.sensitivity.frontier import BEST, NEAR, Frontier, Options, Point
from solver.sensitivity.session import Session

#: Gaps above this share are told.
TOLD_GAP = 1e-4


def frontier_findings(session: Session, options: Options, found: Frontier) -> Findings:
    """A frontier as a table, a figure and sentences."""
    points, workload = found.points, session.loaded.workload
    whose = options.service or "every service"
    return Findings(
        name=f"What speed costs: {workload.name}",
        kicker="Cost against speed per user",
        answer=(*_answer([p for p in points if p.line == BEST]), *_open(found)),
        facts=(("speed promised to each user", f"{options.low:g} to {options.high:g} tok/s, {whose}"),),
        figures=(_figure(points),),
        tables=(_table(points),),
        notes=(
            "Each point is the cheapest verified fleet that keeps the speed and all other promises of the "
            "workload; the lines of single kinds use nothing else. A line ends where the kind fails.",
            "Gaps are those that the solver claims; `solver solve` proves them in exact arithmetic.",
            f"A change of kinds is known to a ratio of {NEAR:g} in speed, where all speeds were searched.",
        ),
        provenance=session.provenance(),
    )


def _open(found: Frontier) -> list[str]:
    """What is not proven, or not known, in sentences."""
    notes = []
    if found.over:
        notes.append(f"Not all speeds and kinds were searched: {found.over}.")
    if any(not p.known for p in found.points):
        notes.append("Where no fleet was found in time, there may be one.")
    gaps = [p.plan.gap for p in found.points if p.plan is not None]
    if max(gaps, default=0.0) > TOLD_GAP:
        notes.append(
            "Not every fleet is proven to be the cheapest (column gap); kinds may take over elsewhere."
        )
    return notes


def _answer(best: list[Point]) -> list[str]:
    """Who is cheapest from which speed on."""
    sentences: list[str] = []
    before: Point | None = None
    for point in best:
        if point.plan is None and not point.known:
            sentences.append(f"At {point.speed:.4g} tok/s no fleet was found in time.")
            continue
        if point.plan is None:
            limit = f"at {point.speed:.4g} tok/s"
            if before is not None and point.speed <= before.speed * NEAR:
                limit = f"above {before.speed:.4g} tok/s"
            elif before is not None:
                limit += f"; the fastest that was found has {before.speed:.4g} tok/s"
            return [*sentences, f"Nothing keeps the promise {limit}."]
        words, cost = _listed(point.kinds) or "nothing", usd(point.plan.objective_usd)
        if before is None:
            sentences.append(f"At {point.speed:.4g} tok/s the cheapest fleet is of {words}: {cost}.")
        elif point.kinds != before.kinds:
            between = f"Between {before.speed:.4g} and {point.speed:.4g} tok/s"
            sentences.append(f"{between} it changes to {words}: {cost}.")
        before = point
    if not best:
        return ["No fleet was found in time."]
    if before is not None and before.plan is not None:
        sentences.append(f"At {before.speed:.4g} tok/s the fleet costs {usd(before.plan.objective_usd)}.")
    return sentences


def _listed(kinds: tuple[str, ...]) -> str:
    """A, B and C."""
    return " and ".join(filter(None, (", ".join(kinds[:-1]), *kinds[-1:])))


def _figure(points: list[Point]) -> Curves:
    lines = []
    for name in dict.fromkeys(p.line for p in points):
        xy = tuple((p.speed, p.plan.objective_usd) for p in points if p.line == name and p.plan is not None)
        if len(xy) > 1:
            lines.append((name, xy))
    return Curves(
        "frontier",
        "Cost against speed",
        "Net present US dollars over the horizon by the speed promised to each user; both axes logarithmic.",
        Axis("speed for each user, tok/s", log=True),
        Axis("cost of the fleet, USD", "usd", log=True),
        tuple(lines),
    )


def _table(points: list[Point]) -> Table:
    columns = (
        Column("line", "line"),
        Column("tok_s_per_user", "tok/s for each user", "number"),
        Column("cost_usd", "cost of the fleet", "usd"),
        Column("usd_per_m_output_tokens", "USD per million output tokens", "usd"),
        Column("kinds", "served by"),
        Column("fleet", "fleet"),
        Column("gap", "gap", "share"),
    )
    rows: list[tuple[Any, ...]] = []
    for p in points:
        if p.plan is None:
            words = "nothing keeps the speed" if p.known else "none found in time"
            rows.append((p.line, p.speed, None, None, "", words, None))
            continue
        plan = p.plan
        rows.append(
            (p.line, p.speed, plan.objective_usd, plan.usd_per_m_output_tokens, _listed(p.kinds),
             _fleet(plan), plan.gap)
        )  # fmt: skip
    caption = "Net present US dollars over the horizon; every fleet has passed the exact check."
    return Table("frontier", "Cost against speed", caption, columns, tuple(rows))


def _fleet(plan: Plan) -> str:
    """3 x dgx-b200, API tokens."""
    counts: dict[str, int] = {}
    for line in plan.systems:
        counts[line.system] = counts.get(line.system, 0) + line.count
    parts = [f"{count} x {system}" for system, count in sorted(counts.items())]
    return ", ".join(parts + (["API tokens"] if any(r.mode == "api" for r in plan.routes) else []))
