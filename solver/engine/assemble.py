"""Assemble the plan from the parts of a solve: money, promises, power, assumptions, provenance."""

from __future__ import annotations

import platform
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

from solver import __version__
from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.assumptions import assumptions
from solver.engine.parts import parts_of
from solver.engine.promises import service_levels
from solver.formulation.epochs import Period
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.plan.deferral import deferrals, served_periods
from solver.plan.extract import pools, purchases, routes
from solver.plan.fallbacks import fallbacks
from solver.plan.findings import Binding, CostLine, Goal
from solver.plan.over_time import loads, moves, people, served_share, unserved
from solver.plan.plan import NEAREST, Plan, Unserved
from solver.plan.routing import Routing
from solver.plan.serialise import api_to_dict, point_to_dict
from solver.plan.wear import pool_wear
from solver.verify.from_plan import settled_plan


def assemble(
    loaded: LoadedWorkload,
    catalog: Catalog,
    prepared: Prepared,
    program: Program,
    outcome: Outcome,
    routing: Routing,
    reached: bool = True,
) -> Plan:
    """The plan of an outcome, not yet verified and not yet compared.

    ``reached``: with the latencies that it reaches (`service_levels`), which the exact check does not read.
    """
    problem = prepared.problem
    assert outcome.values is not None
    moved = deferrals(problem, program, routing)
    served = replace(problem, periods=served_periods(problem, moved))
    bought = purchases(problem, program, outcome.values)
    standing = pools(problem, program, outcome.values)
    paths = routes(problem, program, routing)
    backup = fallbacks(problem, program, routing)
    targets = {r.target for r in paths} | {f.target for f in backup}
    costs = cost_lines(program, outcome, routing)
    total = sum(line.usd for line in costs)
    missing = unserved(problem, program, routing)
    tokens, output = discounted_tokens(prepared, missing)
    ended = {Ending.OPTIMAL: "optimal", Ending.FEASIBLE: "limit reached"}[outcome.ending]
    plan = Plan(
        figures=NEAREST,
        outcome="interrupted" if outcome.interrupted else ended,
        workload=loaded.workload.name,
        objective=loaded.workload.objective,
        objective_usd=total,
        bound_usd=min(outcome.bound * 1e3, total),
        gap=outcome.gap if outcome.gap > 1e-9 else 0.0,
        goal=_goal(program, outcome, routing),
        verified=False,
        horizon_years=loaded.workload.horizon.years,
        epochs=tuple((e.start_years, e.end_years) for e in problem.epochs),
        periods=tuple(_period(problem, p) for p in served.periods),
        systems=bought,
        pools=standing,
        people=people(problem, bought),
        loads=loads(problem, program, routing),
        unserved=missing,
        served_share=served_share(problem, missing),
        moves=moves(problem, program, standing),
        routes=paths,
        fallbacks=backup,
        deferrals=moved,
        wear=pool_wear(served, standing, paths),
        service_levels=service_levels(served, paths, standing, moved) if reached else (),
        costs=costs,
        usd_per_m_output_tokens=total / output * 1e6 if output else 0.0,
        usd_per_m_tokens=total / tokens * 1e6 if tokens else 0.0,
        power_kw=_power(problem, bought),
        notes=prepared.notes + tuple(row.sentence for row in program.rows if row.family == "goal"),
        assumptions=assumptions(
            catalog, prepared, bought, paths, total, parts_of(problem, program, outcome, routing)
        ),
        provenance={
            "solver": __version__,
            "catalog": catalog.version,
            "workload_sha256": loaded.sha256,
            "highs": outcome.status,
            "python": platform.python_version(),
            "points": str(len(problem.points)),
            "dominated_points": str(prepared.menu.dominated),
            "periods": f"{len(problem.periods)} of {len(prepared.all_periods)}",
        },
        points={
            p.id: point_to_dict(p)
            for p in problem.points
            if p.id in targets or any(s.point == p.id for s in standing)
        },
        inputs=_inputs(problem, loaded, targets),
    )
    return settled_plan(plan)


def _goal(program: Program, outcome: Outcome, routing: Routing) -> Goal | None:
    """What the plan reaches of a goal that was held while the cost was minimised."""
    assert outcome.values is not None
    for row in program.rows:
        if row.family == "goal":
            whole = (routing.traffic.get(c, Fraction(round(outcome.values[c]))) for c, _ in row.terms)
            reached = sum((Fraction(a) * n for (_, a), n in zip(row.terms, whole, strict=True)), Fraction(0))
            return Goal(value=float(reached), unit=row.unit)
    return None


def _inputs(problem: Problem, loaded: LoadedWorkload, used: set[str]) -> dict[str, Any]:
    return {
        "file": loaded.file,
        "workload": problem.workload.model_dump(mode="json"),
        "offers": {o.id: asdict(o) for o in problem.offers},
        "systems": {s: asdict(facts) for s, facts in problem.systems.items()},
        "apis": {a.id: api_to_dict(a) for a in problem.apis if a.id in used},
    }


def _by_region(problem: Problem, period: Period) -> dict[str, Any]:
    """Rates by region, for services whose regions have curves of their own."""
    several = any(s.region for s in problem.streams)
    found: dict[str, Any] = {}
    for name, rates in (("region_rps", period.rate_rps), ("mean_region_rps", period.mean_rps)):
        if several and rates:
            found[name] = [
                {problem.streams[s].region: rates[s] for s in own if problem.streams[s].region}
                for own in problem.streams_of
            ]
    return found


def _period(problem: Problem, period: Period) -> dict[str, Any]:
    means = problem.rates(replace(period, rate_rps=period.mean_rps or period.rate_rps))
    services = sorted({problem.streams[s].position for s in period.streams})
    return {
        "index": period.index,
        "epoch": period.epoch,
        "hours": period.hours,
        "rate_rps": list(problem.rates(period)),
        "label": period.label,
        **({"covers": list(period.covers)} if period.covers else {}),
        **({"mean_rps": list(means)} if period.mean_rps else {}),
        **({"services": list(services)} if period.streams else {}),
        **_by_region(problem, period),
        **(
            {"energy_usd_kwh": [problem.tariff(i, period) for i in range(len(problem.sites))]}
            if problem.workload.power_follows_load
            else {}
        ),
    }


def cost_lines(program: Program, outcome: Outcome, routing: Routing) -> tuple[CostLine, ...]:
    """Each cost term of the plan in dollars, from whole numbers and exact traffic."""
    assert outcome.values is not None
    lines = []
    for term, entries in program.costs.items():
        total = Fraction(0)
        for column, kusd in entries.items():
            amount = routing.traffic.get(column)
            if amount is None:
                amount = Fraction(round(outcome.values[column]))
            total += Fraction(kusd) * amount
        if total:
            lines.append(CostLine(term=term, usd=float(total * 1000)))
    return tuple(lines)


def discounted_tokens(prepared: Prepared, missing: tuple[Unserved, ...] = ()) -> tuple[float, float]:
    """All tokens and output tokens served over the horizon, discounted like the money; 0 if none are told."""
    problem, tokens, output = prepared.problem, 0.0, 0.0
    if any(service.lengths_are == "numbers" for service in problem.services):
        return tokens, output
    lost = {(entry.service, entry.period): float(Fraction(entry.share)) for entry in missing}
    for period in problem.periods if missing else prepared.all_periods:
        for given, service in zip(problem.rates(period), problem.services, strict=True):
            rate = given * (1 - lost.get((service.name, period.index), 0.0))
            seconds = 3600 * problem.hours_factor(period)
            out = sum(b.share * b.output_tokens for b in service.lengths)
            tokens += rate * seconds * (out + sum(b.share * b.prompt_tokens for b in service.lengths))
            output += rate * seconds * out
    return tokens, output


def _power(problem: Problem, bought: tuple[Any, ...]) -> dict[str, float]:
    """Maximum power of the systems that stand at each site in the last epoch."""
    power, last = {site.name: 0.0 for site in problem.sites}, len(problem.epochs) - 1
    here = {offer.id: offer for offer in problem.offers if offer.on_site}
    for line in bought:
        if line.offer not in here or line.acquisition == "replace" or line.sold_epoch is not None:
            continue
        if problem.alive(here[line.offer], line.epoch, last):
            power[line.site] += line.count * problem.systems[line.system].power_max_kw
    return power


def bindings(
    loaded: LoadedWorkload, prepared: Prepared, program: Program, model: HighsModel, outcome: Outcome
) -> tuple[Binding, ...]:
    """Rows with no slack at the plan that come from a statement of the user or a limit of supply.

    In whole numbers there is none where one more of what the plan has, or the least of what it could have,
    does not fit.

    Shadow prices are those of the linear program with the whole numbers fixed.
    """
    from solver.engine.infeasible import original_path

    assert outcome.values is not None
    found: dict[str, Binding] = {}
    for row in program.rows:
        if not row.statement or row.family in ("demand", "linking"):
            continue
        left = sum(a * outcome.values[c] for c, a in row.terms)
        slack = (row.rhs - left) if row.sense == "<=" else (left - row.rhs)
        sizes = [(abs(a), outcome.values[c] > 0.5) for c, a in row.terms if program.columns[c].integer]
        had = [size for size, there in sizes if there]
        step = max(had) if had else min((size for size, _ in sizes), default=0.0)
        if slack > max(step, 1e-6 * max(1.0, abs(row.rhs))) - 1e-9 or row.statement in found:
            continue
        path = original_path(loaded, prepared, row.statement)
        found[row.statement] = Binding(
            sentence=row.sentence,
            family=row.family,
            statement=path,
            place=str(loaded.place(path)),
            slack=max(slack, 0.0),
            unit=row.unit,
        )
    return tuple(found.values())
