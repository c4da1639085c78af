"""Found by fuzzing: places without a line, and words that reached the terminal raw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from verify_fixture import NVM, asked, complete_plan

from solver.cli.app import main
from solver.plan.serialise import plan_json

RUN = {"max_concurrency": "\x00\x1b[31m\u202e", "duration": 20.0, "completed": 100, "model_id": "m"}
ADD = ("--system", "dgx-h100", "--model", "llama-3.1-8b", "--gpus", "8")


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Exit code and what stands on stderr."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0), capsys.readouterr().err


def quiet(text: str) -> bool:
    return not set(text) & {"\x00", "\x1b", "\u202e"}


def test_a_complaint_holds_no_control_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They stood in a benchmark's figure and in a key and a memory's name of a plan."""
    bench = tmp_path / "b.json"
    bench.write_text(json.dumps(RUN))
    code, words = said(capsys, "catalog", "add-profile", bench, *ADD, "--out", tmp_path / "mine")
    assert code == 2 and f"{bench}:1:" in words and quiet(words)
    plan = tmp_path / "plan.json"
    strange = '"\\u001b[31m\\u0000": 1'
    plan.write_text(plan_json(complete_plan(asked())).replace('"workload": "paper"', strange))
    code, words = said(capsys, "verify", plan)
    assert code == 2 and "extra inputs are not permitted" in words and quiet(words)


@pytest.mark.parametrize("command", ["verify", "explain", "cash-flow", "simulate"])
@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (
            ("inputs", "workload", "sites", 0, "pue"),
            "x",
            "inputs.workload: sites.0.pue: input should be",
        ),
        (("points", NVM, "serves", 0), "x", "serves.0: input should be a valid boolean"),
        (("inputs", "offers", "gpu/buy", "price_usd"), None, "price_usd: input should be a valid number"),
        (("inputs", "offers", "gpu/buy", "life_years"), 0, "life_years: input should be greater than 0"),
    ],
)
def test_what_is_wrong_inside_a_plan_has_a_line(
    command: str, path: tuple[str | int, ...], value: object, words: str,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The line on which the value is written."""
    data = json.loads(plan_json(complete_plan(asked())))
    entry = data
    for part in path[:-1]:
        entry = entry[part]
    entry[path[-1]] = value
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(data, indent=1))
    key = f'"{path[-1]}": ' if isinstance(path[-1], str) else ""
    text = f"{key}{json.dumps(value)}"
    code, told = said(capsys, command, file)
    assert code == 2 and words in told
    line = int(told.split(":")[1])
    assert told.startswith(f"{file}:{line}: ")
    assert file.read_text().splitlines()[line - 1].strip(" ,") == text


@pytest.mark.parametrize(
    ("name", "content", "line", "command"),
    [
        ("t.csv", b"arrival,prompt_tokens,output_tokens\n1,2,3\n\xff,2,3\n", 3, ("workload", "from-trace")),
        ("plan.json", b'{\n"format": "\xff"}', 2, ("verify",)),
        ("config.json", b'{"a": 1,\n]', 2, ("catalog", "add-model")),
        ("config.json", b'{"hidden_size": 8}', 1, ("catalog", "add-model")),
        ("b.json", b'{"a": 1,\n]', 2, ("catalog", "add-profile")),
        ("m.json", b"{}", 1, ("workload", "from-melange")),
        ("w.yaml", b"name: x\n", 1, ("workload", "check")),
    ],
)
def test_a_damaged_file_is_told_with_a_line(
    name: str, content: bytes, line: int, command: tuple[str, ...],
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file = tmp_path / name
    file.write_bytes(content)
    options: dict[str, tuple[object, ...]] = {
        "from-trace": ("-o", tmp_path / "o.yaml"), "from-melange": ("-o", tmp_path / "o.yaml"),
        "add-profile": (*ADD, "--out", tmp_path), "add-model": ("--id", "x", "--out", tmp_path),
    }  # fmt: skip
    code, told = said(capsys, *command, file, *options.get(command[-1], ()))
    assert (code, told[: len(f"{file}:{line}:")]) == (2, f"{file}:{line}:")


def test_a_trace_of_millions_of_years_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One time with a wrong exponent: its hours were counted one by one."""
    file = tmp_path / "t.csv"
    file.write_text("arrival,prompt_tokens,output_tokens\n1,2,3\n-3e13,2,3\n2,2,3\n")
    code, told = said(capsys, "workload", "from-trace", file, "-o", tmp_path / "o.yaml")
    assert code == 2 and told.startswith(
        f"{file}:3: the requests span 9.506e+05 years, this one 9.506e+05 from"
    )
