"""The k best fleets that differ in what they are made of, within a share of the optimum.

A fleet's make-up is the set of systems (and APIs) it uses. Binaries say what is used; after each fleet a
row forbids all that hold it, and the program is solved again (no-good cuts). Every fleet is verified.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from solver.backend.highs import HighsModel
from solver.backend.outcome import Outcome
from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.assemble import assemble
from solver.engine.compare import acquisition_columns, fleet_words
from solver.engine.solve import Request
from solver.formulation.build import build_program
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.plan.plan import Plan
from solver.plan.routing import RepairFailed, repair
from solver.verify.from_plan import verify_plan

#: Least share of a service's peak that counts as using an API.
LEAST_USE = 1e-3


@dataclass(frozen=True)
class NearBest:
    """A verified fleet and what it costs more than the best."""

    plan: Plan
    fleet: str
    extra_share: float


def near_best(
    loaded: LoadedWorkload, catalog: Catalog, prepared: Prepared, count: int, within: float, request: Request
) -> tuple[NearBest, ...]:
    """Up to ``count`` fleets of different make-up that cost at most (1 + within) times the best."""
    program = build_program(prepared.problem)
    used = add_use(prepared, program)
    found: list[NearBest] = []
    best: float | None = None
    while len(found) < count:
        outcome = HighsModel(program).solve(request.gap, request.time_limit_s)
        if outcome.values is None:
            break
        if best is None:
            best = outcome.objective
            program.row(
                "within",
                "within",
                program.objective(),
                "<=",
                best * (1 + within),
                unit="k$",
                sentence=f"at most {within:.1%} above the best fleet",
            )
        item = _verified(loaded, catalog, prepared, program, outcome, best)
        if item is not None:
            found.append(item)
        forbid(program, used, outcome, len(program.rows))
    return tuple(found)


def add_use(prepared: Prepared, program: Program) -> dict[str, int]:
    """A binary for each system or API: 1 exactly if it is used."""
    used: dict[str, int] = {}
    for name, columns in acquisition_columns(prepared.problem, program).items():
        use = program.add(("used", name), 0, 1, integer=True)
        used[name] = use
        if name == "API":
            high, least = float(len(columns)), LEAST_USE
        else:
            high, least = sum(program.columns[c].high for c in columns), 1.0
        total = dict.fromkeys(columns, 1.0)
        words = {"unit": "systems", "sentence": f"whether {name} is used"}
        program.row(f"use_high[{name}]", "use", total | {use: -max(high, 1.0)}, "<=", 0.0, **words)
        program.row(f"use_low[{name}]", "use", total | {use: -least}, ">=", 0.0, **words)
    return used


def forbid(program: Program, used: dict[str, int], outcome: Outcome, number: int) -> None:
    """No fleet that holds this make-up: one of its systems must go (adding more to it is no other choice)."""
    assert outcome.values is not None
    inside = {c: 1.0 for c in used.values() if outcome.values[c] > 0.5}
    program.row(
        f"another[{number}]",
        "another",
        inside,
        "<=",
        len(inside) - 1.0,
        unit="systems",
        sentence="a fleet of another make-up",
    )


def _verified(
    loaded: LoadedWorkload,
    catalog: Catalog,
    prepared: Prepared,
    program: Program,
    outcome: Outcome,
    best: float,
) -> NearBest | None:
    assert outcome.values is not None
    try:
        routing = repair(program, outcome.values)
    except RepairFailed:
        return None
    plan = assemble(
        loaded, catalog, prepared, program, replace(outcome, bound=min(outcome.bound, best)), routing
    )
    verdict = verify_plan(plan)
    if not verdict.passed:
        return None
    plan = plan.model_copy(update={"verified": True, "verified_residual": str(verdict.residual)})
    words = fleet_words(prepared.problem, program, outcome)
    return NearBest(plan, words, outcome.objective / best - 1 if best > 0 else 0.0)
