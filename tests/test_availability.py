"""Spares against failures: the binomial distribution, least fleets, and the exact check."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_procurement import H100, lines, plan_of
from test_verify import asked

from solver.domain.workload import Resilience
from solver.errors import InfeasibleError
from solver.formulation.spares import spare_steps
from solver.verify import verify_plan
from solver.verify.binomial import enough, least_and_most, missing


@given(count=st.integers(0, 7), up=st.fractions(Fraction(1, 20), Fraction(19, 20), max_denominator=50))
def test_enough_by_enumeration(count: int, up: Fraction) -> None:
    """All states of up to seven systems."""
    for needed in range(count + 2):
        total = Fraction(0)
        for state in product((True, False), repeat=count):
            if sum(state) >= needed:
                chance = Fraction(1)
                for works in state:
                    chance *= up if works else 1 - up
                total += chance
        assert enough(count, needed, up) == total


@given(
    count=st.integers(0, 60),
    needed=st.integers(-1, 62),
    up=st.fractions(Fraction(1, 10**6), 1 - Fraction(1, 10**6), max_denominator=10**6),
    promised=st.fractions(Fraction(1, 10**4), Fraction(9999, 10**4), max_denominator=10**4),
    digits=st.integers(3, 40),
)
@settings(deadline=None)
def test_bounds_hold_and_decide_as_whole_numbers_do(
    count: int, needed: int, up: Fraction, promised: Fraction, digits: int
) -> None:
    """However few digits; also where the promise is the very probability, or a hair above it."""
    share = enough(count, needed, up)
    low, high = least_and_most(count, needed, up, digits)
    assert low <= share <= high <= low + count**2 * Fraction(10) ** (3 - digits)
    assert (missing(count, needed, up, promised) == 0) == (share >= promised)
    assert missing(count, needed, up, share) == 0
    assert missing(count, needed, up, share + Fraction(1, 10**200)) > 0


def test_absurd_numbers_of_systems_are_decided_at_once() -> None:
    """1 of 100,000, all of 10**39, rates of 300 digits. What is equal in giant numbers stays open."""
    rare, begin = Fraction("1e-300"), process_time()
    assert missing(100_000, 1, Fraction(100, 101), Fraction(999, 1000)) == 0
    assert missing(10**39, 1, rare, Fraction(9, 10)) > Fraction(89, 100)  # at least so much
    assert missing(10**39, 10**39, 1 - rare, Fraction(999, 1000)) == 0
    assert missing(99_999, 50_000, Fraction(1, 2), Fraction(1, 2)) is None
    assert process_time() - begin < 1


@given(
    mtbf=st.integers(50, 50_000),
    repair=st.integers(1, 200),
    percent=st.sampled_from(["90", "99", "99.9", "99.999"]),
    most=st.integers(1, 60),
)
@settings(deadline=None)
def test_steps_of_spares_are_the_least(mtbf: int, repair: int, percent: str, most: int) -> None:
    """Each step keeps its systems up in exact arithmetic; one system more, or one spare fewer, does not."""
    promised, up = Fraction(percent) / 100, Fraction(mtbf, mtbf + repair)
    steps = spare_steps(float(up), float(promised), most)
    assert steps[-1][1] == most
    for spares, needed in steps:
        assert enough(needed + spares, needed, up) >= promised
        if spares <= 32 and needed < most:
            assert enough(needed + 1 + spares, needed + 1, up) < promised + Fraction(1, 10**9)


def test_spares_of_the_lesson() -> None:
    """a = 100/101. 4 of 4: 96.10 %; 4 of 5: 99.904 %; 4 of 6: 99.998 %."""
    up = Fraction(100, 101)
    assert [f"{float(enough(n, 4, up)):.5f}" for n in (4, 5, 6)] == ["0.96098", "0.99904", "0.99998"]
    assert lines(plan_of("26-availability")) == {("buy", H100, 0, 5)}
    assert lines(plan_of("26-availability", "resilience={}")) == {("buy", H100, 0, 4)}
    assert lines(plan_of("26-availability", "resilience.availability=99.99 %")) == {("buy", H100, 0, 6)}
    assert lines(plan_of("26-availability", "resilience.availability=96 %")) == {("buy", H100, 0, 4)}


def test_repair_and_failure_rate_of_a_system_count() -> None:
    """Repaired in an hour: 4 of 4 are up 99.95 % of the time. Failing every 10 days: 3 spares."""
    assert lines(plan_of("26-availability", "resilience.repair=1 h")) == {("buy", H100, 0, 4)}
    often = plan_of("26-availability", "hardware.overrides.dgx-h100.mtbf_hours=240")
    up = Fraction(240, 240 + 81)
    (line,) = often.systems
    assert enough(line.count, 4, up) >= Fraction(999, 1000) > enough(line.count - 1, 4, up)


def test_the_workload_says_how_often_its_systems_fail() -> None:
    """Stated for all, it stands before the catalog's figure; stated for one system, before both."""
    for all_systems in (
        ("resilience.mtbf=240 h",),
        ("resilience.mtbf=90 h", "hardware.overrides.dgx-h100.mtbf_hours=240"),
    ):
        plan = plan_of("26-availability", *all_systems)
        assert lines(plan) == lines(plan_of("26-availability", "hardware.overrides.dgx-h100.mtbf_hours=240"))
        assert plan.inputs["systems"][H100]["mtbf_hours"] == 240


def test_spares_are_shared_by_the_pools_of_a_site() -> None:
    """Two services of 2 systems each: 4 + 1 at one site, where pools apart would take 2 x (2 + 1)."""
    two = (
        "services=[{name: a, model: llama-3.1-8b, acquisitions: [buy], demand: 20 requests/s,"
        " lengths: {prompt: 1000, output: 250}}, {name: b, model: llama-3.1-8b, acquisitions: [buy],"
        " demand: 20 requests/s, lengths: {prompt: 1000, output: 250}}]"
    )
    profiles = (
        "profiles=[{id: a, system: dgx-h100, service: a, requests_per_s: [10]},"
        " {id: b, system: dgx-h100, service: b, requests_per_s: [10]}]"
    )
    assert lines(plan_of("26-availability", two, profiles)) == {("buy", H100, 0, 5)}


def test_what_cannot_be_kept_up_is_told() -> None:
    with pytest.raises(InfeasibleError) as error:
        plan_of("26-availability", "hardware.supply.dgx-h100=4")
    words = str(error.value)
    assert "enough are up 99.9 % of the time" in words
    assert "at most 4 dgx-h100 can be bought" in words
    assert "missing: 1 systems" in words


def test_the_check_counts_what_is_there() -> None:
    """nvm: one of one, up 8100 / 8148 = 99.41 % of the time. gpu: two of three."""
    for promised, passed in ((0.99, True), (0.9941, True), (0.9942, False)):
        a = asked().with_workload(resilience=Resilience(availability=promised))
        assert a.verdict().passed == passed
    plan = plan_of("26-availability")
    fewer = tuple(s.model_copy(update={"count": 4}) for s in plan.systems)
    failing = {f.check for f in verify_plan(plan.model_copy(update={"systems": fewer})).failures}
    assert "availability" in failing
    assert "systems" not in failing


def test_reports_tell_how_often_enough_are_up() -> None:
    from solver.reports.sections import sections
    from solver.reports.tables import records

    plan = plan_of("26-availability")
    (row,) = records(plan)["availability"]
    assert (row["needed"], row["there"]) == (4, 5)
    assert row["enough_share"] == pytest.approx(float(enough(5, 4, Fraction(100, 101))))
    assert "availability" in [s.key for s in sections(plan)]
