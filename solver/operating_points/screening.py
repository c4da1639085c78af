"""Systems on which nothing keeps a promise, and by how much."""

from __future__ import annotations

import numpy as np

from solver.operating_points.candidates import Candidates, Promise, ceilings
from solver.operating_points.point import Screened
from solver.operating_points.requests import Mix
from solver.operating_points.setting import Setting
from solver.performance.pools import Replicas
from solver.performance.steps import StepTable


def too_late(
    setting: Setting,
    table: StepTable,
    found: Candidates,
    kinds: Replicas,
    promises: list[Promise],
    best: np.ndarray,
) -> list[Screened]:
    """Systems on which no candidate keeps its promises at any load, with the best margin."""
    systems = table.system[found.row]
    screened = []
    for system in sorted(set(systems.tolist()) - set(systems[best].tolist())):
        mine = systems == system
        left = max(
            float(
                np.median(
                    p.limit_s[mine] - kinds.longest_s[mine] / kinds.time_factor[mine, None], axis=1
                ).max()
            )
            for p in promises
        )
        reason = "no pool that the traffic just fills keeps the promised share of first tokens in time"
        if left <= 0:
            reason = f"half of the requests come {-left * 1e3:,.3g} ms too late even on an idle replica"
        screened.append(Screened(setting.service.name, str(system), "all layouts", reason))
    return screened


def too_slow(setting: Setting, table: StepTable, mix: Mix) -> list[Screened]:
    """For each system that keeps no ceiling: the best TPOT it reaches, as tokens/s per user."""
    slowest = ceilings(setting.service)[0]
    floor = np.where(
        table.pipelined,
        table.latency_floor_s,
        table.fixed_s + table.sequence_s + mix.mean_context * table.context_s,
    )
    found = []
    for system in sorted(set(table.system.tolist())):
        best = float(floor[table.system == system].min())
        if best > slowest:
            found.append(
                Screened(
                    setting.service.name,
                    str(system),
                    "all layouts",
                    f"reaches {1 / best:,.4g} tok/s per user of the {1 / slowest:,.4g} promised",
                    1 / best,
                )
            )
    return found
