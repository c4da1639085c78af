"""Why no fleet can do it: a minimal set of the user's own statements, with places and amounts.

Screening first: a service that no configuration can serve is explained by the best value reached. Then
the program: statements are dropped one at a time (deletion filter) until every one left is needed.
"""

from __future__ import annotations

from dataclasses import replace

from solver.backend.highs import HighsModel
from solver.domain.workload import LoadedWorkload, Service
from solver.errors import InfeasibleError
from solver.formulation.build import build_program
from solver.formulation.linking import LINKS
from solver.formulation.model import Program, Row
from solver.formulation.prepare import Prepared
from solver.operating_points.point import Screened

TIME_LIMIT_S = 20.0
CATALOG = "catalog: "  # begins the name of a limit that no user stated


def explain_screening(loaded: LoadedWorkload, prepared: Prepared) -> None:
    """Raise InfeasibleError if a service has no way to be served at all."""
    served = {p.service for p in prepared.menu.points} | {a.service for a in prepared.menu.apis}
    reasons = [
        _service_reason(loaded, prepared, service)
        for service in prepared.problem.services
        if service.name not in served
    ]
    reasons = reasons or _lengths_out_of_reach(loaded, prepared)
    if reasons and prepared.relaxed is not None:
        explain_screening(loaded, prepared.relaxed())  # something else is in the way
        explain_program(loaded, prepared)  # data residency is
    if reasons:
        raise InfeasibleError("no fleet can serve this workload:\n" + "\n".join(reasons), tuple(reasons))


def _lengths_out_of_reach(loaded: LoadedWorkload, prepared: Prepared) -> list[str]:
    """Length classes that nothing on the menu can hold, with the longest request of each."""
    problem, found = prepared.problem, []
    for k, service in enumerate(problem.services):
        ways = [p.serves for p in problem.points if p.service == service.name]
        ways += [a.serves for a in problem.apis if a.service == service.name]
        for group in problem.classes[k]:
            if not any(all(serves[b] for b in group) for serves in ways):
                longest = max(service.lengths[b].prompt_max + service.lengths[b].output_max for b in group)
                index = next(n for n, s in enumerate(loaded.workload.services) if s.name == service.name)
                found.append(
                    f"{loaded.place(f'services.{index}.lengths')}: requests of {service.name!r} with up to "
                    f"{longest:,.0f} tokens fit nothing in the catalog that keeps its promises: the context "
                    f"of {service.model} or the KV memory beside its weights is too short "
                    "(of lengths given as quantiles this is the tail: p100 ends it sooner)"
                )
    return found


def _service_reason(loaded: LoadedWorkload, prepared: Prepared, service: Service) -> str:
    index = next(n for n, s in enumerate(loaded.workload.services) if s.name == service.name)
    candidates = [s for s in prepared.menu.screened if s.service == service.name]
    speeds = [s for s in candidates if s.reached is not None]
    levels = service.levels
    if levels.tpot_ms is not None and speeds:
        best = max(speeds, key=lambda s: s.reached or 0.0)
        wanted = 1e3 / levels.tpot_ms
        if (best.reached or 0.0) < wanted:
            place = loaded.place(f"services.{index}.levels.tpot_ms")
            return (
                f"{place}: no system in the catalog reaches {wanted:,.4g} tok/s per user for "
                f"{service.model} ({', '.join(service.precisions)}); the best is {best.reached:,.4g} on "
                f"{best.system} ({best.configuration}), {wanted - (best.reached or 0):,.4g} too few"
            )
    place = loaded.place(f"services.{index}")
    shown = "; ".join(f"{s.system} ({s.configuration}): {s.reason}" for s in _one_per_system(candidates)[:6])
    return f"{place}: nothing in the catalog can serve {service.name!r}: {shown or 'no system is allowed'}"


def _one_per_system(candidates: list[Screened]) -> list[Screened]:
    seen: dict[str, Screened] = {}
    for candidate in candidates:
        seen.setdefault(candidate.system, candidate)
    return list(seen.values())


def explain_program(loaded: LoadedWorkload, prepared: Prepared) -> None:
    """Raise InfeasibleError with a minimal set of statements and the amount missing in one of them."""
    prepared = prepared.relaxed() if prepared.relaxed is not None else prepared
    program = with_catalog_limits(build_program(prepared.problem, LINKS))
    statements = sorted({row.statement for row in program.rows if row.statement})
    core = list(statements)
    for statement in statements:
        if not _feasible(_without(program, set(statements) - set(core) | {statement})):
            core.remove(statement)
    sentences = [_sentence(loaded, prepared, program, statement) for statement in core]
    amount = _missing(loaded, program, set(statements) - set(core), core)
    text = "these statements cannot hold together:\n" + "\n".join(sentences)
    raise InfeasibleError(text + (f"\n{amount}" if amount else ""), tuple(sentences))


def with_catalog_limits(program: Program) -> Program:
    """The program with limits of the catalogs as statements too: supply and endurance."""
    rows = [
        row._replace(statement=f"{CATALOG}{row.sentence}")
        if row.family in ("supply", "endurance") and not row.statement
        else row
        for row in program.rows
    ]
    return replace(program, rows=rows)


def _without(program: Program, dropped: set[str]) -> Program:
    return replace(program, rows=[row for row in program.rows if row.statement not in dropped])


def _feasible(program: Program) -> bool:
    return HighsModel(program, {}).solve(gap=1.0, time_limit_s=TIME_LIMIT_S).values is not None


def _sentence(loaded: LoadedWorkload, prepared: Prepared, program: Program, statement: str) -> str:
    rows = [row for row in program.rows if row.statement == statement]
    path = original_path(loaded, prepared, statement)
    words = (
        rows[0].sentence
        if rows[0].family != "demand"
        else (f"{rows[0].sentence.split(':')[0]}: all requests are served")
    )
    return f"  {'the catalog' if path.startswith(CATALOG) else loaded.place(path)}: {words}"


def original_path(loaded: LoadedWorkload, prepared: Prepared, statement: str) -> str:
    """Services and sites are sorted for the program; find them again in the order of the file."""
    parts = statement.split(".")
    names: dict[str, tuple[list[str], list[str]]] = {
        "services": ([s.name for s in prepared.problem.services], [s.name for s in loaded.workload.services]),
        "sites": ([s.name for s in prepared.problem.sites], [s.name for s in loaded.workload.sites]),
    }
    if parts[0] in names and len(parts) > 1:
        ordered, stated = names[parts[0]]
        parts[1] = str(stated.index(ordered[int(parts[1])]))
    return ".".join(parts)


def _missing(loaded: LoadedWorkload, program: Program, dropped: set[str], core: list[str]) -> str:
    """How much one of the statements must give way: the least violation of its rows."""
    limits = [s for s in core if not s.endswith(".demand")] or core
    statement = min(limits, key=lambda s: (s.startswith(CATALOG), s.endswith(".residency")))
    relaxed = _without(program, dropped)
    elastic = replace(relaxed, columns=list(relaxed.columns), index=dict(relaxed.index))
    excess = elastic.add(("excess",))
    mine = [row for row in relaxed.rows if row.statement == statement]
    mine = [row for row in mine if row.sense == "=="] or mine  # what must be served, where that is stated
    names = {row.name for row in mine}
    rows: list[Row] = []
    for row in relaxed.rows:
        if row.name in names:
            sign = {"<=": -1.0, ">=": 1.0, "==": 1.0}[row.sense]
            row = row._replace(terms=(*row.terms, (excess, sign)))
        rows.append(row)
    outcome = HighsModel(replace(elastic, rows=rows), {excess: 1.0}).solve(1e-3, TIME_LIMIT_S)
    if outcome.values is None:
        return ""
    row = mine[0]
    return (
        f"  missing: {outcome.values[excess]:,.4g} {row.unit} in {statement} "
        f"(stated: {row.rhs:,.4g} {row.unit})"
    )
