"""Lateness of a pool as it is actually used: its own replicas, rate and mix of lengths."""

from __future__ import annotations

import numpy as np

from solver.domain.workload import Service, ServiceLevels
from solver.operating_points.point import OperatingPoint
from solver.operating_points.requests import Floats, mix_of
from solver.performance.pools import Replicas, late_share

#: Most time that separate pools plan for handing a request over, besides one step: start and transfer of the
#: KV (routing and set-up take 0.13 to 0.35 s in the fitted disaggregated runs) and the wait for a slot.
HANDOVER_S = 0.6


def handover_s(service: Service) -> float:
    """Part of the time to first token that a decode pool may take: transfer, wait for a slot, one step.

    0.6 s and a step at the promised pace, but at most half of the promise; the rest is the prefill pool's.
    """
    step = (service.levels.tpot_ms or 300.0) / 1e3
    if service.levels.ttft_ms is None:
        return HANDOVER_S + step
    return min(service.levels.ttft_ms / 2e3, HANDOVER_S + step)


def half_missed(service: Service, limit_s: float) -> ServiceLevels:
    """The levels of one of two pools: its time for the first token, and half of the permitted misses."""
    levels = service.levels
    if levels.ttft_ms is None:
        return levels
    share = 1 - (1 - levels.ttft_percentile) / 2
    return levels.model_copy(update={"ttft_ms": max(limit_s, 1e-6) * 1e3, "ttft_percentile": share})


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
        time = levels.ttft_ms / 1e3
        if point.phase == "decode":  # the round trip is the prefill pool's
            time, base = handover_s(service), point.queue.base_s if point.queue else 0.0
        elif point.phase == "prefill":
            time -= handover_s(service)
        found["ttft"] = (time - base + np.zeros(len(mix.share)), 1 - levels.ttft_percentile)
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
