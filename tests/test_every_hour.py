"""Comparisons where hours are in groups: both ends hold against the program with every hour written out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from test_groups import curves_written_out, grouped, prepared_of, workload_text

from solver.backend.highs import HighsModel
from solver.engine.compare import price_weights
from solver.engine.every_hour import acquisition_columns
from solver.engine.solve import Request, solve_prepared
from solver.formulation.build import build_program
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.inputs.catalogs import load_catalog
from solver.plan.plan import Plan
from solver.reports.comparisons import alternatives_section, break_even_section
from solver.reports.fleet import Names


def compared(
    seed: int, folder: Path, gap: float, *changes: tuple[str, str]
) -> tuple[Plan, Prepared, Program]:
    """A plan with few groups for hours that all differ; the same problem with every hour a period."""
    text = workload_text(random.Random(seed), levels=24).replace(", power: 60 kW", "")
    text += (
        "  - {id: o2, system: mi325x-8, service: own, requests_per_s: [60]}\n"  # either system does it all
    )
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    loaded, full = prepared_of(text, folder)
    plan = solve_prepared(loaded, load_catalog(), grouped(full), Request(gap=gap))
    every = curves_written_out(full)
    return plan, every, build_program(every.problem)


def least(program: Program, shut: list[int]) -> float | None:
    """The optimum of the program written out with some columns shut, in dollars."""
    model = HighsModel(program)
    model.set_bounds(dict.fromkeys(shut, (0.0, 0.0)))
    outcome = model.solve(1e-7)
    return None if outcome.values is None else outcome.objective * 1e3


@pytest.mark.parametrize(("seed", "gap"), [(1, 0.05), (2, 0.05), (3, 0.01), (4, 1e-5)])
def test_alternatives_lie_between(tmp_path: Path, seed: int, gap: float) -> None:
    plan, every, program = compared(seed, tmp_path, gap)
    columns = acquisition_columns(every.problem, program)
    seen = 0
    for entry in plan.alternatives:
        system = {"only API tokens": "API"}.get(entry.name, entry.name.removeprefix("only "))
        true = least(program, [c for s, group in columns.items() if s != system for c in group])
        if true is None:
            assert not entry.feasible
        elif entry.feasible:
            seen += 1
            assert entry.objective_usd is not None
            assert entry.bound_usd is not None
            assert entry.bound_usd <= true * (1 + 1e-9)
            assert true <= entry.objective_usd * (1 + 1e-6)
            assert entry.objective_usd - entry.bound_usd <= 2 * max(gap, 1e-3) * true
            assert entry.extra_usd == pytest.approx(entry.objective_usd - plan.objective_usd, abs=1e-3)
    assert seen


@pytest.mark.parametrize(("seed", "gap"), [(5, 0.02), (6, 1e-4)])
def test_prices_at_which_systems_enter(tmp_path: Path, seed: int, gap: float) -> None:
    """At the lower price a fleet with the system costs no more than any without; above the higher one none
    with it costs as little as the plan."""
    dear = ("profiles: only}", "profiles: only, overrides: {dgx-h200: {price_usd: 2000000}}}")
    plan, every, program = compared(seed, tmp_path, gap, ("[buy, rent]", "[buy]"), dear)
    assert [entry.system for entry in plan.break_even] == ["dgx-h200"]
    for entry in plan.break_even:
        weights = price_weights(every.problem, program, entry.system)
        now, columns = entry.price_now_usd, acquisition_columns(every.problem, program)[entry.system]
        bought = [c for c in columns if weights.get(c, 0.0) > 0]
        costs = program.objective()

        def with_one(price: float, weights=weights, now=now, bought=bought, costs=costs) -> float:
            model = HighsModel(program)
            model.set_costs(costs | {c: costs.get(c, 0.0) + w * (price - now) for c, w in weights.items()})
            with model.at_least(bought, 1.0):
                return model.solve(1e-7).objective * 1e3

        best = least(program, [])
        assert best is not None
        if entry.price_enters_usd is not None:
            assert with_one(entry.price_enters_usd - 1) <= best * (1 + 1e-6)
        if entry.price_at_most_usd is not None:
            assert entry.price_enters_usd is None or entry.price_enters_usd <= entry.price_at_most_usd
            assert with_one(entry.price_at_most_usd * 1.001 + 1) >= plan.objective_usd * (1 - 1e-3 * gap)


def test_the_tables_show_both_ends(tmp_path: Path) -> None:
    plan, _, _ = compared(1, tmp_path, 0.05)
    assert "At least" in [c.name for c in alternatives_section(plan, Names(plan)).columns]
    few = replace_bounds(plan)
    assert "At least" not in [c.name for c in alternatives_section(few, Names(few)).columns]
    assert len(break_even_section(plan, Names(plan)).columns) in (5, 6)


def replace_bounds(plan: Plan) -> Plan:
    kept = tuple(a.model_copy(update={"bound_usd": None}) for a in plan.alternatives)
    return plan.model_copy(update={"alternatives": kept})
