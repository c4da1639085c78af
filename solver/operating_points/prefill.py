"""Prefill pools: replicas that take prompts one after another, in steps of full chunks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from solver.domain.workload import Service
from solver.operating_points.candidates import promises_of, shares_at
from solver.operating_points.lateness import first_token_times, handover_s, part_levels
from solver.operating_points.load import FULL, SIZES_EVALUATED, pool_lines
from solver.operating_points.point import OperatingPoint, QueueFacts, Screened
from solver.operating_points.requests import Floats, Mix, mix_of
from solver.operating_points.rows import kv_written, layout_words, step_law
from solver.operating_points.setting import Setting
from solver.performance.pools import Replicas
from solver.performance.queueing import Line
from solver.performance.separate_pools import (
    KvLink,
    prefill_first_token_s,
    prefill_rows,
    prefill_work_s,
    transfer_bytes,
)
from solver.performance.steps import StepTable

Mask = NDArray[np.bool_]
#: Prompts that may stand before a prefill replica: they wait outside of its memory, so no slot limits them.
WAITING_ROOM = 1e6


def bytes_moved(setting: Setting, tokens: Floats, precision: str) -> Floats:
    """Bytes of the KV of prompts."""
    return np.array([transfer_bytes(setting.model, float(t), precision) for t in tokens], dtype=np.float64)


def key_of(table: StepTable, n: int) -> tuple[str, str, str, str]:
    """What a row has in common with the operating points made of it."""
    return (
        str(table.system[n]),
        layout_words(table, n),
        str(table.weight_precision[n]),
        str(table.placement[n]),
    )


@dataclass(frozen=True)
class _Prefill:
    """Rows of a table as prefill replicas; times in seconds, one column for each bucket."""

    table: StepTable
    work: Floats
    worst: Floats  # of the longest prompt
    moved: Floats  # transfer of the KV of a prompt
    sent: Floats  # of the longest
    fits: Mask
    base: Floats  # one value per row: what the first token takes besides work and waiting
    full: Floats  # one value per row: prompts/s at full capacity


def prefill_points(
    setting: Setting, table: StepTable, links: list[KvLink], first_s: float
) -> tuple[list[OperatingPoint], list[Screened]]:
    """One point for each system, layout and precision, for a first token within ``first_s``."""
    by_layout = {key_of(table, n): link for n, link in enumerate(links)}
    rows, mix = prefill_rows(table), mix_of(setting.service)
    made = _prefill(setting, rows, [by_layout[key_of(rows, n)] for n in range(len(rows))], mix)
    part = _prefill_part(setting.service, first_s)
    shares = _prefill_shares(setting, made, mix, part)
    points: list[OperatingPoint] = []
    screened: list[Screened] = []
    for n in range(len(rows)):
        lines: tuple[Line, ...] = FULL
        if shares is not None:
            most = int(np.clip(np.ceil(4 * setting.peak_rps / made.full[n]) + 2, 2, 10**6))
            lines = pool_lines(shares[n], most)
        reason = "" if lines else "no pool keeps its part of the time to first token"
        if not made.fits[n].any():
            reason = "no prompt fits into the free KV memory"
        if reason:
            words = f"{layout_words(rows, n)} prefill {rows.weight_precision[n]}"
            screened.append(Screened(setting.service.name, str(rows.system[n]), words, reason))
        else:
            points.append(_prefill_point(setting, made, n, lines, mix, first_s))
    return points, screened


def _prefill(setting: Setting, rows: StepTable, links: list[KvLink], mix: Mix) -> _Prefill:
    work, worst = (
        np.stack([prefill_work_s(rows, float(t)) for t in tokens], axis=1)
        for tokens in (mix.prompt, mix.prompt_max)
    )
    rate = np.array([link.bytes_per_s for link in links])[:, None]
    names = [str(name) for name in rows.kv_precision]
    kinds = sorted(set(names))
    usual, longest = (
        {kind: bytes_moved(setting, tokens, kind) for kind in kinds}
        for tokens in (mix.prompt, mix.prompt_max)
    )
    moved = np.stack([usual[name] for name in names]) / rate
    sent_bytes = np.stack([longest[name] for name in names])
    sent = sent_bytes / rate
    busiest = np.maximum(work @ mix.share, moved @ mix.share)
    return _Prefill(
        table=rows,
        work=work,
        worst=worst,
        moved=moved,
        sent=sent,
        fits=sent_bytes <= rows.kv_capacity_bytes[:, None],
        base=prefill_first_token_s(rows, 0.0) + sent.max(axis=1),
        full=1.0 / np.maximum(busiest, 1e-12),
    )


def _prefill_shares(setting: Setting, made: _Prefill, mix: Mix, part: Service) -> Floats | None:
    """Safe shares of pools of 1, 2, ... replicas (rows x sizes); None without a promise."""
    service, rows = setting.service, len(made.table)
    if part.levels.ttft_ms is None:
        return None
    nothing, mean = np.zeros(rows), made.work @ mix.share
    kinds = Replicas(
        slots=np.full(rows, WAITING_ROOM),
        hold_s=mean,
        cv2_hold=nothing,
        full_rps=made.full,
        prefill_s=mean,
        cv2_prefill=np.maximum(made.work**2 @ mix.share / np.maximum(mean, 1e-15) ** 2 - 1, 0.0),
        decode_s=nothing,
        time_factor=np.ones(rows),
        longest_s=made.worst,
    )
    trips = np.array([setting.trips_s])
    promises = promises_of(part, made.base, nothing, mix, trips)
    sizes = np.arange(1.0, SIZES_EVALUATED + 1)
    return shares_at(kinds, promises, sizes, mix, service.demand.bursts, np.arange(rows))


def _prefill_point(
    setting: Setting, made: _Prefill, n: int, lines: tuple[Line, ...], mix: Mix, first_s: float
) -> OperatingPoint:
    service, table, layout = setting.service, made.table, layout_words(made.table, n)
    precision, system = str(table.weight_precision[n]), str(table.system[n])
    ttft = made.base[n] + made.worst[n]
    limit = _prefill_part(service, first_s).levels.ttft_ms
    flags = () if limit is None else _flags(ttft + np.array(setting.trips_s) > limit / 1e3)
    promised = {"ttft": service.levels.ttft_ms, "end_to_end": service.levels.end_to_end_s}
    late = {name: flags for name, value in promised.items() if value is not None}
    words = phase_words(service, "prefill", first_s)
    work = _numbers(made.work[n])
    return OperatingPoint(
        id=f"{service.name}/{system}/{layout} {words} {precision}{setting.suffix}",
        service=service.name,
        model=setting.model.id,
        system=system,
        systems_per_replica=Fraction(int(table.systems_numerator[n]), int(table.systems_denominator[n])),
        layout=f"{layout} {words}",
        weight_precision=precision,
        kv_precision=str(table.kv_precision[n]),
        placement=str(table.placement[n]),
        batch=1,
        tpot_s=max(float(table.prefill_step_s[n]), 1e-6),  # of a step; it gives one token per request
        wait_s=0.0,
        resources=("time", "link"),
        use=(work, _numbers(made.moved[n])),
        ttft_s=_numbers(ttft),
        end_to_end_s=_numbers(ttft),
        late=late,
        serves=_flags(made.fits[n] & (mix.longest <= (setting.model.max_context or np.inf))),
        lines=lines,
        kv_bytes=_numbers(kv_written((setting.model,), str(table.kv_precision[n]), mix)),
        kv_capacity_bytes=float(table.kv_capacity_bytes[n]),
        step=step_law(table, n),
        wear=None,
        evidence=str(table.evidence[n]),
        spread=float(table.spread[n]),
        sites=setting.sites,
        queue=_queue(float(made.base[n]), work, _numbers(made.worst[n])),
        phase="prefill",
        transfer_s=_numbers(made.sent[n]),
        first_token_s=first_s if service.levels.end_to_end_s is not None else 0.0,
    )


def _queue(base_s: float, work_s: tuple[float, ...], longest_s: tuple[float, ...]) -> QueueFacts:
    """The queue of a prefill replica: prompts take turns, and none decodes there."""
    return QueueFacts(
        slots=WAITING_ROOM,
        time_factor=1.0,
        base_s=base_s,
        hold_s=work_s,
        prefill_s=work_s,
        longest_s=longest_s,
        decode_s=tuple(0.0 for _ in work_s),
    )


def phase_words(service: Service, phase: str, first_s: float) -> str:
    """The name of a phase; where several times to first token are offered, with the time."""
    several = len(first_token_times(service)) > 1
    return f"{phase} (first token in {first_s:g} s)" if several else phase


def _numbers(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())


def _flags(values: Mask) -> tuple[bool, ...]:
    return tuple(values.tolist())


def _prefill_part(service: Service, first_s: float) -> Service:
    """The service with the part of its promise that a prefill pool keeps."""
    limit = first_s - handover_s(service, first_s)
    levels = part_levels(service, first_s, limit, service.levels.tpot_ms)
    return service.model_copy(update={"levels": levels})
