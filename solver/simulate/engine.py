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
        self.then = [-1] * n if traffic.then is None else traffic.then.tolist()
        self.steps = [0] * n if traffic.steps is None else traffic.steps.tolist()
        self.handovers: list[tuple[float, int]] = []  # when the KV of a request reaches its decode pool
        self.resumed: dict[int, tuple[int, int]] = {}  # requests prefilled again: prompt, steps left
        self.now = 0.0

    def _first_token(self, job: Job, now: float) -> None:
        """The first token counts when the pool that decodes has it."""
        if job.started:
            return
        job.started = True
        if self.then[job.index] < 0 or (job.handed and math.isnan(self.first[job.index])):
            self.first[job.index] = now

    def arrive(self, i: int, now: float) -> None:
        """A request comes to the pool that prefills it."""
        p = int(self.traffic.pool[i])
        prompt, output = max(int(self.traffic.prompt[i]), 1), int(self.traffic.output[i])
        apart = self.then[i] >= 0
        steps = 1 if apart else math.ceil(output / self.pools[p].spec.tokens_per_step)
        self._enter(Job(i, prompt, self.steps[i] or steps), p, now)

    def handed_over(self, i: int, now: float) -> None:
        """The KV of a request reaches the pool that decodes it."""
        p = self.then[i]
        steps = math.ceil(int(self.traffic.output[i]) / self.pools[p].spec.tokens_per_step)
        prompt, steps = self.resumed.pop(i, (max(int(self.traffic.prompt[i]), 1), steps))
        self._enter(Job(i, prompt, steps, handed=True), p, now)

    def _enter(self, job: Job, p: int, now: float) -> None:
        """To a replica at once if the queue is empty and one is free."""
        pool = self.pools[p]
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
                self._again(job, pool)
            elif self.then[job.index] >= 0 and not job.handed:
                assert self.traffic.handover_s is not None
                arrives = now + float(self.traffic.handover_s[job.index])
                heapq.heappush(self.handovers, (arrives, job.index))
            else:
                self.last[job.index] = now
        replica.length = -1  # admissions below must not plan yet
        while pool.queue and replica.fits(pool.queue[0]):
            replica.admit(pool.queue.popleft(), now)
        replica.plan(now)
        if replica.length:
            heapq.heappush(self.events, (replica.end(), p, r, replica.version))
        pool.update(r)

    def _again(self, job: Job, pool: Pool) -> None:
        """What lost its KV returns to the head of the queue; of the prefill pool, if that made it."""
        if job.handed:
            self.resumed[job.index] = (job.prompt, job.steps)
            p = int(self.traffic.pool[job.index])
            self.pools[p].queue.appendleft(Job(job.index, job.prompt, 1))
            self._admit_waiting(p)
        else:
            pool.queue.appendleft(job)

    def _admit_waiting(self, p: int) -> None:
        """Requests that wait go to replicas that can take them."""
        pool = self.pools[p]
        while pool.queue and (r := pool.choose(pool.queue[0])) >= 0:
            self._admit(pool, p, r, pool.queue.popleft(), self.now)

    def fail(self, failure: Failure, now: float) -> None:
        """A replica goes down; what it held returns to the head of the queue."""
        pool = self.pools[failure.pool]
        replica = pool.replicas[failure.replica]
        if replica.down:
            return
        for job in reversed(replica.fail()):
            self._again(job, pool)
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
    events, handovers = state.events, state.handovers
    while True:
        state.now = now
        next_arrival = arrivals[i] if i < n else math.inf
        if handovers and handovers[0][0] < next_arrival:
            next_arrival = handovers[0][0]
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
        elif handovers and handovers[0][0] == next_arrival:
            now, index = heapq.heappop(handovers)
            state.handed_over(index, now)
        else:
            now = next_arrival
            if targets[i] >= 0:
                state.arrive(i, now)
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
