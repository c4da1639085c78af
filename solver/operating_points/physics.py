"""Operating points from the performance model: the chosen candidate of each layout, and why others fail."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from solver.domain.catalog import Model, System, Technology
from solver.domain.workload import HardwarePolicy, Horizon, Service
from solver.operating_points.candidates import (
    BATCHES,
    Choice,
    all_candidates,
    best_choices,
    ceilings,
    pressure_of,
    with_load_ceilings,
)
from solver.operating_points.load import FULL, SIZES_EVALUATED, pool_lines, safe_shares
from solver.operating_points.point import OperatingPoint, Screened, StepLaw
from solver.operating_points.requests import Floats, Mix, mix_of
from solver.operating_points.wear import wear_of
from solver.performance.architecture import kv_bytes
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
    round_trip_s: float

    @property
    def peak_rps(self) -> float:
        """Largest request rate of the service over the horizon."""
        demand = self.service.demand
        return float(max(demand.rate_rps) * (1 + max(demand.growth_per_year, 0.0)) ** self.horizon.years)


def kv_table(model: Model, table: StepTable, contexts: Floats) -> Floats:
    """KV bytes of one sequence (rows x contexts) in each row's KV precision."""
    by_precision = {
        precision: np.array([kv_bytes(model, float(c), precision) for c in contexts])
        for precision in sorted(set(table.kv_precision.tolist()))
    }
    return np.stack([by_precision[p] for p in table.kv_precision])


def points_of(setting: Setting, table: StepTable) -> tuple[list[OperatingPoint], list[Screened]]:
    """Operating points of a service from its step table, and what was screened out with the reason."""
    service, mix = setting.service, mix_of(setting.service)
    found = all_candidates(service, table, mix, kv_table(setting.model, table, mix.context))
    screened = _too_slow(setting, table, mix)
    if not len(found.row):
        return [], screened
    choice = with_load_ceilings(service, table, mix, found, setting.round_trip_s)
    pressure = pressure_of(service, table, mix, choice)
    waits = np.isfinite(choice.wait_s)
    best = best_choices(service, table, choice, pressure, setting.peak_rps)
    screened += _too_late(setting, table, choice, best)
    longest = kv_table(setting.model, table, mix.longest)
    sizes = np.arange(1.0, SIZES_EVALUATED + 1)
    shares = safe_shares(pressure.rows(best), sizes) if waits.any() else np.ones((len(best), len(sizes)))
    points: list[OperatingPoint] = []
    for n, share in zip(best, shares, strict=True):
        lines = pool_lines(share, _most(setting, choice, int(n))) if waits[n] else FULL
        made = _point(setting, table, choice, int(n), mix, longest, lines)
        if isinstance(made, OperatingPoint):
            points.append(made)
        else:
            screened.append(made)
    return points, screened


def _most(setting: Setting, choice: Choice, n: int) -> int:
    """More replicas than the demand can need on this candidate."""
    return int(np.clip(np.ceil(4 * setting.peak_rps / choice.candidates.full_rps[n]) + 2, 2, 10**6))


def _point(
    setting: Setting,
    table: StepTable,
    choice: Choice,
    chosen: int,
    mix: Mix,
    longest: Floats,
    lines: tuple[Line, ...],
) -> OperatingPoint | Screened:
    service, c = setting.service, choice.candidates
    n, tau = int(c.row[chosen]), float(c.tau_s[chosen])
    system = setting.systems[str(table.system[n])]
    layout = layout_words(table, n)
    words = f"{layout} {table.weight_precision[n]}"
    serves = (longest[n] <= table.kv_capacity_bytes[n]) & (
        mix.longest <= (setting.model.max_context or np.inf)
    )
    if not serves.any():
        return Screened(service.name, system.id, words, "no request fits into the free KV memory")
    wear, worn = wear_of(setting, system, table, n)
    if worn:
        return Screened(service.name, system.id, words, worn)
    if not lines:
        return Screened(service.name, system.id, words, "no pool size keeps the wait within the promise")
    waited = float(choice.wait_s[chosen]) if np.isfinite(choice.wait_s[chosen]) else 0.0
    ttft = choice.base_s[chosen] + waited
    return OperatingPoint(
        id=f"{service.name}/{system.id}/{words}",
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
        wait_s=waited,
        resources=("time", "KV memory", "slots"),
        use=tuple(tuple(float(v) for v in row[chosen]) for row in (c.time, c.memory, c.slots)),
        ttft_s=tuple(float(v) for v in ttft),
        end_to_end_s=tuple(float(v) for v in ttft + mix.output_max * tau),
        late={},
        serves=tuple(bool(v) for v in serves),
        lines=lines,
        kv_bytes=tuple(float(v) for v in kv_written(setting.model, str(table.kv_precision[n]), mix)),
        kv_capacity_bytes=float(table.kv_capacity_bytes[n]),
        step=step_law(table, n),
        wear=wear,
        evidence=str(table.evidence[n]),
        spread=float(table.spread[n]),
    )


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


def kv_written(model: Model, precision: str, mix: Mix) -> Floats:
    """KV bytes written by one request of each bucket: every prompt and output token writes once."""
    per_token = kv_bytes(model, 1.0, precision)
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


def _too_late(setting: Setting, table: StepTable, choice: Choice, best: np.ndarray) -> list[Screened]:
    """Systems whose every candidate leaves no time to wait, with the best margin."""
    systems = table.system[choice.candidates.row]
    alive = set(systems[best].tolist())
    found = []
    for system in sorted(set(systems.tolist()) - alive):
        left = float(choice.wait_s[systems == system].max())
        reason = (
            f"the first token comes {-left * 1e3:,.3g} ms too late even without waiting"
            if left <= 0
            else "no pool size keeps the wait within the promise"
        )
        found.append(Screened(setting.service.name, str(system), "all layouts", reason))
    return found


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
