"""What ``solver simulate`` says in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from solver.plan.plan import Plan
    from solver.simulate.from_plan import PlanReplay
    from solver.simulate.smallest import Smallest


def show(plan: Plan, found: list[PlanReplay], console: Console) -> None:
    """Promises over all replays, then latencies and pools of the first one."""
    from solver.reports.findings import print_findings
    from solver.reports.replay import replay_findings

    if any(period.result.pools for period in found[0].periods):
        print_findings(replay_findings(plan, found), console)
    else:
        console.print("The plan sends every request to token APIs; there is nothing to replay.")


def show_smallest(least: Smallest | None, console: Console) -> None:
    """The fewest replicas that pass, and what the plan costs against them."""
    from rich.text import Text

    from solver.reports.units import percent

    if least is None:
        console.print("More replicas of these operating points do not help.")
        return
    for point, site, now, few in least.pools:
        console.print(Text(f"{point} @ {site}: {now:,} replicas; {few:,} pass 95 % of the replays"))
    words = (
        f"{percent(least.extra, True)} in whole systems, {percent(least.extra_of_replicas, True)} by replicas"
    )
    console.print(Text(f"Cost of the fleet against the smallest one: {words}."))
