"""Uncertainty in words, tables and figures."""

from __future__ import annotations

import numpy as np

from solver.sensitivity.factors import THROUGHPUT
from solver.sensitivity.findings import Bars, Column, Findings, Table, share, usd
from solver.sensitivity.scenario import GAP
from solver.sensitivity.session import Session
from solver.sensitivity.uncertain import FleetRegret, Options, UncertainResult

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def findings_of(session: Session, options: Options, result: UncertainResult) -> Findings:
    """The findings of an uncertainty run."""
    costs = _costs(result)
    belongs = _belongs(result)
    return Findings(
        name=session.loaded.workload.name,
        kicker="Uncertainty: prices, throughput and demand over their ranges",
        answer=tuple(_answer(session, result, costs, belongs)),
        facts=(
            ("scenarios", f"{len(result.scenarios):,}"),
            ("median cost", usd(float(np.quantile(costs, 0.5)))),
            ("95 % of scenarios cost at most", usd(float(np.quantile(costs, 0.95)))),
            ("today's fleet cannot serve", f"{result.fleets[0].failures:,} scenarios"),
            ("gap of each scenario", share(GAP)),
        ),
        figures=(_belongs_figure(session, belongs), _tornado_figure(session, result)),
        tables=(
            _belongs_table(session, belongs, result),
            _quantiles(result, costs),
            _regrets(result),
            _tornado(session, result),
            *([_index_table(session, result)] if result.indices else []),
            _factor_table(session, result),
            _scenario_table(session, result),
        ),
        notes=_notes(result, options),
        provenance=(*session.provenance(), ("seed", str(options.seed))),
    )


def _costs(result: UncertainResult) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([r["cost_usd"] for r in result.scenarios if r["cost_usd"] is not None])


def _belongs(result: UncertainResult) -> dict[str, float]:
    """Share of scenarios in whose best fleet each system is."""
    counts: dict[str, int] = {}
    for record in result.scenarios:
        for system in record.get("shares", {}):
            counts[system] = counts.get(system, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {system: count / len(result.scenarios) for system, count in ordered}


def _safest(result: UncertainResult) -> FleetRegret:
    return min(result.fleets, key=lambda f: (f.failures, max(f.served, default=0.0), f.purchases))


def _answer(session: Session, result: UncertainResult, costs: object, belongs: dict[str, float]) -> list[str]:
    values = np.asarray(costs)
    today, safest = result.fleets[0], _safest(result)
    parts = [f"{session.name_of(s)} in {share(v)}" for s, v in list(belongs.items())[:5]]
    sentences = [
        f"Of {len(result.scenarios):,} scenarios, the best fleet holds {', '.join(parts)} of them.",
        f"The best fleet of each costs {usd(float(np.quantile(values, 0.05)))} to "
        f"{usd(float(np.quantile(values, 0.95)))} (5 % to 95 %), with a median of "
        f"{usd(float(np.quantile(values, 0.5)))}.",
    ]
    if today.failures:
        n = len(today.regret_usd)
        words = f"Today's fleet ({today.words}) cannot serve {share(today.failures / n)} of the scenarios"
    else:
        words = f"Today's fleet ({today.words}) serves every scenario, with a greatest regret of "
        words += usd(today.worst_usd)
    if safest.purchases == today.purchases:
        sentences.append(f"{words}; no other fleet that was tried has a smaller greatest regret.")
    else:
        reach = (
            "serves all of them"
            if not safest.failures
            else f"fails in {share(safest.failures / len(safest.regret_usd))}"
        )
        worst = usd(max(safest.served, default=0.0))
        sentences.append(
            f"{words}. Of the fleets tried, {safest.words} is the safest: it {reach}, with a greatest "
            f"regret of {worst}."
        )
    factor, low, high = result.tornado[0]
    sentences.append(
        f"The cost moves most with {_name(session, factor.name)}: {usd(low)} at its low end, {usd(high)} at "
        f"its high end."
    )
    return sentences


def _name(session: Session, factor: str) -> str:
    if factor.startswith(THROUGHPUT):
        return f"the throughput of {session.name_of(factor.removeprefix(THROUGHPUT))}"
    system, _, kind = factor.partition("/")
    return (
        f"the {kind} price of {session.name_of(system)}" if kind else factor.replace("demand.", "demand of ")
    )


def _belongs_table(session: Session, belongs: dict[str, float], result: UncertainResult) -> Table:
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


def _quantiles(result: UncertainResult, costs: object) -> Table:
    """Cost of the best fleet of each scenario, and of today's purchases kept."""
    best = np.asarray(costs)
    kept = np.array([r["cost_usd"] for r in result.fleets[0].records if r["cost_usd"] is not None])
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


def _regrets(result: UncertainResult) -> Table:
    rows = []
    for n, fleet in enumerate(result.fleets):
        served = fleet.served or [0.0]
        fails = fleet.failures / len(fleet.regret_usd)
        spread = (float(np.mean(served)), float(np.quantile(served, 0.95)), max(served))
        rows.append(("today" if n == 0 else "found", fleet.words, fails, *spread))
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
        "fleet of the scenario; over the scenarios it can serve."
    )
    return Table("regret", "Regret of fleets", caption, columns, tuple(rows))


def _tornado(session: Session, result: UncertainResult) -> Table:
    rows = tuple(
        (_name(session, f.name), f.low, f.high, low, high, abs(high - low)) for f, low, high in result.tornado
    )
    columns = (
        Column("factor", "factor"),
        Column("low", "low end", "number"),
        Column("high", "high end", "number"),
        Column("cost_low_usd", "cost there", "usd"),
        Column("cost_high_usd", "cost at the high end", "usd"),
        Column("swing_usd", "swing", "usd"),
    )
    caption = "Cost of the best fleet with one factor at its ends and all others at their most likely value."
    return Table("tornado", "One factor at a time", caption, columns, rows)


def _index_table(session: Session, result: UncertainResult) -> Table:
    found = result.indices
    assert found is not None
    rows = tuple(
        (_name(session, f.name), *(float(v[j]) for v in (
            found.first, found.first_low, found.first_high, found.total, found.total_low, found.total_high)))
        for j, f in enumerate(result.ranked)
    )  # fmt: skip
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
    return Table("indices", "Sobol' indices", caption, columns, rows)


def _factor_table(session: Session, result: UncertainResult) -> Table:
    rows = tuple((_name(session, f.name), f.low, f.mode, f.high, f.unit, f.source) for f in result.factors)
    columns = (
        Column("factor", "factor"),
        Column("low", "low", "number"),
        Column("mode", "most likely", "number"),
        Column("high", "high", "number"),
        Column("unit", "unit"),
        Column("source", "source"),
    )
    caption = "Triangular distributions, independent of each other; throughput in the logarithm."
    return Table("assumptions", "What is uncertain", caption, columns, rows)


def _scenario_table(session: Session, result: UncertainResult) -> Table:
    names = [f.name for f in result.factors]
    regrets = result.fleets[0].regret_usd
    rows = tuple(
        (
            record["id"],
            *record["values"],
            record["cost_usd"],
            record.get("bound_usd"),
            session.words(
                tuple((str(s), str(w), int(c)) for s, w, c in record.get("fleet", [])),
                record.get("shares", {}).get("API", 0.0),
            ),
            regret,
        )
        for record, regret in zip(result.scenarios, regrets, strict=True)
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


def _belongs_figure(session: Session, belongs: dict[str, float]) -> Bars:
    bars = tuple((session.name_of(s), 0.0, p, share(p)) for s, p in list(belongs.items())[:12])
    return Bars(
        "belongs", "Probability of belonging in the fleet",
        "Share of scenarios whose best fleet holds the system.", "share", bars,
    )  # fmt: skip


def _tornado_figure(session: Session, result: UncertainResult) -> Bars:
    bars = tuple(
        (_name(session, f.name), low, high, f"{usd(low)} to {usd(high)}")
        for f, low, high in result.tornado[:10]
    )
    nominal = float(result.nominal["cost_usd"])
    return Bars(
        "tornado", "Tornado",
        "Cost with one factor at its low and high end; dashed: all at their most likely value.",
        "usd", bars, (nominal, usd(nominal)),
    )  # fmt: skip


def _notes(result: UncertainResult, options: Options) -> tuple[str, ...]:
    lost = sum(r["cost_usd"] is None for r in result.scenarios)
    notes = [
        "The menu of operating points is that of the stated demand and the calibrated speeds; waits are too.",
        "Scenarios are a Latin hypercube; indices come from a separate design of the factors with the "
        "largest swing. Fleets tried for the least regret: today's, the most frequent, those of most demand.",
    ]
    if lost:
        notes.append(
            f"{lost} scenarios have no plan that keeps all statements and are left out of the costs."
        )
    return tuple(notes)
