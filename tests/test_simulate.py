"""Replay: worked by hand, against a token-by-token reference, against M/M/c, conservation, failures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.operating_points.point import StepLaw
from solver.performance.queueing import wait_probability
from solver.simulate import Failure, PoolSpec, ReplayResult, ServiceSpec, Traffic, replay

HAND = StepLaw(0.010, 0.001, 0.0, 0.0001, 0.0, 0.0, 0.0, False)
PLENTY = 1e15


def traffic(arrival: list[float], prompt: list[int], output: list[int]) -> Traffic:
    zeros = np.zeros(len(arrival), dtype=np.int64)
    return Traffic(np.array(arrival), np.array(prompt), np.array(output), zeros, zeros)


def pool(
    law: StepLaw = HAND, replicas: int = 1, batch: int = 8, tau: float = 0.030, **more: float
) -> PoolSpec:
    return PoolSpec("pool", replicas, batch, tau, law, more.pop("capacity", PLENTY), **more)  # type: ignore[arg-type]


def run(spec: PoolSpec, load: Traffic, failures: tuple[Failure, ...] = ()) -> ReplayResult:
    return replay([spec], [ServiceSpec("s", 0.5, 0.95, 0.030)], load, failures=failures)


def test_two_requests_by_hand() -> None:
    # A: 100 prompt tokens take 10 ms on top of 10 ms fixed: first token at 20 ms. Its second step ends
    # at 31 ms. B (500 tokens, arrived at 25 ms) joins there: budget 30 - 11 = 19 ms = 190 tokens, so
    # A's third and last token comes at 61 ms. Alone, B takes 200 tokens (91 ms) and 110 (112 ms: first
    # token); its second token takes 11 ms: 123 ms.
    result = run(pool(), traffic([0.0, 0.025], [100, 500], [3, 2]))
    assert result.ttft_s == pytest.approx([0.020, 0.087])
    assert result.end_to_end_s == pytest.approx([0.061, 0.098])
    assert result.tpot_s == pytest.approx([0.0205, 0.011])
    assert result.duration_s == pytest.approx(0.123)


def test_a_full_replica_makes_the_next_wait() -> None:
    # one slot: A ends at 20 + 11 = 31 ms, then B's 100 tokens take 20 ms more
    result = run(pool(batch=1), traffic([0.0, 0.0], [100, 100], [2, 1]))
    assert result.ttft_s == pytest.approx([0.020, 0.051])
    assert result.pools[0].peak_batch == 1


def test_a_pipelined_replica_keeps_the_latency_floor() -> None:
    law = StepLaw(0.0, 0.001, 0.0, 0.0, 0.0, 0.005, 0.0, True)
    result = run(pool(law, batch=20), traffic([0.0] * 3, [1] * 3, [11] * 3))
    assert result.tpot_s == pytest.approx([0.005] * 3)
    result = run(pool(law, batch=20), traffic([0.0] * 10, [1] * 10, [11] * 10))
    assert result.tpot_s == pytest.approx([0.010] * 10)


def test_speculative_tokens_divide_the_steps() -> None:
    result = run(pool(tokens_per_step=2.0), traffic([0.0], [100], [9]))
    assert result.end_to_end_s == pytest.approx([0.020 + 4 * 0.011])  # ceil(9 / 2) = 5 steps


def test_memory_preempts_the_younger_and_recomputes() -> None:
    # 24 token places, two sequences with 10 prompt tokens: after prefill 22 are used, each step adds 2:
    # 24, then 26 > 24: B (younger) gives up its 13 tokens and waits until A ends.
    result = run(pool(capacity=24.0, kv_per_token_bytes=1.0), traffic([0.0, 0.0], [10, 10], [6, 6]))
    assert result.pools[0].preemptions == 1
    # A: 12 ms, two steps of 12 ms, three of 11 ms
    assert result.end_to_end_s[0] == pytest.approx(0.012 + 2 * 0.012 + 3 * 0.011)
    # B afterwards: 13 tokens again (11.3 ms, its fourth token), then two steps
    assert result.end_to_end_s[1] == pytest.approx(result.end_to_end_s[0] + 0.0113 + 2 * 0.011)
    assert result.pools[0].kv_written_bytes == 10 + 6 + 10 + 3 + 13 + 3


def reference(law: StepLaw, batch: int, tau: float, load: Traffic) -> tuple[list[float], list[float]]:
    """One replica, one step at a time, written for clarity only."""
    jobs = [
        {"i": i, "at": a, "left": int(p), "o": int(o), "n": 0, "c": 0}
        for i, (a, p, o) in enumerate(zip(load.arrival_s, load.prompt, load.output, strict=True))
    ]
    first, last = [0.0] * len(jobs), [0.0] * len(jobs)
    now, inside, queue = 0.0, [], jobs
    while queue or inside:
        if not inside:
            now = max(now, queue[0]["at"])
        while queue and queue[0]["at"] <= now and len(inside) < batch:
            inside.append(queue.pop(0))
        decoding = [j for j in inside if j["left"] == 0]
        step = law.fixed_s + sum(law.sequence_s + law.context_s * j["c"] for j in decoding)
        budget, ready = tau - step, []
        for job in inside:
            if job["left"] == 0:
                continue
            take = min(job["left"], int(budget / law.prefill_s + 1e-9))
            if take == 0 and not ready and budget == tau - step:
                take = 1
            job["left"] -= take
            job["c"] += take
            budget -= take * law.prefill_s
            step += take * law.prefill_s
            if job["left"]:
                break
            ready.append(job)
        now += max(step, law.latency_floor_s)
        for job in decoding + ready:
            job["n"] += 1
            job["c"] += 1
            if job["n"] == 1:
                first[job["i"]] = now
            if job["n"] == job["o"]:
                last[job["i"]] = now
                inside.remove(job)
    return first, last


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 900), st.integers(1, 40)), min_size=1, max_size=14),
    st.integers(1, 6),
    st.sampled_from([0.0, 1e-6, 7e-6]),
    st.sampled_from([0.0, 0.013, 0.022]),
)
def test_blocks_equal_single_steps(
    requests: list[tuple[int, int, int]], batch: int, context_s: float, floor_s: float
) -> None:
    law = StepLaw(0.010, 0.001, context_s, 0.0001, 0.0, floor_s, 0.0, False)
    gaps, prompts, outputs = zip(*requests, strict=True)
    arrival = np.cumsum(gaps) * 0.001371828  # no ties with step ends
    load = traffic(arrival.tolist(), list(prompts), list(outputs))
    first, last = reference(law, batch, 0.060, load)
    result = run(pool(law, batch=batch, tau=0.060), load)
    # a repeated chunk keeps its size while contexts grow; the reference shrinks it step by step
    tolerance = 1e-9 if context_s == 0 else 0.02 * max(last)
    assert result.ttft_s + load.arrival_s == pytest.approx(first, abs=tolerance)
    assert result.end_to_end_s + load.arrival_s == pytest.approx(last, abs=tolerance)


def random_load(seed: int, n: int, rate: float, mean_prompt: int, mean_output: int) -> Traffic:
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1 / rate, n))
    prompt = 1 + rng.integers(0, 2 * mean_prompt, n)
    output = rng.geometric(1 / mean_output, n)
    zeros = np.zeros(n, dtype=np.int64)
    return Traffic(arrival, prompt, output, zeros, zeros)


@pytest.mark.parametrize(("replicas", "batch"), [(1, 1), (8, 1), (1, 8), (4, 16)])
def test_slots_are_the_servers_of_m_m_c(replicas: int, batch: int) -> None:
    # a step of 1 ms whatever the batch, geometric outputs of mean 500: exponential holds of 0.5 s
    law = StepLaw(0.001, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, False)
    servers, rho = replicas * batch, 0.8
    load = random_load(3, 60_000, servers * rho / 0.5, 1, 500)
    wait = run(pool(law, replicas, batch), load).ttft_s - 0.0015  # own step and half a step to join
    for t in (0.002, 0.05 / servers, 0.5 / servers, 1.0 / servers):
        expected = wait_probability(np.array([float(servers)]), np.array([rho]), 0.5, t, 1.0, 1.0)[0]
        assert float((wait > t).mean()) == pytest.approx(expected, abs=0.035)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 12), st.floats(600, 5000))
def test_nothing_is_lost_or_served_twice(seed: int, replicas: int, batch: int, capacity: float) -> None:
    load = random_load(seed, 300, 10.0 * replicas, 200, 20)
    spec = pool(replicas=replicas, batch=batch, capacity=capacity, kv_per_token_bytes=1.0)
    result = run(spec, load)
    done = result.pools[0]
    assert np.isfinite(result.end_to_end_s).all()
    assert (result.ttft_s <= result.end_to_end_s).all()
    assert result.services[0].unserved == 0
    tokens = float(load.prompt.sum() + load.output.sum())
    assert done.kv_written_bytes >= tokens - 1e-6
    assert done.preemptions or done.kv_written_bytes == pytest.approx(tokens)
    assert done.peak_batch <= batch
    assert done.busy_share <= 1 + 1e-9


def test_little_s_law_without_queue() -> None:
    load = random_load(5, 2000, 10.0, 200, 30)
    result = run(pool(batch=500, tau=10.0), load)
    held = result.pools[0].batch_share * 500 * result.duration_s
    slack = 0.05 * held  # a joiner waits for the step under way
    assert float(result.end_to_end_s.sum()) == pytest.approx(held, abs=slack)


def test_same_input_same_bytes_and_order_of_json() -> None:
    load = random_load(7, 3000, 60.0, 300, 40)
    spec = pool(replicas=3, capacity=20_000.0, kv_per_token_bytes=1.0)
    assert run(spec, load).to_json() == run(spec, load).to_json()


def test_a_failed_replica_hands_its_work_over() -> None:
    failure = Failure(0, 0, 0.025, 1.0)
    result = run(pool(), traffic([0.0], [100], [3]), (failure,))
    # first token at 20 ms; lost at 25 ms; again at 1.025 s: 101 tokens (20.1 ms), then one step
    assert result.ttft_s == pytest.approx([0.020])
    assert result.end_to_end_s == pytest.approx([1.025 + 0.0201 + 0.011])
    both = run(pool(replicas=2), traffic([0.0], [100], [3]), (failure,))
    assert both.end_to_end_s == pytest.approx([0.025 + 0.0201 + 0.011])


def test_requests_served_elsewhere_do_not_count() -> None:
    zeros = np.zeros(2, dtype=np.int64)
    load = Traffic(np.zeros(2), zeros + 100, zeros + 2, zeros, np.array([0, -1]))
    result = run(pool(), load)
    assert result.services[0].requests == 1
    assert math.isnan(result.ttft_s[1])


def test_promises_are_judged_by_the_share_of_requests() -> None:
    load = traffic([0.0] * 20, [100] * 20, [1] * 20)
    spec = ServiceSpec("s", ttft_s=0.030 * 5, ttft_percentile=0.5)
    result = replay([pool(batch=1)], [spec], load)  # one every 20 ms: 7 of 20 within 150 ms
    promise = result.services[0].promises[0]
    assert promise.kept_share == pytest.approx(0.35)
    assert promise.reached_s == pytest.approx(0.200)
    assert not result.holds


@pytest.mark.long
def test_two_hundred_thousand_requests_a_minute() -> None:
    import time

    load = random_load(1, 50_000, 60.0, 1000, 200)
    law = StepLaw(0.012, 0.0001, 2e-8, 2e-5, 0.0, 0.0, 0.0, False)
    begin = time.perf_counter()
    run(pool(law, replicas=8, batch=64, tau=0.05, capacity=1e12, kv_per_token_bytes=1e5), load)
    assert 50_000 / (time.perf_counter() - begin) * 60 > 200_000
