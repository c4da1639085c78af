"""Which operating points are offered for rent by the hour: a limit of the menu, not of the mathematics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from solver.operating_points.point import OperatingPoint
from solver.operating_points.requests import Floats


def offered_by_the_hour(
    points: Iterable[OperatingPoint], shares: dict[str, list[float]], whole_systems: frozenset[str]
) -> frozenset[str]:
    """Ids: for each service and system the point that carries most per system, and that with the smallest
    replica, if it is of use: on the systems named in ``whole_systems`` (of one service alone, rented as a
    whole, without spares) it is not where the first carries at least as much per system of every length.
    """
    groups: dict[tuple[Any, ...], list[OperatingPoint]] = {}
    for point in points:
        key = (point.service, point.system, point.sites, point.regions, point.phase, point.first_token_s)
        groups.setdefault(key, []).append(point)
    chosen: set[str] = set()
    for group in groups.values():
        mix = np.array(shares[group[0].service])
        most = max(group, key=lambda p: (-_systems_per_request(p, mix), p.id))
        least = min(group, key=lambda p: (p.systems_per_replica, _systems_per_request(p, mix), p.id))
        chosen.add(most.id)
        if most.system not in whole_systems or not _at_least_as_good(most, least):
            chosen.add(least.id)
    return frozenset(chosen)


def _systems_per_request(point: OperatingPoint, mix: Floats) -> float:
    """Systems that a request per second of the mix takes (elastic pools: the first capacity line)."""
    return float((_systems_of_lengths(point) @ mix).max())


def _systems_of_lengths(point: OperatingPoint) -> Floats:
    """Systems per request/s, by resource and bucket."""
    return np.array(point.use) * (float(point.systems_per_replica) / point.lines[0].slope)


def _at_least_as_good(a: OperatingPoint, b: OperatingPoint) -> bool:
    """Whether a system full of ``a`` carries what one full of ``b`` does, as early, and does not wear."""
    if a.systems_per_replica > 1 or a.wear is not None:
        return False
    served = np.array(b.serves)
    if np.any(served & ~np.array(a.serves)):
        return False
    if any(x and not y for name in a.late for x, y in zip(a.late[name], b.late[name], strict=True)):
        return False
    mine, other = _systems_of_lengths(a), _systems_of_lengths(b)
    return all(any(bool(np.all((row <= rival * (1 + 1e-12))[served])) for rival in other) for row in mine)
