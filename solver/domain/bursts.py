"""Burstiness that depends on the time over which arrivals pile up.

Short queues feel short bursts: a turn of a prompt that takes 50 ms and may wait for half a second is delayed
by what arrives within that time, a slot that is held for 15 s by what arrives in 15 s. In real traffic the
second is many times the first, so one number cannot serve both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bursts:
    """Burstiness by time scale: ``values[i]`` for requests that hold a server and may wait for it for
    ``times_s[i]`` together. Between the points by a power law; before the first and after the last constant.
    """

    times_s: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, time_s: Floats) -> Floats:
        """Burstiness at each time scale, at least 1; never falls with the time."""
        known = np.log(np.maximum(self.values, 1.0))
        times = np.log(np.maximum(time_s, 1e-12))
        return np.asarray(np.exp(np.interp(times, np.log(self.times_s), known)), dtype=np.float64)

    @property
    def largest(self) -> float:
        """The value of the longest time."""
        return self.values[-1]

    def raised(self, largest: float) -> Bursts:
        """The excess over random traffic multiplied until the largest value is ``largest``."""
        excess = self.largest - 1
        factor = (largest - 1) / excess if excess > 0 else 0.0
        if excess <= 0:
            return Bursts(self.times_s, tuple(largest for _ in self.values))
        return Bursts(self.times_s, tuple(max(1 + factor * (v - 1), 0.0) for v in self.values))


#: One number serves every queue; :class:`Bursts` each at its own time scale.
Burstiness = float | Bursts


def largest_of(burstiness: Burstiness) -> float:
    """The number itself, or the largest of the time scales."""
    return burstiness.largest if isinstance(burstiness, Bursts) else burstiness


def burstiness_at(burstiness: Burstiness, time_s: Floats) -> Floats | float:
    """What a queue of that time scale is told."""
    return burstiness.at(time_s) if isinstance(burstiness, Bursts) else burstiness
