"""Operating points from the performance model: one per system, layout and precision.

A replica is run so that every step stays within a ceiling tau. A request of (I in, O out) then uses

    time    (I t_prefill + I^2 t_quadratic + O (t_sequence + c t_context)) / (1 - t_fixed / tau)
    memory  O tau KV(c) + t_prefill KV(I), over the replica's free KV bytes
    slots   (O tau + t_prefill) / batch

in replica-seconds; all three add up over requests of any length mix (design, section 3). In pipelines
the fixed part overlaps between sequences, so the time factor is 1 and tau is at least the latency floor.
Of all ceilings and batches of one layout the menu takes the one that safely carries most
of the service's own mix at the pool size its demand needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from solver.domain.bursts import Burstiness
from solver.domain.quantity import as_written, at_most
from solver.domain.workload import Service
from solver.operating_points.requests import Floats, Mix
from solver.performance.pools import Replicas, memory_slots, safe_shares
from solver.performance.steps import StepTable

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
#: Ceilings offered to services without a TPOT promise, seconds per token.
FREE_CEILINGS_S = (0.03, 0.1, 0.3)
#: Ceilings below the promise are offered too: they free KV memory and slots sooner.
CEILING_STEPS = (1.0, 0.5, 0.25, 0.125)
#: Rounding of a reciprocal, relative.
RECIPROCAL = 1 + 2**-49
#: Candidates of one layout that are compared by what they carry safely.
FINALISTS = 8


def ceilings(service: Service) -> tuple[float, ...]:
    """TPOT ceilings tried for a service, seconds per token, from the loosest down."""
    levels = service.levels
    if levels.tpot_ms is not None:
        return tuple(seconds_of(levels.tpot_ms) * step for step in CEILING_STEPS)
    if levels.end_to_end_s is not None:
        longest = max(b.output_tokens for b in service.lengths)
        return tuple(levels.end_to_end_s / longest * step for step in (0.8, 0.4, 0.2))
    return FREE_CEILINGS_S


@lru_cache(maxsize=1024)
def seconds_of(promised_ms: float) -> float:
    """A promise in seconds: the float that, as written, is not above it."""
    return at_most(as_written(promised_ms) / 1000)


def pace_s(tokens_per_s: float, service: Service) -> float:
    """Seconds per output token at a stated speed. Where the promise is that very speed it is the promise:
    reciprocals of floats differ in the last digit."""
    pace, promised_ms = 1.0 / tokens_per_s, service.levels.tpot_ms
    if promised_ms is None:
        return pace
    most = seconds_of(promised_ms)
    return most if most < pace <= most * RECIPROCAL else pace


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


def at_ceiling(table: StepTable, mix: Mix, memory: Floats, tau: float) -> Candidates:
    """All rows that keep every step within ``tau`` with a full batch of the mean mix (vectorised).

    ``memory`` (rows x buckets) is KV bytes at the mean context of each bucket.
    """
    piped = table.pipelined.astype(bool)
    step = table.sequence_s + mix.mean_context * table.context_s
    decoding = np.where(
        piped, np.maximum(table.latency_floor_s, table.batch * step), table.fixed_s + table.batch * step
    )
    ok = (table.fixed_s < tau) & (decoding <= tau * (1 + 1e-12)) & (table.kv_capacity_bytes > 0)
    keep = np.flatnonzero(ok)
    batch, room = table.batch[keep].astype(np.float64), table.kv_capacity_bytes[keep]
    linear, quadratic = table.prefill_s[keep, None], table.prefill_quadratic_s[keep, None]
    work = mix.prompt * linear + mix.prompt**2 * quadratic
    worst = mix.prompt_max * linear + mix.prompt_max**2 * quadratic
    decode = mix.output * (table.sequence_s[keep, None] + mix.context * table.context_s[keep, None])
    # a full batch with its share of prefill need not take the whole ceiling
    taus = np.minimum(tau, decoding[keep] + batch * (work @ mix.share) / mix.mean_output)
    factor = np.where(piped[keep], 1.0, 1.0 - table.fixed_s[keep] / taus)
    time = (work + decode) / factor[:, None]
    held = mix.output * taus[:, None] * memory[keep] / room[:, None]
    least = np.maximum(held @ mix.share, mix.mean_output * taus / batch)
    rate = 1.0 / np.maximum(np.maximum(time @ mix.share, least), 1e-15)
    share = np.maximum(factor - rate * (decode @ mix.share), 1e-9)
    prefill = work / share[:, None]
    held = held + prefill * memory[keep] / room[:, None]
    slots = (mix.output * taus[:, None] + prefill) / batch[:, None]
    full = 1.0 / np.maximum(np.maximum(time @ mix.share, held @ mix.share), slots @ mix.share)
    return Candidates(keep, taus, full, factor, time, held, slots, work, worst, decode)


def all_candidates(service: Service, table: StepTable, mix: Mix, memory: Floats) -> Candidates:
    """The finalists of every layout over all ceilings and batches."""
    parts = [at_ceiling(table, mix, memory, tau) for tau in ceilings(service)]
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
class Promise:
    """A latency promise as the queues see it."""

    name: str
    limit_s: Floats  # time left for prefill and waiting (candidates x buckets)
    miss: float


def promises_of(service: Service, base_s: Floats, tau_s: Floats, mix: Mix, trips_s: Floats) -> list[Promise]:
    """The promises of a service; ``base_s``: first token besides prefill, waiting and the round trip, which
    is ``trips_s`` for each bucket."""
    levels, found = service.levels, []
    if levels.ttft_ms is not None:
        limit = (levels.ttft_ms / 1e3 - base_s)[:, None] - trips_s
        found.append(Promise("ttft", limit, 1 - levels.ttft_percentile))
    if levels.end_to_end_s is not None:
        limit = (levels.end_to_end_s - base_s)[:, None] - trips_s - tau_s[:, None] * mix.output_max
        found.append(Promise("end_to_end", limit, 1 - levels.end_to_end_percentile))
    return found


def replicas_of(table: StepTable, mix: Mix, found: Candidates, deviation: Floats) -> Replicas:
    """Candidates as their queues see them; KV memory that fluctuates takes some of the batch's slots.

    ``deviation`` (rows of the table) is the standard deviation of one sequence's KV bytes.
    """
    batch = table.batch[found.row].astype(np.float64)
    hold = found.slots * batch[:, None]
    mean_hold = hold @ mix.share
    room = table.kv_capacity_bytes[found.row]
    held = np.maximum((found.memory @ mix.share) * room / mean_hold, 1.0)
    fits = memory_slots(room, held, deviation[found.row])
    return Replicas(
        slots=np.minimum(batch, fits),
        hold_s=mean_hold,
        cv2_hold=_variation(hold, mix.share),
        full_rps=found.full_rps,
        prefill_s=found.work @ mix.share,
        cv2_prefill=_variation(found.work, mix.share),
        decode_s=found.decode @ mix.share,
        time_factor=found.factor,
        longest_s=found.worst,
    )


def rows_of(kinds: Replicas, chosen: np.ndarray) -> Replicas:
    """Some of the kinds."""
    return Replicas(*(getattr(kinds, name)[chosen] for name in Replicas.__dataclass_fields__))


def shares_at(
    kinds: Replicas,
    promises: list[Promise],
    sizes: Floats,
    mix: Mix,
    bursts: Burstiness,
    rows: np.ndarray,
    most: Floats | float = np.inf,
) -> Floats:
    """Safe share of full capacity (rows x sizes): the least over all promises; 1 without any. Sizes above
    ``most`` of a row are not looked at."""
    shares = np.ones(np.broadcast_shapes((len(rows), 1), np.shape(sizes)))
    for promise in promises:
        safe = safe_shares(
            rows_of(kinds, rows), sizes, promise.limit_s[rows], mix.share, promise.miss, bursts, most=most
        )
        shares = np.minimum(shares, safe)
    return shares


def best_of_layout(table: StepTable, found: Candidates, carried: Floats) -> np.ndarray:
    """Index of the candidate of each layout that safely carries most (the loosest ceiling of equals)."""
    group = layout_groups(table)[found.row]
    order = np.lexsort((-found.tau_s, -carried, group))
    first = np.unique(group[order], return_index=True)[1]
    best = order[first]
    return best[carried[best] > 0]


def _variation(values: Floats, share: Floats) -> Floats:
    """Squared coefficient of variation of each row of ``values`` under ``share``."""
    mean = values @ share
    spread = np.maximum((values**2) @ share - mean**2, 0.0)
    return np.asarray(spread / np.maximum(mean, 1e-15) ** 2)
