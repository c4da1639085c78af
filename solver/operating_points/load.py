"""Safe load of pools: how much of their full capacity keeps the promised share of requests from waiting.

Two queues can delay a first token: requests wait for a slot of the pool (R x batch servers), and admitted
prompts wait for the prefill share of a replica's steps (R servers). Each gets half of the permitted wait
and half of the permitted misses, so that their union keeps the promise. Source: design, section 4;
docs/explanation/queueing.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from solver.operating_points.requests import Floats
from solver.performance.queueing import Line, lines_under, wait_probability

#: No promise depends on waiting: the pool may be used in full.
FULL = (Line(1, 10**9, 1.0, 0.0),)
SIZES_EVALUATED = 64  # pool sizes evaluated one by one; larger pools are at least as well used
_TINY = 1e-6
_BISECTIONS = 30  # 2^-30 of full capacity


@dataclass(frozen=True)
class Pressure:
    """What the queues see, as arrays of one value per candidate replica (all of the same service)."""

    slots: Floats
    hold_s: Floats  # mean time in a slot
    full_rps: Floats  # requests/s of a replica at full capacity
    prefill_work_s: Floats  # mean prefill work per request
    decode_work_s: Floats  # mean decode work per request
    time_factor: Floats  # share of a step left for marginal work
    wait_s: Floats  # permitted wait
    ceiling: Floats  # largest share of full capacity allowed at all
    miss: float
    cv2_arrival: float
    cv2_hold: float  # largest of all candidates (the safe side)
    cv2_prefill: float

    def rows(self, chosen: np.ndarray) -> Pressure:
        """The pressure of some of the candidates."""
        arrays = {
            name: getattr(self, name)[chosen]
            for name in (
                "slots",
                "hold_s",
                "full_rps",
                "prefill_work_s",
                "decode_work_s",
                "time_factor",
                "wait_s",
                "ceiling",
            )
        }
        return replace(self, **arrays)


def safe_shares(pressure: Pressure, sizes: Floats) -> Floats:
    """Largest safe share of full capacity for each candidate (rows) and pool size (columns), by bisection.

    At share rho the steps leave phi = f - rho X d for prefill (f time factor, X full rate, d decode work
    per request), so a prompt of work p takes p / phi and a prefill server is used to rho X p / phi.
    """

    def column(values: Floats) -> Floats:
        return values[:, None]

    shape = (len(pressure.slots), len(sizes))
    low = np.zeros(shape)
    high = np.broadcast_to(column(pressure.ceiling), shape).copy()
    wait, miss = np.maximum(column(pressure.wait_s), 0.0) / 2, pressure.miss / 2
    slots = np.maximum(column(pressure.slots) * sizes, 1.0)
    servers = np.broadcast_to(sizes, shape).astype(np.float64)
    hold = column(pressure.hold_s)
    for _ in range(_BISECTIONS):
        share = (low + high) / 2
        phi = np.maximum(
            column(pressure.time_factor) - share * column(pressure.full_rps * pressure.decode_work_s), 1e-12
        )
        prefill = np.maximum(column(pressure.prefill_work_s) / phi, 1e-12)
        used = share * column(pressure.full_rps) * prefill
        ok = (used < 1) & (wait > 0)
        ok &= (
            wait_probability(
                servers,
                np.clip(used, 1e-9, 1 - 1e-9),
                prefill,
                wait,
                pressure.cv2_arrival,
                pressure.cv2_prefill,
            )
            <= miss
        )
        ok &= (
            wait_probability(
                slots, np.clip(share, 1e-9, 1 - 1e-9), hold, wait, pressure.cv2_arrival, pressure.cv2_hold
            )
            <= miss
        )
        low, high = np.where(ok, share, low), np.where(ok, high, share)
    return low


def pool_lines(shares: Floats, most: int) -> tuple[Line, ...]:
    """Capacity lines from the safe shares of pools of 1, 2, ... replicas, continued to ``most``."""
    shares = np.maximum.accumulate(shares[:most])
    known = len(shares)
    lines = lines_under(np.arange(1, known + 1) * shares)
    if most > known:  # utilisation never falls as a pool grows
        lines += (Line(known + 1, most, float(shares[-1]), 0.0),)
    return tuple(_plain(line) for line in lines if line.slope > _TINY)


def _plain(line: Line) -> Line:
    """A line without an intercept too small for a solver to see; never higher than the given one."""
    if abs(line.intercept) >= _TINY:
        return line
    return Line(line.low, line.high, line.slope + min(line.intercept, 0.0) / line.low, 0.0)
