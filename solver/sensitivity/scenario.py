"""One model in HiGHS for all scenarios: costs, right-hand sides and the safe loads of replicas change.

Traffic is counted in peaks of its service at the largest demand of all scenarios, so less demand is a
smaller right-hand side of the demand and promise rows. What a replica carries is its coefficient in the
capacity rows. Every other row stays as it is. The menu of operating points is that of the stated demand.
Each solve starts with a cleared solver from a plan that follows from its scenario (a fixed plan, or the best
of known fleets given with it), so a result does not depend on what was solved before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from solver.backend.outcome import Outcome
from solver.formulation.linking import LINKS
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.operating_points.point import OperatingPoint
from solver.sensitivity.envelope import Floats
from solver.sensitivity.factors import THROUGHPUT, Factor, spreads
from solver.sensitivity.known import Fleet, Known, strain_of
from solver.sensitivity.priced import FoundPlan, Priced
from solver.sensitivity.scenario_check import ScenarioCheck, demand_factors, exponent, scaled_rates
from solver.sensitivity.sweep import SweepModel

#: Relative gap and seconds of each scenario.
GAP, SECONDS = 1e-3, 20.0
#: How the status of a record begins whose plan fails the exact check.
UNDECIDED = "undecided: "
#: Part of their safe load that late operating points keep for the next try, and tries.
STEP, TIGHTER = 0.9, 20


def undecided(record: dict[str, Any]) -> bool:
    """Whether the plan of a record failed the exact check, so that it does not count."""
    return str(record.get("status")).startswith(UNDECIDED)


@dataclass(frozen=True)
class Task:
    """A scenario to solve: factor values, and a fleet of purchases that is kept (None: free choice)."""

    id: str
    values: tuple[float, ...]
    fleet: Fleet | None = None
    gap: float = GAP


class Scenarios:
    """Solves tasks; built once per worker process."""

    def __init__(
        self, prepared: Prepared, factors: tuple[Factor, ...], check: ScenarioCheck | None = None
    ) -> None:
        self.prepared, self.factors, self.check = prepared, factors, check
        highest = demand_factors(factors, tuple(f.high for f in factors), prepared.problem)
        slowest = min((f.low for f in factors if f.is_throughput), default=1.0)
        self.most = [f / min(slowest, 1.0) for f in highest]  # so that bounds leave room for more replicas
        periods = tuple(
            replace(p, rate_rps=scaled_rates(prepared.problem, p.rate_rps, self.most))
            for p in prepared.problem.periods
        )
        largest = replace(prepared, problem=replace(prepared.problem, periods=periods))
        prices = tuple(f.name for f in factors if f.is_price)
        changing = any(f.is_throughput for f in factors)  # rows with capacities that change would not hold
        self.priced = Priced(largest, prices, SECONDS, without=LINKS if changing else frozenset())
        self.model = SweepModel(self.priced.program)
        self.program = self.priced.program
        self.traffic = {
            n: (int(row.statement.split(".")[1]), row.rhs)
            for n, row in enumerate(self.program.rows)
            if row.family in ("demand", "promise")
        }
        self.purchases = [c for _, c in (*self.program.family("buy"), *self.program.family("lot"))]
        self.served_by = self._services_of_traffic(largest.problem)
        self.loads = self._loads(largest.problem)
        self.anchor = self._anchor()

    def _services_of_traffic(self, problem: Problem) -> dict[int, int]:
        """Service of each traffic column."""
        found = {}
        for prefix, items in (("x", problem.points), ("a", problem.apis)):
            for key, column in self.program.family(prefix):
                found[column] = problem.service_index(items[int(str(key[1]))].service)
        return found

    def _loads(self, problem: Problem) -> dict[tuple[int, int], tuple[str, float, float, str]]:
        """Coefficients of replicas in capacity rows: factor, exponent of the factor, coefficient, point.

        A system's factor is that of its most uncertain point; others follow it by their own spread.
        """
        widest = spreads(problem)
        points: dict[int, OperatingPoint] = {}
        for prefix in ("R", "z", "Q"):
            points |= {c: problem.points[int(str(key[1]))] for key, c in self.program.family(prefix)}
        names = {f.name for f in self.factors if f.is_throughput}
        found = {}
        for n, row in enumerate(self.program.rows):
            for column, value in row.terms if row.family == "capacity" else ():
                point = points.get(column)
                if point is None or f"{THROUGHPUT}{point.system}" not in names:
                    continue
                found[(n, column)] = (f"{THROUGHPUT}{point.system}", exponent(point, widest), value, point.id)
        return found

    def _anchor(self) -> Floats | None:
        """The best plan at most demand, least throughput and likely prices: it holds in every scenario."""
        ends = [(f.mode, f.high, f.low)[f.is_demand + 2 * f.is_throughput] for f in self.factors]
        self._set(tuple(ends))
        outcome = self.model.solve(GAP, 3 * SECONDS)
        return None if outcome.values is None else self.priced.found(outcome).values

    def _set(self, values: tuple[float, ...], safety: Mapping[str, float] = MappingProxyType({})) -> Floats:
        point = tuple(v for f, v in zip(self.factors, values, strict=True) if f.is_price)
        costs = self.priced.objective_at(point)
        self.model.set_costs({int(c): float(costs[c]) for c in np.flatnonzero(costs)})
        shares = self._shares(values)
        self.model.set_rhs({n: rhs * shares[k] for n, (k, rhs) in self.traffic.items()})
        now = {f.name: v for f, v in zip(self.factors, values, strict=True)}
        self.model.set_coefficients(
            {
                at: a * now[name] ** power * safety.get(point, 1.0)
                for at, (name, power, a, point) in self.loads.items()
            }
        )
        return costs

    def _shares(self, values: tuple[float, ...]) -> list[float]:
        now = demand_factors(self.factors, values, self.priced.prepared.problem)
        return [f / m if m > 0 else 0.0 for f, m in zip(now, self.most, strict=True)]

    def _start(self, anchor: Floats, values: tuple[float, ...]) -> Floats:
        shares, start = self._shares(values), anchor.copy()
        for column, k in self.served_by.items():
            start[column] *= shares[k]
        return start

    def run(self, task: Task, known: Known | None = None) -> dict[str, Any]:
        """The record of a task: cost, bound, fleet and shares of tokens.

        Where systems are slow, requests may be late at a safe load that follows their throughput: the safe
        load of the operating points that are late is lowered and the scenario solved again, until the plan
        passes the exact check. The bound stays that of the loads as they follow. Cost None: there is no
        plan, or none that passes (`undecided`).
        """
        safety: dict[str, float] = {}
        record, late, bound = self._run(task, known, safety)
        for _ in range(TIGHTER):
            if not late:
                break
            safety |= {point: STEP * safety.get(point, 1.0) for point in late}
            again, late, _ = self._run(task, known, safety)
            if undecided(again) or again["cost_usd"] is None:
                continue
            return again | {"bound_usd": bound}
        return record

    def _run(
        self, task: Task, known: Known | None, safety: Mapping[str, float]
    ) -> tuple[dict[str, Any], frozenset[str], float]:
        """The record at these parts of safe loads, the points that are late, and the bound in USD."""
        self.model.forget()
        costs = self._set(task.values, safety)
        if task.fleet is not None:
            return self._record(task, self._keeping(task.fleet, task.gap), costs, safety)
        start = None if known is None else self._known_start(task.values, known, costs)
        if start is None and self.anchor is not None:
            start = self._start(self.anchor, task.values)
        if start is not None:
            self.model.forget()
            self.model.start_from(start)
        return self._record(task, self.model.solve(task.gap, SECONDS), costs, safety)

    def _keeping(self, fleet: Fleet, gap: float) -> Outcome:
        """The best plan with these purchases."""
        kept, columns = self._kept(fleet), self.program.columns
        self.model.set_bounds(kept)
        outcome = self.model.solve(gap, SECONDS)
        self.model.set_bounds({c: (columns[c].low, columns[c].high) for c in kept})
        return outcome

    def _known_start(self, values: tuple[float, ...], known: Known, costs: Floats) -> Floats | None:
        """A plan of the first promising known fleet that serves here."""
        prices = {self.program.columns[c].name: float(costs[c]) * 1e3 for c in self.purchases}
        for fleet in known.promising(prices, strain_of(self.factors, values)):
            self.model.forget()
            outcome = self._keeping(fleet, GAP)
            if outcome.values is not None:
                return self.priced.found(outcome).values
        return None

    def _kept(self, fleet: Fleet) -> dict[int, tuple[float, float]]:
        counts = dict(fleet)
        names = ((c, self.program.columns[c].name) for c in self.purchases)
        return {c: (float(counts.get(n, 0)), float(counts.get(n, 0))) for c, n in names}

    def _record(
        self, task: Task, outcome: Outcome, costs: Floats, safety: Mapping[str, float]
    ) -> tuple[dict[str, Any], frozenset[str], float]:
        record: dict[str, Any] = {"id": task.id, "values": list(task.values)}
        bound = outcome.bound * 1e3
        if outcome.values is None:
            return record | {"cost_usd": None, "status": outcome.status}, frozenset(), bound
        plan: FoundPlan = self.priced.found(outcome)
        total = max(sum(plan.shares.values()), 1e-12)  # of the tokens at the largest demand
        columns, cost = self.program.columns, float(costs @ plan.values) * 1e3
        if self.check is not None and task.fleet is None:
            whole = {c.name: float(v) for c, v in zip(columns, plan.values, strict=True) if c.integer}
            found = self.check(self.prepared, self.factors, task.values, whole, cost, safety)
            if found.wrong:
                status = f"{UNDECIDED}{found.wrong}"
                return record | {"cost_usd": None, "status": status}, found.late, bound
        bought = sum(float(costs[c]) * round(plan.values[c]) for c in self.purchases)
        record |= {
            "purchases_usd": bought * 1e3,
            "cost_usd": cost,
            "bound_usd": bound,
            "fleet": [list(line) for line in plan.fleet],
            "purchases": [[columns[c].name, int(plan.values[c])] for c in self.purchases if plan.values[c]],
            "shares": {k: round(v / total, 12) for k, v in plan.shares.items() if v > 1e-9},
            "status": outcome.status,
        }
        return record, frozenset(), bound
