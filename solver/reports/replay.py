"""Replays of a plan as findings: what was promised, what was reached, and how full the pools were."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from solver.plan.periods import bucket_rps
from solver.plan.plan import Plan
from solver.plan.serialise import point_from_dict
from solver.sensitivity.findings import Axis, Bars, Column, Curves, Findings, Table
from solver.simulate.from_plan import PeriodReplay, PlanReplay, workload_of
from solver.simulate.plan_pools import pools_in
from solver.simulate.summary import PERCENTILES
from solver.simulate.types import Floats, Promise

WORDS = {
    "ttft": "TTFT",
    "tpot": "TPOT",
    "end_to_end": "end to end",
    "deadline": "done in time",
    "pace": "keeps pace",
}
_CURVE = np.array([*range(1, 100), 99.5, 99.9, 100.0])  # percentiles drawn


def replay_findings(plan: Plan, found: Sequence[PlanReplay]) -> Findings:
    """The replays of a plan; latencies and pools are those of the first one."""
    kept = sum(r.holds for r in found)
    requests = sum(s.requests for r in found for p in r.periods for s in p.result.services)
    down = sum(period.failures for replayed in found for period in replayed.periods)
    said = f"Every promise holds in {kept} of {len(found)} replays" if len(found) > 1 else _said(found[0])
    return Findings(
        name=plan.workload,
        kicker="replay of the plan",
        answer=(f"{said}, {requests:,} requests in all.",),
        facts=(
            ("replays", f"{len(found):,}"),
            ("every promise holds in", f"{kept:,}"),
            *((("replicas went down", f"{down:,} times"),) if down else ()),
        ),
        figures=(*_curves(plan, found[0]), *_use(found[0])),
        tables=(_promises(found), _latencies(found[0]), _pools(plan, found[0])),
        notes=(
            "Requests of a warm-up count in no percentile. Token APIs are not replayed.",
            "The replay takes the step times of the plan: it tests queues, batching, memory and routing.",
        ),
        provenance=(("first seed", str(found[0].periods[0].seed)), ("plan", plan.workload)),
    )


def _said(replayed: PlanReplay) -> str:
    return "Every promise holds" if replayed.holds else "A promise does not hold"


def _promises(found: Sequence[PlanReplay]) -> Table:
    rows: dict[tuple[str, str, str], list[Promise]] = {}
    for replayed in found:
        for period in replayed.periods:
            for service in period.result.services:
                for promise in service.promises:
                    rows.setdefault((period.label, service.name, promise.name), []).append(promise)
    return Table(
        "promises",
        "Promises",
        "In seconds. Reached: the promised percentile in the worst replay. In time: fewest of all replays. "
        "Keeps pace, of a service that promises no wait: seconds that it falls behind in a replay, and the "
        "share of the planned rate that it is served at.",
        (
            Column("period", "period"),
            Column("service", "service"),
            Column("promise", "promise"),
            Column("percentile", "percentile", "number"),
            Column("promised_s", "promised, s", "number"),
            Column("reached_s", "reached, s", "number"),
            Column("kept_share", "in time", "share"),
            Column("holds", "holds in replays", "count"),
        ),
        tuple(
            (
                label,
                service,
                WORDS[name],
                100 * all_of[0].percentile,
                all_of[0].promised_s,
                max(p.reached_s for p in all_of),
                min(p.kept_share for p in all_of),
                sum(p.holds for p in all_of),
            )
            for (label, service, name), all_of in rows.items()
        ),
    )


def _latencies(replayed: PlanReplay) -> Table:
    return Table(
        "latencies",
        "Latencies",
        "Percentiles of the first replay in seconds; goodput: requests per second that kept every promise.",
        (
            Column("period", "period"),
            Column("service", "service"),
            Column("percentile", "percentile", "number"),
            Column("ttft_s", "TTFT, s", "number"),
            Column("tpot_s", "TPOT, s", "number"),
            Column("end_to_end_s", "end to end, s", "number"),
            Column("goodput_rps", "goodput, requests/s", "number"),
        ),
        tuple(
            (period.label, s.name, level, ttft, tpot, total, s.goodput_rps)
            for period in replayed.periods
            for s in period.result.services
            if s.requests
            for level, ttft, tpot, total in zip(PERCENTILES, s.ttft_s, s.tpot_s, s.end_to_end_s, strict=True)
        ),
    )


def _pools(plan: Plan, replayed: PlanReplay) -> Table:
    rows = []
    for period in replayed.periods:
        for pool, planned in zip(period.result.pools, _planned(plan, period), strict=True):
            hours = period.result.duration_s / 3600
            rows.append(
                (
                    period.label,
                    pool.name,
                    pool.requests,
                    pool.busy_share,
                    planned[0],
                    pool.batch_share,
                    pool.kv_share,
                    pool.kv_peak_share,
                    pool.kv_written_bytes / 1e12 / hours,
                    planned[1],
                    pool.energy_kwh / hours,
                    pool.preemptions,
                )
            )
    return Table(
        "pools",
        "Pools",
        "Busy: share of the time with at least one sequence; planned: use by the plan's model. "
        "KV written (to NVM, where the system keeps it there) in TB per hour, as replayed and as planned.",
        (
            Column("period", "period"),
            Column("pool", "pool"),
            Column("requests", "requests", "count"),
            Column("busy_share", "busy", "share"),
            Column("planned_share", "use planned", "share"),
            Column("batch_share", "slots in use", "share"),
            Column("kv_share", "KV memory, mean", "share"),
            Column("kv_peak_share", "KV memory, most", "share"),
            Column("kv_written_tb_per_hour", "KV written, TB/h", "number"),
            Column("kv_planned_tb_per_hour", "planned, TB/h", "number"),
            Column("power_kw", "power, kW", "number"),
            Column("preemptions", "preemptions", "count"),
        ),
        tuple(rows),
    )


def _planned(plan: Plan, period: PeriodReplay) -> list[tuple[float, float]]:
    """Use of the replicas (largest resource) and TB of KV written per hour by the plan's own model."""
    names = [s.name for s in workload_of(plan).services]
    found = []
    for pool in pools_in(plan, period.period):
        point = point_from_dict(plan.points[pool.point], f"points.{pool.point}")
        k = names.index(pool.service)
        flows = bucket_rps(plan.periods[period.period], k, workload_of(plan).services[k])
        mine = np.zeros(len(flows))
        for r in plan.routes:
            if (r.target, r.site, r.mode, r.period) == (pool.point, pool.site, pool.mode, period.period):
                mine[r.bucket] += float(Fraction(r.share)) * flows[r.bucket]
        used = max(float(np.array(row) @ mine) for row in point.use) / max(pool.replicas, 1)
        found.append((used, float(np.array(point.kv_bytes) @ mine) * 3600 / 1e12))
    return found


def _curves(plan: Plan, replayed: PlanReplay) -> list[Curves]:
    """How many first tokens came within which time, for each service with a promise about it."""
    names = [s.name for s in workload_of(plan).services]
    found = []
    for n, period in enumerate(replayed.periods):
        for k, service in enumerate(period.result.services):
            promised = {p.name: p for p in service.promises}.get("ttft")
            values = _of_service(period, k)
            if promised is None or not len(values):
                continue
            points = np.percentile(values, _CURVE)
            line = tuple((float(x), float(y) / 100) for x, y in zip(points, _CURVE, strict=True))
            line += ((1.25 * max(promised.promised_s, line[-1][0]), 1.0),)  # room for the promise's words
            found.append(
                Curves(
                    f"ttft-{n}-{k}",
                    f"First tokens of {names[k]}, {period.label}",
                    f"Share of the requests whose first token came within a time; promised: "
                    f"{promised.percentile:.0%} within {promised.promised_s:g} s.",
                    Axis("time to first token, s"),
                    Axis("requests", "share"),
                    ((names[k], line),),
                    (promised.promised_s, "promised"),
                )
            )
    return found


def _of_service(period: PeriodReplay, k: int) -> Floats:
    """Times to first token of a service that were measured, warm-up included."""
    values: Floats = period.result.ttft_s[period.result.service == k]
    return np.asarray(values[np.isfinite(values)], dtype=np.float64)


def _use(replayed: PlanReplay) -> list[Bars]:
    """How full the slots and the KV memory of each pool were."""
    return [
        Bars(
            f"use-{n}",
            f"Use of the pools, {period.label}",
            "Share of the time in which a replica had work, and of its KV memory that was held on average.",
            "share",
            tuple(
                bar
                for pool in period.result.pools
                for bar in (
                    (f"busy: {pool.name}", 0.0, pool.busy_share, f"{pool.busy_share:.0%}"),
                    (f"KV memory: {pool.name}", 0.0, pool.kv_share, f"{pool.kv_share:.1%}"),
                )
            ),
        )
        for n, period in enumerate(replayed.periods)
        if period.result.pools
    ]
