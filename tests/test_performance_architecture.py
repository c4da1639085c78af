"""Sizes of models: worked examples from the architecture's integers, and properties."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.inputs.catalogs import load_catalog
from solver.performance import architecture, quantities, roofline

FACTS = Path(__file__).parents[2] / "shared" / "facts" / "models.csv"
MODELS = load_catalog().models

# billions of parameters stored and multiplied per token, KV bytes per token at fp16 in all / global layers
WORKED = {
    "llama-3.1-8b": (8.030, 7.505, 131072, 131072),
    "llama-3.1-405b": (405.853, 403.752, 516096, 516096),
    "llama-4-maverick": (400.712, 16.150, 196608, 49152),
    "deepseek-r1": (671.026, 36.626, 70272, 70272),
    "deepseek-v3.2": (671.884, 37.484, 61 * 2 * (576 + 128), 61 * 2 * 128),  # V3 and an indexer of 0.86 G
    "gpt-oss-120b": (116.829, 5.133, 73728, 36864),
    "gemma-3-27b": (27.009, 27.009, 507904, 81920),
}


@pytest.mark.parametrize("name", WORKED)
def test_sizes_follow_from_the_integers(name: str) -> None:
    total, active, kv, everywhere = WORKED[name]
    model, p = MODELS[name], architecture.parameters(MODELS[name])
    assert p.total / 1e9 == pytest.approx(total, rel=1e-3)
    assert p.active / 1e9 == pytest.approx(active, rel=1e-3)
    assert 2 * sum(architecture.kv_values_per_token(model)) == kv
    assert 2 * architecture.kv_values_per_token(model)[0] == everywhere


def test_llama_8b_by_hand() -> None:
    h, layers, ffn, vocab = 4096, 32, 14336, 128256
    attention = h * h * 2 + 2 * h * 1024
    by_hand = layers * (attention + 3 * h * ffn + 2 * h) + 2 * vocab * h + h
    assert architecture.parameters(MODELS["llama-3.1-8b"]).total == by_hand


@pytest.mark.skipif(not FACTS.is_file(), reason="fact sheet not present")
def test_every_fact_sheet_model() -> None:
    with FACTS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["calc_total_B"]]
    for row in rows:
        model = MODELS[row["name"]]  # the fact sheet leaves the indexer of sparse attention out
        model = model.model_copy(update={"sparse_tokens": 0, "index_heads": 0, "index_dim": 0})
        p = architecture.parameters(model)
        assert p.total / 1e9 == pytest.approx(float(row["calc_total_B"]), rel=1e-3)
        assert p.active / 1e9 == pytest.approx(float(row["calc_active_matmul_B"]), rel=1e-3)
        assert architecture.weight_bytes(model, "fp8") / 1e9 == pytest.approx(
            float(row["weight_GB_fp8"]), abs=0.06
        )
        window = architecture.kv_bytes(model, 1e8) - 2e8 * architecture.kv_values_per_token(model)[0]
        assert window == pytest.approx(float(row["kv_window_fixed_bytes_fp16"]), abs=1e3)


def test_chunked_attention_stops_growing_at_the_window() -> None:
    model = MODELS["llama-4-maverick"]  # 36 of 48 layers see 8,192 tokens
    short, long = architecture.kv_bytes(model, 4096), architecture.kv_bytes(model, 100_000)
    assert short == 4096 * 196608
    assert long == 100_000 * 49152 + 8192 * (196608 - 49152)


def test_mxfp4_checkpoint_keeps_the_rest_in_bf16() -> None:
    model = MODELS["gpt-oss-120b"]
    p = architecture.parameters(model)
    expected = p.experts * 4.25 / 8 + (p.dense + p.embedding) * 2
    assert architecture.weight_bytes(model, "mxfp4") == expected


def distinct_experts(experts: int, top_k: int, tokens: float) -> float:
    """Of a model that differs from Mixtral in its experts alone."""
    model = MODELS["mixtral-8x7b"].model_copy(update={"n_experts": experts, "top_k": top_k})
    return float(roofline.distinct_experts(quantities.shape(model, "fp16", "fp16"), tokens))


def test_distinct_experts_worked() -> None:
    assert distinct_experts(128, 1, 1) == pytest.approx(1)
    assert distinct_experts(4, 2, 2) == pytest.approx(4 * (1 - 0.5**2))
    assert distinct_experts(0, 0, 7) == 0


@given(st.integers(1, 512), st.data(), st.floats(1, 1e5))
def test_distinct_experts_stay_between_one_token_and_all(
    experts: int, data: st.DataObject, tokens: float
) -> None:
    k = data.draw(st.integers(1, experts))
    assert k * (1 - 1e-9) <= distinct_experts(experts, k, tokens) <= experts * (1 + 1e-9)


@given(
    st.sampled_from(sorted(n for n, m in MODELS.items() if m.layers)), st.floats(1, 1e6), st.floats(1, 1e6)
)
def test_kv_grows_with_context(name: str, a: float, b: float) -> None:
    low, high = sorted((a, b))
    model = MODELS[name]
    both = architecture.kv_bytes(model, np.array([low, high]))
    assert both[0] <= both[1]
    assert both[1] == architecture.kv_bytes(model, high)


def test_announced_mixture_splits_its_totals() -> None:
    p = architecture.parameters(MODELS["llama-4-behemoth"])
    assert p.total == pytest.approx(2e12)
    assert p.active == pytest.approx(288e9)


def test_sparse_attention_stores_every_token_and_adds_index_keys() -> None:
    dense, sparse = MODELS["deepseek-v3"], MODELS["deepseek-v3.2"]
    per_token = 61 * (512 + 64 + 128)
    for context in (100.0, 1e5):
        assert architecture.kv_bytes(sparse, context, "fp8") == context * per_token
        assert architecture.kv_bytes(dense, context, "fp8") == context * 61 * 576
