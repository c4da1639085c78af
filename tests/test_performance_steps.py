"""Step laws: worked examples, agreement with the roofline, never optimistic, refusals by name, speed."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.domain.catalog import System
from solver.inputs.catalogs import load_catalog
from solver.performance.calibration import load_calibration
from solver.performance.layouts import chip_chain
from solver.performance.steps import StepTable, step_table

CATALOG = load_catalog()
CALIBRATION = load_calibration()
SYSTEMS = list(CATALOG.systems.values())


def table(model: str, *systems: str, **options: object) -> StepTable:
    chosen = [CATALOG.systems[s] for s in systems] or SYSTEMS
    arguments: dict[str, object] = {"mean_context_tokens": 4096.0, **options}
    return step_table(
        CATALOG.models[model], chosen, calibration=CALIBRATION, technologies=CATALOG.technologies, **arguments
    )[0]  # type: ignore[arg-type]


def test_twenty_wafers_hold_maverick_with_79_gb_left() -> None:
    t = table("llama-4-maverick", "cerebras-cs3", precisions=["fp16"])
    resident = t.take(t.placement == "resident")
    assert resident.systems_numerator.min() == 19
    twenty = resident.take(resident.systems_numerator == 20)
    assert twenty.kv_capacity_bytes[0] / 1e9 == pytest.approx(20 * 44 - 2 * 400.71, abs=0.02)
    assert twenty.kv_capacity_bytes[0] // (4096 * 196608) == 97
    assert twenty.pipelined.all()


def test_streaming_reads_the_distinct_weights_over_the_link() -> None:
    t = table("llama-4-maverick", "cerebras-cs3", precisions=["fp16"], batches=[1])
    streamed = t.take(t.placement == "streamed")
    dense_and_one_expert = 16.150e9 * 2
    assert streamed.fixed_s[0] == pytest.approx(dense_and_one_expert / 150e9, rel=0.01)
    assert 1 / streamed.latency_floor_s[0] == pytest.approx(4.6, abs=0.1)


def test_a_wafer_is_bound_by_latency_per_layer() -> None:
    t = table("llama-3.1-70b", "cerebras-cs3", precisions=["fp16"], batches=[1])
    resident = t.take(t.placement == "resident")
    assert 1 / resident.latency_floor_s[0] == pytest.approx(450, rel=0.25)  # published 2024-08
    assert resident.bound_tpot_s[0] < 0.05 * resident.latency_floor_s[0]


def test_mask_rom_serves_its_model_only() -> None:
    rom = [CATALOG.systems["taalas-hc1"]]
    for model in ("llama-3.1-8b", "qwen3-8b"):
        t, refused = step_table(
            CATALOG.models[model], rom, mean_context_tokens=1024, calibration=CALIBRATION, precisions=["fp4"]
        )
        assert bool(len(t)) == (model == "llama-3.1-8b")
        assert len(t) or "mask ROM" in refused[0].reason


def test_unknown_architecture_is_refused_by_name() -> None:
    t, refused = step_table(
        CATALOG.models["llama-4-behemoth"], SYSTEMS, mean_context_tokens=1024, calibration=CALIBRATION
    )
    assert len(t) == 0
    assert {r.system for r in refused} == {s.id for s in SYSTEMS}
    assert all("not published" in r.reason for r in refused)


def test_every_system_is_in_the_table_or_refused() -> None:
    t, refused = step_table(
        CATALOG.models["llama-3.1-8b"], SYSTEMS, mean_context_tokens=1024, calibration=CALIBRATION
    )
    named = set(t.system) | {r.system for r in refused}
    assert named == {s.id for s in SYSTEMS}


@pytest.mark.parametrize("model", ["llama-3.1-70b", "llama-4-maverick", "deepseek-r1", "gemma-3-27b"])
def test_no_row_beats_the_speed_of_light(model: str) -> None:
    t = table(model)
    assert (t.step_s(4096.0) >= t.bound_tpot_s * (1 - 1e-9)).all()
    for name in (
        "fixed_s",
        "sequence_s",
        "context_s",
        "prefill_s",
        "prefill_quadratic_s",
        "kv_capacity_bytes",
    ):
        column = getattr(t, name)
        assert np.isfinite(column).all()
        assert (column >= 0).all()


@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from(["llama-3.1-8b", "mixtral-8x7b", "gpt-oss-120b", "deepseek-r1"]),
    st.sampled_from(["dgx-h100", "dgx-b200", "mi300x-8"]),
    st.integers(2, 512),
    st.data(),
)
def test_the_law_at_a_large_batch_covers_smaller_ones(
    model: str, system: str, batch: int, data: st.DataObject
) -> None:
    small = data.draw(st.integers(1, batch))
    t = table(model, system, batches=[small, batch], precisions=["fp8"], mean_context_tokens=2048.0)
    for layout in set(t.layout):
        rows = t.take(t.layout == layout)
        if len(rows) < 2:
            continue
        exact = rows.step_s(2048.0)[0]
        by_law = rows.fixed_s[1] + small * (rows.sequence_s[1] + 2048.0 * rows.context_s[1])
        assert by_law >= exact * (1 - 1e-9)


def test_dense_decode_by_hand() -> None:
    """8B at fp16 on one H100: weights over the achieved bandwidth, plus overheads of 32 layers."""
    t = table("llama-3.1-8b", "dgx-h100", precisions=["fp16"], batches=[1])
    one = t.take(t.layout == "TP1")
    c = CALIBRATION.of(CATALOG.systems["dgx-h100"], "llama-3.1-8b")
    assert c is not None
    k = c.constants
    read = 2 * 7.505e9 / (3.35e12 * k["memory_share"])
    wide = 1 + k["width_share"] * (4096 / 5120 - 1)  # a layer's small kernels are those of a width of 4,096
    overhead = 1e-6 * (32 * k["layer_us"] * wide + k["step_us"])
    assert one.fixed_s[0] == pytest.approx(read + overhead, rel=1e-3)


def test_prefix_hits_and_speculation_shorten_the_work() -> None:
    plain = table("llama-3.1-70b", "dgx-h100", precisions=["fp8"], batches=[8])
    hit = table("llama-3.1-70b", "dgx-h100", precisions=["fp8"], batches=[8], prefix_hit=0.5)
    fast = table("llama-3.1-70b", "dgx-h100", precisions=["fp8"], batches=[8], speculative_tokens=2.0)
    np.testing.assert_allclose(hit.prefill_s, plain.prefill_s / 2)
    np.testing.assert_allclose(hit.prefill_quadratic_s, plain.prefill_quadratic_s * 0.75)
    assert (fast.latency_floor_s < plain.latency_floor_s).all()
    assert (fast.latency_floor_s > plain.latency_floor_s / 2).all()


def test_nvm_can_hold_the_kv_if_asked() -> None:
    system = "hyp-nvm-rram14-wafer"
    own = table("llama-3.1-8b", system, precisions=["fp8"])
    shared = table("llama-3.1-8b", system, precisions=["fp8"], kv_in_weight_memory=True)
    assert own.kv_capacity_bytes.min() == pytest.approx(10e9)
    assert shared.kv_capacity_bytes.min() == pytest.approx(101e9 - 8.03e9, rel=1e-3)


@given(st.integers(1, 600))
def test_group_sizes_divide_each_other_and_the_system(chips: int) -> None:
    chain = chip_chain(chips)
    assert chain[0] == 1
    assert chain[-1] == chips
    assert all(b % a == 0 for a, b in pairwise(chain))


def test_replicas_pack_systems() -> None:
    t = table("llama-4-maverick")
    shares = {
        Fraction(int(n), int(d)) for n, d in zip(t.systems_numerator, t.systems_denominator, strict=True)
    }
    assert all(share.numerator == 1 or share.denominator == 1 for share in shares)


def test_a_table_is_remembered_by_its_content() -> None:
    """A change of price gives the very same table; a change of bandwidth another."""

    def with_value(name: str, value: float) -> System:
        box = CATALOG.systems["dgx-h100"]
        quantity = box.values[name].model_copy(update={"value": value})
        return box.model_copy(update={"values": {**box.values, name: quantity}})

    def made(system: System) -> StepTable:
        return step_table(
            CATALOG.models["llama-3.1-8b"], [system], mean_context_tokens=1024, calibration=CALIBRATION
        )[0]

    first = made(with_value("price_usd", 1.0))
    assert made(with_value("price_usd", 2.0)) is first
    assert made(with_value("dram_bw_tbs", 1.0)).fixed_s[0] > first.fixed_s[0]
    with pytest.raises(ValueError, match="read-only"):
        first.fixed_s[0] = 0.0


def test_evidence_names_rows_or_relatives() -> None:
    t = table("llama-3.1-8b")
    evidence = dict(zip(t.system, t.evidence, strict=True))
    assert evidence["dgx-h100"].startswith("fitted: nvidia-hopper")
    assert evidence["hyp-hbf-gpu8"].startswith("inherited from nvidia-blackwell")
    assert "no device exists" in evidence["hyp-nvm-rram14-wafer"]
    assert (t.spread > 1).all()


def test_a_system_without_bandwidth_is_refused() -> None:
    good = CATALOG.systems["dgx-h100"]
    values = {k: v for k, v in good.values.items() if k != "dram_bw_tbs"}
    bad = System(**{**good.model_dump(exclude={"values"}), "values": values})
    t, refused = step_table(
        CATALOG.models["llama-3.1-8b"], [bad], mean_context_tokens=1024, calibration=CALIBRATION
    )
    assert len(t) == 0
    assert all("dram_bw_tbs" in r.reason for r in refused)


def test_sparse_attention_reads_index_keys_and_the_selected_tokens() -> None:
    """DeepSeek-V3.2 beside V3 at 64k context: per sequence 2,048 latents and 64k keys of the indexer."""
    dense, sparse = (
        table(m, "dgx-h200", precisions=["fp8"], batches=[8], mean_context_tokens=65536.0)
        for m in ("deepseek-v3", "deepseek-v3.2")
    )
    pick = [t.take(t.layout == "TP8") for t in (dense, sparse)]
    marginal = [float(t.sequence_s[0] + 65536 * t.context_s[0]) for t in pick]
    assert marginal[1] < 0.5 * marginal[0]
    assert pick[1].kv_capacity_bytes[0] < pick[0].kv_capacity_bytes[0]  # its indexer weighs 0.86 GB
    assert pick[1].prefill_quadratic_s[0] < 0.5 * pick[0].prefill_quadratic_s[0]


def test_a_model_too_large_for_hbm_spills_into_the_tier_behind_it() -> None:
    """Kimi K2 at fp16, 2,053 GB, on SN40L: 70 % of 16 x 55.1 GB stay in HBM, 1,435 GB in DDR."""
    every = table("kimi-k2", "sambanova-sn40l-16", precisions=["fp16"], batches=[1])
    big = every.take(every.systems_numerator == 1)
    assert set(big.placement) == {"streamed"}
    fast = 16 * (0.9 * 64e9 - 2.5e9)
    assert big.kv_capacity_bytes[0] == pytest.approx(0.3 * fast / 16 * 1)  # latent KV is stored on every chip
    seconds = 0.7 * fast / 25.6e12 + (2 * 1026.4e9 - 0.7 * fast) / 3.2e12
    small = table("llama-3.1-70b", "sambanova-sn40l-16", precisions=["fp16"], batches=[1])
    assert set(small.placement) == {"resident"}
    dense, experts = 11.7e9 * 2, 8 * 44.04e6 * 60 * 2  # what one token reads
    share = CALIBRATION.of(CATALOG.systems["sambanova-sn40l-16"], "kimi-k2")
    assert share is not None
    least = (dense + experts) * seconds / (2 * 1026.4e9)
    assert least < big.fixed_s[0] < 4 * least
