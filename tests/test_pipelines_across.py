"""Pipelines over several systems where one would hold the model: what they gain, and that they stay few."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import lessons
import pytest

from solver.backend.highs import HighsModel
from solver.formulation.build import build_program
from solver.formulation.prepare import prepare
from solver.formulation.problem import Problem
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.inputs.workload import apply_overrides, load_workload
from solver.operating_points.point import OperatingPoint
from solver.paths import find_workload
from solver.performance.architecture import kv_bytes, weight_bytes
from solver.performance.calibration import load_calibration
from solver.performance.layouts import node_layouts
from solver.simulate.from_plan import replay_plan

LESSON = "44-pipelines-across-systems"


plan_of = partial(lessons.plan_of, LESSON)


def problem(name: str = LESSON) -> Problem:
    return lessons.menu(name).problem


def spans(point: OperatingPoint) -> bool:
    return point.step is not None and not point.step.pipelined and " PP" in point.layout


def test_the_lesson_saves_a_third_system() -> None:
    plan = plan_of()
    assert {(s.system, s.count) for s in plan.systems} == {("dgx-h100", 2)}
    assert [(p.layout, p.replicas) for p in plan.pools] == [("TP8 PP2 EP8 on 2 systems", 1)]
    one_each = tuple(p for p in problem().points if not spans(p))
    outcome = HighsModel(build_program(replace(problem(), points=one_each))).solve()
    assert outcome.objective * 1e3 == pytest.approx(1.5 * plan.objective_usd)
    assert replay_plan(plan, requests=1500, seed=4).holds
    more = plan_of("services.0.demand=0.2 requests/s")
    assert {(s.system, s.count) for s in more.systems} == {("dgx-h100", 3)}
    assert [(p.layout, p.replicas) for p in more.pools] == [("TP8 PP3 EP8 on 3 systems", 1)]
    few = apply_overrides(load_workload(find_workload(LESSON)), ["services.0.demand=0.2 requests/s"])
    few_problem = prepare(
        resolve_references(few, load_catalog()).workload, load_catalog(), load_calibration()
    ).problem
    up_to_two = tuple(p for p in few_problem.points if p.systems_per_replica <= 2)
    outcome = HighsModel(build_program(replace(few_problem, points=up_to_two))).solve()
    assert outcome.objective * 1e3 == pytest.approx(4 / 3 * more.objective_usd)
    short = plan_of("services.0.lengths={prompt: 3000, output: 3000}")
    assert {(s.system, s.count) for s in short.systems} == {("dgx-h100", 1)}
    assert not any(" PP" in p.layout for p in short.pools)


def test_the_memory_of_both() -> None:
    """A chip has 0.9 x 80 - 2.5 = 69.5 GB: 556 GB on one system, 1,112 GB on two, less the weights once."""
    catalog = load_catalog()
    model = catalog.models["llama-3.1-405b"]
    weights = weight_bytes(model, "fp8")
    room = {spans(p): p.kv_capacity_bytes for p in problem().points if p.systems_per_replica <= 2}
    assert room[False] == pytest.approx(556e9 - weights)
    assert room[True] == pytest.approx(1112e9 - weights)
    sequence = kv_bytes(model, 31_500, "fp8")
    assert [int(room[n] / sequence) for n in (False, True)] == [18, 86]


def test_the_layouts_that_are_offered() -> None:
    """The least number of systems that holds the model, one more, and up to four times as many."""
    catalog = load_catalog()
    system = catalog.systems["dgx-h100"]
    for name, weights, expected in (
        ("llama-3.1-8b", 8e9, [2, 3, 4]),
        ("llama-3.1-405b", 810e9, [2, 3, 4, 6, 8]),
        ("llama-3.1-405b", 3000e9, [6, 7]),
    ):
        found = node_layouts(system, catalog.models[name], weights, 69.5e9)
        assert [layout.systems for layout in found if layout.stages > 1] == expected


@pytest.mark.parametrize("name", ["04-conversation-and-code", "05-small-8b", "06-three-services"])
def test_where_they_gain_nothing_they_are_left_out(name: str) -> None:
    """What replicas of one system each do as well is dominated: larger ones are left on few systems."""
    found = problem(name).points
    assert len({p.system for p in found if spans(p)}) <= 2 < len(found) / 10
