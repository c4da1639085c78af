"""What repeated runs say of each other: how near to a measurement any model can come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.performance.crossval import GROUP_NAMES, metric_groups
from solver.performance.measured import Rows

Floats = NDArray[np.float64]


def repeated(rows: Rows) -> Floats:
    """Logarithm of the mean of the other runs with a row's configuration and metric, over the row; nan: none.

    A configuration: system, model, engine generation, precision, layout, lengths, load and speculation. The
    mean is geometric. What a model does with all that is known of a run cannot be nearer than this, but for
    versions of an engine within its generation.
    """
    unique, group = np.unique(_configurations(rows), axis=1, return_inverse=True)
    group, logs = group.ravel(), np.log(rows.value)
    count = np.bincount(group, minlength=unique.shape[1])[group]
    total = np.bincount(group, weights=logs, minlength=unique.shape[1])[group]
    others = np.where(count > 1, (total - logs) / np.maximum(count - 1, 1), np.nan)
    return np.asarray(others - logs)


def by_metric(rows: Rows) -> dict[str, dict[str, float]]:
    """Rows that repeat a configuration and their errors, each told by the others, per group of metrics."""
    error, groups = repeated(rows), metric_groups(rows)
    found = {}
    for name in GROUP_NAMES:
        ape = np.abs(np.expm1(error[(groups == name) & ~np.isnan(error)]))
        if len(ape):
            found[name] = {
                "rows": len(ape),
                "median_ape": round(float(np.median(ape)), 4),
                "within_half": round(float((ape <= 0.5).mean()), 4),
            }
    return found


def _configurations(rows: Rows) -> NDArray[np.int64]:
    """One number for each value of each column of a configuration."""
    names, columns = rows.labels, []
    texts = (names.system, names.model, names.generation, names.precision, names.mode, names.metric)
    numbers: list[Any] = [rows.prompt, rows.output, rows.sequences, rows.prefill_count, rows.decode_count]
    for part in (rows.prefill, rows.decode):
        numbers += [part.tensor, part.data, part.stages]
    numbers += [rows.shape.kv_bytes, rows.machine.flops]
    for text in (*texts, rows.speculation):
        columns.append(np.unique(text.astype(str), return_inverse=True)[1])
    for number in numbers:
        columns.append(np.unique(number, return_inverse=True, equal_nan=True)[1])
    return np.array(columns)
