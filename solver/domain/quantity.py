"""A number that says where it comes from."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

Evidence = Literal["measured", "datasheet", "vendor claim", "derived", "assumed"]


class Frozen(BaseModel):
    """Base of all domain values: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Quantity(Frozen):
    """A catalog value with unit, source, date and evidence; ``low``/``high`` bound it where uncertain."""

    value: float
    unit: str
    source: str
    date: str
    evidence: Evidence
    low: float | None = None
    high: float | None = None
    note: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Quantity:
        if self.low is not None and self.low > self.value:
            raise ValueError(f"low {self.low:g} is above value {self.value:g}; write low <= value <= high")
        if self.high is not None and self.high < self.value:
            raise ValueError(f"high {self.high:g} is below value {self.value:g}; write low <= value <= high")
        return self

    @property
    def exact(self) -> Fraction:
        """The number as written, as a rational."""
        return as_written(self.value)


def as_written(value: float) -> Fraction:
    """The rational of the shortest decimal that reads back as ``value`` (the number in the file)."""
    return Fraction(repr(float(value)))


def simplest(value: float) -> Fraction:
    """The rational with the least denominator among those whose nearest float is ``value``.

    Months and parts of years are such rationals: 0.08333333333333333 is 1/12, 2.5 is 5/2.
    """
    found = _least_denominator(*rounding_to(value))
    return found if float(found) == value else Fraction(value)


def rounding_to(value: float) -> tuple[Fraction, Fraction]:
    """The ends of the range of numbers whose nearest float is ``value``."""
    exact = Fraction(value)
    return (exact + Fraction(nextafter(value, -inf))) / 2, (exact + Fraction(nextafter(value, inf))) / 2


def _least_denominator(low: Fraction, high: Fraction) -> Fraction:
    """The rational of least denominator in [low, high] (continued fractions)."""
    if low <= 0 <= high:
        return Fraction(0)
    if high < 0:
        return -_least_denominator(-high, -low)
    whole = low.numerator // low.denominator
    if whole == low:
        return low
    if whole + 1 <= high:
        return Fraction(whole + 1)
    return whole + 1 / _least_denominator(1 / (high - whole), 1 / (low - whole))


def at_most(value: Fraction) -> float:
    """The nearest float that, as written, is not above ``value``."""
    near = float(value)
    return near if as_written(near) <= value else nextafter(near, -inf)


def at_least(value: Fraction) -> float:
    """The nearest float that, as written, is not below ``value``."""
    near = float(value)
    return near if as_written(near) >= value else nextafter(near, inf)
