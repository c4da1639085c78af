"""The memory of draft models: weights beside the model's, and KV beside each sequence's."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import lessons
import numpy as np
import pytest

from solver.engine.solve import solve
from solver.errors import InputError
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.inputs.workload import apply_overrides, load_workload
from solver.operating_points.point import OperatingPoint
from solver.operating_points.variants import with_draft_weights
from solver.paths import find_workload
from solver.performance.architecture import kv_bytes, weight_bytes
from solver.performance.calibration import load_calibration
from solver.performance.steps import step_table
from solver.simulate.from_plan import replay_plan

LESSON = "45-drafts-take-memory"
DRAFTS = "services.0.speculation={{acceptance: {} %{}}}"
CATALOG = load_catalog()


plan_of = partial(lessons.plan_of, LESSON)


def points(*changes: str) -> dict[str, OperatingPoint]:
    return {p.layout: p for p in lessons.menu(LESSON, *changes, prune=False).problem.points}


def servers(acceptance: str, draft: str = "") -> int:
    plan = plan_of(DRAFTS.format(acceptance, draft and f", draft_model: {draft}"))
    return sum(s.count for s in plan.systems)


def test_the_lesson() -> None:
    assert servers("70", "llama-3.2-1b") == servers("75", "llama-3.1-8b") == 1
    assert servers("70", "llama-3.1-8b") == 2
    assert servers("70") == 1  # what does not count takes nothing
    assert servers("0.01", "llama-3.2-1b") == 2
    assert all("draft" in p.layout for p in plan_of().pools)
    assert replay_plan(plan_of(), requests=1500, seed=5).holds


@pytest.mark.parametrize("draft", ["llama-3.2-1b", "llama-3.1-8b"])
def test_weights_and_kv_by_hand(draft: str) -> None:
    """What is free shrinks by the weights; a sequence of 12,750 tokens holds the KV of both."""
    bare = points(DRAFTS.format(70, ""))["TP8 EP8 draft 2"]
    held = points(DRAFTS.format(70, f", draft_model: {draft}"))["TP8 EP8 draft 2"]
    model, small = CATALOG.models["llama-3.1-405b"], CATALOG.models[draft]
    assert bare.kv_capacity_bytes - held.kv_capacity_bytes == pytest.approx(weight_bytes(small, "fp8"))

    def per_slot(point: OperatingPoint) -> float:
        """KV bytes of a sequence: what it holds of the memory over what it holds of the slots."""
        use = dict(zip(point.resources, (row[0] for row in point.use), strict=True))
        return use["KV memory"] * point.kv_capacity_bytes / (use["slots"] * point.batch)

    tokens = 12000 + 1500 / 2
    assert per_slot(bare) == pytest.approx(kv_bytes(model, tokens, "fp8"))
    assert per_slot(held) == pytest.approx(kv_bytes(model, tokens, "fp8") + kv_bytes(small, tokens, "fp8"))
    assert held.kv_bytes[0] - bare.kv_bytes[0] == pytest.approx(13500 * kv_bytes(small, 1.0, "fp8"))
    plain = points(DRAFTS.format(70, f", draft_model: {draft}"))["TP8 EP8"]
    assert plain.kv_capacity_bytes == bare.kv_capacity_bytes  # replicas that do not draft hold none


def test_attention_groups_keep_a_copy_each() -> None:
    """A mixture of experts on 8 chips: TP8 has the draft once, eight groups eight times."""
    model, draft = CATALOG.models["qwen3-235b-a22b"], CATALOG.models["qwen3-32b"]
    table, _ = step_table(
        model, [CATALOG.systems["dgx-h200"]], precisions=("fp8",), batches=(8,), mean_context_tokens=1000.0,
        calibration=load_calibration(),
    )  # fmt: skip
    assert with_draft_weights(table, None) is table
    found = with_draft_weights(table, draft)
    room = dict(zip(table.layout, table.kv_capacity_bytes, strict=True))
    taken = {
        name: room[name] - left for name, left in zip(found.layout, found.kv_capacity_bytes, strict=True)
    }
    one = weight_bytes(draft, "fp8")
    assert taken["TP4"] == pytest.approx(one)
    assert taken["DP8+EP8"] == pytest.approx(8 * one)
    assert (found.kv_capacity_bytes > 0).all()
    huge = with_draft_weights(table, CATALOG.models["llama-3.1-405b"])
    assert len(huge) < len(table)
    assert np.all(huge.kv_capacity_bytes > 0)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("llama-3.2-1", "16:.*unknown model 'llama-3.2-1'; did you mean 'llama-3.2-1b'"),
        ("{}", "draft_model"),
    ],
)
def test_unknown_drafts_are_refused(name: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(
        find_workload(LESSON).read_text().replace("draft_model: llama-3.2-1b", f"draft_model: {name}")
    )
    with pytest.raises(InputError, match=complaint):
        solve(load_workload(path), CATALOG, load_calibration())


def test_aliases_name_drafts_too() -> None:
    loaded = apply_overrides(
        load_workload(find_workload(LESSON)), ["services.0.speculation.draft_model=Llama-3.2-1B"]
    )
    (service,) = resolve_references(loaded, CATALOG).workload.services
    assert service.speculation is not None
    assert service.speculation.draft_model == "llama-3.2-1b"
