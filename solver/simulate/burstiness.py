"""The burstiness that the waiting formula needs for a trace, found by queueing the trace itself.

Which bursts matter depends on how long a request stays, how full the pool is and how long it may wait: bursts
of seconds fill a large pool of short requests, bursts of minutes one that is used to 95 %. The variance over
the mean of the counts in one window answers for that window only. So the trace is sent through plain
queues: slots that a request holds while its tokens are written at the promised pace, and turns of its
prompt that take a tenth or three tenths of the promised time to the first token. For each queue

- the fewest servers with which at least 95 % of the replayed pieces keep the percentile of waits are
  found by trial;
- the burstiness with which :func:`~solver.performance.queueing.wait_probability` asks for as many is found
  by bisection, and raised to the safe side.

The largest of them is what the workload states. Pieces begin at random places of the trace (a ring) and lay
copies over each other where the demand is above the trace's rate, as a replay does.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from solver.inputs.trace_statistics import busiest_arrivals, spread_within_seconds
from solver.inputs.traces import Trace
from solver.performance.queueing import wait_probability
from solver.simulate.arrivals import Stream, scale_trace
from solver.simulate.types import Floats

#: A plan's pools have two queues each, and replays differ: factor on the excess over random traffic, as long
#: as it does not ask for more than so many times the servers beyond the mean load.
SAFETY, MOST_SPARE = 2.0, 1.5
_PIECES = 20  # replays of each queue, of which one may fail
_REQUESTS, _MOST = 4000, 40_000  # in a piece
_STAYS = 10.0  # mean stays that a piece lasts at least; a fifth of it only fills the servers
_GROWTHS = (1.0, 8.0)  # multiples of the demand at which the slots are tried
_MANY = 500  # slots beyond which no multiple is tried: large pools need less
_TURNS = (0.1, 0.3)  # mean times of a prompt's turn, in permitted times to the first token
_TURN_LOADS = (1.0, 8.0)  # prompts in turn at once, on average
_WAIT = 0.5  # part of the permitted time to the first token that is left to each wait
_LARGEST = 1e5
HOUR_S = 3600.0
_FEW = 10  # requests below which a trace says nothing of bursts


@dataclass(frozen=True)
class Pace:
    """What the service promises: seconds to the first token and per output token, share that may be late."""

    ttft_s: float
    tpot_s: float
    miss: float


def burstiness_of(trace: Trace, rates_rps: Sequence[float], scale: float, pace: Pace) -> float:
    """Burstiness to state with the demand ``rates_rps`` (by hour, or one for the whole trace) x ``scale``.

    Where the demand has a curve, the busiest hour of the trace counts, which also tells how far single days
    leave the mean of all days. The trace at its own rate counts too, whatever the scale. Fewer than 10
    requests tell nothing and count as Poisson traffic, 1.
    """
    arrival_s = spread_within_seconds(trace.arrival_s)
    first, count = 0, len(arrival_s)
    if len(rates_rps) > 1:
        hour = busiest_arrivals(trace, HOUR_S)
        first, count = int(np.searchsorted(trace.arrival_s, hour[0])), len(hour)
    span_s = HOUR_S if len(rates_rps) > 1 else float(arrival_s[-1] - arrival_s[0])
    stated, own = max(rates_rps), count / max(span_s, 1e-9)
    if count < _FEW or span_s <= 0:
        return 1.0
    mine = slice(first, first + count)
    requests = Stream(
        arrival_s[mine] - arrival_s[first],
        trace.prompt_tokens[mine],
        trace.output_tokens[mine],
        np.arange(count),
    )
    factors = {1.0, scale} if scale > 0 else {1.0}
    return max(needed_burstiness(requests, max(stated, own) * f, stated * f, pace) for f in factors)


def needed_burstiness(requests: Stream, rate_rps: float, stated_rps: float, pace: Pace) -> float:
    """Burstiness with which the demand ``stated_rps`` asks for what ``requests`` need at ``rate_rps``."""
    largest = 1.0
    for growth, hold_s in _queues(requests, rate_rps, pace):
        queue = _Queue.of(requests, rate_rps * growth, stated_rps * growth, hold_s, pace)
        largest = max(largest, queue.burstiness())
    return largest


def _queues(requests: Stream, rate_rps: float, pace: Pace) -> Iterator[tuple[float, Floats]]:
    """Factor on the demand and the seconds for which each request holds a server."""
    output, prompt = requests.output.astype(np.float64), requests.prompt.astype(np.float64)
    slots = float(output.mean()) * pace.tpot_s * rate_rps
    for growth in (g for g in _GROWTHS if g == 1 or slots * g <= _MANY):
        yield growth, output * pace.tpot_s
    for turn in _TURNS:
        hold_s = prompt * (turn * pace.ttft_s / max(float(prompt.mean()), 1e-9))
        for growth in sorted({max(1.0, load / (rate_rps * turn * pace.ttft_s)) for load in _TURN_LOADS}):
            yield growth, hold_s


@dataclass(frozen=True)
class _Queue:
    """Pieces of the trace before one kind of servers; ``bucket`` of a stream is the request's place."""

    pieces: tuple[tuple[list[float], list[float], float], ...]  # arrivals, holds, end of the filling
    load: float  # servers held at the stated rate, on average
    hold_s: float
    cv2_hold: float
    wait_s: float
    miss: float

    @classmethod
    def of(cls, requests: Stream, rate_rps: float, stated_rps: float, hold_s: Floats, pace: Pace) -> _Queue:
        mean = max(float(hold_s.mean()), 1e-9)
        least = min(max(_REQUESTS, _STAYS * mean * rate_rps), _MOST)
        pieces = []
        for seed in range(_PIECES):
            piece = scale_trace(np.random.default_rng([seed, 5]), requests, rate_rps, least / rate_rps)
            held = hold_s[piece.bucket].tolist()
            pieces.append((piece.arrival_s.tolist(), held, 0.2 * least / rate_rps))
        cv2 = float(hold_s.var()) / mean**2
        return cls(tuple(pieces), stated_rps * mean, mean, cv2, _WAIT * pace.ttft_s, pace.miss)

    def burstiness(self) -> float:
        """What the formula must be told to ask for what the pieces need, and somewhat more."""
        spare = self._servers() - self.load
        return min(1 + SAFETY * (self._asks(spare) - 1), self._asks(MOST_SPARE * spare))

    def _asks(self, spare: float) -> float:
        """The burstiness at which the formula asks for ``spare`` servers beyond the mean load."""
        if spare <= 0:
            return 1.0
        return _largest(lambda z: self._late(self.load + spare, z) <= self.miss, 1.0, _LARGEST)

    def _late(self, servers: float, burstiness: float) -> float:
        at, used = np.array([servers]), np.array([self.load / servers])
        late = wait_probability(at, used, self.hold_s, self.wait_s, burstiness, self.cv2_hold)
        return float(late[0])

    def _servers(self) -> float:
        """Between the most servers that fail and the fewest that pass."""
        low, high = 0, max(1, math.ceil(self.load))
        while not self._pass(high):
            low, high = high, math.ceil(1.3 * high) + 1
        while high - low > max(1, high // 100):
            middle = (low + high) // 2
            low, high = (low, middle) if self._pass(middle) else (middle, high)
        return (low + high) / 2

    def _pass(self, servers: int) -> bool:
        failed = 0
        for arrival_s, hold_s, filled_s in self.pieces:
            failed += late_share(arrival_s, hold_s, servers, self.wait_s, filled_s) > self.miss
            if failed > 0.05 * len(self.pieces):
                return False
        return True


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
