"""Where the weights of a candidate lie, and room for KV: nodes, pipelines of systems, a slower tier."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from solver.domain.catalog import Model, System
from solver.performance.architecture import bytes_per_parameter, kv_bytes, parameters
from solver.performance.candidate import Candidate, Refused, need
from solver.performance.layouts import Layout, node_layouts, pipeline_layouts

NODE_KINDS = ("hbm-gpu", "hbm-other", "dram-cpu")
_UTILISATION = 0.9  # share of the memory that engines use (vLLM gpu_memory_utilization default)
_RESERVE_BYTES = 2.5e9  # per chip: activations, CUDA graphs, communication buffers
_KEPT_IN_FAST = 0.7  # of the fast memory, for weights, where the rest of them lies in a slower tier
_ONE = Fraction(1)


def placed(
    model: Model, base: Candidate, context: float, kv_in_weight_memory: bool, streamed: bool
) -> list[Candidate]:
    """``base`` in every layout that holds its weights and a sequence of ``context`` tokens, with room for KV.

    :class:`Refused` where none does. ``kv_in_weight_memory``: KV may lie in a non-volatile weight memory too.
    ``streamed``: weights may be read from a slower tier in every step.
    """
    kind = base.system.kind
    sequence = kv_bytes(model, context, base.kv_precision)
    if kind in NODE_KINDS:
        need(base.system, "dram_bw_tbs")
        chip = _UTILISATION * need(base.system, "dram_gb") * 1e9 / base.system.chips - _RESERVE_BYTES
        found = _on_nodes(model, base, chip, None)
        if streamed and not any(c.layout.systems <= 1 for c in found):
            found += _spilled(model, base, chip)
    elif kind == "nvm-weight" and base.entry.latency is None:
        chip = need(base.system, "dram_gb") * 1e9 / base.system.chips
        own = None if kv_in_weight_memory else _second_memory(base.system) / base.system.chips
        found = _on_nodes(model, base, chip, own)
    else:
        found = _in_pipeline(base, sequence, kv_in_weight_memory)
        if streamed and kind == "sram-wafer":
            found += _streamed(base, sequence)
    kept = [c for c in found if c.kv_capacity >= sequence]
    if not kept:
        raise Refused(
            f"{base.system.name}: {base.weights / 1e9:,.0f} GB of weights leave no room for a sequence of "
            f"{context:,.0f} tokens ({sequence / 1e9:.2f} GB of KV)"
        )
    return kept


def _second_memory(system: System) -> float:
    """Bytes of the memory beside a non-volatile weight memory: tier 2 where there is one, else SRAM."""
    return (system.get("tier2_gb") or need(system, "sram_gb")) * 1e9


def _on_nodes(model: Model, base: Candidate, chip: float, kv_chip: float | None) -> list[Candidate]:
    """Layouts of node-like systems; ``kv_chip``: KV bytes per chip where KV has its own memory."""
    if chip <= 0:
        raise Refused(f"{base.system.name}: memory of a chip is smaller than the engine's reserve")
    scaleout = (base.system.get("scaleout_gbs_per_chip") or 0.0) * 1e9
    heads = 1 if model.attention == "mla" else max(model.kv_heads, 1)
    found = []
    for layout in node_layouts(base.system, model, base.weights, chip):
        link = scaleout or base.link if layout.across and layout.stages == 1 else base.link
        stored = _stored_weights(model, base, layout)
        room = layout.chips * chip - stored if kv_chip is None else layout.chips * kv_chip
        if layout.chips * chip < stored:
            continue
        room /= max(1.0, layout.tensor / heads)  # beyond one chip per KV head, KV is stored twice
        found.append(replace(base, layout=layout, link=link, weights=stored, kv_capacity=room))
    return found


def _stored_weights(model: Model, base: Candidate, layout: Layout) -> float:
    """Bytes of a replica's weights: attention-parallel groups keep a copy of everything but the experts."""
    p = parameters(model)
    dense, expert = bytes_per_parameter(model, base.bytes_as)
    return (p.embedding + p.dense) * dense * layout.data + p.experts * expert


def _in_pipeline(base: Candidate, sequence: float, kv_in_weight_memory: bool) -> list[Candidate]:
    """Whole systems in a row."""
    system = base.system
    if system.kind == "rom-weight":
        sram = need(system, "sram_gb") * 1e9
        layout = Layout("fixed", 1, 1, 1, 1, _ONE, pipelined=True)
        return [replace(base, layout=layout, kv_capacity=sram, weights=0.0)]
    if system.kind == "nvm-weight":
        weight_memory = need(system, "dram_gb") * 1e9
        need(system, "dram_bw_tbs")
        own = None if kv_in_weight_memory else _second_memory(system)
    else:
        need(system, "sram_bw_tbs")
        weight_memory, own = need(system, "sram_gb") * 1e9, None
    wanted = base.weights + (sequence if own is None else 0.0)
    found = []
    for layout in pipeline_layouts(system, wanted, weight_memory):
        n = float(layout.systems)
        room = n * weight_memory - base.weights if own is None else n * own
        found.append(replace(base, layout=layout, kv_capacity=room))
    return found


def _spilled(model: Model, base: Candidate, chip: float) -> list[Candidate]:
    """A model too large for the fast memory of one system: the rest of its weights in the tier behind it.

    SN40L (HBM and DDR), Grace (HBM and LPDDR): a step reads the kept share at the fast rate and the rest at
    the rate of the tier, one after the other. The other part of the fast memory holds the KV.
    """
    system, fast = base.system, base.system.chips * chip
    rate, size = system.get("tier2_gbs"), system.get("tier2_gb")
    kept = _KEPT_IN_FAST * fast
    spilled = base.weights - kept
    if not rate or not size or not 0 < spilled <= _UTILISATION * size * 1e9:
        return []
    seconds = kept / (system.chips * base.bandwidth) + spilled / (rate * 1e9)
    n = system.chips
    if model.q_heads % n:
        return []
    layout = Layout(f"TP{n}", n, 1, 1, n, _ONE, placement="streamed")
    heads = 1 if model.attention == "mla" else max(model.kv_heads, 1)
    room = (fast - kept) / max(1.0, n / heads)
    return [replace(base, layout=layout, bandwidth=base.weights / seconds / n, kv_capacity=room)]


def _streamed(base: Candidate, sequence: float) -> list[Candidate]:
    """Weights read from external memory in every step, KV in SRAM, one system."""
    system = base.system
    rate, size = system.get("tier2_gbs"), system.get("tier2_gb")
    if not rate or not size or size * 1e9 < base.weights or system.chips != 1:
        return []
    layout = Layout("streamed", 1, 1, 1, 1, _ONE, placement="streamed")
    room = need(system, "sram_gb") * 1e9
    # nothing measured the link: its data sheet's rate counts in full
    return [replace(base, layout=layout, bandwidth=rate * 1e9, kv_capacity=room)]
