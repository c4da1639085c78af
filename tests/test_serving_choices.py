"""Draft lengths, cached prefixes and where they stand, precisions of weights and KV as choices."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

import lessons
import pytest
from lessons import plan_of

from solver.errors import InputError
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import apply_overrides, load_workload
from solver.operating_points.point import OperatingPoint
from solver.paths import find_workload
from solver.performance.architecture import kv_bytes
from solver.performance.calibration import load_calibration
from solver.performance.candidate import Refusal
from solver.performance.speculation import drafting_factor, tokens_per_step
from solver.performance.steps import StepTable, step_table
from solver.plan.plan import Plan
from solver.verify.from_plan import verify_plan

DRAFTS, PREFIXES = "38-drafts", "39-remembered-prefixes"


menu = partial(lessons.menu, prune=False)


def points(name: str, *changes: str) -> dict[str, OperatingPoint]:
    return {p.id: p for p in menu(name, *changes).problem.points}


def counts(plan: Plan) -> dict[str, int]:
    return {s.system: s.count for s in plan.systems}


def test_expected_tokens_of_a_step() -> None:
    """By hand: 2 drafts at 70 %: 1 + 0.7 + 0.49; the sum of a geometric series."""
    assert tokens_per_step(0.7, 2) == pytest.approx(2.19)
    assert tokens_per_step(0.7, 4) == pytest.approx(sum(0.7**n for n in range(5)))
    assert tokens_per_step(0.7, 0) == pytest.approx(1.0)
    assert drafting_factor(0.05, 4) == pytest.approx(1.2)


@pytest.mark.parametrize("system", ["dgx-h100", "cerebras-cs3"])
def test_a_step_with_drafts_costs_what_it_verifies(system: str) -> None:
    """One sequence: the step of 5 tokens takes 1.2 times a step, and yields 2.77; never faster than that."""
    catalog = load_catalog()
    model = catalog.models["llama-3.1-70b" if system != "cerebras-cs3" else "llama-3.1-8b"]

    def floor(**drafts: float) -> float:
        table, _ = step_table(
            model, [catalog.systems[system]], precisions=("fp16",), batches=(1,), mean_context_tokens=1000.0,
            calibration=load_calibration(), **drafts,  # type: ignore[arg-type]
        )  # fmt: skip
        return float(table.latency_floor_s.min())

    plain = floor()
    drafted = floor(speculative_tokens=tokens_per_step(0.7, 4), draft_tokens=4, drafting=1.2)
    assert plain * 1.2 / tokens_per_step(0.7, 4) * (1 - 1e-9) <= drafted < plain
    assert floor(speculative_tokens=1.0, draft_tokens=4, drafting=1.2) > plain  # nothing accepted


def test_drafts_are_chosen_where_they_pay() -> None:
    plan = plan_of(DRAFTS)
    assert counts(plan) == {"dgx-b200": 1}
    assert all("draft 4" in p.layout for p in plan.pools)
    useless = plan_of(DRAFTS, "services.0.speculation.acceptance=10 %")
    assert counts(useless) == {"dgx-b200": 2}
    assert not any("draft" in p.layout for p in useless.pools)
    never = plan_of(DRAFTS, "services.0.speculation.acceptance=0.01 %")
    assert never.objective_usd == useless.objective_usd


def test_prefill_pools_do_not_draft() -> None:
    both = points(DRAFTS, "services.0.serving=[disaggregated]").values()
    assert {("draft" in p.layout) for p in both if p.phase == "prefill"} == {False}
    assert {("draft" in p.layout) for p in both if p.phase == "decode"} == {False, True}


def test_remembering_is_dear_on_chips_and_cheap_on_hosts() -> None:
    plan = plan_of(PREFIXES)
    assert counts(plan) == {"dgx-h100": 4}
    assert all("prefixes on host" in p.layout for p in plan.pools)
    chips = plan_of(PREFIXES, "services.0.prefix_cache.stores=[memory]")
    assert counts(chips) == {"dgx-h100": 9}
    systems = {p.layout: p.replicas * Fraction(p.systems_per_replica) for p in chips.pools}
    forgetful = sum(n for layout, n in systems.items() if "no prefix cache" in layout)
    assert forgetful > 0.8 * sum(systems.values())
    short = plan_of(PREFIXES, "services.0.prefix_cache.retention=10 s")
    assert counts(short) == {"dgx-h100": 3}
    assert not any("prefix" in p.layout for p in short.pools)
    assert verify_plan(plan).passed


def test_the_memory_of_prefixes_is_littles_law() -> None:
    """0.8 x 8000 tokens kept 300 s: bytes x seconds over the memory of a replica, and once over the link."""
    model = load_catalog().models["llama-3.1-70b"]
    found = points(PREFIXES)
    host = next(p for p in found.values() if "TP8" in p.layout and "host" in p.layout)
    kept = kv_bytes(model, 6400.0, host.kv_precision)
    use = dict(zip(host.resources, (row[0] for row in host.use), strict=True))
    assert use["host memory"] == pytest.approx(kept * 300 / 2e12)
    assert use["host link"] == pytest.approx(kept / 512e9)
    short, long = (
        next(p for p in points(PREFIXES, f"services.0.prefix_cache.retention={t} s").values()
             if p.layout == "TP8 EP8")
        for t in (10, 20)
    )  # fmt: skip
    memory = short.resources.index("KV memory")
    more = long.use[memory][0] - short.use[memory][0]
    assert more == pytest.approx(kept * 10 / short.kv_capacity_bytes)
    assert host.ttft_s[0] > short.ttft_s[0]  # reading back takes time


def test_a_prefill_pool_keeps_the_prefixes_of_separate_pools() -> None:
    found = points(PREFIXES, "services.0.serving=[disaggregated]").values()
    assert any("host memory" in p.resources for p in found if p.phase == "prefill")
    assert any("prefix memory" in p.resources for p in found if p.phase == "prefill")
    assert not any("prefix" in r for p in found if p.phase == "decode" for r in p.resources)


def test_precisions_of_weights_and_kv_are_those_permitted() -> None:
    for weights in ("fp16", "fp8", "fp4"):
        found = points(PREFIXES, f"services.0.precisions=[{weights}]").values()
        assert {p.weight_precision for p in found} == {weights}
        assert {p.kv_precision for p in found} == {"fp16" if weights == "fp16" else "fp8"}
        permitted = (f"services.0.precisions=[{weights}]", "services.0.kv_precisions=[fp16]")
        wide = points(PREFIXES, *permitted).values()
        assert {p.kv_precision for p in wide} == {"fp16"}
    plan = plan_of(PREFIXES)
    service = {**plan.inputs["workload"]["services"][0], "kv_precisions": ["fp16"]}
    workload = {**plan.inputs["workload"], "services": [service]}
    changed = plan.model_copy(update={"inputs": {**plan.inputs, "workload": workload}})
    assert "demand" in {f.check for f in verify_plan(changed).failures}


def test_kv_of_four_bits_is_half_of_eight_on_chips_that_compute_in_four() -> None:
    catalog = load_catalog()
    systems = [catalog.systems["dgx-h100"], catalog.systems["dgx-b200"]]

    def table(*permitted: str) -> tuple[StepTable, tuple[Refusal, ...]]:
        return step_table(
            catalog.models["llama-3.1-70b"],
            systems,
            precisions=["fp4"],
            batches=[1],
            mean_context_tokens=4096,
            calibration=load_calibration(),
            kv_precisions=permitted,
        )

    (four, refused), (either, _), (eight, _) = table("fp4"), table("fp8", "fp4"), table("fp16", "fp8")
    assert set(four.system.tolist()) == {"dgx-b200"}
    assert [r.reason for r in refused if r.system == "dgx-h100"] == [
        "DGX H100 (8 GPU): no fp4 arithmetic (fp4_tflops unknown), so no fp4 KV"
    ]
    by_system = dict(zip(either.system.tolist(), either.kv_precision.tolist(), strict=True))
    assert by_system == {"dgx-h100": "fp8", "dgx-b200": "fp4"}
    assert set(eight.kv_precision.tolist()) == {"fp8"}
    same = eight.take(eight.system == "dgx-b200")
    assert four.context_s.tolist() == pytest.approx((same.context_s / 2).tolist())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("speculation: {acceptance: 120 %}", "acceptance"),
        ("speculation: {acceptance: 70 %, draft_tokens: []}", "different lengths from 1 to 16"),
        ("speculation: {acceptance: 70 %, draft_tokens: [2, 2]}", "different lengths from 1 to 16"),
        ("speculation: {acceptance: 70 %, draft_tokens: [40]}", "different lengths from 1 to 16"),
        ("speculation: {acceptance: 70 %, drafts: 4}", "draft"),
        ("prefix_cache: {retention: 5 min}", "prefix_hit"),
        ("serving: [together]", "aggregated"),
        ("serving: []", "serving is empty"),
        ("kv_precisions: [fp6]", "did you mean"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, line: str, words: str) -> None:
    text = f"""services:
  - model: llama-3.1-8b
    {line}
    demand: 5 requests/s
    lengths: {{prompt: 512, output: 128}}
"""
    (tmp_path / "w.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_workload(tmp_path / "w.yaml")
    assert words in str(caught.value)
    assert "w.yaml:3" in str(caught.value)


def test_speculation_is_stated_once() -> None:
    with pytest.raises(InputError, match="same thing"):
        apply_overrides(load_workload(find_workload(DRAFTS)), ("services.0.speculative_tokens=2",))
