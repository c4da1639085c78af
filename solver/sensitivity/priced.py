"""A prepared problem whose objective depends linearly on some prices, kept in one solver model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine.start import start as large_start
from solver.errors import InfeasibleError, LimitReached, UsageError
from solver.formulation.build import build_program
from solver.formulation.clusters import HOURLY_COUNTS
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.formulation.registry import FAMILIES
from solver.sensitivity.envelope import Floats, Line, Point, Solved
from solver.sensitivity.price_names import with_price

#: Relative gap of each solve: none, and what is tried after a solve that came to its time limit. What a
#: solve leaves open is in the certificate.
GAP, SLOW_GAP = 0.0, 1e-4
#: Price at which limits are written, and a dollar above it, to see how they depend on a price (linearly).
ONE = 1.0


def costs_of(problem: Problem, columns: int) -> Floats:
    """Objective of a problem, k$ per unit of each of its ``columns``, which do not depend on prices.

    Columns that constraint families add come last and cost nothing.
    """
    program = build_program(problem, frozenset(FAMILIES))
    costs = np.zeros(columns)
    for column, kusd in program.objective().items():
        costs[column] = kusd
    return costs


@dataclass(frozen=True, eq=False)
class FoundPlan:
    """A plan of the solver: whole numbers rounded, traffic as it was returned."""

    values: Floats
    fleet: tuple[tuple[str, str, int], ...]  # system, how it is got, how many
    shares: dict[str, float]  # system (or "API") -> share of all tokens

    @property
    def words(self) -> str:
        """The fleet in words: "3 x dgx-b200 (buy), API tokens"."""
        parts = [f"{count} x {system} ({way})" for system, way, count in self.fleet]
        return ", ".join(parts + (["API tokens"] if self.shares.get("API", 0) > 1e-9 else [])) or "nothing"


class Priced:
    """Solves at any prices of ``names`` in one kept model; every solve returns a plan and a bound.

    Prices may stand in limits too (a budget). Limits are written at ``limits_at`` (prices of ``names``);
    `limits_of` tells at which prices a plan keeps them.
    """

    def __init__(
        self,
        prepared: Prepared,
        names: tuple[str, ...],
        time_limit_s: float | None = 20.0,
        limits_at: tuple[float, ...] | None = None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.prepared, self.names, self.time_limit_s = prepared, names, time_limit_s
        zero = self.problem_at((0.0,) * len(names))
        ones = (ONE,) * len(names)
        self._low = build_program(self.problem_at(ones))
        self._steps = [
            build_program(self.problem_at((*ones[:n], ONE + 1.0, *ones[n + 1 :]))) for n in range(len(names))
        ]
        columns = len(self._low.columns)
        self.base = costs_of(zero, columns)
        self.weights = [
            costs_of(self.problem_at(tuple(float(i == n) for i in range(len(names)))), columns) - self.base
            for n in range(len(names))
        ]
        self.priced_rows = self._rows_with_prices()
        if self.priced_rows and limits_at is None:
            raise self._refusal(self._low.rows[self.priced_rows[0]].sentence)
        self.program: Program = build_program(
            zero if limits_at is None else self.problem_at(limits_at), without
        )
        self.model = HighsModel(self.program, self._objective(self.base))
        self.gap, self.solves = GAP, 0

    def problem_at(self, point: Point) -> Problem:
        """The problem at these prices."""
        problem = self.prepared.problem
        for name, value in zip(self.names, point, strict=True):
            problem = with_price(problem, name, value)
        return problem

    def _rows_with_prices(self) -> list[int]:
        """Numbers of the limits in which a price stands; each must tighten as a price rises."""
        found = []
        for n, row in enumerate(self._low.rows):
            others = [program.rows[n] for program in self._steps]
            others = [other for other in others if (other.terms, other.rhs) != (row.terms, row.rhs)]
            for other in others:
                before, after = dict(row.terms), dict(other.terms)
                tightens = all(after.get(c, 0.0) >= before.get(c, 0.0) for c in before | after)
                if row.sense != "<=" or row.rhs != other.rhs or not tightens:
                    raise self._refusal(row.sentence)
            found += [n] if others else []
        return found

    @staticmethod
    def _refusal(sentence: str) -> UsageError:
        return UsageError(
            f"{sentence}: the price stands in this limit too, so the cost is not concave in it; "
            f"use --vary hardware.overrides.SYSTEM.price_usd=LOW..HIGH, or drop the limit"
        )

    def limits_of(self, plan: FoundPlan) -> list[tuple[float, list[float]]]:
        """Limits on the prices of a plan, as (base, weights): it keeps them where base + weights . p <= 0."""
        found = []
        for n in self.priced_rows:
            used, *more = (
                sum(a * float(plan.values[c]) for c, a in program.rows[n].terms)
                for program in (self._low, *self._steps)
            )
            weights = [u - used for u in more]
            found.append((used - ONE * sum(weights) - self._low.rows[n].rhs, weights))
        return found

    def holds_until(self, plan: FoundPlan) -> float:
        """Highest single price at which a plan keeps every limit that holds the price (inf: all prices)."""
        ends = (-base / weight for base, (weight,) in self.limits_of(plan) if weight > 0)
        return min(ends, default=float("inf"))

    @cached_property
    def integer(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which columns are whole numbers."""
        return np.array([c.integer for c in self.program.columns])

    @cached_property
    def token_shares(self) -> dict[str, Floats]:
        """System (or "API") -> share of all tokens served per unit of each column.

        Hours left out because a larger hour dominates them are served with the larger hour's shares.
        """
        return token_weights(self.prepared.problem, self.program)

    def objective_at(self, point: Point) -> Floats:
        """Costs of the columns at these prices, k$."""
        costs: Floats = self.base.copy()
        for weight, value in zip(self.weights, point, strict=True):
            costs += value * weight
        return costs

    def solve(self, point: Point, start: Line | None = None, gap: float | None = None) -> Solved:
        """The cheapest plan at these prices, with its cost line and a bound on all plans there."""
        self.model.set_costs(self._objective(self.objective_at(point)))
        if start is not None and isinstance(start.plan, FoundPlan):
            self.model.start_from(start.plan.values)
        else:
            known = large_start(self.problem_at(point), self.model, self.time_limit_s)
            if known is not None:
                self.model.start_from(known)
        outcome = self.model.solve(self.gap if gap is None else gap, self.time_limit_s)
        if outcome.ending is not Ending.OPTIMAL:
            self.gap = SLOW_GAP
        self.solves += 1
        plan = self.found(outcome)
        weights = tuple(float(w @ plan.values) for w in self.weights)
        line = Line(float(self.base @ plan.values), weights, plan, plan.values[self.integer].tobytes())
        return Solved(line, outcome.bound)

    def found(self, outcome: Outcome) -> FoundPlan:
        """The plan of an outcome."""
        if outcome.values is None:
            if "Infeasible" in outcome.status:
                raise InfeasibleError("no plan keeps all statements of the workload; see `solver solve`")
            raise LimitReached(f"no plan was found ({outcome.status})")
        values = np.where(self.integer, np.round(outcome.values), outcome.values)
        shares = {name: float(w @ values) for name, w in self.token_shares.items()}
        return FoundPlan(values, fleet_of(self.prepared.problem, self.program, values), shares)

    @staticmethod
    def _objective(costs: Floats) -> dict[int, float]:
        return {int(c): float(costs[c]) for c in np.flatnonzero(costs)}


class MeanHours(Priced):
    """The groups of like hours of a prepared problem, each at its mean demand, with counts by the hour as
    fractions: what it costs is a lower bound on the hours themselves."""

    def __init__(
        self, prepared: Prepared, names: tuple[str, ...], limits_at: tuple[float, ...] | None = None
    ) -> None:
        problem = replace(prepared.problem, periods=prepared.mean_periods)
        super().__init__(replace(prepared, problem=problem), names, limits_at=limits_at)
        hourly = {c for prefix in HOURLY_COUNTS for _, c in self.program.family(prefix)}
        columns = [
            c._replace(integer=False) if n in hourly else c for n, c in enumerate(self.program.columns)
        ]
        self.program = replace(self.program, columns=columns)
        self.model = HighsModel(self.program, self._objective(self.base))


def fleet_of(problem: Problem, program: Program, values: Floats) -> tuple[tuple[str, str, int], ...]:
    """Systems of a plan by the way they are got; rented by the hour: the most at once."""
    counts: dict[tuple[str, str], int] = {}
    for prefix in ("buy", "hold", "rent"):
        for key, column in program.family(prefix):
            count, offer = round(values[column]), problem.offers[int(str(key[1]))]
            if not count:
                continue
            way = "owned" if offer.supply_total is not None else offer.kind
            label = (offer.system, f"{way} by the hour" if prefix == "rent" else way)
            old = counts.get(label, 0)
            counts[label] = max(old, count) if prefix == "rent" else old + count
    return tuple((system, way, count) for (system, way), count in sorted(counts.items()))


def token_weights(problem: Problem, program: Program) -> dict[str, Floats]:
    """Share of all tokens that one unit of traffic in each routing column carries, by system."""
    found: dict[str, Floats] = {}
    total = 0.0
    for prefix in ("x", "a"):
        for key, column in program.family(prefix):
            which, b, t = (int(str(part)) for part in (key[1], key[-2], key[-1]))  # b: length class
            item = problem.points[which] if prefix == "x" else problem.apis[which]
            system = problem.points[which].system if prefix == "x" else "API"
            k, period = problem.service_index(item.service), problem.periods[t]
            lengths = [bucket.prompt_tokens + bucket.output_tokens for bucket in problem.services[k].lengths]
            tokens = problem.peak_rps(k) * period.hours * problem.mean(k, b, lengths)
            found.setdefault(system, np.zeros(len(program.columns)))[column] = tokens
    for k, service in enumerate(problem.services):
        per_request = sum(b.share * (b.prompt_tokens + b.output_tokens) for b in service.lengths)
        total += sum(problem.rate(k, p) * p.hours for p in problem.periods) * per_request
    return {system: weight / total for system, weight in found.items()} if total > 0 else found
