"""What statements about places and failures cost: the best fleet without each of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.domain.workload import LoadedWorkload
from solver.engine.every_hour import every_hour
from solver.engine.fleets import Solved
from solver.engine.infeasible import original_path
from solver.engine.relaxation import with_periods
from solver.formulation.build import build_program
from solver.formulation.model import Program, Row
from solver.formulation.prepare import Prepared
from solver.plan.findings import Wish

GAP, MOST_SECONDS = 1e-4, 5.0
ENDINGS = (".residency", ".site_loss_share", ".availability", ".open_from")


def wishes(
    loaded: LoadedWorkload,
    prepared: Prepared,
    program: Program,
    outcome: Outcome,
    relaxed: Callable[[], Prepared] | None,
    build: Callable[[Prepared], Program] = lambda prepared: build_program(prepared.problem),
    solved: Solved | None = None,
) -> tuple[Wish, ...]:
    """The price of each statement: the plan's cost less that of the best fleet without its rows.

    ``relaxed`` gives the problem with what data residency forbids on the menu. Fleets are found like other
    comparisons, within a gap and some seconds, and not checked again; what takes longer is left out.
    ``build`` makes the program of a problem. Where that has the mean hours of groups, the fleet without the
    statement is served at every hour of the plan ``solved``.
    """
    found: list[Wish] = []
    whole, end = program, time.perf_counter() + max(MOST_SECONDS, 2 * outcome.seconds)
    if prepared.problem.workload.objective != "cost":
        return ()
    if relaxed is not None:
        prepared = relaxed()
        whole = build(prepared)
    for statement in sorted({row.statement for row in whole.rows if row.statement.endswith(ENDINGS)}):
        left = end - time.perf_counter()
        mine = [row for row in whole.rows if row.statement == statement]
        rows = [row for row in whole.rows if row.statement != statement]
        free = HighsModel(replace(whole, rows=rows)).solve(GAP, min(MOST_SECONDS, left)) if left > 0 else None
        if free is None or free.ending is not Ending.OPTIMAL:
            continue
        path = original_path(loaded, prepared, statement)
        cost, most = free.objective, None
        if solved is not None:
            serve = every_hour(solved, prepared, partial(_states, statement))
            at_all = serve(whole, free, time.perf_counter() + MOST_SECONDS)
            if at_all is None:
                continue
            cost, most = at_all.outcome.objective, (outcome.objective - free.bound) * 1e3
        without = min(cost, outcome.objective) * 1e3
        found.append(
            Wish(
                sentence=mine[0].sentence,
                statement=path,
                place=str(loaded.place(path)),
                without_usd=without,
                costs_usd=outcome.objective * 1e3 - without,
                costs_at_most_usd=most,
            )
        )
    return tuple(found)


def _states(statement: str, row: Row) -> bool:
    return row.statement == statement


def wishes_in_groups(
    loaded: LoadedWorkload, solved: Solved, relaxed: Callable[[], Prepared] | None
) -> tuple[Wish, ...]:
    """The same where hours are in groups: fleets found at the mean hours of the plan's groups, and served at
    every hour."""
    stated = any(row.statement.endswith(ENDINGS) for row in solved.program.rows)
    if not (stated or relaxed is not None):
        return ()

    def build(prepared: Prepared) -> Program:
        assert prepared.curves is not None
        periods = prepared.curves.periods(list(solved.groups), mean=True)
        return build_program(with_periods(prepared, periods).problem)

    program = build(solved.prepared)
    return wishes(loaded, solved.prepared, program, solved.outcome, relaxed, build, solved)
