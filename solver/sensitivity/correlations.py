"""Rank correlations between uncertain factors, put into a design without touching its marginals.

Iman and Conover (1982): normal scores of the target correlation are built, and each column of the design
is reordered to the ranks of its scores. Every factor keeps exactly the values it had, so a Latin hypercube
stays one. Spearman's r of two normal scores with correlation c is 6/pi asin(c/2), so c = 2 sin(pi r/6).
"""

from __future__ import annotations

import numpy as np

from solver.errors import Complaint, InputError, Place
from solver.sensitivity.factors import Factor
from solver.sensitivity.indices import Floats

#: A stated correlation: numbers of two factors, Spearman's rank correlation.
Correlation = tuple[int, int, float]


def parse_correlations(texts: tuple[str, ...], factors: tuple[Factor, ...]) -> tuple[Correlation, ...]:
    """Correlations stated as NAME,NAME=VALUE between factors of a run."""
    found: dict[tuple[int, int], float] = {}
    for text in texts:
        place = Place(f"--correlate {text[:60]!r}")
        names, _, value = text.partition("=")
        parts = [name.strip() for name in names.split(",")]
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if len(parts) != 2 or not -1 < number < 1:
            remedy = "write NAME,NAME=VALUE with a rank correlation between -1 and 1, such as demand,api=0.5"
            raise InputError(Complaint(place, "not a correlation", remedy))
        a, b = (_number_of(name, factors, place) for name in parts)
        if a == b or (min(a, b), max(a, b)) in found:
            raise InputError(
                Complaint(place, "the pair is one factor, or is stated twice", "state each pair once")
            )
        found[min(a, b), max(a, b)] = number
    stated = tuple((a, b, r) for (a, b), r in sorted(found.items()))
    if stated and float(np.linalg.eigvalsh(normal_matrix(stated, len(factors))).min()) < 1e-9:
        problem = "these correlations cannot hold together (their matrix is not positive definite)"
        raise InputError(
            Complaint(Place("--correlate"), problem, "write smaller ones, or state the other pairs")
        )
    return stated


def _number_of(name: str, factors: tuple[Factor, ...], place: Place) -> int:
    for n, factor in enumerate(factors):
        if factor.name in (name, f"{name}/buy"):
            return n
    known = ", ".join(f.name for f in factors)
    raise InputError(Complaint(place, f"no factor is called {name[:40]!r}", f"write two of {known}"))


def normal_matrix(stated: tuple[Correlation, ...], factors: int) -> Floats:
    """Correlation matrix of the normal scores whose rank correlations are the stated ones."""
    matrix = np.eye(factors)
    for a, b, rank in stated:
        matrix[a, b] = matrix[b, a] = 2 * np.sin(np.pi * rank / 6)
    return matrix


def correlated(sample: Floats, stated: tuple[Correlation, ...]) -> Floats:
    """The design (rows x factors) with its columns reordered to the stated rank correlations."""
    if not stated:
        return sample
    from scipy.stats import norm, rankdata

    rows, factors = sample.shape
    ranks = np.stack([rankdata(sample[:, j], method="ordinal") for j in range(factors)], axis=1)
    scores = norm.ppf(ranks / (rows + 1))
    by_chance = np.corrcoef(scores, rowvar=False)
    if float(np.linalg.eigvalsh(by_chance).min()) > 1e-6:  # else too few rows to take it out
        scores = scores @ np.linalg.inv(np.linalg.cholesky(by_chance)).T
    wanted = scores @ np.linalg.cholesky(normal_matrix(stated, factors)).T
    found = np.empty_like(sample)
    for j in range(factors):
        order = rankdata(wanted[:, j], method="ordinal").astype(int) - 1
        found[:, j] = np.sort(sample[:, j])[order]
    return np.asarray(found)


def copula(points: Floats, stated: tuple[Correlation, ...]) -> Floats:
    """Points of the unit cube (rows x factors) moved to the stated rank correlations (normal copula)."""
    if not stated:
        return points
    from scipy.stats import norm

    factor = np.linalg.cholesky(normal_matrix(stated, points.shape[1]))
    inside = np.clip(points, 1e-12, 1 - 1e-12)
    return np.asarray(norm.cdf(norm.ppf(inside) @ factor.T))


def groups_of(stated: tuple[Correlation, ...], factors: int) -> tuple[tuple[int, ...], ...]:
    """Factors that are correlated, directly or through others, together; each other one alone."""
    group = list(range(factors))
    for a, b, _ in stated:
        old, new = max(group[a], group[b]), min(group[a], group[b])
        group = [new if g == old else g for g in group]
    return tuple(tuple(n for n in range(factors) if group[n] == g) for g in sorted(set(group)))
