"""Hierarchical fit of the performance constants to measurements.

The logarithm of each constant of a run is a sum of effects: all accelerators + engine + family + generation +
the pairs of :data:`solver.performance.calibration.LEVELS`. Effects are drawn to zero by Gaussian priors, so a
system without rows falls back on its family and its engine (partial pooling: Gelman and Hill, Data Analysis
Using Regression and Multilevel Models, 2007, ch. 12). Residuals are logarithms of predicted over measured
with a Cauchy loss; scipy.optimize.least_squares minimises their sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.performance import roofline
from solver.performance.calibration import effect_keys
from solver.performance.constants import CONSTANTS, HIGHS, LOWS, MEDIANS, NAMES, WIDTHS
from solver.performance.measured import Rows, runs_of
from solver.performance.serving import Outcome, metric_places, outcome, reported, starts_together

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Level -> prior standard deviation of an effect, over that of all accelerators: constants of hardware, and
#: of software, which move with the engine and its generation rather than with the family.
_SHRINK = {
    "engine": (0.4, 0.3),
    "family": (0.8, 0.4),
    "generation": (0.8, 0.8),
    "vendor-generation": (0.5, 0.6),
    "family-generation": (0.5, 0.6),
    "system-generation": (0.5, 0.35),
    "model": (0.4, 0.25),
    "model-generation": (0.4, 0.35),
}
_UNIVERSAL = 0.3  # further factor for constants that hardly differ
_ROBUST = 0.30  # residuals beyond this count less and less
_NOISE = 0.25  # standard deviation of an undisturbed row: chosen on left-out models and systems
_ROUTED = (
    *("expert_memory", "moe_factor", "expert_half_width", "expert_tile", "expert_us", "moe_layer_us"),
    *("independent", "route_share"),
)
_SCALE = 10.0  # expected size of a solution: the first steps go no farther
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
    solution = least_squares(
        problem.residuals, start, jac=jacobian, max_nfev=rounds, ftol=1e-4, x_scale=_SCALE
    )
    return problem.unpack(solution.x)


def _shrink(level: str, name: str) -> float:
    """Prior deviation of an effect on a constant, over that of all accelerators."""
    if level == "all":
        return 1.0
    constant = CONSTANTS[name]
    return _SHRINK[level][constant.software] * (_UNIVERSAL if constant.universal else 1.0)


@dataclass(frozen=True)
class _Part:
    """Distinct runs under one law, and for each constant those runs that it can touch."""

    at: Integers  # among all distinct runs
    runs: Rows
    touched: tuple[tuple[Integers, Rows], ...]  # per constant: among ``runs``


def _part(runs: Rows, at: Integers) -> _Part:
    mine = runs.take(at)
    touched = []
    for name in NAMES:
        some = np.flatnonzero(np.broadcast_to(touches(mine, name), len(mine)))
        touched.append((some, mine if len(some) == len(mine) else mine.take(some)))
    return _Part(at, mine, tuple(touched))


def touches(rows: Rows, name: str) -> NDArray[np.bool_]:
    """Runs that a constant can have an effect on."""
    s, alike = rows.shape, np.ones(len(rows), dtype=np.bool_)
    spread = np.maximum(rows.decode.tensor * rows.decode.data, rows.prefill.tensor * rows.prefill.data)
    if name in _ROUTED:
        return np.asarray(s.experts > 0)
    closed, latent = rows.labels.mode == "online", s.latent_values > 0
    groups = {
        "fp8_memory": rows.fp8,
        "fp8_factor": rows.fp8,
        "fp4_memory": rows.fp4,
        "fp4_factor": rows.fp4,
        "dequantised": rows.weight_only,
        "latent_layer_us": latent,
        "index_layer_us": s.index_values > 0,
        "collective_us": spread > 1,
        "link_share": spread > 1,
        "width_share": s.hidden != roofline.USUAL_WIDTH,
        "group_reading": s.group > 1,
        "transfer_ms": rows.apart,
        "burst": closed,
        "saturation": starts_together(rows) & np.isnan(rows.sequences),
        "speculation": rows.speculation != "",
    }
    return np.asarray(groups.get(name, alike), dtype=np.bool_)


class _Problem:
    """Residuals and their derivatives by effects (chain rule over the constants of a run)."""

    def __init__(self, rows: Rows, weights: Floats) -> None:
        first, self.run = runs_of(rows)
        self.rows, self.log_value, self.places = rows, np.log(rows.value), metric_places(rows)
        runs = rows.take(first)
        together = starts_together(runs)
        self.parts = [_part(runs, np.flatnonzero(m)) for m in (together, ~together) if m.any()]
        self.weights = np.sqrt(weights) / _NOISE
        self.keys: list[tuple[str, str]] = [("all", "")]
        members = [np.zeros(len(first), dtype=np.int64)]
        labels = (runs.labels.family, runs.labels.generation, runs.labels.system, runs.labels.model)
        triples = [effect_keys(*t) for t in zip(*labels, strict=True)]
        for level in _SHRINK:
            names = [t[level] for t in triples]
            unique = {name: len(self.keys) + i for i, name in enumerate(dict.fromkeys(names))}
            self.keys += [(level, name) for name in unique]
            members.append(np.array([unique[n] for n in names]))
        self.members = np.array(members)  # level x run -> effect
        scale = np.array([[_shrink(level, name) for name in NAMES] for level, _ in self.keys])
        self.deviation = scale * WIDTHS[None, :]  # effect x constant
        self._pattern(runs)

    def _pattern(self, runs: Rows) -> None:
        """Which effects have a derivative in which row; it is the same in every round."""
        from scipy.sparse import csr_matrix, identity

        wide = len(NAMES)
        moved = np.array([touches(runs, name) for name in NAMES]).T  # run x constant
        place = (self.members.T[:, :, None] * wide + np.arange(wide))[self.run]  # row x level x constant
        self.used = np.broadcast_to(moved[self.run][:, None, :], place.shape)
        counts = self.used.reshape(len(self.run), -1).sum(axis=1)
        self.indices = place[self.used]
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        self.slopes = self.deviation[self.members.T][self.run][self.used]
        self.prior = csr_matrix(identity(len(self.keys) * wide))

    def unpack(self, x: Floats) -> Effects:
        effects = x.reshape(len(self.keys), -1) * self.deviation
        effects[0] += MEDIANS
        return {key: effects[i] for i, key in enumerate(self.keys)}

    def _logs(self, x: Floats) -> Floats:
        effects = x.reshape(len(self.keys), -1) * self.deviation
        return np.asarray(MEDIANS + effects[self.members].sum(axis=0))

    def _outcomes(self, logs: Floats) -> list[Outcome]:
        return [outcome(part.runs, columns(logs[part.at])) for part in self.parts]

    def _error(self, found: Sequence[Outcome]) -> Floats:
        """Logarithm of predicted over measured of every row."""
        whole = Outcome(*np.empty((4, self.members.shape[1])))
        for part, mine in zip(self.parts, found, strict=True):
            for name in Outcome.__dataclass_fields__:
                getattr(whole, name)[part.at] = getattr(mine, name)
        values = reported(self.rows, whole.take(self.run), self.places)
        return np.asarray(np.log(np.maximum(values, 1e-12)) - self.log_value)

    def residuals(self, x: Floats) -> Floats:
        error = self._error(self._outcomes(self._logs(x)))
        return np.concatenate([_robust(error)[0] * self.weights, x])

    def jacobian(self, x: Floats) -> Any:
        from scipy.sparse import csr_matrix, vstack

        logs, step = self._logs(x), 1e-4
        base = self._outcomes(logs)
        error = self._error(base)
        slope = _robust(error)[1] * self.weights / step
        moved = [self._error(self._moved(logs, base, i, step)) - error for i in range(len(NAMES))]
        by_constant = np.array(moved).T * slope[:, None]  # row x constant
        data = np.broadcast_to(by_constant[:, None, :], self.used.shape)[self.used] * self.slopes
        shape = (len(slope), x.size)
        return vstack([csr_matrix((data, self.indices, self.starts), shape=shape), self.prior]).tocsr()

    def _moved(self, logs: Floats, base: Sequence[Outcome], i: int, step: float) -> list[Outcome]:
        """Outcomes with constant ``i`` moved by ``step``; runs that it cannot touch keep theirs."""
        found = []
        for part, before in zip(self.parts, base, strict=True):
            some, runs = part.touched[i]
            if not len(some):
                found.append(before)
                continue
            values = logs[part.at[some]]
            values[:, i] += step
            mine, after = outcome(runs, columns(values)), before.take(np.arange(len(part.at)))
            for name in Outcome.__dataclass_fields__:
                getattr(after, name)[some] = getattr(mine, name)
            found.append(after)
        return found


def _robust(error: Floats) -> tuple[Floats, Floats]:
    """Signed root of the Cauchy loss of ``error``, and its derivative."""
    scaled = error / _ROBUST
    loss = np.log1p(scaled**2)
    root = np.sqrt(loss)
    value = np.sign(error) * root * _ROBUST
    slope = np.where(root > 1e-9, np.abs(scaled) / ((1 + scaled**2) * np.maximum(root, 1e-9)), 1.0)
    return value, slope
