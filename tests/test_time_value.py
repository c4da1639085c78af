"""Time value of money against closed forms and a pencil."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from solver.time_value import present_value_factor, running_factor

RATES = st.floats(0.0, 0.5)
YEARS = st.integers(1, 30)


def test_present_value_on_paper() -> None:
    """10 % a year: a dollar in one year is worth 1/1.1, in two 1/1.21, now 1; without a rate always 1."""
    assert present_value_factor(0.1, 0) == 1
    assert present_value_factor(0.1, 1) == pytest.approx(1 / 1.1, rel=1e-15)
    assert present_value_factor(0.1, 2) == pytest.approx(1 / 1.21, rel=1e-15)
    assert present_value_factor(0.0, 17.3) == 1


def test_a_negative_rate_makes_later_dollars_dearer() -> None:
    assert present_value_factor(-0.5, 1) == 2


def test_quarter_of_a_year_on_paper() -> None:
    """12.68250301 % a year is 1 % a month: three payments of 1/12 at the ends of months 1, 2 and 3."""
    rate = 1.01**12 - 1
    expected = (1 / 1.01 + 1 / 1.01**2 + 1 / 1.01**3) / 12
    assert running_factor(rate, 0, 0.25) == pytest.approx(expected, rel=1e-12)


@given(RATES.filter(lambda r: r > 1e-3), YEARS)
def test_annuity_in_closed_form(rate: float, years: int) -> None:
    """sum over n months of (1/12) q^m, q = (1 + rate)^(-1/12), is (1/12) q (1 - q^n) / (1 - q)."""
    q, n = (1 + rate) ** (-1 / 12), 12 * years
    assert running_factor(rate, 0, years) == pytest.approx(q * (1 - q**n) / (1 - q) / 12, rel=1e-9)


@given(st.integers(1, 360))
def test_without_a_rate_it_is_the_length(months: int) -> None:
    assert running_factor(0.0, 0, months / 12) == pytest.approx(float(Fraction(months, 12)), rel=1e-12)


@given(RATES, YEARS, st.integers(1, 10))
def test_stretches_add_up(rate: float, years: int, more: int) -> None:
    whole = running_factor(rate, 0, years + more)
    assert whole == pytest.approx(
        running_factor(rate, 0, years) + running_factor(rate, years, years + more), rel=1e-12
    )


@given(RATES, YEARS, st.integers(1, 10))
def test_a_later_stretch_is_the_first_discounted(rate: float, years: int, start: int) -> None:
    later = running_factor(rate, start, start + years)
    assert later == pytest.approx(
        running_factor(rate, 0, years) * present_value_factor(rate, start), rel=1e-12
    )


@given(RATES, st.floats(0.01, 30), st.floats(0, 5))
def test_longer_is_never_less_and_a_rate_never_more(rate: float, years: float, more: float) -> None:
    short, long = running_factor(rate, 0, years), running_factor(rate, 0, years + more)
    assert short <= long * (1 + 1e-12)
    assert short <= years * (1 + 1e-12)


def test_a_last_partial_month_counts_by_its_length() -> None:
    assert running_factor(0.0, 0, 1.5 / 12) == pytest.approx(1.5 / 12, rel=1e-12)


def test_nothing_runs_in_no_time() -> None:
    assert running_factor(0.1, 2, 2) == 0
    assert running_factor(0.1, 2, 1) == 0


@given(st.decimals(0, 1, places=4), st.integers(0, 360))
@example(rate=Decimal("1"), months=360)
def test_a_factor_lies_enclosed_around_the_real_power(rate: Decimal, months: int) -> None:
    """f is near (1 + r)^-(m / 12): (1 -+ 2^-46) f, to the twelfth, lie on both sides of (1 + r)^-m.

    In rationals, so that nothing is rounded in the comparison.
    """
    exact = 1 / (1 + Fraction(rate)) ** months
    factor = Fraction(present_value_factor(float(rate), float(Fraction(months, 12))))
    width = Fraction(1, 2**46)
    assert (factor * (1 - width)) ** 12 < exact < (factor * (1 + width)) ** 12
