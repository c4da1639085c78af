"""Hostile files cost little: each ends in exit code 2 with a place, in 2 s of computing and below 300 MB."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECONDS, MEGABYTES = 2.0, 300.0
HEAD = "timestamp,prompt_tokens,output_tokens\n"
WORKLOAD = """services:
  - model: llama-3.1-8b
    demand: 5 requests/s
    lengths: {prompt: 512, output: 128}
    levels: {ttft: 500 ms, tpot: 50 ms}
"""


def bomb() -> str:
    """Aliases that would expand to ten to the ninth leaves."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    return "\n".join(lines)


def plan(unit: str, times: int) -> str:
    """A plan of nothing but one list, as large as plans may be."""
    return '{"format": "fleet-plan/1", "routes": [' + unit * times + "0]}"


FILES = {
    "alias bomb.yaml": bomb(),
    "deep.yaml": "[" * 100_000,
    "deep mapping.yaml": "".join(" " * n + "a:\n" for n in range(2_000)),
    "long number.yaml": WORKLOAD + f"horizon: {'9' * 100_000} years\n",
    "long exponent.yaml": WORKLOAD + "horizon: 1e999999999 years\n",
    "long key.yaml": WORKLOAD + "k" * 5_000_000 + ": 1\n",
    "many keys.yaml": WORKLOAD + "".join(f"k{n}: 1\n" for n in range(20_000)),
    "many services.yaml": "services:\n" + "  - {model: x}\n" * 20_000,
    "no text.yaml": "\x00" * 1_000_000,
    "long hour curve.yaml": WORKLOAD.replace("5 requests/s", f"{{day: [{'1, ' * 50_000}1]}}"),
    "one long line.csv": "timestamp," + "x" * 10_000_000,
    "many columns.csv": ",".join(f"c{n}" for n in range(200_000)) + "\n",
    "many bad rows.csv": HEAD + "x,y,z\n" * 50_000,
    "quotes.csv": HEAD + '"' * 5_000_001,
    "deep.jsonl": '{"timestamp":' + "[" * 100_000 + "\n",
    "long number.jsonl": '{"timestamp": ' + "9" * 1_000_000 + ', "input_length": 1, "output_length": 1}\n',
    "bad rows.jsonl": '{"timestamp": null, "input_length": 1, "output_length": 1}\n' * 200_000,
    "deep plan.json": '{"format": ' * 50_000,
    "long plan.json": '{"format": "fleet-plan/1", "notes": ["' + "x" * 2_000_000 + '"]}',
    "wide plan.json": json.dumps({"format": "fleet-plan/1", "routes": [{}] * 20_000}),
    "many empty lists plan.json": plan("[],", 2_600_000),
    "nested lists plan.json": plan("[" * 60 + "]" * 60 + ",", 3_000),
    "short objects plan.json": plan('{"a":1},', 190_000),
    "short texts plan.json": plan('"\u3042b",', 1_100_000),
    "short numbers plan.json": plan("1.5,", 1_900_000),
    "empty.json": "",
}
COMMANDS = {
    ".yaml": ["workload", "check", "FILE"],
    ".csv": ["workload", "from-trace", "FILE", "-o", "OUT"],
    ".jsonl": ["workload", "from-trace", "FILE", "-o", "OUT"],
    ".json": ["verify", "FILE"],
}


#: Runs a command from a small process: the peak of a child counts the memory of what it is forked from.
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump([done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], file)
sys.stdout.buffer.write(done.stdout)
"""


def cost(words: list[str], folder: Path) -> tuple[int, str, float, float]:
    """Exit code, what was said, seconds of computing and most megabytes of a command.

    A core that does other work beside computes more slowly: what took too long is run again, twice at most.
    """
    tries = [_cost(words, folder)]
    while tries[-1][2] >= SECONDS and len(tries) < 3:
        tries.append(_cost(words, folder))
    return tries[-1]


def _cost(words: list[str], folder: Path) -> tuple[int, str, float, float]:
    command = [sys.executable, "-c", "from solver.cli.app import main; main()", *words]
    figures = folder / "cost"
    measured = [sys.executable, "-c", MEASURE, str(figures), *command]
    said = subprocess.run(measured, stdout=subprocess.PIPE, check=True).stdout.decode()
    code, seconds, megabytes = json.loads(figures.read_text())
    return code, said, seconds, megabytes


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_costs_little(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(FILES[name])
    places = {"FILE": str(path), "OUT": str(tmp_path / "w.yaml")}
    code, said, seconds, megabytes = cost([places.get(w, w) for w in COMMANDS[path.suffix]], tmp_path)
    assert code == 2, said[-2000:]
    assert "Traceback" not in said and f"{path.name}" in said
    assert not (tmp_path / "w.yaml").exists()
    assert megabytes < MEGABYTES, f"{megabytes:.0f} MB"
    assert seconds < SECONDS, f"{seconds:.1f} s"


@pytest.fixture(scope="module")
def small_plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The plan of lesson 26: four systems and a spare."""
    folder = tmp_path_factory.mktemp("26")
    assert cost(["solve", "26-availability", "--no-compare", "--out", str(folder)], folder)[0] == 0
    made: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return made


def rejected(plan: dict[str, Any], folder: Path) -> str:
    """What is said of a plan that is read and fails the exact check, at little cost."""
    file = folder / "plan.json"
    file.write_text(json.dumps(plan))
    code, said, seconds, megabytes = cost(["verify", str(file)], folder)
    assert code == 6, said[-2000:]
    assert megabytes < MEGABYTES, f"{megabytes:.0f} MB"
    assert seconds < SECONDS, f"{seconds:.1f} s"
    return said


@pytest.mark.parametrize(("there", "mtbf_hours"), [(100_000, 8100.0), (100_000, 1e-300), (10**15, 8100.0)])
def test_a_plan_of_absurdly_many_systems_costs_little(
    there: int, mtbf_hours: float, small_plan: dict[str, Any], tmp_path: Path
) -> None:
    """Spares are counted: four are needed, or half of 10**15."""
    plan = copy.deepcopy(small_plan)
    plan["systems"][0]["count"] = there
    plan["inputs"]["systems"]["dgx-h100"]["mtbf_hours"] = mtbf_hours
    if there > 10**6:
        plan["pools"][0]["replicas"] = there // 2
    assert ("availability: " in rejected(plan, tmp_path)) == (mtbf_hours < 1 or there > 10**6)


@pytest.mark.parametrize(
    "what", ["systems", "pools", "routes", "large numbers", "periods", "sites", "offers"]
)
def test_a_plan_of_many_entries_costs_little(what: str, small_plan: dict[str, Any], tmp_path: Path) -> None:
    """Thousands of the entries of a plan, or shares over numbers of 400 digits."""
    plan = copy.deepcopy(small_plan)
    (system,), (pool,), (route,), (period,) = (plan[k] for k in ("systems", "pools", "routes", "periods"))
    (site,), offers = plan["inputs"]["workload"]["sites"], plan["inputs"]["offers"]
    if what in ("systems", "pools"):
        plan[what] += [system if what == "systems" else pool] * 10_000
    elif what == "routes":
        plan["routes"] += [route] * 20_000
    elif what == "large numbers":
        plan["routes"] += [{**route, "share": f"1/{10**399 + n}"} for n in range(9_000)]
    elif what == "periods":
        plan["periods"] += [{**period, "index": n} for n in range(1, 30_000)]
    else:
        names = [f"x{n}" for n in range(4_000)]
        plan["inputs"]["workload"]["sites"] += [{**site, "name": name} for name in names]
        plan["pools"] += [{**pool, "site": name} for name in names]
        plan["systems"] += [{**system, "site": name} for name in names]
        if what == "offers":
            offers |= {name: {**offers[system["offer"]], "id": name} for name in names}
    said = rejected(plan, tmp_path)
    assert ("too " in said) == (what in ("large numbers", "periods"))
