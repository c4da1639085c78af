"""Sobol' indices: how much of the variance each factor explains alone (first order) and in all (total).

Estimators: first order mean(f_B (f_ABj - f_A)) / V (Saltelli et al. 2010), total mean((f_A - f_ABj)^2) / 2V
(Jansen 1999). A factor may be a group of inputs that depend on each other: the groups are independent, so
the indices of a group are those of one factor with several coordinates (Jacques, Lavergne and Devictor,
2006). Confidence intervals: percentile bootstrap over the rows of the design, seeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Indices:
    """First-order and total indices with the ends of their 95 % intervals, one entry per factor."""

    first: Floats
    first_low: Floats
    first_high: Floats
    total: Floats
    total_low: Floats
    total_high: Floats


def design(factors: int, rows: int, seed: int) -> tuple[Floats, Floats]:
    """Matrices A and B (rows x factors, in the unit cube) from one scrambled Sobol' sequence.

    ``rows`` is a power of two.
    """
    from scipy.stats import qmc

    power = rows.bit_length() - 1
    if 2**power != rows:
        raise ValueError(f"{rows} rows are not a power of two")
    points = qmc.Sobol(2 * factors, scramble=True, rng=np.random.default_rng(seed)).random_base2(power)
    return points[:, :factors], points[:, factors:]


def mixed(a: Floats, b: Floats, group: Sequence[int]) -> Floats:
    """A with the columns of a group of B."""
    changed = a.copy()
    changed[:, list(group)] = b[:, list(group)]
    return changed


def indices(f_a: Floats, f_b: Floats, f_ab: Floats, seed: int = 0, resamples: int = 1000) -> Indices:
    """Indices from outputs at A, B (n values each) and AB_j (factors x n values)."""
    n = len(f_a)
    first, total = _estimates(f_a, f_b, f_ab, np.arange(n)[None, :])
    rng = np.random.default_rng(seed)
    drawn = _estimates(f_a, f_b, f_ab, rng.integers(0, n, (resamples, n)))
    low, high = (np.quantile(np.stack(drawn), q, axis=1) for q in (0.025, 0.975))
    return Indices(first[0], low[0], high[0], total[0], low[1], high[1])


def _estimates(f_a: Floats, f_b: Floats, f_ab: Floats, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Both indices for each set of rows (resamples x factors)."""
    both = np.concatenate([f_a, f_b])
    a, b = f_a - both.mean(), f_b - both.mean()  # centring lowers the variance of the first-order estimate
    ab = f_ab - both.mean()
    variance = np.concatenate([a[rows], b[rows]], axis=1).var(axis=1)
    safe = np.where(variance > 0, variance, np.inf)
    first = np.stack([(b * (row - a))[rows].mean(axis=1) / safe for row in ab], axis=1)
    total = np.stack([((a - row) ** 2)[rows].mean(axis=1) / 2 / safe for row in ab], axis=1)
    return first, total
