"""Time value of money: what a dollar at a later time is worth at the start.

Rates are yearly and effective: a payment at t years is worth (1 + rate)^-t. Running costs are paid at
the end of each month. Source: any finance text; the closed forms are tested in tests/test_time_value.py.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

MONTHS = 12


def present_value_factor(rate: float, years: float) -> float:
    """Value today of one dollar paid after ``years``: (1 + rate)^-years."""
    return float((1.0 + rate) ** -years)


@lru_cache(maxsize=4096)
def running_factor(rate: float, start_years: float, end_years: float) -> float:
    """Value today of one dollar a year paid at each month's end from ``start_years`` to ``end_years``.

    sum over months m of (1/12) (1 + rate)^-(m / 12); a last partial month counts by its length.
    """
    total, begin = 0.0, start_years
    while begin < end_years - 1e-12:
        end = min(begin + 1.0 / MONTHS, end_years)
        total += (end - begin) * present_value_factor(rate, end)
        begin = end
    return total


@lru_cache(maxsize=64)
def depreciation_shares(schedule: str, years: int) -> tuple[Fraction, ...]:
    """Share of the price written off at the end of each year of service.

    straight-line: 1/years each. declining: twice that of what is left, or the rest in equal parts over the
    remaining years where that is more (200 % declining balance; source: IRS Publication 946, 2024).
    """
    if schedule == "straight-line":
        return (Fraction(1, years),) * years
    left, shares = Fraction(1), []
    for year in range(years):
        shares.append(min(left, max(left * Fraction(2, years), left / (years - year))))
        left -= shares[-1]
    return tuple(shares)
