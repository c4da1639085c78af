"""What a plan says of changes over time: systems sold, people at the sites, models that move."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domain.quantity import as_written, at_least
from solver.formulation.model import Program
from solver.formulation.people import RACK_UNITS
from solver.formulation.problem import Problem
from solver.plan.plan import Load, Move, People, Pool, SystemPurchase, Unserved
from solver.plan.routing import Routing


def sales(program: Program, values: NDArray[np.float64]) -> dict[tuple[Any, ...], dict[int, int]]:
    """(offer, site, epoch bought) -> epoch sold -> systems."""
    found: dict[tuple[Any, ...], dict[int, int]] = {}
    for key, column in program.family("sell"):
        if (count := round(values[column])) > 0:
            found.setdefault(key[1:4], {})[key[4]] = count
    return found


def sold_lines(
    problem: Problem, program: Program, costs: dict[int, float], key: tuple[Any, ...], gone: dict[int, int]
) -> list[SystemPurchase]:
    """A line for each epoch in which systems of a purchase are sold; ``costs`` by column, k$."""
    o, i, e = key[1:]
    offer = problem.offers[o]
    return [
        SystemPurchase(
            system=offer.system,
            name=problem.systems[offer.system].name,
            site=problem.sites[i].name,
            acquisition="buy",
            offer=offer.id,
            epoch=e,
            count=count,
            unit_price_usd=offer.price_usd,
            cost_usd=sum(costs.get(program.index[k], 0.0) for k in (key, ("sell", o, i, e, f))) * 1e3 * count,
            sold_epoch=f,
        )
        for f, count in sorted(gone.items())
    ]


def people(problem: Problem, bought: tuple[SystemPurchase, ...]) -> tuple[People, ...]:
    """People at each site in each epoch."""
    staff, offers = problem.workload.money.staff, {o.id: o for o in problem.offers}
    if staff is None:
        return ()
    found = []
    for site in problem.sites:
        for epoch in problem.epochs:
            here = [
                line
                for line in bought
                if line.site == site.name
                and line.acquisition != "replace"
                and offers[line.offer].on_site
                and problem.alive(offers[line.offer], line.epoch, epoch.index)
                and (line.sold_epoch is None or epoch.index < line.sold_epoch)
            ]
            number = as_written(staff.per_site) if here else Fraction(0)
            for line in here:
                racks = as_written(problem.systems[line.system].rack_units) / RACK_UNITS
                number += line.count * (as_written(staff.per_system) + as_written(staff.per_rack) * racks)
            if number:
                found.append(People(site=site.name, epoch=epoch.index, people=at_least(number)))
    return tuple(found)


def moves(problem: Problem, program: Program, standing: tuple[Pool, ...]) -> tuple[Move, ...]:
    """Systems that each model leaves between epochs, where that has a price."""
    found, standing = [], tuple(p for p in standing if p.mode == "standing")
    for _, model, system, i, e in sorted((k for k, _ in program.family("moved")), key=str):
        site = problem.sites[i].name
        here = [p for p in standing if (p.model, p.system, p.site) == (model, system, site)]
        there = [
            sum((p.replicas * Fraction(p.systems_per_replica) for p in here if p.epoch == epoch), Fraction(0))
            for epoch in (e - 1, e)
        ]
        if there[0] > there[1]:
            found.append(
                Move(
                    model=str(model),
                    system=system,
                    site=site,
                    epoch=e,
                    systems=str(there[0] - there[1]),
                )
            )
    return tuple(found)


def loads(problem: Problem, program: Program, routing: Routing) -> tuple[Load, ...]:
    """Use of the user's own systems in each period, where power depends on it."""
    found = []
    for (_, system, i, t), column in program.family("load"):
        if (amount := routing.traffic.get(column, Fraction(0))) > 0:
            site = problem.sites[i].name
            found.append(Load(system=system, site=site, period=t, systems=float(amount)))
    return tuple(found)


def unserved(problem: Problem, program: Program, routing: Routing) -> tuple[Unserved, ...]:
    """Shares of requests that are not served, where most traffic is sought."""
    found = []
    for (_, k, t), column in program.family("unserved"):
        if (share := routing.traffic.get(column, Fraction(0))) > 0:
            name = problem.services[k].name
            found.append(Unserved(service=name, period=t, share=str(share)))
    return tuple(found)


def served_share(problem: Problem, missing: tuple[Unserved, ...]) -> float:
    """Share of all requests of the horizon that are served."""
    total = sum(p.hours * sum(p.rate_rps) for p in problem.periods)
    lost = 0.0
    for entry in missing:
        period, k = problem.periods[entry.period], problem.service_index(entry.service)
        lost += period.hours * problem.rate(k, period) * float(Fraction(entry.share))
    return 1.0 - lost / total if total > 0 else 1.0
