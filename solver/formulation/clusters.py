"""Services whose hours nothing couples: their like hours may be grouped apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from solver.formulation.build import build_program
from solver.formulation.epochs import Period
from solver.formulation.linking import LINKS
from solver.formulation.problem import Problem

#: Columns of one period, by the first part of their key; the last part is the period.
HOURLY = ("x", "a", "Q", "rent")
#: Whole numbers of one period: fractions in a relaxation at mean hours.
HOURLY_COUNTS = ("Q", "rent", "w", "g")
#: Families whose rows add up over the hours of an epoch: they do not couple services in one hour.
SUMMED = ("endurance", "budget", "budget_opex", "goal")


def service_clusters(problem: Problem) -> tuple[tuple[tuple[int, ...], bool], ...]:
    """Streams of services in clusters: two services are together if a row of one hour holds columns of both.

    With each, whether anything of theirs is paid or written by the hour: tokens, rent or wear.

    Read off the program itself at the hour of all peaks, so that a new family that couples services
    keeps them together.
    """
    hour = Period(0, 0, 1.0, problem.peaks, "peak")
    program = build_program(replace(problem, periods=(hour,), peaks_rps=problem.peaks), LINKS)
    parent: dict[object, object] = {}

    def find(node: object) -> object:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    owners: dict[int, object] = {}
    priced: set[object] = set()
    for key, column in program.index.items():
        if key[0] in HOURLY:
            owners[column] = _owner(problem, key)
            find(owners[column])
    for row in program.rows:
        if row.family in SUMMED:
            continue
        together = [owners[c] for c, _ in row.terms if c in owners]
        for other in together[1:]:
            parent[find(other)] = find(together[0])
    for key, column in program.index.items():
        if key[0] in HOURLY and (key[0] != "x" or key[3] == "e"):
            priced.add(find(owners[column]))
    for row in program.rows:
        if row.family in SUMMED:
            priced |= {find(owners[c]) for c, _ in row.terms if c in owners}
    sets: dict[object, list[int]] = {}
    for k in range(len(problem.services)):
        sets.setdefault(find(("service", k)), []).append(k)
    return tuple(
        (tuple(s for k in group for s in problem.streams_of[k]), root in priced)
        for root, group in sets.items()
    )


def _owner(problem: Problem, key: tuple[Any, ...]) -> object:
    """What a column of an hour stands for: its service, or the rented systems themselves."""
    if key[0] in ("x", "Q"):
        return ("service", problem.service_index(problem.points[key[1]].service))
    if key[0] == "a":
        return ("service", problem.service_index(problem.apis[key[1]].service))
    return key
