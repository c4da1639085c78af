"""Price sensitivity in words, tables and figures."""

from __future__ import annotations

from solver.sensitivity.findings import (
    Axis,
    Column,
    Curves,
    Findings,
    Kind,
    Regions,
    Table,
    amount,
    share,
    usd,
)
from solver.sensitivity.prices import PricePiece, PriceResult, thresholds
from solver.sensitivity.session import Session


def price_findings(session: Session, result: PriceResult) -> Findings:
    """The findings of a sweep of one or two prices."""
    two = len(result.ranges) == 2
    return Findings(
        name=session.loaded.workload.name,
        kicker=f"Price sensitivity: {' and '.join(_title(session, r.name) for r in result.ranges)}",
        answer=tuple(_answer(session, result)),
        facts=(
            ("plans that are best somewhere", str(len({p.plan.words for p in result.pieces}))),
            ("solves", str(result.solves)),
            ("a plan not found could save at most", _certified(result)),
            ("exact check of every plan", "passed" if _all_passed(result) else "NOT passed"),
        ),
        figures=(_map(session, result) if two else _curve(session, result),),
        tables=(
            *([] if two else [_thresholds(session, result)]),
            _areas(session, result) if two else _intervals(session, result),
            session.prices_table(),
        ),
        notes=_notes(result),
        provenance=session.provenance(),
    )


def _title(session: Session, name: str) -> str:
    return f"price of {session.name_of(name)}" if name in session.catalog.systems else f"price of {name}"


def _all_passed(result: PriceResult) -> bool:
    return all(p.verified == "passed" for p in result.pieces)


def _certified(result: PriceResult) -> str:
    worst = result.certified
    return "not proven" if worst == float("inf") else f"{share(worst)} of the cost"


def _fleet(session: Session, piece: PricePiece) -> str:
    return session.words(piece.plan.fleet, piece.plan.shares.get("API", 0.0))


def _answer(session: Session, result: PriceResult) -> list[str]:
    sentences = []
    if len(result.ranges) == 1:
        sentences.append(_entry_words(session, result))
    fleets = list(dict.fromkeys(_fleet(session, p) for p in result.pieces))
    where = " and ".join(
        f"{r.name} from {amount(r.low, u)} to {amount(r.high, u)}"
        for r, u in zip(result.ranges, result.units, strict=True)
    )
    count = "one fleet is" if len(fleets) == 1 else f"{len(fleets)} fleets are each"
    sentences.append(f"With {where}, {count} best somewhere: {'; '.join(fleets[:8])}.")
    worst = result.certified
    if worst == float("inf"):
        sentences.append("The search stopped before every corner was proven: plans may have been skipped.")
    else:
        sentences.append(
            f"No plan was skipped: nowhere in the range could one that is not listed save more than "
            f"{share(worst)} of the cost."
        )
    return sentences


def _system(session: Session, result: PriceResult) -> str:
    name = result.ranges[0].name
    offers = {o.id: o.system for o in session.prepared.problem.offers}
    return offers.get(name, "API" if name.startswith("api") else name)


def _entry_words(session: Session, result: PriceResult) -> str:
    found, unit = thresholds(result.pieces, _system(session, result)), result.units[0]
    name, top = session.name_of(found.system), result.ranges[0].high
    now = f"now {amount(result.now[0], unit)}"
    if result.ranges[0].name == "electricity":
        several = len(result.pieces) > 1
        effect = f"decides between {len(result.pieces)} plans" if several else "does not change the plan"
        return f"The price of electricity ({now}) {effect}."
    if found.enters is None:
        return f"{name} ({now}) is in no fleet in this range."
    first = (
        "is in every fleet of the range" if found.enters >= top else f"enters at {amount(found.enters, unit)}"
    )
    parts = [f"{name} ({now}) {first}"]
    for word, price in (("serves half the tokens", found.half), ("serves all", found.all)):
        if price is None:
            parts.append(f"never {word}")
        elif price < top:
            parts.append(f"{word} from {amount(price, unit)} down")
    return ", ".join(dict.fromkeys(parts)) + "."


def _thresholds(session: Session, result: PriceResult) -> Table:
    systems = sorted({s for p in result.pieces for s, v in p.plan.shares.items() if v > 1e-6})
    rows = []
    for system in systems:
        inside = [p for p in result.pieces if p.plan.shares.get(system, 0.0) > 1e-6]
        most = max(p.plan.shares[system] for p in inside)
        rows.append((session.name_of(system), min(p.low for p in inside), max(p.high for p in inside), most))
    kind: Kind = "usd" if result.units[0].startswith("USD") else "number"
    name = result.ranges[0].name
    columns = (
        Column("system", "system"),
        Column("in_fleet_from", "in the fleet from", kind),
        Column("in_fleet_to", "to", kind),
        Column("largest_share", "largest share of tokens", "share"),
    )
    caption = f"Lowest and highest price of {name} ({result.units[0]}) at which each system is in the fleet."
    return Table("thresholds", "Who is in the fleet, and when", caption, columns, tuple(rows))


def _intervals(session: Session, result: PriceResult) -> Table:
    rows = []
    for p in result.pieces:
        main = sorted(((v, s) for s, v in p.plan.shares.items() if v > 1e-6), reverse=True)
        shares = ", ".join(f"{session.name_of(s)} {share(v)}" for v, s in main)
        rows.append(
            (
                p.low,
                p.high,
                _fleet(session, p),
                shares,
                p.costs_usd[0],
                p.costs_usd[-1],
                p.slack_share,
                p.verified,
            )
        )
    unit = result.units[0]
    kind: Kind = "usd" if unit.startswith("USD") else "number"
    columns = (
        Column("price_from", "price from", kind),
        Column("price_to", "to", kind),
        Column("fleet", "best fleet"),
        Column("token_shares", "tokens served by"),
        Column("cost_low_usd", "cost at the lower end", "usd"),
        Column("cost_high_usd", "at the upper end", "usd"),
        Column("unfound_saving_share", "most that a skipped plan could save", "share"),
        Column("exact_check", "exact check"),
    )
    caption = f"Prices of {result.ranges[0].name} in {unit}; cost in net present US dollars over the horizon."
    return Table("intervals", "The best fleet by price", caption, columns, tuple(rows))


def _areas(session: Session, result: PriceResult) -> Table:
    rows = tuple(
        (
            _fleet(session, p),
            "; ".join(
                " / ".join(amount(x, u) for x, u in zip(c, result.units, strict=True)) for c in p.corners
            ),
            min(p.costs_usd),
            max(p.costs_usd),
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
    points = [(p.low, p.costs_usd[0] if p.corners[0][0] == p.low else p.costs_usd[-1]) for p in result.pieces]
    last = result.pieces[-1]
    points.append((last.high, last.costs_usd[-1] if last.corners[-1][0] == last.high else last.costs_usd[0]))
    lines = [("least cost", tuple(points))]
    name, now = result.ranges[0].name, result.now[0]
    inside = result.ranges[0].low <= now <= result.ranges[0].high
    return Curves(
        "cost", f"Least cost by the price of {name}",
        "Net present cost of the best fleet; it bends where the fleet changes.",
        _axis(name, result.units[0]), Axis("net present cost, USD", "usd"), tuple(lines),
        (now, "price now") if inside else None,
    )  # fmt: skip


def _map(session: Session, result: PriceResult) -> Regions:
    areas = tuple((_fleet(session, p), tuple((c[0], c[1]) for c in p.corners)) for p in result.pieces)
    (a, b), (u, v) = result.ranges, result.units
    return Regions(
        "map", f"The best fleet by the prices of {a.name} and {b.name}",
        "Each area is where one fleet is cheapest; the mark is today's prices.",
        _axis(a.name, u), _axis(b.name, v), areas, (result.now[0], result.now[1]),
    )  # fmt: skip


def _notes(result: PriceResult) -> tuple[str, ...]:
    notes = [
        "The cost of each plan is linear in a price and the least cost is concave; corners are intersections "
        "of cost lines, found by solving there, not by a grid.",
        "Shares of tokens count prompt and output tokens.",
    ]
    bad = [p for p in result.pieces if p.verified != "passed"]
    notes += [f"A plan did not pass the exact check: {p.verified}." for p in bad]
    return tuple(notes)


__all__ = ["price_findings", "usd"]
