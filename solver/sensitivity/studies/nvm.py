"""Study (b): weights in non-volatile memory, by density, endurance and how often the model changes."""

from __future__ import annotations

from collections.abc import Sequence

from solver.operating_points.wear import update_years
from solver.sensitivity.findings import Axis, Column, Curves, Findings, Table, usd
from solver.sensitivity.session import Session
from solver.sensitivity.studies.common import (
    YEARS,
    assumed,
    best,
    catalog,
    entry_price,
    question,
    question_words,
    replica_sizes,
)
from solver.technology.memory_chips import READ_KW, WEIGHT_SHARE, WeightWafer, derive_weight_wafer
from solver.technology.wafers import with_systems

DENSITIES = (10.6, 25.0, 50.0, 100.0, 450.0)
ENDURANCES = (1e3, 1e4, 1e5, 1e6, 1e10)
UPDATES = (1.0, 24.0, 288.0, 1440.0)  # a day: daily, hourly, every five minutes, every minute
SPEEDS = (50.0, 400.0)


def study() -> Findings:
    """The findings."""
    facts = catalog()
    rows = []
    for density in DENSITIES:
        design = WeightWafer(density, 1e5)
        system, memory = derive_weight_wafer(facts, design)
        full = with_systems(facts, [system])
        full = full.model_copy(update={"technologies": full.technologies | {memory.id: memory}})
        entries: list[float | None] = []
        size, fleets = None, []
        for speed in SPEEDS:
            asked = question(
                speed, ("dgx-b200", "cerebras-cs3", system.id), start="2028-01", updates_per_day=1.0
            )
            size = replica_sizes(Session.of(asked, full), system.id) or size
            entries.append(entry_price(asked, full, system.id, 20e6))
            fleets.append(best(asked, full).words)
        price = system.get("price_usd") or 0.0
        rows.append(
            (
                density,
                system.get("dram_gb"),
                system.get("dram_bw_tbs"),
                size[0] if size else None,
                price,
                *entries,
                *fleets,
            )
        )
    return Findings(
        name="Weights in non-volatile memory",
        kicker="Study: density x endurance x model updates",
        answer=tuple(_answer(rows)),
        facts=(("horizon", f"{YEARS:g} years"),),
        figures=(_figure(),),
        tables=(_density_table(rows), _wear_table(), _assumptions()),
        notes=(
            question_words(),
            "Weights in the non-volatile memory, KV cache in SRAM; price as hyp-nvm-rram14-wafer. Reads do "
            "not disturb the cells here; see the wear rules for memories where they do.",
        ),
        provenance=Session.of(question(50.0, ("dgx-b200",)), facts).provenance()[2:],
    )


def _wear_table() -> Table:
    rows = []
    for cycles in ENDURANCES:
        years = [update_years(cycles, updates) for updates in UPDATES]
        most = cycles / (YEARS * 365.25)
        rows.append((cycles, *years, most))
    columns = (
        Column("endurance_cycles", "endurance, cycles", "number"),
        Column("years_daily", "years, updated daily", "number"),
        Column("years_hourly", "hourly", "number"),
        Column("years_5min", "every 5 minutes", "number"),
        Column("years_minute", "every minute", "number"),
        Column("updates_per_day_for_horizon", f"updates a day that last {YEARS:g} years", "number"),
    )
    caption = "Years until model updates wear the weights out: cycles / (updates a day x 365.25)."
    return Table("wear", "When they wear out", caption, columns, tuple(rows))


def _density_table(rows: Sequence[tuple[object, ...]]) -> Table:
    columns = (
        Column("density_mb_mm2", "density, Mb/mm2", "number"),
        Column("capacity_gb", "weights on a wafer, GB", "number"),
        Column("bandwidth_tbs", "bandwidth, TB/s", "number"),
        Column("systems", "wafers for one replica", "number"),
        Column("price_usd", "assumed price", "usd"),
        *(Column(f"enters_{s:g}_usd", f"enters at {s:g} tok/s below", "usd") for s in SPEEDS),
        *(Column(f"fleet_{s:g}", f"best fleet at {s:g} tok/s") for s in SPEEDS),
    )
    caption = (
        "Llama 4 Maverick; entry: highest price of one wafer in the best fleet beside DGX B200 and CS-3."
    )
    return Table("density", "Density and price", caption, columns, tuple(rows))


def _assumptions() -> Table:
    return assumed(
        [
            ("share of the wafer in weight macros", WEIGHT_SHARE, "share", "catalog recipe"),
            ("power for reading weights", READ_KW, "kW", "hyp-nvm-rram14-wafer"),
            ("read energy", 1.0, "pJ/bit", "within the band 0.23 to 1.2 of the catalog's macros"),
        ]
    )


def _figure() -> Curves:
    updates = [10**x for x in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.2)]
    lines = tuple(
        (f"{cycles:.0e} cycles", tuple((u, update_years(cycles, u)) for u in updates))
        for cycles in ENDURANCES
    )
    return Curves(
        "wear", "Life of the weights",
        "Years until model updates wear the memory out; both axes logarithmic.",
        Axis("model updates a day", log=True), Axis("years", log=True), lines,
    )  # fmt: skip


def _answer(rows: Sequence[tuple[object, ...]]) -> list[str]:
    sentences = []
    for density, capacity, _bw, size, price, loose, fast, *_fleets in rows:
        if size is None:
            continue
        words = f"At {density:g} Mb/mm2 a wafer holds {capacity:.0f} GB and a replica takes {size:g} of them"
        ends = [
            f"{s:g} tok/s below {usd(v)}" if isinstance(v, float) else f"{s:g} tok/s not even for free"
            for s, v in zip(SPEEDS, (loose, fast), strict=True)
        ]
        sentences.append(
            f"{words}; it enters at {' and at '.join(ends)} (assumed price {usd(float(str(price)))})."
        )
    sentences.append(
        f"1e4 cycles last {update_years(1e4, 1):.0f} years of daily updates and "
        f"{update_years(1e4, 24):.2f} of hourly ones; "
        f"1e6 cycles last {update_years(1e6, 288):.1f} years of updates every five minutes."
    )
    return sentences
