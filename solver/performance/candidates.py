"""Which (system, precision, layout) can hold a model at all, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from solver.domain.catalog import Model, System, Technology
from solver.performance.architecture import native_mxfp4, weight_bytes
from solver.performance.calibration import Calibration
from solver.performance.candidate import Candidate, Refusal, Refused
from solver.performance.layouts import Layout
from solver.performance.placements import NODE_KINDS, placed

_HOST_LINK_GBS = 64.0  # PCIe 5.0 x16, one direction, where the catalog has no link
#: KV precisions beside weights of a precision, the preferred one first.
_KV_PRECISIONS = {"fp16": ("fp16",), "fp8": ("fp8", "fp16"), "fp4": ("fp4", "fp8", "fp16")}


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
                found += placed(model, base, mean_context_tokens, kv_in_weight_memory, streamed)
            except Refused as why:
                refused.append(Refusal(system.id, precision, str(why)))
    return found, tuple(refused)


def _kv_precision(system: System, weights: str, permitted: Sequence[str]) -> str:
    """The narrowest permitted KV precision that is not narrower than the weights, else the first permitted.

    KV of 4 bits is for chips that compute in 4 bits.
    """
    able = [p for p in permitted if p != "fp4" or system.get("fp4_tflops")]
    if not able:
        raise Refused(f"{system.name}: no fp4 arithmetic (fp4_tflops unknown), so no fp4 KV")
    return next((p for p in _KV_PRECISIONS[weights] if p in able), able[0])


def _flops(system: System, precision: str) -> float:
    """FLOP/s of a system at a weight precision. Weight-only 4 bit computes at the next wider format."""
    if system.kind == "rom-weight":
        return float("inf")
    wider = {"fp16": ("fp16_tflops",), "fp8": ("fp8_tflops", "int8_tops"), "fp4": ("fp4_tflops",)}[precision]
    value = next((v for v in map(system.get, wider) if v), None)
    if value is None and precision == "fp4" and not system.kind.startswith("sram"):
        value = next((v for v in map(system.get, ("fp8_tflops", "fp16_tflops")) if v), None)
    if value is None:
        raise Refused(f"{system.name}: no {precision} arithmetic ({' or '.join(wider)} unknown)")
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
        raise Refused(f"{system.name}: no calibration family")
    if precision not in _KV_PRECISIONS:
        raise Refused(f"weight precision {precision} is not one of {', '.join(_KV_PRECISIONS)}")
    if system.kind == "rom-weight":
        if system.fixed_model != model.id:
            raise Refused(f"{system.name} is a mask ROM for {system.fixed_model or 'an unnamed model'} only")
        if precision != "fp4":
            raise Refused(f"{system.name} holds its weights in 3 to 6 bit, counted as fp4")
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
        layout=Layout("", 1, 1, 1, 1, Fraction(1)),
        bandwidth=(sram if system.kind.startswith("sram") else dram) / chips,
        kv_bandwidth=(sram or dram) / chips if system.kind not in NODE_KINDS else dram / chips,
        flops=flops / chips,
        flops16=flops16 / chips,
        link=link * 1e9,
        weights=weight_bytes(model, "mxfp4" if precision == "fp4" and native_mxfp4(model) else precision),
        kv_capacity=0.0,
        access_s=access.value * 1e-9 if access else 0.0,
    )
