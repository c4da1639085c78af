"""Study (d): what fp8 and fp4 weights would do for the wafer."""

from __future__ import annotations

from collections.abc import Sequence

from solver.domain.serving import Precision
from solver.sensitivity.findings import Axis, Column, Curves, Findings, Table, usd
from solver.sensitivity.session import Session
from solver.sensitivity.studies.common import (
    assumed,
    best,
    catalog,
    entry_price,
    entry_words,
    question,
    question_words,
    replica_sizes,
)

SPEEDS = (50.0, 200.0, 600.0, 1000.0)
MOST = 20e6  # highest price tried, USD
COMPARED = 600.0  # tok/s of the answer
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
            enters = entry_price(rival, facts, "cerebras-cs3", MOST)
            rows.append(
                (precision, speed, size[0] if size else None, found.words, found.cost_usd,
                 found.usd_per_m_output, enters)
            )  # fmt: skip
    return Findings(
        name="Precision on the wafer",
        kicker="Study: fp16 against fp8 and fp4 weights on CS-3",
        answer=tuple(_answer(rows)),
        facts=(("price of CS-3 now", usd(facts.systems["cerebras-cs3"].get("price_usd") or 0.0)),),
        figures=(_figure(rows),),
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


def _figure(rows: Sequence[tuple[object, ...]]) -> Curves:
    lines = []
    for precision in PRECISIONS:
        points = tuple(
            (float(str(r[1])), float(str(r[5]))) for r in rows if r[0] == precision and r[5] is not None
        )
        if len(points) > 1:
            lines.append((precision, points))
    return Curves(
        "cost", "Cost of a token on CS-3 by the precision of its weights",
        "US dollars per million output tokens (net present), CS-3 alone; both axes logarithmic.",
        Axis("speed for each user, tok/s", log=True), Axis("USD per million output tokens", "usd", log=True),
        tuple(lines),
    )  # fmt: skip


def _answer(rows: Sequence[tuple[object, ...]]) -> list[str]:
    """What halving and quartering the weights saves on fast users, and whether it lets the wafer in."""
    fast = {str(r[0]): r for r in rows if r[1] == COMPARED and isinstance(r[4], float)}
    sentences = []
    if len(fast) == len(PRECISIONS):
        costs = [f"{usd(float(str(r[4])))} in {name} ({r[2]:g} CS-3 a replica)" for name, r in fast.items()]
        sentences.append(f"At {COMPARED:g} tok/s the fleet of CS-3 costs {', '.join(costs)}.")
    for speed in SPEEDS[:2]:
        entries = [f"{r[0]} {entry_words(r[6], MOST)}" for r in rows if r[1] == speed]
        sentences.append(f"At {speed:g} tok/s CS-3 enters beside DGX B200 in {', '.join(entries)}.")
    return sentences
