"""Time of one decode step and of a prefill on a group of chips: the roofline with measured efficiencies.

All fields are columns (numpy arrays of one length) or scalars that broadcast; all units are SI. Per
component (dense matrices, routed experts, attention) time is the larger of reading and computing (Williams
et al., Communications of the ACM 52, 2009); collectives follow the alpha-beta model of a ring (Thakur et
al., IJHPCA 19, 2005). Reading the experts assumes independent routing of the tokens of a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.performance.quantities import Column, Efficiency, Group, Machine, Shape

_ACTIVATION_BYTES = 2.0  # activations travel between chips in bf16
_DISPATCH_BYTES = (
    3.0  # per value and expert: fp8 out, bf16 back (DeepSeek-V3 technical report 2024, section 3.2)
)
USUAL_EXPERTS = 8.0  # experts of a token at which a routed layer's overhead is the fitted one
USUAL_WIDTH = 5120.0  # width of a model at which a layer's overhead is the fitted one


@dataclass(frozen=True)
class Decode:
    """Components of a decode step; seconds for a whole replica, summed over its pipeline stages."""

    dense_read: Column
    dense_compute: Column
    expert_read: Column
    expert_compute: Column
    overhead: Column  # per layer, launch and collective latency, hops
    per_sequence: Column  # sampling, scheduler, activations on links; already times the sequences
    kv_read: Column  # global layers
    kv_local: Column
    attention_compute: Column

    @property
    def total(self) -> Column:
        """The step."""
        attention = np.maximum(self.kv_read + self.kv_local, self.attention_compute)
        dense = np.maximum(self.dense_read, self.dense_compute)
        experts = np.maximum(self.expert_read, self.expert_compute)
        return dense + experts + attention + self.overhead + self.per_sequence


def collective_latency(group: Group, e: Efficiency) -> Column:
    """Latency of one all-reduce: grows with the logarithm of the group, none on one chip."""
    members = group.tensor * group.data
    return np.where(members > 1, e.collective_s * (0.5 + 0.5 * np.log2(np.maximum(members, 2))), 0.0)


def _overhead(s: Shape, group: Group, e: Efficiency) -> Column:
    """Time of all layers that depends on neither size nor batch."""
    reduces = 2 * s.layers * collective_latency(group, e)
    latent = np.where(s.latent_values > 0, s.layers * e.latent_layer_s, 0.0)
    latent = latent + np.where(s.index_values > 0, s.layers * e.index_layer_s, 0.0)
    width = 1 + e.width_share * (s.hidden / USUAL_WIDTH - 1)
    routed = e.moe_layer_s * (1 + e.route_share * (s.top_k / USUAL_EXPERTS - 1))
    layers = (s.layers * e.layer_s + s.moe_layers * routed) * width
    return layers + latent + reduces + (group.stages - 1) * e.hop_s


def expert_share(s: Shape, e: Efficiency) -> Column:
    """Achieved share of the FLOP/s in routed experts: narrow experts fill the matrix units less."""
    return e.compute_experts * s.expert_width / (s.expert_width + e.expert_half_width)


def _traffic_s(s: Shape, m: Machine, group: Group, e: Efficiency) -> Column:
    """Link time of one token's activations through all layers (two all-reduces or one exchange a layer)."""
    rate = m.link * e.link_share
    ring = 2 * (group.tensor - 1) / group.tensor * _ACTIVATION_BYTES * s.hidden / rate
    reduces = np.where(group.tensor > 1, 2 * s.layers * ring, 0.0) / group.data
    exchange = s.moe_layers * s.top_k * _DISPATCH_BYTES * s.hidden / rate / (group.tensor * group.data)
    return reduces + np.where(group.data > 1, exchange, 0.0)


def _activations_s(s: Shape, m: Machine, e: Efficiency) -> Column:
    """Time to read and write one token's activations in all layers, between the matrices: norms, residuals,
    quantisation, routing. Tensor parallelism does not share them out."""
    return e.passes * _ACTIVATION_BYTES * s.layers * s.hidden / (m.bandwidth * e.memory16)


def decode(
    s: Shape,
    m: Machine,
    group: Group,
    e: Efficiency,
    batch: Column,
    context: Column,
    routed: Column = None,
    tokens: float = 1.0,
) -> Decode:
    """A decode step of ``batch`` sequences with ``context`` tokens each, all pipeline stages in turn.

    A replica with P stages keeps P microbatches of batch / P sequences going: a sequence passes P stages,
    each of which reads 1/P of the weights for its microbatch. ``routed``: tokens that choose experts
    independently, where that is not the batch (identical prompts). ``tokens`` of each sequence are worked on
    together (drafts that are verified): neither microbatches nor attention groups share them out.
    """
    micro = np.maximum(batch / group.stages, np.minimum(batch, 1.0))
    mine = np.maximum(micro / group.data, np.minimum(micro, 1.0)) * tokens
    micro = micro * tokens
    read, span = m.bandwidth * e.memory, group.tensor * group.data
    choosing = micro if routed is None else np.minimum(routed, micro)
    hit = distinct_experts(s, 1 + (np.maximum(choosing, 1.0) - 1) * e.independent)
    copies = np.maximum(1.0 / group.tensor, 1.0 / s.kv_heads)
    kv_rate = m.kv_bandwidth * e.kv_memory / copies / s.group**e.group_reading
    macs: Column = np.where(s.latent_values > 0, s.latent_values, s.attention_values)
    reach: Column = np.where(s.index_values > 0, np.minimum(context, s.window), context)
    multiplied = reach * macs + context * s.index_values
    return Decode(
        dense_read=s.dense_bytes / (group.tensor * read),
        dense_compute=mine * 2 * s.dense_parameters / (group.tensor * m.dense_flops * e.compute),
        expert_read=hit * s.expert_bytes / (span * m.bandwidth * e.memory_experts),
        expert_compute=micro * 2 * s.expert_parameters / (span * m.flops * expert_share(s, e)),
        overhead=e.step_s + _overhead(s, group, e) + s.moe_layers * hit / group.data * e.expert_s,
        per_sequence=mine * (e.sequence_s + _activations_s(s, m, e)) + micro * _traffic_s(s, m, group, e),
        kv_read=mine * context * s.kv_bytes / kv_rate,
        kv_local=mine * np.minimum(context, s.window) * s.kv_local_bytes / kv_rate,
        attention_compute=mine * 2 * multiplied / (group.tensor * m.flops16 * e.compute),
    )


def distinct_experts(s: Shape, tokens: Column) -> Column:
    """Expected number of distinct experts of one layer that ``tokens`` hit, each choosing by itself.

    E (1 - (1 - k / E)^tokens); columns or numbers. 0 where a model has no experts.
    """
    share = np.minimum(s.top_k / np.maximum(s.experts, 1.0), 1 - 1e-12)
    return s.experts * -np.expm1(tokens * np.log1p(-share))


@dataclass(frozen=True)
class Prefill:
    """Prefill of prompts, seconds per replica, pipeline stages filled: linear and quadratic parts."""

    token_s: Column  # per prompt token, all chips busy
    alone_s: Column  # per prompt token, one prompt: other attention groups and stages idle
    token_squared_s: Column  # per prompt token squared
    weights_s: Column  # reading once all weights that a step uses
    overhead: Column


def prefill(s: Shape, m: Machine, group: Group, e: Efficiency, chunk: Column = 2048.0) -> Prefill:
    """Coefficients of a prompt's time; a prompt of n tokens takes max(n a, weights) + n^2 b + overhead.

    ``chunk``: prompt tokens in a step, over which routed experts share their padding.
    """
    span, read = group.tensor * group.data, m.bandwidth * e.memory
    multiplied = s.dense_parameters - (1 - e.prompt_head) * s.head_parameters
    dense = 2 * multiplied / (m.dense_flops * e.compute)
    padding = distinct_experts(s, chunk) * e.expert_tile / np.maximum(s.top_k, 1.0)
    routed = 2 * s.expert_parameters * (1 + padding / chunk) / (m.flops * expert_share(s, e))
    sparse = s.index_values > 0  # each token attends to at most the window
    near: Column = np.where(sparse, 2 * s.attention_values * s.window, 0.0)
    dense = dense + near / (m.flops16 * e.compute)
    compute, traffic = dense + routed, _traffic_s(s, m, group, e)
    moved = _activations_s(s, m, e)
    hit = distinct_experts(s, 1 + (np.maximum(chunk, 1.0) - 1) * e.independent)
    weights = s.dense_bytes / (group.tensor * read) + hit * s.expert_bytes / (
        span * m.bandwidth * e.memory_experts
    )
    return Prefill(
        token_s=(compute / span + traffic + moved / group.data) / group.stages,
        alone_s=dense / group.tensor + routed / span + traffic + moved,
        token_squared_s=np.where(sparse, s.index_values, s.attention_values)
        / (m.flops16 * e.compute * group.chips),
        weights_s=weights,
        overhead=e.step_s + e.eager * _overhead(s, group, e),
    )
