"""Separate pools that promise an end: parts of the time, pairs of pools, the check, and replays."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import lessons
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_registry import apart, optimum

from solver.domain.workload import Demand, LengthBucket, Service, ServiceLevels
from solver.operating_points.lateness import (
    decode_tpot_ms,
    first_token_times,
    handover_s,
    limits_of,
    part_levels,
)
from solver.operating_points.point import OperatingPoint
from solver.plan.plan import Plan
from solver.plan.serialise import point_from_dict, point_to_dict
from solver.simulate.from_plan import replay_plan
from solver.verify.from_plan import verify_plan

LESSON = "43-end-to-end-apart"


plan_of = partial(lessons.plan_of, LESSON)


menu = partial(lessons.menu, LESSON)


def bought(plan: Plan) -> dict[str, int]:
    return {s.system: s.count for s in plan.systems if s.unit_price_usd > 0}


def service(levels: ServiceLevels, *lengths: tuple[float, float, float]) -> Service:
    buckets = tuple(LengthBucket(prompt_tokens=p, output_tokens=o, share=s) for p, o, s in lengths)
    return Service(name="s", model="m", demand=Demand(rate_rps=(1.0,)), lengths=buckets, levels=levels)


def test_the_lesson() -> None:
    plan, together = plan_of(), plan_of("services.0.serving=[aggregated]")
    assert {p.phase for p in plan.pools} == {"prefill", "decode"}
    assert {plan.points[p.point]["first_token_s"] for p in plan.pools} == {4.0}
    assert bought(plan) == {"dgx-b200": 2}
    assert bought(together) == {"dgx-b200": 4, "dgx-h100": 1}
    hasty = "services.0.levels.end_to_end=4 s"
    assert bought(plan_of(hasty)) == {"dgx-b200": 5, "dgx-h100": 1}
    assert bought(plan_of(hasty, "services.0.serving=[aggregated]")) == {"dgx-b200": 13}


@pytest.mark.parametrize("change", ["services.0.levels.end_to_end=8 s", "services.0.levels.end_to_end=4 s"])
def test_its_plans_hold_in_replay(change: str) -> None:
    for seed in (1, 2):
        assert replay_plan(plan_of(change), requests=4000, seed=seed).holds


def test_parts_by_hand() -> None:
    """12 s, 95 %: first token in 1.5, 3 or 6 s; then 10.5, 9 or 6 s for 300 tokens: 35, 30 or 20 ms each.
    The prefill pool has what the handover (0.6 s and a step of 0.3 s, at most half) leaves."""
    asked = service(ServiceLevels(end_to_end_s=12.0), (1000, 300, 1.0))
    assert first_token_times(asked) == (1.5, 3.0, 6.0)
    assert [decode_tpot_ms(asked, t) for t in (1.5, 3.0, 6.0)] == pytest.approx([35, 30, 20])
    assert [handover_s(asked, t) for t in (1.5, 3.0, 6.0)] == pytest.approx([0.75, 0.9, 0.9])
    levels = part_levels(asked, 3.0, 2.1, 30.0)
    assert (levels.ttft_ms, levels.tpot_ms, levels.end_to_end_s) == (2100, 30, None)
    assert levels.ttft_percentile == pytest.approx(1 - 0.05 / 3)
    both = service(ServiceLevels(end_to_end_s=12.0, ttft_ms=2000, tpot_ms=20), (1000, 300, 1.0))
    assert first_token_times(both) == (2.0, 1.5)
    assert decode_tpot_ms(both, 2.0) == pytest.approx(20)  # (12 - 2) / 300 is 33 ms
    assert part_levels(both, 2.0, 1.0, 20.0).ttft_percentile == pytest.approx(1 - 0.05 / 3)


def test_a_looser_first_token_costs_no_more() -> None:
    """Of 8 s the first token may take 1, 2 or 4 s, and what is promised for it if that is less."""
    cost = [plan_of(f"services.0.levels.ttft={s} s").objective_usd for s in (1, 4, 6, 20)]
    assert cost == sorted(cost, reverse=True)
    assert cost[0] > cost[1] == pytest.approx(cost[3]) == pytest.approx(plan_of().objective_usd)


def test_a_few_long_answers_may_be_late() -> None:
    """3 % of the answers have 1,000 tokens: of 5 % late a third (1.7 %) may be too long, of 10 % 3.3 %."""
    lengths = ((100, 100, 0.97), (100, 1000, 0.03))
    for percentile, output in ((0.95, 1000), (0.9, 100)):
        asked = service(ServiceLevels(end_to_end_s=10.0, end_to_end_percentile=percentile), *lengths)
        assert decode_tpot_ms(asked, 2.5) == pytest.approx(7500 / output)


@settings(max_examples=200, deadline=None)
@given(
    outputs=st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 9)), min_size=1, max_size=6),
    promised=st.floats(0.5, 100),
    percentile=st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_the_slowest_pace_is_the_slowest(
    outputs: list[tuple[int, int]], promised: float, percentile: float
) -> None:
    """At the pace no more than a third of the misses end too late; a thousandth slower more do."""
    total = sum(part for _, part in outputs)
    asked = service(
        ServiceLevels(end_to_end_s=promised, end_to_end_percentile=percentile),
        *((10.0, float(o), part / total) for o, part in outputs),
    )
    for first in first_token_times(asked):
        pace = decode_tpot_ms(asked, first)
        assert pace is not None

        def too_late(ms: float, first: float = first) -> float:
            return sum(
                b.share for b in asked.lengths if first + b.output_max * ms / 1e3 > promised * (1 + 1e-9)
            )

        assert too_late(pace) <= (1 - percentile) / 3 + 1e-9
        assert too_late(pace * 1.001) > (1 - percentile) / 3 - 1e-9


def test_both_parts_of_a_pair_fit_the_promise() -> None:
    """Work, waits and the KV's way within the first part, 300 tokens at the pool's pace within the rest."""
    asked = menu().problem.services[0]
    mix = np.array([b.output_max for b in asked.lengths])
    found = [p for p in menu().problem.points if p.phase != "both"]
    assert {p.first_token_s for p in found} == {1.0, 2.0, 4.0}
    times: dict[tuple[str, float], float] = {}
    for p in found:
        limit, miss = limits_of(asked, p, 0.0)["end_to_end"]
        assert miss == pytest.approx(0.05)
        assert p.queue is not None
        times[p.phase, p.first_token_s] = float(limit.min()) + p.queue.base_s
        assert not any(p.late["end_to_end"])
        if p.phase == "decode":
            assert p.first_token_s + float(mix.max()) * p.tpot_s <= 8.0 * (1 + 1e-12)
    for first in (1.0, 2.0, 4.0):
        assert times["prefill", first] + times["decode", first] == pytest.approx(first)


def test_pairs_have_the_same_part() -> None:
    """A prefill pool with 2 s for the first token feeds no decode pool that leaves it 4 s."""
    problem = apart()
    assert optimum(problem) == pytest.approx(600.0)
    decode, prefill = problem.points
    same = (replace(decode, first_token_s=2.0), replace(prefill, first_token_s=2.0))
    assert optimum(replace(problem, points=same)) == pytest.approx(600.0)
    other = (replace(decode, first_token_s=4.0), replace(prefill, first_token_s=2.0))
    assert optimum(replace(problem, points=other)) == float("inf")


def points_changed(plan: Plan, phase: str, **changes: object) -> Plan:
    points = {
        name: {**data, **changes} if data["phase"] == phase else data for name, data in plan.points.items()
    }
    return plan.model_copy(update={"points": points})


def failing(plan: Plan) -> set[str]:
    return {f.check for f in verify_plan(plan).failures}


def test_the_check_knows_both_parts() -> None:
    plan = plan_of()
    assert failing(plan) == set()
    assert "handoff" in failing(points_changed(plan, "prefill", first_token_s=2.0))
    workload = plan.inputs["workload"]
    (asked,) = workload["services"]

    def promised(seconds: float) -> Plan:
        services = [{**asked, "levels": {**asked["levels"], "end_to_end_s": seconds}}]
        return plan.model_copy(
            update={"inputs": {**plan.inputs, "workload": {**workload, "services": services}}}
        )

    slowest = max(p["tpot_s"] for p in plan.points.values() if p["phase"] == "decode")
    ends = 4.0 + 300 * slowest
    assert failing(promised(ends + 1e-6)) == set()
    assert failing(promised(ends - 1e-6)) == {"promise"}
    hasty = points_changed(points_changed(plan, "prefill", first_token_s=1.0), "decode", first_token_s=1.0)
    assert failing(hasty) == {"promise"}  # no prompt is read and handed over within a second


def test_a_first_token_may_be_promised_too() -> None:
    levels = "services.0.levels={ttft: 2 s, end_to_end: 8 s}"
    plan = plan_of(levels)
    assert {plan.points[p.point]["first_token_s"] for p in plan.pools} == {2.0}
    assert replay_plan(plan, requests=3000, seed=3).holds
    assert {p.phase for p in menu("services.0.levels={end_to_end: 1 s}").problem.points} <= {"both"}


def test_points_travel_through_json() -> None:
    point: OperatingPoint
    for point in menu().problem.points:
        assert point_from_dict(point_to_dict(point)) == point
