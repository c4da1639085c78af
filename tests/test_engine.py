"""Endings of a solve, through the command line: exit codes, explanations, the JSON contract, determinism."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.cli.app import main
from solver.engine.attempt import raise_unless_point
from solver.engine.infeasible import explain_program
from solver.engine.solve import Request, solve
from solver.errors import InfeasibleError, NumericalRefusal
from solver.formulation.build import build_program
from solver.formulation.prepare import prepare
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import apply_overrides, load_workload
from solver.performance.calibration import load_calibration

TEXT = """\
name: case
services:
  - name: chat
    model: llama-3.1-8b
    acquisitions: [buy]
    demand: 40 requests/s
    lengths: {prompt: 1000, output: 250}
sites:
  - name: here
    power: 100 kW
horizon: 1 year
money: {discount_rate: 0 %, budget_capex: $10M}
hardware:
  include: [dgx-h100]
  profiles: only
profiles:
  - {id: h100, system: dgx-h100, service: chat, requests_per_s: [10]}
"""


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """40 requests/s at 10 requests/s each: 4 systems."""
    path = tmp_path / "case.yaml"
    path.write_text(TEXT)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return int(ended.value.code or 0), out, err


# --- exit codes and JSON ----------------------------------------------------------------------------


def test_0_with_the_contract(capsys: pytest.CaptureFixture[str], case: Path) -> None:
    code, out, _ = run(capsys, "solve", case, "--json", "--no-compare")
    plan = json.loads(out)
    assert code == 0
    assert (plan["outcome"], plan["verified"], plan["gap"]) == ("optimal", True, 0)
    assert plan["bound_usd"] <= plan["objective_usd"]
    [line] = plan["systems"]
    assert (line["system"], line["site"], line["acquisition"], line["count"]) == (
        "dgx-h100",
        "here",
        "buy",
        4,
    )
    assert isinstance(plan["service_levels"], list)
    assert plan["answer"].startswith("Buy 4 × DGX H100")


def test_an_alternative_that_is_the_plan_costs_exactly_nothing_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = run(capsys, "solve", "02-argument-loose", "--json")
    assert code == 0
    first = json.loads(out)["alternatives"][0]
    assert (first["name"], first["extra_usd"], first["extra_share"]) == ("only dgx-b200", 0.0, 0.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.yaml"], "missing.yaml"),
        (["CASE", "--set", "horizon.yeers=3"], "yeers"),
        (["CASE", "--set", "hardware.include=[dgx-h1000]"], "dgx-h1000"),
        (["CASE", "--gap", "much"], "gap"),
        (["CASE", "--gap", "-1"], "gap"),
    ],
)
def test_2_bad_input(
    capsys: pytest.CaptureFixture[str], case: Path, arguments: list[str], words: str
) -> None:
    code, out, err = run(capsys, "solve", *(str(case) if a == "CASE" else a for a in arguments))
    assert (code, out) == (2, "")
    assert words in err


def test_2_names_file_and_line(capsys: pytest.CaptureFixture[str], case: Path) -> None:
    case.write_text(TEXT.replace("40 requests/s", "40 bananas"))
    code, _, err = run(capsys, "solve", case)
    assert code == 2
    assert f"{case}:6" in err


def test_3_infeasible_and_its_json(capsys: pytest.CaptureFixture[str], case: Path) -> None:
    code, out, err = run(capsys, "solve", case, "--json", "--set", "money.budget_capex=$1M")
    found = json.loads(out)
    assert code == 3
    assert (found["outcome"], found["objective_usd"], found["systems"]) == ("infeasible", None, [])
    assert found["reasons"]
    assert "cannot hold together" in err


def test_4_numerically_refused(capsys: pytest.CaptureFixture[str], case: Path) -> None:
    code, out, err = run(
        capsys, "solve", case, "--json", "--set", "profiles.0.requests_per_s=[0.000000001]", "--no-compare"
    )
    assert code == 4
    assert json.loads(out)["outcome"] == "refused for numerical reasons"
    assert f"services.0.demand ({case}:6" in err  # the two inputs: 40 requests/s, 1e-9 of them per system
    assert "profiles.0.requests_per_s (--set" in err


def test_5_and_7_limits(
    capsys: pytest.CaptureFixture[str], case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run(capsys, "solve", case, "--json", "--no-compare", "--time-limit", "0")
    assert code in (0, 5)  # HiGHS may finish in presolve, before it looks at the clock
    assert json.loads(out)["verified"] == (code == 0)

    whole = HighsModel._outcome

    def stopped(self: HighsModel, seconds: float, interrupted: bool, linear: bool) -> Any:
        from dataclasses import replace

        outcome = whole(self, seconds, interrupted, linear)
        return replace(outcome, ending=Ending.FEASIBLE, status="kTimeLimit", bound=0.9 * outcome.objective)

    monkeypatch.setattr(HighsModel, "_outcome", stopped)
    code, out, _ = run(capsys, "solve", case, "--json", "--no-compare")
    plan = json.loads(out)
    assert code == 0  # the certificate proves what the search no longer did
    assert plan["bound_usd"] == plan["certified_bound_usd"] == pytest.approx(plan["objective_usd"])

    monkeypatch.setattr("solver.engine.solve.certified_bound", lambda *_: None)
    code, out, _ = run(capsys, "solve", case, "--json", "--no-compare")
    plan = json.loads(out)
    assert code == 7
    assert (plan["outcome"], plan["verified"]) == ("limit reached", True)
    assert plan["gap"] == pytest.approx(0.1)

    def without(self: HighsModel, seconds: float, interrupted: bool, linear: bool) -> Any:
        from dataclasses import replace

        outcome = whole(self, seconds, interrupted, linear)
        return replace(outcome, ending=Ending.NO_POINT, status="kTimeLimit", values=None)

    monkeypatch.setattr(HighsModel, "_outcome", without)
    code, out, err = run(capsys, "solve", case, "--json", "--no-compare")
    assert code == 5
    assert json.loads(out)["outcome"] == "limit reached without a plan"
    assert "no plan was found" in err


def test_130_interrupted(
    capsys: pytest.CaptureFixture[str], case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("solver.engine.checked.attempt", interrupt)
    with pytest.raises(SystemExit) as ended:
        main(["solve", str(case)])
    assert ended.value.code == 130


# --- saved plans ------------------------------------------------------------------------------------


def test_saved_plans_are_told_again_and_checked(capsys: pytest.CaptureFixture[str], case: Path) -> None:
    folder = case.parent / "out"
    assert run(capsys, "solve", case, "--no-compare", "--out", folder)[0] == 0
    saved = folder / "plan.json"
    code, out, _ = run(capsys, "verify", saved)
    assert code == 0
    assert "every check holds exactly" in out
    assert run(capsys, "explain", saved)[0] in (0, None)
    code, out, _ = run(capsys, "verify", saved, "--json")
    assert (code, json.loads(out)["verified"]) == (0, True)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("objective_usd",), 1.0),
        (("systems", 0, "count"), 3),
        (("costs", 0, "usd"), 1.0),
        (("routes", 0, "share"), "9/10"),
        (("pools", 0, "replicas"), 9),
    ],
)
def test_6_a_tampered_plan(
    capsys: pytest.CaptureFixture[str], case: Path, path: tuple[str | int, ...], value: object
) -> None:
    run(capsys, "solve", case, "--no-compare", "--out", case.parent / "out")
    saved = case.parent / "out" / "plan.json"
    plan = json.loads(saved.read_text())
    inner = plan
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    saved.write_text(json.dumps(plan))
    assert run(capsys, "verify", saved)[0] == 6
    code, out, err = run(capsys, "explain", saved)
    assert (code, out) == (6, "")
    assert "does not pass the exact check" in err


# --- explanations -----------------------------------------------------------------------------------


def reasons(case: Path, *changes: str) -> InfeasibleError:
    loaded = apply_overrides(load_workload(case), changes)
    with pytest.raises(InfeasibleError) as found:
        solve(loaded, load_catalog(), load_calibration(), Request(compare=False))
    return found.value


def test_budget_too_small_by_how_much(case: Path) -> None:
    """4 x $270k = $1.08M; stated $1M: $80k are missing."""
    case.write_text(TEXT.replace("$10M", "$1M"))
    error = reasons(case)
    assert len(error.reasons) == 2
    assert any(f"{case}:12" in r for r in error.reasons)
    assert any(f"{case}:6" in r and "served" in r for r in error.reasons)
    assert re.search(r"missing: 80 k\$ in money.budget_capex_usd", str(error)), str(error)


def test_power_too_small_by_how_much(case: Path) -> None:
    """4 systems at their maximum power against 30 kW; the difference is missing."""
    case.write_text(TEXT.replace("100 kW", "30 kW"))
    error = reasons(case)
    power = load_catalog().systems["dgx-h100"].get("power_max_kw")
    assert power is not None
    assert len(error.reasons) == 2
    assert any(f"{case}:10" in r for r in error.reasons)
    assert f"missing: {4 * power - 30:,.4g} kW" in str(error)


def test_supply_too_small(case: Path) -> None:
    """2 of 4 systems can be had; the budget and the power have nothing to do with it."""
    case.write_text(TEXT.replace("  profiles: only", "  profiles: only\n  supply: {dgx-h100: 2}"))
    error = reasons(case)
    assert len(error.reasons) == 2
    assert any(f"{case}:16" in r for r in error.reasons)
    assert "missing: 2 " in str(error)


def test_speed_that_nothing_reaches() -> None:
    """3,000 tok/s per user of lesson 3: the line, the best system and what is missing."""
    from solver.paths import find_workload

    loaded = apply_overrides(
        load_workload(find_workload("03-argument-fast")),
        ["services.agent.levels.tokens_per_s_per_user=3000"],
    )
    with pytest.raises(InfeasibleError) as found:
        solve(loaded, load_catalog(), load_calibration(), Request(compare=False))
    text = str(found.value)
    best = re.search(r"the best is ([\d,.]+) on .*, ([\d,.]+) too few", text)
    assert best, text
    reached, missing = (float(b.replace(",", "")) for b in best.groups())
    assert reached + missing == pytest.approx(3000, rel=1e-3)
    assert reached < 3000


@pytest.mark.parametrize(
    "changes",
    [
        ("money.budget_capex=$1M",),
        ("sites.here.power=30 kW",),
        ("hardware.supply.dgx-h100=2",),
        ("money.budget_capex=$1M", "sites.here.power=30 kW"),
        ("money.budget_capex=$1M", "hardware.supply.dgx-h100=2"),
    ],
)
def test_the_set_is_minimal(case: Path, changes: tuple[str, ...]) -> None:
    """The named statements contradict each other; without any one of them they do not."""
    loaded = apply_overrides(load_workload(case), changes)
    prepared = prepare(loaded.workload, load_catalog(), load_calibration())
    with pytest.raises(InfeasibleError) as found:
        explain_program(loaded, prepared)
    program = build_program(prepared.problem)
    places = {loaded.place(row.statement): row.statement for row in program.rows if row.statement}
    core = {s for place, s in places.items() if any(f"{place}:" in r for r in found.value.reasons)}
    assert len(core) == len(found.value.reasons)

    def feasible(kept: set[str]) -> bool:
        from dataclasses import replace

        rows = [row for row in program.rows if not row.statement or row.statement in kept]
        return HighsModel(replace(program, rows=rows), {}).solve().values is not None

    assert not feasible(core)
    for statement in core:
        assert feasible(core - {statement})


def test_unbounded_is_no_plan(case: Path) -> None:
    loaded = load_workload(case)
    prepared = prepare(loaded.workload, load_catalog(), load_calibration())
    for ending in (Ending.UNBOUNDED, Ending.REFUSED):
        outcome = Outcome(ending, "kUnbounded", np.zeros(1), 0.0, 0.0, 0.0)
        with pytest.raises(NumericalRefusal, match="kUnbounded"):
            raise_unless_point(outcome, loaded, prepared)
    with pytest.raises(KeyboardInterrupt):
        raise_unless_point(
            Outcome(Ending.INTERRUPTED, "kInterrupt", None, 0.0, 0.0, 0.0, True), loaded, prepared
        )


# --- determinism ------------------------------------------------------------------------------------


def test_the_same_question_gives_the_same_bytes(capsys: pytest.CaptureFixture[str], case: Path) -> None:
    folders = [case.parent / name for name in ("one", "two")]
    for folder in folders:
        assert run(capsys, "solve", case, "--out", folder)[0] == 0
    first, second = (sorted(p for p in f.rglob("*") if p.is_file()) for f in folders)
    assert [p.name for p in first] == [p.name for p in second]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
