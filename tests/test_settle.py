"""Figures that a plan repeats: the floats nearest to the exact ones, compared bit for bit."""

from __future__ import annotations

import json
from fractions import Fraction
from math import inf, nextafter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verify_fixture import Asked, asked, complete_plan

from solver.domain.quantity import as_written, at_least, at_most, rounding_to, simplest
from solver.plan.serialise import load_plan, plan_json
from solver.verify.case import Case
from solver.verify.from_plan import verify_plan
from solver.verify.settle import least_gap, settled


def case(a: Asked) -> Case:
    return Case(a.workload, a.offers, a.systems, a.points, a.apis, a.plan)


def up(value: float, steps: int = 1) -> float:
    for _ in range(steps):
        value = nextafter(value, inf)
    return value


def test_the_simplest_rational_of_a_float_on_paper() -> None:
    """1/12 and 7/12 as floats, a decimal, a whole number; a float that is no simple number is itself."""
    assert simplest(1 / 12) == Fraction(1, 12)
    assert simplest(7 / 12) == Fraction(7, 12)
    assert simplest(2.1) == Fraction(21, 10)
    assert simplest(-0.3) == Fraction(-3, 10)
    assert (simplest(3.0), simplest(0.0)) == (3, 0)
    assert simplest(1 / 12 + 1 / 12 + 1 / 12 + 1 / 12 + 1 / 12) != Fraction(5, 12)  # a sum of floats: rounded


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_rationals_survive_as_floats(p: int, q: int) -> None:
    """Up to a million over a million: two such rationals differ by 1e-12 and more, floats keep them apart."""
    assert simplest(p / q) == Fraction(p, q)


@given(st.floats(1e-300, 1e300))
def test_the_simplest_rational_reads_back_as_the_float(value: float) -> None:
    found = simplest(value)
    low, high = rounding_to(value)
    assert float(found) == value
    assert low <= found <= high
    assert found.denominator <= Fraction(value).denominator


@given(st.fractions(Fraction(1, 10**6), Fraction(10**6)))
def test_floats_beside_a_rational(value: Fraction) -> None:
    assert as_written(at_most(value)) <= value <= as_written(at_least(value))
    assert as_written(up(at_most(value), 2)) > value


def test_gaps_are_rounded_up_on_paper() -> None:
    """3 of 10 short of 10: 0.3 as a float is below 3/10, so the next one."""
    assert least_gap(10.0, 7.0) == up(0.3)
    assert Fraction(0.3) < Fraction(3, 10) <= Fraction(up(0.3))
    assert (least_gap(10.0, 10.0), least_gap(0.0, 0.0), least_gap(10.0, 11.0)) == (0.0, 0.0, 0.0)


def test_the_fixture_is_settled_already() -> None:
    assert settled(case(asked())) == asked().plan


@pytest.mark.parametrize(
    ("check", "changed"),
    [
        ("objective", lambda a: a.with_plan(objective_usd=up(a.plan.objective_usd), bound_usd=1.0, gap=1.0)),
        ("objective", lambda a: a.with_item("systems", lambda s: s.system == "nvm" and s.epoch == 0,
                                            cost_usd=up(a.plan.systems[1].cost_usd, 3))),
        ("energy", lambda a: a.with_item("costs", lambda c: c.term == "energy", usd=up(25246.08))),
        ("rental", lambda a: a.with_item("systems", lambda s: s.acquisition == "rent", hours=up(8766.0))),
        ("bound", lambda a: a.with_plan(bound_usd=up(a.plan.objective_usd))),
        ("bound", lambda a: a.with_plan(bound_usd=nextafter(a.plan.objective_usd, 0.0))),
        ("served", lambda a: a.with_plan(served_share=nextafter(1.0, 0.0))),
    ],
)  # fmt: skip
def test_a_figure_wrong_in_its_last_bit(check: str, changed: object) -> None:
    """The check rejects it; written anew, the plan is as it was (but for the gap that a bound asks)."""
    assert callable(changed)
    wrong: Asked = changed(asked())
    assert wrong.failing() == {check}
    again = wrong.with_plan(**dict(settled(case(wrong))))
    assert again.failing() == set()
    assert again.plan.objective_usd == asked().plan.objective_usd
    assert again.plan.costs == asked().plan.costs


def test_rates_and_durations_are_written_anew() -> None:
    """A rate and a duration of the busiest period, one bit off, name no hour: its demand is not served."""
    a = asked()
    periods = [dict(p) for p in a.plan.periods]
    periods[3]["rate_rps"] = [periods[3]["rate_rps"][0], nextafter(periods[3]["rate_rps"][1], 0.0)]
    periods[2]["hours"] = up(periods[2]["hours"])
    wrong = a.with_plan(periods=tuple(periods))
    assert "hours" in wrong.failing()
    assert settled(case(wrong)) == a.plan


def test_a_figure_that_does_not_agree_stays() -> None:
    """A cent off, or a rate off by a millionth: not rounding, so the check is left to reject it."""
    dear = asked().with_plan(objective_usd=43290.63, bound_usd=43290.62)
    assert settled(case(dear)).objective_usd == 43290.63
    assert dear.failing() >= {"objective"}
    periods = [dict(p) for p in asked().plan.periods]
    periods[3]["rate_rps"] = [1.0, 8.0 * (1 - 1e-6)]
    slow = asked().with_plan(periods=tuple(periods))
    assert settled(case(slow)).periods[3] == periods[3]
    assert "hours" in slow.failing()


def test_a_plan_of_an_older_version_is_refused_in_one_line(tmp_path: Path) -> None:
    """Such plans say nothing of their figures. They load, and the check looks no further."""
    data = json.loads(plan_json(complete_plan(asked())))
    del data["figures"]
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(data))
    (failure,) = verify_plan(load_plan(file)).failures
    assert failure.message == "the plan is of an older version, which rounded its figures; solve again"
