"""Own measurements of a GPU: `solver validate` takes the shipped file; none beats its bound or is fitted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from solver.cli.app import app
from solver.inputs.catalogs import load_catalog
from solver.paths import catalog_dir
from solver.performance import own_check, quantities, roofline
from solver.performance.calibration import load_calibration
from solver.performance.mapping import hardware_names
from solver.performance.measured import read_measurements, row_marks
from solver.performance.quantities import Efficiency, Group, Machine

FILE = catalog_dir() / own_check.FILE


@pytest.fixture(scope="module")
def own() -> own_check.OwnCheck:
    return own_check.own_check(load_calibration(), load_catalog())


def test_validate_takes_the_shipped_file() -> None:
    result = CliRunner().invoke(app, ["validate", str(FILE), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["mapped"] == len(FILE.read_text(encoding="utf-8").splitlines()) - 1
    assert found["unmapped"] == {} and found["wrong_inputs"] == 0
    assert "no row of this file was fitted" in found["basis"]
    assert found["metrics"]["tpot_ms"]["within_half"] == 1.0


def test_no_row_is_fitted_and_none_beats_its_bound(own: own_check.OwnCheck) -> None:
    assert not row_marks(FILE) & load_calibration().marks
    assert (own.comparison.bound <= own.rows.value).all()
    assert (own.device < own.comparison.predicted).any()


def test_steps_of_a_dense_model_follow_batch_and_context(own: own_check.OwnCheck) -> None:
    """The form, whatever the constants: what a step costs more with more sequences of a longer context."""
    mine = own.case("llama-3.1-8b", "fp16", "tpot_ms")
    alone = own.rows.sequences == 1
    measured, device = (x[mine] - x[mine & alone].min() for x in (own.rows.value, own.device))
    grown = measured > 1.0
    assert grown.sum() >= 8
    assert np.median(np.abs(device[grown] / measured[grown] - 1)) < 0.1


@pytest.mark.parametrize(("engine", "generation"), [("PyTorch 2.11", "vllm-2026"), ("CUDA C++", "mlperf-6")])
def test_bf16_outside_mlperf_is_bf16(engine: str, generation: str, tmp_path: Path) -> None:
    """In MLPerf it may be the reference's precision; a runtime in an engine's name makes no MLPerf result."""
    text = FILE.read_text(encoding="utf-8").replace("PyTorch 2.11.0+cu130", engine)
    copy = tmp_path / "own.csv"
    copy.write_text(text, encoding="utf-8")
    rows, _ = read_measurements(copy, load_catalog(), hardware_names())
    assert set(rows.labels.generation) == {generation}
    assert (rows.labels.precision == "fp16").sum() == text.count(",bf16,bf16,")
    copy.write_text(text.replace("own measurement", "MLPerf Inference v6.0"), encoding="utf-8")
    rows, _ = read_measurements(copy, load_catalog(), hardware_names())
    assert not (rows.labels.precision == "fp16").any()


def test_a_prompt_reads_the_experts_it_uses() -> None:
    """For the bound 100 tokens may all choose the same 8 of 128; independent choices read nearly all."""
    model = load_catalog().models["qwen3-30b-a3b"]
    shape = quantities.shape(model, "fp16", "fp16")
    machine, group = Machine(1e9, 1e15, 1e15, 1e9, 1e9, 1e15), Group(1.0, 1.0, 1.0)
    for independent, read in ((0.0, 8.0), (1.0, 128 * (1 - (1 - 8 / 128) ** 100))):
        efficiency = replace(Efficiency.ideal(), independent=independent)
        first = roofline.prefill(shape, machine, group, efficiency, 100.0)
        assert first.weights_s == pytest.approx((shape.dense_bytes + read * shape.expert_bytes) / 1e9)


def test_the_bound_of_a_prompt_passes_the_output_matrix_once() -> None:
    """7.505 billion parameters that a token of Llama-3.1-8B uses, 128,256 x 4,096 of them for logits."""
    shape = quantities.shape(load_catalog().models["llama-3.1-8b"], "fp16", "fp16")
    machine, group = Machine(1e9, 1e15, 1e15, 1e9, 1e9, 1e15), Group(1.0, 1.0, 1.0)
    fitted = replace(Efficiency.ideal(), prompt_head=1.0)
    bound, as_fitted = (
        roofline.prefill(shape, machine, group, e).alone_s for e in (Efficiency.ideal(), fitted)
    )
    assert as_fitted == pytest.approx(2 * 7.505e9 / 1e15, rel=1e-3)
    assert as_fitted - bound == pytest.approx(2 * 128_256 * 4096 / 1e15)
