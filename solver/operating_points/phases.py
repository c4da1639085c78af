"""Operating points of separate pools: prefill replicas, and decode replicas that receive the KV of prompts.

A prefill replica takes prompts one after another, in steps of full chunks; a decode replica runs its batch
without any prompt in between (solver.performance.separate_pools). Each side is charged the transfer of the
KV over its own scale-out links: as a capacity (resource "link") and in its part of the time to first token.
The slower side's rate would be the true one, so the sum of both is on the safe side, and a plan may pair any
prefill pool with any decode pool of the same site and KV precision. The promised time to first token has two
parts (:func:`solver.operating_points.lateness.handover_s`); each pool may miss its part for half of the
permitted share of requests, so that together (Boole) they keep the promise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from solver.operating_points.lateness import half_missed, handover_s
from solver.operating_points.physics import Setting, kv_table, points_of
from solver.operating_points.point import OperatingPoint, Screened
from solver.operating_points.prefill import bytes_moved, key_of, prefill_points
from solver.operating_points.requests import mix_of
from solver.performance.calibration import Calibration
from solver.performance.candidates import Refusal
from solver.performance.separate_pools import (
    KvLink,
    own_link,
)
from solver.performance.steps import StepTable

Found = tuple[list[OperatingPoint], list[Screened]]


def separate_points(setting: Setting, table: StepTable, calibration: Calibration) -> Found:
    """Prefill and decode points of a service, and what was screened out with the reason."""
    if setting.service.levels.end_to_end_s is not None:
        reason = "separate pools keep a time to first token and per token, not one from end to end"
        return [], [Screened(setting.service.name, "all systems", "separate pools", reason)]
    links, screened = _links(setting, table, calibration)
    known = table.take(np.array([n in links for n in range(len(table))], dtype=np.bool_))
    if not len(known):
        return [], screened
    kept = [links[n] for n in sorted(links)]
    first = prefill_points(setting, known, kept)
    second = _decode_points(setting, known, kept)
    if not first[0] or not second[0]:
        return [], [*screened, *first[1], *second[1]]
    return first[0] + second[0], [*screened, *first[1], *second[1]]


def _links(
    setting: Setting, table: StepTable, calibration: Calibration
) -> tuple[dict[int, KvLink], list[Screened]]:
    """Row of the table -> its own link."""
    found: dict[int, KvLink] = {}
    refused: dict[str, Screened] = {}
    for n in range(len(table)):
        system = setting.systems[str(table.system[n])]
        link = own_link(calibration, setting.model, system, int(table.chips[n]))
        if isinstance(link, Refusal):
            refused[system.id] = Screened(setting.service.name, system.id, link.configuration, link.reason)
        else:
            found[n] = link
    return found, list(refused.values())


def _decode_points(setting: Setting, table: StepTable, links: list[KvLink]) -> Found:
    """The points of a service whose prompts cost nothing and whose first token must follow the handover."""
    nothing = np.zeros(len(table))
    mix = mix_of(setting.service)
    longest = kv_table(setting.model, table, mix.prompt_max)
    per_row = np.array([link.seconds(float(longest[n].max())) for n, link in enumerate(links)])
    bare = replace(table, prefill_s=nothing, prefill_quadratic_s=nothing, ttft_overhead_s=per_row)
    part = setting.service.model_copy(
        update={"levels": half_missed(setting.service, handover_s(setting.service))}
    )
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
        made.append(
            replace(
                point,
                id=_named(point.id, point.layout, "decode"),
                layout=f"{point.layout} decode",
                resources=(*point.resources, "link"),
                use=tuple(tuple(float(v) for v in row) for row in rows),
                phase="decode",
                transfer_s=seconds,
            )
        )
    return made, screened


def _named(identity: str, layout: str, phase: str) -> str:
    return identity.replace(f"/{layout} ", f"/{layout} {phase} ", 1)
