"""Questions with an end: what was found by then is told, and what is not proven is said."""

from __future__ import annotations

import json
import re
import threading

import pytest
from test_whatif_session import cost
from whatif_case import session, usd_of_tokens

from solver.backend.highs import HighsModel
from solver.backend.running import stopping
from solver.cli.app import main
from solver.errors import ExitCode, InputError
from solver.formulation.build import build_program
from solver.formulation.prepare import prepare
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import load_workload
from solver.paths import find_workload
from solver.performance.calibration import load_calibration
from solver.whatif.commands import case_of
from solver.whatif.effort import Effort, Over
from solver.whatif.questions import answer
from solver.whatif.session import Session


def stopped_after(plans: int) -> Effort:
    """An effort that is stopped once so many plans were told."""

    def tell(_words: str) -> None:
        if len(effort.lines) == plans:
            effort.stop()

    effort = Effort(None, tell)
    return effort


@pytest.fixture
def one() -> Session:
    return session()


def test_a_stopped_search_tells_what_was_found(one: Session) -> None:
    """Two plans in, the volume served is served, and what is said not to be is not, by the pencil."""
    found = answer(case_of(one, stopped_after(2)), "afford", ["2M"])
    assert not found.complete
    assert "at least" in found.headline
    assert any("stopped before" in note for note in found.notes)
    served = max(row[0] for row in found.rows if isinstance(row[0], float))
    assert cost(served * 150, usd_of_tokens()) <= 2e6
    whole = answer(case_of(one), "afford", ["2M"])
    assert whole.complete
    assert max(row[0] for row in whole.rows if isinstance(row[0], float)) >= served


def test_a_plan_above_the_budget_proves_nothing_unless_its_bound_is(one: Session) -> None:
    """Of a plan that may be cheaper (gap 30 %) it is not said that more cannot be served."""
    case = case_of(one, Effort())
    whole = one.planner.answered

    def rough(*arguments: object) -> object:
        result = whole(*arguments)  # type: ignore[arg-type]
        body = json.loads(result.body)
        body |= {"gap": 0.3, "bound_usd": 0.7 * body["objective_usd"]}
        return type(result)(result.key, '{\n "format"' + json.dumps(body).partition('"format"')[2])

    one.planner.answered = rough  # type: ignore[method-assign, assignment]
    found = answer(case, "afford", ["300k"])
    assert not found.complete
    proven = re.search(r"that there is none is proven from ([0-9.]+) times on", found.notes[0])
    assert proven
    assert 0.7 * cost(float(proven[1]) * 1.001 * 150, usd_of_tokens()) > 3e5
    twice = answer(case_of(one), "afford", ["2M"])
    assert twice.notes[0].endswith("that there is none is not proven.")
    assert any("may cost as little as 70.0 %" in note for note in twice.notes)


@pytest.mark.parametrize("question", ["flip", "ways", "speed"])
def test_others_tell_their_parts(one: Session, question: str) -> None:
    plans = {"flip": 30, "ways": 5, "speed": 2}[question]
    whole = answer(case_of(one), question, [])
    part = answer(case_of(one, stopped_after(plans)), question, [])
    assert not part.complete and whole.complete
    assert 0 < len(part.rows) < len(whole.rows)
    assert all(row in whole.rows for row in part.rows)
    assert any("stopped before" in note for note in part.notes)
    with pytest.raises(Over):
        answer(case_of(one, Effort(0.0)), question, [])


def test_two_plans_or_none(one: Session) -> None:
    """A comparison that was not finished is no answer; the plans that were found are told."""
    with pytest.raises(Over, match=r"found until then: today's plan: \$") as over:
        answer(case_of(one, stopped_after(1)), "next", [])
    assert over.value.exit_code is ExitCode.INTERRUPTED
    with pytest.raises(Over, match="found until then: nothing") as late:
        answer(case_of(one, Effort(0.0)), "next", [])
    assert late.value.exit_code is ExitCode.LIMIT_WITHOUT_PLAN
    with pytest.raises(InputError):
        answer(case_of(one, Effort(0.0)), "afford", ["nothing"])


def test_questions_leave_the_plans_of_states_alone(one: Session) -> None:
    plan = one.result()
    answer(case_of(one), "flip", [])
    solved = one.planner.solved
    assert one.result() is plan
    answer(case_of(one), "flip", [])
    assert one.planner.solved == solved  # and the same question takes no new plans


def test_another_thread_stops_a_solve() -> None:
    """As one Ctrl-C does: heard once, so that what follows (hours, routing) is still solved."""
    loaded = load_workload(find_workload("06-three-services"))
    program = build_program(prepare(loaded.workload, load_catalog(), load_calibration()).problem)
    stop = threading.Event()
    stop.set()
    token = stopping.set(stop)
    try:
        assert HighsModel(program).solve().interrupted
        assert not HighsModel(program).solve().interrupted
    finally:
        stopping.reset(token)


def test_the_command_ends_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ask", "next", "01-by-hand", "--time-limit", "0"])
    assert ended.value.code == 5
    assert capsys.readouterr().err.startswith("the time of the question (0 s) was over")
