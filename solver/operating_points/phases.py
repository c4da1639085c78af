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
from fractions import Fraction

import numpy as np

from solver.domain.workload import Service
from solver.operating_points.candidates import promises_of, shares_at
from solver.operating_points.lateness import half_missed, handover_s
from solver.operating_points.load import FULL, SIZES_EVALUATED, pool_lines
from solver.operating_points.physics import Setting, kv_table, kv_written, layout_words, points_of, step_law
from solver.operating_points.point import OperatingPoint, QueueFacts, Screened
from solver.operating_points.requests import Floats, Mix, mix_of
from solver.performance.calibration import Calibration
from solver.performance.candidates import Refusal
from solver.performance.pools import Replicas
from solver.performance.queueing import Line
from solver.performance.separate_pools import (
    KvLink,
    own_link,
    prefill_first_token_s,
    prefill_rows,
    prefill_work_s,
    transfer_bytes,
)
from solver.performance.steps import StepTable

Found = tuple[list[OperatingPoint], list[Screened]]
#: Prompts that may stand before a prefill replica: they wait outside of its memory, so no slot limits them.
WAITING_ROOM = 1e6


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
    first = _prefill_points(setting, known, kept)
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


def _moved(setting: Setting, tokens: Floats, precision: str) -> Floats:
    return np.array([transfer_bytes(setting.model, float(t), precision) for t in tokens], dtype=np.float64)


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
    by_layout = {_key(table, n): link for n, link in enumerate(links)}
    points, screened = points_of(near, bare)
    made = []
    for point in points:
        link = by_layout[point.system, point.layout, point.weight_precision, point.placement]
        moved = _moved(setting, mix.prompt, point.kv_precision)
        seconds = tuple(link.seconds(float(v)) for v in _moved(setting, mix.prompt_max, point.kv_precision))
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


def _key(table: StepTable, n: int) -> tuple[str, str, str, str]:
    return (
        str(table.system[n]),
        layout_words(table, n),
        str(table.weight_precision[n]),
        str(table.placement[n]),
    )


def _named(identity: str, layout: str, phase: str) -> str:
    return identity.replace(f"/{layout} ", f"/{layout} {phase} ", 1)


def _prefill_points(setting: Setting, table: StepTable, links: list[KvLink]) -> Found:
    """One point for each system, layout and precision."""
    by_layout = {_key(table, n): link for n, link in enumerate(links)}
    rows, mix = prefill_rows(table), mix_of(setting.service)
    points: list[OperatingPoint] = []
    screened: list[Screened] = []
    for n in range(len(rows)):
        made = _prefill_point(setting, rows, n, by_layout[_key(rows, n)], mix)
        if isinstance(made, OperatingPoint):
            points.append(made)
        else:
            screened.append(made)
    return points, screened


def _prefill_point(
    setting: Setting, table: StepTable, n: int, link: KvLink, mix: Mix
) -> OperatingPoint | Screened:
    service, row = setting.service, table.take(np.array([n]))
    system, layout = str(row.system[0]), layout_words(row, 0)
    words = f"{layout} prefill {row.weight_precision[0]}"
    work, worst = (
        np.array([float(prefill_work_s(row, t)[0]) for t in tokens])
        for tokens in (mix.prompt, mix.prompt_max)
    )
    moved = _moved(setting, mix.prompt, str(row.kv_precision[0])) / link.bytes_per_s
    sent = _moved(setting, mix.prompt_max, str(row.kv_precision[0]))
    fits = sent <= row.kv_capacity_bytes[0]
    if not fits.any():
        return Screened(service.name, system, words, "no prompt fits into the free KV memory")
    base = float(prefill_first_token_s(row, 0.0)[0]) + float(sent.max()) / link.bytes_per_s
    full = 1.0 / max(float(work @ mix.share), float(moved @ mix.share), 1e-12)
    kind = Replicas(
        slots=np.array([WAITING_ROOM]),
        hold_s=np.array([work @ mix.share]),
        cv2_hold=np.array([0.0]),
        full_rps=np.array([full]),
        prefill_s=np.array([work @ mix.share]),
        cv2_prefill=np.array(
            [max(float(work**2 @ mix.share) / max(float(work @ mix.share), 1e-15) ** 2 - 1, 0.0)]
        ),
        decode_s=np.array([0.0]),
        time_factor=np.array([1.0]),
        longest_s=worst[None, :],
    )
    lines: tuple[Line, ...] = FULL
    part = _prefill_part(service)
    if service.levels.ttft_ms is not None:
        trips = np.array([setting.trips_s])
        promises = promises_of(part, np.array([base]), np.array([0.0]), mix, trips)
        sizes = np.arange(1.0, SIZES_EVALUATED + 1)
        shares = shares_at(kind, promises, sizes, mix, service.demand.waiting_cv2, np.array([0]))[0]
        most = int(np.clip(np.ceil(4 * setting.peak_rps / full) + 2, 2, 10**6))
        lines = pool_lines(shares, most)
    if not lines:
        return Screened(service.name, system, words, "no pool keeps its part of the time to first token")
    ttft = base + worst
    limit = part.levels.ttft_ms
    late = (
        {}
        if limit is None
        else {"ttft": tuple(bool(v) for v in ttft + np.array(setting.trips_s) > limit / 1e3)}
    )
    chunk = float(row.prefill_step_s[0])
    return OperatingPoint(
        id=f"{service.name}/{system}/{words}{setting.suffix}",
        service=service.name,
        model=setting.model.id,
        system=system,
        systems_per_replica=Fraction(int(row.systems_numerator[0]), int(row.systems_denominator[0])),
        layout=f"{layout} prefill",
        weight_precision=str(row.weight_precision[0]),
        kv_precision=str(row.kv_precision[0]),
        placement=str(row.placement[0]),
        batch=1,
        tpot_s=max(chunk, 1e-6),  # of a step; it gives one token per request
        wait_s=0.0,
        resources=("time", "link"),
        use=(tuple(map(float, work)), tuple(map(float, moved))),
        ttft_s=tuple(map(float, ttft)),
        end_to_end_s=tuple(map(float, ttft)),
        late=late,
        serves=tuple(bool(v) for v in fits & (mix.longest <= (setting.model.max_context or np.inf))),
        lines=lines,
        kv_bytes=tuple(float(v) for v in kv_written(setting.model, str(row.kv_precision[0]), mix)),
        kv_capacity_bytes=float(row.kv_capacity_bytes[0]),
        step=step_law(row, 0),
        wear=None,
        evidence=str(row.evidence[0]),
        spread=float(row.spread[0]),
        sites=setting.sites,
        queue=QueueFacts(
            slots=WAITING_ROOM,
            time_factor=1.0,
            base_s=base,
            hold_s=tuple(map(float, work)),
            prefill_s=tuple(map(float, work)),
            longest_s=tuple(map(float, worst)),
            decode_s=tuple(0.0 for _ in work),
        ),
        phase="prefill",
        transfer_s=tuple(float(v) / link.bytes_per_s for v in sent),
    )


def _prefill_part(service: Service) -> Service:
    """The service with the part of its promise that a prefill pool keeps."""
    if service.levels.ttft_ms is None:
        return service
    limit = service.levels.ttft_ms / 1e3 - handover_s(service)
    return service.model_copy(update={"levels": half_missed(service, limit)})
