"""Damaged plans, odd traces and any options of a replay: an answer or a complaint, never a traceback."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_hostile_cost import MEGABYTES, SECONDS, cost

from solver.cli.app import main

HEAD = "timestamp,prompt_tokens,output_tokens\n"
LESSONS = (
    "01-by-hand",
    "26-availability",
    "37-prefill-and-decode-apart",
    "40-places-of-apis",
    "46-kv-behind-a-link",
)
DAY_S = 86_400
#: CPU seconds of each of these replays: the clock on the wall would tell how busy the machine is. A pool that
#: takes in one token a step, as damaged plans may have it, needs 2 s for 200 requests.
MOST_CPU_S = 4.0
#: Traces that cannot be scaled to a demand: all at one moment or nearly, or alone in their busiest hour.
UNFIT = {
    "one request": HEAD + "0,1,1\n",
    "one moment": HEAD + "5,1,1\n5,7,7\n",
    "less than a moment": HEAD + "0,1,1\n1e-9,1,1\n",
    "smaller than a float tells": HEAD + "0,1,1\n5e-324,1,1\n",
    "one a day": HEAD + "".join(f"{n * DAY_S},9,9\n" for n in range(9)),
    "no output": HEAD + "0,1,0\n9,1,0\n",
    "too many cells of tokens": HEAD + "0,1e400,1\n9,1,1\n",
    "numbers and times": HEAD + "0,1,1\n2023-01-01 00:00:00,1,1\n",
    "nothing": "",
}
#: Traces that can, however little they look like the workload.
FIT = {
    "two requests": HEAD + "0,1,1\n1,1,1\n",
    "dense": HEAD + "".join(f"{n / 20_000},{n % 900 + 1},{n % 300 + 1}\n" for n in range(20_002)),
    "one burst": HEAD + "".join(f"{5 + n // 299},{n % 900 + 1},{n % 300 + 1}\n" for n in range(300)),
    "before zero": HEAD + "-5,1,1\n5,1,1\n",
    "no prompt": HEAD + "0,0,1\n1,0,9\n",
}


class Plans(list[dict[str, Any]]):
    """Plans that say little of themselves in the report of a test that fails."""

    def __repr__(self) -> str:
        return "plans"


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Plans of small lessons: one pool; spare systems; pools apart; token APIs; KV behind a link."""
    return Plans(saved(lesson, tmp_path_factory.mktemp(lesson)) for lesson in LESSONS)


def saved(lesson: str, folder: Path) -> dict[str, Any]:
    """What ``solver solve`` saves of a lesson."""
    assert ending(["solve", lesson, "--no-compare", "--out", str(folder)])[0] == 0
    data: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return data


def ending(words: list[str]) -> tuple[object, str]:
    """Exit code and all that was said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main(words)
        except SystemExit as ended:
            return ended.code, said.getvalue()
    return None, said.getvalue()


@pytest.mark.parametrize("name", UNFIT)
def test_a_trace_that_cannot_be_scaled_is_refused(name: str, plans: list[Any], tmp_path: Path) -> None:
    plan, trace = tmp_path / "plan.json", tmp_path / "trace.csv"
    plan.write_text(json.dumps(plans[0]))
    trace.write_text(UNFIT[name])
    code, said, seconds, megabytes = cost(["simulate", str(plan), "--trace", str(trace)], tmp_path)
    assert code == 2, said
    assert f"{trace}:" in said.splitlines()[-1]
    assert seconds < SECONDS and megabytes < MEGABYTES


@pytest.mark.parametrize("name", FIT)
def test_any_other_trace_is_replayed(name: str, plans: list[Any], tmp_path: Path) -> None:
    plan, trace = tmp_path / "plan.json", tmp_path / "trace.csv"
    plan.write_text(json.dumps(plans[0]))
    trace.write_text(FIT[name])
    words = ["simulate", str(plan), "--trace", str(trace), "--requests", "300"]
    code, said, seconds, megabytes = cost(words, tmp_path)
    assert code in (0, 6), said
    assert seconds < 2 * SECONDS and megabytes < MEGABYTES


@pytest.mark.parametrize("command", ["simulate", "solve"])
def test_a_folder_that_cannot_be_made_is_told(command: str, plans: list[Any], tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(plans[0]))
    asked = str(plan) if command == "simulate" else LESSONS[0]
    code, said = ending([command, asked, "--out", str(plan / "below a file")])
    assert code == 2
    assert "cannot be written" in said and "our fault" not in said


def test_a_request_that_no_replica_can_hold_is_refused(plans: list[Any], tmp_path: Path) -> None:
    """Its prompt would be taken in for minutes: the time of its attention grows with the square."""
    plan, trace = tmp_path / "plan.json", tmp_path / "trace.csv"
    plan.write_text(json.dumps(plans[-1]))
    rows = [f"{n / 10},9,9\n" for n in range(5_000)]
    rows[4_321] = "432.1,100000000,9\n"  # the line after the head and 4,321 others
    trace.write_text(HEAD + "".join(rows))
    words = ["simulate", str(plan), "--trace", str(trace), "--requests", "5000"]
    code, said, seconds, _ = cost(words, tmp_path)
    assert code == 2, said
    assert f"{trace}:4323: a request of 100,000,009 tokens" in said and "holds" in said
    assert seconds < SECONDS
    assert ending([*words, "--arrivals-only"])[0] in (0, 6)


def test_bursts_beyond_any_traffic_are_refused(plans: list[Any], tmp_path: Path) -> None:
    """Gaps of such a variation would take more memory than there is."""
    plan = copy.deepcopy(plans[0])
    plan["inputs"]["workload"]["services"][0]["demand"]["cv2"] = 1e18
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan, indent=1))
    code, said = ending(["simulate", str(file)])
    assert code == 2
    assert f"{file}:" in said and "cv2" in said


VALUES: list[Any] = [
    0, -1, 1, 2, 0.5, 1e-300, 5e-324, 1e300, 1e9, 1e-9, 2**63, 10**30, True, None, "", "inf", "-inf", "1/3",
    "0", "nan", [], {}, "x", "a\nb", "\x1b[31m", "standing", "x" * 300,
]  # fmt: skip
FACTORS = [0.0, -1.0, 0.5, 2.0, 10.0, 1e-3, 1e3, 1e6, 1.01]
NUMBERS = ["0", "-1", "1", "100", "nan", "inf", "1e9", "", "x", "9" * 400, "1e-3", "5e-324", "2", "0x10", "٣"]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to all that holds nothing further."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not inner or not value:
        yield path
    else:
        for key, item in inner:
            yield from leaves(item, (*path, key))


def damaged(plan: dict[str, Any], edits: list[tuple[int, Any]]) -> dict[str, Any]:
    """The plan with some of its values others, or (a factor) multiplied."""
    made = copy.deepcopy(plan)
    for place, new in edits:
        paths = list(leaves(made))
        *parents, last = paths[place % len(paths)]
        node: Any = made
        for part in parents:
            node = node[part]
        number = isinstance(node[last], int | float) and isinstance(new, tuple)
        node[last] = node[last] * new[0] if number else new if not isinstance(new, tuple) else "x"
    return made


def test_a_prompt_beyond_all_whole_numbers_is_refused(plans: list[Any], tmp_path: Path) -> None:
    """Found by the long test: 2^63 tokens do not fit the machine's whole numbers."""
    plan = copy.deepcopy(plans[0])
    plan["inputs"]["workload"]["services"][0]["lengths"][0]["prompt_tokens"] = 2**63
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    code, said = ending(["simulate", str(tmp_path / "plan.json")])
    assert code == 2
    assert "prompt_tokens" in said


def test_a_number_of_a_point_in_quotes_is_a_number(plans: list[Any], tmp_path: Path) -> None:
    """Found by the long test: the report of a replay read what the replay had read as a number as text."""
    plan = copy.deepcopy(plans[0])
    for name in {p["point"] for p in plan["pools"]}:
        kept = plan["points"][name]["kv_bytes"]
        plan["points"][name]["kv_bytes"] = [repr(value) for value in kept]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    code, said = ending(["simulate", str(tmp_path / "plan.json"), "--requests", "200"])
    assert code == 0, said


def test_a_pool_whose_requests_take_no_slots_is_refused(plans: list[Any], tmp_path: Path) -> None:
    """Found by the long test: the memory of a sequence is told by its slots."""
    plan = copy.deepcopy(plans[LESSONS.index("37-prefill-and-decode-apart")])
    (name,) = {p["point"] for p in plan["pools"] if p["phase"] == "decode"}
    point = plan["points"][name]
    point["use"][point["resources"].index("slots")] = [0.0] * len(point["use"][0])
    text, file = json.dumps(plan, indent=1), tmp_path / "plan.json"
    file.write_text(text)
    code, said = ending(["simulate", str(file)])
    line = 1 + text[: text.index(f"{json.dumps(name)}: {{")].count("\n")
    assert (code, said[: len(f"{file}:{line}: ")]) == (2, f"{file}:{line}: ")
    assert name in said and "no length bucket takes slots" in said


def test_a_prompt_that_takes_longer_than_floats_tell_is_replayed(plans: list[Any], tmp_path: Path) -> None:
    """Found by setting every number of a plan in turn: the square of such a time is infinite."""
    plan = copy.deepcopy(plans[LESSONS.index("46-kv-behind-a-link")])
    for point in plan["points"].values():
        point["step"] |= {"prefill_s": 1e300, "prefill_quadratic_s": 1e-9}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    code, said = ending(["simulate", str(tmp_path / "plan.json"), "--requests", "200"])
    assert code == 6, said


@pytest.mark.parametrize("name", ["mtbf_hours", "repair_hours"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_system_that_is_never_up_or_never_down_is_refused(
    name: str, value: int, plans: list[Any], tmp_path: Path
) -> None:
    """Found by the long test: the share of time that a system is up divides by it."""
    plan = copy.deepcopy(plans[LESSONS.index("26-availability")])
    plan["inputs"]["systems"]["dgx-h100"][name] = value
    text, file = json.dumps(plan, indent=1), tmp_path / "plan.json"
    file.write_text(text)
    code, said = ending(["simulate", str(file)])
    place = text.index(f'"{name}": {value}', text.index('"systems": {'))
    where = f"{file}:{1 + text[:place].count(chr(10))}: inputs.systems.dgx-h100: {name}"
    assert (code, said.strip()) == (2, f"{where}: input should be greater than 0")


value = st.sampled_from(VALUES) | st.sampled_from(FACTORS).map(lambda f: (f,))
edits = st.lists(st.tuples(st.integers(0, 10**6), value), max_size=3)
trace = st.sampled_from(
    ["@/unfit", "@/fit", "chat=@/fit", "=@/fit", "nowhere.csv", "", ".", "a\nb", "\x1b[31m"]
)
numeric = st.sampled_from(["--seed", "--replays", "--period", "--mtbf", "--repair", "--requests"])
few = st.sampled_from(["--arrivals-only", "--failures", "--smallest", "--json"]).map(lambda o: [o])
option = (
    st.tuples(st.just("--trace"), trace).map(list)
    | st.tuples(numeric, st.sampled_from(NUMBERS)).map(list)
    | few
)
options = st.lists(option, max_size=4).map(lambda parts: [word for part in parts for word in part])


def replays_of(words: list[str]) -> int:
    """How many replays the options ask for; the search for the smallest fleet adds that of the largest."""
    asked = [words[n + 1] for n, word in enumerate(words) if word == "--replays"]
    number = int(asked[-1]) if asked and asked[-1].isdecimal() and len(asked[-1]) < 4 else 1
    return max(number, 1) * (2 if "--smallest" in words else 1)


def check(plan: dict[str, Any], words: list[str], folder: Path) -> None:
    """The command ends well; "@" stands for the folder."""
    file = folder / "plan.json"
    file.write_text(json.dumps(plan))
    for name, text in (("unfit", UNFIT["one moment"]), ("fit", FIT["two requests"])):
        (folder / name).write_text(text)
    places = [str(folder).join(w.split("@")) for w in words]
    requests = [] if "--requests" in words else ["--requests", "200"]
    began = time.process_time()
    code, said = ending(["simulate", str(file), *places, *requests])
    assert time.process_time() - began < MOST_CPU_S * replays_of(words), said
    assert code in (0, 2, 6), said
    assert said and "our fault" not in said and "\x1b" not in said
    assert code != 0 or not any(word in said for word in (" nan", "NaN", "Infinity"))


SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(st.integers(0, len(LESSONS) - 1), edits, options)
def test_damaged_plans_and_any_options(
    plans: list[Any], tmp_path: Path, which: int, changes: list[tuple[int, Any]], words: list[str]
) -> None:
    check(damaged(plans[which], changes), words, tmp_path)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None, suppress_health_check=SLOW)
@given(st.integers(0, len(LESSONS) - 1), edits, options)
def test_damaged_plans_and_any_options_long(
    plans: list[Any], tmp_path: Path, which: int, changes: list[tuple[int, Any]], words: list[str]
) -> None:
    check(damaged(plans[which], changes), words, tmp_path)
