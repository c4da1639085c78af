"""Ctrl-C in a real process: what was found is checked and shown, with exit code 130 and an honest gap."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from test_groups import workload_text


def test_a_signal_ends_a_real_solve_soon_and_honestly(tmp_path: Path) -> None:
    """A week of unlike hours at gap 0 does not end by itself within the minute that the test allows."""
    path = tmp_path / "w.yaml"
    path.write_text(workload_text(random.Random(8), hours=168, levels=168, sites=3))
    command = [sys.executable, "-m", "solver.cli.app", "solve", str(path), "--json", "--no-compare"]
    process = subprocess.Popen(
        [*command, "--time-limit", "60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(8)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    sent = time.perf_counter()
    out, err = process.communicate(timeout=60)
    took = time.perf_counter() - sent
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert took < 20  # 2 s on an idle machine; tests run beside others
    plan = json.loads(out)
    assert plan["outcome"] == "interrupted"
    if (
        plan["objective_usd"] is not None
    ):  # a plan had been found: it is verified, and says how far from proven
        assert (plan["outcome"], plan["verified"]) == ("interrupted", True)
        assert plan["bound_usd"] <= plan["objective_usd"]
    else:
        assert b"interrupted before a plan was found" in err
