"""The tables of a report, declared once and rendered to the terminal, HTML and Markdown."""

from __future__ import annotations

from typing import Any

from solver.plan.plan import Plan
from solver.reports.comparisons import (
    alternatives_section,
    assumptions_section,
    binding_section,
    break_even_section,
    wishes_section,
)
from solver.reports.fleet import (
    Names,
    configuration,
    epoch_words,
    fleet,
    replica_words,
    span_words,
    tok_s_per_user,
)
from solver.reports.money import cash_section, moves_section, people_section, unserved_section
from solver.reports.places import loss_section, regions_section
from solver.reports.section import Column, Section, right, without_empty_columns
from solver.reports.serving import pool_groups, serving_lines
from solver.reports.spares import spares_section
from solver.reports.traffic import Traffic
from solver.reports.units import dollars, number, percent
from solver.reports.waiting import waiting_section
from solver.reports.wear import wear_section
from solver.reports.words import kept


def sections(plan: Plan) -> list[Section]:
    """All tables of a plan, without the empty ones."""
    traffic, names = Traffic(plan), Names(plan)
    found = [
        _systems(plan),
        _pools(plan, traffic, names),
        _serving(traffic, names),
        unserved_section(plan),
        regions_section(traffic, names),
        waiting_section(plan, traffic),
        wear_section(plan, names),
        loss_section(plan, traffic, names),
        spares_section(plan, traffic, names),
        _levels(plan),
        _costs(plan),
        cash_section(plan),
        people_section(plan),
        moves_section(plan, names),
        _power(plan, traffic),
        binding_section(plan, names),
        wishes_section(plan, names),
        alternatives_section(plan, names),
        break_even_section(plan, names),
        assumptions_section(plan, names),
    ]
    return [without_empty_columns(section) for section in found if section.rows]


def _systems(plan: Plan) -> Section:
    rows: list[tuple[Any, ...]] = []
    for line in fleet(plan):
        hourly = line.acquisition not in ("buy", "own", "replace")
        unit = f"{dollars(line.unit_price_usd)}/h" if hourly else dollars(line.unit_price_usd)
        way = " ".join(filter(None, (line.way, epoch_words(plan, line.epoch, line.sold_epoch))))
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
            right("Count"),
            right("Unit price"),
            right("Total", dollars),
        ),
        tuple(rows),
        total=len(rows) > 1,
    )


def _pools(plan: Plan, traffic: Traffic, names: Names) -> Section:
    rows = []
    for group in pool_groups(plan, traffic):
        pool = group.pool
        where = names.system(pool.system) + (f", {pool.site}" if len(plan.power_kw) > 1 else "")
        when = span_words(plan, pool.epoch, group.last_epoch)
        replicas = replica_words(group.replicas, pool.spare_replicas)
        if pool.mode != "standing":
            when, replicas = f"in {group.hours_words}", f"up to {replicas}"
        rows.append(
            (
                pool.service,
                " ".join(filter(None, (where, when))),
                replicas,
                configuration(pool),
                tok_s_per_user(pool),
                group.peak_load,
            )
        )
    return Section(
        "pools",
        "Replicas and their configuration",
        ("tok/s per user: output tokens that a user sees at full load. " if any(r[4] for r in rows) else "")
        + "Load: share of the load that is safe for the promised waiting time, in the busiest hour.",
        (
            Column("Service"),
            Column("Hardware"),
            right("Replicas"),
            Column("Configuration of each"),
            right("tok/s per user", number),
            right("Load", percent),
        ),
        tuple(rows),
    )


def _serving(traffic: Traffic, names: Names) -> Section:
    rows = tuple(
        (
            line.service,
            names.target(line.target),
            line.phase or None,
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
        (
            Column("Service"),
            Column("Served by"),
            Column("Phase"),
            Column("At"),
            right("Share", percent),
            Column("Hours"),
        ),
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
        "Reached: by the plan's own model, at the promised percentile; of a deadline, hours until all is "
        "done. In time: share of requests that keep the promise.",
        (
            Column("Service"),
            Column("Promise (for this share of requests)"),
            right("Reached"),
            right("In time", percent),
            Column("Kept"),
        ),
        tuple(rows),
    )


def _costs(plan: Plan) -> Section:
    total = sum(line.usd for line in plan.costs)
    per = (plan.usd_per_m_tokens, plan.usd_per_m_output_tokens) if plan.usd_per_m_tokens else ()
    rows: list[tuple[Any, ...]] = []
    for line in sorted(plan.costs, key=lambda c: -c.usd):
        share = line.usd / total if total else 0.0
        rows.append((cost_words(line.term), line.usd, share, *(share * usd for usd in per)))
    if rows:
        rows.append(("total", total, 1.0, *per))
    tokens = (
        "and per million tokens (prompt and output, or output alone; tokens are discounted like the money)"
    )
    return Section(
        "costs",
        "Cost by term",
        f"Net present US dollars over the horizon{f', {tokens}' if per else ''}.",
        (
            Column("Term"),
            right("Cost", dollars),
            right("Share", percent),
            *((right("per M tokens", dollars), right("per M output tokens", dollars)) if per else ()),
        ),
        tuple(rows),
        total=True,
    )


def cost_words(term: str) -> str:
    """A cost term for readers."""
    return {
        "purchase": "purchase and support",
        "api": "token API",
        "space": "rack space",
        "opening": "opening of sites",
    }.get(term, term)


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
            right("Power, kW", number),
            right("PUE", lambda v: f"{v:g}"),
            right("Limit, kW", number),
            right("Used", percent),
        ),
        tuple(rows),
    )
