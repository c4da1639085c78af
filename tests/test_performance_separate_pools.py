"""Prefill and decode on separate pools: worked examples, no interference, links by name."""

from __future__ import annotations

import pytest

from solver.domain.catalog import System
from solver.inputs.catalogs import load_catalog
from solver.performance import separate_pools as pools
from solver.performance.calibration import load_calibration
from solver.performance.candidate import Refusal
from solver.performance.steps import step_table

CATALOG = load_catalog()
CALIBRATION = load_calibration()
MODEL = CATALOG.models["llama-3.1-70b"]
H100, H200 = CATALOG.systems["dgx-h100"], CATALOG.systems["dgx-h200"]
TABLE, _ = step_table(
    MODEL, [H100], precisions=["fp8"], mean_context_tokens=4096.0, calibration=CALIBRATION, batches=[1, 64]
)


def test_one_prefill_row_per_layout() -> None:
    rows = pools.prefill_rows(TABLE)
    assert len(rows) == len(set(TABLE.layout))
    assert (rows.batch == 1).all()


def test_prefill_by_hand() -> None:
    """70B at fp8 on 8 chips: 2 x 69.5e9 operations a token, plus quadratic attention and one step."""
    rows = pools.prefill_rows(TABLE)
    row = rows.take(rows.layout == "TP8")
    work, first = pools.prefill_work_s(row, 8192.0)[0], pools.prefill_first_token_s(row, 8192.0)[0]
    own = 8192 * row.prefill_s[0] + 8192**2 * row.prefill_quadratic_s[0]
    assert work == pytest.approx(own + row.prefill_step_s[0])  # one full chunk: one step's overhead
    assert first == pytest.approx(work + row.server_s[0])
    ideal = 2 * 69.5e9 / (8 * 1978e12)
    assert ideal < row.prefill_s[0] < 5 * ideal  # InferenceX, 2025-10: 7,373 tokens in 301 ms, 4.6 times it


def test_kv_transfer_by_hand() -> None:
    """70B, fp8: 80 layers x 8 heads x 128 x 2 = 163,840 B a token; 8 chips of 50 GB/s."""
    link = pools.own_link(CALIBRATION, MODEL, H100, 8)
    entry = CALIBRATION.of(H100, MODEL.id)
    assert isinstance(link, pools.KvLink)
    assert entry is not None
    assert link.bytes_per_s == pytest.approx(8 * 50e9 * entry.constants["link_share"])
    size = pools.transfer_bytes(MODEL, 1000.0, "fp8")
    assert size == 163_840_000
    assert link.seconds(size) == pytest.approx(
        1e-3 * entry.constants["transfer_ms"] + size / link.bytes_per_s
    )


def test_a_link_without_a_rate_is_refused_by_name() -> None:
    values = {k: v for k, v in H200.values.items() if k != "scaleout_gbs_per_chip"}
    silent = System(**{**H200.model_dump(exclude={"values"}), "values": values})
    link = pools.own_link(CALIBRATION, MODEL, silent, 8)
    assert isinstance(link, Refusal)
    assert link.system == "dgx-h200"
    assert "scaleout_gbs_per_chip" in link.reason
