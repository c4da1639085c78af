"""Plans in files: what is saved passes again, what is damaged ends in a complaint with the file's name."""

from __future__ import annotations

import ast
import copy
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from verify_fixture import API, NVM, asked, complete_plan

from solver.cli.verify_plan import check_file
from solver.errors import InputError
from solver.plan.json_place import line_of
from solver.plan.serialise import (
    api_from_dict,
    api_to_dict,
    load_plan,
    plan_json,
    point_from_dict,
    point_to_dict,
    rational,
)
from solver.verify import CHECKS, Verdict

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def text() -> str:
    return plan_json(complete_plan(asked()))


def test_a_saved_plan_passes(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)
    assert plan_json(load_plan(file)) == text
    assert check_file(file) == asked().verdict()
    assert check_file(file).passed


def test_points_survive_the_file() -> None:
    from dataclasses import replace

    for point in asked().points.values():
        for changed in (point, replace(point, ttft_s=(float("inf"),) * len(point.ttft_s))):
            assert point_from_dict(json.loads(json.dumps(point_to_dict(changed), allow_nan=False))) == changed
    api = asked().apis[API]
    assert api_from_dict(json.loads(json.dumps(api_to_dict(api)))) == api


@pytest.mark.parametrize("field", ["systems_per_replica", "use", "lines", "wear", "id"])
def test_a_point_without_a_field_is_refused(field: str) -> None:
    data = point_to_dict(asked().points[NVM])
    del data[field]
    with pytest.raises(InputError, match=field):
        point_from_dict(data)


@pytest.mark.parametrize("word", ["", "1/0", "-1/2", "1e9", "1e999999999", "0x1", "1/2/3", "½", "nan", " 1"])
def test_what_is_not_a_rational_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="not a rational"):
        rational(word)


def damaged(tmp_path: Path, content: str | bytes) -> str:
    """The complaint about a file with this content."""
    file = tmp_path / "plan.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        check_file(file)
    assert str(file) in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_damaged_files_are_refused_with_their_line(tmp_path: Path, text: str) -> None:
    line = next(n for n, row in enumerate(text.splitlines(), 1) if '"count": 2' in row)
    name = f"{tmp_path / 'plan.json'}:"
    assert f"{name}{line}" in damaged(tmp_path, text.replace('"count": 2', '"count": "2"', 1))
    assert f"{name}{line}" in damaged(tmp_path, text.replace('"count": 2', '"count": 2 2', 1))
    for content, words in (
        ("", "not JSON"),
        ("[]", "not a plan"),
        ("{}", "not a plan"),
        (text[:-40], "not JSON"),
        (text.replace("4383.0", "NaN", 1), "NaN"),
        (text.replace("4383.0", "1e999", 1), "too large"),
        (text.replace("4383.0", "1" * 5000, 1), "digits"),
        (text.replace('"gap"', '"objective_usd": 1, "gap"', 1), "twice"),
        (text.replace('"gap"', '"gapp"', 1), "gap"),
        ("[" * 100_000, "nested deeper"),
        ('{"format": ' + '{"a":' * 70 + "1" + "}" * 71, "nested deeper"),
        (b"\xff\xfe{}", "UTF-8"),
        (text.replace('"systems_per_replica": "1/2"', '"systems_per_replica": "1e999999"'), "rational"),
        (text.replace('"workload": {', '"work": {', 1), "inputs.workload"),
        (text.replace('"growth_per_year": 1.0', '"growth_per_year": -2.0', 1), "growth_per_year"),
    ):
        assert words in damaged(tmp_path, content), words


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no.json"):
        with pytest.raises(InputError, match="no such plan file"):
            check_file(path)


def test_too_large_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("solver.plan.serialise.MAX_BYTES", 1000)
    damaged(tmp_path, text)


def test_the_line_of_a_value() -> None:
    text = '{\n "a": [1,\n  {"b": "]}",\n   "c": 2}],\n "d": 3\n}'
    assert [line_of(text, p) for p in ((), ("a",), ("a", 1), ("a", 1, "c"), ("d",), ("a", 9, "x"))] == [
        1, 2, 3, 4, 5, 2,
    ]  # fmt: skip


JUNK: list[Any] = [
    None, True, -1, 0, 10**39, 1e308, -0.5, 5e-324, "", "1/3", "inf", "nan", "\u202e\x1b[2J", [], {}, [[]],
    [None], {"": 1}, "9" * 300, {"low": 1}, [0.5, 0.5, 0.5], ["inf"], 2**63,
]  # fmt: skip


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, inner in items for p in [(*path, key), *leaves(inner, (*path, key))]]


def spoilt(data: Any, path: tuple[Any, ...], junk: Any) -> None:
    """Replace or (for ...) remove the value at a path."""
    for key in path[:-1]:
        data = data[key]
    if junk is ...:
        del data[path[-1]]
    else:
        data[path[-1]] = copy.deepcopy(junk)


@pytest.mark.parametrize("covers", [["1/3"], [1e300], [0.5], ["inf"], [-1], [], None, ...])
def test_hours_that_are_none_end_in_a_verdict(covers: Any, tmp_path: Path) -> None:
    """Found by setting every number of a plan in turn: a tariff reads the hours of a period."""
    main_of = ["solve", "32-tariff", "--no-compare", "--out", str(tmp_path)]
    code = "import sys; from solver.cli.app import main; main(sys.argv[1:])"
    assert subprocess.run([sys.executable, "-c", code, *main_of], capture_output=True).returncode == 0
    file = tmp_path / "plan.json"
    data = json.loads(file.read_text())
    spoilt(data, ("periods", 0, "covers"), covers)
    file.write_text(json.dumps(data))
    assert not check_file(file).passed


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(seed=698, count=1)  # an API whose first token never comes
@given(seed=st.integers(0, 2**32), count=st.integers(1, 3))
def test_a_spoilt_plan_ends_in_a_verdict_or_a_complaint(
    tmp_path: Path, text: str, seed: int, count: int
) -> None:
    rng, data = random.Random(seed), json.loads(text)
    for _ in range(count):
        paths = leaves(data)
        if paths:
            spoilt(data, rng.choice(paths), rng.choice([..., *JUNK]))
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(data))
    try:
        assert isinstance(check_file(file), Verdict)
    except InputError as error:
        assert str(file) in str(error)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_a_file_with_wrong_bytes_ends_in_a_verdict_or_a_complaint(
    tmp_path: Path, text: str, seed: int
) -> None:
    rng, content = random.Random(seed), bytearray(text.encode())
    for _ in range(rng.randint(1, 4)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    file = tmp_path / "plan.json"
    file.write_bytes(bytes(content))
    try:
        assert isinstance(check_file(file), Verdict)
    except InputError as error:
        assert str(file) in str(error)


FORBIDDEN = ("solver.formulation", "solver.backend", "solver.engine", "pulp", "highspy")


def imported(module: str) -> set[str]:
    """Modules that a module of this project imports anywhere in its text, also inside functions."""
    path = ROOT / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.exists():
        return set()
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_verifier_does_not_reach_the_program_or_the_solver() -> None:
    """Neither directly nor through what it imports, not even inside functions."""
    waiting = ["solver.verify", *(f"solver.verify.{p.stem}" for p in (ROOT / "solver/verify").glob("*.py"))]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        assert not module.startswith(FORBIDDEN), module
        if module.startswith("solver"):
            waiting += imported(module)
    assert "solver.plan.plan" in seen


def test_importing_the_verifier_loads_neither_program_nor_solver() -> None:
    code = f"import sys, solver.verify; print([m for m in sys.modules if m.startswith({FORBIDDEN!r})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_every_check_is_documented_and_nothing_else() -> None:
    text = (ROOT / "docs/reference/verification.md").read_text()
    table = text[text.index("## Statements") : text.index("## What it takes as given")]
    assert [row.split("`")[1] for row in table.splitlines() if row.startswith("| `")] == sorted(
        CHECKS, key=lambda name: table.index(f"| `{name}` |")
    )
