"""Ctrl-C in a real process: what was found is checked and shown, with exit code 130 and an honest gap."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_groups import workload_text

from solver.cli import options


def computed_s(pid: int) -> float:
    """Seconds of computing that a running process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_s() -> float:
    """Seconds of computing of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_signal_ends_a_real_solve_soon_and_honestly(tmp_path: Path) -> None:
    """A week of unlike hours at gap 0 does not end by itself within the ten minutes that it is allowed."""
    path = tmp_path / "w.yaml"
    path.write_text(workload_text(random.Random(8), hours=168, levels=168, sites=3))
    command = [sys.executable, "-m", "solver.cli.app", "solve", str(path), "--json", "--no-compare"]
    before = children_s()
    process = subprocess.Popen(
        [*command, "--time-limit", "600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )
    while computed_s(process.pid) < 6:
        assert process.poll() is None
        time.sleep(0.2)
    used = computed_s(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    took = children_s() - before - used
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert took < 2.5  # seconds of computing: tests run beside others
    plan = json.loads(out)
    assert plan["outcome"] == "interrupted"
    if (
        plan["objective_usd"] is not None
    ):  # a plan had been found: it is verified, and says how far from proven
        assert (plan["outcome"], plan["verified"]) == ("interrupted", True)
        assert plan["bound_usd"] <= plan["objective_usd"]
    else:
        assert b"interrupted before a plan was found" in err


def test_a_long_search_gives_signs_of_life_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(options, "SIGN_S", 0.02)
    for terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        with options.signs_of_life("searching", 120):
            time.sleep(0.2)
        said = capsys.readouterr().err
        assert said.startswith("searching (0 s of 120 s; Ctrl-C") == terminal, said
    time.sleep(0.1)
    assert not capsys.readouterr().err  # over when the search is
