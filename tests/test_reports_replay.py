"""The report of a replay: promises, percentiles, use of the pools, and figures that are safe."""

import csv
import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hostile import PAYLOADS
from typer.testing import CliRunner

from solver.cli.app import app
from solver.engine.solve import Request, solve
from solver.inputs.workload import apply_overrides, load_workload
from solver.paths import find_workload
from solver.plan.plan import Plan
from solver.reports.findings import render_html
from solver.reports.replay import replay_findings
from solver.simulate.from_plan import PlanReplay, replay_plan


@cache
def plan() -> Plan:
    loaded = load_workload(find_workload("05-small-8b"))
    changes = ["services.0.acquisitions=[buy]", "services.0.demand.requests_per_s=150"]
    return solve(apply_overrides(loaded, changes), request=Request(compare=False))


@cache
def replays() -> tuple[PlanReplay, ...]:
    return tuple(replay_plan(plan(), seed=n, requests=1000) for n in range(2))


def test_promises_are_those_of_the_replays() -> None:
    found = replay_findings(plan(), replays())
    for row in found.table("promises").records():
        name = {"TTFT": "ttft", "TPOT": "tpot"}[row["promise"]]
        all_of = [p for r in replays() for p in r.periods[0].result.services[0].promises if p.name == name]
        assert row["reached_s"] == max(p.reached_s for p in all_of)
        assert row["kept_share"] == min(p.kept_share for p in all_of)
        assert row["holds"] == sum(p.holds for p in all_of)
    assert found.answer[0].startswith("Every promise holds in 2 of 2 replays")


def test_pools_are_held_against_the_plan() -> None:
    """The plan's own use of its replicas, and the KV that its traffic writes, beside what was replayed."""
    (row,) = replay_findings(plan(), replays()).table("pools").records()
    (pool,) = plan().pools
    point = plan().points[pool.point]
    assert row["planned_share"] == pytest.approx(150 * max(r[0] for r in point["use"]) / pool.replicas)
    assert row["kv_planned_tb_per_hour"] == pytest.approx(150 * point["kv_bytes"][0] * 3600 / 1e12)
    assert row["kv_written_tb_per_hour"] == pytest.approx(row["kv_planned_tb_per_hour"], rel=0.35)


def test_the_curve_of_first_tokens_rises_to_all_of_them() -> None:
    curve = replay_findings(plan(), replays()).figures[0]
    ((_, line),) = curve.lines  # type: ignore[union-attr]
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(line))
    assert line[-1][1] == 1.0
    assert curve.mark == (1.0, "promised")


def test_the_command_writes_a_page_tables_and_json(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(plan().model_dump_json())
    arguments = ["simulate", str(tmp_path / "plan.json"), "--requests", "500", "--out", str(tmp_path / "r")]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0, told.output
    page = (tmp_path / "r" / "report.html").read_text()
    assert "First tokens of" in page and "<svg" in page and "<script" not in page
    rows = list(csv.DictReader((tmp_path / "r" / "tables" / "latencies.csv").read_text().splitlines()))
    assert [float(r["percentile"]) for r in rows] == [50, 90, 95, 99]
    assert json.loads((tmp_path / "r" / "findings.json").read_text())["kind"] == "replay of the plan"


@pytest.mark.parametrize("payload", PAYLOADS[:40])
def test_names_of_users_stay_text(payload: str) -> None:
    from solver.simulate.from_plan import PeriodReplay

    (period,) = replays()[0].periods
    named = PlanReplay((PeriodReplay(period.period, payload, period.seed, period.result),))
    page = render_html(replay_findings(plan().model_copy(update={"workload": payload}), [named]))
    assert "<script" not in page.lower()
    assert "<img" not in page.lower()
