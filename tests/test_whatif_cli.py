"""`solver whatif` and `solver ask`: options, scripts, JSON, the prompt."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner
from whatif_case import TEXT, session

from solver.cli.app import app
from solver.cli.whatif_prompt import completions, run_prompt
from solver.errors import SolverError
from solver.whatif.session import Session


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "by-hand.yaml"
    path.write_text(TEXT)
    return path


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(w) for w in words])
    if isinstance(result.exception, SolverError):
        assert int(result.exception.exit_code) == code
        return f"{result.stdout}{result.exception}"
    assert result.exit_code == code, result.output
    return result.stdout


def at_prompt(one: Session, *lines: str) -> str:
    waiting = list(lines)

    def read(mark: str) -> str:
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    out = io.StringIO()
    run_prompt(one, Console(file=out, width=110), read)
    return out.getvalue()


def test_changes_as_options(file: Path) -> None:
    said = run("whatif", file, "--set", "demand.chat=x2", "--set", "price.dgx-b200=495k")
    assert "base  ->  @1 demand.chat=x2" in said
    assert "DGX B200" in said
    assert "Why: The fleet stays; the money moves by purchase -$10,000." in said


def test_json(file: Path) -> None:
    found = json.loads(run("whatif", file, "--set", "demand.chat=x2", "--json"))
    assert found["outcome"] == "optimal"
    assert found["verified"] is True
    assert found["steps"][0]["difference"]["fleet"][0]["after"] == 2
    assert sum(found["costs"].values()) == pytest.approx(found["objective_usd"])
    quick = json.loads(run("whatif", file, "--set", "demand.chat=x2", "--json", "--quick"))
    assert "why" not in quick["steps"][0]


def test_script_and_session_file(file: Path, tmp_path: Path) -> None:
    script, kept = tmp_path / "changes.txt", tmp_path / "meeting.whatif"
    script.write_text(
        "# what we said\ndemand x2\nnote as in the plan of sales\nbranch cheap base\ndiscount=5 %\n"
    )
    found = json.loads(run("whatif", file, "--script", script, "--session", kept))
    assert found["steps"][0]["line"] == "demand x2"
    assert found["branch"] == "cheap"
    again = json.loads(run("whatif", kept, "--branch", "main", "--json"))
    assert again["costs"]["purchase"] == 1_000_000
    assert "written" not in run(
        "whatif", kept, "--export", tmp_path / "all.json", "--xlsx", tmp_path / "w.xlsx"
    )
    assert (tmp_path / "w.xlsx").stat().st_size > 5000
    reopened = json.loads(run("whatif", tmp_path / "all.json", "--branch", "cheap", "--json"))
    assert reopened["objective_usd"] == found["objective_usd"]


def test_a_script_that_fails_keeps_its_answers(file: Path, tmp_path: Path) -> None:
    script = tmp_path / "changes.txt"
    script.write_text("demand x2\nnext 10 %\nnonsense=3\ndiscount=5 %\n")
    found = json.loads(run("whatif", file, "--script", script, "--quick", code=2).split("\n")[0])
    assert [step["line"] for step in found["steps"]] == ["demand x2", "next 10 %"]
    assert found["steps"][0]["outcome"] == "optimal"
    assert (found["line"], found["outcome"], found["verified"]) == ("nonsense=3", "failed", False)
    assert "is not understood" in found["message"]


def test_exit_codes(file: Path, tmp_path: Path) -> None:
    buy = ("--set", "ways=buy", "--set", "exclude=cs3")
    run("whatif", file, *buy, "--set", "supply.dgx-b200=1", code=3)
    assert "is not understood" in run("whatif", file, "--set", "nonsense", code=2)
    broken = json.loads(run("whatif", file, "--set", "nonsense", "--json", code=2).split("\n")[0])
    assert broken["outcome"] == "failed"
    run("whatif", tmp_path / "nothing.yaml", "--json", code=2)
    run("whatif", file, "--script", tmp_path / "nothing", code=2)
    run("whatif", file, "--branch", "nowhere", "--json", code=2)
    run("ask", "nothing", file, code=2)


def test_ask(file: Path) -> None:
    assert "What does the next 10" in run("ask", "next", file)
    found = json.loads(run("ask", "regret", file, "0.01", "--json", "--set", "demand x2"))
    assert found["headline"].startswith("At 0.01 times the demand")


def test_prompt(tmp_path: Path) -> None:
    one = session(tmp_path / "a.whatif")
    report = tmp_path / "r.html"
    said = at_prompt(
        one,
        "demand x2",
        "oops",
        "undo",
        "redo",
        "history",
        f"report {report}",
        "plan",
        "ask next",
        "help",
        "fields price",
        "report",
        "quit",
    )
    assert "base  ->  @1 demand.chat=x2" in said
    assert "oops: is not understood" in said
    assert "Runner-up" in said
    assert "The next 10 % of traffic cost" in said
    assert "write: report FILE" in said
    assert "<svg" in report.read_text()
    assert one.state().changes == ("demand.chat=x2",)


def test_why_is_told_once() -> None:
    said = at_prompt(session(), "demand x2", "why")
    assert said.count("Why: ") == 2  # after the change, and when asked for


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    said = at_prompt(session(), "note \x1b[31mred\x07", "history", "\x1b]0;title\x07")
    assert "\x1b" not in said
    assert "\x07" not in said


def test_completion_over_every_field() -> None:
    one = session()
    assert "price." in completions(one, "pri")
    assert "price.cerebras-cs3=" in completions(one, "price.cereb")
    assert "demand.chat=" in completions(one, "demand.")
    assert "services.0.levels.tpot_ms=" in completions(one, "services.0.lev")
    assert "ask afford" in completions(one, "ask a")
    assert "compare base" in completions(one, "compare b")
    assert "money.discount_rate=" in completions(one, "money.d")
    assert "hardware.overrides." in completions(one, "hardware.")  # up to the next dot where there are many
    assert completions(one, "nothing at") == []
