"""Mélange problems: read exactly, and refused with the line."""

import json
from pathlib import Path
from typing import Any

import pytest

from solver.errors import InputError
from solver.inputs.melange import MelangeGpu, read_melange

PROBLEM: dict[str, Any] = {
    "gpu_info": {
        "A10G": {"cost": 1.01, "tputs": [[2, 1], [0.5, 0]]},
        "A100-80GB": {"cost": 3.67, "tputs": [[20, 2.5e0], [5, 1]]},
    },
    "workload_distribution": [[0.25, 0.25], [0.5, 0.0]],
    "total_request_rate": 30.0,
    "slice_factor": 4,
}


def put(folder: Path, problem: object, indent: int | str | None = 2) -> Path:
    path = folder / "m.json"
    path.write_text(json.dumps(problem, indent=indent))
    return path


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_read(tmp_path: Path, indent: int | str | None) -> None:
    instance = read_melange(put(tmp_path, PROBLEM, indent))
    assert instance.gpus[0] == MelangeGpu("A10G", 1.01, ((2.0, 1.0), (0.5, 0.0)))
    assert (instance.total_rps, instance.slice_factor) == (30.0, 4)
    assert instance.rates() == {(0, 0): 7.5, (0, 1): 7.5, (1, 0): 15.0}
    assert instance.unserved() == ()


def test_a_zero_throughput_means_cannot_serve(tmp_path: Path) -> None:
    shares = [[0.25, 0.25], [0.25, 0.25]]
    only = {"gpu_info": {"A10G": PROBLEM["gpu_info"]["A10G"]}, "workload_distribution": shares}
    assert read_melange(put(tmp_path, {**PROBLEM, **only})).unserved() == ((1, 1),)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gpu_info": {}}, "names no GPU type"),
        ({"gpu_info": {"A": 3}}, "'A' is not a mapping"),
        ({"gpu_info": {"A": {"cost": -1, "tputs": [[1, 1], [1, 1]]}}}, "gpu_info.A.cost is '-1'"),
        ({"gpu_info": {"A": {"cost": 1, "tputs": [[1, 1]]}}}, "have different shapes"),
        ({"gpu_info": {"A": {"cost": 1, "tputs": 7}}}, "not a list of lists"),
        ({"workload_distribution": [[0.5, -0.25], [0, 0]]}, "workload_distribution.0.1 is '-0.25'"),
        ({"workload_distribution": [["x", 1], [0, 0]]}, "workload_distribution.0.0 is 'x'"),
        ({"total_request_rate": None}, "total_request_rate is 'nothing'"),
        ({"slice_factor": 0.5}, "slice_factor is not a count"),
        ({"slices": 2}, "unknown key 'slices'"),
    ],
)
def test_refused_with_the_line(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = put(tmp_path, {**PROBLEM, **change})
    with pytest.raises(InputError) as caught:
        read_melange(path)
    complaint = next(c for c in caught.value.complaints if words in c.problem)
    assert complaint.place.file == str(path)
    assert complaint.place.line > 1
    assert complaint.remedy


def test_not_a_problem(tmp_path: Path) -> None:
    for problem in ([1], {}):
        with pytest.raises(InputError):
            read_melange(put(tmp_path, problem))
