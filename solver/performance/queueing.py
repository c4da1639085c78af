"""How much load a pool of admission-capped replicas carries while waits stay within a promise.

A replica admits at most ``slots`` sequences, the batch at which a step still meets the promised time
per output token. A request holds one slot from admission to its last token (``hold_s`` on average:
prefill plus output tokens times step time), so ``R`` replicas behind one queue are a many-server
queue with ``c = R * slots`` servers and all waiting shows in the time to first token.

    P(wait > t) ~ C(c / z, a / z) * exp(-c x t / hold)

``C``: delay probability of Erlang (1917), continued to real server numbers by incomplete gamma
functions (Jagerman, Bell System Technical Journal 53, 1974). ``z``: peakedness of the arrivals, by
which servers and load are divided (equivalent random method of Hayward; Fredericks, Bell System
Technical Journal 59, 1980), taken as ``max(1, cv2_arrival)``, its value for equal holding times, the
largest one. ``x``: the exponent at which the tail of GI/G/c falls (Sadowsky and Szpankowski, Advances in
Applied Probability 27, 1995) for Gamma gaps and Gamma holds (cv2_hold below 1 counts as 1, because the
factor before the exponential is too small for nearly equal holds),

    ln(1 + x cv2_arrival / rho) / cv2_arrival + ln(1 - x cv2_hold) / cv2_hold = 0,

which tends to Allen and Cunneen's 2 (1 - rho) / (cv2_arrival + cv2_hold) in heavy traffic. For Poisson
arrivals and exponential holding times the formula is exact. Its error against simulation is tabulated
in docs/explanation/queueing.md.

``cv2_arrival`` must describe the traffic over times of a mean hold, not only from one request to the
next: variance over mean of the counts in windows of that length (1 for Poisson traffic).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_GRID = (129, 33)  # points of the table of exponents along utilisation and holds
_HOLDS = (1.0, 64.0)  # squared coefficients of variation of the hold in it; below 1 counts as 1
_RUNGS = 8  # tables for each doubling of the burstiness, where it is an array
_BISECTIONS = 44  # 2^-44: below 1e-13 in utilisation
_EXHAUSTIVE = 4096  # replicas up to which every integer is evaluated
_EXACT = 4  # pools up to this many replicas get their exact value


@dataclass(frozen=True)
class Line:
    """``slope * R + intercept`` never exceeds the capacity of R replicas for ``low <= R <= high``."""

    low: int
    high: int
    slope: float
    intercept: float

    def at(self, replicas: float) -> float:
        """The bound at ``replicas``, in fully used replicas."""
        return self.slope * replicas + self.intercept


def erlang_c(servers: Floats, load: Floats) -> Floats:
    """Probability that a request must wait in M/M/c; real ``servers`` > ``load`` > 0 (both in erlangs)."""
    from scipy.special import gammaincc, gammaln

    log_term = servers * np.log(load) - load - gammaln(servers + 1)
    blocked = np.exp(log_term) / gammaincc(servers + 1, load)
    return np.asarray(blocked / (1 - load / servers * (1 - blocked)), dtype=np.float64)


def wait_probability(
    slots: Floats,
    utilisation: Floats,
    hold_s: float | Floats,
    wait_s: float | Floats,
    cv2_arrival: float,
    cv2_hold: float,
) -> Floats:
    """P(wait before admission > ``wait_s``) with ``slots`` servers used to ``utilisation`` (0..1)."""
    burst = max(cv2_arrival, 1.0)
    servers = slots / burst
    decay = slots * wait_s / hold_s * tail_exponent(utilisation, burst, cv2_hold)
    return np.asarray(erlang_c(servers, servers * utilisation) * np.exp(-decay), dtype=np.float64)


def tail_exponent(utilisation: Floats, cv2_arrival: Floats | float, cv2_hold: Floats | float) -> Floats:
    """``x``: the share of waits above t falls as exp(-servers x t / hold); 1 - rho for M/M/c.

    Interpolated in a table of x / (1 - rho), which is smooth, over arcsin(sqrt(rho)) and ln(cv2_hold). For
    arrays of ``cv2_arrival`` (at least 1) between two such tables, logarithm over logarithm: on the line or
    below it, so waits count as slightly longer.
    """
    if isinstance(cv2_arrival, float | int):
        return (1 - utilisation) * _from_table(_exponents(float(cv2_arrival))[None], 0, utilisation, cv2_hold)
    rung = np.log2(np.maximum(cv2_arrival, 1.0)) * _RUNGS
    below = np.floor(rung).astype(np.int64)
    first, last = int(below.min()), int(below.max()) + 1
    ladder = np.stack([_exponents(2.0 ** (k / _RUNGS)) for k in range(first, last + 1)])
    lower, upper = (_from_table(ladder, below - first + k, utilisation, cv2_hold) for k in (0, 1))
    found = np.exp(np.log(lower) + (rung - below) * np.log(upper / lower))
    return np.asarray((1 - utilisation) * found, dtype=np.float64)


def _from_table(
    tables: Floats, which: NDArray[np.int64] | int, utilisation: Floats, cv2_hold: Floats | float
) -> Floats:
    """x / (1 - rho), bilinear in table ``which`` of ``tables``."""
    rows, columns = _GRID
    across = np.arcsin(np.sqrt(utilisation)) * (2 / np.pi * (rows - 1))
    along = np.log(np.clip(cv2_hold, *_HOLDS)) * ((columns - 1) / np.log(_HOLDS[1]))
    i = np.minimum(across.astype(np.int64), rows - 2)
    j = np.minimum(np.floor(along).astype(np.int64), columns - 2)
    u, v = across - i, along - j
    lower = tables[which, i, j] * (1 - v) + tables[which, i, j + 1] * v
    upper = tables[which, i + 1, j] * (1 - v) + tables[which, i + 1, j + 1] * v
    return np.asarray(lower * (1 - u) + upper * u, dtype=np.float64)


@lru_cache(maxsize=256)
def _exponents(cv2_arrival: float) -> Floats:
    """x / (1 - rho) by bisection between 0 and the pole at 1 / cv2_hold; rows: rho, columns: cv2_hold."""
    rows, columns = _GRID
    ca, cs = cv2_arrival, np.geomspace(*_HOLDS, columns)[None, :]
    rho = np.sin(np.linspace(0, np.pi / 2, rows)[1:-1])[:, None] ** 2
    low, high = np.zeros((rows - 2, columns)), np.broadcast_to(1 / cs, (rows - 2, columns))
    for _ in range(48):
        x = (low + high) / 2
        rises = np.log1p(x * ca / rho) / ca + np.log1p(-x * cs) / cs > 0
        low, high = np.where(rises, x, low), np.where(rises, high, x)
    ratio = low / (1 - rho)
    return np.concatenate([ratio[:1], ratio, 2 / (ca + cs)])


def safe_loads(
    replicas: NDArray[np.int64],
    slots_per_replica: int,
    hold_s: float,
    wait_s: float,
    miss: float,
    cv2_arrival: float = 1.0,
    cv2_hold: float = 1.0,
) -> Floats:
    """Largest utilisation of each pool size with P(wait > ``wait_s``) <= ``miss``; 0 where none is.

    ``miss`` is 1 minus the promised percentile. A ``wait_s`` below 0 (the promise is shorter than the
    prefill alone) gives 0.
    """
    slots = np.asarray(replicas, dtype=np.float64) * slots_per_replica
    low, high = np.zeros_like(slots), np.ones_like(slots)
    if wait_s < 0 or miss <= 0:
        return low
    if miss >= 1:
        return high * (1 - 1e-9)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        holds = wait_probability(slots, middle, hold_s, wait_s, cv2_arrival, cv2_hold) <= miss
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return low


@lru_cache(maxsize=65536)
def safe_load(
    slots: int, hold_s: float, wait_s: float, miss: float, cv2_arrival: float = 1.0, cv2_hold: float = 1.0
) -> float:
    """Largest utilisation of one pool of ``slots`` servers with P(wait > ``wait_s``) <= ``miss``."""
    one = np.ones(1, dtype=np.int64)
    return float(safe_loads(one, slots, hold_s, wait_s, miss, cv2_arrival, cv2_hold)[0])


@lru_cache(maxsize=4096)
def capacity_lines(
    max_replicas: int,
    slots_per_replica: int,
    hold_s: float,
    wait_s: float,
    miss: float,
    cv2_arrival: float = 1.0,
    cv2_hold: float = 1.0,
) -> tuple[Line, ...]:
    """At most 8 lines below the loads that pools carry (R times :func:`safe_load`), each for a range of R.

    Ranges are disjoint and cover 1..``max_replicas``; pools of 1 to 4 replicas are exact. On every
    other range the line is the edge of the lower convex hull of all its points with the smallest sum
    of gaps. Beyond 4096 replicas, where not every integer is evaluated, the bound rests on the
    utilisation never falling as a pool grows.
    """
    known = min(max_replicas, _EXHAUSTIVE)
    sizes = np.arange(1, known + 1, dtype=np.int64)
    loads = safe_loads(sizes, slots_per_replica, hold_s, wait_s, miss, cv2_arrival, cv2_hold)
    lines = list(lines_under(sizes * loads))
    if max_replicas > known:
        lines.append(Line(known + 1, max_replicas, float(loads[-1]), 0.0))
    return tuple(lines)


def lines_under(capacity: Floats) -> tuple[Line, ...]:
    """Lines under ``capacity[R - 1]``, the load of pools of R = 1, 2, ... replicas (not concave)."""
    known = len(capacity)
    lines = [Line(r, r, float(capacity[r - 1]) / r, 0.0) for r in range(1, min(_EXACT, known) + 1)]
    for low, high in _ranges(known):
        lines.append(_support(low, capacity[low - 1 : high]))
    return tuple(lines)


@lru_cache(maxsize=256)
def _ranges(largest: int) -> tuple[tuple[int, int], ...]:
    """Up to three geometric ranges over ``_EXACT + 1``..``largest``."""
    if largest <= _EXACT:
        return ()
    edges = np.unique(np.round(np.geomspace(_EXACT, largest, 4)).astype(np.int64))
    return tuple((a + 1, b) for a, b in pairwise(edges.tolist()))


def _support(first: int, capacity: Floats) -> Line:
    """The line under the points ``(first + i, capacity[i])`` that loses least in total."""
    last = first + len(capacity) - 1
    hull = _lower_hull(capacity)
    if len(hull) == 1:
        return Line(first, last, float(capacity[0]) / first, 0.0)
    centre = (len(capacity) - 1) / 2  # the sum of a line over equidistant points is n times its middle
    i, j = next((i, j) for i, j in pairwise(hull) if j >= centre)
    slope = float(capacity[j] - capacity[i]) / (j - i)
    intercept = float(capacity[i]) - slope * (first + i)
    at_points = slope * np.arange(first, last + 1) + intercept
    return Line(first, last, slope, intercept - max(0.0, float(np.max(at_points - capacity))))


def _lower_hull(heights: Floats) -> list[int]:
    """Indices of the lower convex hull of the points ``(i, heights[i])`` (Andrew's monotone chain)."""
    hull: list[int] = []
    for k in range(len(heights)):
        while len(hull) >= 2:
            i, j = hull[-2], hull[-1]
            if (heights[j] - heights[i]) * (k - i) < (heights[k] - heights[i]) * (j - i):
                break
            hull.pop()
        hull.append(k)
    return hull
