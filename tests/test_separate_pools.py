"""Prefill and decode on separate pools: what is decoded was prefilled, links and times are charged."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial

import lessons
import numpy as np
import pytest
from test_registry import apart, optimum

from solver.inputs.catalogs import load_catalog
from solver.operating_points.lateness import handover_s, limits_of
from solver.operating_points.point import OperatingPoint
from solver.performance.architecture import kv_bytes
from solver.performance.calibration import load_calibration
from solver.performance.separate_pools import own_link
from solver.plan.serialise import point_from_dict, point_to_dict
from solver.reports.figures import figures
from solver.reports.sections import sections
from solver.reports.traffic import Traffic
from solver.verify.from_plan import verify_plan
from solver.whatif.difference import serving

LESSON = "37-prefill-and-decode-apart"


plan_of = partial(lessons.plan_of, LESSON)


menu = partial(lessons.menu, LESSON)


def points(phase: str) -> list[OperatingPoint]:
    return [p for p in menu().problem.points if p.phase == phase]


def test_new_machines_read_and_old_ones_write() -> None:
    plan = plan_of()
    assert {(p.phase, p.system) for p in plan.pools} == {("prefill", "dgx-b200"), ("decode", "dgx-h100")}
    bought = {s.system: s.count for s in plan.systems if s.unit_price_usd > 0}
    assert bought == {"dgx-b200": 2}
    together = plan_of("services.0.serving=[aggregated]")
    assert {s.system: s.count for s in together.systems if s.unit_price_usd > 0} == {"dgx-b200": 5}
    assert plan.objective_usd < 0.5 * together.objective_usd
    lengths = "services.0.lengths={prompt: 500, output: 1000}"  # the old machines do, either way
    short, either = plan_of(lengths), plan_of(lengths, "services.0.serving=[aggregated]")
    assert not any(s.unit_price_usd > 0 for s in (*short.systems, *either.systems))
    assert short.objective_usd == pytest.approx(either.objective_usd)


def test_each_request_is_served_once() -> None:
    plan, totals = plan_of(), {"prefill": Fraction(0), "decode": Fraction(0)}
    for route in plan.routes:
        totals[plan.points[route.target]["phase"]] += Fraction(route.share)
    assert totals == {"prefill": 1, "decode": 1}
    assert sum(Traffic(plan).shares("rag").values()) == pytest.approx(1)
    assert sum(Traffic(plan).prefill_shares("rag").values()) == pytest.approx(1)


def test_who_serves_what_names_the_systems_of_both_phases() -> None:
    """In the table, in the figure, and in the comparison of a session."""
    plan = plan_of()
    (table,) = [s for s in sections(plan) if s.key == "serving"]
    rows = [dict(zip((c.name for c in table.columns), row, strict=True)) for row in table.rows]
    assert {(r["Phase"], r["Served by"]) for r in rows} >= {
        ("decode", "DGX H100 (8 GPU)"),
        ("prefill", "DGX B200 (8 GPU)"),
    }
    for phase in ("decode", "prefill"):
        assert sum(r["Share"] for r in rows if r["Phase"] == phase) == pytest.approx(1)
    (figure,) = [f for f in figures(plan) if f.title == "Who serves what"]
    assert "rag, prefill" in figure.drawing
    shares = serving(plan)
    assert shares["rag", "DGX H100 (8 GPU)"] == pytest.approx(1)
    assert sum(v for (_, name), v in shares.items() if name.endswith(", prefill")) == pytest.approx(1)


def test_a_pool_of_each_kind_is_sized_by_its_own_work() -> None:
    """Decode takes 1 system per request/s and prefill 2, at 2 requests/s and $100k each: 2 + 4 systems."""
    assert optimum(apart()) == pytest.approx(600.0)
    other = replace(apart().points[1], kv_precision="fp16")  # nothing to hand over to
    assert optimum(replace(apart(), points=(apart().points[0], other))) == float("inf")


def test_the_link_is_a_capacity_of_both_sides_and_takes_time() -> None:
    catalog, calibration = load_catalog(), load_calibration()
    model = catalog.models["llama-3.1-70b"]
    for point in (*points("prefill"), *points("decode")):
        system = catalog.systems[point.system]
        chips = int(point.systems_per_replica * system.chips)
        link = own_link(calibration, model, system, chips)
        bytes_ = kv_bytes(model, 8000.0, point.kv_precision)
        use = dict(zip(point.resources, point.use, strict=True))
        assert use["link"][0] == pytest.approx(bytes_ / link.bytes_per_s)  # type: ignore[union-attr]
        least = bytes_ / link.bytes_per_s  # type: ignore[union-attr]
        assert point.transfer_s[0] >= least * (1 - 1e-12)
        assert point.queue is not None
        assert point.queue.base_s > point.transfer_s[0]


def test_the_two_parts_of_the_promise_add_up() -> None:
    service = menu().problem.services[0]
    times = {
        phase: float(np.min(limits_of(service, p, 0.0)["ttft"][0])) + p.queue.base_s
        for phase in ("prefill", "decode")
        for p in points(phase)[:1]
        if p.queue is not None
    }
    assert sum(times.values()) == pytest.approx(2.0)
    assert times["decode"] == pytest.approx(handover_s(service, 2.0)) == pytest.approx(0.6 + 1 / 52)
    tight = service.model_copy(update={"levels": service.levels.model_copy(update={"ttft_ms": 400.0})})
    assert handover_s(tight, 0.4) == pytest.approx(0.2)


def test_decode_pools_are_not_slowed_by_prompts() -> None:
    """More requests a system at the same pace than a replica that does both."""

    def per_system(point: OperatingPoint) -> float:
        return 1 / (max(row[0] for row in point.use) * float(point.systems_per_replica))

    b200 = "dgx-b200"
    assert max(per_system(p) for p in points("decode") if p.system == b200) > max(
        per_system(p) for p in points("both") if p.system == b200
    )


def test_points_travel_through_json() -> None:
    for point in (*points("prefill"), *points("decode")):
        assert point_from_dict(point_to_dict(point)) == point


def test_the_check_finds_what_was_not_prefilled() -> None:
    plan = plan_of()
    assert verify_plan(plan).passed
    first = next(n for n, r in enumerate(plan.routes) if plan.points[r.target]["phase"] == "prefill")
    routes = tuple(r for n, r in enumerate(plan.routes) if n != first)
    verdict = verify_plan(plan.model_copy(update={"routes": routes}))
    assert "handoff" in {f.check for f in verdict.failures}
    pools = tuple(p.model_copy(update={"phase": "both"}) for p in plan.pools)
    assert {f.check for f in verify_plan(plan.model_copy(update={"pools": pools})).failures} == {"shape"}
    fewer = tuple(
        p.model_copy(update={"replicas": p.replicas - 2}) if p.phase == "prefill" else p for p in plan.pools
    )
    assert "capacity" in {f.check for f in verify_plan(plan.model_copy(update={"pools": fewer})).failures}
