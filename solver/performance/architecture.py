"""Sizes of a language model, derived from the integers of its architecture.

Parameters count matrices and norms; biases are left out (below 0.1 %). Formulas: Vaswani et al. 2017
(attention, feed-forward), Shazeer 2020 (gated feed-forward, three matrices), DeepSeek-V2 2024,
arXiv 2405.04434, section 2.1 (multi-head latent attention).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import overload

import numpy as np
from numpy.typing import NDArray

from solver.domain.catalog import Model

Floats = NDArray[np.float64]

#: Bytes of one stored parameter or KV value.
BYTES = {"fp32": 4.0, "fp16": 2.0, "bf16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5, "int4": 0.5}
#: Open Compute MX: 4-bit values with one 8-bit scale for 32 of them (OCP Microscaling Formats 1.0, 2023).
MXFP4_BYTES = 4.25 / 8


@dataclass(frozen=True)
class Parameters:
    """Parameter counts of a model (units: parameters, not bytes)."""

    embedding: float  # input table: looked up, never multiplied (0 when tied to the output matrix)
    dense: float  # read in every step: attention, dense and shared feed-forward, router, output matrix
    per_expert: float  # one routed expert of one layer
    experts: float  # all routed experts of all layers
    active_experts: float  # routed experts that one token uses, all layers

    @property
    def total(self) -> float:
        """All stored parameters."""
        return self.embedding + self.dense + self.experts

    @property
    def active(self) -> float:
        """Parameters that one token multiplies with."""
        return self.dense + self.active_experts


def attention_parameters(model: Model) -> float:
    """Parameters of the attention of one layer."""
    h, q = model.hidden, model.q_heads
    if model.attention != "mla":
        return h * model.head_dim * (2 * q + 2 * model.kv_heads)
    key = model.qk_nope_dim + model.rope_dim
    queries = h * model.q_lora_rank + model.q_lora_rank * q * key if model.q_lora_rank else h * q * key
    latent = h * (model.kv_lora_rank + model.rope_dim)
    up = model.kv_lora_rank * q * (model.qk_nope_dim + model.v_head_dim)
    indexer = model.q_lora_rank * model.index_heads * model.index_dim
    indexer += h * (model.index_dim + model.index_heads)
    return queries + latent + up + q * model.v_head_dim * h + indexer


@lru_cache(maxsize=4096)
def parameters(model: Model) -> Parameters:
    """Parameter counts; for a model without published architecture only total and active are known."""
    if not model.layers:
        return _from_totals(model)
    h, moe = model.hidden, model.n_moe_layers
    per_expert = 3.0 * h * model.moe_ffn_dim
    shared = 3.0 * h * model.shared_ffn_dim * model.n_shared + h * model.n_experts
    layers = model.layers * (attention_parameters(model) + 2 * h)
    feed_forward = (model.layers - moe) * 3.0 * h * model.ffn_dim + moe * shared
    table = float(model.vocab * h)
    return Parameters(
        embedding=0.0 if model.tied_embeddings else table,
        dense=layers + feed_forward + table + h,
        per_expert=per_expert,
        experts=per_expert * model.n_experts * moe,
        active_experts=per_expert * model.top_k * moe,
    )


def _from_totals(model: Model) -> Parameters:
    """Total and active figures of an announced mixture of experts; dense models have one figure."""
    total, active = model.total_params_b * 1e9, model.active_params_b * 1e9
    e, k = model.n_experts, model.top_k
    if e <= k:
        return Parameters(0.0, total, 0.0, 0.0, 0.0)
    experts = (total - active) * e / (e - k)  # total = dense + E x, active = dense + k x
    return Parameters(0.0, total - experts, experts / e, experts, experts * k / e)


def native_mxfp4(model: Model) -> bool:
    """Whether the released checkpoint keeps its experts in MXFP4 and the rest in bf16 (gpt-oss)."""
    return model.native_precision.startswith("mxfp4")


def bytes_per_parameter(model: Model, precision: str) -> tuple[float, float]:
    """Bytes of a parameter outside and inside the routed experts."""
    if precision == "mxfp4":
        return (2.0, MXFP4_BYTES) if model.n_experts else (MXFP4_BYTES, MXFP4_BYTES)
    return BYTES[precision], BYTES[precision]


def weight_bytes(model: Model, precision: str) -> float:
    """Stored bytes of all weights; the scales of quantised formats are counted for MXFP4 only."""
    dense, expert = bytes_per_parameter(model, precision)
    p = parameters(model)
    return (p.embedding + p.dense) * dense + p.experts * expert


def kv_values_per_token(model: Model) -> tuple[float, float]:
    """KV values of a token that are read at any distance, and those read within a window only.

    Sparse attention reads the keys of its indexer at any distance and the latents of the selected tokens.
    """
    if model.attention == "mla":
        latent = float(model.layers * (model.kv_lora_rank + model.rope_dim))
        return (float(model.layers * model.index_dim), latent) if model.sparse_tokens else (latent, 0.0)
    per_layer = 2.0 * model.kv_heads * model.head_dim
    local = model.n_local_layers if model.window else 0
    return (model.layers - local) * per_layer, local * per_layer


@overload
def kv_bytes(model: Model, context_tokens: float, kv_precision: str = "fp16") -> float: ...
@overload
def kv_bytes(model: Model, context_tokens: Floats, kv_precision: str = "fp16") -> Floats: ...
def kv_bytes(model: Model, context_tokens: float | Floats, kv_precision: str = "fp16") -> float | Floats:
    """KV bytes stored of one sequence of ``context_tokens``: all in global layers, a window in local ones.

    Sparse attention keeps every token: any may be selected later.
    """
    everywhere, local = kv_values_per_token(model)
    kept = np.inf if model.sparse_tokens else model.window
    values = everywhere * context_tokens + local * np.minimum(context_tokens, kept)
    size = values * BYTES[kv_precision]
    return size if isinstance(context_tokens, np.ndarray) else float(size)


def attention_values(model: Model) -> tuple[float, float]:
    """Multiply-adds per token and context token in (global, windowed) layers, prefill form.

    Scores and weighted sum: q_heads times (key width + value width).
    """
    width = 2.0 * model.head_dim
    if model.attention == "mla":
        width = model.qk_nope_dim + model.rope_dim + model.v_head_dim
    local = model.n_local_layers if model.window else 0
    return (model.layers - local) * model.q_heads * width, local * model.q_heads * width


def latent_attention_values(model: Model) -> float:
    """Multiply-adds per token and context token of MLA decode in the absorbed form; 0 for other models."""
    if model.attention != "mla":
        return 0.0
    return float(model.layers * model.q_heads * (2 * model.kv_lora_rank + model.rope_dim))


def index_values(model: Model) -> float:
    """Multiply-adds per token and context token of the indexer of sparse attention; 0 for other models."""
    return float(model.layers * model.index_heads * model.index_dim)
