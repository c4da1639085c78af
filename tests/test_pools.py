"""Safe shares of replica pools: worked example, monotonicity, and the promise kept in replay."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.domain.bursts import Bursts
from solver.performance.pools import Replicas, late_share, memory_slots, safe_shares
from solver.simulate.pool_grid import replay_at, safe_load


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


def test_each_queue_has_the_bursts_of_its_own_time() -> None:
    """The example above, turns of 0.1 s in 0.15 to 0.85 of 1.1 s: random traffic within 2 s, whatever comes
    within 10 s. Slots, held for 10 s, have room for the bursts; turns that feel them would be late."""
    kinds = one(slots=1e4, hold_s=10.0, cv2_hold=1.0, full_rps=10.0, prefill_s=0.1, cv2_prefill=1.0,
                decode_s=0.0, time_factor=1.0)  # fmt: skip
    example = (kinds, np.ones(1), np.array([[0.5]]), np.array([[1.1]]), np.ones(1))
    apart = late_share(*example, Bursts((2.0, 10.0), (1.0, 200.0)))
    assert apart[0, 0] == pytest.approx(0.5 * math.exp(-4.25), rel=1e-6)
    assert late_share(*example, Bursts((0.1, 10.0), (1.0, 200.0)))[0, 0] > 0.05
    assert late_share(*example, 200.0)[0, 0] > 0.8


@pytest.mark.parametrize("cv2", [1.0, 3.0, 8.0, 100.0])
def test_equal_bursts_at_all_times_are_one_number(cv2: float) -> None:
    kinds = one(slots=64, hold_s=5.0, cv2_hold=1.0, full_rps=10.0, prefill_s=0.02, cv2_prefill=1.0,
                decode_s=0.01, time_factor=0.8)  # fmt: skip
    loads = np.array([[0.1, 0.4, 0.6, 0.9]])
    example = (kinds, np.full(4, 3.0), loads, np.array([[1.0]]), np.ones(1))
    apart, same = late_share(*example, Bursts((1.0, 2.0), (cv2, cv2))), late_share(*example, cv2)
    assert apart == pytest.approx(same, rel=5e-3)
    assert (apart >= same * (1 - 1e-9)).all()  # a table between two others errs to the safe side


def test_bursts_between_their_times() -> None:
    """A power law: at the geometric mean of two times the geometric mean of the values; beyond, constant."""
    bursts = Bursts((1.0, 100.0), (4.0, 9.0))
    assert bursts.at(np.array([0.0, 1.0, 10.0, 100.0, 1e6])).tolist() == pytest.approx([4, 4, 6, 9, 9])
    assert bursts.largest == 9.0
    assert bursts.raised(17.0) == Bursts((1.0, 100.0), (7.0, 17.0))  # excesses 3 and 8, twice
    assert bursts.raised(1.0) == Bursts((1.0, 100.0), (1.0, 1.0))
    assert Bursts((1.0,), (1.0,)).raised(5.0) == Bursts((1.0,), (5.0,))


def test_a_limit_shorter_than_the_prompt_itself_carries_nothing() -> None:
    kinds = one(slots=64, hold_s=5.0, cv2_hold=1.0, full_rps=10.0, prefill_s=0.1, cv2_prefill=1.0,
                decode_s=0.01, time_factor=0.8)  # fmt: skip
    assert safe_shares(kinds, np.array([1.0, 8.0]), np.array([[0.09]]), np.ones(1), 0.05, 1.0).max() < 1e-6


def test_sizes_that_nobody_needs_cost_nothing_and_change_nothing() -> None:
    rows = {name: np.array([4.0, 9.0]) for name in Replicas.__dataclass_fields__ if name != "longest_s"}
    rows |= {"prefill_s": np.array([0.1, 0.05]), "decode_s": np.zeros(2), "time_factor": np.ones(2)}
    kinds = Replicas(**rows, longest_s=np.array([[0.1], [0.05]]))
    example = (kinds, np.arange(1.0, 7.0), np.full((2, 1), 1.1), np.ones(1), 0.05, 2.0)
    everything, some = safe_shares(*example), safe_shares(*example, most=np.array([2.0, 5.0]))
    assert everything[0, :2].tolist() == some[0, :2].tolist()
    assert everything[1, :5].tolist() == some[1, :5].tolist()
    assert (some[0, 2:] == some[0, 1]).all() and everything[0, 5] > some[0, 5] > 0


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
    rising = Bursts((0.01, 10.0), (cv2, cv2 * 1.5))  # between the two
    between = safe_shares(kinds, sizes, limits, share, miss, rising)
    assert (np.diff(between) >= 0).all()
    assert (burst * (1 - 5e-3) - 1e-6 <= between).all() and (between <= loads + 1e-6).all()
    assert (more >= loads - 1e-6).all()
    assert (burst <= loads + 1e-6).all()


@pytest.mark.parametrize("batch", [16, 128])
@pytest.mark.parametrize("replicas", [1, 2, 8])
@pytest.mark.parametrize("cv2", [1.0, 4.0])
def test_the_promise_holds_in_replay_at_the_safe_load(batch: int, replicas: int, cv2: float) -> None:
    load = safe_load(batch, replicas, cv2)
    assert replay_at(load, batch, replicas, cv2, seed=11, requests=12_000).holds
    assert load > 0.1
