"""No plan leaves the program that the exact check has not passed: every command, with a check that fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from typer.testing import CliRunner
from whatif_case import TEXT

from solver import sweep
from solver.cli.app import app
from solver.engine.solve import Request, solve
from solver.errors import ExitCode, SolverError
from solver.inputs.workload import load_workload
from solver.paths import find_workload
from solver.verify.facts import Failure, Verdict

ROOT = Path(__file__).parents[1]
BROKEN = Verdict(
    False, (Failure("systems", "broken on purpose", Fraction(1)),), Fraction(1), {}, ("systems",)
)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every plan is found to be wrong."""
    monkeypatch.setattr("solver.verify.from_plan.verify_case", lambda *_: BROKEN)
    yield


@pytest.fixture
def workload(tmp_path: Path) -> Path:
    path = tmp_path / "w.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A good plan, saved; read before the check begins to fail."""
    plan = solve(load_workload(find_workload("01-by-hand")), request=Request(compare=False))
    path = tmp_path / "plan.json"
    path.write_text(plan.model_dump_json())
    return path


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(w) for w in words])
    said = result.stdout + (str(result.exception) if isinstance(result.exception, SolverError) else "")
    code = result.exception.exit_code if isinstance(result.exception, SolverError) else result.exit_code
    return int(code), said


def gave_nothing(code: int, said: str, told: bool = True) -> None:
    assert code == int(ExitCode.VERIFICATION_FAILED), said
    assert "broken on purpose" in said or not told
    assert "Buy " not in said
    assert '"objective_usd": ' not in said.replace('"objective_usd": null', "")


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize(
    "words",
    [
        ["solve", "W"],
        ["solve", "W", "--json"],
        ["solve", "W", "--no-compare"],
        ["solve", "W", "--out", "OUT"],
        ["solve", "W", "--simulate"],
        ["alternatives", "W"],
        ["cash-flow", "W"],
        ["sensitivity", "W", "--price", "dgx-b200=300k..600k"],
        ["sensitivity", "W", "--uncertain", "--scenarios", "8"],
        ["frontier", "W"],
        ["whatif", "W", "--set", "demand.chat=x2"],
        ["whatif", "W", "--set", "demand.chat=x2", "--json"],
    ],
    ids=lambda words: "_".join(words),
)
def test_a_workload_gives_no_plan(words: list[str], workload: Path, tmp_path: Path) -> None:
    places = {"W": str(workload), "OUT": str(tmp_path / "out")}
    gave_nothing(*run(*(places.get(w, w) for w in words)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [["explain"], ["verify"], ["simulate"], ["cash-flow"]], ids=str)
def test_a_saved_plan_is_checked_before_it_is_told(
    command: list[str], saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("solver.verify.from_plan.verify_case", lambda *_: BROKEN)
    gave_nothing(*run(*command, saved), told=command != ["explain"])  # that says it on stderr


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize("question", ["next", "flip", "regret", "ways", "speed"])
def test_no_question_is_answered_from_a_wrong_plan(question: str, workload: Path) -> None:
    _, said = run("ask", question, workload)
    assert "Buy " not in said and "$" not in said


@pytest.mark.usefixtures("failing")
def test_no_workbook_without_a_plan(workload: Path, tmp_path: Path) -> None:
    code, said = run("whatif", workload, "--set", "demand.chat=x2", "--xlsx", tmp_path / "out.xlsx")
    assert code != 0 and "there is no plan to write" in said
    assert not (tmp_path / "out.xlsx").exists()


@pytest.mark.usefixtures("failing")
def test_the_page_shows_no_plan(workload: Path) -> None:
    from starlette.testclient import TestClient

    from solver.web.app import make_app
    from solver.whatif.session import Session

    with TestClient(
        make_app(Session.begin(None, load_workload(workload))), base_url="http://127.0.0.1:8722"
    ) as web:
        for address in ("/", "/plan.json", "/report.html", "/workbook.xlsx"):
            answer = web.get(address)
            assert "Buy " not in answer.text
            assert "objective_usd" not in answer.text


def test_plans_are_put_together_where_they_are_checked() -> None:
    """Whatever module assembles a plan checks it too; no other makes a Plan from parts."""
    for path in sorted((ROOT / "solver").rglob("*.py")):
        called = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        if "assemble" in called:
            assert "verify_plan" in called, path
        if "Plan" in called:
            assert path.name in ("assemble.py", "serialise.py"), path


@pytest.mark.usefixtures("failing")
def test_no_sample_of_a_range_counts_that_fails_the_check() -> None:
    found = sweep("01-by-hand", vary={"tpot": (0.01, 0.05)})
    samples = found.tables["samples"]
    assert len(samples) >= 2 and samples.cost_usd.isna().all()
    assert any("broken on purpose" in text for text in samples.fleet)
