"""Assemble the program: variables, cost terms, then every registered family in order."""

from __future__ import annotations

from solver.formulation import costs, families, linking, people, spare_links, taxes
from solver.formulation.collection import uncollected
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import FAMILIES, costs_in_order
from solver.formulation.variables import add_variables

__all__ = ["build_program", "costs", "families", "people", "taxes"]


@uncollected
def build_program(problem: Problem, without: frozenset[str] = frozenset()) -> Program:
    """The whole program of a problem; ``without`` leaves out families or cost terms (tests, relaxations).

    Rows that follow from the families (solver.formulation.linking) stand in the whole program alone.
    """
    program = Program()
    add_variables(problem, program)
    for entry in costs_in_order():
        if entry.name not in without:
            entry.add(problem, program)
    for name, entry in FAMILIES.items():
        if name not in without:
            entry.add(problem, program)
    if not without:  # what follows from all families
        linking.add_links(problem, program)
        spare_links.add_spare_links(problem, program)
    return program
