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


def at_least(value: Fraction) -> float:
    """The nearest float that, as written, is not below ``value``."""
    near = float(value)
    return near if as_written(near) >= value else nextafter(near, inf)
