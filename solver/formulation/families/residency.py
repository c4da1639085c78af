"""The family about where data may be served."""

from __future__ import annotations

from collections.abc import Iterator

from solver.domain.places import Residency
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family


@family(
    "residency",
    "sum_{p, i not permitted, m} x[p,i,m,b,t] + sum_{j not permitted} a[j,b,t] <= 0, b of region g",
)
def residency(problem: Problem, program: Program) -> None:
    """No request is served where its data may not be, for each statement, service k and period t.

    sum over b of the statement's region, p, m and sites i that it does not permit, x[p,i,m,b,t]
    + the same over APIs j that it does not permit, a[j,b,t] <= 0.
    A site is permitted by name or by its jurisdiction, an API by its provider or id or by the jurisdiction
    stated for it, in every statement that concerns the request: that of its service and that of its region.
    The menu leaves out points and APIs that could serve nothing here, so that rows remain only where a
    point serves several regions.
    """
    if not any(s.residency for s in problem.services) and not any(
        r.residency for r in problem.workload.regions
    ):
        return
    terms: dict[tuple[str, int, int], dict[int, float]] = {}
    words: dict[tuple[str, int], str] = {}

    def forbid(k: int, g: int, t: int, column: int, site: int | None, api: tuple[str, str]) -> None:
        for path, sentence in forbidding(problem, k, g, site, api):
            terms.setdefault((path, k, t), {})[column] = 1.0
            words[path, k] = sentence

    for (_, p, i, _mode, g, t), column in program.family("x"):
        k = problem.service_index(problem.points[p].service)
        forbid(k, g, t, column, i, ("", ""))
    for (_, j, g, t), column in program.family("a"):
        api = problem.apis[j]
        k = problem.service_index(api.service)
        forbid(k, g, t, column, None, (api.api, api.provider))
    for (path, k, t), row in terms.items():
        program.row(
            f"residency[{path},{problem.services[k].name},{problem.periods[t].label}]",
            "residency",
            row,
            "<=",
            0.0,
            unit="peaks of the service",
            statement=path,
            sentence=words[path, k],
        )


def forbidding(
    problem: Problem, k: int, g: int, site: int | None, api: tuple[str, str]
) -> Iterator[tuple[str, str]]:
    """(path, sentence) of the statements that forbid serving class g of service k at a site, or (None) by an
    API, given by its id and provider."""
    service = problem.services[k]
    region = service.lengths[problem.classes[k][g][0]].region
    for path, statement in problem.workload.residencies(service, region).items():
        law = problem.workload.stated_api(*api).jurisdiction
        open_to = (
            statement.permits_api(*api, law) if site is None else statement.permits_site(problem.sites[site])
        )
        if not open_to:
            whose = f"requests from {region}" if path.startswith("regions") else "its requests"
            yield path, f"{service.name}: {whose} are served {_where(statement)} only"


def _where(statement: Residency) -> str:
    names = [f"under {name}" for name in statement.jurisdictions]
    names += [f"at {name}" for name in statement.sites] + [f"by {name}" for name in statement.apis]
    return " or ".join(names)
