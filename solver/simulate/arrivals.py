"""Traffic for a replay: from a trace scaled to the demand, or generated with a given burstiness.

Lengths are drawn from the cells of the joint histogram and stand at the cell's means, so lengths vary
between cells but not within one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.domain.workload import LengthBucket
from solver.simulate.types import Floats, Ints, Traffic


@dataclass(frozen=True)
class Stream:
    """Requests of one service before routing: seconds since the start, tokens, and length bucket."""

    arrival_s: Floats
    prompt: Ints
    output: Ints
    bucket: Ints


_MANY = 256  # copies of a trace beyond which they are laid at once
_SPARSE = 0.01  # share of a trace's requests below which those kept are drawn, not laid and thinned


def gaps(rng: np.random.Generator, count: int, cv2: float, family: str = "gamma") -> Floats:
    """``count`` positive numbers with mean 1 and squared coefficient of variation ``cv2``.

    ``gamma``: independent Gamma gaps (0: constant, 1: exponential). ``hyperexponential``: two phases
    with balanced means for cv2 > 1 (Gamma below).
    """
    if cv2 == 0:
        return np.ones(count)
    if family == "gamma" or cv2 <= 1:
        return rng.gamma(1 / cv2, cv2, count)
    if family != "hyperexponential":
        raise ValueError(f"unknown family of gaps {family!r}; write gamma or hyperexponential")
    p = 0.5 * (1 + np.sqrt((cv2 - 1) / (cv2 + 1)))
    means = np.where(rng.random(count) < p, 1 / (2 * p), 1 / (2 * (1 - p)))
    return np.asarray(rng.exponential(means), dtype=np.float64)


def generate_arrivals(
    rng: np.random.Generator, rate_rps: Sequence[float], interval_s: float, cv2: float, family: str = "gamma"
) -> Floats:
    """Arrival times of a renewal process whose rate is ``rate_rps[k]`` in the k-th interval.

    A renewal process of rate 1 is run through the inverse of the cumulated rate, so that every
    interval keeps the burstiness. The first gap is a random share of a gap.
    """
    rates = np.asarray(rate_rps, dtype=np.float64)
    cumulated = np.concatenate([[0.0], np.cumsum(rates * interval_s)])
    total = cumulated[-1]
    if total <= 0:
        return np.zeros(0)
    times = np.zeros(0)
    last = -float(rng.random()) * float(gaps(rng, 1, cv2, family)[0])
    while last < total:
        count = int(total - max(last, 0.0) + 4 * np.sqrt(total * max(cv2, 1)) + 16)
        times = np.concatenate([times, last + np.cumsum(gaps(rng, count, cv2, family))])
        last = float(times[-1])
    keep = rates > 0
    grid = np.concatenate([[0.0], (np.arange(len(rates)) + 1) * interval_s])
    times = times[(times < total) & (times >= 0)]
    if keep.all():
        return np.asarray(np.interp(times, cumulated, grid), dtype=np.float64)
    steps = np.searchsorted(cumulated, times, side="right") - 1
    return np.asarray(grid[steps] + (times - cumulated[steps]) / rates[steps], dtype=np.float64)


def generate(
    rng: np.random.Generator,
    rate_rps: Sequence[float],
    interval_s: float,
    cv2: float,
    lengths: Sequence[LengthBucket],
    family: str = "gamma",
) -> Stream:
    """A stream with generated arrivals and lengths drawn from the histogram's cells."""
    return with_lengths(rng, generate_arrivals(rng, rate_rps, interval_s, cv2, family), lengths)


def with_lengths(rng: np.random.Generator, arrival: Floats, lengths: Sequence[LengthBucket]) -> Stream:
    """Arrivals with lengths drawn from the histogram's cells."""
    shares = np.array([b.share for b in lengths])
    bucket = rng.choice(len(lengths), size=len(arrival), p=shares / shares.sum()).astype(np.int64)
    prompt = np.array([max(1, round(b.prompt_tokens)) for b in lengths], dtype=np.int64)
    output = np.array([max(1, round(b.output_tokens)) for b in lengths], dtype=np.int64)
    return Stream(arrival, prompt[bucket], output[bucket], bucket)


def scale_trace(rng: np.random.Generator, trace: Stream, rate_rps: float, duration_s: float) -> Stream:
    """A piece of ``duration_s`` of a real trace at a mean of ``rate_rps``, starting at a random time.

    A rate above the trace's own lays copies over each other that start at random places of the trace
    (the trace as a ring), the last one thinned; a rate below thins. Time is never stretched, so bursts
    keep their length; laying copies over each other keeps the variance-to-mean ratio of the counts.
    """
    if not len(trace.arrival_s):
        raise ValueError("the trace holds no requests")
    times = trace.arrival_s - trace.arrival_s[0]
    period = float(times[-1]) + float(times[-1]) / max(len(times) - 1, 1)
    copies = rate_rps * period / len(times)
    parts: list[Floats] = []
    rows: list[Ints] = []
    if copies > _MANY and duration_s <= period:
        laid, row = _laid_many(rng, times, period, int(copies), duration_s)
        parts, rows, copies = [laid], [row], copies - int(copies)
    elif copies < _SPARSE:
        laid, row = _laid_few(rng, times, period, copies, duration_s)
        parts, rows, copies = [laid], [row], 0.0
    while copies > 1e-12:
        offset, keep = rng.random() * period, min(copies, 1.0)
        laid, row = _laid(times, period, offset, duration_s, whole=keep < 1)
        chosen = (laid >= 0) & (laid < duration_s)
        if keep < 1:
            chosen &= rng.random(len(laid)) < keep
        parts.append(laid[chosen])
        rows.append(row[chosen])
        copies -= keep
    arrival, row = np.concatenate(parts), np.concatenate(rows)
    order = np.argsort(arrival, kind="stable")
    row = row[order]
    return Stream(arrival[order], trace.prompt[row], trace.output[row], trace.bucket[row])


def _laid_many(
    rng: np.random.Generator, times: Floats, period: float, copies: int, duration_s: float
) -> tuple[Floats, Ints]:
    """What falls into a piece, shorter than the trace, of many copies at once; and the rows."""
    begin = rng.random(copies) * period
    found: list[tuple[Floats, Ints]] = []
    for shift in (0.0, period):  # the ring's next turn
        first = np.searchsorted(times, begin - shift)
        count = np.searchsorted(times, begin - shift + duration_s) - first
        before = np.repeat(np.cumsum(count) - count, count)
        row = np.repeat(first, count) + np.arange(count.sum()) - before
        found.append((times[row] + shift - np.repeat(begin, count), row.astype(np.int64)))
    return np.concatenate([laid for laid, _ in found]), np.concatenate([row for _, row in found])


def _laid_few(
    rng: np.random.Generator, times: Floats, period: float, keep: float, duration_s: float
) -> tuple[Floats, Ints]:
    """The few requests that are kept of one thinned copy, which may turn often; and the rows."""
    turns = int(duration_s / period) + 2
    kept = rng.binomial(turns * len(times), keep)
    place = rng.choice(turns * len(times), kept, replace=False, shuffle=False).astype(np.int64)
    turn, row = np.divmod(place, len(times))
    laid = times[row] + turn * period - rng.random() * period
    inside = (laid >= 0) & (laid < duration_s)
    return laid[inside], row[inside]


def _laid(times: Floats, period: float, offset: float, duration_s: float, whole: bool) -> tuple[Floats, Ints]:
    """The trace laid end to end from ``-offset`` on, and the rows: all, or those that may be in the piece."""
    turns = int((duration_s + offset) / period) + 1
    if whole:
        laid = (np.arange(turns)[:, None] * period + times).ravel()
        return laid - offset, np.tile(np.arange(len(times), dtype=np.int64), turns)
    parts, rows = [], []
    for turn in range(turns):
        begin = offset - turn * period
        # one row more at each end, for the last digits
        first = max(int(np.searchsorted(times, begin)) - 1, 0)
        last = int(np.searchsorted(times, begin + duration_s)) + 1
        parts.append(times[first:last] + turn * period)
        rows.append(np.arange(first, first + len(parts[-1]), dtype=np.int64))
    return np.concatenate(parts) - offset, np.concatenate(rows)


def choose_pools(
    rng: np.random.Generator, stream: Stream, shares: Sequence[Sequence[float]], pools: Sequence[int]
) -> Ints:
    """Pool of each request, drawn with the shares of its bucket.

    ``shares[k][b]``: share of bucket b that goes to ``pools[k]``; what is missing to 1 goes to -1
    (served elsewhere, such as by a token API).
    """
    if not len(pools):
        return np.full(len(stream.arrival_s), -1, dtype=np.int64)
    table = np.cumsum(np.asarray(shares, dtype=np.float64), axis=0)
    draws = rng.random(len(stream.arrival_s))
    passed = (draws[None, :] >= table[:, stream.bucket] * (1 - 1e-12)).sum(axis=0)
    return np.asarray(np.array([*pools, -1], dtype=np.int64)[passed], dtype=np.int64)


def merge(
    streams: Sequence[Stream],
    pools: Sequence[Ints],
    then: Sequence[Ints] | None = None,
    handover_s: Sequence[Floats] | None = None,
    further_s: Sequence[Floats] | None = None,
    steps: Sequence[Ints] | None = None,
) -> Traffic:
    """All services' requests in order of time; the service index is the place in ``streams``."""
    arrival = np.concatenate([s.arrival_s for s in streams])
    service = np.concatenate([np.full(len(s.arrival_s), k, dtype=np.int64) for k, s in enumerate(streams)])
    order = np.argsort(arrival, kind="stable")
    return Traffic(
        arrival[order],
        np.concatenate([s.prompt for s in streams])[order],
        np.concatenate([s.output for s in streams])[order],
        service[order],
        np.concatenate(list(pools))[order],
        None if then is None else np.concatenate(list(then))[order],
        None if handover_s is None else np.concatenate(list(handover_s))[order],
        None if further_s is None else np.concatenate(list(further_s))[order],
        None if steps is None else np.concatenate(list(steps))[order],
    )
