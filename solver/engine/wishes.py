"""What statements about places and failures cost: the best fleet without each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.domain.workload import LoadedWorkload
from solver.engine.compare import COMPARE_SECONDS, Clock
from solver.engine.every_hour import every_hour
from solver.engine.fleets import Solved
from solver.engine.infeasible import original_path
from solver.engine.relaxation import with_periods
from solver.formulation.build import build_program
from solver.formulation.model import Program, Row
from solver.formulation.prepare import Prepared
from solver.plan.findings import Wish

GAP = 1e-4
ENDINGS = (".residency", ".site_loss_share", ".availability", ".open_from")


def wishes(
    loaded: LoadedWorkload,
    prepared: Prepared,
    program: Program,
    outcome: Outcome,
    relaxed: Callable[[], Prepared] | None,
    clock: Clock,
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
    whole = program
    if prepared.problem.workload.objective != "cost":
        return ()
    if relaxed is not None:
        prepared = relaxed()
        whole = build(prepared)
    for statement in sorted({row.statement for row in whole.rows if row.statement.endswith(ENDINGS)}):
        mine = [row for row in whole.rows if row.statement == statement]
        rows = [row for row in whole.rows if row.statement != statement]
        if not clock.left:
            break
        free = HighsModel(replace(whole, rows=rows)).solve(GAP, min(COMPARE_SECONDS, clock.left))
        if free.ending is not Ending.OPTIMAL:
            continue
        path = original_path(loaded, prepared, statement)
        cost, most = free.objective, None
        if solved is not None:
            serve = every_hour(solved, prepared, partial(_states, statement))
            at_all = serve(whole, free, clock.soon)
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
    loaded: LoadedWorkload, solved: Solved, relaxed: Callable[[], Prepared] | None, clock: Clock
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
    return wishes(loaded, solved.prepared, program, solved.outcome, relaxed, clock, build, solved)
