"""A plan as tidy tables (one observation per row, raw numbers, units in the column names) and as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from solver.plan.plan import Plan
from solver.plan.serialise import plan_json
from solver.reports.escape import csv_cell
from solver.reports.files import write_atomically
from solver.reports.fleet import Names, leverage, tok_s_per_user
from solver.reports.money import paid_by_year
from solver.reports.places import loss_lines, region_lines
from solver.reports.pool_facts import share_value
from solver.reports.serving import serving_lines
from solver.reports.spares import spare_lines
from solver.reports.traffic import Traffic
from solver.reports.words import kept, sentences

if TYPE_CHECKING:
    import pandas as pd

#: Names of all tables.
TABLES = {
    *("summary", "systems", "pools", "routes", "serving", "service_levels", "costs", "power", "hours"),
    *("cash_flow", "people", "moves", "unserved", "loads"),
    *("regions", "deferrals", "wear"),
    "site_loss",
    "wishes",
    "availability",
    *("binding", "alternatives", "break_even", "assumptions", "notes"),
}
Records = dict[str, list[dict[str, Any]]]


def records(plan: Plan) -> Records:
    """Table name -> rows; every table of a plan, in the order of the report."""
    traffic, names = Traffic(plan), Names(plan)
    found: Records = {
        "summary": [_summary(plan)],
        "systems": _dumped(plan.systems),
        "pools": [
            {**p.model_dump(), "peak_load_share": traffic.peak_load(p), "tok_s_per_user": tok_s_per_user(p)}
            for p in plan.pools
        ],
        "routes": [{**r.model_dump(), "share_value": share_value(r.share)} for r in plan.routes],
        "serving": [
            {
                "service": line.service,
                "served_by": names.target(line.target),
                "target": line.target.point,
                "site": line.target.site,
                "mode": line.target.mode,
                "phase": line.phase or "both",
                "share_of_requests": line.share,
            }
            for line in serving_lines(traffic)
        ],
        "regions": [asdict(line) for line in region_lines(traffic, names)],
        "availability": [asdict(line) for line in spare_lines(plan, traffic.workload)],
        "site_loss": [asdict(line) for line in loss_lines(plan, traffic, names)],
        "deferrals": [{**d.model_dump(), "share_value": share_value(d.share)} for d in plan.deferrals],
        "wear": _dumped(plan.wear),
        "service_levels": [
            {**s.model_dump(), "kept": kept(s.promise, s.promised, s.reached)} for s in plan.service_levels
        ],
        "costs": _costs(plan),
        "cash_flow": paid_by_year(plan),
        "people": _dumped(plan.people),
        "moves": _dumped(plan.moves),
        "unserved": _dumped(plan.unserved),
        "loads": _dumped(plan.loads),
        "power": [{"site": site, "power_kw": kw} for site, kw in plan.power_kw.items()],
        "hours": _hours(traffic),
        "binding": _dumped(plan.binding),
        "wishes": _dumped(plan.wishes),
        "alternatives": _dumped(plan.alternatives),
        "break_even": _dumped(plan.break_even),
        "assumptions": [{**a.model_dump(), "leverage_share": leverage(plan, a)} for a in plan.assumptions],
        "notes": [{"note": note} for note in plan.notes],
    }
    return {name: rows for name, rows in found.items() if rows}


def tables(plan: Plan) -> dict[str, pd.DataFrame]:
    """The tables as data frames."""
    import pandas as pd

    return {name: pd.DataFrame.from_records(rows) for name, rows in records(plan).items()}


def write_out(plan: Plan, directory: Path) -> list[Path]:
    """Write plan.json, tables/*.csv, report.html, report.md and plan.xlsx to ``directory``.

    Each file is written whole or not at all; plan.json is the last one. Returns the paths written.
    """
    from solver.reports.html import render_html
    from solver.reports.markdown import render_markdown
    from solver.reports.xlsx import workbook_bytes

    found = records(plan)
    before = [directory / "tables" / f"{name}.csv" for name in sorted(TABLES - found.keys())]
    for stale in filter(Path.is_file, before):
        stale.unlink()
    files: dict[str, bytes] = {f"tables/{name}.csv": csv_bytes(rows) for name, rows in found.items()}
    files["report.html"] = render_html(plan).encode()
    files["report.md"] = render_markdown(plan).encode()
    files["plan.xlsx"] = workbook_bytes(found, [str(sentence) for sentence in sentences(plan)])
    files["plan.json"] = plan_json(plan).encode()
    for name, data in files.items():
        write_atomically(directory / name, data)
    return [directory / name for name in files]


def csv_bytes(rows: list[dict[str, Any]]) -> bytes:
    """Rows as CSV (RFC 4180, UTF-8): text quoted and inert, numbers bare, nothing for a missing value."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow([csv_cell(name) for name in rows[0]])
    for row in rows:
        writer.writerow(["" if value is None else csv_cell(value) for value in row.values()])
    return text.getvalue().encode()


def _dumped(items: Iterable[BaseModel]) -> list[dict[str, Any]]:
    return [item.model_dump() for item in items]


def _summary(plan: Plan) -> dict[str, Any]:
    names = (
        "workload",
        "outcome",
        "objective",
        "objective_usd",
        "bound_usd",
        "gap",
        "certified_bound_usd",
        "verified",
        "verified_residual",
        "horizon_years",
        "usd_per_m_tokens",
        "usd_per_m_output_tokens",
    )
    return {name: getattr(plan, name) for name in names}


def _costs(plan: Plan) -> list[dict[str, Any]]:
    total = sum(line.usd for line in plan.costs)
    return [
        {
            "term": line.term,
            "usd": line.usd,
            "share": line.usd / total if total else 0.0,
            "usd_per_m_tokens": line.usd / total * plan.usd_per_m_tokens if total else 0.0,
            "usd_per_m_output_tokens": line.usd / total * plan.usd_per_m_output_tokens if total else 0.0,
        }
        for line in plan.costs
    ]


def _hours(traffic: Traffic) -> list[dict[str, Any]]:
    """Demand of each service in each representative hour, who serves it, and what the pools could carry."""
    names, rows = Names(traffic.plan), []
    for service in traffic.services:
        demand, capacity = traffic.demand_rps(service), traffic.capacity_rps(service)
        served = traffic.served_rps(service)
        for n, hour in enumerate(traffic.hours):
            common = {
                "service": service,
                "epoch": hour.epoch,
                "hour": hour.hour,
                "hours": hour.hours,
                "period": hour.period,
                "demand_rps": demand[n],
                "pool_capacity_rps": capacity[n],
            }
            for target, rates in served.items():
                if rates[n] > 0:
                    rows.append(
                        common
                        | {
                            "served_by": names.target(target),
                            "target": target.point,
                            "site": target.site,
                            "mode": target.mode,
                            "served_rps": rates[n],
                        }
                    )
    return rows
