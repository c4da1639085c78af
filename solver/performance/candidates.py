"""Which (system, precision, layout) can hold a model at all, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from solver.domain.catalog import Model, System, Technology
from solver.performance.architecture import kv_bytes, native_mxfp4, weight_bytes
from solver.performance.calibration import Calibration, Entry
from solver.performance.layouts import Layout, node_layouts, pipeline_layouts

_NODE_KINDS = ("hbm-gpu", "hbm-other", "dram-cpu")
_UTILISATION = 0.9  # share of the memory that engines use (vLLM gpu_memory_utilization default)
_RESERVE_BYTES = 2.5e9  # per chip: activations, CUDA graphs, communication buffers
_KEPT_IN_FAST = 0.7  # of the fast memory, for weights, where the rest of them lies in a slower tier
_HOST_LINK_GBS = 64.0  # PCIe 5.0 x16, one direction, where the catalog has no link
_ONE = Fraction(1)
#: KV precisions beside weights of a precision, the preferred one first.
_KV_PRECISIONS = {"fp16": ("fp16",), "fp8": ("fp8", "fp16"), "fp4": ("fp4", "fp8", "fp16")}


@dataclass(frozen=True)
class Refusal:
    """A configuration that the model cannot represent, by name."""

    system: str
    configuration: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """A system, precision and layout that holds the weights; rates are peak figures per chip in SI units."""

    system: System
    entry: Entry
    precision: str
    bytes_as: str  # precision that sizes the weights: mxfp4 checkpoints are mixed
    kv_precision: str
    layout: Layout
    bandwidth: float
    kv_bandwidth: float
    flops: float
    flops16: float
    link: float
    weights: float  # bytes of a replica
    kv_capacity: float  # bytes of KV that a replica can hold, counted once per token
    access_s: float = 0.0  # time to the first byte of the weight memory


class _Refused(Exception):
    """Why a system and precision drop out."""


def candidates(
    model: Model,
    systems: Sequence[System],
    precisions: Sequence[str],
    *,
    mean_context_tokens: float,
    calibration: Calibration,
    technologies: Mapping[str, Technology],
    kv_in_weight_memory: bool,
    streamed: bool,
    kv_precisions: Sequence[str] = ("fp16", "fp8"),
) -> tuple[list[Candidate], tuple[Refusal, ...]]:
    """All candidates of ``model`` and the refusals."""
    found: list[Candidate] = []
    refused: list[Refusal] = []
    if not model.layers:
        what = ", ".join(model.missing) or "architecture"
        reason = f"{model.name}: {what} not published, so no KV size and no step time"
        return [], tuple(Refusal(s.id, "any", reason) for s in systems)
    for system in systems:
        for precision in precisions:
            try:
                base = _base(model, system, precision, calibration, technologies)
                base = replace(base, kv_precision=_kv_precision(system, precision, kv_precisions))
                found += _placed(model, base, mean_context_tokens, kv_in_weight_memory, streamed)
            except _Refused as why:
                refused.append(Refusal(system.id, precision, str(why)))
    return found, tuple(refused)


def _kv_precision(system: System, weights: str, permitted: Sequence[str]) -> str:
    """The narrowest permitted KV precision that is not narrower than the weights, else the first permitted.

    KV of 4 bits is for chips that compute in 4 bits.
    """
    able = [p for p in permitted if p != "fp4" or system.get("fp4_tflops")]
    if not able:
        raise _Refused(f"{system.name}: no fp4 arithmetic (fp4_tflops unknown), so no fp4 KV")
    return next((p for p in _KV_PRECISIONS[weights] if p in able), able[0])


def _need(system: System, *names: str) -> float:
    """First known value of ``names``."""
    for name in names:
        value = system.get(name)
        if value:
            return value
    raise _Refused(f"{system.name}: {' or '.join(names)} unknown")


def _flops(system: System, precision: str) -> float:
    """FLOP/s of a system at a weight precision. Weight-only 4 bit computes at the next wider format."""
    if system.kind == "rom-weight":
        return float("inf")
    wider = {"fp16": ("fp16_tflops",), "fp8": ("fp8_tflops", "int8_tops"), "fp4": ("fp4_tflops",)}[precision]
    value = next((v for v in map(system.get, wider) if v), None)
    if value is None and precision == "fp4" and not system.kind.startswith("sram"):
        value = next((v for v in map(system.get, ("fp8_tflops", "fp16_tflops")) if v), None)
    if value is None:
        raise _Refused(f"{system.name}: no {precision} arithmetic ({' or '.join(wider)} unknown)")
    return value * 1e12


def _base(
    model: Model,
    system: System,
    precision: str,
    calibration: Calibration,
    technologies: Mapping[str, Technology],
) -> Candidate:
    """All of a candidate but its layout and memory."""
    entry = calibration.of(system, model.id)
    if entry is None:
        raise _Refused(f"{system.name}: no calibration family")
    if precision not in _KV_PRECISIONS:
        raise _Refused(f"weight precision {precision} is not one of {', '.join(_KV_PRECISIONS)}")
    if system.kind == "rom-weight":
        if system.fixed_model != model.id:
            raise _Refused(f"{system.name} is a mask ROM for {system.fixed_model or 'an unnamed model'} only")
        if precision != "fp4":
            raise _Refused(f"{system.name} holds its weights in 3 to 6 bit, counted as fp4")
    flops = _flops(system, precision)
    flops16 = (system.get("fp16_tflops") or flops / 1e12) * 1e12
    sram = (system.get("sram_bw_tbs") or 0.0) * 1e12
    dram = (system.get("dram_bw_tbs") or 0.0) * 1e12
    technology = technologies.get(system.weight_technology)
    access = technology.values.get("read_latency_ns") if technology else None
    link = system.get("scaleup_gbs_per_chip") or system.get("scaleout_gbs_per_chip") or _HOST_LINK_GBS
    chips = system.chips
    return Candidate(
        system=system,
        entry=entry,
        precision=precision,
        bytes_as="mxfp4" if precision == "fp4" and native_mxfp4(model) else precision,
        kv_precision=_KV_PRECISIONS[precision][0],
        layout=Layout("", 1, 1, 1, 1, _ONE),
        bandwidth=(sram if system.kind.startswith("sram") else dram) / chips,
        kv_bandwidth=(sram or dram) / chips if system.kind not in _NODE_KINDS else dram / chips,
        flops=flops / chips,
        flops16=flops16 / chips,
        link=link * 1e9,
        weights=weight_bytes(model, "mxfp4" if precision == "fp4" and native_mxfp4(model) else precision),
        kv_capacity=0.0,
        access_s=access.value * 1e-9 if access else 0.0,
    )


def _placed(
    model: Model, base: Candidate, context: float, kv_in_weight_memory: bool, streamed: bool
) -> list[Candidate]:
    """Candidates with layouts and KV capacity."""
    kind = base.system.kind
    sequence = kv_bytes(model, context, base.kv_precision)
    if kind in _NODE_KINDS:
        _need(base.system, "dram_bw_tbs")
        chip = _UTILISATION * _need(base.system, "dram_gb") * 1e9 / base.system.chips - _RESERVE_BYTES
        found = _on_nodes(model, base, chip, None)
        if streamed and not any(c.layout.systems <= 1 for c in found):
            found += _spilled(model, base, chip)
    elif kind == "nvm-weight" and base.entry.latency is None:
        chip = _need(base.system, "dram_gb") * 1e9 / base.system.chips
        own = None if kv_in_weight_memory else _second_memory(base.system) / base.system.chips
        found = _on_nodes(model, base, chip, own)
    else:
        found = _in_pipeline(base, sequence, kv_in_weight_memory)
        if streamed and kind == "sram-wafer":
            found += _streamed(base, sequence)
    kept = [c for c in found if c.kv_capacity >= sequence]
    if not kept:
        raise _Refused(
            f"{base.system.name}: {base.weights / 1e9:,.0f} GB of weights leave no room for a sequence of "
            f"{context:,.0f} tokens ({sequence / 1e9:.2f} GB of KV)"
        )
    return kept


def _second_memory(system: System) -> float:
    """Bytes of the memory beside a non-volatile weight memory: tier 2 where there is one, else SRAM."""
    return (system.get("tier2_gb") or _need(system, "sram_gb")) * 1e9


def _on_nodes(model: Model, base: Candidate, chip: float, kv_chip: float | None) -> list[Candidate]:
    """Layouts of node-like systems; ``kv_chip``: KV bytes per chip where KV has its own memory."""
    if chip <= 0:
        raise _Refused(f"{base.system.name}: memory of a chip is smaller than the engine's reserve")
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
    from solver.performance.architecture import bytes_per_parameter, parameters

    p = parameters(model)
    dense, expert = bytes_per_parameter(model, base.bytes_as)
    return (p.embedding + p.dense) * dense * layout.data + p.experts * expert


def _in_pipeline(base: Candidate, sequence: float, kv_in_weight_memory: bool) -> list[Candidate]:
    """Whole systems in a row."""
    system = base.system
    if system.kind == "rom-weight":
        sram = _need(system, "sram_gb") * 1e9
        layout = Layout("fixed", 1, 1, 1, 1, _ONE, pipelined=True)
        return [replace(base, layout=layout, kv_capacity=sram, weights=0.0)]
    if system.kind == "nvm-weight":
        weight_memory = _need(system, "dram_gb") * 1e9
        _need(system, "dram_bw_tbs")
        own = None if kv_in_weight_memory else _second_memory(system)
    else:
        _need(system, "sram_bw_tbs")
        weight_memory, own = _need(system, "sram_gb") * 1e9, None
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
    room = _need(system, "sram_gb") * 1e9
    # nothing measured the link: its data sheet's rate counts in full
    return [replace(base, layout=layout, bandwidth=rate * 1e9, kv_capacity=room)]
