"""Shipped operating points against the step laws: what the catalogs quote and what physics says."""

from __future__ import annotations

from typing import Any

import numpy as np

from solver.domain.catalog import Catalog, MeasuredProfile
from solver.performance.calibration import Calibration
from solver.performance.steps import step_table

_SPECULATION = ("eagle", "speculative", "draft", "mtp")


def published_points(catalog: Catalog, calibration: Calibration) -> list[dict[str, Any]]:
    """One record per profile: published and predicted output speed per user, and the likely reason."""
    return [_point(catalog, calibration, profile) for profile in catalog.profiles.values()]


def _point(catalog: Catalog, calibration: Calibration, p: MeasuredProfile) -> dict[str, Any]:
    record: dict[str, Any] = {"profile": p.id, "published": p.output_tok_s_per_user.value}
    sequences = p.sequences.value if p.sequences else p.output_tok_s_total.value / record["published"]
    model, system = catalog.models[p.model], catalog.systems[p.system]
    context = float((p.prompt_tokens or 1024) + (p.output_tokens or 1024) / 2)
    table, refused = step_table(
        model,
        [system],
        precisions=[p.weight_precision],
        batches=[max(1, round(sequences))],
        mean_context_tokens=context,
        calibration=calibration,
        technologies=catalog.technologies,
        streamed=False,
    )
    if not len(table):
        reason = refused[0].reason if refused else "no layout"
        return {**record, "predicted": None, "reason": reason}
    off = np.abs(table.systems_numerator / table.systems_denominator - p.systems_per_replica)
    near = table.take(off == off.min())
    record["predicted"] = round(float(1.0 / near.step_s(context).min()), 1)
    ratio = record["published"] / record["predicted"]
    return {**record, "ratio": round(ratio, 3), "reason": _reason(p, ratio)}


def _reason(p: MeasuredProfile, ratio: float) -> str:
    """Why a published figure may lie outside 25 %."""
    text = " ".join((p.id, p.note, p.output_tok_s_per_user.note, p.output_tok_s_per_user.source)).lower()
    if p.output_tok_s_total.evidence == "derived" and "plain" not in p.id:
        return "a bound, not a measurement"
    if abs(ratio - 1) <= 0.25:
        return "within 25 %"
    if any(word in text for word in _SPECULATION) and "plain" not in p.id:
        return f"speculative decoding: {ratio:.1f} tokens per step explain it"
    if ratio > 1:
        return f"undeclared speculative decoding of {ratio:.1f} tokens per step would explain it"
    return "slower than the model; the operating point is not fully published"
