"""Exact numbers. A number that a user or a catalog wrote is the decimal that was written; a number that
the physics computed is the float itself.

Nothing is rounded after that, with four stated exceptions:

- discount factors are the floats of :mod:`solver.time_value` (powers with real exponents have no exact
  rational value), taken as rationals: the same figures that a spreadsheet shows;
- times per output token are compared with the float next to the promise; times to an end, sums of several
  floats, up to ``ROUNDING``, and so are floats that only name an hour or repeat a figure that is computed
  exactly;
- reported dollars are compared with recomputed ones to the cent;
- moments are compared up to ``INSTANT`` (years): multiples of months and of an epoch's length are floats.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from solver.domain.quantity import as_written
from solver.plan.serialise import rational
from solver.time_value import present_value_factor, running_factor

ROUNDING = Fraction(1, 10**12)
INSTANT = Fraction(1, 10**9)
HALF_CENT = Fraction(1, 200)
INFINITE = float("inf")

share_of = lru_cache(maxsize=1 << 16)(rational)


@lru_cache(maxsize=1 << 16)
def written(value: float) -> Fraction:
    """The decimal as written in a file, as a rational."""
    return as_written(value)


@lru_cache(maxsize=4096)
def worth(rate: Fraction, years: Fraction) -> Fraction:
    """Value today of one dollar paid after ``years``: the float of solver.time_value as a rational."""
    return Fraction(present_value_factor(float(rate), float(years)))


@lru_cache(maxsize=4096)
def annuity(rate: Fraction, start: Fraction, end: Fraction) -> Fraction:
    """Value today of one dollar a year, paid monthly from ``start`` to ``end`` years."""
    return Fraction(running_factor(float(rate), float(start), float(end)))


def exceeds(computed: float, promised: Fraction) -> bool:
    """Whether a computed time is longer than the float next to the promised one (both in the same unit)."""
    return computed > float(promised)


def show(value: Fraction) -> str:
    """A rational for a message: six digits, exact where it is whole."""
    if value.denominator == 1 and abs(value.numerator) < 10**9:
        return str(value.numerator)
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "more than 1e308"
