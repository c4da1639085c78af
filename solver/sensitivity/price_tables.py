"""Tables of a sweep of one price: breakpoints, who is in the fleet when, every interval with its proof."""

from __future__ import annotations

from itertools import pairwise

from solver.sensitivity.findings import Column, Kind, Table, share
from solver.sensitivity.prices import ALL, HALF, IN_FLEET, PricePiece, PriceResult, spans
from solver.sensitivity.session import Session

NONE = "no plan keeps all limits"


def price_tables(session: Session, result: PriceResult) -> list[Table]:
    """Breakpoints, thresholds of every system, intervals."""
    return [_breakpoints(session, result), _thresholds(session, result), _intervals(session, result)]


def fleet_words(session: Session, piece: PricePiece) -> str:
    """The fleet of a piece for readers."""
    if piece.plan is None:
        return NONE
    return session.words(piece.plan.fleet, piece.plan.shares.get("API", 0.0))


def _kind(result: PriceResult) -> Kind:
    return "price" if result.units[0].startswith("USD") else "number"


def _breakpoints(session: Session, result: PriceResult) -> Table:
    """One row for each price at which the best plan changes."""
    rows = []
    for before, after in pairwise(result.pieces):
        gone = sorted(session.name_of(s) for s in before.shares.keys() - after.shares.keys())
        come = sorted(session.name_of(s) for s in after.shares.keys() - before.shares.keys())
        words = [f"{name} leaves" for name in gone] + [f"{name} enters" for name in come]
        if after.plan is None:
            words = [NONE]
        rows.append(
            (
                after.low,
                "; ".join(words) or "other numbers of systems",
                fleet_words(session, before),
                fleet_words(session, after),
                after.costs_usd[0] if after.costs_usd else before.costs_usd[-1],
            )
        )
    columns = (
        Column("price", "price", _kind(result)),
        Column("change", "what changes as the price rises"),
        Column("fleet_below", "best fleet below"),
        Column("fleet_above", "best fleet above"),
        Column("cost_usd", "cost there", "usd"),
    )
    caption = f"Prices of {result.ranges[0].name} in {result.units[0]}"
    caption += (
        "; a limit that holds the price forbids the fleet below, or both fleets cost the same."
        if result.limited
        else "; at each of them both fleets cost the same."
    )
    return Table("breakpoints", "Breakpoints", caption, columns, tuple(rows))


def _thresholds(session: Session, result: PriceResult) -> Table:
    systems = sorted({s for p in result.pieces for s in p.shares})
    rows: list[tuple[object, ...]] = []
    for system in systems:
        half, everything = (spans(result.pieces, system, least) for least in (HALF, ALL))
        for low, high in spans(result.pieces, system, IN_FLEET):
            inside = [p for p in result.pieces if low <= p.low and p.high <= high]
            rows.append(
                (
                    session.name_of(system),
                    low,
                    high,
                    *_within(half, low, high),
                    *_within(everything, low, high),
                    max(p.shares[system] for p in inside),
                )
            )
    kind, name = _kind(result), result.ranges[0].name
    columns = (
        Column("system", "system"),
        Column("in_fleet_from", "in the fleet from", kind),
        Column("in_fleet_to", "to", kind),
        Column("half_from", "takes half the tokens from", kind),
        Column("half_to", "to", kind),
        Column("all_from", "takes all from", kind),
        Column("all_to", "to", kind),
        Column("largest_share", "largest share of tokens", "share"),
    )
    caption = (
        f"Prices of {name} ({result.units[0]}) between which each system is in the fleet, and takes half or "
        "all of the tokens (prompt and output)."
    )
    return Table("thresholds", "Who is in the fleet, and when", caption, columns, tuple(rows))


def _within(
    found: list[tuple[float, float]], low: float, high: float
) -> tuple[float, float] | tuple[None, None]:
    """From the first to the last price inside an interval."""
    inside = [(a, b) for a, b in found if low <= a and b <= high]
    return (inside[0][0], inside[-1][1]) if inside else (None, None)


def _intervals(session: Session, result: PriceResult) -> Table:
    rows = []
    for p in result.pieces:
        main = sorted(((v, s) for s, v in p.shares.items()), reverse=True)
        shares = ", ".join(f"{session.name_of(s)} {share(v)}" for v, s in main)
        ends = (p.costs_usd[0], p.costs_usd[-1]) if p.costs_usd else (None, None)
        fleet = fleet_words(session, p)
        ids = p.plan.words if p.plan else ""
        rows.append((p.low, p.high, fleet, shares, *ends, p.slack_share, p.verified, ids))
    columns = (
        Column("price_from", "price from", _kind(result)),
        Column("price_to", "to", _kind(result)),
        Column("fleet", "best fleet"),
        Column("token_shares", "tokens served by"),
        Column("cost_low_usd", "cost at the lower end", "usd"),
        Column("cost_high_usd", "at the upper end", "usd"),
        Column("unfound_saving_share", "most that a skipped plan could save", "share"),
        Column("exact_check", "exact check"),
        Column("fleet_ids", "best fleet by id", data_only=True),
    )
    caption = (
        f"Prices of {result.ranges[0].name} in {result.units[0]}; cost in net present US dollars over the "
        "horizon. Within an interval the plan stays and its cost is linear in the price."
    )
    return Table("intervals", "The best fleet by price", caption, columns, tuple(rows))
