"""Leave out operating points that another one replaces in every plan, at no higher cost.

Point A replaces B (same service, same system) if n_B = m n_A for a whole number m (m replicas of A fit
where one of B stood) and, with m replicas of A for each of B, every resource row of A holds whatever the
mix. Checked in a sufficient form: for every resource r of A there is one resource r' of B with
use_A[r][b] x cap_B(R) <= use_B[r'][b] x cap_A(m R) for all buckets b and a grid of pool sizes R up to 4096
(every size to 64); A serves every bucket that B serves and is late only where B is late; A writes no more KV.
Proof: multiply B's row r' by cap_A / cap_B; the plan with m R replicas of A satisfies row r of A.
"""

from __future__ import annotations

import numpy as np

from solver.operating_points.point import OperatingPoint
from solver.operating_points.requests import Floats

_SIZES = np.unique(np.concatenate([np.arange(1, 65), np.geomspace(65, 4096, 40).astype(int)]))


def undominated(points: list[OperatingPoint]) -> list[OperatingPoint]:
    """The points that no other replaces; ties keep the first by id."""
    ordered = sorted(points, key=lambda p: (p.systems_per_replica, p.id))
    kept: list[OperatingPoint] = []
    for group in _groups(ordered):
        alive: list[OperatingPoint] = []
        for point in group:
            if any(replaces(a, point) for a in alive):
                continue
            alive = [a for a in alive if not replaces(point, a)] + [point]
        kept.extend(alive)
    return kept


def _groups(points: list[OperatingPoint]) -> list[list[OperatingPoint]]:
    groups: dict[tuple[object, ...], list[OperatingPoint]] = {}
    for point in points:
        apart = () if point.phase == "both" else (point.phase, point.kv_precision, point.first_token_s)
        groups.setdefault((point.service, point.system, point.sites, apart), []).append(point)
    return list(groups.values())


def replaces(a: OperatingPoint, b: OperatingPoint) -> bool:
    """Whether ``a`` can stand in for ``b`` in any plan at no higher cost."""
    times = b.systems_per_replica / a.systems_per_replica
    if times.denominator != 1:
        return False
    if any(sb and not sa for sa, sb in zip(a.serves, b.serves, strict=True)):
        return False
    later = any(x and not y for name in a.late for x, y in zip(a.late[name], b.late[name], strict=True))
    if later or _wears_more(a, b):
        return False
    ratio = _capacity_ratio(a, b, int(times))
    if ratio == float("inf"):
        return False  # no pool of `a` carries what some pool of `b` does
    use_a, use_b = np.array(a.use), np.array(b.use)
    served = np.array(b.serves)
    return all(
        any(bool(np.all((row * ratio <= other * (1 + 1e-12))[served])) for other in use_b) for row in use_a
    )


def _wears_more(a: OperatingPoint, b: OperatingPoint) -> bool:
    """Whether ``a`` may wear faster than ``b`` by any mechanism (the same number of systems compared)."""
    if a.wear is None:
        return False
    if b.wear is None or a.systems_per_replica != b.systems_per_replica:
        return a.wear.follows_traffic or a.wear.weight_life_years < float("inf") or a.wear.models_per_year > 0
    steady = a.wear.weight_life_years < b.wear.weight_life_years
    pairs = zip(lives_per_request(a), lives_per_request(b), strict=True)
    more = any(x > y * (1 + 1e-12) for mine, other in pairs for x, y in zip(mine, other, strict=True))
    return steady or more or a.wear.models_per_year > b.wear.models_per_year


def lives_per_request(point: OperatingPoint) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Part of a replica's KV memory and of its weight memory that a request of each bucket wears out."""
    wear, nothing = point.wear, tuple(0.0 for _ in point.kv_bytes)
    if wear is None:
        return nothing, nothing
    kv = tuple(v / wear.kv_bytes_budget for v in point.kv_bytes) if wear.kv_bytes_budget > 0 else nothing
    reads = tuple(v / wear.reads_budget for v in wear.reads) if wear.reads_budget > 0 else nothing
    return kv, reads


def _capacity_ratio(a: OperatingPoint, b: OperatingPoint, times: int) -> float:
    """Largest cap_B(R) / cap_A(times R) over pool sizes R."""
    cap_b, cap_a = capacity_at(b, _SIZES), capacity_at(a, _SIZES * times)
    inside = cap_b > 0
    if np.any(cap_a[inside] <= 0):
        return float("inf")
    return float(np.max(cap_b[inside] / cap_a[inside])) if inside.any() else 0.0


def capacity_at(point: OperatingPoint, sizes: np.ndarray) -> Floats:
    """Safe load of pools of the given sizes; beyond the last line its utilisation goes on."""
    capacity = np.zeros(len(sizes))
    for line in point.lines:
        inside = (sizes >= line.low) & (sizes <= line.high)
        capacity[inside] = np.maximum(capacity[inside], line.slope * sizes[inside] + line.intercept)
    last = point.lines[-1]
    beyond = sizes > last.high
    capacity[beyond] = sizes[beyond] * (last.slope + last.intercept / last.high)
    return capacity
