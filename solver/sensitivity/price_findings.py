"""Price sensitivity in words, tables and figures."""

from __future__ import annotations

from solver.errors import VerificationFailed
from solver.sensitivity.findings import (
    Axis,
    Column,
    Curves,
    Findings,
    Regions,
    Table,
    amount,
    share,
    usd,
)
from solver.sensitivity.price_tables import NONE, fleet_words, price_tables
from solver.sensitivity.prices import ALL, HALF, IN_FLEET, PriceResult, spans
from solver.sensitivity.session import Session


def price_findings(session: Session, result: PriceResult) -> Findings:
    """The findings of a sweep of one or two prices; VerificationFailed if one of its plans is wrong."""
    bad = [p.verified for p in result.pieces if p.plan and p.verified != "passed"]
    if bad:
        raise VerificationFailed(
            f"a plan did not pass the exact check and is not shown: {bad[0]}", tuple(bad)
        )
    two = len(result.ranges) == 2
    return Findings(
        name=session.loaded.workload.name,
        kicker=f"Price sensitivity: {' and '.join(_title(session, r.name) for r in result.ranges)}",
        answer=tuple(_answer(session, result)),
        facts=(
            ("plans that are best somewhere", str(len({p.plan.words for p in result.pieces if p.plan}))),
            ("solves", str(result.solves)),
            ("a plan not found could save at most", _certified(result)),
            ("exact check of every plan", "passed"),
        ),
        figures=(_map(session, result) if two else _curve(session, result),),
        tables=(
            *([_areas(session, result)] if two else price_tables(session, result)),
            session.prices_table(),
        ),
        notes=_notes(result),
        provenance=session.provenance(),
    )


def _title(session: Session, name: str) -> str:
    return f"price of {session.name_of(name)}" if name in session.catalog.systems else f"price of {name}"


def _certified(result: PriceResult) -> str:
    worst = result.certified
    return "not proven" if worst == float("inf") else f"{share(worst)} of the cost"


def _answer(session: Session, result: PriceResult) -> list[str]:
    sentences = []
    if len(result.ranges) == 1:
        sentences.append(_entry_words(session, result))
    fleets = list(dict.fromkeys(fleet_words(session, p) for p in result.pieces if p.plan))
    where = " and ".join(
        f"{r.name} from {amount(r.low, u)} to {amount(r.high, u)}"
        for r, u in zip(result.ranges, result.units, strict=True)
    )
    count = "one fleet is" if len(fleets) == 1 else f"{len(fleets)} fleets are each"
    sentences.append(f"With {where}, {count} best somewhere: {'; '.join(fleets[:8])}.")
    worst = result.certified
    if result.grouped and worst < float("inf"):
        sentences.append(
            "Like hours are taken in groups: costs are upper bounds and breakpoints are those of the groups. "
            f"Up to a gap no plan was skipped: none could save more than {share(worst)} of the cost, "
            "measured against the groups at their mean demand; `solver solve` at a price refines the groups."
        )
    elif worst == float("inf"):
        sentences.append("The search stopped before every corner was proven: plans may have been skipped.")
    else:
        sentences.append(
            f"No plan was skipped: nowhere in the range could one that is not listed save more than "
            f"{share(worst)} of the cost."
        )
    if any(p.plan is None for p in result.pieces):
        low = min(p.low for p in result.pieces if p.plan is None)
        where = (
            "In a part of the plane" if len(result.ranges) == 2 else f"From {_at(low, result.units[0])} up"
        )
        sentences.append(f"{where} {NONE}.")
    return sentences


def _system(session: Session, result: PriceResult) -> str:
    name = result.ranges[0].name
    offers = {o.id: o.system for o in session.prepared.problem.offers}
    return offers.get(name, "API" if name.startswith("api") else name)


def _entry_words(session: Session, result: PriceResult) -> str:
    """At which price the system enters, serves half and all of the tokens, as its price falls."""
    system, unit = _system(session, result), result.units[0]
    name, top, now = session.name_of(system), result.ranges[0].high, _now(result)
    if result.ranges[0].name == "electricity":
        several = len(result.pieces) > 1
        effect = f"decides between {len(result.pieces)} plans" if several else "does not change the plan"
        return f"The price of electricity ({now}) {effect}."
    enters, half, everything = (
        max((end for _, end in spans(result.pieces, system, least)), default=None)
        for least in (IN_FLEET, HALF, ALL)
    )
    if enters is None:
        return f"{name} ({now}) is in no fleet in this range."
    parts = [
        "is in the fleet up to the top of the range" if enters >= top else f"enters at {_at(enters, unit)}"
    ]
    for word, price, before in (("half the tokens", half, enters), ("all the tokens", everything, half)):
        if price is None:
            parts.append(f"never takes {word}")
        elif price == before:
            parts.append(f"takes {word} there")
        else:
            parts.append(f"takes {word} at {_at(price, unit)}")
    if half == everything:
        del parts[1]
    return f"{name} ({now}) {', '.join(parts)}."


def _at(price: float, unit: str) -> str:
    return usd(price, 4) if unit == "USD" else amount(price, unit)


def _now(result: PriceResult) -> str:
    now = result.now[0]
    return "not sold today" if now is None else f"now {amount(now, result.units[0])}"


def _areas(session: Session, result: PriceResult) -> Table:
    rows = tuple(
        (
            fleet_words(session, p),
            "; ".join(
                " / ".join(amount(x, u) for x, u in zip(c, result.units, strict=True)) for c in p.corners
            ),
            min(p.costs_usd, default=None),
            max(p.costs_usd, default=None),
            p.slack_share,
            p.verified,
        )
        for p in result.pieces
    )
    columns = (
        Column("fleet", "best fleet"),
        Column("corners", "corners of its area"),
        Column("cost_least_usd", "least cost", "usd"),
        Column("cost_greatest_usd", "greatest cost", "usd"),
        Column("unfound_saving_share", "most that a skipped plan could save", "share"),
        Column("exact_check", "exact check"),
    )
    names = " / ".join(f"{r.name} ({u})" for r, u in zip(result.ranges, result.units, strict=True))
    return Table("areas", "The best fleet by both prices", f"Corners: {names}.", columns, rows)


def _axis(name: str, unit: str) -> Axis:
    return Axis(f"price of {name}, {unit}", "usd" if unit.startswith("USD") else "number")


def _curve(session: Session, result: PriceResult) -> Curves:
    points = [
        (price, cost)
        for p in result.pieces
        for price, cost in zip((p.low, p.high), p.costs_usd, strict=False)
    ]
    lines = [("least cost", tuple(dict.fromkeys(points)))]
    name, now = result.ranges[0].name, result.now[0]
    mark = (now, "price now") if now is not None and _inside(result, 0) else None
    return Curves(
        "cost", f"Least cost by the price of {name}",
        "Net present cost of the best fleet; it bends where the fleet changes.",
        _axis(name, result.units[0]), Axis("net present cost, USD", "usd"), tuple(lines),
        mark,
    )  # fmt: skip


def _inside(result: PriceResult, axis: int) -> bool:
    now = result.now[axis]
    return now is not None and result.ranges[axis].low <= now <= result.ranges[axis].high


def _map(session: Session, result: PriceResult) -> Regions:
    areas = tuple((fleet_words(session, p), tuple((c[0], c[1]) for c in p.corners)) for p in result.pieces)
    (a, b), (u, v), (x, y) = result.ranges, result.units, result.now
    mark = (x, y) if x is not None and y is not None else None
    return Regions(
        "map", f"The best fleet by the prices of {a.name} and {b.name}",
        "Each area is where one fleet is cheapest; the mark is today's prices.",
        _axis(a.name, u), _axis(b.name, v), areas, mark,
    )  # fmt: skip


def _notes(result: PriceResult) -> tuple[str, ...]:
    notes = [
        "The cost of each plan is linear in a price and the least cost is concave; corners are intersections "
        "of cost lines, found by solving there, not by a grid.",
        "Shares of tokens count prompt and output tokens.",
    ]
    if result.derated_solves:
        notes.append(
            f"At {result.derated_solves} of the prices solved a promise failed at the mix of lengths that a "
            "pool got; the safe loads of that service were cut there, and the proof is for the cut loads."
        )
    if any(p.plan is None for p in result.pieces):
        notes.append("A limit holds the price too; where it forbids every plan, no fleet is named.")
    return tuple(notes)
