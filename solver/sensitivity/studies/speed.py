"""Study (e), the signature figure: cost of a token against the speed that each user sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solver.sensitivity.findings import Axis, Column, Curves, Findings, Table, usd
from solver.sensitivity.frontier import KINDS
from solver.sensitivity.session import Session
from solver.sensitivity.studies.common import best, catalog, question, question_words


def speeds() -> list[float]:
    """Speeds from 20 to 3,000 tok/s, evenly spread on a logarithmic axis, and the record of 2,500."""
    return sorted({2500.0, *(float(f"{v:.3g}") for v in np.geomspace(20, 3000, 16))})


def study() -> Findings:
    """The findings."""
    facts = catalog()
    rows = []
    for kind in KINDS:
        sold = {o.system for o in facts.offers.values() if o.kind == "buy"}
        systems = tuple(sorted(s.id for s in facts.systems.values() if s.kind == kind and s.id in sold))
        if not systems:
            continue
        for speed in speeds():
            found = best(
                question(speed, systems, ("fp16", "fp8", "fp4"), start="2028-01", profiles="all"), facts
            )
            rows.append((KINDS[kind], speed, found.usd_per_m_output, found.cost_usd, found.words))
            if found.plan is None:
                break
    unpriced = [name for name in KINDS.values() if name not in {r[0] for r in rows}]
    return Findings(
        name="What speed costs",
        kicker="Study: cost against speed per user, Llama 4 Maverick",
        answer=tuple(_answer(rows)),
        facts=(("speeds", f"{speeds()[0]:g} to {speeds()[-1]:g} tok/s for each user"),),
        figures=(_figure(rows),),
        tables=(_table(rows),),
        notes=(
            question_words(),
            "Each point is the cheapest fleet of one kind of hardware that keeps the speed for 95 % of the "
            "tokens, by the physics of the house or a published operating point; fp16, fp8 or "
            "fp4 weights, whatever the system computes. A line ends where the kind fails.",
            *(f"No line for {name}: no such system has a purchase price." for name in unpriced),
            "Published points include vendors' claims and bounds: the line of SRAM wafers is the bound of 97 "
            "sequences on 20 CS-3 at 2,500 tok/s wherever that is cheaper than the physics.",
        ),
        provenance=Session.of(question(50.0, ("dgx-b200",)), facts).provenance()[2:],
    )


def _figure(rows: Sequence[tuple[object, ...]]) -> Curves:
    lines = []
    for name in KINDS.values():
        points = tuple(
            (float(str(r[1])), float(str(r[2]))) for r in rows if r[0] == name and r[2] is not None
        )
        if len(points) > 1:
            lines.append((name, points))
    return Curves(
        "frontier", "Cost against speed",
        "US dollars per million output tokens (net present) by the speed promised to each user; "
        "both axes logarithmic.",
        Axis("speed for each user, tok/s", log=True), Axis("USD per million output tokens", "usd", log=True),
        tuple(lines),
    )  # fmt: skip


def _table(rows: Sequence[tuple[object, ...]]) -> Table:
    columns = (
        Column("kind", "kind of hardware"),
        Column("tok_s_per_user", "tok/s for each user", "number"),
        Column("usd_per_m_output_tokens", "USD per million output tokens", "usd"),
        Column("cost_usd", "cost of the fleet", "usd"),
        Column("fleet", "fleet"),
    )
    return Table(
        "frontier", "Cost against speed", "Net present US dollars over three years.", columns, tuple(rows)
    )


def _answer(rows: Sequence[tuple[object, ...]]) -> list[str]:
    sentences, previous = [], ""
    for speed in speeds():
        here = [(float(str(r[2])), str(r[0])) for r in rows if r[1] == speed and r[2] is not None]
        if not here:
            sentences.append(f"At {speed:g} tok/s nothing in the catalog keeps the promise.")
            break
        cost, kind = min(here)
        if kind != previous:
            start = "Up from" if previous else "At"
            sentences.append(
                f"{start} {speed:g} tok/s {kind} are cheapest, at {usd(cost)} per million output tokens."
            )
        previous = kind
    fast = [(float(str(r[1])), float(str(r[2])), str(r[0])) for r in rows if r[2] is not None]
    most = max(fast)
    sentences.append(f"The fastest that any kind reaches is {most[0]:g} tok/s: {most[2]}, {usd(most[1])}.")
    return sentences
