"""Numbers as people read them: money, tokens, shares, hours."""

from __future__ import annotations

import math
import re

#: Shares below this are the rounding of floats.
ROUNDING = 1e-12
_MONEY = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


def usd(value: float) -> str:
    """Dollars with three significant digits: $1.23M, $515k, $12.30, $0.0042."""
    sign, amount = ("-" if value < 0 else ""), abs(value)
    if amount == 0:
        return "$0"
    for scale, letter in _MONEY:
        if amount >= scale * 0.9995:
            return f"{sign}${_three(amount / scale)}{letter}"
    return f"{sign}${amount:.0f}" if amount >= 99.95 else f"{sign}${price(amount)}"


def usd_tick(value: float) -> str:
    """Dollars on an axis, where the values are round: $20M, $2.5k."""
    return re.sub(r"\.0+(?=[BMk]?$)", "", usd(value))


def number_tick(value: float) -> str:
    """A number on an axis: millions and more are short (10M, 2B), so that they fit beside it."""
    for size, letter in ((1e9, "B"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return number(value)


def price(value: float) -> str:
    """A price without its currency: 1,234 or 12.30 or 0.0042."""
    if abs(value) >= 999.995:
        return f"{value:,.0f}"
    if abs(value) >= 0.995 or value == 0:
        return f"{value:.2f}"
    short = f"{value:.3g}"
    return f"{value:.2f}" if float(short) == round(value, 2) else short


def dollars(value: float) -> str:
    """Dollars for a table: whole from 1,000 on, cents below, three digits below one."""
    return f"{'-' if value < 0 else ''}${price(abs(value))}"


def percent(share: float, signed: bool = False) -> str:
    """A share as per cent with as many digits as it needs: 12 %, 3.4 %, 99.97 %, 0.02 %.

    Below 0.001 % it is "under 0.001 %"; a signed one is a difference, and then "equal".
    """
    value = share * 100 if abs(share) >= ROUNDING else 0.0
    if 0 < abs(value) < 1e-3:
        return "equal" if signed else "under 0.001 %"
    text = f"{value:.3g}" if abs(value) < 1 else f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"
    if 99 <= value < 100:
        digits = 10 if value < 99.9 else 100
        text = f"{math.floor(value * digits) / digits:g}"
    return f"{'+' if signed and value > 0 else ''}{text} %"


def number(value: float) -> str:
    """A number with about three significant digits and thousands separators."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 1e-4:
        return f"{value:.3g}"
    return f"{value:.2e}"


def counted(count: int, noun: str) -> str:
    """A count with its noun: 1 hour, 3 hours."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(parts: list[str], word: str = "and") -> str:
    """Parts as an English list: a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}" if parts else ""


def _three(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
