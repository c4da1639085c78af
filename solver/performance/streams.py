"""Published single streams of systems whose layers own their memory, against their latencies."""

from __future__ import annotations

from typing import Any

from solver.domain.catalog import Catalog
from solver.paths import catalog_dir
from solver.performance.calibration import Calibration
from solver.performance.mapping import hardware_names
from solver.performance.measured import COLUMNS, NEEDED, read_measurements
from solver.performance.serving import predict_latency
from solver.performance.speculation import tokens_per_step_words
from solver.performance.table import read_table

UNTOLD = "the source does not mention speculative decoding"
NEAR = 0.25  # relative error up to which one set of constants per system is said to hold


def published_streams(catalog: Catalog, calibration: Calibration) -> list[dict[str, Any]]:
    """One record per row of ``published_streams.csv``: speed published and predicted, and the likely reason.

    Speeds in output tokens per second of one sequence; ``layer_us``: microseconds per layer and token.
    """
    file = catalog_dir() / "published_streams.csv"
    rows, _ = read_measurements(file, catalog, hardware_names())
    columns = (*COLUMNS, "notes")
    texts = [
        f"{r['source']}, {r['date']}" + (f": {r['notes']}" if r["notes"] else "")
        for _, r in read_table(file, columns, NEEDED)
    ]
    names = rows.labels
    speeds = zip(rows.value.tolist(), predict_latency(rows, calibration.latencies).tolist(), strict=True)
    return [
        {
            "profile": f"{names.system[i]}/{names.model[i]}/single-stream",
            "published": published,
            "predicted": round(predicted, 1),
            "layer_us": round(1e6 / (published * catalog.models[names.model[i]].layers), 2),
            "ratio": round(published / predicted, 3),
            "reason": f"{_reason(published, predicted, rows.speculation[i])} ({texts[names.row[i]]})",
        }
        for i, (published, predicted) in enumerate(speeds)
    ]


def _reason(published: float, predicted: float, speculation: str) -> str:
    if abs(predicted / published - 1) <= NEAR:
        return "within 25 %"
    ratio = published / predicted
    if ratio < 1:
        return "slower than the model"
    if speculation:
        return (
            f"the source does not mention speculative decoding; it would take {tokens_per_step_words(ratio)}"
        )
    return f"without speculative decoding; software {ratio:.1f} times as fast"
