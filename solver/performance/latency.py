"""Time of one token through layers that own their memory: SRAM wafers and chips, mask ROM, NVM chips."""

from __future__ import annotations

from typing import Any

import numpy as np

from solver.performance.calibration import Latency
from solver.performance.quantities import Column


def layer_s(c: Column, layers: Column, moe_layers: Column, hidden: Column) -> Any:
    """Mean time of a layer in seconds: a constant, growth with the width of the model, routing of experts.

    ``c``: :class:`solver.performance.calibration.Latency`, or columns of its fields.
    """
    routed = np.where(layers > 0, moe_layers / np.maximum(layers, 1), 0.0)
    return 1e-6 * (c.layer_us + routed * c.moe_layer_us) + 1e-9 * c.layer_ns_per_hidden * hidden


def as_constants(c: Latency, hidden: float) -> dict[str, float]:
    """Constants of the roofline for weights streamed into such a system: the link's rate counts in full."""
    return {
        "memory_share": 1.0,
        "fp8_memory": 1.0,
        "fp4_memory": 1.0,
        "expert_memory": 1.0,
        "kv_factor": c.memory_share,
        "compute_share": c.compute_share,
        "fp8_factor": 1.0,
        "fp4_factor": 1.0,
        "dequantised": 1.0,
        "moe_factor": 1.0,
        "expert_half_width": 0.0,
        "expert_tile": 0.0,
        "step_us": 0.0,
        "layer_us": c.layer_us + 1e-3 * c.layer_ns_per_hidden * hidden,
        "expert_us": 0.0,
        "moe_layer_us": c.moe_layer_us,
        "latent_layer_us": 0.0,
        "index_layer_us": 0.0,
        "width_share": 0.0,
        "route_share": 0.0,
        "independent": 1.0,
        "group_reading": 0.0,
        "eager": 1.0,
        "sequence_us": c.sequence_us,
        "activation_passes": 0.0,
        "collective_us": 0.0,
        "link_share": 1.0,
        "ttft_ms": c.ttft_ms,
    }
