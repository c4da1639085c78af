"""Whether enough of many systems are up, decided in bounds that close: no tolerance, and no giant numbers.

Both bounds are decimals of so many digits, each operation rounded down or up (libmpdec rounds exactly).
"""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

DIGITS = (30, 120)  # of the bounds; where the second leave it open, whole numbers decide
#: Terms x digits of the whole numbers that are worked out.
MOST_EXACT = 10**7
ONE = Decimal(1)
TINY = Decimal("1e-1000")  # below it a lower bound is 0: no promise is as small


def terms_of(count: int, needed: int) -> int:
    """Terms of the shorter sum: of the states with enough systems up, or of those with too few."""
    return max(0, min(count - needed + 1, needed))


def least_and_most(count: int, needed: int, up: Fraction, digits: int) -> tuple[Fraction, Fraction]:
    """Bounds of P(at least ``needed`` of ``count`` independent systems are up), 0 < up < 1."""
    if needed <= 0 or needed > count:
        return (Fraction(needed <= 0),) * 2
    if count - needed < needed:
        return _at_most(count, count - needed, 1 - up, digits)
    low, high = _at_most(count, needed - 1, up, digits)
    return 1 - high, 1 - low


def _at_most(count: int, most: int, chance: Fraction, digits: int) -> tuple[Fraction, Fraction]:
    """Bounds of P(Binomial(count, chance) <= most) = sum_{k <= most} C(count, k) p^k (1 - p)^(count - k)."""
    found = []
    for rounding in (ROUND_FLOOR, ROUND_CEILING):
        to = Context(prec=digits, rounding=rounding, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
        odds = to.divide(Decimal(chance.numerator), Decimal(chance.denominator - chance.numerator))
        term = total = _power(
            to, to.divide(Decimal(chance.denominator - chance.numerator), Decimal(chance.denominator)), count
        )
        for k in range(most):
            term = to.divide(to.multiply(to.multiply(term, odds), Decimal(count - k)), Decimal(k + 1))
            total = to.add(total, term)
        found.append(total)
    low, high = found
    return Fraction(low if low > TINY else 0), Fraction(min(max(high, TINY), ONE))


def _power(to: Context, base: Decimal, exponent: int) -> Decimal:
    """A power by squares, each product rounded as the context says."""
    power = ONE
    for bit in f"{exponent:b}":
        power = to.multiply(power, power)
        if bit == "1":
            power = to.multiply(power, base)
    return power


def enough(count: int, needed: int, up: Fraction) -> Fraction:
    """Probability that at least ``needed`` of ``count`` independent systems are up, in whole numbers."""
    if needed <= 0 or needed > count:
        return Fraction(needed <= 0)
    a, b = up.numerator, up.denominator - up.numerator
    term = total = a**count
    for down in range(count - needed):
        term = term * (count - down) * b // ((down + 1) * a)
        total += term
    return Fraction(total, up.denominator**count)


def missing(count: int, needed: int, up: Fraction, promised: Fraction) -> Fraction | None:
    """0 if enough systems are up a share ``promised`` of the time, or a figure that it is below at least.

    None where it cannot be told: closer than 120 digits, of numbers too large to be worked out.
    """
    for digits in DIGITS:
        least, most = least_and_most(count, needed, up, digits)
        if least >= promised:
            return Fraction(0)
        if most < promised:
            return promised - most
    if count * (count - needed) * up.denominator.bit_length() > MOST_EXACT:
        return None
    return max(promised - enough(count, needed, up), Fraction(0))
