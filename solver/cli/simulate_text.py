"""What ``solver simulate`` says in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solver.simulate.summary import PERCENTILES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from solver.simulate.from_plan import PlanReplay
    from solver.simulate.smallest import Smallest

WORDS = {"ttft": "TTFT", "tpot": "TPOT", "end_to_end": "end to end", "deadline": "done in time"}


def show(found: list[PlanReplay], console: Console) -> None:
    """Promises over all replays, then latencies and pools of the first one."""
    from rich.table import Table
    from rich.text import Text

    if not any(period.result.pools for period in found[0].periods):
        console.print("The plan sends every request to token APIs; there is nothing to replay.")
        return
    table = Table("period", "service", "promise", "promised", "reached", "in time", "holds")
    for row in _promise_rows(found):
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
    if len(found) > 1:
        console.print(f"Every promise holds in {sum(r.holds for r in found)} of {len(found)} replays.")
    console.print(_latencies(found[0]))
    for period in found[0].periods:
        if period.failures:
            console.print(Text(f"{period.label}: replicas went down {period.failures:,} times"))
        for p in period.result.pools:
            words = (
                f"{period.label}: {p.name}: {p.requests:,} requests",
                f"busy {p.busy_share:.0%}",
                f"batch filled to {p.batch_share:.0%} (at most {p.peak_batch} sequences)",
                f"KV memory {p.kv_share:.1%} (at most {p.kv_peak_share:.1%})",
                f"{p.kv_written_bytes / 1e12:,.3g} TB of KV written",
                f"{p.preemptions:,} preemptions",
                f"{p.energy_kwh:,.3g} kWh",
            )
            console.print(Text(", ".join(words)))


def show_smallest(least: Smallest | None, console: Console) -> None:
    """The fewest replicas that pass, and what the plan costs against them."""
    from rich.text import Text

    if least is None:
        console.print("More replicas of these operating points do not help.")
        return
    for point, site, now, few in least.pools:
        console.print(Text(f"{point} @ {site}: {now:,} replicas; {few:,} pass 95 % of the replays"))
    words = f"{least.extra:+.1%} in whole systems, {least.extra_of_replicas:+.1%} by replicas"
    console.print(Text(f"Cost of the fleet against the smallest one: {words}."))


def _latencies(replayed: PlanReplay) -> Table:
    """Percentiles and goodput of each service."""
    from rich.table import Table
    from rich.text import Text

    table = Table("period", "service", "percentile", "TTFT", "TPOT", "end to end", "goodput")
    for period in replayed.periods:
        for s in period.result.services:
            rows = zip(PERCENTILES, s.ttft_s, s.tpot_s, s.end_to_end_s, strict=True)
            for n, (level, ttft, tpot, total) in enumerate(rows if s.requests else ()):
                goodput = f"{s.goodput_rps:,.4g}/s" if n == 0 else ""
                cells = (f"p{level:g}", _time(ttft), _time(tpot), _time(total), goodput)
                table.add_row(*(Text(c) for c in (period.label, s.name, *cells)))
    return table


def _promise_rows(found: list[PlanReplay]) -> list[tuple[str, ...]]:
    """One row per period, service and promise; over several replays the worst percentile and share."""
    rows: dict[tuple[str, str, str], list[tuple[float, float, float, float, bool]]] = {}
    for replayed in found:
        for period in replayed.periods:
            for service in period.result.services:
                for p in service.promises:
                    entry = (p.percentile, p.promised_s, p.reached_s, p.kept_share, p.holds)
                    rows.setdefault((period.label, service.name, p.name), []).append(entry)
    table: list[tuple[str, ...]] = []
    for (label, service_name, name), entries in rows.items():
        worst = max(e[2] for e in entries)
        table.append(
            (
                label,
                service_name,
                f"p{entries[0][0] * 100:g} {WORDS[name]}",
                _time(entries[0][1]),
                _time(worst),
                f"{min(e[3] for e in entries):.2%}",
                f"{sum(e[4] for e in entries)} of {len(entries)}",
            )
        )
    return table


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:,.4g} ms" if seconds < 1 else f"{seconds:,.4g} s"
