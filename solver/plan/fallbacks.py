"""The routes that a plan keeps for the loss of a site."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from solver.formulation.limits import traffic
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.plan.plan import Fallback
from solver.plan.routing import Routing


def fallbacks(problem: Problem, program: Program, routing: Routing) -> tuple[Fallback, ...]:
    """Exact shares of what must still be served after the loss of each site."""
    found: list[Fallback] = []

    def add(service: str, column: int, when: tuple[Any, ...], place: tuple[str, str, str]) -> None:
        """Keep what a column carries ``when`` a site is lost (site, class, period) at a ``place``
        (target, site, mode)."""
        lost, g, t = when
        amount, k = routing.traffic.get(column, Fraction(0)), problem.service_index(service)
        if amount <= 0:
            return
        part = problem.workload.share_after_loss(problem.services[k])
        whole = Fraction(part * traffic(problem, k, g, t))
        target, site, mode = place
        for b in problem.classes[k][g]:
            found.append(
                Fallback(
                    lost_site=problem.sites[lost].name,
                    service=service,
                    bucket=b,
                    period=t,
                    target=target,
                    site=site,
                    mode=mode,
                    share=str(amount / whole),
                )
            )

    for prefix, mode in (("y", "standing"), ("u", "elastic")):
        for (_, lost, p, i, g, t), column in program.family(prefix):
            point, site = problem.points[p], problem.sites[i].name
            add(point.service, column, (lost, g, t), (point.id, site, mode))
    for (_, lost, j, g, t), column in program.family("v"):
        api = problem.apis[j]
        add(api.service, column, (lost, g, t), (api.id, "", "api"))
    return tuple(sorted(found, key=lambda f: (f.lost_site, f.service, f.period, f.bucket, f.target, f.site)))
