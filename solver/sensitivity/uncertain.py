"""Uncertainty: scenarios from a design, what they share, regret of fleets, which factor decides."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from solver.errors import InfeasibleError, InputError, VerificationFailed
from solver.plan.serialise import api_to_dict, point_to_dict
from solver.sensitivity.correlations import (
    Correlation,
    copula,
    correlated,
    groups_of,
    parse_correlations,
)
from solver.sensitivity.factors import Factor, factors_of
from solver.sensitivity.findings import Findings
from solver.sensitivity.indices import Indices, design, indices, mixed
from solver.sensitivity.known import Fleet, Known, known_of
from solver.sensitivity.regret import Regrets, regrets_of
from solver.sensitivity.scenario import GAP, Task, undecided
from solver.sensitivity.scenario_check import ScenarioCheck
from solver.sensitivity.session import Session
from solver.sensitivity.store import Store
from solver.sensitivity.workers import Crew

#: At most so many factors get Sobol' indices: those that move the cost most on their own.
MOST_INDICES = 5
#: Scenarios of the first stage; each further one has as many as all before it, and tries their fleets first.
FIRST_STAGE = 64


@dataclass(frozen=True)
class Options:
    """How an uncertainty run is done."""

    stated: tuple[str, ...] = ()
    scenarios: int = 1000
    seed: int = 0
    jobs: int = 1
    store: Path | None = None
    dask: str = ""
    correlate: tuple[str, ...] = ()


@dataclass(frozen=True)
class UncertainResult:
    """Everything that a run found, in the order of the design."""

    factors: tuple[Factor, ...]
    nominal: dict[str, Any]
    scenarios: tuple[
        dict[str, Any], ...
    ]  # those that count: the plan passes the exact check, or there is none
    undecided: tuple[dict[str, Any], ...]  # those whose plan fails it
    tornado: tuple[tuple[Factor, float, float], ...]  # cost at the low and at the high end, USD
    ranked: tuple[tuple[Factor, ...], ...]  # of the indices; factors that are correlated are one
    indices: Indices | None
    regrets: Regrets
    correlations: tuple[Correlation, ...] = ()
    rows_left_out: int = (
        0  # of the design for indices, because the plan of one of its scenarios fails the check
    )


def uncertain_result(session: Session, options: Options) -> UncertainResult:
    """Run (or resume) all scenarios of a session."""
    session.need_cost_objective()
    factors = factors_of(session, options.stated)
    if not factors:
        raise InputError.at("--factor", 0, "nothing is uncertain", "write --factor NAME=LOW..MODE..HIGH")
    stated = parse_correlations(options.correlate, factors)
    store = Store(options.store, question(session, factors, options, stated))
    try:
        check = ScenarioCheck(session.loaded, session.catalog)
        with Crew(session.prepared, factors, store, options.jobs, options.dask, check) as crew:
            return _result(session, factors, options, stated, crew)
    finally:
        store.close()


def question(
    session: Session, factors: tuple[Factor, ...], options: Options, stated: tuple[Correlation, ...]
) -> str:
    """A digest of everything that decides the records."""
    from solver import __version__

    problem = session.prepared.problem
    parts = {
        "solver": __version__,
        "workload": session.loaded.workload.model_dump(mode="json"),
        "catalog": hashlib.sha256(session.catalog.model_dump_json().encode()).hexdigest(),
        "menu": [point_to_dict(p) for p in problem.points] + [api_to_dict(a) for a in problem.apis],
        "offers": [asdict(o) for o in problem.offers],
        "factors": [[f.name, f.low, f.mode, f.high] for f in factors],
        "correlations": stated,
        "scenarios": options.scenarios,
        "seed": options.seed,
        "gap": GAP,
        "records": 3,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _result(
    session: Session,
    factors: tuple[Factor, ...],
    options: Options,
    stated: tuple[Correlation, ...],
    crew: Crew,
) -> UncertainResult:
    def known(records: list[dict[str, Any]]) -> Known | None:
        """What scenarios that are finished tell later ones."""
        return known_of(records, factors, lambda name: _system(session, name))

    modes = tuple(f.mode for f in factors)
    ends = [
        Task(f"tornado-{j}-{end}", tuple(getattr(f, end) if i == j else m for i, m in enumerate(modes)))
        for j, f in enumerate(factors)
        for end in ("low", "high")
    ]
    drawn = scenario_values(factors, options.scenarios, options.seed, stated)
    tasks = [Task(f"scenario-{n}", values) for n, values in enumerate(drawn)]
    nominal, *records = crew.run([Task("nominal", modes, gap=0.0), *tasks[:FIRST_STAGE]], "scenarios")
    if undecided(nominal):
        raise VerificationFailed(f"today's best plan is {nominal['status']}")
    if nominal["cost_usd"] is None:
        raise InfeasibleError("no plan keeps all statements of the workload; see `solver solve`")
    while len(records) < len(tasks):
        stage = tasks[len(records) : 2 * len(records)]
        records += crew.run(stage, "scenarios", known([nominal, *records]))
    everything = known([nominal, *records])
    rest = crew.run(ends, "one factor at a time", everything)
    swings = [(f, _cost(rest[2 * j]), _cost(rest[2 * j + 1])) for j, f in enumerate(factors)]
    width = [float(np.nan_to_num(abs(high - low) / abs(low))) for _, low, high in swings]  # no plan: 0
    groups = sorted(groups_of(stated, len(factors)), key=lambda g: -max(width[j] for j in g))[:MOST_INDICES]
    chosen = [g for g in groups if max(width[j] for j in g) > GAP]
    found, left_out = _indices(factors, chosen, options, stated, crew, everything) if chosen else (None, 0)
    counted = [(t, r) for t, r in zip(tasks, records, strict=True) if not undecided(r)]
    best = [r for _, r in counted]
    if not best:
        raise VerificationFailed(f"every scenario is undecided; the first is {records[0]['status']}")
    regrets = regrets_of(factors, [t for t, _ in counted], nominal, best, known(best), crew.run)
    ranked = tuple(tuple(factors[j] for j in group) for group in chosen)
    swings.sort(key=lambda s: -float(np.nan_to_num(abs(s[2] - s[1]))))
    failed = tuple(r for r in records if undecided(r))
    return UncertainResult(
        factors, nominal, tuple(best), failed, tuple(swings), ranked, found, regrets, stated, left_out
    )


def _cost(record: dict[str, Any]) -> float:
    return float("nan") if record["cost_usd"] is None else float(record["cost_usd"])


def scenario_values(
    factors: tuple[Factor, ...], count: int, seed: int, stated: tuple[Correlation, ...] = ()
) -> list[tuple[float, ...]]:
    """Latin hypercube design of the factors (scipy.stats.qmc), one tuple per scenario."""
    from scipy.stats import qmc

    sample = qmc.LatinHypercube(len(factors), rng=np.random.default_rng(seed)).random(count)
    sample = correlated(sample, stated)
    columns = [f.quantile(sample[:, j]) for j, f in enumerate(factors)]
    return [tuple(float(c[n]) for c in columns) for n in range(count)]


def index_rows(scenarios: int, factors: int) -> int:
    """Rows of the design for indices: a power of two, with at most as many solves as scenarios."""
    return 1 << max(3, int(np.log2(max(8, scenarios / (factors + 2)))))


def _indices(
    factors: tuple[Factor, ...],
    groups: list[tuple[int, ...]],
    options: Options,
    stated: tuple[Correlation, ...],
    crew: Crew,
    known: Known | None,
) -> tuple[Indices | None, int]:
    """Indices of groups of factors, and the rows of the design that were left out as undecided.

    All other factors stay at their most likely value.
    """
    columns = [j for group in groups for j in group]
    rows = index_rows(options.scenarios, len(groups))
    at = {j: n for n, j in enumerate(columns)}
    own = tuple((at[i], at[j], r) for i, j, r in stated if i in at and j in at)
    a, b = (copula(m, own) for m in design(len(columns), rows, options.seed + 1))

    def tasks(label: str, matrix: Any) -> list[Task]:
        """Scenarios of a design; ``matrix`` has a row each, and a share between 0 and 1 for each factor."""
        drawn = {j: factors[j].quantile(matrix[:, at[j]]) for j in columns}
        return [
            Task(
                f"index-{label}-{n}",
                tuple(float(drawn[j][n]) if j in drawn else f.mode for j, f in enumerate(factors)),
            )
            for n in range(rows)
        ]

    moved = [mixed(a, b, [at[j] for j in group]) for group in groups]
    every = [tasks("a", a), tasks("b", b), *(tasks(str(n), m) for n, m in enumerate(moved))]
    records = crew.run([t for group in every for t in group], "Sobol' indices", known)
    costs = np.array([_cost(r) for r in records]).reshape(len(every), rows)
    kept = ~np.array([undecided(r) for r in records]).reshape(len(every), rows).any(axis=0)
    costs, left_out = costs[:, kept], int(rows - kept.sum())
    if not kept.any() or not np.isfinite(costs).all():
        return None, left_out
    return indices(costs[0], costs[1], costs[2:], options.seed), left_out


def _system(session: Session, purchase: str) -> str:
    """The system of a purchase; the columns buy_o_i_e and lot_o_i_e name its offer by number."""
    return session.prepared.problem.offers[int(purchase.split("_")[1])].system


def fleet_words(session: Session, fleet: Fleet) -> str:
    """Purchases in words."""
    counts: dict[str, int] = {}
    for name, count in fleet:
        if name.startswith("buy_"):
            system = _system(session, name)
            counts[system] = counts.get(system, 0) + count
    return (
        session.words(tuple((s, "buy", c) for s, c in sorted(counts.items()))) if counts else "no purchases"
    )


def uncertain_findings(session: Session, options: Options) -> Findings:
    """The findings of a run."""
    from solver.sensitivity.uncertain_findings import findings_of

    return findings_of(session, options, uncertain_result(session, options))
