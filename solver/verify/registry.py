"""The list of checks. Each constraint family and cost term of the program has one of the same name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from solver.verify.case import Case


class Broken(NamedTuple):
    """A statement that does not hold, and by how much."""

    message: str
    amount: Fraction = Fraction(1)


Function = Callable[[Case], Iterator[Broken]]


@dataclass(frozen=True)
class Check:
    """A check: its name, its statement as a formula, and the function that yields what is broken.

    The plan is well formed when a check runs, unless the check is ``first``: then it looks at whether
    the plan is well formed, and the others run only if it is.
    """

    name: str
    statement: str
    find: Function
    first: bool = False


CHECKS: dict[str, Check] = {}


def check(name: str, statement: str, first: bool = False) -> Callable[[Function], Function]:
    """Register a check under ``name``."""

    def register(function: Function) -> Function:
        """Keep the function as the check of that name."""
        CHECKS[name] = Check(name, statement, function, first)
        return function

    return register
