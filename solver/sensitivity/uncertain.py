"""Uncertainty: scenarios from a design, what they share, regret of fleets, which factor decides."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from solver.errors import InfeasibleError, InputError
from solver.plan.serialise import api_to_dict, point_to_dict
from solver.sensitivity.correlations import Correlation, correlated, parse_correlations
from solver.sensitivity.factors import Factor, factors_of
from solver.sensitivity.findings import Findings
from solver.sensitivity.indices import Indices, design, indices, mixed
from solver.sensitivity.scenario import GAP, Task
from solver.sensitivity.session import Session
from solver.sensitivity.store import Store
from solver.sensitivity.workers import run_all

#: At most so many factors get Sobol' indices (those that move the cost most on their own), and so many
#: fleets are tried for the least greatest regret.
MOST_INDICES, MOST_FLEETS = 5, 5


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
class FleetRegret:
    """A set of purchases kept in every scenario: cost above the best, and where it cannot serve."""

    purchases: tuple[tuple[str, int], ...]
    words: str
    records: tuple[dict[str, Any], ...]
    regret_usd: tuple[float | None, ...]  # per scenario; None: cannot serve

    @property
    def served(self) -> list[float]:
        """Regrets where it can serve."""
        return [r for r in self.regret_usd if r is not None]

    @property
    def failures(self) -> int:
        """Scenarios it cannot serve."""
        return len(self.regret_usd) - len(self.served)

    @property
    def worst_usd(self) -> float:
        """Greatest regret (inf if it cannot serve a scenario)."""
        return float("inf") if self.failures else max(self.served, default=0.0)


@dataclass(frozen=True)
class UncertainResult:
    """Everything that a run found, in the order of the design."""

    factors: tuple[Factor, ...]
    nominal: dict[str, Any]
    scenarios: tuple[dict[str, Any], ...]
    tornado: tuple[tuple[Factor, float, float], ...]  # cost at the low and at the high end, USD
    ranked: tuple[Factor, ...]  # factors of the indices
    indices: Indices | None
    fleets: tuple[FleetRegret, ...]  # today's first
    correlations: tuple[Correlation, ...] = ()


def uncertain_result(session: Session, options: Options) -> UncertainResult:
    """Run (or resume) all scenarios of a session."""
    session.need_cost_objective()
    factors = factors_of(session, options.stated)
    if not factors:
        raise InputError.at("--factor", 0, "nothing is uncertain", "write --factor NAME=LOW..MODE..HIGH")
    stated = parse_correlations(options.correlate, factors)
    store = Store(options.store, question(session, factors, options, stated))
    try:
        return _result(session, factors, options, stated, store)
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
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _result(
    session: Session,
    factors: tuple[Factor, ...],
    options: Options,
    stated: tuple[Correlation, ...],
    store: Store,
) -> UncertainResult:
    def solved(tasks: list[Task], label: str) -> list[dict[str, Any]]:
        return run_all(session.prepared, factors, tasks, store, options.jobs, label, options.dask)

    modes = tuple(f.mode for f in factors)
    ends = [
        Task(f"tornado-{j}-{end}", tuple(getattr(f, end) if i == j else m for i, m in enumerate(modes)))
        for j, f in enumerate(factors)
        for end in ("low", "high")
    ]
    drawn = scenario_values(factors, options.scenarios, options.seed, stated)
    tasks = [Task(f"scenario-{n}", values) for n, values in enumerate(drawn)]
    nominal, *rest = solved([Task("nominal", modes, gap=0.0), *ends, *tasks], "scenarios")
    if nominal["cost_usd"] is None:
        raise InfeasibleError("no plan keeps all statements of the workload; see `solver solve`")
    swings = [(f, _cost(rest[2 * j]), _cost(rest[2 * j + 1])) for j, f in enumerate(factors)]
    records = rest[2 * len(factors) :]
    ranked = sorted(swings, key=lambda s: -abs(s[2] - s[1]))[:MOST_INDICES]
    chosen = [f for f, low, high in ranked if abs(high - low) > GAP * abs(low)]
    found = _indices(factors, chosen, options, solved) if chosen else None
    fleets = _fleets(session, factors, tasks, nominal, records, solved)
    swings.sort(key=lambda s: -abs(s[2] - s[1]))
    return UncertainResult(
        factors, nominal, tuple(records), tuple(swings), tuple(chosen), found, tuple(fleets), stated
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
    factors: tuple[Factor, ...], chosen: list[Factor], options: Options, solved: Any
) -> Indices | None:
    rows = index_rows(options.scenarios, len(chosen))
    a, b = design(len(chosen), rows, options.seed + 1)

    def tasks(label: str, matrix: Any) -> list[Task]:
        columns = {f.name: f.quantile(matrix[:, j]) for j, f in enumerate(chosen)}
        return [
            Task(
                f"index-{label}-{n}",
                tuple(float(columns[f.name][n]) if f.name in columns else f.mode for f in factors),
            )
            for n in range(rows)
        ]

    every = [tasks("a", a), tasks("b", b), *(tasks(str(j), mixed(a, b, j)) for j in range(len(chosen)))]
    records = solved([t for group in every for t in group], "Sobol' indices")
    costs = np.array([_cost(r) for r in records]).reshape(len(every), rows)
    if not np.isfinite(costs).all():
        return None
    return indices(costs[0], costs[1], costs[2:], options.seed)


def _fleets(
    session: Session,
    factors: tuple[Factor, ...],
    tasks: list[Task],
    nominal: dict[str, Any],
    records: list[dict[str, Any]],
    solved: Any,
) -> list[FleetRegret]:
    """Regret of today's purchases, of those found most often and of those of the largest demands."""
    found = [r for r in records if r["cost_usd"] is not None]
    counts = Counter(_purchases(r) for r in found)
    often = sorted(counts, key=lambda k: (-counts[k], k))[: MOST_FLEETS - 2]
    demands = [j for j, f in enumerate(factors) if f.is_demand]
    large = sorted(found, key=lambda r: -float(np.prod([r["values"][j] for j in demands])))[:2]
    fleets = list(dict.fromkeys([_purchases(nominal), *often, *map(_purchases, large)]))
    every = [
        Task(f"fleet-{_digest(fleet)}-{task.id}", task.values, fleet) for fleet in fleets for task in tasks
    ]
    answers = solved(every, "regret of fleets")
    regrets_of = []
    for n, fleet in enumerate(fleets):
        own = answers[n * len(tasks) : (n + 1) * len(tasks)]
        regrets = tuple(
            None
            if a["cost_usd"] is None or r["cost_usd"] is None
            else max(0.0, a["cost_usd"] - r["cost_usd"])
            for a, r in zip(own, records, strict=True)
        )
        regrets_of.append(FleetRegret(fleet, _words(session, fleet), tuple(own), regrets))
    return regrets_of


def _purchases(record: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple((str(name), int(count)) for name, count in record["purchases"])


def _digest(fleet: tuple[tuple[str, int], ...]) -> str:
    return hashlib.sha256(repr(fleet).encode()).hexdigest()[:12]


def _words(session: Session, fleet: tuple[tuple[str, int], ...]) -> str:
    """Purchases in words; the column buy_o_i_e names its offer by number."""
    counts: dict[str, int] = {}
    for name, count in fleet:
        kind, *numbers = name.split("_")
        if kind == "buy":
            system = session.prepared.problem.offers[int(numbers[0])].system
            counts[system] = counts.get(system, 0) + count
    return (
        session.words(tuple((s, "buy", c) for s, c in sorted(counts.items()))) if counts else "no purchases"
    )


def uncertain_findings(session: Session, options: Options) -> Findings:
    """The findings of a run."""
    from solver.sensitivity.uncertain_findings import findings_of

    return findings_of(session, options, uncertain_result(session, options))
