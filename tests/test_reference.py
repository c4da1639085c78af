"""The reference instance ships as its script writes it, has the sizes it claims, and solves in its gap."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from solver.engine.solve import Request, solve
from solver.formulation.prepare import prepare
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.inputs.workload import load_workload
from solver.paths import find_workload, workload_dir
from solver.performance.calibration import load_calibration

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "reference.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_same_seed_writes_the_shipped_bytes(tmp_path: Path, script: dict[str, Any]) -> None:
    file = script["write"](tmp_path, 42)
    assert file.read_bytes() == (workload_dir() / file.name).read_bytes()
    written = sorted((tmp_path / "reference").iterdir())
    assert len(written) == 5
    for path in written:
        assert path.read_bytes() == (workload_dir() / "reference" / path.name).read_bytes()
    other = script["write"](tmp_path / "other", 43)
    assert other.read_bytes() != file.read_bytes()


def test_it_has_the_size_it_claims() -> None:
    """8,760 hours x 5 services x 10 buckets x 30 points x 3 sites x 4 years; written out, over a million
    columns: each of 30 points at 3 sites takes the 10 buckets of its service in each of 4 x 8,760 hours."""
    loaded = resolve_references(load_workload(find_workload("42-reference")), load_catalog())
    prepared = prepare(loaded.workload, load_catalog(), load_calibration())
    problem = prepared.problem
    assert [len(s.demand.rate_rps) for s in problem.services] == [8760] * 5
    assert [len(s.lengths) for s in problem.services] == [10] * 5
    assert (len(problem.points), len(problem.sites), len(problem.epochs)) == (30, 3, 4)
    assert len(prepared.all_periods) > 4 * 8000  # nearly every hour is another vector
    served = sum(sum(point.serves) for point in problem.points)
    assert served * len(problem.sites) * len(problem.epochs) * 8760 > 30_000_000
    priced = {len(group.streams) for group in prepared.groups}
    assert priced == {1}  # nothing couples the services within an hour
    assert {group.even for group in prepared.groups} == {True, False}


@pytest.mark.long
def test_it_solves_within_a_tenth_of_a_per_cent() -> None:
    plan = solve(load_workload(find_workload("42-reference")), request=Request(1e-3, 600.0, compare=False))
    assert plan.verified
    assert plan.gap <= 1e-3
    assert plan.certified_bound_usd is not None
    assert plan.certified_bound_usd <= plan.objective_usd
