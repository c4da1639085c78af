"""Generated and scaled traffic: rates, burstiness, shares, and nothing that the trace does not hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.domain.workload import LengthBucket
from solver.simulate import grid
from solver.simulate.arrivals import (
    Stream,
    choose_pools,
    gaps,
    generate,
    generate_arrivals,
    merge,
    scale_trace,
)
from solver.simulate.grid import compare, read_cells, report, simulate_waits, wait_exceeded_by

ROOT = Path(__file__).parents[1]
LENGTHS = (
    LengthBucket(prompt_tokens=100, output_tokens=10, share=0.2),
    LengthBucket(prompt_tokens=900, output_tokens=50, share=0.8),
)


@pytest.mark.parametrize("family", ["gamma", "hyperexponential"])
@pytest.mark.parametrize("cv2", [0.0, 0.5, 1.0, 4.0])
def test_gaps_have_the_mean_and_variation_asked_for(family: str, cv2: float) -> None:
    values = gaps(np.random.default_rng(1), 300_000, cv2, family)
    assert values.mean() == pytest.approx(1.0, rel=0.02)
    assert values.var() == pytest.approx(cv2, rel=0.06, abs=1e-12)


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match="write gamma"):
        gaps(np.random.default_rng(1), 5, 2.0, "normal")


def test_every_interval_gets_its_rate_and_the_burstiness_stays() -> None:
    rng = np.random.default_rng(4)
    times = generate_arrivals(rng, [2.0, 0.0, 6.0], 4000.0, 3.0)
    counts = np.histogram(times, bins=[0, 4000, 8000, 12_000])[0]
    assert counts[1] == 0
    assert counts[0] == pytest.approx(8000, rel=0.06)
    assert counts[2] == pytest.approx(24_000, rel=0.04)
    windows = np.histogram(times, bins=np.arange(8000, 12_001, 10))[0]
    assert windows.var(ddof=1) / windows.mean() == pytest.approx(3.0, rel=0.2)


def test_no_rate_no_requests() -> None:
    assert len(generate_arrivals(np.random.default_rng(1), [0.0, 0.0], 10.0, 1.0)) == 0


def test_lengths_come_from_the_cells_in_their_shares() -> None:
    stream = generate(np.random.default_rng(2), [50.0], 400.0, 1.0, LENGTHS)
    assert set(zip(stream.prompt.tolist(), stream.output.tolist(), strict=True)) == {(100, 10), (900, 50)}
    assert float((stream.bucket == 1).mean()) == pytest.approx(0.8, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.floats(0.05, 9.0), st.floats(50, 3000))
def test_a_scaled_trace_keeps_its_requests_and_reaches_the_rate(
    seed: int, rate: float, duration: float
) -> None:
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(0.5, 2000))
    rows = np.arange(2000)
    trace = Stream(arrival, rows + 1, rows + 5, rows % 3)
    scaled = scale_trace(rng, trace, rate, duration)
    assert (np.diff(scaled.arrival_s) >= 0).all()
    assert ((scaled.arrival_s >= 0) & (scaled.arrival_s < duration)).all()
    assert (scaled.output == scaled.prompt + 4).all()
    expected = rate * duration
    assert abs(len(scaled.arrival_s) - expected) <= 6 * np.sqrt(expected * (1 + rate / 2)) + 6


@pytest.mark.parametrize("share", [0.0098, 0.0102])
def test_a_trace_thinned_to_a_hundredth_keeps_its_rate(share: float) -> None:
    """Below and above the share from which on all requests are laid and thinned: binomial counts."""
    times = np.sort(np.random.default_rng(1).uniform(0, 100, 1000))
    rows = np.arange(1000)
    trace = Stream(times, rows, rows + 1, rows)
    rate = share * 1000 / ((times[-1] - times[0]) * 1000 / 999)
    found = [scale_trace(np.random.default_rng(n), trace, rate, 4000.0) for n in range(200)]
    counts = [len(stream.arrival_s) for stream in found]
    expected = rate * 4000.0
    assert np.mean(counts) == pytest.approx(expected, abs=4 * np.sqrt(expected / 200))
    assert np.var(counts) == pytest.approx(expected * (1 - share), rel=4 * np.sqrt(2 / 199))
    for stream in found:
        assert (np.diff(stream.arrival_s) >= 0).all() and stream.arrival_s[-1] < 4000.0
        assert (stream.output == stream.prompt + 1).all()
    seen = np.concatenate([stream.prompt for stream in found])
    assert len(np.unique(seen)) == 1000  # each row of the trace has its turn


def test_a_trace_far_denser_than_the_demand_costs_little() -> None:
    """1,000 requests in a thousandth of a second would be laid a million times."""
    times = np.arange(1000) / 1e6
    rows = np.arange(1000)
    stream = scale_trace(np.random.default_rng(0), Stream(times, rows, rows + 1, rows), 1.0, 1000.0)
    assert len(stream.arrival_s) == pytest.approx(1000, abs=4 * np.sqrt(1000))


def test_scaling_to_the_trace_s_own_rate_keeps_the_gaps() -> None:
    arrival = np.array([0.0, 1.0, 3.0, 7.0])  # ring of 7 + 7/3 s
    trace = Stream(arrival, np.arange(4), np.arange(4) + 1, np.zeros(4, dtype=np.int64))
    period = 7 + 7 / 3
    scaled = scale_trace(np.random.default_rng(3), trace, 4 / period, period)
    assert len(scaled.arrival_s) == 4
    around = np.diff(np.append(scaled.arrival_s, scaled.arrival_s[0] + period))
    assert sorted(around.tolist()) == pytest.approx(sorted([1.0, 2.0, 4.0, 7 / 3]))


def test_pools_are_chosen_with_the_bucket_s_shares() -> None:
    stream = generate(np.random.default_rng(5), [100.0], 400.0, 1.0, LENGTHS)
    chosen = choose_pools(np.random.default_rng(6), stream, [[0.25, 1.0], [0.5, 0.0]], [3, 7])
    first, second = chosen[stream.bucket == 0], chosen[stream.bucket == 1]
    assert (second == 3).all()
    shares = [float((first == n).mean()) for n in (3, 7, -1)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)
    assert (choose_pools(np.random.default_rng(6), stream, [], []) == -1).all()


def test_merged_streams_are_in_order_and_know_their_service() -> None:
    zero = np.zeros(2, dtype=np.int64)
    one = Stream(np.array([0.0, 5.0]), zero + 1, zero + 1, zero)
    two = Stream(np.array([1.0, 2.0]), zero + 2, zero + 2, zero)
    load = merge([one, two], [zero, zero - 1])
    assert load.arrival_s.tolist() == [0.0, 1.0, 2.0, 5.0]
    assert load.service.tolist() == [0, 1, 1, 0]
    assert load.pool.tolist() == [0, -1, -1, 0]


def test_the_grid_s_own_queue_is_m_m_1() -> None:
    waits = simulate_waits(np.random.default_rng(7), 1, 0.5, 1.0, 1.0, 200_000, "gamma")
    assert float((waits > 0).mean()) == pytest.approx(0.5, abs=0.01)
    assert float((waits > 2).mean()) == pytest.approx(0.5 * np.exp(-1), abs=0.01)
    # 5 % wait longer than t with 0.5 exp(-t / 2) = 0.05
    assert wait_exceeded_by(1, 0.5, 1.0, 1.0, 0.05) == pytest.approx(2 * np.log(10), rel=1e-6)


@pytest.mark.parametrize(("servers", "burst", "load"), [(4, 4.0, 0.7), (16, 2.0, 0.7), (64, 8.0, 0.9)])
def test_the_formula_errs_to_the_safe_side(servers: int, burst: float, load: float) -> None:
    cell = compare(np.random.default_rng(8), servers, burst, 1.0, load, "gamma")
    assert not cell.violated


def test_the_grid_of_the_documentation_is_that_of_the_formula() -> None:
    """The stored cells are all of the grid; the formula still gives their waits; the page tells their means;
    and in no cell does the simulation miss more than promised, beyond chance."""
    stored = read_cells((ROOT / "docs" / "figures" / "queueing-grid.csv").read_text())
    families = {ca: ("gamma", "hyperexponential") if ca > 1 else ("gamma",) for ca in grid.ARRIVAL_CV2}
    wanted = [
        (servers, family, ca, cs, load)
        for servers in grid.SERVERS
        for ca in grid.ARRIVAL_CV2
        for family in families[ca]
        for cs in grid.HOLD_CV2
        for load in grid.LOADS
    ]
    assert [(c.servers, c.family, c.cv2_arrival, c.cv2_hold, c.load) for c in stored] == wanted
    for c in stored:
        wait = wait_exceeded_by(c.servers, c.load, c.cv2_arrival, c.cv2_hold, grid.MISS)
        assert float(f"{wait:.5g}") == pytest.approx(c.wait, rel=1e-4), c
        assert not c.violated, c
    page = (ROOT / "docs" / "explanation" / "queueing.md").read_text()
    assert report(stored) in page


def test_many_copies_of_a_trace_at_once() -> None:
    """Four requests in 1,000 s, laid 2,000 times over each other: 8 requests/s in a piece of 50 s.

    The mean of 20 pieces of 400 requests is within 5 standard errors (about 20 / sqrt(20)) of 400; each row
    of the trace comes as often as the others, and all lie within the piece.
    """
    trace = Stream(
        np.array([0.0, 1.0, 500.0, 750.0]), np.array([1, 2, 3, 4]), np.array([1, 1, 1, 1]), np.arange(4)
    )
    pieces = [scale_trace(np.random.default_rng(seed), trace, 8.0, 50.0) for seed in range(20)]
    assert abs(sum(len(p.arrival_s) for p in pieces) / 20 - 400) < 5 * 20 / 20**0.5
    rows = np.concatenate([p.bucket for p in pieces])
    assert min(np.bincount(rows)) > 0.9 * len(rows) / 4
    assert all(p.arrival_s.min() >= 0 and p.arrival_s.max() < 50 for p in pieces)
    assert all((np.diff(p.arrival_s) >= 0).all() for p in pieces)
