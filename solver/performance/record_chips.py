"""The chips of a record in numbers: peak figures at its precision, and the workers that hold its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solver.domain.catalog import Model, System
from solver.performance import names
from solver.performance.architecture import weight_bytes
from solver.performance.layouts import chip_chain
from solver.performance.mapping import chips_in
from solver.performance.quantities import Group, Machine

PIPELINES = ("sram-wafer", "sram-chip", "rom-weight")  # kinds whose layers own their memory
UNTOLD = ("", "nan", "none", "null", "na", "n/a", "unknown", "-", "?")
_MOST_CHIPS = 100_000  # beyond: a slip of the pen


def machine(system: System, precision: str, gen: str) -> Machine | str:
    """Peak figures of one chip at a weight precision, or why they are not known; ``gen``: of the engine."""
    chips = system.chips
    flops16 = system.get("fp16_tflops") or system.get("fp8_tflops")
    memory = system.get("dram_bw_tbs") or system.get("sram_bw_tbs")
    if system.kind == "rom-weight":
        flops16, memory = 1e6, 1e6
    if not flops16 or not memory:
        return f"system {system.id} lacks bandwidth or FLOP/s"
    fp8 = system.get("fp8_tflops") or system.get("int8_tops") or flops16
    flops = {"fp16": flops16, "fp8": fp8, "fp4": system.get("fp4_tflops") or fp8}.get(precision)
    if flops is None:  # mxfp4: fp4 or fp8 arithmetic where the chip has it, else 16 bit
        flops = system.get("fp4_tflops") or flops16
    if gen == "torch-2024":
        flops = flops16
    link = system.get("scaleup_gbs_per_chip") or 64.0  # PCIe 5.0 x16
    per = 1e12 / chips
    dense = flops16 if precision == "mxfp4" else flops
    return Machine(memory * per, flops * per, flops16 * per, link * 1e9, memory * per, dense * per)


def fitted_workers(
    precisions: Sequence[str],
    model: Model,
    system: System,
    groups: Sequence[names.Workers],
    chips: int,
    memory: float,
) -> tuple[str, float, list[names.Workers]]:
    """The first precision in which the weights fit (else the last), their bytes, prefill and decode workers.

    ``memory``: bytes of a chip.
    """
    for precision in precisions:
        weights = weight_bytes(model, precision)
        pools = [_sized(w, chips, weights, memory, system) for w in groups]
        if weights <= min(w.chips for w in pools) * memory:
            break
    return precision, weights, pools


def _sized(w: names.Workers, chips: int, weights: float, memory: float, system: System) -> names.Workers:
    """Workers of unknown size: the smallest group that holds the weights with a quarter to spare for KV."""
    if w.tensor:
        return w
    if system.kind in PIPELINES:
        return names.Workers(1, 1, max(chips, 1), 1)
    needed = weights * 1.25 / max(memory * 0.9, 1.0)
    sizes = [n for n in chip_chain(max(system.chips, chips)) if n >= needed and n <= max(chips, 1)]
    return names.Workers(min(sizes, default=max(chips, 1)), count=0)


def workers(r: Mapping[str, str], pipeline: bool) -> tuple[float, tuple[names.Workers, names.Workers]] | str:
    """Chips of a run, its prefill and its decode workers; or why they cannot be told."""
    chips = number_in(r["n_devices"] or str(chips_in(r["hardware"]) or ""))
    if np.isnan(chips) and r["n_devices"].lower() not in UNTOLD:
        return f"n_devices {r['n_devices'][:20]} is no number"
    if not np.isnan(chips) and not (1 <= chips <= _MOST_CHIPS and chips == int(chips)):
        return "number of chips is no whole number from 1"
    groups = names.workers(r["parallelism"], 0 if np.isnan(chips) else int(chips))
    if isinstance(groups, str):
        return groups
    if np.isnan(chips):  # one replica of the layout, where it names one
        chips = float(names.chips_of(groups))
        if not (chips or pipeline):
            return "number of chips unknown"
    largest = max(w.chips for w in groups)
    if not pipeline and largest > chips:
        return f"layout of {largest} chips on {chips:g}"
    return chips, groups


def pools_of(pools: Sequence[names.Workers], chips: float) -> dict[str, Any]:
    """Groups and counts of prefill and decode workers."""
    found: dict[str, Any] = {}
    for name, w in zip(("prefill", "decode"), pools, strict=True):
        found[name] = Group(w.tensor, w.data, w.stages)
        found[f"{name}_count"] = w.count or max(chips / max(w.chips, 1), 1.0)
    return found


def number_in(text: str) -> float:
    """The number, or NaN."""
    try:
        return float(text)
    except ValueError:
        return float("nan")
