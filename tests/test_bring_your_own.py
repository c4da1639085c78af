"""Models, systems and measurements of the user's own: read, checked, used by a solve, refused by name."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.cli.app import main
from solver.domain.catalog import Catalog, MeasuredProfile, Model
from solver.errors import InputError
from solver.inputs.catalogs import EXTRA, catalog_with_places, load_catalog, with_extra_folders
from solver.inputs.datasheet import left_out, read_datasheet
from solver.inputs.hf_config import read_hf_config
from solver.inputs.profiles import ProfileFile, Setting, read_profiles
from solver.inputs.yaml_text import load_yaml
from solver.performance.architecture import kv_bytes, parameters

SHIPPED = load_catalog()
MEASUREMENTS = Path(__file__).parents[2] / "shared" / "measurements" / "calibration.csv"
#: What config.json does not hold, or holds in other words.
PUBLISHED_ONLY = {
    *("id", "name", "released", "source", "date", "aliases", "note", "unverified", "attn_bias"),
    *("total_params_b", "active_params_b", "native_precision"),
}


def integers(
    kind: str, layers: int, hidden: int, heads: int, kv: int, ffn: int, vocab: int, context: int, **more: Any
) -> dict[str, Any]:
    """A config.json with the integers that every family has."""
    names = ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads")
    sizes = dict(zip(names, (layers, hidden, heads, kv), strict=True))
    rest = {"intermediate_size": ffn, "vocab_size": vocab, "max_position_embeddings": context}
    return {"model_type": kind, **sizes, **rest, "torch_dtype": "bfloat16", **more}


def latent(queries: int | None, nope: int, value: int) -> dict[str, Any]:
    names = {"q_lora_rank": queries, "kv_lora_rank": 512, "qk_rope_head_dim": 64}
    return {**names, "qk_nope_head_dim": nope, "v_head_dim": value}


def experts(name: str, count: int, active: int, width: int | None = None, **more: Any) -> dict[str, Any]:
    wide = {} if width is None else {"moe_intermediate_size": width}
    return {name: count, "num_experts_per_tok": active, **wide, **more}


#: Catalog id -> config.json as published, without keys that have no bearing on sizes.
CONFIGS: dict[str, dict[str, Any]] = {
    "llama-3.1-8b": integers("llama", 32, 4096, 32, 8, 14336, 128256, 131072),
    "llama-3.1-70b": integers("llama", 80, 8192, 64, 8, 28672, 128256, 131072),
    "mistral-large-2": integers("mistral", 88, 12288, 96, 8, 28672, 32768, 131072, sliding_window=None),
    "mixtral-8x7b": integers(
        "mixtral", 32, 4096, 32, 8, 14336, 32000, 32768, **experts("num_local_experts", 8, 2)
    ),
    "qwen3-30b-a3b": integers(
        "qwen3_moe", 48, 2048, 32, 4, 6144, 151936, 40960, head_dim=128, mlp_only_layers=[],
        decoder_sparse_step=1, **experts("num_experts", 128, 8, 768),
    ),
    "deepseek-v3": integers(
        "deepseek_v3", 61, 7168, 128, 128, 18432, 129280, 163840, first_k_dense_replace=3, moe_layer_freq=1,
        **latent(1536, 128, 128), **experts("n_routed_experts", 256, 8, 2048, n_shared_experts=1),
    ),
    "deepseek-v3.2": integers(
        "deepseek_v32", 61, 7168, 128, 128, 18432, 129280, 163840, first_k_dense_replace=3, moe_layer_freq=1,
        index_topk=2048, index_n_heads=64, index_head_dim=128,
        **latent(1536, 128, 128), **experts("n_routed_experts", 256, 8, 2048, n_shared_experts=1),
    ),
    "deepseek-v2": integers(
        "deepseek_v2", 60, 5120, 128, 128, 12288, 102400, 163840, first_k_dense_replace=1, moe_layer_freq=1,
        **latent(1536, 128, 128), **experts("n_routed_experts", 160, 6, 1536, n_shared_experts=2),
    ),
    "qwen2.5-72b": integers(
        "qwen2", 80, 8192, 64, 8, 29568, 152064, 131072, use_sliding_window=False, sliding_window=131072,
        max_window_layers=80,
    ),
    "qwen3-14b": integers("qwen3", 40, 5120, 40, 8, 17408, 151936, 40960, head_dim=128),
    "mistral-small-24b": integers(
        "mistral", 40, 5120, 32, 8, 32768, 131072, 32768, head_dim=128, sliding_window=None
    ),
    "mistral-nemo-12b": integers(
        "mistral", 40, 5120, 32, 8, 14336, 131072, 131072, head_dim=128, sliding_window=None
    ),
    "codellama-34b": integers("llama", 48, 8192, 64, 8, 22016, 32000, 16384),
    "deepseek-v2-lite": integers(
        "deepseek_v2", 27, 2048, 16, 16, 10944, 102400, 163840, first_k_dense_replace=1, moe_layer_freq=1,
        **latent(None, 128, 128), **experts("n_routed_experts", 64, 6, 1408, n_shared_experts=2),
    ),
    "glm-4.5": integers(
        "glm4_moe", 92, 5120, 96, 8, 12288, 151552, 131072, head_dim=128, first_k_dense_replace=3,
        **experts("n_routed_experts", 160, 8, 1536, n_shared_experts=1),
    ),
    "glm-5": integers(
        "glm_moe_dsa", 78, 6144, 64, 64, 12288, 154880, 202752, head_dim=64, first_k_dense_replace=3,
        index_topk=2048, index_n_heads=32, index_head_dim=128, **latent(2048, 192, 256),
        **experts("n_routed_experts", 256, 8, 2048, n_shared_experts=1),
    ),
    "gpt-oss-120b": integers(
        "gpt_oss", 36, 2880, 64, 8, 2880, 201088, 131072, head_dim=64, sliding_window=128,
        layer_types=["sliding_attention", "full_attention"] * 18, **experts("num_local_experts", 128, 4),
    ),
    "llama-4-maverick": {
        "model_type": "llama4",
        "text_config": integers(
            "llama4_text", 48, 5120, 40, 8, 8192, 202048, 1048576, head_dim=128, intermediate_size_mlp=16384,
            interleave_moe_layer_step=2, attention_chunk_size=8192, no_rope_layers=[],
            **experts("num_local_experts", 128, 1),
        ),
    },
    "gemma-3-27b": {  # vocabulary, tied embeddings and the pattern of windows are defaults of its class
        "model_type": "gemma3",
        "text_config": {
            "model_type": "gemma3_text", "num_hidden_layers": 62, "hidden_size": 5376, "head_dim": 128,
            "num_attention_heads": 32, "num_key_value_heads": 16, "intermediate_size": 21504,
            "sliding_window": 1024,
        },
    },
}  # fmt: skip


def written(folder: Path, content: Any, name: str = "config.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def architecture(model: Model) -> dict[str, Any]:
    return model.model_dump(exclude=PUBLISHED_ONLY)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_gives_every_integer_of_the_catalog(name: str, tmp_path: Path) -> None:
    known = SHIPPED.models[name]
    read = read_hf_config(written(tmp_path, CONFIGS[name]), "mine", known.total_params_b)
    assert architecture(read) == architecture(known)


#: Published parameters in billions -> config.json of models that are in no catalog.
OTHERS: dict[str, tuple[float, dict[str, Any]]] = {
    "qwen2-57b-a14b": (57.41, integers(
        "qwen2_moe", 28, 3584, 28, 4, 18944, 151936, 32768, shared_expert_intermediate_size=20480,
        decoder_sparse_step=1, mlp_only_layers=[], **experts("num_experts", 64, 8, 2560),
    )),
    "gemma-3-4b-it": (4.3, {
        "model_type": "gemma3",
        "text_config": {
            "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
            "num_hidden_layers": 34, "sliding_window": 1024,
        },
        "vision_config": {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27},
    }),
    "glm-4-9b-chat": (9.4, {
        "model_type": "chatglm", "num_layers": 40, "hidden_size": 4096, "num_attention_heads": 32,
        "multi_query_group_num": 2, "ffn_hidden_size": 13696, "padded_vocab_size": 151552,
        "seq_length": 131072, "kv_channels": 128, "torch_dtype": "bfloat16",
    }),
    "glm-4.7-flash": (30.0, integers(
        "glm4_moe_lite", 47, 2048, 20, 20, 10240, 154880, 202752, first_k_dense_replace=1,
        **{**latent(768, 192, 256), "qk_rope_head_dim": 64},
        **experts("n_routed_experts", 64, 4, 1536, n_shared_experts=1),
    )),
    "minimax-m2": (230.0, integers(
        "minimax_m2", 62, 3072, 48, 8, 1536, 200064, 196608, head_dim=128,
        **experts("num_local_experts", 256, 8),
    )),
    "qwen3-vl-235b": (235.1, {
        "model_type": "qwen3_vl_moe",
        "text_config": integers(
            "qwen3_vl_moe_text", 94, 4096, 64, 4, 12288, 151936, 262144, head_dim=128,
            decoder_sparse_step=1, mlp_only_layers=[], **experts("num_experts", 128, 8, 1536),
        ),
    }),
    "gemma-2-9b": (9.24, integers("gemma2", 42, 3584, 16, 8, 14336, 256000, 8192, sliding_window=4096)),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_published_parameters_follow_from_the_configuration(name: str, tmp_path: Path) -> None:
    published, config = OTHERS[name]
    model = read_hf_config(written(tmp_path, config), name, published)
    seen = 0.41e9 if "vision_config" in config else 0.0
    assert (parameters(model).total + seen) / 1e9 == pytest.approx(published, rel=0.01)
    assert bool(model.note) == bool(seen)
    with pytest.raises(InputError, match="billion parameters"):
        read_hf_config(written(tmp_path, config), name, 1.2 * published)


def compressed(bits: int, kind: str) -> dict[str, Any]:
    groups = {"group_0": {"weights": {"num_bits": bits, "type": kind}}}
    return {"quant_method": "compressed-tensors", "config_groups": groups}


@pytest.mark.parametrize(
    ("stated", "stored"),
    [
        ({"quant_method": "fp8", "fmt": "e4m3"}, "fp8"),
        ({"quant_method": "fbgemm_fp8"}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "fp4"),
        ({"quant_method": "awq", "bits": 4}, "int4"),
        ({"quant_method": "gptq", "bits": 8}, "int8"),
        ({"quant_method": "mxfp4"}, "mxfp4 experts + bf16 rest"),
        (compressed(8, "float"), "fp8"),
        (compressed(4, "int"), "int4"),
    ],
)
def test_the_stored_precision_is_read(stated: dict[str, Any], stored: str, tmp_path: Path) -> None:
    config = {**CONFIGS["llama-3.1-8b"], "quantization_config": stated}
    assert read_hf_config(written(tmp_path, config), "x").native_precision == stored


def test_every_word_of_a_family_may_be_missing_but_none_is_invented(tmp_path: Path) -> None:
    for key in ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size", "vocab_size"):
        left = {k: v for k, v in CONFIGS["llama-3.1-8b"].items() if k != key}
        with pytest.raises(InputError, match=key):
            read_hf_config(written(tmp_path, left), "x")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "mamba2"}, "model_type 'mamba2' has no reader"),
        ({"model_type": None}, "tells no model_type"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_key_value_heads": -8}, "num_key_value_heads is -8"),
        ({"layer_types": 7, "sliding_window": 8}, "wrong kind"),
    ],
)
def test_other_architectures_are_refused_by_name(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read_hf_config(written(tmp_path, {**CONFIGS["llama-3.1-8b"], **change}), "x")


KEYS = st.sampled_from(sorted({k for c in CONFIGS.values() for k in (*c, *c.get("text_config", ()))}))
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**6), st.text(max_size=5),
    st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.floats(allow_nan=False),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(CONFIGS)), changes=st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_file_gives_a_model_or_words(
    name: str, changes: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = written(tmp_path_factory.getbasetemp(), {**CONFIGS[name], **changes}, "any.json")
    try:
        model = read_hf_config(file, "x")
        assert model.layers > 0
        assert 0 < parameters(model).active <= parameters(model).total
        assert kv_bytes(model, 1000.0) > 0
    except InputError as error:
        assert str(file) in str(error)


# -- systems

SHEET = """\
id: my-box
name: My box
vendor: NVIDIA
kind: hbm-gpu
chips: 8
hbm_gb: 768
hbm_tbs: 32
fp16_tflops: 8000
fp8_tflops: 16000
power_kw: 8
price: 200000
source: offer no. 5
date: 2026-05-17
"""


def test_a_datasheet_is_a_system_with_a_source_at_each_number(tmp_path: Path) -> None:
    system = read_datasheet(load_yaml(written(tmp_path, SHEET, "box.yaml")))
    assert system.get("dram_gb") == 768
    assert system.get("dram_bw_tbs") == 32
    assert system.get("power_max_kw") == 8
    assert system.values["price_usd"].unit == "USD"
    assert {(q.source, q.date, q.evidence) for q in system.values.values()} == {
        ("offer no. 5", "2026-05-17", "datasheet")
    }


def test_a_datasheet_of_a_chip_counts_its_chips(tmp_path: Path) -> None:
    text = SHEET.replace(
        "hbm_gb: 768", "per: chip\nhbm_gb: 96\nscaleup_gbs_per_chip: 450\nscaleup_domain_chips: 8"
    )
    system = read_datasheet(load_yaml(written(tmp_path, text, "box.yaml")))
    assert system.get("dram_gb") == 8 * 96
    assert system.get("scaleup_gbs_per_chip") == 450
    assert system.get("scaleup_domain_chips") == 8
    assert system.values["dram_gb"].note == "8 x 96 per chip"


@pytest.mark.parametrize(
    ("line", "other", "words"),
    [
        ("hbm_gb: 768\n", "", "leaves out hbm_gb"),
        ("price: 200000\n", "", r"leaves out price \(or rent_usd_hr\)"),
        ("fp16_tflops: 8000\nfp8_tflops: 16000\n", "", "leaves out fp16_tflops"),
        ("source: offer no. 5\n", "", "'source' is missing"),
        ("date: 2026-05-17\n", "", "'date' is missing"),
        ("hbm_gb: 768", "hbm_gb: -1", "dram_gb is negative"),
        ("hbm_gb: 768", "hbm_gb: 768\nrepair_hours: 0", "repair_hours is 0; write more than 0"),
        ("hbm_gb: 768", "hbm_gb: 768 GB", "box.yaml:6"),
        ("hbm_gb: 768", "hbm_gb: 768\ndram_gb: 700", "'dram_gb' is stated twice"),
        ("hbm_gb: 768", "hbm_gib: 768", "did you mean 'hbm_gb'"),
        ("price: 200000", "price: 200k", r"box.yaml:\d+:\d+: price is '200k'; write a number"),
        ("kind: hbm-gpu", "kind: gpu", "did you mean 'hbm-gpu'"),
        ("chips: 8", "chips: 0", "chips is '0'"),
    ],
)
def test_what_a_datasheet_must_tell(line: str, other: str, words: str, tmp_path: Path) -> None:
    assert line in SHEET
    with pytest.raises(InputError, match=words):
        read_datasheet(load_yaml(written(tmp_path, SHEET.replace(line, other), "box.yaml")))


NVM = SHEET.replace("kind: hbm-gpu", "kind: nvm-weight").replace("hbm_", "nvm_")


def test_a_chip_with_lasting_weights_tells_where_its_cache_stands(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"leaves out sram_gb \(or tier2_gb\) for the KV cache; write"):
        read_datasheet(load_yaml(written(tmp_path, NVM, "box.yaml")))
    for memory in ("sram_gb: 4\n", "tier2_gb: 64\ntier2_gbs: 200\n"):
        system = read_datasheet(load_yaml(written(tmp_path, NVM + memory, "box.yaml")))
        assert (system.get("dram_gb"), system.get("dram_bw_tbs")) == (768, 32)
        assert "not told, weight technology: the memory never wears out" in left_out(system)
    system = read_datasheet(
        load_yaml(written(tmp_path, f"{NVM}sram_gb: 4\nweight_technology: rram-14\n", "box.yaml"))
    )
    assert not any("wears out" in line for line in left_out(system))


def test_a_mask_rom_names_its_model_and_no_arithmetic(tmp_path: Path) -> None:
    text = NVM.replace("nvm-weight", "rom-weight").replace("fp16_tflops: 8000\nfp8_tflops: 16000\n", "")
    with pytest.raises(InputError, match="leaves out sram_gb for the KV cache, fixed_model; write"):
        read_datasheet(load_yaml(written(tmp_path, text, "box.yaml")))
    told = f"{text}sram_gb: 0.3\nfixed_model: llama-3.1-8b\n"
    assert read_datasheet(load_yaml(written(tmp_path, told, "box.yaml"))).fixed_model == "llama-3.1-8b"


# -- measurements

VLLM = {
    "date": "20260203-101010",
    "model_id": "my/llama",
    "completed": 100,
    "total_input_tokens": 51200,
    "total_output_tokens": 25600,
    "output_throughput": 9000.0,
    "max_concurrency": 64,
    "mean_ttft_ms": 40.0,
    "mean_tpot_ms": 6.25,
    "tensor_parallel_size": 2,
}
SETTING = Setting("llama-3.1-8b", "dgx-h100", 8, weight_precision="fp8", date="2026-01", gpus=8)


def points(folder: Path, content: Any, name: str = "run.json", setting: Setting = SETTING) -> ProfileFile:
    return read_profiles(written(folder, content, name), setting)


def test_a_run_on_some_chips_counts_as_often_as_it_fits(tmp_path: Path) -> None:
    (p,) = points(tmp_path, VLLM).profiles
    assert p.output_tok_s_per_user.value == 160  # 1000 / 6.25
    assert p.output_tok_s_total.value == 4 * 9000  # 8 chips hold four pairs
    assert p.systems_per_replica == 1
    assert "4 of them side by side, 2 of 8 chips each" in p.output_tok_s_total.note
    assert p.output_tok_s_total.evidence == "measured"
    assert (p.output_tok_s_total.source, p.output_tok_s_total.date) == (
        "run.json:1 vllm bench serve of my/llama",
        "2026-02-03",
    )


def test_appended_results_are_one_run_per_line(tmp_path: Path) -> None:
    text = "\n".join(json.dumps({**VLLM, "output_throughput": n}) for n in (10, 20))
    assert [p.output_tok_s_total.value for p in points(tmp_path, text).profiles] == [40, 80]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"completed": 0}, "no finished request"),
        ({"mean_tpot_ms": None}, "no time per output token"),
        ({"mean_tpot_ms": "fast"}, "mean_tpot_ms is 'fast'"),
        ({"output_throughput": float("nan")}, "output_throughput is nan"),
        ({"mean_tpot_ms": -1}, "mean_tpot_ms is -1"),
    ],
)
def test_unusable_runs_are_named_beside_usable_ones(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    found = points(tmp_path, [VLLM, {**VLLM, **change}])
    assert len(found.profiles) == 1
    assert [(c.place.line, c.problem.startswith(words)) for c in found.unusable] == [(2, True)]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (Setting("llama-3.1-8b", "dgx-h100", 8, date="2026", gpus=8), "tells no precision"),
        (Setting("llama-3.1-8b", "dgx-h100", 8, "fp8", gpus=8), "no date"),
        (Setting("llama-3.1-8b", "dgx-h100", 8, "fp8", date="2026"), "how many GPUs"),
    ],
)
def test_what_no_file_tells_is_asked_for(setting: Setting, words: str, tmp_path: Path) -> None:
    content = {k: v for k, v in VLLM.items() if k not in ("date", "tensor_parallel_size")}
    with pytest.raises(InputError, match=words):
        points(tmp_path, content, setting=setting)


INFERENCEX = {
    "hw": "h200", "model": "m", "framework": "sglang", "precision": "fp8", "isl": 1024, "osl": 1024,
    "conc": 8, "disagg": False, "tp": 8, "tput_per_gpu": 100.0, "output_tput_per_gpu": 40.0, "mean_ttft": 0.5,
    "mean_tpot": 0.02, "date": "2026-03-01T10:00:00",
}  # fmt: skip


def test_inferencex_rows(tmp_path: Path) -> None:
    apart = {**INFERENCEX, "disagg": True, "num_prefill_gpu": 8, "num_decode_gpu": 16}
    metrics = {k: INFERENCEX[k] for k in ("tput_per_gpu", "mean_ttft", "mean_tpot")}
    nested = {**{k: v for k, v in INFERENCEX.items() if k not in metrics}, "metrics": metrics}
    found = points(tmp_path, [INFERENCEX, apart, nested]).profiles
    assert [p.output_tok_s_total.value for p in found] == [8 * 40, 24 * 100 / 2, 8 * 40]
    assert [p.systems_per_replica for p in found] == [1, 3, 1]
    assert {p.output_tok_s_total.date for p in found} == {"2026-03-01"}
    assert {p.ttft_ms.value for p in found if p.ttft_ms} == {500}


def test_rows_of_other_systems_and_models_do_not_count(tmp_path: Path) -> None:
    names = {"h100": "dgx-h100", "h200": "dgx-h200", "llama": "llama-3.1-8b", "qwen": "qwen3-32b"}

    def called(name: str) -> str:
        return names.get(name, "")

    setting = Setting("llama-3.1-8b", "dgx-h100", 8, system_called=called, model_called=called)
    rows = [
        {**INFERENCEX, "hw": hw, "model": model}
        for hw, model in (("h100", "llama"), ("h200", "llama"), ("h100", "qwen"), ("x9", "llama"))
    ]
    found = points(tmp_path, rows, setting=setting)
    assert len(found.profiles) == 1
    assert [c.place.line for c in found.unusable] == [2, 3, 4]
    only = read_profiles(written(tmp_path, rows), setting, {"hw": "x9"})  # said to be the system
    assert len(only.profiles) == 1


def table(rows: list[dict[str, Any]]) -> str:
    import io

    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(k for row in rows for k in row)))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


OWN = {
    "run_id": "a", "hardware": "h", "model": "m", "n_devices": 16, "precision_weights": "FP8", "isl": 300,
    "osl": 101, "concurrency_or_batch": 10, "source": "lab", "date": "2026-05",
}  # fmt: skip


def test_measurement_rows(tmp_path: Path) -> None:
    rows = [
        {**OWN, "metric": "tpot_ms", "value": 10},
        {**OWN, "metric": "output_tok_s_total", "value": 640},
        {**OWN, "run_id": "b", "metric": "tpot_ms", "value": 10},
        {**OWN, "run_id": "b", "metric": "ttft_ms", "value": 1000},
        {**OWN, "run_id": "c", "metric": "total_tok_s", "value": 4010},
        {**OWN, "run_id": "c", "metric": "output_tok_s_per_user", "value": 50},
        {**OWN, "run_id": "d", "metric": "ttft_ms", "value": 1000},
    ]
    found = points(tmp_path, table(rows), "own.csv")
    a, b, c = found.profiles
    assert a.output_tok_s_total.value == 640
    assert b.output_tok_s_total.value == pytest.approx(10 * 101 / 2.0)  # 1 s, then 100 tokens of 10 ms
    assert (a.output_tok_s_total.evidence, b.output_tok_s_total.evidence) == ("measured", "derived")
    assert c.output_tok_s_total.value == pytest.approx(1010)  # 4010 of 401 tokens, 101 of them output
    assert [p.systems_per_replica for p in found.profiles] == [2, 2, 2]
    assert [x.place.line for x in found.unusable] == [8]


@pytest.mark.skipif(not MEASUREMENTS.is_file(), reason="the measurements are not beside the repository")
def test_published_measurements(tmp_path: Path) -> None:
    main_ok(
        "catalog",
        "add-profile",
        MEASUREMENTS,
        "--system",
        "dgx-h100",
        "--model",
        "llama-3.1-70b",
        "--out",
        tmp_path,
    )
    catalog = catalog_with_places(extra=[tmp_path])[0]
    added = [p for p in catalog.profiles.values() if p.id not in SHIPPED.profiles]
    assert len(added) > 20
    assert {(p.system, p.model) for p in added} == {("dgx-h100", "llama-3.1-70b")}


# -- together


def main_ok(*words: object) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert end.value.code in (None, 0)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with a model, a system and a measured profile that are in no shipped catalog."""
    config = {**CONFIGS["llama-3.1-8b"], "num_hidden_layers": 20}
    folder = tmp_path / "mine"
    main_ok("catalog", "add-model", written(tmp_path, config), "--id", "my-llama", "--out", folder)
    main_ok("catalog", "add-system", written(tmp_path, SHEET, "box.yaml"), "--out", folder)
    run = {**VLLM, "output_throughput": 300e3, "tensor_parallel_size": 8}
    main_ok(
        "catalog", "add-profile", written(tmp_path, run, "run.json"), "--system", "my-box",
        "--model", "my-llama", "--precision", "fp8", "--out", folder,
    )  # fmt: skip
    return folder


WORKLOAD = """\
name: mine
services:
  - name: chat
    model: my-llama
    precisions: [fp8]
    acquisitions: [buy]
    demand: {output_tokens_per_s: 500k}
    lengths: {prompt: 512, output: 256}
    levels: {tokens_per_s_per_user: 150}
horizon: 3 years
hardware: {include: [my-box], profiles: measured}
"""


def test_a_measured_profile_decides_a_plan(mine: Path, tmp_path: Path) -> None:
    """300,000 tok/s measured on one box: 500,000 need two. Physics believes less of a box and buys more."""
    workload = written(tmp_path, WORKLOAD, "w.yaml")
    plans = {}
    for profiles in ("measured", "none"):
        out = tmp_path / profiles
        change = f"hardware.profiles={profiles}"
        main_ok("--add-catalogs", mine, "solve", workload, "--no-compare", "--set", change, "--out", out)
        plans[profiles] = json.loads((out / "plan.json").read_text())
    bought = {name: [s["count"] for s in plan["systems"]] for name, plan in plans.items()}
    assert bought["measured"] == [2]
    assert sum(bought["none"]) > 2
    assert "run.json:1 vllm bench serve" in json.dumps(plans["measured"])
    assert "run.json:1 vllm bench serve" not in json.dumps(plans["none"])


def test_own_entries_stand_beside_the_shipped_ones(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EXTRA, raising=False)
    assert "my-llama" not in load_catalog().models
    with with_extra_folders([mine]):
        catalog: Catalog = load_catalog()
    assert {"my-llama", *SHIPPED.models} == set(catalog.models)
    assert "my-box/buy" in catalog.offers
    assert catalog.version != SHIPPED.version
    assert load_catalog().version == SHIPPED.version
    monkeypatch.setenv(EXTRA, str(mine))
    assert load_catalog().version == catalog.version
    profile: MeasuredProfile = catalog.profiles["my-box/my-llama/run-1"]
    assert profile.output_tok_s_total.evidence == "measured"


def test_entries_are_kept_sound(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.json"
    before = sorted(mine.rglob("*"))
    for words, reason in (
        (("--id", "my-llama"), "is there already"),
        (("--id", "llama-3.1-8b"), "already stands at"),
        (("--id", "../x y"), "gives no name"),
        (("--id", "other", "--total-params", "70"), "70.00 are stored"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["catalog", "add-model", str(config), *words, "--out", str(mine)])
        assert end.value.code == 2
        assert reason in capsys.readouterr().err
        assert sorted(mine.rglob("*")) == before
    main_ok(
        "catalog", "add-model", config, "--id", "my-llama", "--out", mine, "--force", "--total-params", "5.41"
    )
    assert "published 5.41" in capsys.readouterr().out


def test_a_measurement_faster_than_light_is_a_warning(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights of 5.4 GB in fp8 at 32 TB/s: a step takes 0.17 ms at least, so nobody sees 8,000 tok/s."""
    for tpot_ms, warned in ((0.125, True), (1.25, False)):
        run = written(tmp_path, {**VLLM, "mean_tpot_ms": tpot_ms, "tensor_parallel_size": 8}, "fast.json")
        words = ("--system", "my-box", "--model", "my-llama", "--precision", "fp8", "--out", mine, "--force")
        main_ok("catalog", "add-profile", run, *words)
        assert ("faster than the hardware allows" in capsys.readouterr().err) is warned


def test_add_system_says_what_its_operating_points_rest_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = {}
    for family in ("nvidia-hopper", "never-measured"):
        form = written(tmp_path, f"{SHEET}family: {family}\n", "box.yaml")
        main_ok("catalog", "add-system", form, "--out", tmp_path / "mine", "--force")
        lines[family] = capsys.readouterr().out
    assert "operating points: fitted: nvidia-hopper" in lines["nvidia-hopper"]
    assert "no constants of family 'never-measured'" in lines["never-measured"]
    assert "not told, typical power: the maximum is billed" in lines["nvidia-hopper"]
