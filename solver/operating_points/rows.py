"""Facts of an operating point that follow from its row of the step table, or from its times alone."""

from __future__ import annotations

import numpy as np

from solver.domain.catalog import Model
from solver.domain.workload import Service
from solver.operating_points.candidates import seconds_of
from solver.operating_points.point import StepLaw
from solver.operating_points.requests import Floats, Mix
from solver.performance.architecture import kv_bytes
from solver.performance.steps import StepTable


def kv_table(models: tuple[Model, ...], table: StepTable, contexts: Floats) -> Floats:
    """KV bytes of one sequence (rows x contexts) of the models, in each row's KV precision."""
    by_precision = {
        precision: np.array([sum(kv_bytes(m, float(c), precision) for m in models) for c in contexts])
        for precision in sorted(set(table.kv_precision.tolist()))
    }
    return np.stack([by_precision[p] for p in table.kv_precision])


def kv_written(models: tuple[Model, ...], precision: str, mix: Mix) -> Floats:
    """KV bytes written by one request of each bucket: every prompt and output token writes once."""
    per_token = sum(kv_bytes(model, 1.0, precision) for model in models)
    return np.asarray((mix.prompt + mix.output) * per_token, dtype=np.float64)


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


def late_flags(service: Service, ttft_s: Floats, ends_s: Floats) -> dict[str, tuple[bool, ...]]:
    """Which buckets break each promise even without waiting."""
    levels, late = service.levels, {}
    if levels.ttft_ms is not None:
        late["ttft"] = tuple(bool(v > seconds_of(levels.ttft_ms)) for v in ttft_s)
    if levels.end_to_end_s is not None:
        late["end_to_end"] = tuple(bool(v > levels.end_to_end_s) for v in ends_s)
    return late
