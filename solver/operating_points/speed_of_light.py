"""Measured profiles against the speed of light: what no implementation of plain decoding can beat."""

from __future__ import annotations

from collections.abc import Sequence

from solver.domain.catalog import MeasuredProfile, Model, System, Technology
from solver.performance.calibration import Calibration
from solver.performance.steps import step_table

#: A measurement faster than the bound by more than rounding.
_BEATS = 1.02
_BATCHES = tuple(2**n for n in range(15))


def faster_than_light(
    profiles: Sequence[MeasuredProfile],
    model: Model,
    system: System,
    calibration: Calibration,
    technologies: dict[str, Technology],
) -> list[str]:
    """A warning for each profile of ``model`` on ``system`` that beats the roofline of every layout."""
    bounds: dict[tuple[str, float], tuple[float, float] | None] = {}
    warnings = []
    for p in profiles:
        key = p.weight_precision, max(1.0, (p.prompt_tokens or 0) + (p.output_tokens or 0) / 2)
        if key not in bounds:
            bounds[key] = _bounds(model, system, *key, calibration, technologies)
        best = bounds[key]
        if best is None:
            continue
        told = (
            ("per user", p.output_tok_s_per_user.value, best[0]),
            ("in total", p.output_tok_s_total.value, best[1] * p.systems_per_replica),
        )
        warnings += [
            f"{p.id}: {value:,.0f} tok/s {what} is faster than the hardware allows without speculative "
            f"decoding ({bound:,.0f}); check system, --precision and --gpus"
            for what, value, bound in told
            if value > _BEATS * bound
        ]
    return warnings


def _bounds(
    model: Model,
    system: System,
    precision: str,
    context: float,
    calibration: Calibration,
    technologies: dict[str, Technology],
) -> tuple[float, float] | None:
    """Output tokens/s that one user and one system can see at most; None where physics has no answer.

    Roofline (Williams et al. 2009) at full bandwidth and compute, prefill free, best of all layouts and all
    batches whose KV cache fits at ``context`` tokens: 1 / step time, and batch / step time.
    """
    table, _ = step_table(
        model,
        [system],
        precisions=(precision,),
        batches=_BATCHES,
        mean_context_tokens=context,
        calibration=calibration,
        technologies=technologies,
    )
    if not len(table):
        return None
    per_system = table.systems_denominator / table.systems_numerator
    return float((1 / table.bound_tpot_s).max()), float((per_system * table.batch / table.bound_tpot_s).max())
