"""The tables of a report, declared once and rendered to the terminal, HTML and Markdown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from solver.plan.plan import Plan
from solver.reports.fleet import (
    Names,
    configuration,
    deciding,
    epoch_words,
    fleet,
    replica_words,
)
from solver.reports.serving import pool_groups, serving_lines
from solver.reports.traffic import Traffic
from solver.reports.units import dollars, number, percent
from solver.reports.words import kept, quantity_words, range_words, value_words

#: Heading of the last column of the assumptions.
SOURCE = "Source, date"


@dataclass(frozen=True)
class Column:
    """A column: heading, how a value is written, and whether it is a number (set to the right)."""

    name: str
    text: Callable[[Any], str] = str
    right: bool = False


@dataclass(frozen=True)
class Section:
    """A table with its title and a caption that names the units; rows hold raw values (None: nothing)."""

    key: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: bool = False  # the last row is a sum

    def cells(self, row: tuple[Any, ...]) -> list[str]:
        """The texts of a row, not yet escaped."""
        pairs = zip(self.columns, row, strict=True)
        return ["" if value is None else column.text(value) for column, value in pairs]


def sections(plan: Plan) -> list[Section]:
    """All tables of a plan, without the empty ones."""
    traffic, names = Traffic(plan), Names(plan)
    found = [
        _systems(plan),
        _pools(plan, traffic, names),
        _serving(traffic, names),
        _levels(plan),
        _costs(plan),
        _power(plan, traffic),
        _binding(plan, names),
        _alternatives(plan, names),
        _break_even(plan, names),
        _assumptions(plan, names),
    ]
    return [_without_empty_columns(section) for section in found if section.rows]


def _without_empty_columns(section: Section) -> Section:
    kept_columns = [
        n for n in range(len(section.columns)) if any(r[n] not in (None, "") for r in section.rows)
    ]
    return replace(
        section,
        columns=tuple(section.columns[n] for n in kept_columns),
        rows=tuple(tuple(row[n] for n in kept_columns) for row in section.rows),
    )


def _right(name: str, text: Callable[[Any], str] = str) -> Column:
    return Column(name, text, right=True)


def _signed(share: float) -> str:
    return percent(share, signed=True)


def _systems(plan: Plan) -> Section:
    rows: list[tuple[Any, ...]] = []
    for line in fleet(plan):
        hourly = line.acquisition != "buy"
        unit = f"{dollars(line.unit_price_usd)}/h" if hourly else dollars(line.unit_price_usd)
        way = " ".join(filter(None, (line.way, epoch_words(plan, line.epoch))))
        if line.acquisition == "rent-hourly":
            way += f", {number(line.system_hours)} system hours"
        count = f"up to {line.count:,}" if line.acquisition == "rent-hourly" else f"{line.count:,}"
        rows.append((line.site, line.name, way, count, unit, line.cost_usd))
    if len(rows) > 1:
        rows.append(("All sites", None, None, None, None, sum(row[5] for row in rows)))
    return Section(
        "systems",
        "Systems to get",
        "Total: net present US dollars over the horizon, with energy, space and support, less the "
        "residual value; token APIs stand under cost. Unit price: US dollars per system, or per system and "
        "hour (/h).",
        (
            Column("Site"),
            Column("System"),
            Column("How"),
            _right("Count"),
            _right("Unit price"),
            _right("Total", dollars),
        ),
        tuple(rows),
        total=len(rows) > 1,
    )


def _pools(plan: Plan, traffic: Traffic, names: Names) -> Section:
    rows = []
    for group in pool_groups(plan, traffic):
        pool = group.pool
        where = names.system(pool.system) + (f", {pool.site}" if len(plan.power_kw) > 1 else "")
        when = epoch_words(plan, pool.epoch) if pool.mode == "standing" else f"in {group.hours_words}"
        replicas = replica_words(group.replicas, pool.spare_replicas)
        if pool.mode != "standing":
            replicas = f"up to {replicas}"
        rows.append(
            (
                pool.service,
                " ".join(filter(None, (where, when))),
                replicas,
                configuration(pool),
                1e3 / pool.tpot_ms,
                group.peak_load,
            )
        )
    return Section(
        "pools",
        "Replicas and their configuration",
        "Speed: output tokens per second that a user sees at full load. Load: share of the load that is "
        "safe for the promised waiting time, in the busiest hour.",
        (
            Column("Service"),
            Column("Hardware"),
            _right("Replicas"),
            Column("Configuration of each"),
            _right("tok/s per user", number),
            _right("Load", percent),
        ),
        tuple(rows),
    )


def _serving(traffic: Traffic, names: Names) -> Section:
    rows = tuple(
        (
            line.service,
            names.target(line.target),
            line.target.site or "provider",
            line.share,
            line.hours_words,
        )
        for line in serving_lines(traffic)
    )
    return Section(
        "serving",
        "Who serves what",
        "Share: part of the service's requests over the whole horizon.",
        (Column("Service"), Column("Served by"), Column("At"), _right("Share", percent), Column("Hours")),
        rows,
    )


def _levels(plan: Plan) -> Section:
    rows = []
    for s in plan.service_levels:
        relation = "at least" if "speed" in s.promise else "at most"
        promised = f"{s.promise} {relation} {number(s.promised)} {s.unit} for {percent(s.percentile)}"
        holds = kept(s.promise, s.promised, s.reached)
        rows.append(
            (s.service, promised, f"{number(s.reached)} {s.unit}", s.share_in_time, "yes" if holds else "NO")
        )
    return Section(
        "service_levels",
        "Service levels, promised and reached",
        "Reached: by the plan's own model, at the promised percentile. In time: share of requests that "
        "keep the promise.",
        (
            Column("Service"),
            Column("Promise (for this share of requests)"),
            _right("Reached"),
            _right("In time", percent),
            Column("Kept"),
        ),
        tuple(rows),
    )


def _costs(plan: Plan) -> Section:
    total = sum(line.usd for line in plan.costs)
    rows: list[tuple[Any, ...]] = []
    for line in sorted(plan.costs, key=lambda c: -c.usd):
        share = line.usd / total if total else 0.0
        per = (share * plan.usd_per_m_tokens, share * plan.usd_per_m_output_tokens)
        rows.append((cost_words(line.term), line.usd, share, *per))
    if rows:
        rows.append(("total", total, 1.0, plan.usd_per_m_tokens, plan.usd_per_m_output_tokens))
    return Section(
        "costs",
        "Cost by term",
        "Net present US dollars over the horizon, and per million tokens (prompt and output, or output "
        "alone; tokens are discounted like the money).",
        (
            Column("Term"),
            _right("Cost", dollars),
            _right("Share", percent),
            _right("per M tokens", dollars),
            _right("per M output tokens", dollars),
        ),
        tuple(rows),
        total=True,
    )


def cost_words(term: str) -> str:
    """A cost term for readers."""
    return {"purchase": "purchase and support", "api": "token API", "space": "rack space"}.get(term, term)


def _power(plan: Plan, traffic: Traffic) -> Section:
    sites = {s.name: s for s in traffic.workload.sites} if traffic.workload else {}
    rows = []
    for name, kw in plan.power_kw.items() if any(plan.power_kw.values()) else ():
        site = sites.get(name)
        limit = site.power_kw if site else None
        rows.append((name, kw, site.pue if site else None, limit, kw / limit if limit else None))
    return Section(
        "power",
        "Power",
        "Maximum power of the bought systems at the racks in kW. PUE: power of the whole site over power "
        "at the racks.",
        (
            Column("Site"),
            _right("Power, kW", number),
            _right("PUE", lambda v: f"{v:g}"),
            _right("Limit, kW", number),
            _right("Used", percent),
        ),
        tuple(rows),
    )


def _binding(plan: Plan, names: Names) -> Section:
    rows = tuple(
        (names.in_words(b.sentence), f"{number(b.slack)} {b.unit}", b.shadow_price_usd, b.place)
        for b in plan.binding
    )
    return Section(
        "binding",
        "What binds",
        "Statements that leave no room for one more unit. Left: what remains. Shadow price: US dollars that "
        "one more unit would save, the fleet unchanged.",
        (Column("Statement"), _right("Left"), _right("Shadow price", dollars), Column("Written in")),
        rows,
    )


def _alternatives(plan: Plan, names: Names) -> Section:
    others = [a for a in plan.alternatives if a.feasible] + [a for a in plan.alternatives if not a.feasible]
    rows: list[tuple[Any, ...]] = []
    for a in others:
        told = a.fleet if a.feasible else f"not possible: {a.reason}"
        rows.append((names.in_words(a.name), a.objective_usd, a.extra_share, names.in_words(told)))
    if rows:
        rows.insert(0, ("this plan", plan.objective_usd, 0.0, "see above"))
    return Section(
        "alternatives",
        "Alternatives",
        "The best fleet of each single kind of hardware: net present US dollars, and what it costs more "
        "than this plan.",
        (Column("Fleet"), _right("Cost", dollars), _right("Extra", _signed), Column("Systems")),
        tuple(rows),
    )


def _break_even(plan: Plan, names: Names) -> Section:
    rows = []
    for b in plan.break_even:
        enters = b.price_enters_usd
        change = enters / b.price_now_usd - 1 if enters is not None and b.price_now_usd else None
        rows.append((names.system(b.system), b.price_now_usd, enters, change, b.note))
    return Section(
        "break_even",
        "Prices at which others enter",
        "US dollars per system, all else as it is.",
        (
            Column("System"),
            _right("Price now", dollars),
            _right("Enters at", dollars),
            _right("Change", _signed),
            Column("Remark"),
        ),
        tuple(rows),
    )


def _assumptions(plan: Plan, names: Names) -> Section:
    rows = tuple(
        (
            f"{names.system(a.subject)}: {quantity_words(a.quantity)}",
            value_words(a),
            range_words(a),
            a.evidence,
            a.cost_share or None,
            ", ".join(filter(None, (a.source, a.date))),
        )
        for a in deciding(plan)
    )
    return Section(
        "assumptions",
        "Assumptions that decide",
        "Those that can move the cost furthest come first. Of cost: share of the total that this price "
        "makes up.",
        (
            Column("Value"),
            _right("Taken"),
            _right("Range"),
            Column("Evidence"),
            _right("Of cost", percent),
            Column(SOURCE),
        ),
        rows,
    )
