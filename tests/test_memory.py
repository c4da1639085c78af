"""Memory that runs out, and small programs that fail: a verified plan with an honest gap, or none is told."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_groups import curves_written_out, grouped, prepared_of, workload_text

from solver.backend import linear
from solver.backend.highs import HighsModel
from solver.backend.linear import Rows, least
from solver.cli.app import main
from solver.engine.fleets import Solved
from solver.engine.grouped import solve_grouped
from solver.engine.solve import Request, solve_prepared
from solver.formulation.build import build_program
from solver.inputs.catalogs import load_catalog


def failing_from(call: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, without memory from its ``call``-th call on (the first is 1)."""
    made = 0

    def wrapper(*arguments: Any, **options: Any) -> Any:
        nonlocal made
        made += 1
        if made >= call:
            raise MemoryError
        return function(*arguments, **options)

    return wrapper


@pytest.mark.parametrize("call", [1, 2, 3])
def test_groups_keep_what_was_found_before_memory_ran_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Searches fail from the first, second, third on: a plan above the optimum, its bound below, or none."""
    from solver.engine import grouped as engine

    _, full = prepared_of(workload_text(random.Random(100), levels=24), tmp_path)
    true = HighsModel(build_program(curves_written_out(full).problem)).solve(1e-3)
    coarse = grouped(full)
    monkeypatch.setattr(engine, "search", failing_from(call, engine.search))
    if call == 1:
        with pytest.raises(MemoryError):
            solve_grouped(coarse, 1e-6, None)
        return
    found = solve_grouped(coarse, 1e-6, None)
    assert isinstance(found, Solved)
    assert found.outcome.bound <= true.objective * (1 + 1e-9)
    assert found.outcome.objective >= true.bound * (1 - 1e-9)


@pytest.mark.parametrize("by_mean_hours", [False, True])
def test_a_large_program_keeps_the_plan_it_started_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_mean_hours: bool
) -> None:
    """The whole program, or the part of it that mean hours point to, finds no memory: the plan of its largest
    hours is verified, its bound is honest."""
    from solver.engine import attempt, coarse

    loaded, full = prepared_of(workload_text(random.Random(100)), tmp_path)
    every = curves_written_out(full)
    true = HighsModel(build_program(every.problem)).solve(1e-3)
    monkeypatch.setattr(attempt, "LARGE", 1)
    monkeypatch.setattr(attempt, "suits", lambda problem: by_mean_hours)
    for module in (attempt, coarse):
        monkeypatch.setattr(module, "solve_large", failing_from(1, attempt.solve_large))
    plan = solve_prepared(loaded, load_catalog(), every, Request(compare=False))
    assert plan.verified
    assert plan.outcome == "limit reached"
    assert plan.bound_usd <= true.objective * 1e3 <= plan.objective_usd * (1 + 1e-9)
    assert plan.certified_bound_usd is not None
    assert plan.certified_bound_usd <= true.objective * 1e3 * (1 + 1e-9)


def test_no_plan_for_want_of_memory_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from solver.engine import attempt

    monkeypatch.setattr(attempt, "build_program", failing_from(1, attempt.build_program))
    with pytest.raises(SystemExit) as end:
        main(["solve", "01-by-hand"])
    assert end.value.code == 5
    complaint = capsys.readouterr().err
    assert "memory ran out" in complaint
    assert complaint.count("\n") == 1


def test_a_limit_of_the_system_ends_with_a_plan_or_without() -> None:
    """340 MB of address space, in a process of its own."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (340 << 20, 340 << 20))

    command = [sys.executable, "-m", "solver.cli.app", "solve", "06-three-services", "--no-compare"]
    ended = subprocess.run(
        [*command, "--time-limit", "10", "--json"],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        timeout=200,
        env={"OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    assert ended.returncode in (0, 5, 7)
    if ended.returncode == 5:
        assert "plan" in ended.stderr
    else:
        assert json.loads(ended.stdout)["verified"]


def one_row(low: float, high: float) -> Rows:
    rows = Rows.none()
    rows.add({0: 1.0, 1: 1.0}, low, high)
    return rows


def test_small_programs_that_fail_have_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Infeasible, unbounded, refused, out of time: none. Options that HiGHS rejects are loud."""
    ends = np.array([4.0, 4.0])
    found = least(np.array([1.0, 2.0]), one_row(3.0, np.inf), ends, [0, 1])
    assert found is not None
    assert found.tolist() == [3.0, 0.0]
    assert least(np.ones(2), one_row(9.0, np.inf), ends) is None
    assert least(-np.ones(2), one_row(0.0, np.inf), np.array([np.inf, np.inf])) is None
    assert least(np.ones(2), one_row(np.nan, np.inf), ends) is None
    assert least(np.ones(2), one_row(1.5, np.inf), ends, [0, 1], seconds=0.0) is None
    monkeypatch.setitem(linear.OPTIONS, "no_such_option", 1)
    with pytest.raises(RuntimeError, match="no_such_option"):
        least(np.ones(2), one_row(3.0, np.inf), ends)
