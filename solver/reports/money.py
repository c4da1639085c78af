"""Tables on money and change over time: what is paid when, people, models that move, requests left out."""

from __future__ import annotations

from solver.finance.cash_flow import yearly
from solver.plan.plan import Plan
from solver.reports.fleet import Names, epoch_words
from solver.reports.pool_facts import share_value
from solver.reports.section import Column, Section, right
from solver.reports.units import dollars, number, percent

#: Cost terms in the order of the table.
TERMS = ("purchase", "replacement", "rental", "energy", "space", "staff", "migration", "api", "tax")


def paid_by_year(plan: Plan) -> list[dict[str, object]]:
    """Dollars as paid by term and fiscal year, for plans that carry what they were made from."""
    complete = plan.inputs.get("workload") and plan.inputs.get("offers")
    return yearly(plan) if complete and plan.horizon_years > 1 else []


def cash_section(plan: Plan) -> Section:
    """What is paid in each fiscal year."""
    entries = paid_by_year(plan)
    paid: dict[int, dict[str, float]] = {}
    for entry in entries:
        paid.setdefault(int(str(entry["year"])), {})[str(entry["term"])] = float(str(entry["usd"]))
    used = [t for t in TERMS if any(t in terms for terms in paid.values())]
    rows = [
        (f"year {year}", *(terms.get(t) for t in used), sum(terms.values()))
        for year, terms in sorted(paid.items())
    ]
    present = {t: sum(float(str(e["present_usd"])) for e in entries if e["term"] == t) for t in used}
    if rows:
        rows.append(("net present", *(present[t] for t in used), sum(present.values())))
    return Section(
        "cash_flow",
        "What is paid when",
        "US dollars as paid in each fiscal year (resale values and taxes saved are negative); the last line "
        "is their value at the start, the cost of the plan.",
        (Column("Year"), *(right(t, dollars) for t in used), right("total", dollars)),
        tuple(rows),
        total=True,
    )


def people_section(plan: Plan) -> Section:
    """People at the sites."""
    rows = [(p.site, epoch_words(plan, p.epoch) or "always", p.people) for p in plan.people]
    caption = "People that the systems at your sites need, as the workload states them."
    return Section(
        "people", "People", caption, (Column("Site"), Column("When"), right("People", number)), tuple(rows)
    )


def moves_section(plan: Plan, names: Names) -> Section:
    """Models that leave systems."""
    rows = [
        (m.model, names.system(m.system), m.site, epoch_words(plan, m.epoch), share_value(m.systems))
        for m in plan.moves
    ]
    columns = (Column("Model"), Column("Leaves"), Column("At"), Column("When"), right("Systems", number))
    caption = "Systems' worth of replicas that are set up elsewhere or for another model."
    return Section("moves", "Models that move", caption, columns, tuple(rows))


def unserved_section(plan: Plan) -> Section:
    """Requests that are left out where most traffic is sought."""
    rows = [(u.service, str(plan.periods[u.period]["label"]), share_value(u.share)) for u in plan.unserved]
    caption = "Share of the requests of these hours that the fleet does not serve, the same for all lengths."
    columns = (Column("Service"), Column("Hours"), right("Left out", percent))
    return Section("unserved", "Requests left out", caption, columns, tuple(rows[:200]))
