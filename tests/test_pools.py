"""Safe shares of replica pools: worked example, monotonicity, and the promise kept in replay."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.operating_points.point import StepLaw
from solver.performance.pools import Replicas, late_share, memory_slots, safe_shares
from solver.simulate import PoolSpec, ServiceSpec, replay
from solver.simulate.arrivals import gaps
from solver.simulate.types import Traffic

TAU = 0.040
LAW = StepLaw(0.012, 0.0002, 0.0, 0.00004, 0.0, 0.0, 0.0, False)


def one(**values: float) -> Replicas:
    rows = {name: np.array([value]) for name, value in values.items()}
    return Replicas(**rows, longest_s=np.array([[values["prefill_s"]]]))


def test_prefill_alone_is_m_m_1_by_hand() -> None:
    # plenty of slots, no decode work: one prefill server of 0.1 s, used to 0.5 at 5 requests/s. With 85 %
    # of 1.1 - 0.1 = 1 s for its queue: 0.5 exp(-(1 - 0.5) 0.85 / 0.1) = 0.5 exp(-4.25)
    kinds = one(slots=1e4, hold_s=1.0, cv2_hold=1.0, full_rps=10.0, prefill_s=0.1, cv2_prefill=1.0,
                decode_s=0.0, time_factor=1.0)  # fmt: skip
    late = late_share(kinds, np.ones(1), np.array([[0.5]]), np.array([[1.1]]), np.ones(1), 1.0)
    assert late[0, 0] == pytest.approx(0.5 * math.exp(-4.25), rel=1e-6)


def test_a_limit_shorter_than_the_prompt_itself_carries_nothing() -> None:
    kinds = one(slots=64, hold_s=5.0, cv2_hold=1.0, full_rps=10.0, prefill_s=0.1, cv2_prefill=1.0,
                decode_s=0.01, time_factor=0.8)  # fmt: skip
    assert safe_shares(kinds, np.array([1.0, 8.0]), np.array([[0.09]]), np.ones(1), 0.05, 1.0).max() < 1e-6


def test_slots_by_memory() -> None:
    # 100 sequences of exactly 1 byte fit into 100; with a deviation of 0.5 byte n + 0.8225 sqrt(n) = 100
    capacity = np.array([100.0, 100.0, 0.5])
    slots = memory_slots(capacity, np.ones(3), np.array([0.0, 0.5, 0.0]))
    assert slots.tolist() == [100.0, 92.0, 1.0]
    assert 92 + 0.8225 * math.sqrt(92) <= 100 < 93 + 0.8225 * math.sqrt(93)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 256), st.floats(0.001, 0.2), st.floats(0, 0.05), st.floats(0.3, 5), st.floats(1, 8),
    st.floats(0.005, 0.2),
)  # fmt: skip
def test_safe_shares_are_monotone_and_keep_the_miss(
    slots: int, prefill: float, decode: float, limit: float, cv2: float, miss: float
) -> None:
    full = min(0.8 / (prefill + decode), slots / 4.0)
    kinds = one(slots=slots, hold_s=4.0, cv2_hold=1.0, full_rps=full, prefill_s=prefill, cv2_prefill=1.0,
                decode_s=decode, time_factor=0.8)  # fmt: skip
    sizes, limits, share = np.array([1.0, 2.0, 3.0, 8.0, 30.0]), np.array([[limit]]), np.ones(1)
    loads = safe_shares(kinds, sizes, limits, share, miss, cv2)
    assert (np.diff(loads) >= 0).all()
    assert (late_share(kinds, sizes, loads, limits, share, cv2)[loads > 0] <= miss + 1e-9).all()
    more = safe_shares(kinds, sizes, limits * 1.5, share, miss, cv2)
    burst = safe_shares(kinds, sizes, limits, share, miss, cv2 * 1.5)
    assert (more >= loads - 1e-6).all()
    assert (burst <= loads + 1e-6).all()


PROMPTS, OUTPUTS, SHARES = np.array([400, 2000, 6000]), np.array([300, 150, 80]), np.array([0.5, 0.4, 0.1])


def kind_of(batch: int) -> tuple[Replicas, float]:
    """The replica of LAW with ``batch`` slots for that mix, by the formulas of the design."""
    work, decode = PROMPTS * LAW.prefill_s, OUTPUTS * LAW.sequence_s
    factor = 1 - LAW.fixed_s / TAU
    time = (work + decode) @ SHARES / factor
    full = 1 / max(time, OUTPUTS @ SHARES * TAU / batch)
    hold = OUTPUTS * TAU + work / (factor - full * decode @ SHARES)
    full = 1 / max(time, hold @ SHARES / batch)

    def variation(values: np.ndarray) -> float:
        mean = float(values @ SHARES)
        return float((values - mean) ** 2 @ SHARES) / mean**2

    row = {
        "slots": float(batch), "hold_s": float(hold @ SHARES), "cv2_hold": variation(hold), "full_rps": full,
        "prefill_s": float(work @ SHARES), "cv2_prefill": variation(work), "decode_s": float(decode @ SHARES),
        "time_factor": factor,
    }  # fmt: skip
    return Replicas(**{k: np.array([v]) for k, v in row.items()}, longest_s=work[None, :]), full


@pytest.mark.parametrize("batch", [16, 128])
@pytest.mark.parametrize("replicas", [1, 2, 8])
@pytest.mark.parametrize("cv2", [1.0, 4.0])
def test_the_promise_holds_in_replay_at_the_safe_load(batch: int, replicas: int, cv2: float) -> None:
    kinds, full = kind_of(batch)
    limit, miss = 1.0, 0.05
    limits = np.full((1, 3), limit - TAU)
    load = safe_shares(kinds, np.array([float(replicas)]), limits, SHARES, miss, cv2)[0, 0]
    rng = np.random.default_rng([batch, replicas, int(cv2)])
    n = 12_000
    arrival = np.cumsum(gaps(rng, n, cv2)) / (load * full * replicas)
    cell = rng.choice(3, size=n, p=SHARES)
    zeros = np.zeros(n, dtype=np.int64)
    pool = PoolSpec("p", replicas, batch, TAU, LAW, 1e15)
    traffic = Traffic(arrival, PROMPTS[cell], OUTPUTS[cell], zeros, zeros)
    service = ServiceSpec("s", limit, 1 - miss, TAU)
    result = replay([pool], [service], traffic, warm_up_s=arrival[n // 10])
    assert result.holds
    assert load > 0.15
