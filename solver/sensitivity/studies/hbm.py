"""Study (c): what dearer or faster HBM does to a GPU server and to the entry price of its rivals."""

from __future__ import annotations

from collections.abc import Sequence

from solver.sensitivity.findings import Axis, Column, Curves, Findings, Table, usd
from solver.sensitivity.session import Session
from solver.sensitivity.studies.common import assumed, best, catalog, entry_price, question, question_words
from solver.technology.facts import value

#: HBM prices tried, USD/GB: half of today's to three times; and bandwidth relative to HBM3E.
PRICES = (8.0, 15.0, 30.0, 45.0)
GENERATIONS = {"HBM3E (today)": 1.0, "HBM4": 2.0}
SPEEDS = (50.0, 200.0)


def study() -> Findings:
    """The findings. A change in the price of HBM passes to the server's price with the margin."""
    facts = catalog()
    server = facts.systems["dgx-b200"]
    price, gigabytes = server.get("price_usd") or 0.0, server.get("dram_gb") or 0.0
    bandwidth = server.get("dram_bw_tbs") or 0.0
    parts = value(facts, "b200-bom", "cost_usd") * server.chips
    margin, now = price / parts, value(facts, "hbm3e-usd-gb", "usd_per_gb")
    rows = []
    for generation, factor in GENERATIONS.items():
        for usd_gb in PRICES:
            cost = price + (usd_gb - now) * gigabytes * margin
            overrides = {"dgx-b200": {"price_usd": cost, "dram_bw_tbs": bandwidth * factor}}
            for speed in SPEEDS:
                asked = question(speed, ("dgx-b200", "cerebras-cs3"), overrides=overrides)
                found = best(asked, facts)
                enters = entry_price(asked, facts, "cerebras-cs3", 20e6)
                rows.append((generation, usd_gb, cost, speed, found.words, found.usd_per_m_output, enters))
    columns = (
        Column("generation", "memory"),
        Column("hbm_usd_gb", "HBM, USD/GB", "number"),
        Column("server_usd", "price of a DGX B200", "usd"),
        Column("tok_s_per_user", "tok/s for each user", "number"),
        Column("fleet", "best fleet"),
        Column("usd_per_m_output_tokens", "per million output tokens", "usd"),
        Column("cs3_enters_usd", "CS-3 enters below", "usd"),
    )
    table = Table(
        "hbm", "HBM price and generation", "Net present US dollars over three years.", columns, tuple(rows)
    )
    return Findings(
        name="HBM price and bandwidth",
        kicker="Study: HBM generations against the wafer",
        answer=tuple(_answer(rows)),
        facts=(("HBM in a DGX B200", f"{gigabytes:,.0f} GB"), ("margin passed on", f"{margin:.1f} times")),
        figures=(_figure(rows),),
        tables=(
            table,
            assumed(
                [
                    ("price of HBM3E now", now, "USD/GB", "node hbm3e-usd-gb"),
                    ("server price over its chips' parts", margin, "ratio", "price_usd / (8 x b200-bom)"),
                    ("bandwidth of HBM4", 2.0, "times", "JESD270-4 (2025-04): 2 TB/s a stack; B200: 1"),
                ]
            ),
        ),
        notes=(question_words(), "Only the memory changes: compute, links and power stay those of DGX B200."),
        provenance=Session.of(question(50.0, ("dgx-b200",)), facts).provenance()[2:],
    )  # fmt: skip


def _figure(rows: Sequence[tuple[object, ...]]) -> Curves:
    lines = []
    for generation in GENERATIONS:
        points = tuple(
            (float(str(r[1])), float(str(r[6])))
            for r in rows
            if r[0] == generation and r[3] == SPEEDS[-1] and r[6] is not None
        )
        if len(points) > 1:
            lines.append((generation, points))
    return Curves(
        "entry", f"Entry price of CS-3 at {SPEEDS[-1]:g} tok/s by the price of HBM",
        "Highest price of one CS-3 at which it is in the best fleet beside DGX B200.",
        Axis("price of HBM, USD/GB"), Axis("entry price of CS-3, USD", "usd"), tuple(lines),
    )  # fmt: skip


def _answer(rows: Sequence[tuple[object, ...]]) -> list[str]:
    sentences = []
    for speed in SPEEDS:
        here = [r for r in rows if r[3] == speed and r[5] is not None]
        if not here:
            continue
        cheap, dear = min(here, key=lambda r: float(str(r[5]))), max(here, key=lambda r: float(str(r[5])))
        sentences.append(
            f"At {speed:g} tok/s a million output tokens cost {usd(float(str(cheap[5])))} ({cheap[0]}, "
            f"${cheap[1]:g}/GB) to {usd(float(str(dear[5])))} ({dear[0]}, ${dear[1]:g}/GB)."
        )
        entries = [float(str(r[6])) for r in here if r[6] is not None]
        if entries:
            sentences.append(f"CS-3 enters there below {usd(min(entries))} to {usd(max(entries))}.")
        else:
            sentences.append("CS-3 does not enter there at any price.")
    return sentences
