"""Operating points of separate pools: prefill replicas, and decode replicas that receive the KV of prompts.

A prefill replica takes prompts one after another, in steps of full chunks; a decode replica runs its batch
without any prompt in between (solver.performance.separate_pools). Each side is charged the transfer of the
KV over its own scale-out links: as a capacity (resource "link") and in its part of the time to first token.
The slower side's rate would be the true one, so the sum of both is on the safe side, and a plan may pair any
prefill pool with any decode pool of the same site and KV precision. The promised time to first token has two
parts (:func:`solver.operating_points.lateness.handover_s`); each pool may miss its part for half of the
permitted share of requests, so that together (Boole) they keep the promise. A promise from end to end is
kept by the first token within a part of it, in the same way, and the answer at the decode pool's pace within
the rest: pairs have the same part, of which a few are offered.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solver.domain.workload import Service
from solver.operating_points.lateness import decode_tpot_ms, first_token_times, handover_s, part_levels
from solver.operating_points.physics import points_of
from solver.operating_points.point import OperatingPoint, Screened
from solver.operating_points.prefill import bytes_moved, key_of, phase_words, prefill_points
from solver.operating_points.requests import Floats, mix_of
from solver.operating_points.rows import kv_table
from solver.operating_points.setting import Setting
from solver.performance.calibration import Calibration
from solver.performance.candidate import Refusal
from solver.performance.separate_pools import (
    KvLink,
    own_link,
)
from solver.performance.steps import StepTable

Found = tuple[list[OperatingPoint], list[Screened]]


def separate_points(setting: Setting, table: StepTable, calibration: Calibration) -> Found:
    """Prefill and decode points of a service, and what was screened out with the reason."""
    links, screened = _links(setting, table, calibration)
    known = table.take(np.array([n in links for n in range(len(table))], dtype=np.bool_))
    if not len(known):
        return [], screened
    kept = [links[n] for n in sorted(links)]
    points: list[OperatingPoint] = []
    for first_s in first_token_times(setting.service):
        first = prefill_points(setting, known, kept, first_s)
        second = _decode_points(setting, known, kept, first_s)
        if first[0] and second[0]:
            points += first[0] + second[0]
        screened += first[1] + second[1]
    return points, screened


def _links(
    setting: Setting, table: StepTable, calibration: Calibration
) -> tuple[dict[int, KvLink], list[Screened]]:
    """Row of the table -> its own link."""
    found: dict[int, KvLink] = {}
    refused: dict[str, Screened] = {}
    known: dict[tuple[str, int], KvLink | Refusal] = {}
    for n, (name, chips) in enumerate(zip(table.system.tolist(), table.chips.tolist(), strict=True)):
        system = setting.systems[name]
        if (name, chips) not in known:
            known[name, chips] = own_link(calibration, setting.model, system, chips)
        link = known[name, chips]
        if isinstance(link, Refusal):
            refused[system.id] = Screened(setting.service.name, system.id, link.configuration, link.reason)
        else:
            found[n] = link
    return found, list(refused.values())


def _decode_points(setting: Setting, table: StepTable, links: list[KvLink], first_s: float) -> Found:
    """The points of a service whose first token must follow the handover.

    Prompts cost nothing but the writing of what arrives of their KV into memory behind a link.
    """
    tpot_ms = decode_tpot_ms(setting.service, first_s)
    if tpot_ms is not None and tpot_ms <= 0:
        reason = "the first token takes all of the time from end to end"
        return [], [Screened(setting.service.name, "all systems", "decode", reason)]
    nothing = np.zeros(len(table))
    mix = mix_of(setting.service)
    longest = kv_table((setting.model,), table, mix.prompt_max)
    per_row = np.array([link.seconds(float(longest[n].max())) for n, link in enumerate(links)])
    bare = replace(table, prefill_s=table.kv_arrival_s, prefill_quadratic_s=nothing, ttft_overhead_s=per_row)
    handover = handover_s(setting.service, first_s)
    levels = part_levels(setting.service, first_s, handover, tpot_ms)
    part = setting.service.model_copy(update={"levels": levels})
    near = replace(setting, service=part, round_trip_s=0.0, trips_s=tuple(0.0 for _ in setting.trips_s))
    by_layout = {key_of(table, n): link for n, link in enumerate(links)}
    points, screened = points_of(near, bare)
    made = []
    for point in points:
        link = by_layout[point.system, point.layout, point.weight_precision, point.placement]
        moved = bytes_moved(setting, mix.prompt, point.kv_precision)
        seconds = tuple(
            link.seconds(float(v)) for v in bytes_moved(setting, mix.prompt_max, point.kv_precision)
        )
        arriving = np.array([link.seconds(float(v)) for v in moved])
        time, memory, slots = (np.array(row) for row in point.use)
        memory += arriving * moved / point.kv_capacity_bytes
        slots += arriving / point.batch
        rows = (time, memory, slots, moved / link.bytes_per_s)
        words = phase_words(setting.service, "decode", first_s)
        made.append(
            replace(
                point,
                id=_named(point.id, point.layout, words),
                layout=f"{point.layout} {words}",
                late=_late(setting.service, point, first_s, mix.output_max),
                first_token_s=first_s if setting.service.levels.end_to_end_s is not None else 0.0,
                resources=(*point.resources, "link"),
                use=tuple(tuple(float(v) for v in row) for row in rows),
                phase="decode",
                transfer_s=seconds,
            )
        )
    return made, screened


def _late(
    service: Service, point: OperatingPoint, first_s: float, outputs: Floats
) -> dict[str, tuple[bool, ...]]:
    """Which buckets are late: the first token as the point says, the end by the length of the answer."""
    late = {name: flags for name, flags in point.late.items() if service.levels.ttft_ms is not None}
    if service.levels.end_to_end_s is not None:
        first = point.late.get("ttft", (False,) * len(outputs))
        ends = first_s + outputs * point.tpot_s > service.levels.end_to_end_s
        late["end_to_end"] = tuple(bool(a or b) for a, b in zip(first, ends, strict=True))
    return late


def _named(identity: str, layout: str, phase: str) -> str:
    return identity.replace(f"/{layout} ", f"/{layout} {phase} ", 1)
