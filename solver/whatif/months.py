"""Months as people name them: ``July``, ``Q3``, ``2028``, ``2027-07``, ``in 6 months``, ``year 2``."""

from __future__ import annotations

import re

from solver.errors import InputError
from solver.time_value import MONTHS

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_YEAR = r"(?:\s+(?:of\s+)?(?P<year>20\d\d))?"


def month_number(month: str) -> int:
    """Months since the year 0 of ``2027-07``."""
    return int(month[:4]) * MONTHS + int(month[5:7]) - 1


def month_text(number: int) -> str:
    """``2027-07`` of a number of months."""
    return f"{number // MONTHS}-{number % MONTHS + 1:02d}"


def month_of(said: str, start: str) -> str:
    """The month that words mean; without a year the first one that does not lie before ``start``."""
    words = " ".join(said.lower().replace(",", " ").split())
    if re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", words):
        return words
    if re.fullmatch(r"20\d\d", words):
        return f"{words}-01"
    begin = month_number(start)
    later = re.fullmatch(r"(?:in\s+)?(\d{1,3})\s+months?(?:\s+later)?", words)
    if later:
        return month_text(begin + int(later[1]))
    year = re.fullmatch(r"year\s+(\d{1,2})", words)
    if year and int(year[1]):
        return month_text(begin + MONTHS * (int(year[1]) - 1))
    found = re.fullmatch(rf"(?P<word>[a-z]+\s?[1-4]?){_YEAR}", words)
    first = _first_month(found["word"].strip()) if found else None
    if found is None or first is None:
        raise InputError.at(said[:40], 0, "is no month", "write 2027-07, July, Q3 or 2028")
    if found["year"]:
        return f"{found['year']}-{first + 1:02d}"
    return month_text(begin + (first - begin) % MONTHS)


def _first_month(word: str) -> int | None:
    """0 for January; quarters and halves of the year begin with their first month."""
    part = re.fullmatch(r"([qh])\s?([1-4])", word)
    if part:
        number, months = int(part[2]), {"q": 3, "h": 6}[part[1]]
        return (number - 1) * months if number <= MONTHS // months else None
    for names in (_NAMES, _FULL, ("", "", "", "", "", "", "", "", "sept")):
        if word in names:
            return names.index(word)
    return None
