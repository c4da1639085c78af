"""Operating points from the performance model: the chosen candidate of each layout, and why others fail."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from solver.domain.catalog import Model, System, Technology
from solver.domain.workload import HardwarePolicy, Horizon, Service
from solver.operating_points.candidates import (
    BATCHES,
    Candidates,
    Promise,
    all_candidates,
    best_of_layout,
    ceilings,
    promises_of,
    replicas_of,
    seconds_of,
    shares_at,
)
from solver.operating_points.load import FULL, SIZES_EVALUATED, pool_lines
from solver.operating_points.point import OperatingPoint, QueueFacts, Screened, StepLaw
from solver.operating_points.regions import Reach
from solver.operating_points.requests import Floats, Mix, mix_of
from solver.operating_points.wear import wear_of
from solver.performance.architecture import kv_bytes
from solver.performance.pools import Replicas
from solver.performance.queueing import Line
from solver.performance.steps import StepTable


@dataclass(frozen=True)
class Setting:
    """What all points of one service share."""

    service: Service
    model: Model
    systems: dict[str, System]
    technologies: dict[str, Technology]
    policy: HardwarePolicy
    horizon: Horizon
    round_trip_s: float  # the longest of its regions
    trips_s: tuple[float, ...]  # per length bucket
    reach: Reach
    cells: tuple[int, ...]  # positions of the service's buckets among all of its regions
    sites: tuple[str, ...] = ()  # sites at that round trip; empty: all
    suffix: str = ""  # tells points of different round trips apart
    draft: Model | None = None  # whose KV stands beside that of the model

    @property
    def holding(self) -> tuple[Model, ...]:
        """Models whose KV of a sequence a replica holds."""
        return (self.model,) if self.draft is None else (self.model, self.draft)

    @property
    def peak_rps(self) -> float:
        """Largest request rate of the service over the horizon."""
        demand = self.service.demand
        step = max(1.0, *demand.steps.values()) if demand.steps else 1.0
        fastest = max(0.0, *map(demand.growth_of, demand.by_region or ("",)))
        return float(max(demand.rate_rps) * (1 + fastest) ** self.horizon.years * step)


def kv_table(models: tuple[Model, ...], table: StepTable, contexts: Floats) -> Floats:
    """KV bytes of one sequence (rows x contexts) of the models, in each row's KV precision."""
    by_precision = {
        precision: np.array([sum(kv_bytes(m, float(c), precision) for m in models) for c in contexts])
        for precision in sorted(set(table.kv_precision.tolist()))
    }
    return np.stack([by_precision[p] for p in table.kv_precision])


def points_of(setting: Setting, table: StepTable) -> tuple[list[OperatingPoint], list[Screened]]:
    """Operating points of a service from its step table, and what was screened out with the reason."""
    service, mix = setting.service, mix_of(setting.service)
    at_mean = kv_table(setting.holding, table, mix.context)
    found = all_candidates(service, table, mix, at_mean)
    screened = _too_slow(setting, table, mix)
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
    screened += _too_late(setting, table, found, kinds, promises, best)
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


def late_flags(service: Service, ttft_s: Floats, ends_s: Floats) -> dict[str, tuple[bool, ...]]:
    """Which buckets break each promise even without waiting."""
    levels, late = service.levels, {}
    if levels.ttft_ms is not None:
        late["ttft"] = tuple(bool(v > seconds_of(levels.ttft_ms)) for v in ttft_s)
    if levels.end_to_end_s is not None:
        late["end_to_end"] = tuple(bool(v > levels.end_to_end_s) for v in ends_s)
    return late


def step_law(table: StepTable, n: int) -> StepLaw:
    """The step time of a row, as the replay needs it."""
    return StepLaw(
        fixed_s=float(table.fixed_s[n]),
        sequence_s=float(table.sequence_s[n]),
        context_s=float(table.context_s[n]),
        prefill_s=float(table.prefill_s[n]),
        prefill_quadratic_s=float(table.prefill_quadratic_s[n]),
        latency_floor_s=float(table.latency_floor_s[n]),
        ttft_overhead_s=float(table.ttft_overhead_s[n]),
        pipelined=bool(table.pipelined[n]),
    )


def kv_written(models: tuple[Model, ...], precision: str, mix: Mix) -> Floats:
    """KV bytes written by one request of each bucket: every prompt and output token writes once."""
    per_token = sum(kv_bytes(model, 1.0, precision) for model in models)
    return np.asarray((mix.prompt + mix.output) * per_token, dtype=np.float64)


def layout_words(table: StepTable, n: int) -> str:
    """The layout of a row in the field's shorthand: TP8, PP20, EP8, streamed weights."""
    parts = [
        f"{name}{value}"
        for name, value in (
            ("TP", int(table.tensor_parallel[n])),
            ("PP", int(table.pipeline_parallel[n])),
            ("EP", int(table.expert_parallel[n])),
        )
        if value > 1 or name == "TP"
    ]
    if int(table.systems_numerator[n]) > int(table.systems_denominator[n]):
        parts.append(f"on {int(table.systems_numerator[n])} systems")
    return " ".join(parts) + (" weights streamed" if table.placement[n] == "streamed" else "")


def _too_late(
    setting: Setting,
    table: StepTable,
    found: Candidates,
    kinds: Replicas,
    promises: list[Promise],
    best: np.ndarray,
) -> list[Screened]:
    """Systems on which no candidate keeps its promises at any load, with the best margin."""
    systems = table.system[found.row]
    screened = []
    for system in sorted(set(systems.tolist()) - set(systems[best].tolist())):
        mine = systems == system
        left = max(
            float(
                np.median(
                    p.limit_s[mine] - kinds.longest_s[mine] / kinds.time_factor[mine, None], axis=1
                ).max()
            )
            for p in promises
        )
        reason = "no pool of any size keeps the promised share of first tokens in time"
        if left <= 0:
            reason = f"half of the requests come {-left * 1e3:,.3g} ms too late even on an idle replica"
        screened.append(Screened(setting.service.name, str(system), "all layouts", reason))
    return screened


def _too_slow(setting: Setting, table: StepTable, mix: Mix) -> list[Screened]:
    """For each system that keeps no ceiling: the best TPOT it reaches, as tokens/s per user."""
    slowest = ceilings(setting.service)[0]
    floor = np.where(
        table.pipelined,
        table.latency_floor_s,
        table.fixed_s + table.sequence_s + mix.mean_context * table.context_s,
    )
    found = []
    for system in sorted(set(table.system.tolist())):
        best = float(floor[table.system == system].min())
        if best > slowest:
            found.append(
                Screened(
                    setting.service.name,
                    str(system),
                    "all layouts",
                    f"reaches {1 / best:,.4g} tok/s per user of the {1 / slowest:,.4g} promised",
                    1 / best,
                )
            )
    return found


__all__ = ["BATCHES", "Setting", "ceilings", "points_of"]
