"""One solve of a sweep, done as `solver solve` does it, and the exact check of its plan."""

from __future__ import annotations

from dataclasses import replace

from solver.backend.outcome import Ending, Outcome
from solver.engine.assemble import assemble
from solver.engine.derating import MOST_DERATINGS, derated, late_services, lowered
from solver.formulation.build import build_program
from solver.plan.routing import RepairFailed, repair
from solver.sensitivity.envelope import Line, Point, Solved
from solver.sensitivity.priced import FoundPlan, Priced
from solver.sensitivity.session import Session
from solver.verify.from_plan import verify_plan


class Oracle:
    """The best plan at any prices of ``names``.

    Where a plan breaks a promise at the mix of lengths that its pools get, the safe loads of that service
    are cut and it is solved again, as in `solver solve`.
    """

    def __init__(
        self, session: Session, names: tuple[str, ...], limits_at: tuple[float, ...] | None = None
    ) -> None:
        self.session, self.names, self.limits_at = session, names, limits_at
        self.solves = self.derated_solves = 0
        self.level: dict[bytes, Priced] = {}  # plan -> the model (with its safe loads) that found it
        self._checked: dict[bytes, tuple[str, set[str]]] = {}
        self._models: dict[tuple[tuple[str, float], ...], Priced] = {}

    def at(self, factors: dict[str, float]) -> Priced:
        """The model with the safe loads of some services multiplied by a factor."""
        key = tuple(sorted(factors.items()))
        if key not in self._models:
            prepared = derated(self.session.prepared, factors)
            self._models[key] = Priced(prepared, self.names, limits_at=self.limits_at)
        return self._models[key]

    def __call__(self, point: Point, start: Line | None = None) -> Solved:
        """The cheapest plan that keeps its promises at these prices, and a bound on all plans."""
        factors: dict[str, float] = {}
        for _ in range(MOST_DERATINGS):
            solved = self.at(factors).solve(point, None if factors else start)
            self.solves += 1
            late = self._late_at(self.at(factors), point, solved)
            if not late:
                break
            self.derated_solves += not factors
            factors |= lowered(factors, late)
        return solved

    def _late_at(self, priced: Priced, point: Point, solved: Solved) -> set[str]:
        """Services whose promise the plan breaks at its own mix (whatever the prices)."""
        plan = solved.line.plan
        assert isinstance(plan, FoundPlan)
        key = plan.values.tobytes()
        if key not in self._checked:
            self.level[key] = priced
            self._checked[key] = exact_check(self.session, priced, point, plan)
        return self._checked[key][1]

    def verdict(self, solved: Solved) -> str:
        """What the exact check said of a plan that this oracle gave: "passed", or what failed."""
        plan = solved.line.plan
        assert isinstance(plan, FoundPlan)
        return self._checked[plan.values.tobytes()][0]


def exact_check(session: Session, priced: Priced, point: Point, plan: FoundPlan) -> tuple[str, set[str]]:
    """The independent exact check of a plan at these prices: "passed", or what failed and which promises."""
    prepared = replace(priced.prepared, problem=priced.problem_at(point))
    program = build_program(prepared.problem)
    cost = float(priced.objective_at(point) @ plan.values)
    outcome = Outcome(Ending.OPTIMAL, "kOptimal", plan.values, cost, cost, 0.0)
    try:
        routing = repair(program, plan.values)
    except RepairFailed as failure:
        return f"no exact routing: {failure}", set()
    verdict = verify_plan(assemble(session.loaded, session.catalog, prepared, program, outcome, routing))
    if verdict.passed:
        return "passed", set()
    words = "; ".join(f"{f.check}: {f.message}" for f in verdict.failures[:3])
    return words, late_services(verdict, prepared)
