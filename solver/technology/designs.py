"""Systems derived from technology: a kind of design, its parameters, and changed entries of the catalog.

    sram-wafer   a wafer of SRAM in the footprint of CS-3 (solver.technology.wafers)
    nvm-wafer    a wafer with its weights in non-volatile memory (solver.technology.memory_chips)
    hbm-server   DGX B200 with other HBM, other dies or another yield

Parameters are fields of the design; entries of nodes.yaml (macro density, wafer price, defect density, bond
yield, HBM price) are changed under ``technology.ENTRY.VALUE`` and the system is derived anew from them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from typing import Any

from solver.domain.catalog import Catalog, Offer, System
from solver.errors import UsageError
from solver.technology.facts import derived, value
from solver.technology.memory_chips import WeightWafer, derive_weight_wafer
from solver.technology.recipes import die_cost_usd
from solver.technology.wafers import WaferDesign, derive

#: Id of the system that a design becomes.
DESIGN = "design"


@dataclass(frozen=True)
class HbmServer:
    """DGX B200 with another memory or other dies; all factors are over today's."""

    bandwidth_factor: float = 1.0
    capacity_factor: float = 1.0
    logic_factor: float = 1.0  # on compute, at the same area
    node: str = "n5"  # whose wafer price and defect density make the dies


Kind = WaferDesign | WeightWafer | HbmServer
KINDS: dict[str, Kind] = {
    "sram-wafer": WaferDesign("n5"),
    "nvm-wafer": WeightWafer(25.0, 1e5),
    "hbm-server": HbmServer(),
}
#: Names for readers; parameters are not in them, because a sweep moves those.
NAMES = {
    "sram-wafer": "designed SRAM wafer",
    "nvm-wafer": "designed NVM wafer",
    "hbm-server": "designed HBM server",
}


@dataclass(frozen=True)
class Design:
    """A design with the changed values of technology entries: (entry, value) -> number."""

    kind: str
    parameters: Kind
    technology: dict[tuple[str, str], float] = field(default_factory=dict)

    def with_value(self, name: str, number: float) -> Design:
        """The design with ``design.PARAMETER`` or ``technology.ENTRY.VALUE`` changed."""
        head, *rest = name.split(".")
        if head == "technology" and len(rest) >= 2:
            return replace(self, technology={**self.technology, (".".join(rest[:-1]), rest[-1]): number})
        return replace(self, parameters=_changed(self.parameters, ".".join(rest), str(number)))


def parse_design(text: str) -> Design:
    """The design that ``KIND,parameter=value,...`` states."""
    kind, *pairs = (part.strip() for part in text.split(","))
    if kind not in KINDS:
        raise UsageError(f"--design {kind[:40]!r}: no such kind; write one of {', '.join(KINDS)}")
    parameters = KINDS[kind]
    for pair in pairs:
        name, _, number = pair.partition("=")
        parameters = _changed(parameters, name.strip(), number.strip())
    return Design(kind, parameters)


def _changed(parameters: Kind, name: str, text: str) -> Kind:
    known: dict[str, Any] = {f.name: getattr(parameters, f.name) for f in dataclasses.fields(parameters)}
    if name not in known:
        raise UsageError(f"design: no parameter is called {name[:40]!r}; write one of {', '.join(known)}")
    old = known[name]
    changes: dict[str, Any] = {name: text if isinstance(old, str) else _number(name, text, old)}
    return replace(parameters, **changes)


def _number(name: str, text: str, old: float) -> float:
    """A parameter of the type of its old value; counts of layers are rounded."""
    try:
        number = float(text)
    except ValueError:
        raise UsageError(f"design: {name}={text[:40]} is not a number") from None
    if not 0 <= number < float("inf"):
        raise UsageError(f"design: {name}={text[:40]} is out of range; write a number from 0")
    if isinstance(old, bool):
        return bool(round(number))
    return round(number) if isinstance(old, int) else number


def with_design(catalog: Catalog, design: Design) -> Catalog:
    """The catalog with the system of a design, called ``design``, and an offer to buy it."""
    changed = catalog
    for (entry, name), number in design.technology.items():
        changed = with_entry(changed, entry, name, number)
    technologies = changed.technologies
    if isinstance(design.parameters, WaferDesign):
        system = derive(changed, design.parameters).system
    elif isinstance(design.parameters, WeightWafer):
        system, memory = derive_weight_wafer(changed, design.parameters)
        technologies = {**technologies, memory.id: memory}
    else:
        system = derive_server(catalog, changed, design.parameters)
    about = {"id": DESIGN, "name": NAMES[design.kind], "year": 0, "status": "derived from technology"}
    system = system.model_copy(update=about)
    offer = Offer(
        id=f"{DESIGN}/buy",
        system=DESIGN,
        supplier=system.vendor,
        kind="buy",
        price=system.values["price_usd"],
    )
    return changed.model_copy(
        update={
            "systems": {**changed.systems, DESIGN: system},
            "offers": {**changed.offers, offer.id: offer},
            "technologies": technologies,
        }
    )


def with_entry(catalog: Catalog, entry: str, name: str, number: float) -> Catalog:
    """The catalog with one value of a process node, package or memory price replaced."""
    value(catalog, entry, name)  # complains where there is none
    node = catalog.nodes[entry]
    changed = node.values[name].model_copy(
        update={"value": number, "low": None, "high": None, "source": "swept", "evidence": "assumed"}
    )
    values = {**node.values, name: changed}
    return catalog.model_copy(
        update={"nodes": {**catalog.nodes, entry: node.model_copy(update={"values": values})}}
    )


def derive_server(before: Catalog, after: Catalog, design: HbmServer) -> System:
    """DGX B200 from other parts; its price keeps the margin of today's over its chips' parts.

    price + margin (GB after x USD/GB after - GB before x USD/GB before
                    + chips x logic of a chip x (cost of a good die after / before - 1)).
    """
    server = before.systems["dgx-b200"]
    price, gigabytes = server.get("price_usd") or 0.0, server.get("dram_gb") or 0.0
    margin = price / (value(before, "b200-bom", "cost_usd") * server.chips)
    hbm, area = ("hbm3e-usd-gb", "usd_per_gb"), (server.get("die_mm2_per_chip") or 1600.0) / 2
    memory = gigabytes * (design.capacity_factor * value(after, *hbm) - value(before, *hbm))
    dies = [
        die_cost_usd(value(c, node, "wafer_usd"), area, value(c, node, "d0_per_cm2"))
        for c, node in ((after, design.node), (before, "n5"))
    ]
    logic = server.chips * value(before, "b200-bom", "logic_usd") * (dies[0] / dies[1] - 1)
    how = "derived from DGX B200: HBM and dies re-priced at its margin over parts"
    values = dict(server.values)
    values["price_usd"] = derived(price + margin * (memory + logic), "USD", how)
    factors = {"dram_gb": design.capacity_factor, "dram_bw_tbs": design.bandwidth_factor}
    factors |= dict.fromkeys(("fp16_tflops", "fp8_tflops", "fp4_tflops"), design.logic_factor)
    for name, factor in factors.items():
        if name in values:
            values[name] = derived(values[name].value * factor, values[name].unit, f"{how}; x {factor:g}")
    for name in ("supply_per_year", "cloud_usd_hr"):
        values.pop(name, None)
    return server.model_copy(update={"name": "DGX B200 with other parts", "values": values})
