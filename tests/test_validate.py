"""Measurements in, errors out: mapping, synthetic recovery, intervals, limits of physics, the commands."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from solver.cli.calibrate import calibrate
from solver.cli.validate import validate
from solver.errors import InputError
from solver.inputs.catalogs import load_catalog
from solver.performance import accuracy, crossval, names, repeats
from solver.performance.calibration import load_calibration
from solver.performance.constants import NAMES
from solver.performance.fit import columns, fit, logs_of
from solver.performance.mapping import NameBook, hardware_names
from solver.performance.measured import COLUMNS, Rows, duplicates, read_measurements, row_marks
from solver.performance.serving import predict
from solver.performance.speculation import acceptance_needed, tokens_per_step

SHARED = Path(__file__).parents[2] / "shared" / "measurements" / "calibration.csv"
RUNNER = CliRunner()
PLAIN = {
    "hardware": "H100-SXM-80GB",
    "n_devices": "1",
    "model": "Llama-3.1-8B",
    "precision_weights": "bf16",
    "parallelism": "TP1",
    "engine": "vllm 0.15.1",
    "mode": "online",
    "isl": "1024",
    "osl": "1024",
    "concurrency_or_batch": "8",
    "metric": "tpot_ms",
    "value": "7",
    "source": "a test",
    "date": "2026-01",
    "spec_decode": "none",
}


def write(folder: Path, *rows: dict[str, str]) -> Path:
    file = folder / "measurements.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows([PLAIN | row for row in rows])
    return file


def read(folder: Path, *rows: dict[str, str]) -> tuple[Rows, dict[int, str]]:
    return read_measurements(write(folder, *rows), load_catalog(), hardware_names())


def ideal(**changes: float) -> dict[str, float]:
    none = ("burst", "expert_tile", "group_reading", "width_share", "activation_passes")
    zero = {n: 0.0 for n in NAMES if n.endswith(("_us", "_ms")) or n in none}
    return dict.fromkeys(NAMES, 1.0) | zero | changes


def test_single_stream_by_hand(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, {"mode": "single-stream", "isl": "1000", "osl": "1000"})
    weights, kv = 2 * 7.505e9, 1500 * 131072
    assert predict(rows, ideal())[0] == pytest.approx(1e3 * (weights + kv) / 3.35e12, rel=1e-3)


def test_static_batch_by_hand(tmp_path: Path) -> None:
    row = {
        "mode": "offline",
        "flags": "static_batch",
        "concurrency_or_batch": "4",
        "metric": "output_tok_s_total",
    }
    rows, _ = read(tmp_path, row)
    step = (2 * 7.505e9 + 4 * 1536 * 131072) / 3.35e12
    attention = 32 * 32 * 256 / 989e12
    prompt = 1024 * 2 * 7.505e9 / 989e12 + 1024**2 * attention
    latency = 4 * prompt + 1024 * step
    assert predict(rows, ideal())[0] == pytest.approx(4 * 1024 / latency, rel=1e-3)


def test_closed_loop_obeys_littles_law(tmp_path: Path) -> None:
    metrics = ("ttft_ms", "tpot_ms", "output_tok_s_total", "req_s", "total_tok_s")
    rows, _ = read(tmp_path, *({"metric": m} for m in metrics))
    ttft, tpot, rate, requests, total = predict(rows, ideal(layer_us=50.0, ttft_ms=40.0, burst=0.1))
    assert rate == pytest.approx(8 * 1024 / (ttft / 1e3 + 1024 * tpot / 1e3), rel=1e-9)
    assert requests == pytest.approx(rate / 1024)
    assert total == pytest.approx(2 * rate)


def test_what_cannot_be_mapped_is_named(tmp_path: Path) -> None:
    wrong = [
        {"hardware": "Abacus"},
        {"model": "Eliza"},
        {"n_devices": "", "parallelism": ""},
        {"concurrency_or_batch": ""},
        {"metric": "joy"},
        {"value": "-1"},
        {"parallelism": "disagg P[TP4 DP1 EP4 xNone] D[TP8 DP1 EP4 xNone]"},
        {"isl": ""},
    ]
    rows, unmapped = read(tmp_path, {}, *wrong)
    assert len(rows) == 1
    words = "catalog catalog chips concurrency metric positive worker prompt".split()  # noqa: SIM905
    assert len(unmapped) == len(wrong)
    for reason, word in zip(unmapped.values(), words, strict=True):
        assert word in reason


def test_a_model_that_its_chips_cannot_hold_is_refused_by_name(tmp_path: Path) -> None:
    """70 billion weights: 141 GB in 16 bits, 71 GB in 8; MLPerf results are of some precision that fits."""
    model = {"model": "Llama-3.1-70B"}
    untold = {"model": "Llama-2-70B", "precision_weights": "", "source": "MLPerf Inference v6.0 (somebody)"}
    pair = {"n_devices": "2", "parallelism": "TP2"}
    rows, unmapped = read(tmp_path, model, model | pair, model | {"precision_weights": "fp8"})
    assert unmapped == {0: "weights of Llama 3.1 70B in fp16 do not fit 1 x H100-SXM-80GB"}
    assert rows.labels.precision.tolist() == ["fp16", "fp8"]
    arc = {"hardware": "Arc-Pro-B70", "isl": "", "osl": ""}
    small, large = (untold | arc | {"n_devices": n, "parallelism": f"TP{n}"} for n in ("4", "8"))
    assert read(tmp_path, small, large)[0].labels.precision.tolist() == ["fp8", "fp16"]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("n_devices", "chips"),
        ("isl", "isl"),
        ("osl", "osl"),
        ("concurrency_or_batch", "concurrency"),
        ("value", "value"),
    ],
)
@pytest.mark.parametrize("text", ["0", "-3", "1e300", "inf"])
def test_numbers_out_of_range_are_named(column: str, words: str, text: str, tmp_path: Path) -> None:
    rows, unmapped = read(tmp_path, {}, {column: text})
    assert len(rows) == 1
    assert words in unmapped[1]


def test_models_and_systems_of_known_families_are_found_or_refused_by_name(tmp_path: Path) -> None:
    """Names that other rows of such sources bear; what is in no catalog is refused, never guessed."""
    known = ("B300-SXM-270GB", "Gaudi3", "MI325X", "TPU-v6e", "Trainium2", "RTX-PRO-6000")
    for name in known:
        rows, unmapped = read(tmp_path, {"hardware": name})
        assert (len(rows), unmapped) == (1, {}), name
    for name in ("GLM-5", "Qwen3-30B-A3B", "Mixtral-8x22B", "Falcon-180B", "Qwen2-72B", "DeepSeek-V3.2"):
        run = {"hardware": "GB300-NVL72", "model": name, "n_devices": "8", "parallelism": "TP8"}
        rows, unmapped = read(tmp_path, run)
        assert (len(rows), unmapped) == (1, {}), name
    for name in ("Llama-5-1T", "Qwen3-Next-80B-A3B", "DeepSeek-V9"):
        assert name in read(tmp_path, {"model": name})[1][0]
    assert "architecture is not published" in read(tmp_path, {"model": "llama-4-behemoth"})[1][0]


@pytest.mark.parametrize(
    ("name", "model", "precision"),
    [
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b", "fp16"),
        ("RedHatAI/Meta-Llama-3.1-70B-Instruct-FP8-dynamic", "llama-3.1-70b", "fp8"),
        ("RedHatAI/Llama-3.3-70B-Instruct-quantized.w4a16", "llama-3.3-70b", "fp4"),
        ("amd/Llama-3.1-405B-Instruct-MXFP4-Preview", "llama-3.1-405b", "fp4"),
        ("nvidia/DeepSeek-R1-0528-NVFP4-v2", "deepseek-r1", "fp4"),
        ("Qwen/Qwen2.5-72B-Instruct-GPTQ-Int8", "qwen2.5-72b", "fp8"),
        ("TheBloke/Llama-2-70B-Chat-AWQ", "llama-2-70b", "fp4"),
        ("Llama-4-Scout-17B-16E-Instruct", "llama-4-scout", "fp16"),
        ("llama3_1-405b", "llama-3.1-405b", "fp16"),
        ("openai/gpt-oss-120b", "gpt-oss-120b", "mxfp4"),
        ("deepseek-ai/DeepSeek-R1-0528", "deepseek-r1", "fp8"),
        ("Qwen3-30B-FP8", "qwen3-30b-a3b", "fp8"),
        ("Qwen/Qwen2.5-Coder-32B-Instruct-AWQ", "qwq-32b", "fp4"),
        ("google/gemma-3-4b-it", "gemma-3-4b", "fp16"),
        ("huggyllama/llama-65b", "llama-65b", "fp16"),
        ("qwen3_32b", "qwen3-32b", "fp16"),
        ("dsr1", "deepseek-r1", "fp8"),
    ],
)
def test_published_model_names_say_which_model_and_precision(
    name: str, model: str, precision: str, tmp_path: Path
) -> None:
    row = {"model": name, "precision_weights": "", "n_devices": "8", "parallelism": "TP8"}
    rows, unmapped = read(tmp_path, row | {"hardware": "GB300-NVL72"})
    assert unmapped == {}
    assert (rows.labels.model[0], rows.labels.precision[0]) == (model, precision)


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("NVIDIA H100 80GB HBM3", "dgx-h100"),
        ("H100 PCIe", "h100-pcie-8"),
        ("NVIDIA A100-SXM4-40GB", "a100-sxm40-8"),
        ("AMD Instinct MI300X 192GB HBM3", "mi300x-8"),
        ("gb200_nvl72", "gb200-nvl72"),
        ("Intel Gaudi 3", "gaudi3-8"),
        ("Google Cloud Trillium", "tpu-v6e-8"),
        ("d-Matrix Corsair", "dmatrix-corsair"),
        ("RTX PRO 6000 Blackwell Server Edition", "rtxpro6000-8"),
        ("A100-PCIe-40GB", None),  # the catalog has the card with 80 GB
        ("H100 NVL", "h100-nvl-8"),
        ("H20", None),
        ("GH200-144GB", "gh200-144"),
        ("NVIDIA GH200 Grace Hopper Superchip 96GB", "gh200-96"),
        ("GH200 x 2", "gh200-96"),
        ("Intel Data Center GPU Max 1550", "max1550-4"),
        ("2P EPYC 9005 server", "cpu-epyc-2p"),
        ("TPU v7x", "tpu-v7-4"),
        ("GroqRack", "groq-lpu1-card"),
        ("AMD EPYC 7763", None),
    ],
)
def test_hardware_names_of_any_spelling_are_found_or_refused(name: str, system: str | None) -> None:
    found = NameBook(load_catalog(), hardware_names()).system(name)
    assert (found.id if found else None) == system


@pytest.mark.parametrize(
    ("engine", "generation"),
    [
        ("vLLM 0.6.3", "vllm-2024"),
        ("vLLM v0.6.3", "vllm-2024"),
        ("vllm==0.9.1", "vllm-2025"),
        ("vllm 0.13.0", "vllm-2025"),
        ("vllm 0.14.0", "vllm-2026"),
        ("vllm-0.15.1", "vllm-2026"),
        ("vLLM", "vllm-2026"),
        ("SGLang v0.4.9", "sglang-2025"),
        ("TensorRT-LLM v0.20", "trtllm-2025"),
        ("TensorRT-LLM 0.14.0", "trtllm-2024"),
        ("TensorRT-LLM v1.0", "trtllm-2025"),
        ("TensorRT-LLM 1.2", "trtllm-2026"),
        ("TensorRT-LLM v0.14.0", "trtllm-2024"),
        ("TensorRT-LLM==0.20.0", "trtllm-2025"),
        ("tensorrt_llm 1.2.0rc6", "trtllm-2026"),
        ("Dynamo TRT-LLM", "trtllm-2026"),
        ("trt-llm", "trtllm-2026"),
        ("lmsysorg/sglang:v0.5.8", "sglang-2026"),
        ("TRT-LLM 1.3.0rc20", "trtllm-2026"),
        ("a new engine", "vendor"),
    ],
)
def test_engines_of_any_spelling_have_a_generation(engine: str, generation: str) -> None:
    assert names.generation(engine, "a test") == generation


@pytest.mark.parametrize(("date", "generation"), [("2025-12-31", "vllm-2025"), ("2026-01-20", "vllm-2026")])
def test_vllm_without_a_version_is_that_of_its_day(date: str, generation: str) -> None:
    """0.14, the first that schedules while a step runs unless told otherwise, is of January 2026."""
    assert names.generation("vLLM", "a test", date) == generation
    assert names.generation("vllm 0.9.1", "a test", date) == "vllm-2025"


def test_lengths_of_a_benchmark_suite_follow_the_model_by_any_name(tmp_path: Path) -> None:
    row = {"source": "MLPerf Inference v5.1", "mode": "offline", "metric": "req_s", "isl": "", "osl": ""}
    row |= {"concurrency_or_batch": "", "n_devices": "8", "parallelism": ""}
    for name in ("Llama-2-70B", "meta-llama/Llama-2-70b-chat-hf"):
        rows, unmapped = read(tmp_path, {**row, "model": name})
        assert unmapped == {}
        assert (rows.prompt[0], rows.output[0]) == (294.0, 290.0)
    assert "prompt length" in read(tmp_path, {**row, "model": "openai/gpt-oss-120b"})[1][0]


def test_kv_of_four_bits_is_half_of_eight(tmp_path: Path) -> None:
    rows, unmapped = read(tmp_path, *({"precision_kv": p} for p in ("bf16", "fp8", "nvfp4", "mxfp4")))
    assert unmapped == {}
    assert (rows.shape.kv_bytes / rows.shape.kv_bytes[0]).tolist() == [1.0, 0.5, 0.25, 0.25]


def test_a_count_in_the_hardware_name_counts_chips(tmp_path: Path) -> None:
    for name in ("8xH100", "H100x8", "H100 x 8"):
        rows, unmapped = read(tmp_path, {"hardware": name, "n_devices": "", "parallelism": "tp=8"})
        assert unmapped == {}, name
        assert (rows.decode.tensor[0], rows.decode_count[0]) == (8, 1), name


def test_words_that_mean_nothing_to_the_program_are_named(tmp_path: Path) -> None:
    rows, unmapped = read(
        tmp_path, {}, {"mode": "joyride"}, {"precision_weights": "fp3.14"}, {"model": "Llama-9"}
    )
    assert len(rows) == 1
    assert "mode joyride" in unmapped[1]
    assert "precision fp3.14" in unmapped[2]
    assert "llama" in unmapped[3].split(";")[-1]


def test_capitals_blanks_and_the_word_mean_do_not_matter(tmp_path: Path) -> None:
    rows, unmapped = read(
        tmp_path, {"metric": "Mean_TTFT_ms"}, {"mode": "closed loop"}, {"metric": "p99_ttft_ms"}
    )
    assert rows.labels.metric.tolist() == ["ttft_ms", "tpot_ms"]
    assert unmapped == {2: "metric p99_ttft_ms is not known"}


def test_columns_may_come_in_any_order_and_some_not_at_all(tmp_path: Path) -> None:
    kept = ("value", "metric", "concurrency_or_batch", "OSL", "isl", " Mode", "engine", "n_devices", "model")
    values = [PLAIN[name.strip().lower()] for name in kept]
    file = tmp_path / "few.csv"
    file.write_text(
        ",".join((*kept, "hardware", "mine")) + "\n" + ",".join((*values, PLAIN["hardware"], "x"))
    )
    few, unmapped = read_measurements(file, load_catalog(), hardware_names())
    assert unmapped == {}
    assert predict(few, ideal()) == pytest.approx(predict(read(tmp_path, {})[0], ideal()))


@pytest.mark.parametrize(
    ("text", "chips", "expected"),
    [
        ("tp=8, pp=2", 16, (8, 1, 2)),
        ("DP8+EP8", 8, (1, 8, 1)),
        ("TP4", 4, (4, 1, 1)),
        ("TP8+EP8", 8, (8, 1, 1)),
        ("TP1+DPattn4+EP4", 4, (1, 4, 1)),
        ("TP2PP4", 8, (2, 1, 4)),
        ("DEP8", 8, (1, 8, 1)),
        ("32xTP2", 64, (2, 1, 1)),
        ("tensor parallel 8", 8, (8, 1, 1)),
        ("tensor_parallel_size=4, pipeline_parallel_size=2", 8, (4, 1, 2)),
        ("tp1+dpattn4+ep4", 4, (1, 4, 1)),
        ("TP1_DP8_EP8", 8, (1, 8, 1)),
        ("TP8 DP8 EP8", 8, (1, 8, 1)),  # TP names the chips
        ("TP2_DP4_EP8", 8, (2, 4, 1)),
        ("TP8_DP2_EP1", 16, (8, 1, 1)),
        ("ADP4+EP4", 4, (1, 4, 1)),
        ("TP4xPP2", 8, (4, 1, 2)),
        ("TP2,PP2", 4, (2, 1, 2)),
        ("pp4", 4, (1, 1, 4)),
        ("TEP8", 8, (8, 1, 1)),
        ("TP1 DP8", 8, (1, 1, 1)),
        ("DP8", 8, (1, 1, 1)),
        ("None", 8, (0, 1, 1)),
    ],
)
def test_parallelism(text: str, chips: int, expected: tuple[int, int, int]) -> None:
    both = names.workers(text, chips)
    assert not isinstance(both, str)
    assert (both[1].tensor, both[1].data, both[1].stages) == expected


@pytest.mark.parametrize(
    ("layout", "chips"),
    [
        ("TP4", 4),
        ("TP2PP4", 8),
        ("DEP8", 8),
        ("TP1+DPattn8+EP8", 8),
        ("disagg P[TP1 DP4 EP4 x2] D[TP8 DP1 EP8 x5]", 48),
        ("DPattn+EP", None),
        ("", None),
        ("none", None),
    ],
)
def test_a_layout_tells_how_many_chips_ran_where_no_column_does(
    layout: str, chips: int | None, tmp_path: Path
) -> None:
    rows, unmapped = read(tmp_path, {"n_devices": "", "parallelism": layout})
    if chips is None:
        assert "chips" in unmapped[0] or "parallelism" in unmapped[0]
    else:
        both = rows.prefill_count * rows.prefill.chips + rows.decode_count * rows.decode.chips
        assert both[0] == (chips if rows.apart[0] else 2 * chips)


def test_pools() -> None:
    both = names.workers("disagg P[TP1 DP4 EP4 x2] D[TP8 DP1 EP8 x5]", 48)
    assert not isinstance(both, str)
    assert [(w.chips, w.count) for w in both] == [(4, 2), (8, 5)]


#: True constants of synthetic runs: near the priors; and two sets several of their deviations away.
NEAR = {
    "memory_share": 0.7,
    "compute_share": 0.4,
    "kv_factor": 0.9,
    "layer_us": 60.0,
    "ttft_ms": 30.0,
    "step_us": 100.0,
    "sequence_us": 20.0,
    "collective_us": 9.0,
    "link_share": 0.5,
    "burst": 0.2,
    "activation_passes": 15.0,
}
SLOW = {
    "memory_share": 0.5,
    "compute_share": 0.25,
    "kv_factor": 0.6,
    "layer_us": 150.0,
    "ttft_ms": 120.0,
    "step_us": 2000.0,
    "sequence_us": 100.0,
    "collective_us": 25.0,
    "link_share": 0.2,
    "burst": 0.15,
    "eager": 1.5,
    "activation_passes": 40.0,
}
FAST = {
    "memory_share": 0.92,
    "compute_share": 0.8,
    "kv_factor": 1.0,
    "layer_us": 12.0,
    "ttft_ms": 5.0,
    "step_us": 50.0,
    "sequence_us": 2.0,
    "collective_us": 2.0,
    "link_share": 0.9,
    "burst": 0.02,
    "eager": 8.0,
    "activation_passes": 8.0,
}


def synthetic(folder: Path, truth: dict[str, float] = NEAR) -> Rows:
    """Runs that follow the model with known constants, for two systems, two models and four loads."""
    rows = [
        {
            "hardware": h,
            "model": m,
            "concurrency_or_batch": c,
            "isl": i,
            "metric": k,
            "n_devices": n,
            "parallelism": f"TP{n}",
        }
        for h in ("H100-SXM-80GB", "H200-SXM-141GB")
        for m, n in (("Llama-3.1-8B", "1"), ("Llama-3.1-70B", "4"))
        for c in ("1", "8", "32", "128")
        for i in ("512", "4096")
        for k in ("tpot_ms", "ttft_ms")
    ]
    found, unmapped = read(folder, *rows)
    assert not unmapped
    return replace(found, value=predict(found, ideal(**truth)))


@pytest.mark.parametrize("truth", [NEAR, SLOW, FAST])
def test_fit_recovers_synthetic_runs_and_transfers_to_a_left_out_system(
    truth: dict[str, float], tmp_path: Path
) -> None:
    """64 rows move the constants most of the way from the priors; 20 times as many, all of it."""
    rows = synthetic(tmp_path, truth)
    assert np.abs(crossval.log_errors(rows, fit(rows))).max() < 0.10
    many = np.full(len(rows), 20.0)
    assert np.abs(crossval.log_errors(rows, fit(rows, many))).max() < 0.05
    left = crossval.left_out(rows, "system", 2)
    assert np.median(np.abs(left)) < 0.10


def test_the_fit_never_sees_what_is_left_out(tmp_path: Path) -> None:
    """Values of a left-out system may be anything: its predictions do not move."""
    rows = synthetic(tmp_path)
    other = rows.labels.system == "dgx-h200"
    spoiled = replace(rows, value=np.where(other, rows.value * 3, rows.value))
    before, after = (r.value * np.exp(crossval.left_out(r, "system", 2)) for r in (rows, spoiled))
    np.testing.assert_allclose(before[other], after[other])


def test_unknown_keys_fall_back_on_wider_levels(tmp_path: Path) -> None:
    rows = synthetic(tmp_path)
    effects = fit(rows, rounds=3)
    strange = replace(
        rows, labels=replace(rows.labels, system=np.full(len(rows), "x"), generation=np.full(len(rows), "y"))
    )
    expected = effects["all", ""] + effects["family", "nvidia-hopper"]
    expected = expected + effects["model", str(rows.labels.model[0])]
    np.testing.assert_allclose(logs_of(strange, effects)[0], expected)
    assert columns(logs_of(strange, effects))["memory_share"][0] == pytest.approx(np.exp(expected[0]))


def test_faster_than_light_is_a_wrong_input(tmp_path: Path) -> None:
    rows, _ = read(
        tmp_path, {"value": "0.5"}, {"value": "7"}, {"metric": "output_tok_s_total", "value": "1e6"}
    )
    c = accuracy.compare(rows, load_calibration())
    assert c.impossible.tolist() == [True, False, True]
    assert "wrong input" in accuracy.worst(c, 1)[0]["reason"]


def test_a_bound_holds_for_every_row_and_a_slow_prediction_is_a_warning(tmp_path: Path) -> None:
    """576 chips in a row lose nothing between them at best; no prediction beats its bound."""
    groq = {"hardware": "Groq", "n_devices": "576", "model": "Llama-2-70B", "mode": "single-stream"}
    groq |= {"parallelism": "", "metric": "output_tok_s_per_user", "value": "300"}
    full = {"hardware": "Arc-Pro-B60", "n_devices": "4", "model": "Llama-2-70B", "mode": "offline"}
    full |= {"engine": "PyTorch vLLM", "source": "MLPerf Inference v6.0", "concurrency_or_batch": ""}
    full |= {"precision_weights": "fp8", "parallelism": "", "metric": "req_s", "value": "0.1"}
    full |= {"isl": "294", "osl": "285"}  # the fitted constants alone pass the bound here
    rows, unmapped = read(tmp_path, groq, full, {"metric": "ttft_ms", "concurrency_or_batch": "256"})
    assert unmapped == {}
    c = accuracy.compare(rows, load_calibration())
    assert not c.impossible[:2].any()
    late = rows.labels.metric == "ttft_ms"
    speed, most = (np.where(late, 1 / v, v) for v in (c.predicted, c.bound))
    assert (speed <= most * (1 + 1e-9)).all()
    assert speed[1] == pytest.approx(most[1])
    one, _ = read(tmp_path, {"concurrency_or_batch": "1"}, {"concurrency_or_batch": "1"})
    at = accuracy.compare(one, load_calibration())
    slow = replace(at, predicted=at.bound * np.array([19.0, 21.0]))
    assert slow.suspicious.tolist() == [False, True]


def test_coverage_counts_rows_inside_the_interval(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, {}, {})
    c = accuracy.compare(rows, load_calibration())
    edges = c.predicted * np.array([c.factor[0] * 0.999, c.factor[1] * 1.001])
    c = replace(c, rows=replace(rows, value=edges))
    assert c.covered.tolist() == [True, False]
    assert accuracy.by_metric(c)["tpot_ms"]["interval80_coverage"] == 0.5


def test_repeated_runs_tell_of_each_other(tmp_path: Path) -> None:
    """7, 7 and 14 ms: the others of the first say sqrt(7 x 14), of the last 7; another load has none."""
    rows, _ = read(tmp_path, *({"value": v} for v in ("7", "7", "14")), {"concurrency_or_batch": "9"})
    error = repeats.repeated(rows)
    assert np.exp(error[:3]).tolist() == pytest.approx([2**0.5, 2**0.5, 0.5])
    assert np.isnan(error[3])
    figures = repeats.by_metric(rows)["tpot"]
    assert figures == {"rows": 3, "median_ape": 0.4142, "within_half": 1.0}


def test_ranking_counts_pairs_on_different_systems(tmp_path: Path) -> None:
    both = ({"hardware": "H100-SXM-80GB"}, {"hardware": "A100-SXM-80GB"})
    rows, _ = read(tmp_path, *both)
    c = accuracy.compare(rows, load_calibration())
    right = replace(c, rows=replace(rows, value=c.predicted * 1.1))
    wrong = replace(c, rows=replace(rows, value=c.predicted[::-1]))
    assert accuracy.ranking(right) == {"pairs": 1, "faster_named": 1.0}
    assert accuracy.ranking(wrong) == {"pairs": 1, "faster_named": 0.0}


def command(function: object, *arguments: str) -> str:
    app = typer.Typer()
    app.command()(function)  # type: ignore[type-var]
    result = RUNNER.invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_validate_prints_json_and_writes_a_figure(tmp_path: Path) -> None:
    file = write(tmp_path, {}, {"metric": "ttft_ms", "value": "60"}, {"hardware": "Abacus"})
    result = json.loads(command(validate, str(file), "--json", "--out", str(tmp_path / "out")))
    assert set(result["metrics"]) == {"tpot_ms", "ttft_ms"}
    assert {"rows", "median_ape", "mean_ape", "p90_ape", "interval80_coverage"} <= set(
        result["metrics"]["tpot_ms"]
    )
    assert result["unmapped"] == {"hardware Abacus is not in the catalog": 1}
    assert (tmp_path / "out" / "scatter.svg").read_text().startswith("<svg")
    assert json.loads((tmp_path / "out" / "validate.json").read_text()) == result


def test_validate_without_a_file_checks_the_shipped_points() -> None:
    points = json.loads(command(validate, "--json"))["points"]
    assert len({p["profile"] for p in points}) == len(points)
    for p in points:
        off = abs(p["predicted"] / p["published"] - 1)
        assert p["reason"].startswith("within 25 %") == (off <= 0.25) or "a bound" in p["reason"], p
        words = ("within 25 %", "speculative", "a bound", "slower than", "without speculative")
        assert any(word in p["reason"] for word in words), p
    plain = ("groq", "taalas", "cerebras-cs3/llama-3.1-8b", "cerebras-cs3/llama-3.1-70b/single-stream-plain")
    known = [p for p in points if p["profile"].startswith(plain)]
    far = {p["profile"] for p in known if not p["reason"].startswith("within 25 %")}
    assert far == {"groq-lpu1-card/llama-4-maverick/single-stream"}  # two sources differ by a factor of two


@pytest.mark.parametrize(("acceptance", "drafts"), [(0.0, 3), (0.5, 1), (0.8, 7), (0.95, 15)])
def test_the_acceptance_that_a_speed_needs_yields_it(acceptance: float, drafts: int) -> None:
    """Half of one draft accepted: 1.5 tokens per step; and n drafts never yield n + 1."""
    tokens = tokens_per_step(acceptance, drafts)
    assert acceptance_needed(tokens, drafts) == pytest.approx(acceptance, abs=1e-9)
    assert acceptance_needed(drafts + 1.0, drafts) is None


def test_validate_shows_tables(tmp_path: Path) -> None:
    text = command(validate, str(write(tmp_path, {})))
    assert "1 rows predicted" in text
    assert "tpot_ms" in text


def test_calibrate_writes_a_file_that_loads(tmp_path: Path) -> None:
    synthetic(tmp_path)
    out = tmp_path / "calibration.yaml"
    command(calibrate, str(tmp_path / "measurements.csv"), "--out", str(out), "--folds", "2")
    loaded = load_calibration(out)
    assert loaded.rows["all"][""] == 64
    assert loaded.novelty("nvidia-hopper", "vllm-2026", "dgx-h100", "llama-3.1-8b") == "known"
    assert loaded.novelty("nvidia-hopper", "vllm-2026", "dgx-h100", "qwen3-8b") == "model"
    assert loaded.novelty("amd-cdna3", "vllm-2026", "mi300x-8", "qwen3-8b") == "system"
    assert loaded.novelty("amd-cdna3", "elsewhere", "mi300x-8", "qwen3-8b") == "generation"


HEADING = (
    "hardware,n_devices,model,precision_weights,parallelism,engine,"
    "mode,isl,osl,concurrency_or_batch,metric,value"
)
RUN = "H100-SXM-80GB,1,Llama-3.1-8B,bf16,TP1,vllm 0.15.1,online,1024,1024,8,tpot_ms,7"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "bad.csv:1: columns missing: hardware"),
        (f"{HEADING}\n", "bad.csv:1: no row"),
        (f"{HEADING}\n{RUN}\n\n{RUN},x,y\n", "bad.csv:4: 14 fields where the heading has 12"),
        (f"{HEADING}\n{RUN}\nH100-SXM-80GB,1\n", "bad.csv:3: 2 fields"),
        (f"{HEADING},Value\n{RUN},8\n", "bad.csv:1: columns twice: value"),
        (f'{HEADING}\n{RUN}\n"H100', "bad.csv:3: cannot be read"),
        (f"{HEADING}\n{RUN}\n".replace(",", ";"), "bad.csv:1: columns missing"),
        (f"{HEADING}\n{RUN}\n".replace("H100", "H\udcff100"), "cannot be read"),
    ],
)
def test_broken_tables_are_told_with_their_line(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as caught:
        read_measurements(file, load_catalog(), hardware_names())
    assert words in str(caught.value)


def test_a_byte_order_mark_blank_lines_and_quotes_do_not_matter(tmp_path: Path) -> None:
    """Lines are those where a row begins, also where a field before it holds a line break."""
    file = tmp_path / "marked.csv"
    row = RUN.replace("vllm 0.15.1", '"vllm 0.15.1\n, patched"')
    file.write_bytes(f"\ufeff{HEADING}\r\n\r\n{row}\r\n{RUN}\r\n".encode())
    rows, unmapped = read_measurements(file, load_catalog(), hardware_names())
    assert unmapped == {}
    assert (rows.labels.row + 2).tolist() == [3, 5]
    plain = tmp_path / "plain.csv"
    plain.write_text(f"{HEADING}\n{row}\n{RUN}\n")
    assert row_marks(file) == row_marks(plain)
    plain.write_text(f"{HEADING}\n{RUN}\n{RUN}\n")
    assert duplicates(plain) == 1


def test_units_and_thousands_are_no_numbers(tmp_path: Path) -> None:
    wrong = {"isl": "1k", "osl": "1,024", "concurrency_or_batch": "8 users", "n_devices": "eight"}
    _, unmapped = read(tmp_path, {}, *({column: text} for column, text in wrong.items()), {"metric": ""})
    reasons = [f"{column} {text} is no number" for column, text in wrong.items()]
    assert list(unmapped.values()) == [*reasons, "metric left empty is not known"]
    assert accuracy.unmapped_lines(unmapped)[reasons[0]] == [3]


def test_a_layout_larger_than_the_run_is_refused(tmp_path: Path) -> None:
    rows, unmapped = read(tmp_path, {}, {"parallelism": "TP8"}, {"n_devices": "8", "parallelism": "TP8"})
    assert (len(rows), unmapped) == (2, {1: "layout of 8 chips on 1"})


def test_bad_files_are_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("id,hardware\n1,H100\n")
    with pytest.raises(InputError, match="columns missing"):
        read_measurements(bad, load_catalog(), hardware_names())
    with pytest.raises(InputError, match="cannot be read"):
        read_measurements(tmp_path / "none.csv", load_catalog(), hardware_names())
    broken = tmp_path / "calibration.yaml"
    broken.write_text("constants: [a]\n")
    with pytest.raises(InputError, match="not a calibration file"):
        load_calibration(broken)
    with pytest.raises(InputError, match="no such file"):
        load_calibration(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="no row can be mapped"):
        command(validate, str(write(tmp_path, {"hardware": "Abacus"})))


@pytest.mark.skipif(not SHARED.is_file(), reason="measurements not present")
def test_published_runs_are_read_in_seconds_and_each_is_mapped_or_named() -> None:
    rows, unmapped = read_measurements(SHARED, load_catalog(), hardware_names())
    with SHARED.open(newline="") as file:
        assert len(rows) + len(unmapped) == sum(1 for _ in csv.DictReader(file))
    assert len(rows) > 11_000
    assert 0.85 < repeats.by_metric(rows)["ttft"]["within_half"] < 0.9  # docs/reference/measurements.md
    c = accuracy.compare(rows, load_calibration())
    assert accuracy.ranking(c)["faster_named"] >= 0.95
    assert float(c.covered.mean()) >= 0.75


@pytest.mark.long
@pytest.mark.skipif(not SHARED.is_file(), reason="measurements not present")
def test_errors_on_left_out_models() -> None:
    rows, _ = read_measurements(SHARED, load_catalog(), hardware_names())
    nodes = rows.take(~rows.pipeline)
    groups = crossval.metric_groups(nodes)
    errors = np.abs(np.expm1(crossval.left_out(nodes, "model", 6)))
    assert np.median(errors[groups == "throughput"]) < 0.15
    assert np.median(errors[groups == "tpot"]) < 0.20


def test_rows_that_were_fitted_are_recognised_in_any_larger_part(tmp_path: Path) -> None:
    synthetic(tmp_path)
    whole = tmp_path / "measurements.csv"
    out = tmp_path / "calibration.yaml"
    command(calibrate, str(whole), "--out", str(out), "--folds", "2")
    lines = whole.read_text().splitlines()
    part = tmp_path / "part.csv"
    part.write_text("\n".join([lines[0], *lines[10:30]]) + "\n")
    other = write(tmp_path, {"value": "8.125"})
    marks = load_calibration(out).marks
    assert row_marks(part) & marks
    assert not row_marks(other) & marks
    turned = tmp_path / "turned.csv"
    with part.open(newline="") as source, turned.open("w", newline="") as target:
        rows = list(csv.DictReader(source))
        writer = csv.DictWriter(target, list(reversed(rows[0])))
        target.write(",".join(name.upper() for name in reversed(rows[0])) + "\n")
        writer.writerows(reversed(rows))
    assert row_marks(turned) == row_marks(part)
