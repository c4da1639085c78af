"""Capacity lines of a pool from the safe shares of full capacity."""

from __future__ import annotations

import numpy as np

from solver.operating_points.requests import Floats
from solver.performance.queueing import Line, lines_under

#: No promise depends on waiting: the pool may be used in full.
FULL = (Line(1, 10**9, 1.0, 0.0),)
SIZES_EVALUATED = 64  # pool sizes evaluated one by one; larger pools are at least as well used
_TINY = 1e-6


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
