"""The replay: arrivals, one queue per pool, and the replicas' blocks in order of time."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from solver.simulate.job import Job
from solver.simulate.replica import Replica
from solver.simulate.summary import summarise
from solver.simulate.types import Failure, Floats, PoolSpec, ReplayResult, ServiceSpec, Traffic

_PROGRESS_EVERY = 4096


class Pool:
    """Replicas of one operating point and the queue before them."""

    def __init__(self, spec: PoolSpec, first_token: Callable[[Job, float], None]) -> None:
        self.spec = spec
        self.replicas = [Replica(spec, first_token) for _ in range(spec.replicas)]
        self.queue: deque[Job] = deque()
        self.loads = np.zeros(spec.replicas)  # prompt tokens to prefill + a tie-break; inf: no slot

    def update(self, r: int) -> None:
        """Refresh the load by which the queue chooses a replica."""
        replica = self.replicas[r]
        load = replica.backlog + replica.sequences / (self.spec.batch + 1)
        self.loads[r] = load if replica.open() else math.inf

    def choose(self, job: Job) -> int:
        """The least loaded replica that can take ``job`` now, or -1."""
        best = int(self.loads.argmin())
        if self.loads[best] == math.inf:
            return -1
        if self.replicas[best].fits(job):
            return best
        order = np.argsort(self.loads, kind="stable")[: int(np.isfinite(self.loads).sum())]
        return next((int(r) for r in order if self.replicas[r].fits(job)), -1)


class _Replay:
    """Mutable state of one replay."""

    def __init__(self, pools: Sequence[PoolSpec], traffic: Traffic) -> None:
        n = len(traffic)
        self.traffic = traffic
        self.first, self.last = np.full(n, np.nan), np.full(n, np.nan)
        self.pools = [Pool(spec, self._first_token) for spec in pools]
        self.events: list[tuple[float, int, int, int]] = []  # time, pool, replica, version
        self.now = 0.0

    def _first_token(self, job: Job, now: float) -> None:
        if not job.started:
            job.started = True
            self.first[job.index] = now

    def arrive(self, i: int, pool: Pool, p: int, now: float) -> None:
        """A request comes: to a replica at once if the queue is empty and one is free."""
        spec = pool.spec
        prompt, output = max(int(self.traffic.prompt[i]), 1), int(self.traffic.output[i])
        job = Job(i, prompt, math.ceil(output / spec.tokens_per_step))
        r = -1 if pool.queue else pool.choose(job)
        if r < 0:
            pool.queue.append(job)
        else:
            self._admit(pool, p, r, job, now)

    def _admit(self, pool: Pool, p: int, r: int, job: Job, now: float) -> None:
        replica = pool.replicas[r]
        if replica.admit(job, now):
            heapq.heappush(self.events, (replica.end(), p, r, replica.version))
        pool.update(r)

    def block_ended(self, p: int, r: int, version: int, now: float) -> None:
        """A replica finished its block: completions leave, waiting requests enter, the next block begins."""
        pool = self.pools[p]
        replica = pool.replicas[r]
        if version != replica.version or replica.down:
            return
        for job in replica.finish_block():
            if job.steps:
                pool.queue.appendleft(job)
            else:
                self.last[job.index] = now
        replica.length = -1  # admissions below must not plan yet
        while pool.queue and replica.fits(pool.queue[0]):
            replica.admit(pool.queue.popleft(), now)
        replica.plan(now)
        if replica.length:
            heapq.heappush(self.events, (replica.end(), p, r, replica.version))
        pool.update(r)

    def fail(self, failure: Failure, now: float) -> None:
        """A replica goes down; what it held returns to the head of the queue."""
        pool = self.pools[failure.pool]
        replica = pool.replicas[failure.replica]
        pool.queue.extendleft(reversed(replica.fail()))
        pool.update(failure.replica)
        for r in range(len(pool.replicas)):
            while pool.queue and r != failure.replica and pool.replicas[r].fits(pool.queue[0]):
                self._admit(pool, failure.pool, r, pool.queue.popleft(), now)

    def repair(self, failure: Failure, now: float) -> None:
        """A replica comes back, empty."""
        pool = self.pools[failure.pool]
        pool.replicas[failure.replica].down = False
        pool.update(failure.replica)
        while pool.queue and pool.replicas[failure.replica].fits(pool.queue[0]):
            self._admit(pool, failure.pool, failure.replica, pool.queue.popleft(), now)


def replay(
    pools: Sequence[PoolSpec],
    services: Sequence[ServiceSpec],
    traffic: Traffic,
    *,
    failures: Sequence[Failure] = (),
    warm_up_s: float = 0.0,
    progress: Callable[[float], None] | None = None,
) -> ReplayResult:
    """Replay ``traffic`` through ``pools`` until every request is served.

    Requests that arrive before ``warm_up_s`` load the replicas but do not count in the percentiles.
    ``progress`` is told the share of arrivals seen. Nothing here is random: chance lies in the traffic.
    """
    state = _Replay(pools, traffic)
    changes = sorted(
        [(f.start_s, 1, f) for f in failures] + [(f.start_s + f.repair_s, 0, f) for f in failures],
        key=lambda c: c[:2],
    )
    arrivals, targets = traffic.arrival_s.tolist(), traffic.pool.tolist()
    i, n, change, now = 0, len(arrivals), 0, 0.0
    events = state.events
    while True:
        next_arrival = arrivals[i] if i < n else math.inf
        next_event = events[0][0] if events else math.inf
        next_change = changes[change][0] if change < len(changes) else math.inf
        if next_arrival == next_event == math.inf and (next_change == math.inf or _nothing_waits(state)):
            break
        if next_event <= next_arrival and next_event <= next_change:
            now, p, r, version = heapq.heappop(events)
            state.block_ended(p, r, version, now)
        elif next_change <= next_arrival:
            now, down, failure = changes[change]
            change += 1
            (state.fail if down else state.repair)(failure, now)
        else:
            now, p = next_arrival, targets[i]
            if p >= 0:
                state.arrive(i, state.pools[p], p, now)
            i += 1
            if progress is not None and i % _PROGRESS_EVERY == 0:
                progress(i / n)
    return _result(state, services, warm_up_s, now)


def _nothing_waits(state: _Replay) -> bool:
    return not any(pool.queue for pool in state.pools)


def _result(state: _Replay, services: Sequence[ServiceSpec], warm_up_s: float, end_s: float) -> ReplayResult:
    traffic = state.traffic
    overhead = np.array([p.spec.step.ttft_overhead_s for p in state.pools] + [np.nan])
    extra: Floats = overhead[traffic.pool]
    if traffic.further_s is not None:
        extra = extra + traffic.further_s
    ttft = state.first - traffic.arrival_s + extra
    total = state.last - traffic.arrival_s + extra
    with np.errstate(invalid="ignore", divide="ignore"):
        tpot = np.where(traffic.output > 1, (state.last - state.first) / (traffic.output - 1), 0.0)
    return summarise(state.pools, services, traffic, (ttft, tpot, total), warm_up_s, end_s)
