"""Shipped operating points against the step laws: what the catalogs quote and what physics says."""

from __future__ import annotations

from typing import Any

import numpy as np

from solver.domain.catalog import Catalog, MeasuredProfile, Model, System
from solver.performance import quantities
from solver.performance.calibration import Calibration
from solver.performance.constants import CONSTANTS
from solver.performance.speculation import tokens_per_step_words
from solver.performance.steps import step_table
from solver.performance.streams import NEAR, published_streams

_SPECULATION = ("eagle", "speculative", "draft", "mtp")


def published_points(catalog: Catalog, calibration: Calibration) -> list[dict[str, Any]]:
    """One record per profile: published and predicted output speed per user, and the likely reason."""
    points = [_point(catalog, calibration, profile) for profile in catalog.profiles.values()]
    return points + published_streams(catalog, calibration)


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
    record["bound"] = round(_reading_bound(model, system, p), 1)
    record["layer_us"] = round(1e6 / (record["published"] * model.layers), 2)
    ratio = record["published"] / record["predicted"]
    return {**record, "ratio": round(ratio, 3), "reason": _reason(p, ratio, record["bound"])}


def _reading_bound(model: Model, system: System, p: MeasuredProfile) -> float:
    """Tokens per second of one sequence at which all memories read nothing but a token's weights."""
    s = quantities.shape(model, p.weight_precision, "fp16")
    rate = system.get("dram_bw_tbs") or system.get("sram_bw_tbs") or float("inf")
    return float(1e12 * rate * float(p.systems_per_replica) / (s.dense_bytes + s.top_k * s.expert_bytes))


def _reason(p: MeasuredProfile, ratio: float, bound: float) -> str:
    """Why a published figure may lie outside 25 %; ``bound``: tokens per second that no one can pass."""
    text = " ".join((p.id, p.note, p.output_tok_s_per_user.note, p.output_tok_s_per_user.source)).lower()
    if p.output_tok_s_total.evidence == "derived" and "plain" not in p.id:
        return "a bound, not a measurement"
    if abs(1 / ratio - 1) <= NEAR:
        return "within 25 %"
    if any(word in text for word in _SPECULATION) and "plain" not in p.id:
        return f"speculative decoding, as the source says: {tokens_per_step_words(ratio)}"
    share = p.output_tok_s_per_user.value / bound
    if share > CONSTANTS["memory_share"].high:
        read = f"reading {p.weight_precision} weights alone would take {share:.0%} of the bandwidth"
        return f"{read}: narrower weights, or speculative decoding, which the source does not mention"
    if ratio > 1 and "plain" in p.id:
        return "without speculative decoding; faster than the software that plans assume"
    if ratio > 1:
        return (
            f"the source does not mention speculative decoding; it would take {tokens_per_step_words(ratio)}"
        )
    return "slower than the model; the operating point is not fully published"
