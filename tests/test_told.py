"""What a plan tells of its promises and limits: speeds, limits that bind, searches that ended."""

import numpy as np
import pytest
from lessons import menu, plan_of

from solver.backend.outcome import Ending, Outcome
from solver.engine import compare
from solver.formulation.build import build_program
from solver.plan.findings import NONE_BELOW, Alternative
from solver.plan.plan import Plan
from solver.reports.words import answer


@pytest.fixture(scope="module")
def lesson() -> Plan:
    return plan_of("04-conversation-and-code")


def test_a_speed_is_the_pace_told_otherwise(lesson: Plan) -> None:
    """The same promise in tok/s per user: 1000 over the milliseconds promised and reached."""
    paces = {row.service: row for row in lesson.service_levels if row.promise == "TPOT"}
    speeds = {row.service: row for row in lesson.service_levels if row.promise == "speed per user"}
    assert paces.keys() == speeds.keys()
    assert paces
    for name, pace in paces.items():
        assert speeds[name].promised == pytest.approx(1e3 / pace.promised)
        assert speeds[name].reached == pytest.approx(1e3 / pace.reached)
        assert (speeds[name].percentile, speeds[name].share_in_time) == (pace.percentile, pace.share_in_time)


@pytest.mark.parametrize(("limit_kw", "binds"), [(20, True), (35, False)])
def test_a_power_limit_binds_where_one_more_of_the_fleet_does_not_fit(limit_kw: int, binds: bool) -> None:
    """One DGX B200 of 14.3 kW: a second does not fit within 20 kW, and does within 35 kW. That a CS-3 of
    23 kW, which the catalog has too, would not fit there any more says nothing."""
    plan = plan_of("01-by-hand", f"sites=[{{name: here, power: {limit_kw} kW}}]")
    assert [(line.system, line.count) for line in plan.systems] == [("dgx-b200", 1)]
    assert any("power" in entry.statement for entry in plan.binding) is binds


def alternative(objective: float, bound: float, ending: Ending) -> Alternative:
    """Of lesson 1, with an outcome that cost so much, in k$."""
    prepared = menu("01-by-hand")
    program = build_program(prepared.problem)
    values = np.zeros(len(program.columns))
    outcome = Outcome(ending, "kTimeLimit", values, objective, bound, 5.0)
    best = Outcome(Ending.OPTIMAL, "kOptimal", values, 100.0, 100.0, 1.0)
    return compare.told(prepared.problem, program, "dgx-b200", outcome, best)


def test_a_fleet_found_when_the_time_was_over_is_told_with_its_bound() -> None:
    """Cost 130, bound 110: at least 110. Cost 700 with the same bound: none is told. Proven: no other end."""
    found = alternative(130.0, 110.0, Ending.FEASIBLE)
    assert (found.objective_usd, found.bound_usd, found.undecided) == (130e3, 110e3, False)
    far = alternative(700.0, 110.0, Ending.FEASIBLE)
    assert (far.feasible, far.objective_usd, far.undecided) == (False, None, True)
    assert far.reason.startswith(f"{NONE_BELOW} $110,000")
    assert alternative(130.0, 130.0, Ending.OPTIMAL).bound_usd is None
    assert alternative(130.0, 50.0, Ending.FEASIBLE).bound_usd == 100e3  # none is cheaper than the plan


def test_the_answer_says_at_most_where_a_search_ended(lesson: Plan) -> None:
    """The runner-up of 130 k$ whose bound is 110 k$."""
    found = alternative(130.0, 110.0, Ending.FEASIBLE)
    dearer = found.model_copy(update={"objective_usd": 2e6, "bound_usd": 1.5e6, "extra_usd": 1e6})
    told = answer(lesson.model_copy(update={"alternatives": (dearer,)}))
    assert "would cost at most $2M" in told or "would cost at most $2.00M" in told
    proven = dearer.model_copy(update={"bound_usd": None})
    assert "at most $2" not in answer(lesson.model_copy(update={"alternatives": (proven,)}))
