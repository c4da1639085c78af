"""Uncertainty in words, tables and figures."""

from __future__ import annotations

import numpy as np

from solver.sensitivity.findings import Bars, Findings, share, usd
from solver.sensitivity.scenario import GAP, UNDECIDED
from solver.sensitivity.session import Session
from solver.sensitivity.uncertain import Options, UncertainResult, fleet_words
from solver.sensitivity.uncertain_tables import (
    belongs_table,
    factor_table,
    index_table,
    named,
    quantiles,
    regrets,
    scenario_table,
    tornado,
)


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
            ("undecided beside them", f"{len(result.undecided):,}"),
            ("median cost", usd(float(np.quantile(costs, 0.5)))),
            ("95 % of scenarios cost at most", usd(float(np.quantile(costs, 0.95)))),
            ("today's fleet cannot serve", f"{result.regrets.fleets[0].failures:,} scenarios"),
            ("greatest gap of a scenario", share(_greatest_gap(result))),
        ),
        figures=(_belongs_figure(session, belongs), _tornado_figure(session, result)),
        tables=(
            belongs_table(session, belongs, result),
            quantiles(result, costs),
            regrets(session, result),
            tornado(session, result),
            *([index_table(session, result)] if result.indices else []),
            factor_table(session, result),
            scenario_table(session, result),
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


def _answer(session: Session, result: UncertainResult, costs: object, belongs: dict[str, float]) -> list[str]:
    values = np.asarray(costs)
    parts = [f"{session.name_of(s)} in {share(v)}" for s, v in list(belongs.items())[:5]]
    sentences = [
        f"Of {len(result.scenarios):,} scenarios, the best fleet holds {', '.join(parts)} of them.",
        f"The best fleet of each costs {usd(float(np.quantile(values, 0.05)))} to "
        f"{usd(float(np.quantile(values, 0.95)))} (5 % to 95 %), with a median of "
        f"{usd(float(np.quantile(values, 0.5)))}.",
    ]
    sentences.append(_regret_words(session, result))
    factor, low, high = result.tornado[0]
    if np.isfinite(low + high):
        sentences.append(
            f"The cost moves most with {named(session, factor.name)}: {usd(low)} at its low end, {usd(high)} "
            f"at its high end."
        )
    return sentences


def _regret_words(session: Session, result: UncertainResult) -> str:
    """Today's fleet, and the fleet of least greatest regret."""
    today, safest = result.regrets.fleets[0], result.regrets.safest
    words, n = fleet_words(session, today.purchases), len(result.scenarios)
    if today.failures:
        words = f"Today's fleet ({words}) cannot serve {share(today.failures / n)} of the scenarios"
    else:
        words = f"Today's fleet ({words}) serves every scenario, with a greatest regret of "
        words += usd(today.greatest_usd)
    others = f"the {result.regrets.searched:,} fleets that are best in some scenario or today"
    if safest.purchases == today.purchases:
        return f"{words}; of {others} none has a smaller greatest regret."
    reach = "serves all of them" if not safest.failures else f"fails in {share(safest.failures / n)}"
    where = " where it serves" if safest.failures else ""
    return (
        f"{words}. Of {others}, {fleet_words(session, safest.purchases)} has the least greatest regret: it "
        f"{reach}, with a regret of at most {usd(safest.greatest_usd)}{where}."
    )


def _belongs_figure(session: Session, belongs: dict[str, float]) -> Bars:
    bars = tuple((session.name_of(s), 0.0, p, share(p)) for s, p in list(belongs.items())[:12])
    return Bars(
        "belongs", "Probability of belonging in the fleet",
        "Share of scenarios whose best fleet holds the system.", "share", bars,
    )  # fmt: skip


def _tornado_figure(session: Session, result: UncertainResult) -> Bars:
    bars = tuple(
        (named(session, f.name), low, high, f"{usd(low)} to {usd(high)}")
        for f, low, high in result.tornado[:10]
        if np.isfinite(low + high)
    )
    nominal = float(result.nominal["cost_usd"])
    return Bars(
        "tornado", "Tornado",
        "Cost with one factor at its low and high end, the others (correlated or not) at their most likely "
        "value; black line: all at their most likely value.",
        "usd", bars, (nominal, usd(nominal)),
    )  # fmt: skip


def _greatest_gap(result: UncertainResult) -> float:
    """The solver's, or more where safe loads were lowered: the bound is that without."""
    served = [r for r in result.scenarios if r["cost_usd"]]
    return max([GAP, *(1 - float(r["bound_usd"]) / float(r["cost_usd"]) for r in served)])


def _checked(result: UncertainResult) -> list[str]:
    """Which plans passed the exact check, and how many did not."""
    found = [
        "The best plan of each scenario, of each end of a factor and of each row of the indices passes the "
        "exact check at its own prices, demand and speeds, or does not count. Requests wait longer at slower "
        "systems: where too many were late, the safe load there was lowered in steps of a tenth. "
        "Fleets that are kept through all scenarios, for their regret, are costed without it.",
    ]
    if result.undecided:
        found.append(
            f"{len(result.undecided):,} more scenarios are undecided and count nowhere, as the plan fails "
            f"the exact check. The first: {result.undecided[0]['status'].removeprefix(UNDECIDED)}."
        )
    if result.rows_left_out:
        found.append(
            f"{result.rows_left_out:,} rows of the design for the indices are left out, as the plan of one "
            "of their scenarios fails the exact check."
        )
    return found


def _notes(result: UncertainResult, options: Options) -> tuple[str, ...]:
    lost = sum(r["cost_usd"] is None for r in result.scenarios)
    notes = [
        *_checked(result),
        "The menu of operating points is that of the stated demand and the calibrated speeds; waits are too.",
        "Scenarios are a Latin hypercube; indices come from a separate design of the factors with the "
        "largest swing.",
        f"The fleet of least greatest regret is the best of all {result.regrets.searched:,} sets of "
        "purchases that are best in some scenario, or today: fewest scenarios that it cannot serve, then "
        f"the smallest greatest regret (costs to {share(GAP)}). A fleet that is best nowhere is not tried.",
    ]
    if result.correlations:
        notes.append(
            "Factors that are correlated are one factor of the Sobol' indices: it explains the variance due "
            "to all of them together, as the variance cannot be split between factors that move together."
        )
    if lost:
        notes.append(
            f"{lost} scenarios have no plan that keeps all statements and are left out of the costs."
        )
    return tuple(notes)
