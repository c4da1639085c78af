"""One replica: continuous batching in blocks of steps between which nothing changes.

A block ends when a sequence ends, memory runs out, or an admitted request wants to join; how long it takes
is told by :mod:`solver.simulate.pace`.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable

from solver.simulate.job import Job
from solver.simulate.pace import Pace
from solver.simulate.types import PoolSpec

_ROUNDING = 1e-9  # relative; a budget that is met to the last digit is met
_MAX_REPEAT = 16  # identical chunked-prefill steps taken at once


class Replica:
    """State of one replica; the pool calls :meth:`admit` and :meth:`finish_block`."""

    def __init__(self, spec: PoolSpec, first_token: Callable[[Job, float], None]) -> None:
        self.spec, self.first_token, self.pace = spec, first_token, Pace(spec)
        self.advance = spec.tokens_per_step
        self.kv, self.kv_fixed = spec.kv_per_token_bytes, spec.kv_fixed_bytes
        self.step_count = 0
        self.decoding = 0
        self.context_sum = 0.0  # tokens of all decoding sequences
        self.used = 0.0  # KV bytes
        self.waiting: deque[Job] = deque()  # admitted, not yet prefilled
        self.backlog = 0  # prompt tokens of waiting
        self.heap: list[tuple[int, int, Job]] = []  # (finish step, order, job)
        self.order = 0
        self.start = 0.0  # of the block under way
        self.length = 0  # steps of that block; 0: idle
        self.seconds = 0.0  # of that block
        self.version = 0  # of the block, to ignore stale events
        self.present, self.held = 0, 0.0  # sequences and KV bytes at its start
        self.down = False
        self.busy_s = self.batch_seconds = self.kv_seconds = 0.0
        self.peak_batch = self.preemptions = 0
        self.peak_kv = self.longest_step = self.tokens_written = 0.0

    @property
    def sequences(self) -> int:
        """Sequences that hold a slot."""
        return self.decoding + len(self.waiting)

    def open(self) -> bool:
        """Whether a slot is free and the prompts already here leave room in the next step."""
        if self.down or self.decoding + len(self.waiting) >= self.spec.batch:
            return False
        if not self.waiting:
            return True
        base = self.pace.step_s(self.decoding, self.context_sum)
        return self.backlog * self.pace.prefill_s < self.spec.tau_s - base

    def fits(self, job: Job) -> bool:
        """Whether ``job`` can be admitted now: open, and memory for its prompt (if empty, all fits)."""
        need = self.kv * (job.prompt + self.advance) + self.kv_fixed
        return self.open() and (self.used + need <= self.spec.kv_capacity_bytes or self.sequences == 0)

    def admit(self, job: Job, now: float) -> bool:
        """Take a slot; True if the end of the block under way changed."""
        self.waiting.append(job)
        self.order += 1
        there = job.handed and not self.pace.prefill_s  # else what came is written into memory behind a link
        job.order, job.done, job.finish = self.order, job.prompt if there else 0, -1
        self.backlog += job.prompt - job.done
        self.used += self.kv * job.prompt + self.kv_fixed
        if self.length == 0 or (self.length > 0 and now == self.start):
            self.plan(now)  # idle, or a block that began this instant
            return True
        if len(self.waiting) == 1 and self.length > 1:
            return self._cut(now)  # a decode block: join at the next step
        return False

    def end(self) -> float:
        """Time at which the block under way ends."""
        return self.start + self.seconds

    def plan(self, now: float) -> None:
        """Begin the next block, or fall idle."""
        self.start, self.version = now, self.version + 1
        self.present, self.held = self.decoding + len(self.waiting), self.used
        if self.waiting:
            self._plan_prefill()
        elif self.decoding:
            n = max(1, self.heap[0][0] - self.step_count)
            growth = self.decoding * self.advance * self.kv
            if growth > 0 and self.used + n * growth > self.spec.kv_capacity_bytes:
                n = max(1, math.floor((self.spec.kv_capacity_bytes - self.used) / growth) + 1)
            self.length = n
            self.seconds = self.pace.decode_s(n, self.decoding, self.context_sum)
        else:
            self.length, self.seconds = 0, 0.0

    def _cut(self, now: float) -> bool:
        """Shorten the decode block to the first step boundary at or after ``now``."""
        short = self.pace.steps_until(now - self.start, self.length, self.decoding, self.context_sum)
        if short == self.length:
            return False
        self.length = short
        self.seconds = self.pace.decode_s(short, self.decoding, self.context_sum)
        self.version += 1
        return True

    def _plan_prefill(self) -> None:
        base = self.pace.step_s(self.decoding, self.context_sum)
        left = budget = max(self.spec.tau_s - base, 0.0)
        taken = 0
        for job in self.waiting:
            rest = job.prompt - job.done
            cost = self.pace.prefill_work(rest, job.done)
            if cost > left + _ROUNDING * budget:
                job.chunk = min(rest, self.pace.affordable(job.done, left))
                if not taken and job.chunk == 0:
                    job.chunk = 1
                left -= self.pace.prefill_work(job.chunk, job.done)
                break
            job.chunk = rest
            left -= cost
            taken += 1
        self.length, self.seconds = 1, max(self.pace.floor, base + budget - left)
        if taken == 0:
            self._repeat_chunk(self.waiting[0], base)
        self.longest_step = max(self.longest_step, self.seconds / self.length)

    def _repeat_chunk(self, job: Job, base_s: float) -> None:
        """Take several equal chunks of a long prompt at once while no sequence ends meanwhile."""
        n, done, size = min(_MAX_REPEAT, (job.prompt - job.done) // max(job.chunk, 1)), job.done, job.chunk
        if self.pace.quadratic > 0:
            n = min(n, done // (8 * size))  # while the quadratic part changes little
        if self.heap:
            n = min(n, self.heap[0][0] - self.step_count)
        if n > 1:
            job.chunk = tokens = n * size
            work = n * base_s + self.pace.prefill_work(tokens, done)
            work += self.pace.context * self.decoding * self.advance * n * (n - 1) / 2
            self.length, self.seconds = n, max(n * self.pace.floor, work)

    def finish_block(self) -> list[Job]:
        """Apply the block that just ended; returns the jobs that are complete or were preempted.

        A preempted job has steps left; it must be queued again.
        """
        n, now = self.length, self.end()
        self._account(n)
        grown = self.decoding * n * self.advance
        self.step_count += n
        self.context_sum += grown
        self.used += grown * self.kv
        leaving = self._prefilled(now)
        while self.heap and self.heap[0][0] <= self.step_count:
            job = heapq.heappop(self.heap)[2]
            if job.finish >= 0:
                self._release(job)
                job.steps = 0
                leaving.append(job)
        while self.used > self.spec.kv_capacity_bytes and self.decoding > 1:
            leaving.append(self._preempt())
        self.length = 0
        return leaving

    def _prefilled(self, now: float) -> list[Job]:
        """Move prompts whose prefill ended to decoding; returns those that needed a single token."""
        single: list[Job] = []
        waiting = self.waiting
        while waiting and (waiting[0].chunk or waiting[0].handed):
            job = waiting[0]
            job.done += job.chunk
            self.backlog -= job.chunk
            job.chunk = 0
            if job.done < job.prompt:
                break
            waiting.popleft()
            self.tokens_written += job.prompt
            self.first_token(job, now)
            self._start_decoding(job)
            if job.steps <= 1:
                self._release(job)
                job.steps = 0
                single.append(job)
        return single

    def _start_decoding(self, job: Job) -> None:
        job.finish = self.step_count + job.steps - 1
        self.decoding += 1
        self.context_sum += job.prompt + self.advance
        self.used += self.kv * self.advance
        if job.steps > 1:
            heapq.heappush(self.heap, (job.finish, job.order, job))

    def _context(self, job: Job) -> float:
        """Tokens of a decoding job by now."""
        return job.prompt + (job.steps - (job.finish - self.step_count)) * self.advance

    def _release(self, job: Job) -> None:
        tokens = self._context(job)
        self.tokens_written += tokens - job.prompt
        self.decoding -= 1
        self.context_sum -= tokens
        self.used -= self.kv * tokens + self.kv_fixed
        job.finish = -1
        if self.sequences == 0:
            self.context_sum = self.used = 0.0  # no drift of rounding

    def _preempt(self) -> Job:
        """Give up the youngest decoding job: its tokens so far become its prompt."""
        entry = max(self.heap, key=lambda e: e[1])
        self.heap.remove(entry)
        heapq.heapify(self.heap)
        job = entry[2]
        left, tokens = job.finish - self.step_count, self._context(job)
        self._release(job)
        job.prompt, job.steps = math.ceil(tokens), left
        self.preemptions += 1
        return job

    def fail(self) -> list[Job]:
        """Lose everything; returns the jobs to be queued again."""
        for job in self.waiting:
            self.used -= self.kv * job.prompt + self.kv_fixed
            job.done = job.chunk = 0
        lost, before = list(self.waiting), self.preemptions
        self.waiting.clear()
        while self.heap:
            lost.append(self._preempt())
        self.preemptions = before
        self.backlog, self.length, self.seconds = 0, 0, 0.0
        self.version += 1
        self.down = True
        return sorted(lost, key=lambda job: job.order)

    def _account(self, n: int) -> None:
        """Time-weighted sums over the block of ``n`` steps."""
        span = self.seconds
        grown = self.kv * self.decoding * n * self.advance
        self.busy_s += span
        self.batch_seconds += span * self.present
        self.kv_seconds += span * (self.held + grown / 2)
        self.peak_batch = max(self.peak_batch, self.sequences)
        self.peak_kv = max(self.peak_kv, self.used + grown)
        if not self.waiting:
            contexts = self.context_sum + self.decoding * self.advance * (n - 1)
            last = self.pace.step_s(self.decoding, contexts)
            self.longest_step = max(self.longest_step, last, self.pace.floor)
