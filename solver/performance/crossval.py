"""Errors on rows left out of the fit: whole models, systems, sources, or series of runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solver.performance.fit import Effects, columns, fit, logs_of
from solver.performance.measured import Rows
from solver.performance.serving import predict

Floats = NDArray[np.float64]

FOLDS = 14  # parts: about two models in each, so that a fit misses little besides what it predicts
#: What is left out -> the word of calibration.NOVELTY whose intervals it measures; see :func:`novelty`.
KINDS = {"series": "known", "model": "model", "system": "system", "source": "generation"}
GROUPS = {"ttft_ms": "ttft", "tpot_ms": "tpot", "output_tok_s_per_user": "tpot", "req_s": "requests"}
#: Metrics with errors and intervals of their own; those not in GROUPS are throughput.
GROUP_NAMES = ("tpot", "throughput", "requests", "ttft")


def metric_groups(rows: Rows) -> NDArray[np.object_]:
    """Its group of metrics for every row."""
    return np.array([GROUPS.get(m, "throughput") for m in rows.labels.metric], dtype=object)


def log_errors(rows: Rows, effects: Effects) -> Floats:
    """Logarithm of predicted over measured."""
    return np.log(np.maximum(predict(rows, columns(logs_of(rows, effects))), 1e-12) / rows.value)


def left_out(rows: Rows, kind: str, folds: int, rounds: int = 10) -> Floats:
    """Logarithmic errors of every row, predicted by a fit that saw nothing of its model, system or source."""
    fold = parts(rows, kind, folds)
    errors = np.empty(len(rows))
    for number in np.unique(fold):
        out = fold == number
        effects = fit(rows.take(~out), rounds=rounds)
        errors[out] = log_errors(rows.take(out), effects)
    return errors


def novelty(rows: Rows, kind: str, folds: int) -> NDArray[np.object_]:
    """Word of calibration.NOVELTY for every row of :func:`left_out`.

    A left-out system is a relative where another system of its family ran the same engine generation.
    """
    words = np.full(len(rows), KINDS[kind], dtype=object)
    if kind != "system":
        return words
    fold = parts(rows, kind, folds)
    pairs = np.array([f"{a}/{b}" for a, b in zip(rows.labels.family, rows.labels.generation, strict=True)])
    for number in np.unique(fold):
        out = fold == number
        words[out & np.isin(pairs, pairs[~out])] = "relative"
    return words


def can_leave_out(rows: Rows, kind: str) -> bool:
    """Whether there are at least two models, systems, sources or series."""
    return len(set(_labels(rows, kind))) > 1


def _labels(rows: Rows, kind: str) -> NDArray[np.object_]:
    names = rows.labels
    if kind != "series":
        return np.asarray(getattr(names, kind), dtype=object)
    parts = (names.system, names.model, names.generation, names.precision, rows.decode.tensor)
    return np.array(["|".join(map(str, key)) for key in zip(*parts, strict=True)], dtype=object)


def parts(rows: Rows, kind: str, folds: int) -> NDArray[np.int64]:
    """Part of each row: what is left out together."""
    return _folds(_labels(rows, kind), folds)


def _folds(labels: NDArray[np.object_], folds: int) -> NDArray[np.int64]:
    """Fold of each row: whole groups, the largest first, always to the smallest fold."""
    names, counts = np.unique(labels.astype(str), return_counts=True)
    size = np.zeros(min(folds, len(names)))
    place: dict[str, int] = {}
    for i in np.argsort(-counts, kind="stable"):
        smallest = int(np.argmin(size))
        place[names[i]] = smallest
        size[smallest] += counts[i]
    return np.array([place[str(label)] for label in labels], dtype=np.int64)
