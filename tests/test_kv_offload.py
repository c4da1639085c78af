"""KV of running sequences in the memory behind a link: room, time, and where it is offered."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import lessons
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.errors import InputError
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import workload_from
from solver.inputs.yaml_text import load_yaml
from solver.operating_points.point import OperatingPoint, StepLaw
from solver.paths import find_workload
from solver.performance.architecture import kv_bytes
from solver.performance.calibration import load_calibration
from solver.performance.steps import StepTable, step_table
from solver.simulate.from_plan import replay_plan
from solver.simulate.job import Job
from solver.simulate.replica import Replica
from solver.simulate.types import PoolSpec

LESSON, GH200 = "46-kv-behind-a-link", "gh200-96"
CATALOG = load_catalog()
MODEL = CATALOG.models["llama-3.1-70b"]


plan_of = partial(lessons.plan_of, LESSON)


def points(*changes: str) -> tuple[OperatingPoint, ...]:
    return lessons.menu(LESSON, *changes, prune=False).problem.points


@cache
def table(share: float, system: str = GH200, **more: float) -> StepTable:
    found, _ = step_table(
        MODEL, [CATALOG.systems[system]], precisions=("fp8",), batches=(1, 2, 4, 8),
        mean_context_tokens=30000.0, calibration=load_calibration(), kv_host_share=share,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return found


def test_the_lesson() -> None:
    plan, without = plan_of(), plan_of("services.0.kv_offload=[]")
    assert [(s.system, s.count) for s in plan.systems] == [(GH200, 1)]
    assert [p.layout for p in plan.pools] == ["TP1 75 % of KV on host"]
    assert [(s.system, s.count) for s in without.systems] == [(GH200, 2)]
    hasty = plan_of("services.0.levels.tokens_per_s_per_user=20")
    assert [(s.system, s.count) for s in hasty.systems] == [(GH200, 2)]
    assert not any("host" in p.layout for p in hasty.pools)
    assert replay_plan(plan, requests=600, seed=6).holds


@pytest.mark.parametrize("share", [0.5, 0.75])
def test_room_and_time_by_hand(share: float) -> None:
    """0.9 x 96 - 2.5 - 70.6 GB of HBM hold 1 - share of the KV; the rest is read at 450 GB/s in each step."""
    plain, held = (t.take(np.array([n == "TP1" for n in t.layout])) for t in (table(0.0), table(share)))
    free = 0.9 * 96e9 - 2.5e9 - float(plain.weight_bytes[0])
    assert plain.kv_capacity_bytes[0] == pytest.approx(free)
    assert held.kv_capacity_bytes[0] == pytest.approx(free / (1 - share))
    assert set(held.batch) > set(plain.batch)  # batches that fit now
    moved = share * kv_bytes(MODEL, 1.0, "fp8") / 450e9
    both = np.isin(held.batch, plain.batch)
    assert held.context_s[both] - plain.context_s == pytest.approx(moved)
    assert held.prefill_s[both] - plain.prefill_s == pytest.approx(moved)
    steps = held.step_s(30000.0)[both] - plain.step_s(30000.0)
    assert steps == pytest.approx(plain.batch * 30000 * moved)


def test_found_prefixes_are_not_written_and_drafts_share_a_reading() -> None:
    plain, moved = table(0.0, prefix_hit=0.8), 0.5 * kv_bytes(MODEL, 1.0, "fp8") / 450e9
    held = table(0.5, prefix_hit=0.8)
    same = np.isin(held.batch, plain.batch) & (held.layout == "TP1")
    assert held.prefill_s[same][0] - plain.prefill_s[plain.layout == "TP1"][0] == pytest.approx(0.2 * moved)
    fast, slow = table(0.5, speculative_tokens=2.0), table(0.0, speculative_tokens=2.0)
    first = fast.context_s[fast.layout == "TP1"][0] - slow.context_s[slow.layout == "TP1"][0]
    assert first == pytest.approx(moved / 2)  # one reading for two tokens


@settings(max_examples=25, deadline=None)
@given(gb=st.integers(1, 500), share=st.sampled_from([0.1, 0.5, 0.9]))
def test_neither_memory_holds_more_than_it_has(gb: int, share: float) -> None:
    system = CATALOG.systems[GH200]
    size = system.values["tier2_gb"].model_copy(update={"value": float(gb)})
    small = system.model_copy(update={"values": {**system.values, "tier2_gb": size}})
    held, _ = step_table(
        MODEL, [small], precisions=("fp8",), batches=(1,), mean_context_tokens=1000.0,
        calibration=load_calibration(), kv_host_share=share,
    )  # fmt: skip
    one = held.layout == "TP1"
    if one.any():
        room = float(held.kv_capacity_bytes[one][0])
        free = 0.9 * 96e9 - 2.5e9 - float(held.weight_bytes[one][0])
        assert share * room <= gb * 1e9 * (1 + 1e-12)
        assert (1 - share) * room <= free * (1 + 1e-12)
        assert max(share * room / (gb * 1e9), (1 - share) * room / free) == pytest.approx(1)


def test_where_it_is_offered() -> None:
    """On systems with such a memory, none always; of separate pools for decoding; not beside a draft model
    and not where cached prefixes take the link."""
    assert not len(table(0.5, "dgx-h100"))
    words = {p.layout.partition(" % of KV")[0] for p in points()}
    assert {"TP1", "TP1 50", "TP1 75"} <= words
    network = "hardware.overrides.gh200-96.scaleout_gbs_per_chip=50"
    apart = points("services.0.serving=[disaggregated]", network)
    assert {"KV on host" in p.layout for p in apart if p.phase == "decode"} == {False, True}
    assert {"KV on host" in p.layout for p in apart if p.phase == "prefill"} == {False}
    drafted = points("services.0.speculation={acceptance: 70 %, draft_model: llama-3.2-1b}")
    assert not any("draft" in p.layout and "KV on host" in p.layout for p in drafted)
    cached = points("services.0.prefix_hit=50 %", "services.0.prefix_cache={retention: 60 s}")
    assert any("KV on host" in p.layout for p in cached)
    assert not any("prefixes on host" in p.layout and "KV on host" in p.layout for p in cached)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("[0 %]", r"16:5: kv_offload is .*; write different shares"),
        ("[100 %]", "write different shares such as"),
        ("[50 %, 0.5]", "write different shares such as"),
        ("[50]", "'50' is more than 1; write a share"),
        ("[x]", "kv_offload|'x'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(value: str, complaint: str) -> None:
    text = find_workload(LESSON).read_text().replace("[50 %, 75 %]", value)
    with pytest.raises(InputError, match=complaint):
        workload_from(load_yaml(Path("w.yaml"), text=text), Path())


NETWORK = "hardware.overrides.gh200-96.scaleout_gbs_per_chip=50"
APART = ("services.0.serving=[disaggregated]", NETWORK)


def test_decode_pools_write_what_arrives() -> None:
    """A share of 30,000 tokens x 163,840 bytes goes over 450 GB/s: 5.5 ms at 50 %, a prompt's work there.
    Without KV on the host a prompt is no work for a decode pool."""
    written_s = 30000 * kv_bytes(MODEL, 1.0, "fp8") / 450e9
    shares = {}
    for point in points(*APART):
        if point.phase != "decode":
            continue
        assert point.queue is not None
        assert point.step is not None
        share = next((p for p in (0.75, 0.5) if f"{100 * p:g} % of KV" in point.layout), 0.0)
        shares[share] = point.queue.prefill_s[0] * point.systems_per_replica
        assert point.step.prefill_s * 30000 == pytest.approx(point.queue.prefill_s[0])
    assert shares == pytest.approx({0.0: 0.0, 0.5: 0.5 * written_s, 0.75: 0.75 * written_s})


def test_the_replay_writes_it_too() -> None:
    """A decode replica that has to write 5 ms per prompt ends its first token later than one that has not."""
    law = StepLaw(0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, False)
    firsts = []
    for write_s in (0.0, 5e-6):
        spec = PoolSpec("d", 1, 4, 1.0, replace(law, prefill_s=write_s), 1e12, 1.0, 0.0, 1.0, 1.0)
        seen: list[float] = []
        replica = Replica(spec, lambda _job, now, seen=seen: seen.append(now))
        replica.admit(Job(0, 1000, 3, handed=True), 0.0)
        while replica.length:
            now = replica.end()
            replica.finish_block()
            replica.plan(now)
        firsts += seen
    assert firsts == pytest.approx([0.01, 0.015])
