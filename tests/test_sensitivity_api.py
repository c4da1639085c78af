"""The Python face gives what the commands give, as data frames, and costs nothing to import."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from solver import load, solve, sweep
from solver.cli.app import app
from solver.errors import InputError, UsageError

RANGE = {"dgx-b200": (100_000.0, 1_000_000.0)}


def test_solve_gives_plan_and_frames() -> None:
    found = solve(load("02-argument-loose"), compare=False)
    assert found.plan.verified and isinstance(found.tables["systems"], pd.DataFrame)
    assert found.tables["costs"].usd.sum() == pytest.approx(found.plan.objective_usd)
    assert found.answer.startswith("Buy")


def test_sweep_equals_the_command(tmp_path: Path) -> None:
    found = sweep("06-three-services", price=RANGE)
    frame = found.tables["intervals"]
    assert list(frame.price_from[1:]) == pytest.approx(list(frame.price_to[:-1]))
    assert (frame.exact_check == "passed").all() and (frame.unfound_saving_share < 1e-4).all()
    arguments = ["sensitivity", "06-three-services", "--price", "dgx-b200=0.1M..1M", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["answer"] == list(found.findings.answer)
    assert pd.DataFrame(shown["tables"]["intervals"]).equals(frame)
    found.write(tmp_path)
    assert json.loads((tmp_path / "findings.json").read_text()) == shown
    for key, table in found.tables.items():
        stored = pd.read_parquet(tmp_path / "tables" / f"{key}.parquet")
        pd.testing.assert_frame_equal(stored, table, check_dtype=False)
        assert len(pd.read_csv(tmp_path / "tables" / f"{key}.csv")) == len(table)


def test_two_prices_cover_the_plane() -> None:
    box = {"dgx-b200": (100_000.0, 1_000_000.0), "cerebras-cs3": (100_000.0, 3_000_000.0)}
    found = sweep("06-three-services", price=box)
    areas = found.findings.figures[0].areas
    size = 0.0
    for _, p in areas:
        size += abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(p, (*p[1:], p[0]), strict=True))) / 2
    assert size == pytest.approx(900_000 * 2_900_000, rel=1e-6)


def test_demand_breakpoints_are_brackets() -> None:
    found = sweep("02-argument-loose", vary={"tpot": (0.02, 1.0)})
    changes = found.tables["changes"]
    assert len(changes) >= 1
    assert ((changes.first_after - changes.last_before) <= 0.005 * 0.98 + 1e-9).all()
    assert (changes.fleet_before != changes.fleet_after).all()


def test_complaints() -> None:
    with pytest.raises(UsageError, match="one of"):
        sweep("02-argument-loose")
    with pytest.raises(UsageError, match="low below high"):
        sweep("02-argument-loose", price={"dgx-b200": (2.0, 1.0)})
    with pytest.raises(InputError, match="did you mean dgx-b200"):
        sweep("02-argument-loose", price={"dgx-b20": (1.0, 2.0)})
    with pytest.raises(AttributeError):
        __import__("solver").nothing  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import solver, sys; print(any(m in sys.modules for m in ('pandas', 'scipy', 'pulp', 'solver.api')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_entry_price_is_that_of_the_plan() -> None:
    """The Newton steps of `solver solve` and the intersected lines of the sweep meet at one price."""
    entry = solve("06-three-services").plan.break_even[0]
    assert entry.price_enters_usd is not None
    frame = sweep("06-three-services", price={entry.system: (0.0, entry.price_now_usd)}).tables["thresholds"]
    found = frame[(frame.in_fleet_from == 0) & (frame.in_fleet_to < 0.999 * entry.price_now_usd)]
    assert entry.price_enters_usd == pytest.approx(float(found.in_fleet_to.max()), rel=1e-4)


def test_a_technology_is_swept_as_by_the_command() -> None:
    """A wafer successor on N2: the layers at which it displaces CS-3 are those of the command."""
    changes = ["services.0.levels.tokens_per_s_per_user=600", "hardware.include=[cerebras-cs3]"]
    loaded = load("03-argument-fast", changes)
    found = sweep(loaded, vary={"design.layers": (0.0, 8.0)}, design="sram-wafer,node=n2")
    options = [part for change in changes for part in ("--set", change)]
    arguments = ["sensitivity", "03-argument-fast", *options, "--design", "sram-wafer,node=n2"]
    result = CliRunner().invoke(app, [*arguments, "--vary", "design.layers=0..8", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["answer"] == list(found.findings.answer)
    with pytest.raises(UsageError, match="design"):
        sweep(loaded, vary={"design.layers": (0.0, 8.0)})
