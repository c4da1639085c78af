"""Wafers with weights in non-volatile memory, from the density, endurance and read energy of their cells."""

from __future__ import annotations

from dataclasses import dataclass

from solver.domain.catalog import Catalog, System, Technology
from solver.technology.facts import base_of, derived, usable_share, value
from solver.technology.recipes import (
    bandwidth_within_power_tbs,
    capacity_gb,
    macro_bandwidth_tbs,
    macros,
)

#: Area of a weight wafer that is memory macros, and power left for reading: catalog recipe.
WEIGHT_SHARE, READ_KW = 0.7, 8.0
#: Node whose defect density stands for 14 nm logic with RRAM (the nearest in the catalog), and Mb of a macro.
NODE, MACRO_MB = "n16", 1.0


@dataclass(frozen=True)
class WeightWafer:
    """A wafer of the WSE's footprint whose weights are in a non-volatile memory."""

    density_mb_mm2: float
    endurance_cycles: float
    read_pj_bit: float = 1.0
    cycle_ns: float = 5.0

    @property
    def id(self) -> str:
        """Catalog id of the system and of its memory technology."""
        return f"hyp-nvm-{self.density_mb_mm2:g}mb-{self.endurance_cycles:.0e}"


def derive_weight_wafer(catalog: Catalog, design: WeightWafer) -> tuple[System, Technology]:
    """System and technology of a design, on the model of ``hyp-nvm-rram14-wafer`` and its cost."""
    base, pattern = base_of(catalog), catalog.systems["hyp-nvm-rram14-wafer"]
    good = usable_share(catalog, MACRO_MB / design.density_mb_mm2, value(catalog, NODE, "d0_per_cm2"))
    capacity = good * capacity_gb(base.area_mm2, WEIGHT_SHARE, design.density_mb_mm2)
    count = good * macros(base.area_mm2, WEIGHT_SHARE, design.density_mb_mm2, MACRO_MB)
    most = macro_bandwidth_tbs(count, cycle_ns=design.cycle_ns)
    rate = min(most, bandwidth_within_power_tbs(READ_KW, design.read_pj_bit))
    how = f"A f D / 8000 with D = {design.density_mb_mm2:g} Mb/mm2; recipe in docs/reference/catalogs.md"
    values = pattern.values | {
        "dram_gb": derived(capacity, "GB", how),
        "dram_bw_tbs": derived(rate, "TB/s", f"{how}; macros or {READ_KW:g} kW of reading, the lower"),
    }
    technology = catalog.technologies["rram-14"]
    cells = technology.values | {
        "density_mb_mm2": derived(design.density_mb_mm2, "Mb/mm2", "swept"),
        "write_endurance_cycles": derived(design.endurance_cycles, "cycles", "swept"),
    }
    cells.pop("read_limit_reads", None)
    name = f"NVM wafer {design.density_mb_mm2:g} Mb/mm2, {design.endurance_cycles:,.0f} cycles"
    system = pattern.model_copy(
        update={"id": design.id, "name": name, "values": values, "weight_technology": design.id}
    )
    memory = technology.model_copy(update={"id": design.id, "name": f"cells of {name}", "values": cells})
    return system, memory
