"""Lateness of a pool as it is actually used: its own replicas, rate and mix of lengths."""

from __future__ import annotations

import numpy as np

from solver.domain.workload import Service
from solver.operating_points.point import OperatingPoint
from solver.operating_points.requests import Floats, mix_of
from solver.performance.pools import Replicas, late_share


def limits_of(
    service: Service, point: OperatingPoint, round_trip_s: float | Floats
) -> dict[str, tuple[Floats, float]]:
    """Promise -> (time left for prefill and waiting per bucket in s, share of requests that may be late).

    ``round_trip_s`` is of all requests, or per bucket.
    """
    levels, mix = service.levels, mix_of(service)
    base = round_trip_s + (point.queue.base_s if point.queue else 0.0)
    found: dict[str, tuple[Floats, float]] = {}
    if levels.ttft_ms is not None:
        found["ttft"] = (levels.ttft_ms / 1e3 - base + np.zeros(len(mix.share)), 1 - levels.ttft_percentile)
    if levels.end_to_end_s is not None:
        limit = levels.end_to_end_s - base - mix.output_max * point.tpot_s
        found["end_to_end"] = (limit, 1 - levels.end_to_end_percentile)
    return found


def late_rate(point: OperatingPoint, replicas: int, rates_rps: Floats, limit_s: Floats, cv2: float) -> float:
    """Requests/s of a pool that exceed ``limit_s``, for ``rates_rps`` per bucket (0 without queue facts)."""
    total, queue = float(rates_rps.sum()), point.queue
    if queue is None or total <= 0:
        return 0.0
    share = rates_rps / total
    hold, prefill = np.array(queue.hold_s), np.array(queue.prefill_s)
    kind = Replicas(
        slots=np.array([queue.slots]),
        hold_s=np.array([share @ hold]),
        cv2_hold=np.array([_variation(hold, share)]),
        full_rps=np.array([total / replicas]),
        prefill_s=np.array([share @ prefill]),
        cv2_prefill=np.array([_variation(prefill, share)]),
        decode_s=np.array([share @ np.array(queue.decode_s)]),
        time_factor=np.array([queue.time_factor]),
        longest_s=np.array([queue.longest_s]),
    )
    late = late_share(kind, np.array([float(replicas)]), np.ones((1, 1)), limit_s[None, :], share, cv2)
    return total * float(late[0, 0])


def _variation(values: Floats, share: Floats) -> float:
    mean = float(share @ values)
    return max(float(share @ values**2) - mean**2, 0.0) / mean**2 if mean > 0 else 0.0
