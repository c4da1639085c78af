"""Months, steps of demand, fiscal years and values by age: small figures to redo on paper."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from test_registry import base, change

from solver.domain.calendar import factor_in_force, span, years_until
from solver.domain.workload import Demand, Horizon, LengthBucket, Money, Service
from solver.finance.cash_flow import first_year
from solver.formulation.families.money import fiscal_years
from solver.verify.facts import OfferFacts
from solver.verify.hours import demand_factor
from solver.verify.payments import value_at


def service(**changes: object) -> Service:
    demand = Demand(rate_rps=(10.0,), growth_per_year=0.5, steps={"2027-07": 2.0, "2028-07": 3.0})
    lengths = (LengthBucket(prompt_tokens=1, output_tokens=1, share=1.0),)
    return Service(name="s", model="m", demand=demand, lengths=lengths, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("years", "words"),
    [(1 / 8766, "one hour"), (36 / 8766, "36 hours"), (10 / 365.25, "10 days"), (1 / 12, "one month"),
     (0.5, "6 months"), (1, "one year"), (2.5, "2.5 years"), (0.123456789, "0.123457 years")],
)  # fmt: skip
def test_lengths_of_time_in_their_own_unit(years: float, words: str) -> None:
    assert span(years) == words


def test_years_between_months() -> None:
    assert years_until("2027-07", "2027-01") == 0.5
    assert years_until("2028", "2027-01") == 1.0  # a year begins in January
    assert years_until("2026-01", "2027-01") == 0.0
    assert years_until("", "2027-01") == 0.0


def test_steps_replace_each_other() -> None:
    steps = {"2027-07": 2.0, "2028-01": 0.5}
    assert [factor_in_force(steps, years, "2027-01") for years in (0, 0.4, 0.5, 0.9, 1, 3)] == [
        1.0, 1.0, 2.0, 2.0, 0.5, 0.5,
    ]  # fmt: skip
    assert factor_in_force(steps, 0.0, "2029-01") == 0.5  # steps before the start are in force


@pytest.mark.parametrize(
    ("years", "factor"),
    [(0.0, 0), (0.25, 1), (0.5, 2), (1.0, 2 * 1.5), (1.5, 3 * 1.5), (2.0, 3 * 2.25), (2.5, 0), (3.0, 0)],
)
def test_demand_over_time(years: float, factor: float) -> None:
    """From April 2027 to June 2029; twice from July 2027, three times from July 2028; + 50 % a full year."""
    asked = service(starts="2027-04", ends="2029-07")
    assert asked.factor_at(years, "2027-01") == pytest.approx(factor)
    assert demand_factor(asked, Fraction(years), "2027-01") == Fraction(factor)
    assert asked.changes("2027-01") == (0.25, 0.5, 1.5, 2.5)


def test_values_by_age_lie_on_a_line_between_full_years() -> None:
    """100 % new, 60 %, 40 % after one and two years, nothing after three."""
    offer = replace(base().offers[0], resale_by_age=(0.6, 0.4))
    facts = OfferFacts("o", "s", "buy", 1.0, resale_by_age=(0.6, 0.4))
    for age, value in (
        (0, 1.0),
        (0.5, 0.8),
        (1, 0.6),
        (1.75, 0.45),
        (2, 0.4),
        (2.5, 0.2),
        (3, 0.0),
        (9, 0.0),
    ):
        assert offer.value_at(age) == pytest.approx(value)
        assert value_at(facts, Fraction(age)) == pytest.approx(Fraction(value))
    assert replace(offer, resale_by_age=(), residual_share=0.1).value_at(2.5) == 0.1


@pytest.mark.parametrize(
    ("start", "first", "ends"),
    [
        ("2027-01", None, [1, 2]),
        ("2027-01", 1, [1, 2]),
        ("2027-01", 4, [0.25, 1.25]),
        ("2027-10", 4, [0.5, 1.5]),
    ],
)
def test_fiscal_years(start: str, first: int | None, ends: list[float]) -> None:
    problem = change(base(), horizon=Horizon(start=start), money=Money(fiscal_year_start=first))
    years = fiscal_years(problem)
    assert [end for _, end in years[:2]] == pytest.approx(ends)
    assert years[0][0] == 0.0
    assert first_year(problem.workload) == pytest.approx(ends[0])
