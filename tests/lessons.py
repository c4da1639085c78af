"""Plans and menus of the shipped workloads, each worked out once for a set of changes."""

from __future__ import annotations

from functools import cache

from solver.domain.workload import LoadedWorkload
from solver.engine.solve import Request, solve
from solver.formulation.prepare import Prepared, prepare
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.inputs.workload import apply_overrides, load_workload
from solver.paths import find_workload
from solver.performance.calibration import load_calibration
from solver.plan.plan import Plan


def loaded(lesson: str, *changes: str) -> LoadedWorkload:
    """The workload with changes, as ``--set`` makes them."""
    return apply_overrides(load_workload(find_workload(lesson)), changes)


@cache
def plan_of(lesson: str, *changes: str, compare: bool = False) -> Plan:
    """The plan of a lesson."""
    return solve(loaded(lesson, *changes), load_catalog(), load_calibration(), Request(compare=compare))


@cache
def menu(lesson: str, *changes: str, prune: bool = True) -> Prepared:
    """The problem of a lesson with all its operating points; ``prune``: without the dominated ones."""
    workload = resolve_references(loaded(lesson, *changes), load_catalog()).workload
    return prepare(workload, load_catalog(), load_calibration(), prune=prune)
