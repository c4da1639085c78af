"""The independent exact check of a scenario's plan: its workload, prices and operating points written out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from solver.backend.outcome import Ending, Outcome
from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.assemble import assemble
from solver.formulation.build import build_program
from solver.formulation.epochs import Period
from solver.formulation.linking import LINKS
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.operating_points.point import OperatingPoint, QueueFacts
from solver.plan.routing import RepairFailed, repair
from solver.sensitivity.factors import THROUGHPUT, Factor, spreads
from solver.sensitivity.parameters import scaled_demand
from solver.sensitivity.price_names import with_price
from solver.verify.from_plan import case_of, verify_plan
from solver.verify.promise import late_targets

#: The cost that counts may lie below that of the exact plan by this part of it (rounding of floats).
ROUNDING = 1e-6


def demand_factors(factors: tuple[Factor, ...], values: tuple[float, ...], problem: Problem) -> list[float]:
    """The factor on each service's demand."""
    found = [1.0] * len(problem.services)
    for factor, value in zip(factors, values, strict=True):
        if factor.is_demand:
            only = factor.name.partition(".")[2]
            for k, service in enumerate(problem.services):
                if only in ("", service.name):
                    found[k] *= value
    return found


def scaled_rates(problem: Problem, rates: tuple[float, ...], factors: list[float]) -> tuple[float, ...]:
    """Rates of the streams of a period, each times the factor of its service."""
    return tuple(rate * factors[s.position] for rate, s in zip(rates, problem.streams, strict=False))


def exponent(point: OperatingPoint, widest: dict[str, float]) -> float:
    """Power of its system's factor on throughput that a point follows: that of its own spread.

    The factor is that of the system's most uncertain point (``widest``: spread by system).
    """
    top = math.log(widest.get(point.system, 1.0))
    return math.log(point.spread) / top if top > 0 else 1.0


@dataclass(frozen=True)
class Checked:
    """What is wrong with a plan ("": nothing), and the operating points that are late if that is all."""

    wrong: str = ""
    late: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ScenarioCheck:
    """What the check of scenarios needs beside a scenario: the statements of the user and the catalogs."""

    loaded: LoadedWorkload
    catalog: Catalog

    def __call__(
        self,
        prepared: Prepared,
        factors: tuple[Factor, ...],
        values: tuple[float, ...],
        whole: dict[str, float],
        cost_usd: float,
        safety: Mapping[str, float] | None = None,
    ) -> Checked:
        """Whether a plan of a scenario passes the check and costs what is said.

        ``whole`` holds the whole numbers of the plan by name of column; the traffic is routed anew, within
        the part of its safe load that ``safety`` states for an operating point.
        """
        there = scenario_of(prepared, factors, values, safety or {})
        program = build_program(there.problem, LINKS)
        if lost := {n for n, v in whole.items() if v} - {c.name for c in program.columns}:
            return Checked(f"the exact program knows no {min(lost)}")
        counts = np.array([whole.get(c.name, 0.0) if c.integer else 0.0 for c in program.columns])
        outcome = Outcome(Ending.OPTIMAL, "kOptimal", counts, cost_usd / 1e3, cost_usd / 1e3, 0.0)
        try:
            routing = repair(program, counts)
        except RepairFailed as failure:
            return Checked(f"no exact routing: {failure}")
        plan = assemble(self.loaded, self.catalog, there, program, outcome, routing, reached=False)
        verdict = verify_plan(plan)
        if not verdict.passed:
            promises = all(f.check == "promise" for f in verdict.failures)
            late = late_targets(case_of(plan)) if promises else frozenset()
            return Checked("; ".join(f"{f.check}: {f.message}" for f in verdict.failures[:3]), late)
        if plan.objective_usd > cost_usd * (1 + ROUNDING) + ROUNDING:
            return Checked(f"it costs {plan.objective_usd:,.2f} USD, not {cost_usd:,.2f}")
        return Checked()


def scenario_of(
    prepared: Prepared,
    factors: tuple[Factor, ...],
    values: tuple[float, ...],
    safety: Mapping[str, float] = MappingProxyType({}),
) -> Prepared:
    """The prepared problem with the prices, demand, safe loads and speed of queues of a scenario.

    TPOT and the times without waiting are those of the calibrated speed, as in the program. ``safety`` is a
    further factor on the safe load of operating points, by id.
    """
    problem, speeds = prepared.problem, {}
    for factor, value in zip(factors, values, strict=True):
        if factor.is_price:
            problem = with_price(problem, factor.name, value)
        elif factor.is_throughput:
            speeds[factor.name.removeprefix(THROUGHPUT)] = value
    shares = demand_factors(factors, values, problem)
    widest = spreads(problem)
    room = _room(factors, tuple(speeds.values()))

    def scaled(rates: tuple[float, ...]) -> tuple[float, ...]:
        """Rates (requests/s) of the scenario."""
        return scaled_rates(problem, rates, shares)

    def paced(point: OperatingPoint) -> OperatingPoint:
        """A point whose system is as fast as the scenario says."""
        factor = speeds[point.system] ** exponent(point, widest)
        safe = factor * safety.get(point.id, 1.0)
        lines = (replace(n, slope=n.slope * safe, intercept=n.intercept * safe) for n in point.lines)
        return replace(point, lines=tuple(lines), queue=_faster(point.queue, factor))

    def hours(period: Period) -> Period:
        """A period with the rates of the scenario."""
        return replace(period, rate_rps=scaled(period.rate_rps), mean_rps=scaled(period.mean_rps))

    workload = scaled_demand(
        problem.workload, dict(zip((s.name for s in problem.services), shares, strict=True))
    )
    changed = replace(
        problem,
        workload=workload,
        periods=tuple(map(hours, problem.periods)),
        points=tuple(paced(p) if p.system in speeds else p for p in problem.points),
        peaks_rps=tuple(peak * room for peak in problem.peaks),
    )
    return replace(prepared, problem=changed, all_periods=tuple(map(hours, prepared.all_periods)))


def _room(factors: tuple[Factor, ...], speeds: tuple[float, ...]) -> float:
    """Times the stated peak that leaves room for the largest pools of any scenario.

    Traffic is counted in peaks, and a program has the capacity lines of pools up to what a peak needs.
    """
    demand = math.prod(max(1.0, f.high) for f in factors if f.is_demand)
    slowest = min((f.low for f in factors if f.is_throughput), default=1.0)
    return demand / min(slowest, 1.0) * max((1.0, *speeds))


def _faster(queue: QueueFacts | None, factor: float) -> QueueFacts | None:
    """What the queues see of a replica that does its work ``factor`` times as fast."""
    if queue is None:
        return None
    hold, prefill, longest, decode = (
        tuple(v / factor for v in times)
        for times in (queue.hold_s, queue.prefill_s, queue.longest_s, queue.decode_s)
    )
    return replace(queue, hold_s=hold, prefill_s=prefill, longest_s=longest, decode_s=decode)
