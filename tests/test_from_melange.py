"""Mélange problems as workloads: never dearer than the published formulation, and fast.

The baseline is a re-implementation of that formulation (arXiv 2404.14527): each bucket cut into slices, each
slice on one GPU type, the load of a type within its whole number of instances, solved by CBC
(benchmarks/melange.py).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from solver.cli.app import main
from solver.engine.solve import Request, solve
from solver.errors import InfeasibleError, InputError
from solver.inputs.catalogs import load_catalog
from solver.inputs.from_melange import workload_of
from solver.inputs.melange import read_melange
from solver.inputs.workload import apply_overrides, load_workload
from solver.performance.calibration import load_calibration
from solver.plan.plan import Plan

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from melange import generated, sliced_cost

PAPER: dict[str, Any] = {
    "gpu_info": {
        "A10G": {"cost": 1.01, "tputs": [[2, 1], [0.5, 0]]},
        "A100-80GB": {"cost": 3.67, "tputs": [[20, 2.5], [5, 1]]},
    },
    "workload_distribution": [[0.25, 0.25], [0.25, 0.25]],
    "total_request_rate": 4.0,
    "slice_factor": 2,
}


def put(folder: Path, problem: dict[str, Any]) -> Path:
    path = folder / "m.json"
    path.write_text(json.dumps(problem))
    return path


def plan_of(path: Path, **options: Any) -> Plan:
    workload = path.with_suffix(".yaml")
    with pytest.raises(SystemExit) as end:
        main(["workload", "from-melange", str(path), "-o", str(workload)])
    assert end.value.code in (None, 0)
    plan = solve(
        load_workload(workload), load_catalog(), load_calibration(), Request(compare=False, **options)
    )
    assert plan.verified
    return plan


def test_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One request/s per bucket. Bucket 4 takes a whole A100 (1/1), the others 1/20 + 1/2.5 + 1/5 = 0.65 of a
    second one, or 1/2 + 1/1 + 1/0.5 = 3.5 A10G. Two A100 at 3.67 are the cheapest: 7.34; one with A10G must
    hold the first three buckets on A10G: 3.67 + 4 x 1.01 = 7.71."""
    plan = plan_of(put(tmp_path, PAPER))
    assert plan.objective_usd == pytest.approx(7.34)
    assert {(s.system, s.count) for s in plan.systems} == {("A100-80GB", 2)}
    assert "2 GPU types, 4 length buckets" in capsys.readouterr().out


def test_a_zero_throughput_means_cannot_serve(tmp_path: Path) -> None:
    plan = plan_of(put(tmp_path, PAPER | {"workload_distribution": [[0, 0], [0, 1.0]]}))
    assert {(s.system, s.count) for s in plan.systems} == {("A100-80GB", 4)}
    shares = [[0.5, 0.0], [0.0, 0.5]]
    lacking = {"A10G": PAPER["gpu_info"]["A10G"]}
    path = put(tmp_path, PAPER | {"gpu_info": lacking, "workload_distribution": shares})
    with pytest.raises(
        InfeasibleError, match=r"m.json:1:\d+: no GPU type serves workload_distribution\[1\]\[1\]"
    ):
        workload_of(read_melange(path), path, "m", "llama-3.1-8b")


def test_names_of_the_catalog_are_not_taken_for_its_systems(tmp_path: Path) -> None:
    gpus = {"dgx-h100": {"cost": 1.0, "tputs": [[2.0]]}}
    problem = PAPER | {"gpu_info": gpus, "workload_distribution": [[1.0]]}
    plan = plan_of(put(tmp_path, problem))
    assert [(s.system, s.count, s.cost_usd) for s in plan.systems] == [("melange-dgx-h100", 2, 2.0)]


@pytest.mark.parametrize("seed", range(6))
def test_never_dearer_than_slices(tmp_path: Path, seed: int) -> None:
    path = put(tmp_path, generated(seed, types=2 + seed % 3, side=2 + seed % 2, slices=2 + seed % 2))
    theirs, proven = sliced_cost(read_melange(path), seconds=20)
    ours = plan_of(path)
    assert ours.gap == 0
    assert ours.objective_usd <= theirs + 1e-6
    assert proven


def test_slices_cost_more_where_a_bucket_wants_to_be_split(tmp_path: Path) -> None:
    """3 requests/s of one bucket; A serves 2/s for 2 $, B 1/s for 1.5 $. One A and one B: 3.5 $. The whole
    bucket as one slice needs two A (4 $) or three B (4.5 $)."""
    gpus = {"A": {"cost": 2, "tputs": [[2]]}, "B": {"cost": 1.5, "tputs": [[1]]}}
    problem = {"gpu_info": gpus, "workload_distribution": [[1]], "total_request_rate": 3, "slice_factor": 1}
    path = put(tmp_path, problem)
    assert sliced_cost(read_melange(path), 10) == (4.0, True)
    assert plan_of(path).objective_usd == pytest.approx(3.5)


@pytest.mark.parametrize("seed", range(3))
def test_twelve_types_and_a_hundred_buckets(tmp_path: Path, seed: int) -> None:
    path = put(tmp_path, generated(100 + seed, types=12, side=10))
    plan_of(path)  # warm: the catalogs are read once
    loaded = load_workload(path.with_suffix(".yaml"))
    started = time.process_time()  # CPU seconds: prepare, solve, repair, verify
    plan = solve(loaded, load_catalog(), load_calibration(), Request(compare=False))
    spent = time.process_time() - started
    assert plan.gap == 0
    assert len(plan.points) > 1
    theirs, _ = sliced_cost(read_melange(path), seconds=3)

    assert plan.objective_usd <= theirs + 1e-6
    assert spent < 1


@pytest.mark.parametrize(
    ("change", "code", "cost"),
    [
        ({"total_request_rate": 1e-4}, 0, 1.01),  # the least is one instance of the cheapest that serves all
        ({"total_request_rate": 1e6}, 0, None),
        ({"slice_factor": 8}, 0, 7.34),
        ({"workload_distribution": [[1, 0], [0, 0]]}, 0, 2 * 1.01),  # 4 requests/s at 2 each
        ({"workload_distribution": [[2, 0], [0, 0]]}, 0, 3.67),  # not normalised: 8 requests/s, A100 has 20
        ({"gpu_info": {"A": {"cost": 1, "tputs": [[1, 1], [1, 0]]}}}, 3, None),
        ({"gpu_info": {"A": {"cost": 1, "tputs": [[1, 1]]}}}, 2, None),
        ({"gpu_info": {}}, 2, None),
        ({"workload_distribution": [[0, 0], [0, 0]]}, 2, None),
        ({"slice_factor": 0.5}, 2, None),
        ({"gpus": 3}, 2, None),
    ],
)
def test_shapes_of_problems(
    tmp_path: Path, change: dict[str, Any], code: int, cost: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    gpus = {"A10G": PAPER["gpu_info"]["A10G"] | {"tputs": [[2, 1], [0.5, 0.1]]}}
    problem = PAPER | {"gpu_info": PAPER["gpu_info"] | (gpus if cost == 1.01 else {})} | change
    path = put(tmp_path, problem)
    if code == 0:
        plan = plan_of(path)
        assert cost is None or plan.objective_usd == pytest.approx(cost)
        return
    with pytest.raises(SystemExit) as end:
        main(["workload", "from-melange", str(path), "-o", str(tmp_path / "m.yaml")])
    assert end.value.code == code
    assert "m.json" in capsys.readouterr().err


def test_nothing_is_priced_per_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The lengths of such a workload number its buckets."""
    plan = plan_of(put(tmp_path, PAPER))
    assert (plan.usd_per_m_tokens, plan.usd_per_m_output_tokens) == (0, 0)
    with pytest.raises(SystemExit):
        main(["solve", str(tmp_path / "m.yaml")])
    told = capsys.readouterr().out
    assert "$7.34" in told
    assert "tokens" not in told


def test_numbers_of_buckets_need_measurements(tmp_path: Path) -> None:
    plan_of(put(tmp_path, PAPER))
    with pytest.raises(InputError, match="write profiles: only"):
        apply_overrides(load_workload(tmp_path / "m.yaml"), ["hardware.profiles=measured"])
    with pytest.raises(InputError, match="acquisitions without api"):
        apply_overrides(load_workload(tmp_path / "m.yaml"), ["services.0.acquisitions=[rent, api]"])


@pytest.mark.parametrize("key", ["gpu_info", "workload_distribution", "total_request_rate"])
def test_a_missing_key_is_named_once(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError) as caught:
        read_melange(put(tmp_path, {k: v for k, v in PAPER.items() if k != key}))
    assert len(caught.value.complaints) == 1
    assert key in caught.value.complaints[0].problem


def test_the_rate_by_its_older_name(tmp_path: Path) -> None:
    problem = {k: v for k, v in PAPER.items() if k != "total_request_rate"} | {"overall_rate": 4.0}
    assert plan_of(put(tmp_path, problem)).objective_usd == pytest.approx(7.34)
