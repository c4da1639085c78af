"""The burstiness that the waiting formula needs for a trace, found by queueing the trace itself.

Which bursts matter depends on how long a request stays and how long it may wait: bursts of seconds delay
the turns of prompts, bursts of minutes the slots. So the trace is sent through plain queues of several time
scales: slots that a request holds while its tokens are written at the promised pace or faster, and turns
of its prompt that take a tenth or three tenths of the promised time to the first token. For each queue

- the fewest servers are found with which the promise is kept by so many of the replayed pieces of the trace
  that at least 95 % of all pieces keep it, with 95 % confidence: all but 2 of 124 (binomial distribution);
- the burstiness with which :func:`~solver.performance.queueing.wait_probability` asks for as many is found
  by bisection.

Each is stated with the queue's time scale, hold and permitted wait together, raised to the largest of the
shorter times where it is less. Pieces begin at random places of the trace (a ring) and lay copies over each
other where the demand is above the trace's rate, as a replay does.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from solver.domain.bursts import Bursts
from solver.inputs.trace_statistics import busiest_arrivals, spread_within_seconds
from solver.inputs.traces import Trace
from solver.performance.queueing import wait_probability
from solver.simulate.arrivals import Stream, scale_trace
from solver.simulate.types import Floats

#: Replays of each queue and how many may fail: if 5 % of all pieces failed, 2 or fewer of 124 would by 5 %.
PIECES, MAY_FAIL = 124, 2
#: Requests in a piece, a fifth of which only fill the servers: a surge fills short pieces, long ones meet it
#: more often, so several lengths count, the longest some minutes of a busy service.
_REQUESTS, _MOST = (1250, 4000, 16_000), 40_000
_STAYS = 10.0  # mean stays that a piece lasts at least
_PACES = (1.0, 0.25)  # paces of the tokens tried, in times permitted per token
#: Mean times of a prompt's turn and times it may wait for it, in permitted times to the first token.
_TURNS = ((0.1, 0.15), (0.1, 0.5), (0.3, 1.0))
_SLOT_WAIT = 1.0  # the same for a slot
_LEAST = 4.0  # servers held on average: below, a demand so many times higher is queued
_COPIES = 10_000  # of the trace laid over each other for that, at most: a log may be sparse
_STEP = 1.25  # by which servers are added
_LARGEST = 1e5
HOUR_S = 3600.0
_FEW = 10  # requests below which a trace says nothing of bursts


@dataclass(frozen=True)
class Pace:
    """What the service promises: seconds to the first token and per output token, share that may be late."""

    ttft_s: float
    tpot_s: float
    miss: float


def bursts_of(trace: Trace, rates_rps: Sequence[float], scale: float, pace: Pace) -> Bursts:
    """Burstiness to plan with for the demand ``rates_rps`` (by hour, or one for the whole trace) x ``scale``.

    Where the demand has a curve, the busiest hour of the trace counts, which also tells how far single days
    leave the mean of all days. Fewer than 10 requests tell nothing and count as Poisson traffic, 1.
    """
    arrival_s = spread_within_seconds(trace.arrival_s)
    first, count = 0, len(arrival_s)
    if len(rates_rps) > 1:
        hour = busiest_arrivals(trace, HOUR_S)
        first, count = int(np.searchsorted(trace.arrival_s, hour[0])), len(hour)
    span_s = HOUR_S if len(rates_rps) > 1 else float(arrival_s[-1] - arrival_s[0])
    stated, own = max(rates_rps), count / max(span_s, 1e-9)
    if count < _FEW or span_s <= 0:
        return Bursts((pace.ttft_s,), (1.0,))
    mine = slice(first, first + count)
    requests = Stream(
        arrival_s[mine] - arrival_s[first],
        trace.prompt_tokens[mine],
        trace.output_tokens[mine],
        np.arange(count),
    )
    factor = scale or 1.0
    return needed_bursts(requests, max(stated, own) * factor, stated * factor, pace)


def needed_bursts(requests: Stream, rate_rps: float, stated_rps: float, pace: Pace) -> Bursts:
    """Burstiness with which the demand ``stated_rps`` asks for what ``requests`` need at ``rate_rps``.

    Of longer times than the trace's nothing can be told: a hold counts up to its length, and up to the
    servers that a piece can fill.
    """
    found: list[tuple[float, float]] = []
    span_s = float(requests.arrival_s[-1] - requests.arrival_s[0])
    longest_s = min(span_s, _MOST / rate_rps) if span_s > 0 else math.inf
    for held_s, wait_s in _queues(requests, pace):
        hold_s = np.minimum(held_s, longest_s)
        growth = max(1.0, _LEAST / (rate_rps * max(float(hold_s.mean()), 1e-9)))
        growth = min(growth, max(1.0, _COPIES * len(requests.arrival_s) / (rate_rps * max(span_s, 1e-9))))
        stays = _STAYS * float(hold_s.mean()) * rate_rps * growth
        needs: list[_Need] = []
        for count in sorted({min(max(count, stays), _MOST) for count in _REQUESTS}):
            pieces = _pieces(requests, hold_s, rate_rps * growth, count)
            queue = _Queue(pieces, hold_s, stated_rps * growth, wait_s, pace.miss)
            if not any(queue.bears(need) for need in needs):  # else longer pieces ask for no more
                needs.append(queue.needs())
        found.append((min(n.time_s for n in needs), max(n.burstiness for n in needs)))
    found.sort()
    rising = np.maximum.accumulate([burstiness for _, burstiness in found]).tolist()
    kept = [n for n in range(len(found)) if n == 0 or rising[n] > rising[n - 1]]
    return Bursts(tuple(found[n][0] for n in kept), tuple(rising[n] for n in kept))


def _queues(requests: Stream, pace: Pace) -> Iterator[tuple[Floats, float]]:
    """Seconds for which each request holds a server, and for which it may wait for it."""
    output, prompt = requests.output.astype(np.float64), requests.prompt.astype(np.float64)
    for times in _PACES:
        yield output * (times * pace.tpot_s), _SLOT_WAIT * pace.ttft_s
    for turn, wait in _TURNS:
        yield prompt * (turn * pace.ttft_s / max(float(prompt.mean()), 1e-9)), wait * pace.ttft_s


@dataclass(frozen=True)
class _Piece:
    """Part of the trace: arrivals, holds, end of the filling."""

    arrival_s: list[float]
    hold_s: Floats
    filled_s: float


def _pieces(requests: Stream, hold_s: Floats, rate_rps: float, count: float) -> list[_Piece]:
    """Pieces of about ``count`` requests; ``bucket`` of a stream is the request's place in ``hold_s``."""
    pieces, lasts_s = [], count / rate_rps
    for seed in range(PIECES):
        piece = scale_trace(np.random.default_rng([seed, 5]), requests, rate_rps, lasts_s)
        pieces.append(_Piece(piece.arrival_s.tolist(), hold_s[piece.bucket], 0.2 * lasts_s))
    return pieces


@dataclass(frozen=True)
class _Need:
    """Servers and the longest holds (in times the stated ones) with which pieces keep the promise; the time
    scale, and the largest burstiness with which the formula permits just that."""

    servers: int
    longer: float
    time_s: float
    burstiness: float


@dataclass(frozen=True)
class _Queue:
    """Pieces of the trace before one kind of servers, and what the formula is told of it."""

    pieces: list[_Piece]
    hold_s: Floats
    stated_rps: float
    wait_s: float
    miss: float

    def bears(self, need: _Need) -> bool:
        """Whether these pieces keep the promise too with what others need."""
        return len(self._failing(self.pieces, need.servers, need.longer)) <= MAY_FAIL

    def needs(self) -> _Need:
        """What the pieces need.

        Servers are added until the pieces pass, then holds grow as long as they do: servers are whole
        numbers, holds are not.
        """
        mean = max(float(self.hold_s.mean()), 1e-9)
        servers, open_ = max(1, math.ceil(self.stated_rps * mean)), self.pieces
        while len(failing := self._failing(open_, servers, 1.0)) > MAY_FAIL:
            servers, open_ = math.ceil(servers * _STEP), failing  # what passed passes with more servers
        low, high = 1.0, 2.0 * _STEP
        open_ = self.pieces
        while high > 1.01 * low:
            middle = math.sqrt(low * high)
            failing = self._failing(open_, servers, middle)
            if len(failing) > MAY_FAIL:
                high, open_ = middle, failing  # what passed passes with shorter holds
            else:
                low = middle
        hold = low * mean
        used = self.stated_rps * hold / servers
        cv2 = float(self.hold_s.var()) / mean**2

        def holds(burstiness: float) -> bool:
            at, share = np.array([float(servers)]), np.array([used])
            return float(wait_probability(at, share, hold, self.wait_s, burstiness, cv2)[0]) <= self.miss

        burstiness = 1.0 if used >= 1 else _largest(holds, 1.0, _LARGEST)
        return _Need(servers, low, hold + self.wait_s, burstiness)

    def _failing(self, pieces: list[_Piece], servers: int, longer: float) -> list[_Piece]:
        """Pieces that miss the promise with holds that are ``longer`` times theirs."""
        return [
            p
            for p in pieces
            if late_share(p.arrival_s, (p.hold_s * longer).tolist(), servers, self.wait_s, p.filled_s)
            > self.miss
        ]


def late_share(
    arrival_s: list[float], hold_s: list[float], servers: int, wait_s: float, filled_s: float
) -> float:
    """Share of the requests from ``filled_s`` on that wait for more than ``wait_s``, in order of arrival."""
    free = [0.0] * servers  # when each server is free
    late = counted = 0
    replace = heapq.heapreplace
    for at, hold in zip(arrival_s, hold_s, strict=True):
        begin = max(free[0], at)
        replace(free, begin + hold)
        if at >= filled_s:
            counted += 1
            late += begin - at > wait_s
    return late / counted if counted else 0.0


def _largest(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The largest value between ``low`` and ``high`` that still holds (``low`` if none does), to 1 %."""
    if not holds(low):
        return low
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
