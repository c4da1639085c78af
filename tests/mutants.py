"""Mutants of the integer program, driven by its registry: ``python tests/mutants.py`` prints a table.

Each constraint family and cost term is removed, flipped (the sense of its rows, or the sign of one of their
terms) and scaled by 1.01 (in both directions), in the instance in which it binds (tests/test_registry.py), in
the same made a hundred times as large, where one per cent is a whole system, and in some of its own. A
mutant is noticed by the verifier if the plan that the changed program makes is rejected, and by the optimum
if its cost differs from the true one (which enumeration confirms elsewhere).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from test_registry import BINDING, base, one_busy_hour

from solver.backend.highs import HighsModel
from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload, Money, Site
from solver.engine.assemble import assemble
from solver.engine.attempt import SAFETY, tightened
from solver.formulation.build import build_program
from solver.formulation.epochs import make_epochs, make_periods
from solver.formulation.linking import LINKS
from solver.formulation.model import Program, Row
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.formulation.registry import COSTS, FAMILIES
from solver.inputs.catalogs import load_catalog
from solver.operating_points.build import Menu
from solver.performance.queueing import Line
from solver.plan.plan import Plan
from solver.plan.routing import RepairFailed, repair
from solver.verify.from_plan import verify_plan

#: Change -> ways to make it; "loosen" and "tighten" scale by 1.01.
CHANGES = {
    "remove": ("remove",),
    "flip": ("flip", "sign 0", "sign 1", "sign -1"),
    "scale": ("loosen", "tighten"),
}
SCALE, TIMES = 1.01, 100
#: Statements that grow with the size of a fleet, by the part of the workload that holds them.
_SITE = (*(name for name in Site.model_fields if name.endswith("_kw")), "rack_units")
_MONEY = tuple(name for name in Money.model_fields if name.startswith("budget_") and "_by_" not in name)
_HARDWARE = ("supply", "minimum", "owned", "supplier_supply")


@dataclass(frozen=True)
class Noticed:
    """What a mutant did in one instance."""

    plan_rejected: frozenset[str]  # checks that rejected its plan
    cost: float | None  # k$; None: no plan
    true_cost: float

    @property
    def optimum_differs(self) -> bool:
        """Whether a comparison with the true optimum notices."""
        return self.cost is None or abs(self.cost - self.true_cost) > 1e-6 * max(1.0, abs(self.true_cost))


def times(problem: Problem, factor: int = TIMES) -> Problem:
    """The same question for ``factor`` times the traffic, with limits that grow alike."""
    workload = problem.workload
    services = tuple(
        s.model_copy(
            update={
                "demand": s.demand.model_copy(
                    update={"rate_rps": tuple(factor * r for r in s.demand.rate_rps)}
                )
            }
        )
        for s in workload.services
    )
    sites = tuple(s.model_copy(update=_grown(s, _SITE, factor)) for s in workload.sites)
    money = workload.money.model_copy(update=_grown(workload.money, _MONEY, factor))
    hardware = workload.hardware.model_copy(
        update={
            name: {k: factor * v for k, v in getattr(workload.hardware, name).items()} for name in _HARDWARE
        }
    )
    workload = workload.model_copy(
        update={"services": services, "sites": sites, "money": money, "hardware": hardware}
    )
    epochs = make_epochs(workload)
    return replace(
        problem,
        workload=workload,
        epochs=epochs,
        periods=make_periods(workload, epochs),
        apis=tuple(
            replace(a, **_grown(a, ("requests_per_s_limit", "tokens_per_s_limit"), factor))
            for a in problem.apis
        ),
        offers=tuple(
            replace(
                o,
                minimum_lot=o.minimum_lot * factor if o.minimum_lot > 1 else 1,
                **_grown(o, ("supply_per_year", "supply_total"), factor),
            )
            for o in problem.offers
        ),
    )


def _grown(value: object, names: tuple[str, ...], factor: int) -> dict[str, float]:
    return {n: factor * v for n in names if (v := getattr(value, n)) is not None}


@lru_cache
def catalog() -> Catalog:
    """The shipped catalogs with an entry for the made-up API."""
    loaded = load_catalog()
    return loaded.model_copy(update={"apis": {"api": next(iter(loaded.apis.values()))}})


def large_pools() -> Problem:
    """Pools of 150 replicas and more carry four times as much of each: 150 are got where 100 would do."""
    problem = times(base())
    lines = (Line(1, 149, 0.5, 0.0), Line(150, 10**6, 2.0, 0.0))
    return replace(problem, points=(replace(problem.points[0], lines=lines), *problem.points[1:]))


def work_all_day() -> Problem:
    """A busy hour that must be done before noon, and some work in each other hour: 2,401 / 12 need 201."""
    problem = one_busy_hour(12)
    (service,) = problem.services
    demand = service.demand.model_copy(update={"rate_rps": (24.01, *[1.0] * 23)})
    workload = problem.workload.model_copy(
        update={"services": (service.model_copy(update={"demand": demand}),)}
    )
    return times(replace(problem, workload=workload))


#: Instances of its own where one per cent of a family is less than a whole system of the others.
OWN: dict[str, Callable[[], Problem]] = {"pool_size": large_pools, "deadline": work_all_day}


def says_the_same(name: str) -> bool:
    """Whether 1 % more in the family's rows is the same statement: they only forbid (x <= 0), or tie a yes or
    no to a number (x <= M yes, yes <= x), where any M that is large enough will do."""
    if name in COSTS:
        return False
    program = build_program(BINDING[name](), LINKS)
    rows = [row for row in program.rows if row.family == name]
    return all(
        row.rhs == 0
        and (
            all(a > 0 for _, a in row.terms)
            or any(program.columns[c].integer and program.columns[c].high <= 1 for c, _ in row.terms)
        )
        for row in rows
    )


def instances(name: str) -> Iterator[Problem]:
    """Problems in which the entry binds."""
    yield BINDING[name]()
    yield times(BINDING[name]())
    if name in OWN:
        yield OWN[name]()


def mutants(problem: Problem, name: str, change: str) -> Iterator[Program]:
    """The program with one family or cost term changed: all of it, and each kind of its rows alone."""
    if change == "remove":
        yield build_program(problem, frozenset({name}))
        return
    program = build_program(problem, LINKS)
    if name in COSTS:
        for factor in (-1.0,) if change == "flip" else (SCALE, 1 / SCALE):
            own = program.costs.get(name, {})
            yield replace(program, costs={**program.costs, name: {c: factor * a for c, a in own.items()}})
        return
    kinds = {row.name.partition("[")[0] for row in program.rows if row.family == name}
    for chosen in [kinds, *({kind} for kind in sorted(kinds) if len(kinds) > 1)]:
        for way in CHANGES[change]:
            rows = [
                changed(row, way) if row.family == name and row.name.partition("[")[0] in chosen else row
                for row in program.rows
            ]
            if rows != program.rows:
                yield replace(program, rows=rows)


def changed(row: Row, change: str) -> Row:
    """The row turned round, or its limit moved by 1 % (loosen: more is permitted)."""
    if change.startswith("sign"):
        return _flipped(row, int(change.split()[1]))
    if change == "flip":
        return row._replace(sense="<=" if row.sense != "<=" else ">=")
    more = (change == "loosen") == (row.sense != ">=")  # whether the right side grows
    factor = SCALE if more else 1 / SCALE
    if row.rhs != 0:
        return row._replace(rhs=row.rhs * (factor if row.rhs > 0 else 1 / factor))
    return row._replace(terms=tuple((c, a * factor if a < 0 else a) for c, a in row.terms))


def _flipped(row: Row, place: int) -> Row:
    """One sign wrong."""
    if place >= len(row.terms):
        return row
    terms = list(row.terms)
    terms[place] = (terms[place][0], -terms[place][1])
    return row._replace(terms=tuple(terms))


def plan_of(
    problem: Problem, program: Program, safety: float, like: Program | None = None
) -> tuple[Plan | None, float | None]:
    """Plan and cost (k$) of a program; ``like`` decides, ``program`` keeps the accounts."""
    prepared = Prepared(problem, problem.periods, Menu(problem.points, problem.apis, (), 0), ())
    loaded = LoadedWorkload(workload=problem.workload, places={}, file="mutant.yaml", sha256="0")
    decides = tightened(like or program, safety)
    outcome = HighsModel(decides).solve(time_limit_s=20)
    if outcome.values is None:
        return None, None
    try:
        routing = repair(like or program, outcome.values)
        return assemble(loaded, catalog(), prepared, program, outcome, routing), outcome.objective
    except (RepairFailed, KeyError):
        return None, outcome.objective


class Instance:
    """A problem with its true plan, which passes the exact check."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.program = problem, build_program(problem, LINKS)
        for self.safety in SAFETY:  # as the engine does where rounding leaves no room
            plan, cost = plan_of(problem, self.program, self.safety)
            if plan is not None and verify_plan(plan).passed:
                break
        assert plan is not None and cost is not None
        verdict = verify_plan(plan)
        assert verdict.passed, verdict.failures
        self.cost = cost

    def notice(self, program: Program, name: str) -> Noticed:
        """What becomes of a mutant here."""
        plan, cost = plan_of(self.problem, program, self.safety)
        if plan is None and name in COSTS:  # no cheapest plan, but accounts that are wrong
            plan, _ = plan_of(self.problem, program, self.safety, self.program)
        failed = frozenset(f.check for f in verify_plan(plan).failures) if plan is not None else frozenset()
        return Noticed(failed, cost, self.cost)


def kills(name: str, change: str) -> tuple[frozenset[str], bool]:
    """Checks of the verifier that reject a plan of a mutant, and whether the optimum tells."""
    found = [
        instance.notice(program, name)
        for instance in map(Instance, instances(name))
        for program in mutants(instance.problem, name, change)
    ]
    rejected: frozenset[str] = frozenset().union(*(n.plan_rejected for n in found))
    return rejected, any(n.optimum_differs for n in found)


def table() -> Iterator[str]:
    """The table of docs/reference/verification.md."""
    yield "| family or cost term | " + " | ".join(CHANGES) + " |"
    yield "|---" * (len(CHANGES) + 1) + "|"
    for name in [*FAMILIES, *COSTS]:
        cells = []
        for change in CHANGES:
            rejected, differs = kills(name, change)
            words = ", ".join(sorted(rejected)) or "**not rejected**"
            if change == "scale" and not rejected and says_the_same(name):
                words = "says the same: yes or no"
            cells.append(words if differs or ":" in words else f"{words} (optimum the same)")
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
