"""The tables that compare: what binds, other fleets, other prices, and the values that decide."""

from __future__ import annotations

from typing import Any

from solver.plan.plan import Plan
from solver.reports.fleet import Names, deciding
from solver.reports.section import Column, Section, right, signed
from solver.reports.units import dollars, listed, number, percent
from solver.reports.values import quantity_words, range_words, value_words

#: Where hours are in groups.
BOTH_ENDS = (
    "Hours are in groups: a fleet costs what serving every hour with it costs; the other end is proven at "
    "the mean hours of the groups."
)
AT_LEAST = "At least: proven of such fleets, where the search ended early or hours are in groups."


def binding_section(plan: Plan, names: Names) -> Section:
    """Statements without slack."""
    rows = tuple(
        (names.in_words(b.sentence), f"{number(b.slack)} {b.unit}", b.shadow_price_usd, b.place)
        for b in plan.binding
    )
    return Section(
        "binding",
        "What binds",
        "Statements that leave no room for one more unit. Left: what remains. Shadow price: US dollars that "
        "one more unit would save, the fleet unchanged.",
        (Column("Statement"), right("Left"), right("Shadow price", dollars), Column("Written in")),
        rows,
    )


def wishes_section(plan: Plan, names: Names) -> Section:
    """What statements cost."""
    ends = any(w.costs_at_most_usd is not None for w in plan.wishes)
    return Section(
        "wishes",
        "What wishes cost",
        "Without it: net present US dollars of the best fleet without the statement, all others kept. Costs: "
        "what the statement adds." + (f" {BOTH_ENDS}" if ends else ""),
        (
            Column("Statement"),
            right("Without it", dollars),
            right("Costs", dollars),
            *([right("At most", dollars)] if ends else []),
            Column("Written in"),
        ),
        tuple(
            (
                names.in_words(w.sentence),
                w.without_usd,
                w.costs_usd,
                *([w.costs_at_most_usd] if ends else []),
                w.place,
            )
            for w in plan.wishes
        ),
    )


def refused(plan: Plan) -> dict[str, list[str]]:
    """Reason -> alternatives without a plan: what they cannot do, or that nobody looked."""
    found: dict[str, list[str]] = {}
    for a in plan.alternatives:
        if not a.feasible:
            found.setdefault(a.reason if a.undecided else f"not possible: {a.reason}", []).append(a.name)
    return found


def alternatives_section(plan: Plan, names: Names) -> Section:
    """The best fleet of each single kind of hardware."""
    rows: list[tuple[Any, ...]] = []
    ends = any(a.bound_usd is not None for a in plan.alternatives)
    for a in [a for a in plan.alternatives if a.feasible]:
        bound = [a.bound_usd] if ends else []
        rows.append((names.in_words(a.name), a.objective_usd, *bound, a.extra_share, names.in_words(a.fleet)))
    for reason, several in refused(plan).items():
        told = "only " + listed([names.in_words(name.removeprefix("only ")) for name in several], "or")
        rows.append((told, None, *([None] if ends else []), None, names.in_words(reason)))
    if rows:
        bound = [plan.bound_usd] if ends else []
        rows.insert(0, ("this plan", plan.objective_usd, *bound, 0.0, "see above"))
    return Section(
        "alternatives",
        "Alternatives",
        "The best fleet of each single kind of hardware: net present US dollars, and what it costs more "
        "than this plan." + (f" {AT_LEAST}" if ends else ""),
        (
            Column("Fleet"),
            right("Cost", dollars),
            *([right("At least", dollars)] if ends else []),
            right("Extra", signed),
            Column("Systems"),
        ),
        tuple(rows),
    )


def break_even_section(plan: Plan, names: Names) -> Section:
    """Prices at which systems would enter the fleet."""
    rows = []
    ends = any(b.price_at_most_usd is not None for b in plan.break_even)
    for b in plan.break_even:
        enters = b.price_enters_usd
        change = enters / b.price_now_usd - 1 if enters is not None and b.price_now_usd else None
        most = [b.price_at_most_usd] if ends else []
        rows.append((names.system(b.system), b.price_now_usd, enters, *most, change, b.note))
    return Section(
        "break_even",
        "Prices at which others enter",
        "US dollars per system, all else as it is." + (f" {BOTH_ENDS}" if ends else ""),
        (
            Column("System"),
            right("Price now", dollars),
            right("Enters at", dollars),
            *([right("Not above", dollars)] if ends else []),
            right("Change", signed),
            Column("Remark"),
        ),
        tuple(rows),
    )


def assumptions_section(plan: Plan, names: Names) -> Section:
    """Catalog values behind the answer, those with most leverage first."""
    rows = tuple(
        (
            f"{names.system(a.subject)}: {quantity_words(a.quantity)}",
            value_words(a),
            range_words(a),
            a.evidence,
            a.cost_share or None,
            ", ".join(filter(None, (a.source, a.date))),
        )
        for a in deciding(plan)
    )
    return Section(
        "assumptions",
        "Assumptions that decide",
        "Those that can move the cost furthest come first. Of cost: share of the total that this price "
        "makes up.",
        (
            Column("Value"),
            right("Taken"),
            right("Range"),
            Column("Evidence"),
            right("Of cost", percent),
            Column("Source, date", source=True),
        ),
        rows,
    )
