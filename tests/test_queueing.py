"""Queueing: worked examples of Erlang C, monotonicity, and bounds that stay below the capacity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.performance.queueing import (
    capacity_lines,
    erlang_c,
    safe_load,
    safe_loads,
    tail_exponent,
    wait_probability,
)

slots = st.integers(1, 512)
holds = st.floats(0.1, 100)
waits = st.floats(0, 20)
misses = st.floats(0.001, 0.5)
burstiness = st.floats(0, 8)


def capacity(replicas: int, slots: int, *promise: float) -> float:
    """Load that a pool carries, in fully used replicas."""
    return replicas * safe_load(replicas * slots, *promise)


def erlang_c_by_hand(servers: int, load: float) -> float:
    terms = [load**k / math.factorial(k) for k in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.3), (2, 1.5), (5, 4.0), (20, 17.0), (60, 55.0)])
def test_erlang_c_is_the_textbook_sum(servers: int, load: float) -> None:
    value = erlang_c(np.array([float(servers)]), np.array([load]))[0]
    assert value == pytest.approx(erlang_c_by_hand(servers, load), rel=1e-9)


def test_one_server_is_m_m_1() -> None:
    # P(W > t) = rho exp(-(1 - rho) t / h): rho = 0.5, h = 2, t = 4 -> 0.5 e^-1
    value = wait_probability(np.ones(1), np.array([0.5]), 2.0, 4.0, 1.0, 1.0)[0]
    assert value == pytest.approx(0.5 * math.exp(-1))


def test_safe_load_of_one_server_without_waiting_is_the_miss() -> None:
    assert safe_load(1, 1.0, 0.0, 0.05) == pytest.approx(0.05)


def test_a_promise_shorter_than_the_prefill_carries_nothing() -> None:
    assert safe_load(64, 10.0, -0.1, 0.05) == 0.0


@settings(deadline=None)
@given(slots, holds, waits, misses, burstiness, burstiness)
def test_safe_load_meets_the_miss_and_is_not_wasteful(
    c: int, hold: float, wait: float, miss: float, ca: float, cs: float
) -> None:
    rho = safe_load(c, hold, wait, miss, ca, cs)
    assert 0 <= rho < 1
    above = np.array([min(rho * (1 + 1e-6) + 1e-9, 1 - 1e-12)])
    assert wait_probability(np.array([float(c)]), above, hold, wait, ca, cs)[0] >= miss * (1 - 1e-3)
    if rho > 0:
        assert wait_probability(np.array([float(c)]), np.array([rho]), hold, wait, ca, cs)[0] <= miss


@settings(deadline=None)
@given(slots, holds, waits, misses, burstiness, burstiness, st.floats(1.001, 4))
def test_safe_load_is_monotone(
    c: int, hold: float, wait: float, miss: float, ca: float, cs: float, more: float
) -> None:
    rho, slack = safe_load(c, hold, wait, miss, ca, cs), 1e-9
    assert safe_load(c + 1, hold, wait, miss, ca, cs) >= rho - slack
    assert safe_load(c, hold, wait * more, miss, ca, cs) >= rho - slack
    assert safe_load(c, hold, wait, min(miss * more, 0.9), ca, cs) >= rho - slack
    assert safe_load(c, hold, wait, miss, ca * more, cs) <= rho + slack
    assert safe_load(c, hold, wait, miss, ca, cs * more) <= rho + slack
    assert safe_load(c, hold * more, wait, miss, ca, cs) <= rho + slack


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 64), holds, waits, misses, burstiness)
def test_pooling_never_loses(
    r: int, q: int, b: int, hold: float, wait: float, miss: float, ca: float
) -> None:
    apart = capacity(r, b, hold, wait, miss, ca) + capacity(q, b, hold, wait, miss, ca)
    assert capacity(r + q, b, hold, wait, miss, ca) >= apart - 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 600), st.integers(1, 256), holds, waits, misses, burstiness, burstiness)
def test_lines_never_exceed_the_capacity(
    largest: int, b: int, hold: float, wait: float, miss: float, ca: float, cs: float
) -> None:
    lines = capacity_lines(largest, b, hold, wait, miss, ca, cs)
    sizes = np.arange(1, largest + 1)
    truth = sizes * safe_loads(sizes, b, hold, wait, miss, ca, cs)
    covered = [r for line in lines for r in range(line.low, line.high + 1)]
    assert covered == sizes.tolist()
    assert len(lines) <= 8
    for line in lines:
        for r in range(line.low, line.high + 1):
            assert line.at(r) <= truth[r - 1] + 1e-12 * largest
            assert line.low > 4 or line.at(r) == pytest.approx(truth[r - 1], rel=1e-12)


def test_lines_lose_little() -> None:
    lines = capacity_lines(64, 32, 20.0, 0.5, 0.05, 2.0, 1.0)
    lost = [
        1 - line.at(r) / capacity(r, 32, 20.0, 0.5, 0.05, 2.0, 1.0)
        for line in lines
        for r in range(line.low, line.high + 1)
    ]
    assert max(lost) < 0.02


def test_lines_reach_beyond_the_evaluated_sizes() -> None:
    lines = capacity_lines(100_000, 8, 10.0, 0.5, 0.05)
    assert lines[-1].high == 100_000
    for size in (4097, 10_000, 100_000):
        line = next(line for line in lines if line.low <= size <= line.high)
        assert line.at(size) <= capacity(size, 8, 10.0, 0.5, 0.05)
    assert len(lines) <= 8


@settings(deadline=None, max_examples=50)
@given(st.floats(0.05, 0.99), st.sampled_from([1.0, 2.0, 4.0, 8.0]), st.floats(1, 8))
def test_the_tail_exponent_solves_its_equation(rho: float, ca: float, cs: float) -> None:
    low, high = 0.0, 1 / cs
    for _ in range(200):
        x = (low + high) / 2
        rises = math.log1p(x * ca / rho) / ca + math.log1p(-x * cs) / cs > 0
        low, high = (x, high) if rises else (low, x)
    assert tail_exponent(np.array([rho]), ca, cs)[0] == pytest.approx(low, rel=0.005)
    assert tail_exponent(np.array([rho]), 1.0, 1.0)[0] == pytest.approx(1 - rho, rel=1e-9)
