"""Study (b): weights in non-volatile memory, by density, endurance and how often the model changes."""

from __future__ import annotations

from collections.abc import Sequence

from solver.domain.catalog import Catalog
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
    grid = _grid(facts)
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
        answer=(*_grid_words(grid), *_answer(rows)),
        facts=(("horizon", f"{YEARS:g} years"),),
        figures=(_figure(),),
        tables=(_density_table(rows), _wear_table(), _grid_table(grid), _assumptions()),
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


def _grid(facts: Catalog) -> tuple[tuple[object, ...], ...]:
    """Density x endurance x updates: life of the weights, and the best fleet for fast users."""
    rows = []
    for density in DENSITIES:
        for cycles in ENDURANCES:
            system, memory = derive_weight_wafer(facts, WeightWafer(density, cycles))
            full = with_systems(facts, [system])
            full = full.model_copy(update={"technologies": full.technologies | {memory.id: memory}})
            for updates in UPDATES:
                asked = question(
                    SPEEDS[-1],
                    ("dgx-b200", "cerebras-cs3", system.id),
                    start="2028-01",
                    updates_per_day=updates,
                )
                years = update_years(cycles, updates)
                session = Session.of(asked, full)
                feasible = any(p.system == system.id for p in session.prepared.problem.points)
                found = best(asked, full)
                inside = bool(found.plan and found.plan.shares.get(system.id, 0.0) > 1e-6)
                verdict = "cheapest" if inside else "feasible, dearer" if feasible else "infeasible"
                rows.append((density, cycles, updates, years, verdict, found.words, found.usd_per_m_output))
    return tuple(rows)


def _grid_table(rows: tuple[tuple[object, ...], ...]) -> Table:
    columns = (
        Column("density_mb_mm2", "density, Mb/mm2", "number"),
        Column("endurance_cycles", "endurance, cycles", "number"),
        Column("updates_per_day", "model updates a day", "number"),
        Column("years", "worn out after, years", "number"),
        Column("verdict", "NVM wafer"),
        Column("fleet", f"best fleet at {SPEEDS[-1]:g} tok/s"),
        Column("usd_per_m_output_tokens", "per million output tokens", "usd"),
    )
    caption = (
        f"Feasible: the weights live through {YEARS:g} years of updates and keep the promise. Cheapest: the "
        "wafer at its assumed price is in the best fleet beside DGX B200 and CS-3."
    )
    return Table("grid", "Density x endurance x updates", caption, columns, rows)


def _grid_words(rows: tuple[tuple[object, ...], ...]) -> list[str]:
    count = len(rows)
    cheapest, infeasible = ([r for r in rows if r[4] == verdict] for verdict in ("cheapest", "infeasible"))
    worn = [r for r in infeasible if float(str(r[3])) < YEARS]
    sentences = [
        f"At {SPEEDS[-1]:g} tok/s an NVM wafer is cheapest in {len(cheapest)} of {count} combinations of "
        f"density, endurance and update rate, and infeasible in {len(infeasible)}, because its weights wear "
        f"out within {YEARS:g} years ({len(worn)})"
        + (
            f" or it cannot keep the promise ({len(infeasible) - len(worn)})."
            if len(infeasible) > len(worn)
            else "."
        )
    ]
    for updates in UPDATES:
        cycles = [float(str(r[1])) for r in cheapest if r[2] == updates]
        density = [float(str(r[0])) for r in cheapest if r[2] == updates]
        if cycles:
            sentences.append(
                f"With {updates:g} update{'s' if updates > 1 else ''} a day {min(cycles):,.0f} cycles and "
                f"{min(density):g} Mb/mm2 are enough to be cheapest."
            )
    return sentences


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
        (f"{cycles:,.0f} cycles", tuple((u, update_years(cycles, u)) for u in updates))
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
        f"10,000 cycles last {update_years(1e4, 1):.0f} years of daily updates and "
        f"{update_years(1e4, 24):.2f} of hourly ones; "
        f"1,000,000 cycles last {update_years(1e6, 288):.1f} years of updates every five minutes."
    )
    return sentences
