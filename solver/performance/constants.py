"""The fitted constants: meaning, unit, prior and bounds; and how they become efficiencies of a roofline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.performance.quantities import Efficiency

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Constant:
    """A constant with its lognormal prior; ``width`` is the standard deviation of the logarithm."""

    unit: str
    meaning: str
    median: float
    width: float
    low: float
    high: float
    universal: bool = False  # hardly differs between systems
    software: bool = False  # moves with the engine


#: Priors from kernel tables of NVIDIA aiconfigurator (2026-11), Vidur and LLMCompass, and from data sheets.
CONSTANTS: dict[str, Constant] = {
    "memory_share": Constant(
        "1", "achieved share of memory bandwidth, 16-bit weights", 0.75, 0.15, 0.05, 0.95
    ),
    "fp8_memory": Constant("1", "that share with 8-bit weights, relative", 0.92, 0.10, 0.3, 1.2, True),
    "fp4_memory": Constant("1", "that share with 4-bit weights, relative", 0.75, 0.20, 0.2, 1.2, True),
    "expert_memory": Constant("1", "that share in reading routed experts, relative", 0.8, 0.25, 0.1, 1.3),
    "kv_factor": Constant("1", "that share in reading KV, relative", 0.95, 0.20, 0.05, 2.0),
    "compute_share": Constant("1", "achieved share of dense FLOP/s, 16 bit", 0.50, 0.30, 0.01, 0.95),
    "fp8_factor": Constant("1", "that share at 8 bit, relative", 0.85, 0.20, 0.1, 1.5, True),
    "fp4_factor": Constant("1", "that share at 4 bit, relative", 0.60, 0.30, 0.1, 1.5, True),
    "dequantised": Constant(
        "1", "that share with weights narrower than arithmetic", 0.70, 0.30, 0.1, 1.2, True
    ),
    "moe_factor": Constant("1", "that share in wide routed experts, relative", 0.90, 0.30, 0.05, 1.3),
    "expert_half_width": Constant(
        "1", "inner width at which routed experts reach half of it", 4500.0, 0.50, 100.0, 20000.0, True
    ),
    "expert_tile": Constant(
        "tokens", "padding per routed expert in prefill", 32.0, 0.50, 1.0, 1000.0, True, software=True
    ),
    "step_us": Constant("us", "host loop of the engine, per step", 300.0, 1.0, 5.0, 30000.0, software=True),
    "layer_us": Constant(
        "us", "time of a layer that depends on neither size nor batch", 45.0, 0.5, 1.0, 1000.0, software=True
    ),
    "expert_us": Constant(
        "us",
        "time per distinct expert that a step touches in a layer",
        0.2,
        0.8,
        0.001,
        10.0,
        True,
        software=True,
    ),
    "moe_layer_us": Constant(
        "us", "further time of a layer with routed experts", 25.0, 0.70, 0.5, 1500.0, software=True
    ),
    "latent_layer_us": Constant(
        "us", "further time of a layer with latent attention", 20.0, 0.70, 0.5, 400.0, True, software=True
    ),
    "index_layer_us": Constant(
        "us",
        "further time of a layer that selects tokens (indexer, top-k)",
        40.0,
        0.50,
        1.0,
        400.0,
        True,
        software=True,
    ),
    "sequence_us": Constant(
        "us", "scheduler and sampling, per sequence and step", 15.0, 1.0, 0.2, 2000.0, software=True
    ),
    "activation_passes": Constant(
        "1",
        "readings or writings of a token's activations per layer",
        20.0,
        0.5,
        1.0,
        200.0,
        True,
        software=True,
    ),
    "collective_us": Constant("us", "latency of an all-reduce of two chips", 6.0, 0.70, 0.2, 200.0),
    "link_share": Constant("1", "achieved share of the scale-up rate", 0.55, 0.40, 0.01, 1.0),
    "width_share": Constant(
        "1",
        "share of a layer's time that grows with the width of the model",
        0.3,
        0.7,
        0.01,
        1.0,
        True,
        software=True,
    ),
    "route_share": Constant(
        "1",
        "share of a routed layer's time that grows with the experts of a token",
        0.4,
        0.7,
        0.01,
        1.0,
        True,
        software=True,
    ),
    "independent": Constant(
        "1",
        "share of a step's tokens that choose experts independently",
        0.7,
        0.3,
        0.05,
        1.0,
        True,
        software=True,
    ),
    "eager": Constant(
        "1",
        "time of a layer beyond its work in prefill, relative to decode",
        4.0,
        0.8,
        0.5,
        40.0,
        software=True,
    ),
    "group_reading": Constant(
        "1", "exponent of the query heads per KV head in reading KV", 0.1, 0.8, 0.005, 1.0, software=True
    ),
    "ttft_ms": Constant(
        "ms", "server, tokeniser and scheduler before a first token", 25.0, 0.7, 1.0, 2000.0, software=True
    ),
    "transfer_ms": Constant(
        "ms", "routing and KV transfer between separate pools", 150.0, 0.7, 1.0, 5000.0, software=True
    ),
    "burst": Constant(
        "1",
        "share of rival prompts that arrive with one (closed loop)",
        0.05,
        1.0,
        0.001,
        1.0,
        software=True,
    ),
    "saturation": Constant(
        "1", "step time with everything queued, relative", 1.3, 0.20, 0.8, 4.0, software=True
    ),
    "kv_room": Constant("1", "KV that fits, over 0.94 memory - 1 GB per chip - weights", 1.0, 0.15, 0.3, 2.5),
    "speculation": Constant(
        "1", "tokens per step where a source may have speculated", 1.2, 0.20, 1.0, 4.0, software=True
    ),
}
NAMES = tuple(CONSTANTS)
MEDIANS = np.log([c.median for c in CONSTANTS.values()])
WIDTHS = np.array([c.width for c in CONSTANTS.values()])
LOWS, HIGHS = (np.log([getattr(c, side) for c in CONSTANTS.values()]) for side in ("low", "high"))


_SCALES = 4.5 / 4  # bits of a 4-bit weight with its scale (one of 8 bits for 16 weights: NVFP4) and without
_HOP_US = 10.0  # point-to-point latency between pipeline stages: aiconfigurator system files 2026


@dataclass(frozen=True)
class Narrow:
    """Precision of weights and arithmetic; columns or scalars."""

    fp8: Any
    fp4: Any
    weight_only: Any  # weights narrower than the arithmetic
    excess: Any = 1.0  # fp4 peak over twice the fp8 peak, which kernels do not pass
    mixed: Any = False  # experts in MXFP4, with their scales in the bytes, and all else in 16 bits


def fp4_excess(fp4_flops: float | None, fp8_flops: float | None) -> float:
    """Factor by which a data sheet's fp4 figure exceeds what matrix kernels reach.

    Chips with an fp4 rate of three times fp8 run fp4 matrices no faster than those of twice fp8 (B300 at 0.27
    to 0.31 of its peak, B200 at 0.36 to 0.44: NVIDIA aiconfigurator performance database, 2026-11).
    """
    return max(1.0, fp4_flops / (2 * fp8_flops)) if fp4_flops and fp8_flops else 1.0


def efficiency(c: Mapping[str, Any], narrow: Narrow) -> Efficiency:
    """Constants (columns or numbers) in SI units at a precision."""
    factor = np.where(narrow.fp8, c["fp8_factor"], np.where(narrow.fp4, c["fp4_factor"] / narrow.excess, 1.0))
    factor = np.where(narrow.weight_only, c["dequantised"], factor)
    reading = np.where(narrow.fp8, c["fp8_memory"], np.where(narrow.fp4, c["fp4_memory"], 1.0))
    routed = np.where(narrow.mixed, reading * _SCALES, reading)
    memory = np.minimum(c["memory_share"], 1.0)
    return Efficiency(
        memory=np.minimum(memory * np.where(narrow.mixed, 1.0, reading), 1.0),
        memory16=memory,
        memory_experts=np.minimum(memory * routed * c["expert_memory"], 1.0),
        compute=np.minimum(c["compute_share"] * np.where(narrow.mixed, 1.0, factor), 1.0),
        compute_experts=np.minimum(c["compute_share"] * factor * c["moe_factor"], 1.0),
        layer_s=1e-6 * c["layer_us"],
        expert_s=1e-6 * c["expert_us"],
        moe_layer_s=1e-6 * c["moe_layer_us"],
        sequence_s=1e-6 * c["sequence_us"],
        collective_s=1e-6 * c["collective_us"],
        link_share=np.minimum(c["link_share"], 1.0),
        first_token_s=1e-3 * c["ttft_ms"],
        kv_memory=np.minimum(memory * c["kv_factor"], 1.0),
        step_s=1e-6 * c["step_us"],
        latent_layer_s=1e-6 * c["latent_layer_us"],
        index_layer_s=1e-6 * c["index_layer_us"],
        expert_tile=c["expert_tile"],
        expert_half_width=c["expert_half_width"],
        width_share=c["width_share"],
        route_share=c["route_share"],
        independent=np.minimum(c["independent"], 1.0),
        group_reading=c["group_reading"],
        hop_s=1e-6 * c.get("hop_us", _HOP_US),
        eager=c["eager"],
        passes=c["activation_passes"],
        prompt_head=c.get("prompt_head", 1.0),  # as fitted
    )
