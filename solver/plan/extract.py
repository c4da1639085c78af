"""From the values of the columns to a plan."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solver.domain.workload import HOURS_PER_YEAR
from solver.formulation.limits import lines_of, selects
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.system_offer import SystemOffer
from solver.plan.over_time import sales, sold_lines
from solver.plan.plan import Pool, Route, SystemPurchase
from solver.plan.routing import Routing


def purchases(problem: Problem, program: Program, values: NDArray[np.float64]) -> tuple[SystemPurchase, ...]:
    """Systems bought, rented for an epoch, rented by the hour."""
    found: list[SystemPurchase] = []
    costs = program.objective()
    sold = sales(program, values)
    ways = (("buy", "buy"), ("hold", "rent"), ("rent", "rent-hourly"), ("renew", "replace"))
    for prefix, word in ways:
        for key, column in program.family(prefix):
            gone = sold.get(key[1:], {}) if prefix == "buy" else {}
            count = round(values[column]) - sum(gone.values())
            found += sold_lines(problem, program, costs, key, gone)
            if count <= 0:
                continue
            o, i, n = key[1], key[2], key[3]
            offer: SystemOffer = problem.offers[o]
            period = problem.periods[n] if prefix == "rent" else None
            epoch = period.epoch if period else n
            hours = 0.0
            if prefix == "hold":
                hours = HOURS_PER_YEAR * problem.epochs[epoch].years
            elif period:
                hours = period.hours
            found.append(
                SystemPurchase(
                    system=offer.system,
                    name=problem.systems[offer.system].name,
                    site=problem.sites[i].name,
                    acquisition=word,
                    offer=offer.id,
                    epoch=epoch,
                    count=count,
                    unit_price_usd=offer.price_usd,
                    cost_usd=costs.get(column, 0.0) * 1e3 * count,
                    hours=hours,
                    period=period.index if period else None,
                )
            )
    return tuple(found)


def pools(problem: Problem, program: Program, values: NDArray[np.float64]) -> tuple[Pool, ...]:
    """Open pools with their replicas."""
    found: list[Pool] = []
    for p, point in enumerate(problem.points):
        for i in range(len(problem.sites)):
            for e in range(len(problem.epochs)):
                for n in range(len(lines_of(problem, point))):
                    column = program.find("R", p, i, e, n)
                    if column is not None and round(values[column]) > 0:
                        spare = problem.workload.redundancy if selects(problem, point) else 0
                        pool = _pool(problem, p, i, "standing", round(values[column]), n, spare, e, None)
                        swap = program.find("swap", p, i, e)
                        replaced = 0 if swap is None else round(values[swap])
                        found.append(pool.model_copy(update={"replaced": replaced}))
            for t, period in enumerate(problem.periods):
                column = program.find("Q", p, i, t)
                if column is not None and round(values[column]) > 0:
                    replicas, spare = round(values[column]), problem.hourly_spares
                    found.append(_pool(problem, p, i, "elastic", replicas, 0, spare, period.epoch, t))
    return tuple(found)


def _pool(
    problem: Problem,
    p: int,
    i: int,
    mode: str,
    replicas: int,
    line: int,
    spare: int,
    epoch: int,
    period: int | None,
) -> Pool:
    point = problem.points[p]
    return Pool(
        point=point.id,
        service=point.service,
        model=point.model,
        system=point.system,
        site=problem.sites[i].name,
        mode=mode,
        epoch=epoch,
        period=period,
        replicas=replicas,
        spare_replicas=spare,
        systems_per_replica=str(point.systems_per_replica),
        layout=point.layout,
        weight_precision=point.weight_precision,
        batch=point.batch,
        tpot_ms=point.tpot_s * 1e3,
        line=line,
        evidence=point.evidence,
        phase=point.phase,
    )


def routes(problem: Problem, program: Program, routing: Routing) -> tuple[Route, ...]:
    """Exact shares of every bucket and period."""
    streams = _streams(problem, program, routing)
    served: dict[tuple[str, int, int], Fraction] = {}
    for s in streams:
        if s.phase != "prefill":  # whoever decodes serves the request
            key = (s.service, s.group, s.period)
            served[key] = served.get(key, Fraction(0)) + s.amount
    kept = {
        (problem.services[k].name, t): 1 - routing.traffic.get(column, Fraction(0))
        for (_, k, t), column in program.family("unserved")
    }
    found = [
        Route(
            service=s.service,
            bucket=b,
            period=s.period,
            target=s.target,
            site=s.site,
            mode=s.mode,
            share=str(s.amount / served[s.service, s.group, s.period] * kept.get((s.service, s.period), 1)),
        )
        for s in streams
        for b in problem.classes[problem.service_index(s.service)][s.group]
    ]
    return tuple(sorted(found, key=lambda r: (r.service, r.period, r.bucket, r.target, r.site, r.mode)))


class _Stream(NamedTuple):
    """Traffic of a length class at one target in one period, in peaks of the service."""

    service: str
    group: int
    period: int
    target: str
    site: str
    mode: str
    phase: str
    amount: Fraction


def _streams(problem: Problem, program: Program, routing: Routing) -> list[_Stream]:
    names = {"s": "standing", "e": "elastic"}
    found: list[_Stream] = []
    for key, column in program.family("x"):
        point, site = problem.points[key[1]], problem.sites[key[2]].name
        mode, group, t = names[str(key[3])], key[4], key[5]
        amount = routing.traffic.get(column, Fraction(0))
        found.append(_Stream(point.service, group, t, point.id, site, mode, point.phase, amount))
    for key, column in program.family("a"):
        api, group, t = problem.apis[key[1]], key[2], key[3]
        amount = routing.traffic.get(column, Fraction(0))
        found.append(_Stream(api.service, group, t, api.id, "", "api", "both", amount))
    return [s for s in found if s.amount > 0]
