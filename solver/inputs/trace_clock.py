"""Times of a request log: numbers, Unix times, and wall-clock times with or without a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from solver.inputs.tables import plain_number
from solver.inputs.validation import shorten

#: Seconds of each unit that a number may count.
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
#: Unix times of 2001 to 2286 have ten digits before the unit's.
UNIX_S = (1e9, 1e10)
_TIME = re.compile(r"(.*?)(?:[.,](\d{1,12}))?(Z|[+-]\d{2}:?\d{2})?", re.ASCII | re.IGNORECASE)


class Clock:
    """Seconds from a number or from a wall-clock time with any number of decimals.

    Numbers count ``unit``; where that is empty, the unit in which the first one is a Unix time, or ``usual``.
    Wall-clock times without a zone are taken as UTC.
    """

    def __init__(self, unit: str, usual: str) -> None:
        self.unit, self.usual = unit, usual
        self.scale: float | None = None  # of numbers, once one was seen
        self.absolute = False
        self.second: str | None = None  # the last one parsed
        self.value = 0.0

    def seconds(self, value: Any) -> float:
        """Seconds that a time stands for.

        Raises ValueError where it is none, or of another kind than those before.
        """
        text = str(value).strip()
        number = plain_number(text)
        if number is not None:
            if self.absolute and self.scale is None:
                raise ValueError(f"'{shorten(text)}' is a number among times; write a time")
            return number * self._scale_of(number)
        if self.scale is not None:
            raise ValueError(f"'{shorten(text)}' is not a number as the times before; write one")
        found = _TIME.fullmatch(text)
        whole = found[1] + (found[3] or "") if found else text
        if whole != self.second:
            self.value, self.second = self._parse(whole, text), whole
            self.absolute = True
        return self.value + (float(f"0.{found[2]}") if found and found[2] else 0.0)

    def _scale_of(self, number: float) -> float:
        if self.scale is None:
            unix = next((u for u, s in UNITS.items() if UNIX_S[0] <= number * s < UNIX_S[1]), "")
            self.scale = UNITS[self.unit or unix or self.usual]
            self.absolute = UNIX_S[0] <= number * self.scale < UNIX_S[1]
        return self.scale

    def _parse(self, whole: str, text: str) -> float:
        try:
            time = datetime.fromisoformat(whole)
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            words = f"'{shorten(text)}' is not a time; write 2023-11-16 18:15:46.680, Unix time or seconds"
            raise ValueError(words) from None
