"""Lateness of a pool as it is actually used: its own replicas, rate and mix of lengths."""

from __future__ import annotations

import numpy as np

from solver.domain.bursts import Burstiness
from solver.domain.workload import Service, ServiceLevels
from solver.operating_points.point import OperatingPoint
from solver.operating_points.requests import Floats, mix_of
from solver.performance.pools import Replicas, late_share

#: Most time that separate pools plan for handing a request over, besides one step: start and transfer of the
#: KV (routing and set-up take 0.13 to 0.35 s in the fitted disaggregated runs) and the wait for a slot.
HANDOVER_S = 0.6


#: Keeps first token and output together within the promise, whatever the last digits of their floats.
SHORTER = 1 - 2**-40
#: Parts of an end-to-end promise offered for the first token.
FIRST_PARTS = (0.125, 0.25, 0.5)


def first_token_times(service: Service) -> tuple[float, ...]:
    """Times within which separate pools give the first token, s: what is promised, and, of a promise from end
    to end, the parts that are shorter (the rest is the decode pool's); 0 where nothing is promised."""
    levels = service.levels
    times: tuple[float, ...] = () if levels.ttft_ms is None else (levels.ttft_ms / 1e3,)
    if levels.end_to_end_s is not None:
        parts = (levels.end_to_end_s * part for part in FIRST_PARTS)
        times += tuple(t for t in parts if not times or t < times[0])
    return times or (0.0,)


def handover_s(service: Service, first_s: float) -> float:
    """Part of the time to first token that a decode pool may take: transfer, wait for a slot, one step.

    0.6 s and a step at the promised pace, but at most half of ``first_s`` (0: nothing is promised); the rest
    is the prefill pool's.
    """
    step = (service.levels.tpot_ms or 300.0) / 1e3
    return min(first_s / 2 if first_s else np.inf, HANDOVER_S + step)


def part_levels(service: Service, first_s: float, limit_s: float, tpot_ms: float | None) -> ServiceLevels:
    """The levels of one of two pools: its time for the first token, and its part of the permitted misses.

    Of the misses of a time to first token each pool may have half; of those of a promise from end to end a
    third, the last third being for answers that are too long.
    """
    levels, misses = service.levels, []
    if levels.ttft_ms is not None:
        misses.append((1 - levels.ttft_percentile) / 2)
    if levels.end_to_end_s is not None:
        misses.append((1 - levels.end_to_end_percentile) / 3)
    if not first_s:
        return levels
    return levels.model_copy(
        update={
            "ttft_ms": max(limit_s, 1e-6) * 1e3,
            "ttft_percentile": 1 - min(misses),
            "end_to_end_s": None,
            "tpot_ms": tpot_ms,
        }
    )


def decode_tpot_ms(service: Service, first_s: float) -> float | None:
    """Slowest pace at which answers end in time after their first token, but for a third of the misses."""
    levels, mix = service.levels, mix_of(service)
    if levels.end_to_end_s is None:
        return levels.tpot_ms
    longest = np.argsort(-mix.output_max, kind="stable")
    longer = np.cumsum(mix.share[longest]) - mix.share[longest]  # share of requests with longer answers
    permitted = (1 - levels.end_to_end_percentile) / 3
    output = float(mix.output_max[longest][longer <= permitted + 1e-12].min())
    pace = (levels.end_to_end_s - first_s) / output * 1e3 * SHORTER
    return pace if levels.tpot_ms is None else min(pace, levels.tpot_ms)


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
        if point.phase != "both":
            time, base = _part_s(service, point, time), _base_s(point, base)
        found["ttft"] = (time - base + np.zeros(len(mix.share)), 1 - levels.ttft_percentile)
    if levels.end_to_end_s is not None:
        miss, promised = 1 - levels.end_to_end_percentile, levels.end_to_end_s
        limit = promised - base - mix.output_max * point.tpot_s
        if point.phase != "both":
            limit = _part_s(service, point, point.first_token_s) - _base_s(point, base) + 0 * mix.share
            ends = point.first_token_s + mix.output_max * point.tpot_s
            too_long = (point.phase == "decode") & (ends > promised)
            limit = np.where(too_long, -1.0, limit)
        found["end_to_end"] = (limit, miss)
    return found


def _part_s(service: Service, point: OperatingPoint, first_s: float) -> float:
    """A pool's part of the time to the first token."""
    handover = handover_s(service, first_s)
    return handover if point.phase == "decode" else first_s - handover


def _base_s(point: OperatingPoint, base_s: float | Floats) -> float | Floats:
    """What a pool takes of its part besides work and waits; the round trip is the prefill pool's."""
    return (point.queue.base_s if point.queue else 0.0) if point.phase == "decode" else base_s


def late_rate(
    point: OperatingPoint, replicas: int, rates_rps: Floats, limit_s: Floats, bursts: Burstiness
) -> float:
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
    late = late_share(kind, np.array([float(replicas)]), np.ones((1, 1)), limit_s[None, :], share, bursts)
    return total * float(late[0, 0])


def _variation(values: Floats, share: Floats) -> float:
    mean = float(share @ values)
    return max(float(share @ values**2) - mean**2, 0.0) / mean**2 if mean > 0 else 0.0
