"""Scenarios: changed right-hand sides against a rebuilt problem, resuming after a kill, workers, store."""

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_problems import make_case

from solver.errors import InfeasibleError, InputError, LimitReached, SolverError
from solver.formulation.prepare import Prepared
from solver.operating_points.point import OperatingPoint
from solver.sensitivity.factors import REACH, Factor
from solver.sensitivity.known import Known, known_of, purchases, strain_of
from solver.sensitivity.priced import Priced
from solver.sensitivity.regret import regrets_of
from solver.sensitivity.scenario import GAP, Scenarios, Task
from solver.sensitivity.store import Store
from solver.sensitivity.uncertain import Options, scenario_values, uncertain_result
from solver.sensitivity.workers import Crew

DEMAND = Factor("demand", 0.3, 0.7, 1.0, "", "test")
SPEED = Factor("throughput/s1", 0.5, 1.0, 2.0, "", "test", log=True)


def cases(count: int) -> list[tuple[Prepared, Factor]]:
    """Random problems that have a plan and whose price stands in no budget, with a price factor."""
    found: list[tuple[Prepared, Factor]] = []
    for seed in range(200):
        prepared = make_case(seed).prepared
        price = prepared.problem.buy_offers("s1")[0].price_usd
        factor = Factor("s1/buy", 0.5 * price, price, 2 * price, "USD", "test")
        try:
            Scenarios(prepared, (factor, DEMAND))
        except (SolverError, LimitReached):
            continue
        found.append((prepared, factor))
        if len(found) == count:
            break
    return found


CASES = cases(6)


def rebuilt(prepared: Prepared, price: Factor, value: float, demand: float, speed: float) -> float:
    """Cost in k$ by building the problem of a scenario from scratch."""
    problem = prepared.problem
    periods = tuple(replace(p, rate_rps=tuple(demand * r for r in p.rate_rps)) for p in problem.periods)
    points = tuple(slower(p, speed) if p.system == "s1" else p for p in problem.points)
    changed = replace(problem, periods=periods, points=points)
    priced = Priced(replace(prepared, problem=changed), (price.name,))
    return priced.solve((value,), None, 0.0).line.at((value,))


def solved(
    prepared: Prepared, price: Factor, tasks: list[Task], jobs: int, known: Known | None = None
) -> list[dict[str, Any]]:
    with Crew(prepared, (price, DEMAND), Store(None, "q"), jobs) as crew:
        return crew.run(tasks, "", known)


def slower(point: OperatingPoint, factor: float) -> OperatingPoint:
    lines = (replace(n, slope=n.slope * factor, intercept=n.intercept * factor) for n in point.lines)
    return replace(point, lines=tuple(lines))


@pytest.mark.parametrize("number", range(len(CASES)))
def test_changed_right_hand_sides_equal_a_rebuilt_problem(number: int) -> None:
    prepared, price = CASES[number]
    scenarios, rng = Scenarios(prepared, (price, DEMAND, SPEED)), random.Random(number)
    for n in range(8):
        value, demand, speed = rng.uniform(price.low, price.high), rng.uniform(0.3, 1), rng.uniform(0.5, 2)
        record = scenarios.run(Task(str(n), (value, demand, speed)))
        try:
            true = rebuilt(prepared, price, value, demand, speed) * 1e3
        except InfeasibleError:
            assert record["cost_usd"] is None
            continue
        assert record["bound_usd"] <= true * (1 + 1e-6) + 1e-3
        assert true * (1 - 1e-6) <= record["cost_usd"] <= true * (1 + GAP) + 1e-3


def test_a_record_does_not_depend_on_what_was_solved_before() -> None:
    prepared, price = CASES[0]
    tasks = [Task(str(n), v) for n, v in enumerate(scenario_values((price, DEMAND), 12, seed=3))]
    forwards, backwards = (Scenarios(prepared, (price, DEMAND)) for _ in range(2))
    there = {t.id: json.dumps(forwards.run(t)) for t in tasks}
    back = {t.id: json.dumps(backwards.run(t)) for t in reversed(tasks)}
    assert there == back


def test_kept_purchases_are_never_cheaper_than_the_best() -> None:
    prepared, price = CASES[1]
    scenarios = Scenarios(prepared, (price, DEMAND))
    best = scenarios.run(Task("best", (price.mode, 0.7)))
    fleet = tuple((str(n), int(c)) for n, c in best["purchases"])
    for n, values in enumerate(scenario_values((price, DEMAND), 10, seed=1)):
        free, kept = scenarios.run(Task(f"f{n}", values)), scenarios.run(Task(f"k{n}", values, fleet))
        if kept["cost_usd"] is not None:
            assert kept["cost_usd"] >= free["bound_usd"] * (1 - 1e-9)
            assert kept["purchases"] == best["purchases"]
    again = scenarios.run(Task("again", (price.mode, 0.7), fleet))
    assert again["cost_usd"] == pytest.approx(best["cost_usd"], rel=GAP)


def test_triangular_quantiles() -> None:
    """From 0 to 4 with its peak at 1: a quarter lies below 1; median 4 - sqrt(0.5 x 4 x 3)."""
    found = Factor("x", 0.0, 1.0, 4.0, "", "").quantile(np.array([0.0, 0.25, 0.5, 1.0]))
    assert found == pytest.approx([0, 1, 4 - 6**0.5, 4])


def test_throughput_holds_80_percent_within_the_calibrated_spread() -> None:
    """A triangle in the logarithm whose middle 80 % reach from 1 / 1.5 to 1.5."""
    factor = Factor("throughput/x", 1.5**-REACH, 1.0, 1.5**REACH, "", "", log=True)
    assert factor.quantile(np.array([0.1, 0.5, 0.9])) == pytest.approx([1 / 1.5, 1, 1.5])


def test_two_processes_give_the_bytes_of_one(tmp_path: Path) -> None:
    prepared, price = CASES[0]
    tasks = [Task(str(n), v) for n, v in enumerate(scenario_values((price, DEMAND), 12, seed=3))]
    results = [solved(prepared, price, tasks, jobs) for jobs in (1, 2)]
    assert json.dumps(results[0]) == json.dumps(results[1])
    known = known_of(results[0], (price, DEMAND), lambda _: "s1")
    again = [solved(prepared, price, tasks, jobs, known) for jobs in (1, 2)]
    assert json.dumps(again[0]) == json.dumps(again[1])


@pytest.mark.parametrize("number", range(len(CASES)))
def test_known_fleets_change_no_cost_beyond_the_gap(number: int) -> None:
    """With or without them each scenario is solved to the gap; those sure to serve do serve."""
    prepared, price = CASES[number]
    factors = (price, DEMAND, SPEED)
    scenarios = Scenarios(prepared, factors)
    tasks = [Task(str(n), v) for n, v in enumerate(scenario_values(factors, 24, seed=number))]
    plain = [scenarios.run(t) for t in tasks]
    known = known_of(
        plain[:12], factors, lambda name: prepared.problem.offers[int(name.split("_")[1])].system
    )
    assert known is not None
    for task, old in zip(tasks, plain, strict=True):
        new = scenarios.run(task, known)
        short = known.shortfalls(strain_of(factors, task.values))
        sure = [fleet for fleet, much in zip(known.fleets, short, strict=True) if much <= 0]
        assert all(scenarios.run(Task("", task.values, fleet))["cost_usd"] is not None for fleet in sure)
        if old["cost_usd"] is None:
            assert new["cost_usd"] is None and not sure
            continue
        assert new["cost_usd"] <= old["cost_usd"] * (1 + GAP) and old["cost_usd"] <= new["cost_usd"] * (
            1 + GAP
        )


def test_the_safest_fleet_is_the_best_of_all_that_are_best_somewhere() -> None:
    """Against following every one of them through every scenario."""
    for prepared, price in CASES:
        factors = (price, DEMAND, SPEED)
        tasks = [Task(f"scenario-{n}", v) for n, v in enumerate(scenario_values(factors, 40, seed=1))]
        with Crew(prepared, factors, Store(None, "q")) as crew:
            today = crew.run([Task("today", tuple(f.mode for f in factors))], "")[0]
            best = crew.run(tasks, "")
            if today["cost_usd"] is None:
                continue
            known = known_of(best, factors, lambda _: "s1")
            found = regrets_of(factors, tasks, today, best, known, crew.run)
            fleets = {purchases(r) for r in [today, *best] if r["cost_usd"] is not None}
            ranks = []
            for fleet in fleets:
                kept = crew.run([Task(f"{fleet}-{t.id}", t.values, fleet) for t in tasks], "")
                pairs = [(k["cost_usd"], b["cost_usd"]) for k, b in zip(kept, best, strict=True)]
                regrets = [max(0.0, k - b) for k, b in pairs if k is not None and b is not None]
                ranks.append((len(tasks) - len(regrets), max(regrets, default=0.0), fleet))
        assert found.searched == len(fleets)
        assert found.safest.rank == min(ranks)


def test_a_torn_line_is_cut_off_and_solved_again(tmp_path: Path) -> None:
    path = tmp_path / "store.jsonl"
    store = Store(path, "q")
    store.add([{"id": "a", "x": 1}, {"id": "b", "x": 2}])
    store.close()
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        again = Store(path, "q")
        lines = whole[:cut].count(b"\n")
        assert len(again.records) == max(0, lines - 1)
        again.add([r for r in ({"id": "a", "x": 1}, {"id": "b", "x": 2}) if r["id"] not in again.records])
        again.close()
        assert path.read_bytes() == whole


def test_a_store_of_another_question_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "s", "one").close()
    with pytest.raises(InputError, match="another question"):
        Store(tmp_path / "s", "two")
    (tmp_path / "t").write_text('{"question": "one"}\nnonsense\n')
    with pytest.raises(InputError, match="t:2"):
        Store(tmp_path / "t", "one")


RUN = """
import sys
from solver.cli.app import main
main(["sensitivity", sys.argv[1], "--uncertain", "--scenarios", "16", "--store", sys.argv[2], "--out",
      sys.argv[3], "--factor", "dgx-b200=300k..500k..700k", "--jobs", sys.argv[4]])
"""

WORKLOAD = """
name: kill
services:
  - name: chat
    model: llama-3.1-8b
    demand: 20 requests/s
    lengths: {prompt: 600, output: 150}
    levels: {ttft: 2 s, tpot: 50 ms}
    acquisitions: [buy]
hardware: {include: [dgx-b200, dgx-h200]}
"""


def kill_and_resume(tmp_path: Path, kills: int, jobs: str, seed: int) -> None:
    """Run whole; run again with kills at random times until done; compare every file."""
    (tmp_path / "w.yaml").write_text(WORKLOAD)

    def start(name: str) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-c", RUN, "w.yaml", f"{name}.jsonl", name, jobs]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(arguments, cwd=tmp_path, stdout=quiet, stderr=quiet, start_new_session=True)

    begun = time.monotonic()
    assert start("whole").wait(300) == 0
    span, rng, lines = time.monotonic() - begun, random.Random(seed), 0
    for _ in range(kills):
        process = start("killed")
        time.sleep(rng.uniform(0.2, 1.0) * span)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        path = tmp_path / "killed.jsonl"
        now = path.read_bytes().count(b"\n") if path.exists() else 0
        assert now >= lines, "a finished scenario was lost"
        lines = now
    assert start("killed").wait(300) == 0
    files = sorted(p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*") if p.is_file())
    assert {str(f) for f in files} >= {"report.html", "report.md", "findings.json", "findings.xlsx"}
    for file in files:
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


def test_killed_runs_resume_to_the_same_bytes(tmp_path: Path) -> None:
    kill_and_resume(tmp_path, 3, "1", seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_killed_parallel_runs_resume_to_the_same_bytes(tmp_path: Path, seed: int) -> None:
    kill_and_resume(tmp_path, 10, "2", seed)


def test_result_has_every_part() -> None:
    from solver.inputs.workload import workload_from
    from solver.inputs.yaml_text import load_yaml
    from solver.sensitivity.session import Session

    loaded = workload_from(load_yaml(Path("w.yaml"), text=WORKLOAD), Path())
    result = uncertain_result(Session.of(loaded), Options(scenarios=24, seed=1))
    assert len(result.scenarios) == 24 and result.indices is not None
    assert {f.name for f in result.factors} >= {"demand"}
    best = np.array([r["cost_usd"] for r in result.scenarios])
    for fleet in result.regrets.fleets:
        assert all(r >= 0 for r in fleet.served) and len(fleet.regret_usd) == 24
    assert best.min() > 0 and result.tornado[0][2] >= result.tornado[0][1]
