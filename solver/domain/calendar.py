"""Months, and years between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated

from pydantic import Field

#: A month, written as 2027-07.
Month = Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]

INSTANT = 1e-9  # years; multiples of months and of an epoch's length are floats


def years_until(month: str | None, start: str) -> float:
    """Years from ``start`` to ``month``; 0 if there is none or it is earlier. A bare year is its January."""
    if not month:
        return 0.0
    (year, number), (year_0, number_0) = (
        tuple(int(part) for part in (*text.split("-"), "1")[:2]) for text in (month, start)
    )
    return max(0.0, (12 * (year - year_0) + number - number_0) / 12)


def year_words(years: float | Fraction) -> str:
    """When, ``years`` after the start: "year 2" after 1, "month 7 of year 3" after 2.5."""
    months = round(12 * years)
    year = f"year {months // 12 + 1}"
    return f"month {months % 12 + 1} of {year}" if months % 12 else year


def span(years: float) -> str:
    """A length of time: one year, 2.5 years, 6 months, one hour (a year has 365.25 days)."""
    days = 365.25 * years
    for unit, count in (("month", 12 * years), ("day", days), ("hour", 24 * days)):
        if years < 1 and round(count) >= 1 and math.isclose(count, round(count), rel_tol=1e-6):
            return f"one {unit}" if round(count) == 1 else f"{round(count):,} {unit}s"
    return "one year" if years == 1 else f"{years:g} years"


def factor_in_force(steps: Mapping[str, float], years: float, start: str) -> float:
    """The factor of the last step at or before ``years`` from ``start`` (1 before the first)."""
    passed = [month for month in sorted(steps) if years_until(month, start) <= years + INSTANT]
    return steps[passed[-1]] if passed else 1.0
