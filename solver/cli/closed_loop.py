"""``solver solve --simulate``: solve and replay in turn until the fleet is as small as its replays permit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from solver.cli.options import tell_progress
from solver.domain.workload import LoadedWorkload
from solver.engine.derating import derated
from solver.engine.solve import Request, solve_prepared
from solver.formulation.prepare import prepare
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.performance.calibration import load_calibration
from solver.plan.plan import Plan
from solver.simulate.dials import Told, planned
from solver.simulate.from_plan import PlanReplay, busiest_periods, replay_plan
from solver.simulate.tighten import Closed, close_loop
from solver.simulate.trace_lengths import TraceLengths

REQUESTS = 3_000  # of a service that count in a replay


def held_by_replay(
    loaded: LoadedWorkload, first: Plan, request: Request, traces: Mapping[str, TraceLengths]
) -> Closed:
    """The cheapest plan found whose promises hold in replays of their own (``first`` is the open loop's)."""
    catalog, calibration = load_catalog(), load_calibration()

    def solve(told: Mapping[str, Told], compare: bool = False) -> Plan:
        """The verified plan with what the replays ``told`` of each service's bursts and loads.

        Raises as the engine.
        """
        if not told:
            return first
        changed = loaded.model_copy(update={"workload": planned(loaded.workload, told)})
        resolved = resolve_references(changed, catalog)
        prepared = prepare(resolved.workload, catalog, calibration, request.prune, request.reduce)
        factors = {name: setting.factor for name, setting in told.items() if setting.factor != 1}
        wanted = replace(request, compare=compare)
        return solve_prepared(resolved, catalog, derated(prepared, factors), wanted)

    def replay(plan: Plan, seed: int) -> PlanReplay:
        """A replay with a seed of a plan of one service."""
        busy = [n for n in busiest_periods(first) if any(plan.periods[n]["rate_rps"])]
        return replay_plan(plan, seed=seed, requests=REQUESTS, periods=busy, traces=traces)

    closed = close_loop(solve, replay, tell=tell_progress)
    if not (request.compare and closed.told):
        return closed
    compared = solve(closed.told, compare=True)
    if compared.pools != closed.plan.pools:
        return closed  # the limit of time struck elsewhere; the fleet that was replayed is the answer
    notes = (*compared.notes, closed.plan.notes[-1])
    return replace(closed, plan=compared.model_copy(update={"notes": notes}))
