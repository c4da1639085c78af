"""Cost against speed: dearer the faster, the change of kinds bracketed, single kinds never below the best."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from solver.cli.app import main
from solver.domain.workload import LoadedWorkload
from solver.errors import LimitReached, UsageError
from solver.inputs.workload import load_workload
from solver.paths import find_workload
from solver.plan.plan import Plan
from solver.sensitivity import frontier as module
from solver.sensitivity.frontier import BEST, NEAR, Options, Point, at_speed, frontier, kind_words
from solver.sensitivity.frontier_findings import frontier_findings
from solver.sensitivity.session import Session


def session() -> Session:
    return Session.of(load_workload(find_workload("02-argument-loose")))


@pytest.fixture(scope="module")
def points() -> list[Point]:
    return frontier(session(), Options(100, 3000, 3)).points


def usd(point: Point) -> float:
    assert point.plan is not None
    return point.plan.objective_usd


def test_speed_never_makes_the_fleet_cheaper(points: list[Point]) -> None:
    for line in {p.line for p in points}:
        mine = [p for p in points if p.line == line and p.plan is not None]
        assert [p.speed for p in mine] == sorted(p.speed for p in mine)
        assert all(b >= a * (1 - 1e-9) for a, b in pairwise(map(usd, mine)))
        assert all(p.plan.verified for p in mine if p.plan)


def test_wafers_take_over_where_the_argument_says(points: list[Point]) -> None:
    """Between 200 and 250 tok/s (docs/explanation/the-argument.md), known to 2 %."""
    best = [p for p in points if p.line == BEST]
    changes = [(a, b) for a, b in pairwise(best) if a.kinds != b.kinds and b.plan]
    [(before, after)] = changes
    assert (before.kinds, after.kinds) == (("HBM GPUs",), ("SRAM wafers",))
    assert 200 < before.speed < after.speed <= before.speed * NEAR < 250
    assert best[-1].plan is None  # and above 2,500 nothing keeps the promise
    assert best[-2].speed < best[-1].speed <= best[-2].speed * NEAR
    assert best[-2].speed < 2550 and best[-1].speed > 2500  # the record, and nothing beyond it


def test_no_kind_alone_is_cheaper_than_the_best(points: list[Point]) -> None:
    best = {p.speed: usd(p) for p in points if p.line == BEST and p.plan}
    others = [p for p in points if p.line != BEST]
    assert {p.line for p in others} >= {"HBM GPUs", "SRAM wafers"}
    assert all(usd(p) >= best[p.speed] * (1 - 1e-9) for p in others)
    assert all(p.kinds == (p.line,) for p in others)


def test_own_chips_of_a_kind_that_nobody_sells_are_not_called_hypothetical() -> None:
    known = session().catalog.systems
    wafer = known["hyp-nvm-rram14-wafer"]
    assert kind_words([wafer]) == "NVM wafers and chips (hypothetical)"
    assert kind_words([wafer, wafer.model_copy(update={"id": "ours"})]) == "NVM wafers and chips"
    assert kind_words([known["dgx-b200"]]) == "HBM GPUs"


def test_one_service_is_made_faster() -> None:
    loaded = load_workload(find_workload("06-three-services"))
    fast = at_speed(loaded, 100.0, "voice")
    speeds = {s.name: s.levels.tpot_ms for s in fast.workload.services}
    assert speeds["voice"] == 10.0
    assert [s for s in fast.workload.services if s.name != "voice"] == [
        s for s in loaded.workload.services if s.name != "voice"
    ]
    with pytest.raises(UsageError, match="no service is called 'x'"):
        frontier(session(), Options(service="x"))
    with pytest.raises(UsageError, match="--from below --to"):
        frontier(session(), Options(low=10, high=5))


def test_findings_tell_table_and_figure() -> None:
    heard: list[str] = []
    options = Options(20, 50, 2, kinds=False)
    found = frontier_findings(session(), options, frontier(session(), options, heard.append))
    assert [line.partition(":")[0] for line in heard[:2]] == [
        "best fleet, 20 tok/s for each user",
        "best fleet, 50 tok/s for each user",
    ]
    assert all("$" in line for line in heard)
    assert found.answer[0].startswith("At 20 tok/s the cheapest fleet is of HBM GPUs")
    assert [row["tok_s_per_user"] for row in found.table("frontier").records()] == [20.0, 50.0]
    assert len(found.figures) == 1


def test_what_was_found_is_told_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet that is not found is not called impossible; the search goes on; Ctrl-C ends it."""
    options, known = Options(20, 80, 3, kinds=False), module.solve

    def solve(loaded: LoadedWorkload, *rest: Any) -> Plan:
        speed = 1000 / (loaded.workload.services[0].levels.tpot_ms or 1)
        if speed == pytest.approx(40):
            raise LimitReached("no plan was found within the time limit")
        if speed == pytest.approx(80) and stop:
            raise KeyboardInterrupt
        return known(loaded, *rest)

    monkeypatch.setattr(module, "solve", solve)
    stop = False
    found = frontier(session(), options)
    assert [(p.speed, p.plan is not None, p.known) for p in found.points] == [
        (20, True, True), (40, False, False), (80, True, True)
    ]  # fmt: skip
    assert not found.over and not found.proven
    told = frontier_findings(session(), options, found)
    assert "At 40 tok/s no fleet was found in time." in told.answer
    assert told.answer[-1] == "Where no fleet was found in time, there may be one."
    stop = True
    found = frontier(session(), options)
    assert (found.over, found.interrupted, len(found.points)) == ("stopped", True, 2)
    told = frontier_findings(session(), options, found)
    assert "Not all speeds and kinds were searched: stopped." in told.answer


def test_the_limit_of_speed_is_told_as_far_as_it_was_searched() -> None:
    """Between the fastest fleet found and the first speed without one, nothing is said."""
    plan = frontier(session(), Options(100, 110, 2, kinds=False)).points[0].plan
    for speed, words in (
        (101.0, "above 100 tok/s."),
        (500.0, "at 500 tok/s; the fastest that was found has 100"),
    ):
        ends = module.Frontier([Point(BEST, 100.0, plan, ("HBM GPUs",)), Point(BEST, speed, None)])
        told = frontier_findings(session(), Options(100, 1000, 2), ends)
        assert f"Nothing keeps the promise {words}" in " ".join(told.answer)


def test_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["frontier", "02-argument-loose", "--total-time-limit", "0"])
    assert ended.value.code == 5
    assert "the time for all fleets (0 s) was over" in capsys.readouterr().err


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "frontier",
                "02-argument-loose",
                "--from",
                "20",
                "--to",
                "40",
                "--points",
                "2",
                "--no-kinds",
                "--json",
            ]
        )
    assert ended.value.code == 0
    data = json.loads(capsys.readouterr().out)
    assert data["answer"]
