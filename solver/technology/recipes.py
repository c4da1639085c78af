"""Formulas of silicon: capacity, bandwidth, yield and cost. Areas in mm2, densities in decimal Mb/mm2.

Sources: capacity, macro bandwidth and die cost as in the non-volatile memory recipe of
docs/reference/catalogs.md; yield and dies per wafer as in chiplet-actuary (negative binomial, alpha 10).
"""

from __future__ import annotations

import math

MBIT_PER_GB = 8000.0


def capacity_gb(area_mm2: float, share: float, density_mb_mm2: float) -> float:
    """GB on an area of which ``share`` is memory macros: A f D / 8000."""
    return area_mm2 * share * density_mb_mm2 / MBIT_PER_GB


def macros(area_mm2: float, share: float, density_mb_mm2: float, macro_mb: float = 1.0) -> float:
    """Memory macros of ``macro_mb`` Mb on an area: A f D / m."""
    return area_mm2 * share * density_mb_mm2 / macro_mb


def macro_bandwidth_tbs(count: float, bits: float = 128, cycle_ns: float = 5.0) -> float:
    """TB/s of macros that all read in every cycle: n (w / 8) / t."""
    return count * bits / 8 / (cycle_ns * 1e-9) / 1e12


def bandwidth_within_power_tbs(power_kw: float, pj_per_bit: float) -> float:
    """TB/s that a power budget allows: P / (8 E_r)."""
    return power_kw * 1e3 / (8 * pj_per_bit * 1e-12) / 1e12


def die_yield(d0_per_cm2: float, area_mm2: float) -> float:
    """Share of good dies: (1 + D0 A / 10)^-10 with A in cm2 (no repair)."""
    return float((1 + d0_per_cm2 * area_mm2 / 100 / 10) ** -10)


def dies_per_wafer(area_mm2: float, diameter_mm: float = 300.0, edge_mm: float = 5.0) -> int:
    """Whole dies: pi (d/2 - e)^2 / a - pi (d - 2e) / sqrt(2 a)."""
    radius = diameter_mm / 2 - edge_mm
    return math.floor(math.pi * radius**2 / area_mm2 - 2 * math.pi * radius / math.sqrt(2 * area_mm2))


def die_cost_usd(wafer_usd: float, area_mm2: float, d0_per_cm2: float, adder: float = 1.0) -> float:
    """Cost of a good die: wafer x mask adder / (dies x yield)."""
    return wafer_usd * adder / (dies_per_wafer(area_mm2) * die_yield(d0_per_cm2, area_mm2))


def layers_needed(target_gb: float, base_gb: float, layer_gb: float) -> int:
    """Bonded layers until the target is reached."""
    return max(0, math.ceil((target_gb - base_gb) / layer_gb - 1e-9))


def stack_usd(
    base_usd: float, layer_usd: float, bond_usd: float, layers: int, layer_yield: float = 1.0
) -> float:
    """Silicon of a good stack: (base + layers (wafer + bond)) / layer yield^layers."""
    return (base_usd + layers * (layer_usd + bond_usd)) / layer_yield**layers
