"""Successors of a wafer-scale SRAM system: another node, bonded SRAM layers, a bonded DRAM wafer."""

from __future__ import annotations

from dataclasses import dataclass

from solver.domain.catalog import Catalog, System
from solver.technology.facts import (
    CHIP_GAIN,
    DRAM_GBS_MM2,
    LAYER_PACKING,
    LAYER_SHARE,
    base_of,
    derived,
    usable_share,
    value,
)
from solver.technology.recipes import capacity_gb, stack_usd


@dataclass(frozen=True)
class WaferDesign:
    """A wafer-scale system in the footprint of CS-3. SRAM scales by macro, compute by chip density."""

    node: str  # of the base wafer
    layers: int = 0  # bonded SRAM layers
    layer_node: str = ""  # default: the base's node
    packing: float = LAYER_PACKING
    dram: bool = False  # one bonded DRAM wafer instead of SRAM layers
    sram_factor: float = 1.0  # on the macro density of both nodes
    logic_factor: float = 1.0  # on the compute of the node

    @property
    def id(self) -> str:
        """Catalog id."""
        above = "-dram" if self.dram else f"-{self.layers}sram" if self.layers else ""
        below = f"-on-{self.layer_node}" if self.layers and self.layer_node not in ("", self.node) else ""
        return f"hyp-wse-{self.node}{above}{below}"

    @property
    def name(self) -> str:
        """Name for readers."""
        above = "planar"
        if self.dram:
            above = "one bonded DRAM wafer"
        elif self.layers:
            above = f"{self.layers} bonded SRAM layer{'s' if self.layers > 1 else ''}"
        return f"WSE on {self.node.upper()}, {above}"


@dataclass(frozen=True)
class DerivedWafer:
    """What a design gives: memory in GB, bandwidth in TB/s, money in dollars."""

    design: WaferDesign
    base_gb: float
    layers_gb: float
    bandwidth_tbs: float
    silicon_usd: float  # of a good stack
    build_usd: float
    price_usd: float
    system: System

    @property
    def capacity_gb(self) -> float:
        """Memory of the system at wafer speed."""
        return self.base_gb + self.layers_gb


def planar_gb(catalog: Catalog, node: str, factor: float = 1.0) -> float:
    """SRAM of the WSE-3 floor plan on another node: 44 GB x macro density over that of N5."""
    base = base_of(catalog)
    return base.sram_gb * value(catalog, node, "sram_macro_mb_mm2") * factor / base.macro_mb_mm2


def layer_gb(catalog: Catalog, node: str, packing: float = LAYER_PACKING, factor: float = 1.0) -> float:
    """SRAM of one bonded layer of the WSE's footprint: A x 0.9 x macro density x packing / 8000."""
    density = value(catalog, node, "sram_macro_mb_mm2") * packing * factor
    return capacity_gb(base_of(catalog).area_mm2, LAYER_SHARE, density)


def stacked_product_gb(catalog: Catalog, product: str) -> float:
    """One layer at the density a stacked product delivers (``vcache1``, ``vcache2``), vias included."""
    return capacity_gb(base_of(catalog).area_mm2, 1.0, value(catalog, product, "density_mb_mm2"))


def dram_wafer_gb(catalog: Catalog) -> float:
    """One DRAM wafer of HBM3 die density in the WSE's footprint."""
    return capacity_gb(base_of(catalog).area_mm2, 1.0, value(catalog, "dram-hbm3-die", "density_mb_mm2"))


def derive(catalog: Catalog, design: WaferDesign) -> DerivedWafer:
    """The system of a design. Its price keeps the margin of CS-3 over the bill of materials."""
    base = base_of(catalog)
    below = planar_gb(catalog, design.node, design.sram_factor)
    upper = design.layer_node or design.node
    if design.dram:
        above, vertical = dram_wafer_gb(catalog), DRAM_GBS_MM2
    else:
        above = design.layers * layer_gb(catalog, upper, design.packing, design.sram_factor)
        vertical = value(catalog, "vcache1", "bandwidth_gbs_mm2")
    good = _good_share(catalog, design, upper)
    below, above = good * below, good * above
    own_tbs = base.system.get("sram_bw_tbs") or 0.0
    seconds = max(
        below / (good * own_tbs), above / (good * vertical * base.area_mm2 / 1e3)
    )  # to read everything once
    silicon = _silicon_usd(catalog, design, upper)
    build = base.build_usd + silicon - base.wafer_usd
    price = build * base.margin
    tflops = (base.system.get("fp16_tflops") or 0.0) * CHIP_GAIN[design.node] * design.logic_factor * good
    how = f"derived from CS-3 and the catalog's nodes: {design.name}"
    values = dict(base.system.values)
    values |= {
        "sram_gb": derived(below + above, "GB", how),
        "sram_bw_tbs": derived((below + above) / seconds, "TB/s", how),
        "fp16_tflops": derived(tflops, "TFLOP/s", f"{how}; compute scales with the density of a whole chip"),
        "int8_tops": derived(tflops, "TOP/s", how),
        "price_usd": derived(price, "USD", f"{how}; margin of CS-3 over its bill of materials kept"),
    }
    for name in ("supply_per_year", "own_tco_usd_chip_hr"):
        values.pop(name, None)
    system = base.system.model_copy(
        update={
            "id": design.id,
            "name": design.name,
            "vendor": "hypothetical",
            "year": 0,
            "status": "hypothetical",
            "process": design.node.upper(),
            "values": values,
        }
    )
    return DerivedWafer(design, below, above, (below + above) / seconds, silicon, build, price, system)


def _good_share(catalog: Catalog, design: WaferDesign, upper: str) -> float:
    """Share of the wafer that works: cores without a defect in the base or a bonded SRAM layer above it."""
    layers = 0 if design.dram else design.layers
    defects = [value(catalog, design.node, "d0_per_cm2")] + layers * [value(catalog, upper, "d0_per_cm2")]
    core_mm2 = base_of(catalog).area_mm2 / value(catalog, "wse3", "physical_cores")
    return usable_share(catalog, core_mm2, *defects)


def _silicon_usd(catalog: Catalog, design: WaferDesign, upper: str) -> float:
    """Silicon of a good stack; the DRAM wafer at its capacity times the price of HBM3 per GB."""
    bond, good = value(catalog, "hybrid-bond-step", "cost_usd"), value(catalog, "bond-yield", "layer_yield")
    wafer = value(catalog, design.node, "wafer_usd")
    if design.dram:
        dram = dram_wafer_gb(catalog) * value(catalog, "hbm3-usd-gb", "usd_per_gb")
        return stack_usd(wafer, dram, bond, 1, good)
    if not design.layers:
        return wafer
    return stack_usd(wafer, value(catalog, upper, "wafer_usd"), bond, design.layers, good)


def with_systems(catalog: Catalog, systems: list[System]) -> Catalog:
    """The catalog with further systems, each with a buy offer at its price."""
    from solver.domain.catalog import Offer

    offers = {
        f"{s.id}/buy": Offer(
            id=f"{s.id}/buy", system=s.id, supplier=s.vendor, kind="buy", price=s.values["price_usd"]
        )
        for s in systems
    }
    return catalog.model_copy(
        update={
            "systems": catalog.systems | {s.id: s for s in systems},
            "offers": catalog.offers | offers,
        }
    )
