"""Operating points from the performance model: the chosen candidate of each layout, and why others fail."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from solver.operating_points.candidates import (
    Candidates,
    Promise,
    all_candidates,
    best_of_layout,
    promises_of,
    replicas_of,
    shares_at,
)
from solver.operating_points.load import FULL, SIZES_EVALUATED, pool_lines
from solver.operating_points.point import OperatingPoint, QueueFacts, Screened
from solver.operating_points.requests import Floats, Mix, mix_of
from solver.operating_points.rows import kv_table, kv_written, late_flags, layout_words, step_law
from solver.operating_points.screening import too_late, too_slow
from solver.operating_points.setting import Setting
from solver.operating_points.wear import wear_of
from solver.performance.pools import Replicas
from solver.performance.queueing import Line
from solver.performance.steps import StepTable


def points_of(setting: Setting, table: StepTable) -> tuple[list[OperatingPoint], list[Screened]]:
    """Operating points of a service from its step table, and what was screened out with the reason."""
    service, mix = setting.service, mix_of(setting.service)
    at_mean = kv_table(setting.holding, table, mix.context)
    found = all_candidates(service, table, mix, at_mean)
    screened = too_slow(setting, table, mix)
    if not len(found.row):
        return [], screened
    kinds = replicas_of(table, mix, found, _kv_deviation(setting, table, mix))
    base = table.ttft_overhead_s[found.row] + found.tau_s
    promises = promises_of(service, base, found.tau_s, mix, np.array(setting.trips_s))
    size = np.clip(np.ceil(setting.peak_rps / found.full_rps), 1, MOST_SIZE)
    everything = np.arange(len(size))
    safe = shares_at(kinds, promises, size[:, None], mix, service.demand.bursts, everything)
    carried = safe[:, 0] * found.full_rps
    best = best_of_layout(table, found, carried)
    screened += too_late(setting, table, found, kinds, promises, best)
    sizes = np.arange(1.0, SIZES_EVALUATED + 1)
    most = np.clip(np.ceil(4 * setting.peak_rps / found.full_rps[best]) + 2, 2, 10**6)
    shares = shares_at(kinds, promises, sizes, mix, service.demand.bursts, best, most)
    context = Context(
        setting, table, mix, found, kinds, promises, base, kv_table(setting.holding, table, mix.longest)
    )
    points: list[OperatingPoint] = []
    for n, share, replicas in zip(best, shares, most, strict=True):
        lines = pool_lines(share, int(replicas)) if promises else FULL
        made = _point(context, int(n), lines, float(size[n]))
        if isinstance(made, OperatingPoint):
            points.append(made)
        else:
            screened.append(made)
    return points, screened


#: Largest pool at which candidates are compared.
MOST_SIZE = 4096


@dataclass(frozen=True)
class Context:
    """All that the points of one service are made from."""

    setting: Setting
    table: StepTable
    mix: Mix
    found: Candidates
    kinds: Replicas
    promises: list[Promise]
    base_s: Floats
    longest_kv: Floats


def _kv_deviation(setting: Setting, table: StepTable, mix: Mix) -> Floats:
    """Standard deviation of the KV bytes of one sequence at a random time of its stay (rows of the table).

    Between buckets: their mean KV weighted by output tokens; within: an output grows from 0 to O, which
    adds a uniform spread of O / sqrt(12) tokens.
    """
    weight = mix.share * mix.output / max(mix.mean_output, 1e-9)
    at_mean = kv_table(setting.holding, table, mix.context)
    per_token = kv_table(setting.holding, table, np.array([1.0]))[:, 0]
    mean = at_mean @ weight
    between = np.maximum((at_mean**2) @ weight - mean**2, 0.0)
    within = per_token**2 * float(weight @ mix.output**2) / 12
    return np.asarray(np.sqrt(between + within))


def _point(context: Context, chosen: int, lines: tuple[Line, ...], size: float) -> OperatingPoint | Screened:
    setting, table, mix, c = context.setting, context.table, context.mix, context.found
    service, n, tau = setting.service, int(c.row[chosen]), float(c.tau_s[chosen])
    system = setting.systems[str(table.system[n])]
    layout = layout_words(table, n)
    words = f"{layout} {table.weight_precision[n]}"
    longest, limit = context.longest_kv[n], setting.model.max_context or np.inf
    serves = (longest <= table.kv_capacity_bytes[n]) & (mix.longest <= limit)
    if not serves.any():
        return Screened(service.name, system.id, words, "no request fits into the free KV memory")
    wear, worn = wear_of(setting, system, table, n)
    if worn:
        return Screened(service.name, system.id, words, worn)
    if not lines:
        return Screened(service.name, system.id, words, "no pool size keeps the wait within the promise")
    ttft = _idle_times(context, chosen, lines, size)
    ends = ttft + mix.output_max * tau
    return OperatingPoint(
        id=f"{service.name}/{system.id}/{words}{setting.suffix}",
        service=service.name,
        model=setting.model.id,
        system=system.id,
        systems_per_replica=Fraction(int(table.systems_numerator[n]), int(table.systems_denominator[n])),
        layout=layout,
        weight_precision=str(table.weight_precision[n]),
        kv_precision=str(table.kv_precision[n]),
        placement=str(table.placement[n]),
        batch=int(table.batch[n]),
        tpot_s=tau,
        wait_s=0.0,
        resources=("time", "KV memory", "slots"),
        use=tuple(tuple(float(v) for v in row[chosen]) for row in (c.time, c.memory, c.slots)),
        ttft_s=tuple(float(v) for v in ttft),
        end_to_end_s=tuple(float(v) for v in ends),
        late=late_flags(service, ttft + np.array(setting.trips_s), ends + np.array(setting.trips_s)),
        serves=tuple(bool(v) for v in serves),
        lines=lines,
        kv_bytes=tuple(float(v) for v in kv_written(setting.holding, str(table.kv_precision[n]), mix)),
        kv_capacity_bytes=float(table.kv_capacity_bytes[n]),
        step=step_law(table, n),
        wear=wear,
        evidence=str(table.evidence[n]),
        spread=float(table.spread[n]),
        sites=setting.sites,
        queue=queue_facts(context, chosen),
    )


def _idle_times(context: Context, chosen: int, lines: tuple[Line, ...], size: float) -> Floats:
    """Time to first token of each bucket's longest prompt at the safe load, without waiting."""
    kinds = context.kinds
    line = next((x for x in lines if x.low <= size <= x.high), lines[-1])
    load = min(max(line.at(min(size, line.high)) / min(size, line.high), 0.0), 1.0)
    decoding = load * kinds.full_rps[chosen] * kinds.decode_s[chosen]
    left = max(float(kinds.time_factor[chosen] - decoding), 1e-9)
    return np.asarray(context.base_s[chosen] + kinds.longest_s[chosen] / left)


def queue_facts(context: Context, chosen: int) -> QueueFacts:
    """The queue's view of a candidate."""
    c, kinds = context.found, context.kinds
    batch = float(context.table.batch[c.row[chosen]])
    return QueueFacts(
        slots=float(kinds.slots[chosen]),
        time_factor=float(c.factor[chosen]),
        base_s=float(context.base_s[chosen]),
        hold_s=tuple(float(v) * batch for v in c.slots[chosen]),
        prefill_s=tuple(float(v) for v in c.work[chosen]),
        longest_s=tuple(float(v) for v in c.worst[chosen]),
        decode_s=tuple(float(v) for v in c.decode[chosen]),
    )
