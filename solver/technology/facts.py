"""The numbers of the catalogs that derive a wafer-scale system, with the assumptions that have no source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from solver.domain.catalog import Catalog, System
from solver.domain.quantity import Quantity
from solver.errors import UsageError
from solver.technology.recipes import die_yield

#: Area of a bonded SRAM layer that is macros (the rest: vias, power), and what the macro density loses to
#: them. No source; process facts, section "what gives it", uses the same two figures.
LAYER_SHARE, LAYER_PACKING = 0.9, 0.6
#: Vertical bandwidth of a bonded DRAM wafer, GB/s per mm2: one HBM3 stack of 819 GB/s on about 110 mm2.
DRAM_GBS_MM2 = 819 / 110
#: TSMC's figures for a whole chip, node over node before it (logic, SRAM and analog mixed as it is).
CHIP_GAIN = {"n5": 1.0, "n3b": 1.3, "n3e": 1.3, "n2": 1.3 * 1.15, "a16": 1.3 * 1.15 * 1.08}


def value(catalog: Catalog, node: str, name: str) -> float:
    """A value of a node, package or geometry entry of the catalog."""
    entry = catalog.nodes.get(node)
    if entry is None or name not in entry.values:
        raise UsageError(f"the catalog has no {name} of {node!r}")
    return entry.values[name].value


@dataclass(frozen=True)
class Base:
    """The system that successors are derived from: CS-3 with its wafer."""

    system: System
    area_mm2: float
    sram_gb: float
    macro_mb_mm2: float
    wafer_usd: float
    build_usd: float
    price_usd: float

    @property
    def margin(self) -> float:
        """Price over bill of materials, kept for every derived system."""
        return self.price_usd / self.build_usd


def base_of(catalog: Catalog) -> Base:
    """CS-3 from the catalog: area of the WSE, N5 wafer, bill of materials."""
    system = catalog.systems["cerebras-cs3"]
    price = system.get("price_usd")
    assert price is not None
    return Base(
        system,
        value(catalog, "wafer300", "wse_area_mm2"),
        value(catalog, "wse3", "sram_gb"),
        value(catalog, "n5", "sram_macro_mb_mm2"),
        value(catalog, "n5", "wafer_usd"),
        value(catalog, "cs3-bom", "cost_usd"),
        price,
    )


def usable_share(catalog: Catalog, tile_mm2: float, *defects_per_cm2: float) -> float:
    """Share of a wafer's nominal memory and compute that works: min(1, yield of a tile / share needed).

    A defect costs its tile alone: of WSE-3's cores 900,000 of 970,000 are used, so up to 7 % may be lost
    before anything is missing. A tile works where every wafer of the stack is free of defects there.
    """
    good = math.prod(die_yield(d0, tile_mm2) for d0 in defects_per_cm2)
    needed = value(catalog, "wse3", "active_cores") / value(catalog, "wse3", "physical_cores")
    return min(1.0, good / needed)


def derived(number: float, unit: str, how: str) -> Quantity:
    """A derived quantity with its formula."""
    return Quantity(value=number, unit=unit, source=how, date="derived", evidence="derived")
