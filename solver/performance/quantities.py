"""What a roofline is computed from: a model, a chip, how a replica spreads over chips, achieved shares.

All fields are columns (numpy arrays of one length) or scalars that broadcast; all units are SI.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from solver.domain.catalog import Model
from solver.performance import architecture
from solver.performance.architecture import BYTES

Column = Any  # an array of one length or a number; numpy broadcasts them


@dataclass(frozen=True)
class Shape:
    """A model at a weight and a KV precision."""

    layers: Column
    moe_layers: Column
    hidden: Column
    dense_parameters: Column
    head_parameters: Column  # of these, the output matrix
    dense_bytes: Column  # all dense weights
    expert_parameters: Column  # of the experts that one token uses, all layers
    expert_bytes: Column  # one expert in each of the MoE layers
    experts: Column
    top_k: Column
    expert_width: Column  # inner width of a routed expert
    kv_bytes: Column  # per context token, global layers
    kv_local_bytes: Column  # per context token inside the window, local layers
    window: Column  # tokens that local layers, or sparse attention, read
    kept: Column  # tokens that they store
    kv_heads: Column  # tensor parallelism beyond this many chips stores KV twice; 1 for latent attention
    group: Column  # query heads per KV head; 1 for latent attention
    attention_values: Column  # multiply-adds per token and context token, global layers, prefill form
    attention_local: Column
    latent_values: Column  # the same of latent attention in decode
    index_values: Column  # the same of the indexer of sparse attention


def shape(model: Model, weight_precision: str, kv_precision: str) -> Shape:
    """The columns of one model (all scalars)."""
    p = architecture.parameters(model)
    dense, expert = architecture.bytes_per_parameter(model, weight_precision)
    everywhere, local = architecture.kv_values_per_token(model)
    attention, attention_local = architecture.attention_values(model)
    moe_layers = model.n_moe_layers or (1 if p.experts else 0)
    return Shape(
        layers=float(model.layers),
        moe_layers=float(moe_layers),
        hidden=float(model.hidden),
        dense_parameters=p.dense,
        head_parameters=float(model.vocab * model.hidden),
        dense_bytes=p.dense * dense,
        expert_parameters=p.active_experts,
        expert_bytes=p.per_expert * moe_layers * expert,
        experts=float(model.n_experts),
        top_k=float(model.top_k),
        expert_width=float(max(model.moe_ffn_dim, 1)),
        kv_bytes=everywhere * BYTES[kv_precision],
        kv_local_bytes=local * BYTES[kv_precision],
        window=float(model.sparse_tokens or model.window),
        kept=float(math.inf if model.sparse_tokens else model.window),
        kv_heads=float(1 if model.attention == "mla" else max(model.kv_heads, 1)),
        group=1.0 if model.attention == "mla" else model.q_heads / max(model.kv_heads, 1) or 1.0,
        attention_values=attention,
        attention_local=attention_local,
        latent_values=architecture.latent_attention_values(model),
        index_values=architecture.index_values(model),
    )


@dataclass(frozen=True)
class Machine:
    """One chip and its links, peak figures of the data sheet."""

    bandwidth: Column  # byte/s of the memory that holds the weights
    flops: Column  # FLOP/s at the weight precision
    flops16: Column  # FLOP/s at 16 bit, for attention
    link: Column  # byte/s to the other chips of the group, one direction
    kv_bandwidth: Column  # byte/s of the memory that holds the KV
    dense_flops: Column  # FLOP/s at the precision of the weights outside routed experts


@dataclass(frozen=True)
class Group:
    """How a replica spreads over chips: tensor x data (attention) x pipeline."""

    tensor: Column
    data: Column  # attention replicas; the experts spread over tensor x data chips
    stages: Column

    @property
    def chips(self) -> Column:
        """Chips of a replica."""
        return self.tensor * self.data * self.stages


@dataclass(frozen=True)
class Efficiency:
    """Fitted constants of a system family and an engine generation."""

    memory: Column  # share of the peak bandwidth
    memory16: Column  # that share at 16 bits
    memory_experts: Column  # that share in reading routed experts
    compute: Column  # share of the peak FLOP/s, dense matrices
    compute_experts: Column
    layer_s: Column
    moe_layer_s: Column
    sequence_s: Column
    collective_s: Column  # latency of an all-reduce of two chips
    link_share: Column  # share of the link rate
    first_token_s: Column  # HTTP, tokeniser, scheduler, first sampling
    kv_memory: Column  # share of the peak bandwidth in reading KV
    step_s: Column  # host loop of the engine, per step
    latent_layer_s: Column  # further time of a layer with latent attention: more and smaller matrices
    index_layer_s: Column  # further time of a layer that selects tokens
    expert_tile: Column  # tokens by which each routed expert's part of a prompt is padded
    expert_half_width: Column  # inner width at which experts reach half of their compute share
    expert_s: Column  # per distinct expert that a step touches in a layer
    width_share: Column  # share of a layer's overhead that grows with the width of the model
    route_share: Column  # share of a routed layer's overhead that grows with the experts of a token
    independent: Column  # tokens of a step that choose experts independently, as a share
    group_reading: (
        Column  # exponent of the query heads per KV head in reading KV: 0 where they share one reading
    )
    hop_s: Column  # from one pipeline stage to the next
    passes: Column  # readings or writings of a token's activations per layer
    prompt_head: Column  # share of a prompt's tokens that the output matrix is multiplied with; one is enough
    eager: Column  # overheads of the layers in prefill, where no graph is replayed, over those in decode

    @classmethod
    def ideal(cls) -> Efficiency:
        """Nothing lost: the speed of light."""
        shares = ("memory", "memory16", "memory_experts", "kv_memory", "compute", "compute_experts")
        kept = (*shares, "link_share", "eager")
        return cls(**{name: float(name in kept) for name in cls.__dataclass_fields__})
