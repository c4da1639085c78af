"""What statements about places and failures cost: the best fleet without each of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.domain.workload import LoadedWorkload
from solver.engine.fleets import Solved
from solver.engine.infeasible import original_path
from solver.engine.relaxation import with_periods
from solver.formulation.build import build_program
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.plan.plan import Wish

GAP, MOST_SECONDS = 1e-4, 5.0
ENDINGS = (".residency", ".site_loss_share", ".availability", ".open_from")


def wishes(
    loaded: LoadedWorkload,
    prepared: Prepared,
    program: Program,
    outcome: Outcome,
    relaxed: Callable[[], Prepared] | None,
    build: Callable[[Prepared], Program] = lambda prepared: build_program(prepared.problem),
) -> tuple[Wish, ...]:
    """The price of each statement: the plan's cost less that of the best fleet without its rows.

    ``relaxed`` gives the problem with what data residency forbids on the menu. Fleets are found like other
    comparisons, within a gap and some seconds, and not checked again; what takes longer is left out.
    ``build`` makes the program of a problem.
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
        without = min(free.objective, outcome.objective) * 1e3
        found.append(
            Wish(
                sentence=mine[0].sentence,
                statement=path,
                place=str(loaded.place(path)),
                without_usd=without,
                costs_usd=outcome.objective * 1e3 - without,
            )
        )
    return tuple(found)


def wishes_at_mean_hours(
    loaded: LoadedWorkload, solved: Solved, relaxed: Callable[[], Prepared] | None
) -> tuple[Wish, ...]:
    """The same where hours are in groups: all fleets at the mean hours of the plan's groups."""
    stated = any(row.statement.endswith(ENDINGS) for row in solved.program.rows)
    if not (stated or relaxed is not None):
        return ()

    def build(prepared: Prepared) -> Program:
        assert prepared.curves is not None
        periods = prepared.curves.periods(list(solved.groups), mean=True)
        return build_program(with_periods(prepared, periods).problem)

    program = build(solved.prepared)
    outcome = HighsModel(program).solve(GAP, MOST_SECONDS)
    if outcome.ending is not Ending.OPTIMAL:
        return ()
    return wishes(loaded, solved.prepared, program, outcome, relaxed, build)
