"""Files of other tools: Hugging Face configurations and benchmark results."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from solver.errors import InputError
from solver.inputs.catalogs import load_catalog
from solver.inputs.entry_text import entries_yaml
from solver.inputs.hf_config import read_hf_config
from solver.inputs.profiles import Setting, read_profiles
from solver.performance.architecture import kv_values_per_token, parameters

MODELS = load_catalog().models
SETTING = Setting(
    model="llama-3.1-8b", system="dgx-h100", chips=8, weight_precision="fp8", date="2026-01", gpus=8
)


def llama(layers: int, hidden: int, heads: int, kv: int, ffn: int, vocab: int, **more: Any) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "intermediate_size": ffn,
        "vocab_size": vocab,
        "torch_dtype": "bfloat16",
        **more,
    }


MLA = {
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
}
SEEK = {
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "n_shared_experts": 1,
    "moe_intermediate_size": 2048,
}
SWA = ["sliding_attention", "full_attention"] * 18
CONFIGS: dict[str, dict[str, Any]] = {
    "llama-3.1-8b": llama(32, 4096, 32, 8, 14336, 128256),
    "phi-3-mini": llama(32, 3072, 32, 32, 8192, 32064, model_type="phi3", sliding_window=2047),
    "phi-4": llama(40, 5120, 40, 10, 17920, 100352, model_type="phi3", sliding_window=None),
    "mixtral-8x7b": llama(
        32, 4096, 32, 8, 14336, 32000, num_local_experts=8, num_experts_per_tok=2, sliding_window=None
    ),
    "qwen3-30b-a3b": llama(
        48,
        2048,
        32,
        4,
        6144,
        151936,
        head_dim=128,
        num_experts=128,
        num_experts_per_tok=8,
        moe_intermediate_size=768,
        decoder_sparse_step=1,
        mlp_only_layers=[],
        use_sliding_window=False,
    ),
    "deepseek-v3": llama(
        61, 7168, 128, 128, 18432, 129280, first_k_dense_replace=3, moe_layer_freq=1, **MLA, **SEEK
    ),
    "gpt-oss-120b": llama(
        36,
        2880,
        64,
        8,
        2880,
        201088,
        head_dim=64,
        num_local_experts=128,
        num_experts_per_tok=4,
        sliding_window=128,
        layer_types=SWA,
        quantization_config={"quant_method": "mxfp4"},
    ),
    "llama-4-maverick": {
        "model_type": "llama4",
        "text_config": llama(
            48,
            5120,
            40,
            8,
            8192,
            202048,
            head_dim=128,
            intermediate_size_mlp=16384,
            num_local_experts=128,
            num_experts_per_tok=1,
            interleave_moe_layer_step=2,
            attention_chunk_size=8192,
            no_rope_layers=[1, 1, 1, 0] * 12,
            model_type="llama4_text",
        ),
    },
    "gemma-3-27b": {
        "text_config": llama(
            62,
            5376,
            32,
            16,
            21504,
            262208,
            head_dim=128,
            sliding_window=1024,
            sliding_window_pattern=6,
            tie_word_embeddings=True,
        )
    },
    "glm-4.5": llama(
        92,
        5120,
        96,
        8,
        12288,
        151552,
        head_dim=128,
        n_routed_experts=160,
        num_experts_per_tok=8,
        n_shared_experts=1,
        moe_intermediate_size=1536,
        first_k_dense_replace=3,
    ),
}


def config(folder: Path, content: dict[str, Any]) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_gives_the_sizes_of_the_catalog(name: str, tmp_path: Path) -> None:
    model, known = read_hf_config(config(tmp_path, CONFIGS[name]), name), MODELS[name]
    ours, theirs = parameters(model), parameters(known)
    assert ours.total == pytest.approx(theirs.total, rel=1e-9)
    assert ours.active == pytest.approx(theirs.active, rel=1e-9)
    assert kv_values_per_token(model) == kv_values_per_token(known)
    assert model.window == known.window


def test_the_stored_number_of_parameters_is_checked(tmp_path: Path) -> None:
    file = config(tmp_path, CONFIGS["llama-3.1-8b"])
    assert read_hf_config(file, "x", stored_params_b=8.03).total_params_b == pytest.approx(8.03)
    with pytest.raises(InputError, match=r"9\.00 are stored"):
        read_hf_config(file, "x", stored_params_b=9.0)
    index = {"metadata": {"total_size": 20e9}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"10\.00 are stored"):
        read_hf_config(file, "x")


def test_model_entry_is_yaml(tmp_path: Path) -> None:
    import yaml

    text = entries_yaml("models", [read_hf_config(config(tmp_path, CONFIGS["gpt-oss-120b"]), "gpt")])
    assert yaml.safe_load(text)["models"]["gpt"]["n_local_layers"] == 18


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hybrid_override_pattern": "M-M*"}, "hybrid_override_pattern"),
        ({"layer_types": ["linear_attention"] * 32}, "linear_attention"),
        ({"hidden_size": None}, "hidden_size"),
    ],
)
def test_what_cannot_be_represented_is_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read_hf_config(config(tmp_path, {**CONFIGS["llama-3.1-8b"], **change}), "x")


def test_not_json(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        read_hf_config(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_profiles(file, SETTING)


def test_vllm_bench_serve(tmp_path: Path) -> None:
    run = {
        "date": "20260203-101010",
        "model_id": "meta/llama",
        "completed": 100,
        "total_input_tokens": 102400,
        "total_output_tokens": 51200,
        "output_throughput": 1600.0,
        "max_concurrency": 16,
        "mean_ttft_ms": 80.0,
        "mean_tpot_ms": 8.0,
    }
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run))
    (p,) = read_profiles(file, SETTING).profiles
    assert p.output_tok_s_per_user.value == 125
    assert p.output_tok_s_total.value == 1600
    assert (p.prompt_tokens, p.output_tokens) == (1024, 512)
    assert p.output_tok_s_total.date == "2026-02-03"
    assert p.sequences is not None
    assert p.sequences.value == 16


def test_inferencex_rows_count_gpus_and_seconds(tmp_path: Path) -> None:
    row = {
        "hw": "b200",
        "framework": "trt",
        "precision": "fp4",
        "isl": 1024,
        "osl": 1024,
        "conc": 64,
        "tp": 8,
        "tput_per_gpu": 900.0,
        "output_tput_per_gpu": 450.0,
        "mean_ttft": 0.2,
        "mean_tpot": 0.016,
    }
    file = tmp_path / "agg.json"
    file.write_text(json.dumps([row]))
    (p,) = read_profiles(file, SETTING).profiles
    assert p.output_tok_s_total.value == 3600
    assert p.output_tok_s_per_user.value == pytest.approx(62.5)
    assert p.ttft_ms is not None
    assert p.ttft_ms.value == 200
    assert p.weight_precision == "fp4"


def test_aiconfigurator_is_a_prediction(tmp_path: Path) -> None:
    file = tmp_path / "pareto.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(
            out, ["isl", "osl", "concurrency", "ttft", "tpot", "tokens/s", "num_total_gpus", "backend"]
        )
        writer.writeheader()
        writer.writerow(
            {
                "isl": 4000,
                "osl": 500,
                "concurrency": 32,
                "ttft": 300,
                "tpot": 20,
                "tokens/s": 1500,
                "num_total_gpus": 16,
                "backend": "trtllm",
            }
        )
    (p,) = read_profiles(file, SETTING).profiles
    assert p.systems_per_replica == 2
    assert p.output_tok_s_total.evidence == "derived"


def test_project_rows_of_a_run_belong_together(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    heads = [
        "run_id",
        "metric",
        "value",
        "n_devices",
        "isl",
        "osl",
        "concurrency_or_batch",
        "source",
        "date",
        "precision_weights",
        "hardware",
        "model",
    ]
    base = {
        "run_id": "a",
        "n_devices": 8,
        "isl": 1000,
        "osl": 100,
        "concurrency_or_batch": 10,
        "precision_weights": "fp8",
        "date": "2026-05",
    }
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, heads)
        writer.writeheader()
        writer.writerow({**base, "metric": "tpot_ms", "value": 10})
        writer.writerow({**base, "metric": "ttft_ms", "value": 1000})
    (p,) = read_profiles(file, SETTING).profiles
    assert p.output_tok_s_total.value == pytest.approx(
        10 * 100 / 1.99
    )  # 1 s to the first token, 99 more of 10 ms each


def test_unknown_and_broken_files_are_named(tmp_path: Path) -> None:
    file = tmp_path / "what.json"
    file.write_text("[1]")
    with pytest.raises(InputError, match="no benchmark result"):
        read_profiles(file, SETTING)
    file.write_text(json.dumps({"output_throughput": "fast", "completed": 1, "mean_tpot_ms": 3}))
    with pytest.raises(InputError, match="output_throughput is 'fast'"):
        read_profiles(file, SETTING)
    table = tmp_path / "what.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="columns are not"):
        read_profiles(table, SETTING)
