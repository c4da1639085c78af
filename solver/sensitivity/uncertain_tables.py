"""Tables of an uncertainty run."""

from __future__ import annotations

from typing import Any

import numpy as np

from solver.sensitivity.factors import THROUGHPUT
from solver.sensitivity.findings import Column, Table
from solver.sensitivity.scenario import undecided
from solver.sensitivity.session import Session
from solver.sensitivity.uncertain import UncertainResult, fleet_words

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def named(session: Session, factor: str) -> str:
    """A factor in words."""
    if factor.startswith(THROUGHPUT):
        return f"the throughput of {session.name_of(factor.removeprefix(THROUGHPUT))}"
    system, _, kind = factor.partition("/")
    if kind or system in session.catalog.systems:
        return f"the {'purchase' if kind in ('', 'buy') else kind} price of {session.name_of(system)}"
    return factor.replace("demand.", "demand of ")


def belongs_table(session: Session, belongs: dict[str, float], result: UncertainResult) -> Table:
    """Probability of each system to belong in the fleet."""
    n = len(result.scenarios)
    rows = []
    for system, p in belongs.items():
        carried = [r["shares"][system] for r in result.scenarios if system in r.get("shares", {})]
        error = 1.96 * (p * (1 - p) / n) ** 0.5
        rows.append((session.name_of(system), p, error, float(np.mean(carried))))
    columns = (
        Column("system", "system"),
        Column("probability_share", "scenarios with it in the best fleet", "share"),
        Column("error_share", "± (95 %, sampling)", "share"),
        Column("tokens_share", "tokens it serves there, mean", "share"),
    )
    caption = "Probability that each system belongs in the fleet, under the stated distributions."
    return Table("belongs", "Who belongs in the fleet", caption, columns, tuple(rows))


def quantiles(result: UncertainResult, costs: object) -> Table:
    """Cost of the best fleet of each scenario, and of today's purchases kept."""
    best = np.asarray(costs)
    kept = np.array([r["cost_usd"] for r in result.regrets.fleets[0].records if r["cost_usd"] is not None])
    rows = tuple(
        (q, float(np.quantile(best, q)), float(np.quantile(kept, q)) if len(kept) else None)
        for q in QUANTILES
    )
    columns = (
        Column("scenarios_share", "share of scenarios at or below", "share"),
        Column("best_usd", "best fleet of each scenario", "usd"),
        Column("today_usd", "today's fleet kept (where it can serve)", "usd"),
    )
    caption = (
        "Net present US dollars. Budget at risk: what a budget at one of these quantiles leaves uncovered."
    )
    return Table("quantiles", "Cost and budget at risk", caption, columns, rows)


def regrets(session: Session, result: UncertainResult) -> Table:
    """Regret of today's fleet, the safest and the others that were followed through all scenarios."""
    today, safest = result.regrets.fleets[0], result.regrets.safest
    cells = []
    for fleet in [today, *sorted(result.regrets.fleets[1:], key=lambda f: f.rank)]:
        origin = " and ".join(
            w for w, is_it in (("today", fleet is today), ("safest", fleet is safest)) if is_it
        )
        served = fleet.served or [0.0]
        fails = fleet.failures / len(fleet.regret_usd)
        spread = (float(np.mean(served)), float(np.quantile(served, 0.95)), fleet.greatest_usd)
        cells.append((origin or "found", fleet_words(session, fleet.purchases), fails, *spread))
    columns = (
        Column("origin", ""),
        Column("fleet", "purchases kept in every scenario"),
        Column("fails_share", "scenarios it cannot serve", "share"),
        Column("mean_regret_usd", "mean regret", "usd"),
        Column("p95_regret_usd", "95 % of regrets at most", "usd"),
        Column("worst_regret_usd", "greatest regret", "usd"),
    )
    caption = (
        "Regret: cost of these purchases, with routing, rents and API tokens chosen anew, above the best "
        "fleet of the scenario; over the scenarios it can serve. Safest: the least greatest regret of "
        f"{result.regrets.searched:,} fleets; shown are those that were followed through all scenarios."
    )
    return Table("regret", "Regret of fleets", caption, columns, tuple(cells))


def finite(value: float) -> float | None:
    """The value, or nothing where there is none."""
    return float(value) if np.isfinite(value) else None


def tornado(session: Session, result: UncertainResult) -> Table:
    """One factor at a time."""
    rows = tuple(
        (named(session, f.name), f.low, f.high, *(finite(v) for v in (low, high, abs(high - low))))
        for f, low, high in result.tornado
    )
    columns = (
        Column("factor", "factor"),
        Column("low", "low end", "number"),
        Column("high", "high end", "number"),
        Column("cost_low_usd", "cost there", "usd"),
        Column("cost_high_usd", "cost at the high end", "usd"),
        Column("swing_usd", "swing", "usd"),
    )
    caption = "Cost of the best fleet with one factor at its ends and all others at their most likely value"
    caption += ", those correlated with it too." if result.correlations else "."
    if any(cell is None for row in rows for cell in row):
        caption += " Nothing: no plan, or none that passes the exact check."
    return Table("tornado", "One factor at a time", caption, columns, rows)


def index_table(session: Session, result: UncertainResult) -> Table:
    """Sobol' indices with their intervals."""
    found = result.indices
    assert found is not None
    ends = (found.first, found.first_low, found.first_high, found.total, found.total_low, found.total_high)
    rows = tuple(
        (" with ".join(named(session, f.name) for f in group), *(float(v[j]) for v in ends))
        for j, group in enumerate(result.ranked)
    )
    columns = (
        Column("factor", "factor"),
        Column("first_order", "first order", "number"),
        Column("first_low", "95 % from", "number"),
        Column("first_high", "to", "number"),
        Column("total", "total", "number"),
        Column("total_low", "95 % from", "number"),
        Column("total_high", "to", "number"),
    )
    caption = (
        "Share of the variance of the cost that a factor explains alone, and with all its interactions; "
        "factors without a swing of their own stay at their most likely value."
    )
    if result.correlations:
        caption += " Factors that are correlated are taken together, as one factor."
    return Table("indices", "Sobol' indices", caption, columns, rows)


def factor_table(session: Session, result: UncertainResult) -> Table:
    """Distributions and correlations."""
    rows = tuple((named(session, f.name), f.low, f.mode, f.high, f.unit, f.source) for f in result.factors)
    columns = (
        Column("factor", "factor"),
        Column("low", "low", "number"),
        Column("mode", "most likely", "number"),
        Column("high", "high", "number"),
        Column("unit", "unit"),
        Column("source", "source"),
    )
    pairs = [
        f"{named(session, result.factors[a].name)} and {named(session, result.factors[b].name)} {rank:g}"
        for a, b, rank in result.correlations
    ]
    joint = f"rank correlations: {'; '.join(pairs)}" if pairs else "independent of each other"
    caption = f"Triangular distributions, {joint}; throughput in the logarithm."
    return Table("assumptions", "What is uncertain", caption, columns, rows)


def _best_fleet(session: Session, record: dict[str, Any]) -> str:
    """The fleet of a scenario, or why it does not count."""
    if undecided(record):
        return str(record["status"])
    fleet = tuple((str(s), str(w), int(c)) for s, w, c in record.get("fleet", []))
    return session.words(fleet, record.get("shares", {}).get("API", 0.0))


def scenario_table(session: Session, result: UncertainResult) -> Table:
    """Every scenario, for files."""
    names = [f.name for f in result.factors]
    regrets = result.regrets.fleets[0].regret_usd
    rows = tuple(
        (
            record["id"],
            *record["values"],
            record["cost_usd"],
            record.get("bound_usd"),
            _best_fleet(session, record),
            regret,
        )
        for record, regret in [
            *zip(result.scenarios, regrets, strict=True),
            *((record, None) for record in result.undecided),
        ]
    )
    columns = (
        Column("scenario", "scenario"),
        *(Column(name.replace("/", "_").replace("-", "_"), name, "number") for name in names),
        Column("cost_usd", "least cost", "usd"),
        Column("bound_usd", "proven bound", "usd"),
        Column("fleet", "best fleet"),
        Column("today_regret_usd", "regret of today's fleet", "usd"),
    )
    return Table("scenarios", "All scenarios", "Net present US dollars.", columns, rows, True)
