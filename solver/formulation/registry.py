"""The list of constraint families and cost terms: the one place that knows them all.

A family is a function (problem, program) -> None that adds its rows; a cost term adds k$ to columns.
tests/test_registry.py fails until each entry has a check in solver.verify, a section in
docs/formulation.md and an instance in which it binds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from solver.formulation.model import Program
from solver.formulation.problem import Problem

Adder = Callable[[Problem, Program], None]


@dataclass(frozen=True)
class Entry:
    """A family or cost term: its name, its formula in words, and the function that adds it."""

    name: str
    formula: str
    add: Adder
    reads_payments: bool = False  # a cost term that comes after all others


FAMILIES: dict[str, Entry] = {}
COSTS: dict[str, Entry] = {}


def family(name: str, formula: str) -> Callable[[Adder], Adder]:
    """Register a constraint family under ``name``."""

    def register(add: Adder) -> Adder:
        FAMILIES[name] = Entry(name, formula, add)
        return add

    return register


def cost_term(name: str, formula: str, reads_payments: bool = False) -> Callable[[Adder], Adder]:
    """Register a cost term under ``name``; one that ``reads_payments`` of the others is added after them."""

    def register(add: Adder) -> Adder:
        COSTS[name] = Entry(name, formula, add, reads_payments)
        return add

    return register


def costs_in_order() -> list[Entry]:
    """The cost terms in the order in which they are added, whichever module was imported first."""
    return sorted(COSTS.values(), key=lambda entry: entry.reads_payments)
