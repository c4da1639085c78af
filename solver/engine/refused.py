"""Which two inputs make a coefficient that a solver would drop or drown in, with the lines they stand in."""

from __future__ import annotations

from typing import Any

from solver.domain.workload import LoadedWorkload
from solver.errors import NumericalRefusal
from solver.formulation.build import build_program
from solver.formulation.linking import LINKS
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem


def with_inputs(error: NumericalRefusal, loaded: LoadedWorkload, prepared: Prepared) -> NumericalRefusal:
    """The refusal with the two inputs that are too far apart, as places in the file or catalog names."""
    if error.row is None or prepared.curves is not None:
        return error
    program = build_program(prepared.problem, LINKS)
    if error.row >= len(program.rows):
        return error
    row = program.rows[error.row]
    first = _stated(loaded, prepared, row.statement) or f"the {row.family} of {row.name}"
    key = next((k for k, c in program.index.items() if c == error.column), None)
    second = f"the limit of {error.size:.3g} {row.unit}"
    if key is not None:
        first, second = _pair(loaded, prepared, key, first)
    return NumericalRefusal(f"{error} The two inputs are {first} and {second}.")


def _stated(loaded: LoadedWorkload, prepared: Prepared, statement: str) -> str:
    from solver.engine.infeasible import original_path

    if not statement:
        return ""
    path = original_path(loaded, prepared, statement)
    return f"{path} ({loaded.place(path)})"


def _pair(loaded: LoadedWorkload, prepared: Prepared, key: tuple[Any, ...], first: str) -> tuple[str, str]:
    """The inputs behind a column's coefficient in a row that rests on ``first``."""
    problem = prepared.problem
    kind = str(key[0])
    if kind in ("x", "R", "Q", "w", "z", "y", "u"):
        point = problem.points[key[2 if kind in ("y", "u") else 1]]
        own = next((n for n, p in enumerate(loaded.workload.profiles) if p.id == point.profile), None)
        load = "the load per request of operating point " + repr(point.id)
        if own is not None:
            path = f"profiles.{own}.requests_per_s"
            load = f"{path} ({loaded.place(path)})"
        return _demand(loaded, problem, point.service), load
    if kind in ("a", "v"):
        api = problem.apis[key[1 if kind == "a" else 2]]
        return _demand(loaded, problem, api.service), f"the rate limit or price of {api.id}"
    if kind in ("buy", "hold", "rent", "lot", "renew", "sell"):
        offer = problem.offers[key[1]]
        return first, f"the numbers of {offer.id} (price {offer.price_usd:g} USD, system {offer.system})"
    return first, f"the numbers behind {'_'.join(map(str, key))}"


def _demand(loaded: LoadedWorkload, problem: Problem, name: str) -> str:
    n = next(i for i, s in enumerate(loaded.workload.services) if s.name == name)
    peak = problem.peak_rps(problem.service_index(name))
    path = f"services.{n}.demand"
    changed = [
        p for p, place in loaded.places.items() if p.startswith(path) and place.file.startswith("--set")
    ]
    path = changed[-1] if changed else path
    return f"{path} ({loaded.place(path)}; at most {peak:.4g} requests/s)"
