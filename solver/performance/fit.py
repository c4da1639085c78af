"""Hierarchical fit of the performance constants to measurements.

The logarithm of each constant of a run is a sum of effects: all accelerators + engine + family + generation +
the pairs of :data:`solver.performance.calibration.LEVELS`. Effects are drawn to zero by Gaussian priors, so a
system without rows falls back on its family and its engine (partial pooling: Gelman and Hill, Data Analysis
Using Regression and Multilevel Models, 2007, ch. 12). Residuals are logarithms of predicted over measured
with a Cauchy loss; scipy.optimize.least_squares minimises their sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.performance.calibration import effect_keys
from solver.performance.constants import CONSTANTS, HIGHS, LOWS, MEDIANS, NAMES, WIDTHS
from solver.performance.measured import Rows
from solver.performance.serving import predict

Floats = NDArray[np.float64]

#: Level -> prior standard deviation of an effect, over that of all accelerators: constants of hardware, and
#: of software, which move with the engine and its generation rather than with the family.
_SHRINK = {
    "engine": (0.4, 0.3),
    "family": (0.8, 0.4),
    "generation": (0.8, 0.8),
    "family-generation": (0.5, 0.6),
    "system-generation": (0.5, 0.35),
    "model": (0.4, 0.25),
    "model-generation": (0.4, 0.35),
}
_UNIVERSAL = 0.3  # further factor for constants that hardly differ
_ROBUST = 0.30  # residuals beyond this count less and less
_NOISE = 0.25  # standard deviation of an undisturbed row: chosen on left-out models and systems
_ZERO = np.zeros(len(NAMES))
Effects = dict[tuple[str, str], Floats]


def columns(logs: Floats) -> dict[str, Any]:
    """Constants of every row from their logarithms (row x constant)."""
    values = np.exp(np.clip(logs, LOWS, HIGHS))
    return {name: values[:, i] for i, name in enumerate(NAMES)}


def logs_of(rows: Rows, effects: Mapping[tuple[str, str], Floats]) -> Floats:
    """Logarithms of the constants of every row; unknown keys fall back on the wider levels."""
    names = rows.labels
    labels = list(zip(names.family, names.generation, names.system, names.model, strict=True))
    unique = {key: i for i, key in enumerate(dict.fromkeys(labels))}
    table = [sum(effects.get(item, _ZERO) for item in effect_keys(*key).items()) for key in unique]
    return np.array(table)[[unique[key] for key in labels]]


def fit(rows: Rows, weights: Floats | None = None, rounds: int = 20) -> Effects:
    """Constants that minimise the robust logarithmic error over ``rows``."""
    from scipy.optimize import least_squares

    problem = _Problem(rows, np.ones(len(rows)) if weights is None else weights)
    start = np.zeros(len(problem.keys) * len(NAMES))
    jacobian = problem.jacobian
    solution = least_squares(problem.residuals, start, jac=jacobian, max_nfev=rounds, ftol=1e-4)
    return problem.unpack(solution.x)


def _shrink(level: str, name: str) -> float:
    """Prior deviation of an effect on a constant, over that of all accelerators."""
    if level == "all":
        return 1.0
    constant = CONSTANTS[name]
    return _SHRINK[level][constant.software] * (_UNIVERSAL if constant.universal else 1.0)


class _Problem:
    """Residuals and their derivatives by effects (chain rule over the constants of a row)."""

    def __init__(self, rows: Rows, weights: Floats) -> None:
        self.rows, self.log_value = rows, np.log(rows.value)
        self.weights = np.sqrt(weights) / _NOISE
        self.keys: list[tuple[str, str]] = [("all", "")]
        members = [np.zeros(len(rows), dtype=np.int64)]
        labels = (rows.labels.family, rows.labels.generation, rows.labels.system, rows.labels.model)
        triples = [effect_keys(*t) for t in zip(*labels, strict=True)]
        for level in _SHRINK:
            names = [t[level] for t in triples]
            unique = {name: len(self.keys) + i for i, name in enumerate(dict.fromkeys(names))}
            self.keys += [(level, name) for name in unique]
            members.append(np.array([unique[n] for n in names]))
        self.members = np.array(members)  # level x row -> effect
        scale = np.array([[_shrink(level, name) for name in NAMES] for level, _ in self.keys])
        self.deviation = scale * WIDTHS[None, :]  # effect x constant

    def unpack(self, x: Floats) -> Effects:
        effects = x.reshape(len(self.keys), -1) * self.deviation
        effects[0] += MEDIANS
        return {key: effects[i] for i, key in enumerate(self.keys)}

    def _logs(self, x: Floats) -> Floats:
        effects = x.reshape(len(self.keys), -1) * self.deviation
        return np.asarray(MEDIANS + effects[self.members].sum(axis=0))

    def _predict(self, logs: Floats) -> Floats:
        return np.log(np.maximum(predict(self.rows, columns(logs)), 1e-12)) - self.log_value

    def residuals(self, x: Floats) -> Floats:
        error = self._predict(self._logs(x))
        return np.concatenate([_robust(error)[0] * self.weights, x])

    def jacobian(self, x: Floats) -> Any:
        from scipy.sparse import coo_matrix, identity, vstack

        logs, step = self._logs(x), 1e-4
        error = self._predict(logs)
        slope = _robust(error)[1] * self.weights
        slopes = []
        for i in range(len(NAMES)):
            moved = logs.copy()
            moved[:, i] += step
            slopes.append(slope * (self._predict(moved) - error) / step)
        by_constant = np.array(slopes).T  # row x constant
        count, wide = by_constant.shape
        at, data = [], []
        for member in self.members:
            at.append(member[:, None] * wide + np.arange(wide)[None, :])
            data.append(by_constant * self.deviation[member])
        row = np.broadcast_to(np.arange(count)[:, None], by_constant.shape)
        rows_ = np.concatenate([row.ravel()] * len(data))
        columns_ = np.concatenate([a.ravel() for a in at])
        values = np.concatenate([d.ravel() for d in data])
        matrix = coo_matrix((values, (rows_, columns_)), shape=(count, x.size))
        return vstack([matrix, identity(x.size)]).tocsr()


def _robust(error: Floats) -> tuple[Floats, Floats]:
    """Signed root of the Cauchy loss of ``error``, and its derivative."""
    scaled = error / _ROBUST
    loss = np.log1p(scaled**2)
    root = np.sqrt(loss)
    value = np.sign(error) * root * _ROBUST
    slope = np.where(root > 1e-9, np.abs(scaled) / ((1 + scaled**2) * np.maximum(root, 1e-9)), 1.0)
    return value, slope
