"""Study (a): does a denser or stacked wafer make the CS-3 line enter cheaper, and are 500 GB worth it?"""

from __future__ import annotations

from solver.domain.catalog import Catalog
from solver.sensitivity.findings import Axis, Column, Curves, Findings, Table, usd
from solver.sensitivity.session import Session
from solver.sensitivity.studies.common import (
    assumed,
    best,
    catalog,
    entry_price,
    question,
    question_words,
    replica_sizes,
)
from solver.technology.facts import DRAM_GBS_MM2, LAYER_PACKING, LAYER_SHARE, base_of, value
from solver.technology.recipes import layers_needed
from solver.technology.wafers import (
    DerivedWafer,
    WaferDesign,
    derive,
    layer_gb,
    stacked_product_gb,
    with_systems,
)

NODES = ("n5", "n3e", "n2", "a16")
FAST, LOOSE = 600.0, 50.0
TARGET_GB = 500.0


def designs() -> list[WaferDesign]:
    """Planar, 1 to 8 SRAM layers and one DRAM wafer on each node."""
    found = [WaferDesign(node, layers) for node in NODES for layers in range(9)]
    return found + [WaferDesign(node, dram=True) for node in NODES]


def study() -> Findings:
    """The findings."""
    facts = catalog()
    made = [derive(facts, design) for design in designs()]
    everything = with_systems(facts, [d.system for d in made])
    rows = [_row(everything, d) for d in made]
    table = _table(rows)
    loose = best(question(LOOSE, ("dgx-b200",)), everything)
    return Findings(
        name="SRAM scaling is dead",
        kicker="Study: CS-3 successors on N3, N2 and A16, planar, stacked, or over one DRAM wafer",
        answer=tuple(_answer(everything, rows, made)),
        facts=(
            ("planar N2 and A16", f"{_of(made, 'n2', 0).capacity_gb:.1f} GB"),
            ("one DRAM wafer adds", f"{_dram(made, 'n5').layers_gb:.0f} GB"),
            ("best GPU fleet at 50 tok/s", usd(loose.cost_usd or 0.0)),
        ),
        figures=(_figure(rows),),
        tables=(table, _layers(facts), _assumptions(facts)),
        notes=(
            question_words(),
            "Entry price: the highest purchase price at which the design is in the best fleet. At "
            f"{FAST:g} tok/s for each user it competes with CS-3 at its catalog price, at {LOOSE:g} tok/s "
            "with DGX B200 too.",
            "Leakage and cooling of the layers are not counted: no source. The power of CS-3 is kept.",
        ),
        provenance=Session.of(question(FAST, ("cerebras-cs3",)), facts).provenance()[2:],
    )


def _of(made: list[DerivedWafer], node: str, layers: int) -> DerivedWafer:
    return next(d for d in made if d.design == WaferDesign(node, layers))


def _dram(made: list[DerivedWafer], node: str) -> DerivedWafer:
    return next(d for d in made if d.design == WaferDesign(node, dram=True))


def _row(everything: Catalog, made: DerivedWafer) -> dict[str, object]:
    name = made.design.id
    fast = question(FAST, ("cerebras-cs3", name), start="2028-01")
    loose = question(LOOSE, ("cerebras-cs3", "dgx-b200", name), start="2028-01")
    session = Session.of(loose, everything)
    size = replica_sizes(session, name)
    return {
        "design": made.design.name,
        "capacity_gb": made.capacity_gb,
        "bandwidth_tbs": made.bandwidth_tbs,
        "systems": size[0] if size else None,
        "precision": size[1] if size else None,
        "silicon_usd": made.silicon_usd,
        "build_usd": made.build_usd,
        "price_usd": made.price_usd,
        "fast_usd": entry_price(fast, everything, name, 60e6),
        "loose_usd": entry_price(loose, everything, name, 60e6),
        "node": made.design.node,
        "layers": "DRAM" if made.design.dram else made.design.layers,
    }


COLUMNS = (
    Column("design", "design"),
    Column("capacity_gb", "memory, GB", "number"),
    Column("bandwidth_tbs", "bandwidth, TB/s", "number"),
    Column("systems", "systems for one replica", "number"),
    Column("silicon_usd", "silicon of a good stack", "usd"),
    Column("build_usd", "build cost", "usd"),
    Column("price_usd", "price at the margin of CS-3", "usd"),
    Column("fast_usd", f"enters at {FAST:g} tok/s below", "usd"),
    Column("loose_usd", f"enters at {LOOSE:g} tok/s below", "usd"),
)


def _table(rows: list[dict[str, object]]) -> Table:
    values = tuple(tuple(row[c.key] for c in COLUMNS) for row in rows)
    caption = "One system in the footprint of CS-3. Replica: Maverick in fp16 or fp8, whichever takes fewer."
    return Table("designs", "Designs", caption, COLUMNS, values)


def _layers(facts: Catalog) -> Table:
    base = base_of(facts)
    cases = [
        ("N7 at the density of V-Cache, first generation", stacked_product_gb(facts, "vcache1")),
        ("N7 at the density of V-Cache, second generation", stacked_product_gb(facts, "vcache2")),
        *((f"{n.upper()} macro x {LAYER_PACKING:g}", layer_gb(facts, n)) for n in ("n5", "n3e", "n2", "a16")),
        ("N2 macro x 0.75", layer_gb(facts, "n2", 0.75)),
    ]
    rows = []
    for name, size in cases:
        count = layers_needed(TARGET_GB, base.sram_gb, size)
        rows.append((name, size, count, base.sram_gb + count * size))
    columns = (
        Column("layer", "layer"),
        Column("gb_per_layer", "GB per layer", "number"),
        Column("layers_to_500_gb", "layers for 500 GB", "count"),
        Column("total_gb", "total, GB", "number"),
    )
    return Table("layers", "How many layers make 500 GB", "Over the 44 GB of WSE-3.", columns, tuple(rows))


def _assumptions(facts: Catalog) -> Table:
    base, rate = base_of(facts), value(facts, "vcache1", "bandwidth_gbs_mm2")
    bond, good = value(facts, "hybrid-bond-step", "cost_usd"), value(facts, "bond-yield", "layer_yield")
    return assumed(
        [
            ("margin: price over bill of materials", base.margin, "ratio", "CS-3: price_usd / node cs3-bom"),
            ("share of a layer that is macros", LAYER_SHARE, "share", "assumed"),
            ("macro density kept in a layer", LAYER_PACKING, "share", "assumed"),
            ("bond of one layer", bond, "USD/wafer", "node hybrid-bond-step, no primary source"),
            ("yield of one layer", good, "share", "node bond-yield, no primary source"),
            ("vertical bandwidth of SRAM layers", rate, "GB/s/mm2", "node vcache1, shared by all layers"),
            ("vertical bandwidth of a DRAM wafer", DRAM_GBS_MM2, "GB/s/mm2", "819 GB/s on about 110 mm2"),
        ]
    )  # fmt: skip


def _answer(everything: Catalog, rows: list[dict[str, object]], made: list[DerivedWafer]) -> list[str]:
    def row(node: str, layers: object) -> dict[str, object]:
        """The row of a node and a number of layers."""
        return next(r for r in rows if r["node"] == node and r["layers"] == layers)

    flat, deep, dram = row("n2", 0), row("n2", 4), row("n5", "DRAM")
    sentences = [
        f"Node scaling alone takes 44 GB to {flat['capacity_gb']:.1f} GB (N2, A16): "
        f"a replica of Maverick takes {flat['systems']:g} systems instead of {row('n5', 0)['systems']:g}.",
        f"Four SRAM layers on N2 make {deep['capacity_gb']:.0f} GB, and a replica takes {deep['systems']:g}; "
        f"with one DRAM wafer over N5 it is {dram['capacity_gb']:.0f} GB and {dram['systems']:g}.",
    ]
    for name, r in (("Planar N2", flat), ("N2 with four layers", deep), ("N5 with a DRAM wafer", dram)):
        fast, loose, price = r["fast_usd"], r["loose_usd"], r["price_usd"]
        assert isinstance(price, float)
        words = f"{name} would cost about {usd(price)}"
        words += (
            f"; at {FAST:g} tok/s it enters below {usd(fast)}"
            if isinstance(fast, float)
            else f"; it cannot keep {FAST:g} tok/s"
        )
        words += (
            f", at {LOOSE:g} tok/s below {usd(loose)}"
            if isinstance(loose, float)
            else f", at {LOOSE:g} tok/s not even for free"
        )
        sentences.append(words + ".")
    return [_worth(deep), *sentences]


def _worth(deep: dict[str, object]) -> str:
    """Whether 500 GB are worth their price to fast users and where GPUs keep the promise."""
    fast, loose, price = deep["fast_usd"], deep["loose_usd"], deep["price_usd"]
    assert isinstance(price, float)

    def words(entry: object) -> str:
        """Whether a wafer enters at its price, ``entry`` being the price below which it does (dollars) or
        none."""
        if not isinstance(entry, float):
            return "no, it does not enter even for free"
        if entry >= price:
            return f"yes, it enters below {usd(entry)}"
        return f"no, it would have to cost less than {usd(entry)}"

    return (
        f"Do 500 GB make it worthwhile? A wafer of {deep['capacity_gb']:.0f} GB would cost about "
        f"{usd(price)}; for users at {FAST:g} tok/s {words(fast)}; at {LOOSE:g} tok/s, where GPUs keep the "
        f"promise, {words(loose)}."
    )


def _figure(rows: list[dict[str, object]]) -> Curves:
    lines = []
    for node in NODES:
        points = [
            (float(str(r["capacity_gb"])), float(str(r["fast_usd"])))
            for r in rows
            if r["node"] == node and r["layers"] != "DRAM" and r["fast_usd"] is not None
        ]
        lines.append((node.upper(), tuple(sorted(points))))
    return Curves(
        "entry", f"Entry price at {FAST:g} tok/s by memory",
        "Highest price of one system at which it displaces CS-3; one point for each number of layers.",
        Axis("memory of one system, GB"), Axis("entry price, USD", "usd"),
        tuple((name, points) for name, points in lines if len(points) > 1),
    )  # fmt: skip
