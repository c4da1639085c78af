"""Work with a deadline: it fills the troughs of the day, none early, none late, all done."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import partial

import lessons
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from test_registry import base, change, optimum

from solver.backend.highs import HighsModel
from solver.domain.workload import Demand, ServiceLevels, window_hours
from solver.engine import start
from solver.engine.start import known_plan, peaks_together
from solver.formulation.build import build_program
from solver.formulation.epochs import make_epochs, make_periods
from solver.formulation.prepare import prepare
from solver.formulation.problem import Problem
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.inputs.workload import load_workload
from solver.paths import find_workload
from solver.performance.calibration import load_calibration
from solver.plan.deferral import first_come
from solver.reports.fleet import configuration
from solver.reports.tables import records
from solver.verify.from_plan import verify_plan

plan_of = partial(lessons.plan_of, "34-work-that-waits")


def waiting(deadline_hours: float, rates: tuple[float, ...]) -> Problem:
    """The base problem with a deadline: p0 takes 1 system per request/s, $100k each."""
    problem = base()
    service = problem.services[0].model_copy(
        update={
            "demand": Demand(rate_rps=rates),
            "levels": ServiceLevels(deadline_hours=deadline_hours),
            "acquisitions": ("buy",),
        }
    )
    problem = change(problem, services=(service,))
    return replace(problem, periods=make_periods(problem.workload, make_epochs(problem.workload)))


def test_ten_systems_do_what_thirteen_would() -> None:
    plan = plan_of()
    assert plan.count("dgx-h100") == 10
    assert plan_of("services.nightly.levels.deadline=1h").count("dgx-h100") == 13
    nightly = [p["rate_rps"][1] for p in plan.periods]
    assert sum(nightly) == pytest.approx(24 * 30)
    assert max(nightly[10:16]) == 0  # the chat takes all systems then


def test_one_busy_hour_is_spread_over_its_deadline() -> None:
    """24 requests/s in one hour, deadline D: 24 / D systems, as many hours each."""
    rates = (24.0, *([0.0] * 23))
    for deadline, systems in ((1, 24), (2, 12), (3, 8), (3.9, 8), (24, 1), (500, 1)):
        assert optimum(waiting(deadline, rates)) == pytest.approx(100.0 * systems), deadline


def test_a_promise_of_latency_does_not_wait() -> None:
    problem = waiting(12, (24.0, *([0.0] * 23)))
    service = problem.services[0]
    for levels in (
        ServiceLevels(deadline_hours=12, ttft_ms=500),
        ServiceLevels(deadline_hours=12, end_to_end_s=60),
    ):
        assert window_hours(problem.workload, service.model_copy(update={"levels": levels})) == 1
    long = service.model_copy(update={"demand": Demand(rate_rps=(1.0,) * 8760)})
    workload = problem.workload.model_copy(update={"services": (long,)})
    assert window_hours(workload, long) == 1  # hours of a year are grouped and have no order


def smallest_peak(rates: list[float], hours: int) -> float:
    """Least capacity by the transport problem itself: work of hour h goes to hours h .. h + hours - 1."""
    n = len(rates)
    pairs = [(h, (h + w) % n) for h in range(n) for w in range(hours)]
    equal = np.zeros((n, len(pairs) + 1))
    upper = np.zeros((n, len(pairs) + 1))
    for column, (come, go) in enumerate(pairs):
        equal[come, column] = 1
        upper[go, column] = 1
    upper[:, -1] = -1
    money = np.zeros(len(pairs) + 1)
    money[-1] = 1
    return float(linprog(money, upper, np.zeros(n), equal, rates).fun)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=24, max_size=24).filter(any), st.integers(1, 24))
def test_the_queue_is_as_good_as_any_assignment(rates: list[int], hours: int) -> None:
    """Backlog rows against arrival-by-service variables: the same number of systems."""
    systems = optimum(waiting(hours, tuple(map(float, rates)))) / 100.0
    assert systems == pytest.approx(math.ceil(smallest_peak(list(map(float, rates)), hours) - 1e-7))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=24, max_size=24).filter(any),
    st.lists(st.integers(0, 9), min_size=24, max_size=24).filter(any),
)
def test_first_come_first_served(arrivals: list[int], pace: list[int]) -> None:
    """Work in any hours: all of it is served, as much in each hour as was said, the oldest first."""
    came = [Fraction(a) for a in arrivals]
    work = [Fraction(p * sum(arrivals), sum(pace)) for p in pace]
    waits = first_come(came, work)
    served = [Fraction(0)] * 24
    for hour, shares in enumerate(waits):
        assert sum(shares.values()) == (1 if arrivals[hour] else 0)
        for wait, share in shares.items():
            served[(hour + wait) % 24] += share * arrivals[hour]
    assert served == work
    for hour in range(24):  # later arrivals are not done before earlier ones
        if waits[hour] and waits[(hour + 1) % 24]:
            assert max(waits[hour]) <= min(waits[(hour + 1) % 24]) + 1


def test_pools_that_are_full_to_the_last_request_pass() -> None:
    """Systems rented for single hours are used in full."""
    plan = plan_of("services.nightly.acquisitions=[buy, rent]", "services.chat.acquisitions=[buy, rent]")
    assert plan.verified
    grown = plan_of(
        "horizon.epoch=1 year",
        "services.nightly.demand.growth=50 %",
        "services.nightly.acquisitions=[buy, rent]",
    )
    assert grown.verified


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=24, max_size=24).filter(any), st.integers(1, 23))
def test_more_time_never_costs_more(rates: list[int], hours: int) -> None:
    few, more = (optimum(waiting(h, tuple(map(float, rates)))) for h in (hours, hours + 1))
    assert more <= few * (1 + 1e-9)


def test_the_plan_says_when_the_work_runs() -> None:
    plan = plan_of()
    tables = records(plan)
    assert {d["service"] for d in tables["deferrals"]} == {"nightly"}
    per_hour: dict[int, Fraction] = {}
    for entry in plan.deferrals:
        per_hour[entry.hour] = per_hour.get(entry.hour, Fraction(0)) + Fraction(entry.share)
        assert 0 <= entry.wait_hours <= 11
    assert per_hour == dict.fromkeys(range(24), Fraction(1))


def test_deadlines_are_told_among_the_service_levels() -> None:
    """Work that waits n hours is done within n + 1; with a shorter deadline nothing waits so long."""
    for hours in (12, 3):
        plan = plan_of(f"services.nightly.levels.deadline={hours} h")
        [level] = plan.service_levels
        longest = max(d.wait_hours for d in plan.deferrals if Fraction(d.share))
        assert (level.promise, level.promised, level.unit, level.percentile) == ("deadline", hours, "h", 1.0)
        assert level.reached == longest + 1 <= hours
        assert level.share_in_time == 1.0
    [soon] = plan_of("services.nightly.levels.deadline=30 min").service_levels
    assert 0 < soon.reached < 0.5  # a request without waiting


def test_own_measurements_tell_no_speed_of_a_user() -> None:
    """10 requests/s of a system may be one at a time or a thousand: neither speed nor batch is shown."""
    found = records(lessons.plan_of("33-most-traffic"))
    assert {row["tok_s_per_user"] for row in found["pools"]} == {None}
    pools = records(lessons.plan_of("06-three-services"))["pools"]
    assert all(row["tok_s_per_user"] == 1e3 / row["tpot_ms"] for row in pools)
    pool = lessons.plan_of("33-most-traffic").pools[0]
    assert configuration(pool) == "1 x as measured, fp16"


def tampered(change: int, **fields: object) -> set[str]:
    plan = plan_of()
    entries = list(plan.deferrals)
    entries[change] = entries[change].model_copy(update=fields)
    verdict = verify_plan(plan.model_copy(update={"deferrals": tuple(entries)}))
    return {f.check for f in verdict.failures}


def test_the_check_finds_what_is_late_early_or_forgotten() -> None:
    assert verify_plan(plan_of()).passed
    assert "deadline" in tampered(0, wait_hours=12)
    assert "deadline" in tampered(0, share="1/3")
    assert tampered(0, wait_hours=-1) == {"shape"}
    assert tampered(0, service="nobody") == {"shape"}
    without = plan_of().model_copy(update={"deferrals": plan_of().deferrals[1:]})
    assert "deadline" in {f.check for f in verify_plan(without).failures}


def test_hourly_pools_stand_on_what_is_there() -> None:
    """One system less and the chat or the batch has nothing to run on in some hour."""
    plan = plan_of()
    fewer = tuple(s.model_copy(update={"count": s.count - 1}) for s in plan.systems)
    assert "rented" in {f.check for f in verify_plan(plan.model_copy(update={"systems": fewer})).failures}


def test_the_search_starts_from_the_fleet_that_waits_for_nothing() -> None:
    """13 systems serve everything at once; they are a plan of the program in which work may wait."""
    loaded = resolve_references(load_workload(find_workload("34-work-that-waits")), load_catalog())
    problem = prepare(loaded.workload, load_catalog(), load_calibration()).problem
    program = build_program(problem)
    values = known_plan(problem, HighsModel(program), 5.0)
    assert values is not None
    bought = sum(values[c] for _, c in program.family("buy"))
    assert bought == pytest.approx(13)


def test_all_peaks_at_once_are_a_start_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the largest hours take too long, a fleet for all peaks in one hour: dearer, and a plan."""
    loaded = resolve_references(load_workload(find_workload("34-work-that-waits")), load_catalog())
    problem = prepare(loaded.workload, load_catalog(), load_calibration()).problem
    program = build_program(problem)
    (once,) = peaks_together(problem.periods)
    assert once.rate_rps == tuple(map(max, zip(*(p.rate_rps for p in problem.periods), strict=True)))
    assert once.hours == pytest.approx(sum(p.hours for p in problem.periods))
    monkeypatch.setattr(start, "MOST_COLUMNS", 0)
    values = known_plan(problem, HighsModel(program), 5.0)
    assert values is not None
    for row in program.rows:
        left = sum(a * values[c] for c, a in row.terms)
        over = left - row.rhs if row.sense != ">=" else row.rhs - left
        assert over <= 1e-6 * max(1.0, abs(row.rhs))
    cost = sum(kusd * values[c] for c, kusd in program.objective().items())
    assert cost >= HighsModel(program).solve(1e-3).bound
