"""The table of memory that wears out: lives used within the horizon, and the year it is worn out."""

from __future__ import annotations

from solver.plan.plan import Plan, PoolWear
from solver.reports.fleet import Names
from solver.reports.section import Column, Section, right
from solver.reports.units import number


def worn_out_words(plan: Plan, years: float | None) -> str:
    """The calendar year in which memory is worn out, and after how many years."""
    if years is None:
        return "never"
    month = str(plan.inputs.get("workload", {}).get("horizon", {}).get("start", "2027-01"))
    at = int(month[:4]) + (int(month[5:7]) - 1) / 12 + years
    return f"{int(at)}, after {number(years)} years" if at < 10_000 else f"after {number(years)} years"


def wear_section(plan: Plan, names: Names) -> Section:
    """Each memory that wears, of each standing pool."""
    rows = tuple(
        (
            w.service,
            names.system(w.system) + (f", {w.site}" if len(plan.power_kw) > 1 else ""),
            w.memory,
            w.lives_used,
            worn_out_words(plan, w.worn_out_years),
            w.replaced or None,
        )
        for w in sorted(plan.wear, key=_order)
    )
    return Section(
        "wear",
        "Memory that wears out",
        "Lives: how many times the endurance of a replica is used within the horizon, by its traffic, "
        "updates and refreshes. "
        "Worn out: the year in which one life is used at the plan's traffic. Replaced: replicas whose "
        "systems are bought again.",
        (
            Column("Service"),
            Column("Hardware"),
            Column("Memory"),
            right("Lives", number),
            Column("Worn out in"),
            right("Replaced", str),
        ),
        rows,
    )


def _order(entry: PoolWear) -> tuple[str, str, str, str]:
    return entry.service, entry.system, entry.site, entry.memory
