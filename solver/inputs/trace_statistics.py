"""What a workload file keeps of a trace: length histogram and rate by hour."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from solver.domain.workload import LengthBucket
from solver.inputs.traces import Trace

HOUR_S = 3600.0


def joint_histogram(
    prompt: NDArray[np.int64], output: NDArray[np.int64], cells: int = 12
) -> tuple[LengthBucket, ...]:
    """At most ``cells`` rectangles in (prompt, output); each carries the exact means of its requests.

    Starting from one cell, the split that most reduces the squared deviations from the cell means (prompt
    and output each in units of its overall mean) is made until there are enough: a regression tree. Totals
    of prompt and output tokens are those of the trace; what is lost is the spread inside a cell.
    """
    points = np.column_stack([prompt, output]).astype(np.float64)
    scaled = points / np.maximum(points.mean(axis=0), 1e-9)
    everything = np.arange(len(points))
    finished: list[NDArray[np.int64]] = []
    queue: list[tuple[float, int, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
    serial = 0

    def push(members: NDArray[np.int64]) -> None:
        """Queue a cell (positions of its requests) by what its best split gains, or keep it as it is."""
        nonlocal serial
        gain, left, right = _best_split(scaled, members)
        if gain > 0:
            heapq.heappush(queue, (-gain, serial, members, left, right))
            serial += 1
        else:
            finished.append(members)

    push(everything)
    while queue and len(queue) + len(finished) < cells:
        *_, left, right = heapq.heappop(queue)
        push(left)
        push(right)
    groups = finished + [members for _, _, members, _, _ in queue]
    return tuple(sorted((_bucket(points, members) for members in groups), key=_order))


def _order(bucket: LengthBucket) -> tuple[float, float]:
    return bucket.prompt_tokens, bucket.output_tokens


def _bucket(points: NDArray[np.float64], members: NDArray[np.int64]) -> LengthBucket:
    chosen = points[members]
    prompt, output = chosen.mean(axis=0)
    prompt_max, output_max = chosen.max(axis=0)
    return LengthBucket(
        prompt_tokens=float(prompt),
        output_tokens=float(output),
        share=len(members) / len(points),
        prompt_max=float(prompt_max),
        output_max=float(output_max),
    )


def _best_split(
    scaled: NDArray[np.float64], members: NDArray[np.int64]
) -> tuple[float, NDArray[np.int64], NDArray[np.int64]]:
    """The threshold in prompt or output with the largest reduction of squared deviations."""
    best = (0.0, members, members[:0])
    for axis in (0, 1):
        order = members[np.argsort(scaled[members, axis], kind="stable")]
        values = scaled[order]
        count = np.arange(1, len(order))
        sums = values.cumsum(axis=0)
        left, total = sums[:-1], sums[-1]
        between = (left**2).sum(axis=1) / count + ((total - left) ** 2).sum(axis=1) / (len(order) - count)
        gains = between - (total**2).sum() / len(order)
        gains[values[1:, axis] == values[:-1, axis]] = 0.0
        if len(gains) and gains.max() > best[0] + 1e-12:
            cut = int(gains.argmax()) + 1
            best = (float(gains.max()), np.sort(order[:cut]), np.sort(order[cut:]))
    return best


def rate_curve(trace: Trace, busiest_s: float = 0.0) -> tuple[float, ...]:
    """Requests per second by hour: 168 values from a week on, 24 from a day on, else one.

    Hour 0 is midnight (168 values: of Monday) where the trace tells wall-clock time, else its start. The
    value is the mean rate, or with ``busiest_s`` that of the busiest window of so many seconds.
    """
    span = trace.duration_s
    hours = 168 if span >= 168 * HOUR_S else 24 if span >= 24 * HOUR_S else 1
    offset = 0.0
    if trace.start is not None and hours > 1:
        offset = trace.start.hour * HOUR_S + trace.start.minute * 60 + trace.start.second
        offset += trace.start.weekday() * 24 * HOUR_S if hours == 168 else 0.0
    clock = trace.arrival_s + offset
    if busiest_s > 0:
        return _busiest(clock, busiest_s, hours)
    if hours == 1:
        return ((len(trace) - 1) / span if span > 0 else float(len(trace)),)
    counts = np.bincount((clock // HOUR_S).astype(np.int64) % hours, minlength=hours)
    return tuple(float(n) for n in counts / _seconds_covered(float(clock[0]), float(clock[-1]), hours))


def _busiest(clock: NDArray[np.float64], window_s: float, hours: int) -> tuple[float, ...]:
    """The most arrivals in any window that begins with an arrival in that hour, per second."""
    rates = np.zeros(hours)
    hour = (clock // HOUR_S).astype(np.int64) % hours
    np.maximum.at(rates, hour, _following(clock, window_s) / window_s)
    return tuple(float(rate) for rate in rates)


def _following(clock: NDArray[np.float64], window_s: float) -> NDArray[np.int64]:
    """For each arrival, how many there are in the window that begins with it."""
    counts: NDArray[np.int64] = np.searchsorted(clock, clock + window_s, side="left") - np.arange(len(clock))
    return counts


def busiest_arrivals(trace: Trace, window_s: float) -> NDArray[np.float64]:
    """The arrivals of the busiest window of the whole trace."""
    return trace.arrival_s[busiest_window(trace, window_s)]


def busiest_window(trace: Trace, window_s: float) -> slice:
    """The requests of the busiest window of the whole trace."""
    counts = _following(trace.arrival_s, window_s)
    first = int(counts.argmax())
    return slice(first, first + int(counts[first]))


def busiest_ratio(trace: Trace, window_s: float) -> float:
    """Rate of the busiest window over the mean rate."""
    busiest = len(busiest_arrivals(trace, window_s)) / window_s
    return busiest * max(trace.duration_s, window_s) / len(trace)


def _seconds_covered(start: float, end: float, hours: int) -> NDArray[np.float64]:
    """Seconds of the interval that fall into each hour of the day or week."""
    covered = np.zeros(hours)
    first, last = int(start // HOUR_S), int(end // HOUR_S)
    for hour in range(first, last + 1):
        covered[hour % hours] += min(end, (hour + 1) * HOUR_S) - max(start, hour * HOUR_S)
    return np.maximum(covered, 1e-9)


def spread_within_seconds(arrival_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times in order; whole seconds are spread within their second by fixed pseudo-random parts."""
    times = np.sort(arrival_s.astype(np.float64))
    if len(times) > 1 and bool(np.all(times == np.floor(times))):
        times = np.sort(times + np.random.default_rng(0).random(len(times)))
    return times
