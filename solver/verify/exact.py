"""Exact numbers, compared without a tolerance.

A number that a user or a catalog wrote is the decimal that was written. A number that the physics computed is
the float itself; a time that it computed and a promise are both the decimals that stand in the plan. A moment
is the simplest rational that its float is the nearest float of: 0.08333333333333333 years are 1/12. A figure
that a plan repeats is the float nearest to the exact one.

Discount factors are the floats of :mod:`solver.time_value` (powers with real exponents have no exact rational
value), taken as rationals: the same figures that a spreadsheet shows.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from solver.domain.quantity import as_written, simplest
from solver.plan.serialise import rational
from solver.time_value import present_value_factor

INFINITE = float("inf")

share_of = lru_cache(maxsize=1 << 16)(rational)


@lru_cache(maxsize=1 << 16)
def written(value: float) -> Fraction:
    """The decimal as written in a file, as a rational."""
    return as_written(value)


@lru_cache(maxsize=1 << 12)
def moment(years: float) -> Fraction:
    """Years or a time per year: the simplest rational whose nearest float is the number."""
    return simplest(years)


def nearest(value: Fraction) -> float:
    """The float nearest to an exact figure; infinite beyond the range of floats."""
    try:
        return float(value)
    except OverflowError:
        return INFINITE


@lru_cache(maxsize=4096)
def worth(rate: Fraction, years: Fraction) -> Fraction:
    """Value today of one dollar paid after ``years``: the float of solver.time_value as a rational."""
    return Fraction(present_value_factor(float(rate), float(years)))


@lru_cache(maxsize=4096)
def annuity(rate: Fraction, start: Fraction, end: Fraction) -> Fraction:
    """Value today of one dollar a year, paid at each month's end from ``start`` to ``end`` years.

    sum over months of length x (value of a dollar at its end); a last partial month counts by its length.
    """
    total, begin = Fraction(0), start
    while begin < end:
        until = min(begin + Fraction(1, 12), end)
        total += (until - begin) * worth(rate, until)
        begin = until
    return total


def dollars(value: Fraction | float) -> str:
    """USD for a message, with all digits of the nearest float: sums that differ look different."""
    try:
        return f"{float(value):,} USD"
    except OverflowError:
        return "more than 1e308 USD"


def show(value: Fraction) -> str:
    """A rational for a message: six digits, exact where it is whole."""
    if value.denominator == 1 and abs(value.numerator) < 10**9:
        return str(value.numerator)
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "more than 1e308"
