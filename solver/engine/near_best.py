"""The k best fleets that differ in what they are made of, within a share of the optimum, none left out.

A fleet's make-up is the set of systems (and token APIs) it uses; how many of a system it has is counted over
all ways to get it, sites, epochs and hours. Two fleets are alternatives if their make-ups differ and the
dearer one is not the cheaper one with something added. After each fleet F of make-up M two rows hold:

    sum_{s in M} (1 - used_s) + sum_{s not in M} used_s >= 1      another make-up
    sum_{s in M} fewer_s >= 1;  fewer_s = 1: count_s <= F_s - 1    not F and more

Each solve finds the cheapest fleet that is left, so the list is complete up to its last fleet; it is complete
within the share if the last solve finds none. Every fleet passes the exact check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.assemble import assemble
from solver.engine.compare import fleet_words
from solver.engine.derating import MOST_DERATINGS, derated, late_services, lowered
from solver.engine.every_hour import acquisition_columns
from solver.engine.solve import Request
from solver.errors import UsageError, VerificationFailed
from solver.formulation.build import build_program
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.plan.plan import Plan
from solver.plan.routing import repair
from solver.verify.from_plan import verify_plan

#: Least share of a service's peak that counts as using an API.
LEAST_USE = 1e-3
API = "API"


@dataclass(frozen=True)
class NearBest:
    """A verified fleet, what it costs more than the best, and whether it is proven to be the next one."""

    plan: Plan
    fleet: str
    extra_share: float
    proven: bool


@dataclass(frozen=True)
class NearBestList:
    """Fleets in order of cost; ``complete``: no other lies within the share of the best."""

    fleets: tuple[NearBest, ...]
    complete: bool
    interrupted: bool = False


Counts = dict[str, int]  # system (or API: 1) -> how many a fleet has, those it uses


def near_best(
    loaded: LoadedWorkload,
    catalog: Catalog,
    prepared: Prepared,
    count: int,
    within: float,
    request: Request,
    tell: Callable[[NearBest], None] = lambda found: None,
) -> NearBestList:
    """Up to ``count`` fleets of different make-up that cost at most (1 + within) times the best.

    Gap and time of the request are those of each fleet; ``tell`` hears of each. Ctrl-C ends the list.
    """
    if prepared.problem.workload.objective != "cost":
        raise UsageError("alternatives are compared by cost; use --set objective=cost")
    found: list[NearBest] = []
    seen: list[Counts] = []
    factors: dict[str, float] = {}
    best: float | None = None
    for _ in range(count + MOST_DERATINGS):
        now = derated(prepared, factors)
        program = build_program(now.problem)
        columns = add_use(now, program)
        if best is not None:
            _near(program, best * (1 + within), within)
        for fleet in seen:
            forbid(program, columns, fleet)
        outcome = HighsModel(program).solve(request.gap, request.time_limit_s)
        if outcome.values is None:
            return NearBestList(tuple(found), outcome.ending is Ending.INFEASIBLE, outcome.interrupted)
        item, late = _verified(loaded, catalog, now, program, outcome, best or outcome.objective)
        if item is None:
            factors |= lowered(factors, late)
            continue
        best = best or outcome.objective
        found.append(item)
        tell(item)
        if outcome.interrupted:
            return NearBestList(tuple(found), False, True)
        seen.append(counts_of(columns, outcome))
        if len(found) == count:
            break
    return NearBestList(tuple(found), False)


@dataclass(frozen=True)
class Uses:
    """Columns of what a fleet is made of: system -> (used, columns by which it is got, most of them)."""

    used: dict[str, int]
    got: dict[str, list[int]]
    most: dict[str, float]


def add_use(prepared: Prepared, program: Program) -> Uses:
    """A binary for each system or API: 1 exactly if it is used."""
    got = acquisition_columns(prepared.problem, program)
    used: dict[str, int] = {}
    most: dict[str, float] = {}
    for name, columns in got.items():
        use = program.add(("used", name), 0, 1, integer=True)
        used[name] = use
        most[name] = max(
            1.0, float(len(columns)) if name == API else sum(program.columns[c].high for c in columns)
        )
        total = dict.fromkeys(columns, 1.0)
        least = LEAST_USE if name == API else 1.0
        words = {"unit": "systems", "sentence": f"whether {name} is used"}
        program.row(f"use_high[{name}]", "use", total | {use: -most[name]}, "<=", 0.0, **words)
        program.row(f"use_low[{name}]", "use", total | {use: -least}, ">=", 0.0, **words)
    return Uses(used, got, most)


def counts_of(columns: Uses, outcome: Outcome) -> Counts:
    """How many of each system an outcome has, those it uses."""
    values = outcome.values
    assert values is not None
    return {
        name: 1 if name == API else sum(round(values[c]) for c in columns.got[name])
        for name, use in columns.used.items()
        if values[use] > 0.5
    }


def forbid(program: Program, columns: Uses, fleet: Counts) -> None:
    """Neither a fleet of this make-up nor this fleet with something added."""
    words = {"unit": "systems", "sentence": "a fleet of another make-up"}
    number = len(program.rows)
    other = {use: -1.0 if name in fleet else 1.0 for name, use in columns.used.items()}
    program.row(f"another[{number}]", "another", other, ">=", 1.0 - len(fleet), **words)
    fewer: dict[int, float] = {}
    for name, count in fleet.items():
        less = program.add(("fewer", name, number), 0, 1, integer=True)
        fewer[less] = 1.0
        if name == API:
            terms, limit = {columns.used[name]: 1.0, less: 1.0}, 1.0
        else:
            limit = columns.most[name]
            terms = dict.fromkeys(columns.got[name], 1.0) | {less: limit - count + 1.0}
        program.row(f"fewer[{name},{number}]", "another", terms, "<=", limit, **words)
    program.row(f"not_more[{number}]", "another", fewer, ">=", 1.0, **words)


def _near(program: Program, limit: float, within: float) -> None:
    sentence = f"at most {within:.1%} above the best fleet"
    program.row("within", "within", program.objective(), "<=", limit, unit="k$", sentence=sentence)


def _verified(
    loaded: LoadedWorkload,
    catalog: Catalog,
    prepared: Prepared,
    program: Program,
    outcome: Outcome,
    best: float,
) -> tuple[NearBest | None, set[str]]:
    """The fleet, or the services whose promise fails at the mix that it gives a pool."""
    assert outcome.values is not None
    routing = repair(program, outcome.values)
    bounded = replace(outcome, bound=min(outcome.bound, best))
    plan = assemble(loaded, catalog, prepared, program, bounded, routing)
    verdict = verify_plan(plan)
    if not verdict.passed:
        if late := late_services(verdict, prepared):
            return None, late
        raise VerificationFailed(
            "; ".join(f"{f.check}: {f.message}" for f in verdict.failures[:5]),
            tuple(f.message for f in verdict.failures),
        )
    plan = plan.model_copy(update={"verified": True, "verified_residual": str(verdict.residual)})
    words = fleet_words(prepared.problem, program, outcome)
    extra = outcome.objective / best - 1 if best > 0 else 0.0
    return NearBest(plan, words, extra, outcome.ending is Ending.OPTIMAL and not prepared.mean_periods), set()
