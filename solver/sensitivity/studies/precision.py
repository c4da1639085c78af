"""Study (d): what fp8 and fp4 weights would do for the wafer."""

from __future__ import annotations

from collections.abc import Sequence

from solver.domain.serving import Precision
from solver.sensitivity.findings import Column, Findings, Table, usd
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

SPEEDS = (50.0, 200.0, 600.0)
PRECISIONS: tuple[Precision, ...] = ("fp16", "fp8", "fp4")


def study() -> Findings:
    """The findings. CS-3 has no fp4 arithmetic; it is given its fp16 rate there (a hypothetical)."""
    facts = catalog()
    rate = facts.systems["cerebras-cs3"].get("fp16_tflops") or 0.0
    overrides = {"cerebras-cs3": {"fp4_tflops": rate, "fp8_tflops": rate}}
    rows: list[tuple[object, ...]] = []
    for precision in PRECISIONS:
        for speed in SPEEDS:
            alone = question(speed, ("cerebras-cs3",), (precision,), overrides=overrides)
            session = Session.of(alone, facts)
            found = best(alone, facts)
            size = replica_sizes(session, "cerebras-cs3") if found.plan else None
            rival = question(speed, ("cerebras-cs3", "dgx-b200"), (precision,), overrides=overrides)
            enters = entry_price(rival, facts, "cerebras-cs3", 20e6)
            rows.append(
                (precision, speed, size[0] if size else None, found.words, found.cost_usd,
                 found.usd_per_m_output, enters)
            )  # fmt: skip
    return Findings(
        name="Precision on the wafer",
        kicker="Study: fp16 against fp8 and fp4 weights on CS-3",
        answer=tuple(_answer(rows)),
        facts=(("price of CS-3 now", usd(facts.systems["cerebras-cs3"].get("price_usd") or 0.0)),),
        figures=(),
        tables=(
            _table(rows),
            assumed([("fp8 and fp4 rate of CS-3", rate, "TFLOP/s", "assumed equal to fp16")]),
        ),
        notes=(
            question_words(),
            "Providers list fp16 weights on CS-3; fp8 and fp4 are hypothetical there. The rival DGX B200 "
            "uses the same precision.",
        ),
        provenance=Session.of(question(50.0, ("cerebras-cs3",)), facts).provenance()[2:],
    )


def _table(rows: Sequence[tuple[object, ...]]) -> Table:
    columns = (
        Column("precision", "weights"),
        Column("tok_s_per_user", "tok/s for each user", "number"),
        Column("systems_per_replica", "CS-3 for one replica", "number"),
        Column("fleet", "fleet of CS-3 alone"),
        Column("cost_usd", "its cost", "usd"),
        Column("usd_per_m_output_tokens", "per million output tokens", "usd"),
        Column("enters_usd", "enters beside DGX B200 below", "usd"),
    )
    caption = "Net present US dollars over three years; entry: highest price of one CS-3 in the best fleet."
    return Table("precision", "Precision by speed", caption, columns, tuple(rows))


def _answer(rows: Sequence[tuple[object, ...]]) -> list[str]:
    sentences = []
    for precision, speed, size, fleet, cost, _per, enters in rows:
        if speed == SPEEDS[-1] and isinstance(cost, float):
            words = f"In {precision} one replica takes {size:g} CS-3 and the fleet at {speed:g} tok/s costs"
            sentences.append(f"{words} {usd(cost)} ({fleet}).")
        if speed == SPEEDS[0]:
            price = usd(enters) if isinstance(enters, float) else None
            words = f"below {price}" if price else "not even for free"
            sentences.append(f"At {speed:g} tok/s it enters beside DGX B200 {words} ({precision}).")
    return sentences
