"""Operating points from the performance model: one per system, layout and precision.

A replica is run so that every step stays within a ceiling tau. A request of (I in, O out) then uses

    time    (I t_prefill + I^2 t_quadratic + O (t_sequence + c t_context)) / (1 - t_fixed / tau)
    memory  O tau KV(c) + t_prefill KV(I), over the replica's free KV bytes
    slots   (O tau + t_prefill) / batch

in replica-seconds; all three add up over requests of any length mix (design, section 3). In pipelines
the fixed part overlaps between sequences, so the time factor is 1 and tau is at least the latency floor.
Of all ceilings, batches and load ceilings of one layout the menu takes the one that safely carries most
of the service's own mix at the pool size its demand needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.domain.workload import Service
from solver.operating_points.load import Pressure, safe_shares
from solver.operating_points.requests import Floats, Mix, wait_budget
from solver.performance.steps import StepTable

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
#: Ceilings offered to services without a TPOT promise, seconds per token.
FREE_CEILINGS_S = (0.03, 0.1, 0.3)
#: Ceilings below the promise are offered too: they free KV memory and slots sooner.
CEILING_STEPS = (1.0, 0.5, 0.25, 0.125)
#: Shares of full capacity at which the prefill time promised to a request is taken.
LOAD_CEILINGS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
#: Candidates of one layout that are compared by what they carry safely.
FINALISTS = 8


def ceilings(service: Service) -> tuple[float, ...]:
    """TPOT ceilings tried for a service, seconds per token, from the loosest down."""
    levels = service.levels
    if levels.tpot_ms is not None:
        return tuple(levels.tpot_ms / 1e3 * step for step in CEILING_STEPS)
    if levels.end_to_end_s is not None:
        longest = max(b.output_tokens for b in service.lengths)
        return tuple(levels.end_to_end_s / longest * step for step in (0.8, 0.4, 0.2))
    return FREE_CEILINGS_S


def allowed_late(percentile: float) -> float:
    """Share of requests whose length may break a promise; the other half of the misses is for waits."""
    return (1 - percentile) / 2


@dataclass(frozen=True)
class Candidates:
    """Step-table rows at a ceiling, as arrays (n) and (n x buckets)."""

    row: np.ndarray
    tau_s: Floats
    full_rps: Floats
    factor: Floats
    time: Floats
    memory: Floats
    slots: Floats
    work: Floats  # prefill work of a mean prompt, s
    worst: Floats  # prefill work of the longest prompt, s
    decode: Floats

    def rows(self, chosen: np.ndarray) -> Candidates:
        """Some of the candidates."""
        return Candidates(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def at_ceiling(table: StepTable, mix: Mix, memory: Floats, tau: float, prefix_hit: float) -> Candidates:
    """All rows that keep every step within ``tau`` with a full batch of the mean mix (vectorised).

    ``memory`` (rows x buckets) is KV bytes at the mean context of each bucket.
    """
    piped = table.pipelined.astype(bool)
    step = table.sequence_s + mix.mean_context * table.context_s
    factor = np.where(piped, 1.0, 1.0 - table.fixed_s / tau)
    full_step = np.where(
        piped, np.maximum(table.latency_floor_s, table.batch * step), table.fixed_s + table.batch * step
    )
    ok = (factor > 0) & (full_step <= tau * (1 + 1e-12)) & (table.kv_capacity_bytes > 0)
    keep = np.flatnonzero(ok)
    factor, batch, room = factor[keep], table.batch[keep].astype(np.float64), table.kv_capacity_bytes[keep]
    linear, quadratic = table.prefill_s[keep, None], table.prefill_quadratic_s[keep, None]
    work = mix.prompt * (1 - prefix_hit) * linear + mix.prompt**2 * quadratic
    worst = mix.prompt_max * (1 - prefix_hit) * linear + mix.prompt_max**2 * quadratic
    decode = mix.output * (table.sequence_s[keep, None] + mix.context * table.context_s[keep, None])
    time = (work + decode) / factor[:, None]
    held = mix.output * tau * memory[keep] / room[:, None]
    least = np.maximum(held @ mix.share, mix.mean_output * tau / batch)
    rate = 1.0 / np.maximum(np.maximum(time @ mix.share, least), 1e-15)
    share = np.maximum(factor - rate * (decode @ mix.share), 1e-9)
    prefill = work / share[:, None]
    held = held + prefill * memory[keep] / room[:, None]
    slots = (mix.output * tau + prefill) / batch[:, None]
    full = 1.0 / np.maximum(np.maximum(time @ mix.share, held @ mix.share), slots @ mix.share)
    return Candidates(keep, np.full(len(keep), tau), full, factor, time, held, slots, work, worst, decode)


def all_candidates(service: Service, table: StepTable, mix: Mix, memory: Floats) -> Candidates:
    """The finalists of every layout over all ceilings and batches."""
    parts = [at_ceiling(table, mix, memory, tau, service.prefix_hit) for tau in ceilings(service)]
    merged = Candidates(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in Candidates.__dataclass_fields__)
    )
    group = layout_groups(table)[merged.row]
    order = np.lexsort((-merged.full_rps, group))
    first = np.searchsorted(group[order], group[order], side="left")
    return merged.rows(order[np.arange(len(order)) - first < FINALISTS])


def layout_groups(table: StepTable) -> np.ndarray:
    """A number for each row that rows of the same system, layout, precision and placement share."""
    keys: dict[tuple[object, ...], int] = {}
    columns = (
        table.system,
        table.chips,
        table.tensor_parallel,
        table.pipeline_parallel,
        table.expert_parallel,
        table.weight_precision,
        table.placement,
    )
    return np.array(
        [keys.setdefault(key, len(keys)) for key in zip(*(c.tolist() for c in columns), strict=True)],
        dtype=np.int64,
    )


@dataclass(frozen=True)
class Choice:
    """Candidates with a load ceiling and the wait it leaves."""

    candidates: Candidates
    ceiling: Floats
    base_s: Floats  # time to first token without waiting, longest prompt of each bucket (n x buckets)
    wait_s: Floats
    best_left_s: Floats  # for the reason of a refusal


def with_load_ceilings(
    service: Service, table: StepTable, mix: Mix, found: Candidates, round_trip_s: float
) -> Choice:
    """Each candidate at each load ceiling: prefill share, base TTFT and the wait that is left."""
    count, steps = len(found.row), len(LOAD_CEILINGS)
    repeated = found.rows(np.repeat(np.arange(count), steps))
    ceiling = np.tile(LOAD_CEILINGS, count)
    share = np.maximum(repeated.factor - ceiling * repeated.full_rps * (repeated.decode @ mix.share), 1e-9)
    overhead = table.ttft_overhead_s[repeated.row] + repeated.tau_s
    base = overhead[:, None] + repeated.worst / share[:, None]
    levels = service.levels
    wait = np.full(len(ceiling), np.inf)
    for limit, percentile, tail in (
        (levels.ttft_ms and levels.ttft_ms / 1e3, levels.ttft_percentile, 0.0),
        (levels.end_to_end_s, levels.end_to_end_percentile, repeated.tau_s[:, None] * mix.output_max),
    ):
        if limit is not None:
            late = allowed_late(percentile)
            left = np.array([wait_budget(limit - round_trip_s, row, mix.share, late) for row in base + tail])
            wait = np.minimum(wait, left)
    return Choice(repeated, ceiling, base, wait, wait)


def pressure_of(service: Service, table: StepTable, mix: Mix, choice: Choice) -> Pressure:
    """What the queues of each choice see."""
    c, levels = choice.candidates, service.levels
    misses = [
        allowed_late(p)
        for limit, p in (
            (levels.ttft_ms, levels.ttft_percentile),
            (levels.end_to_end_s, levels.end_to_end_percentile),
        )
        if limit
    ]
    batch = table.batch[c.row].astype(np.float64)
    hold = c.slots * batch[:, None]
    return Pressure(
        slots=batch,
        hold_s=hold @ mix.share,
        full_rps=c.full_rps,
        prefill_work_s=c.work @ mix.share,
        decode_work_s=c.decode @ mix.share,
        time_factor=c.factor,
        wait_s=choice.wait_s,
        ceiling=choice.ceiling,
        miss=min(misses, default=1.0),
        cv2_arrival=service.demand.cv2,
        cv2_hold=_largest_variation(hold, mix.share),
        cv2_prefill=_largest_variation(c.work, mix.share),
    )


def best_choices(
    service: Service, table: StepTable, choice: Choice, pressure: Pressure, peak_rps: float
) -> np.ndarray:
    """Index of the choice of each layout that safely carries most at the pool size the demand needs."""
    c = choice.candidates
    need = np.clip(np.ceil(peak_rps / c.full_rps), 1, 4096)
    carried = np.zeros(len(need))
    for size in np.unique(need):
        rows = np.flatnonzero(need == size)
        carried[rows] = safe_shares(pressure.rows(rows), np.array([float(size)]))[:, 0] * c.full_rps[rows]
    group = layout_groups(table)[c.row]
    order = np.lexsort((choice.ceiling, -carried, group))
    first = np.unique(group[order], return_index=True)[1]
    best = order[first]
    return best[carried[best] > 0]


def _largest_variation(values: Floats, share: Floats) -> float:
    """Largest squared coefficient of variation of the rows of ``values`` under ``share``, 3 digits up."""
    mean = values @ share
    spread = np.maximum((values**2) @ share - mean**2, 0.0)
    return float(np.ceil(1e3 * np.max(spread / np.maximum(mean, 1e-15) ** 2)) / 1e3)
