"""Sobol' indices against functions whose indices are known in closed form."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import spearmanr

from solver.errors import InputError
from solver.sensitivity.correlations import copula, groups_of, normal_matrix, parse_correlations
from solver.sensitivity.factors import Factor
from solver.sensitivity.indices import Indices, design, indices, mixed
from solver.sensitivity.uncertain import scenario_values

ISHIGAMI_FIRST, ISHIGAMI_TOTAL = (0.3139, 0.4424, 0.0), (0.5576, 0.4424, 0.2437)


def ishigami(unit: np.ndarray) -> np.ndarray:
    """sin x1 + 7 sin^2 x2 + 0.1 x3^4 sin x1 on [-pi, pi]^3 (Ishigami and Homma 1990)."""
    x = (2 * unit - 1) * np.pi
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def sobol_g(unit: np.ndarray, a: tuple[float, ...] = (0.0, 1.0, 4.5, 9.0)) -> np.ndarray:
    """Product of (|4 x - 2| + a) / (1 + a)."""
    return np.prod([(abs(4 * unit[:, j] - 2) + c) / (1 + c) for j, c in enumerate(a)], axis=0)


def sobol_g_indices(a: tuple[float, ...] = (0.0, 1.0, 4.5, 9.0)) -> tuple[list[float], list[float]]:
    """V_j = 1 / (3 (1 + a_j)^2); V = prod(1 + V_j) - 1; total V_j prod_others(1 + V_i) / V."""
    parts = [1 / (3 * (1 + c) ** 2) for c in a]
    whole = np.prod([1 + p for p in parts]) - 1
    return [p / whole for p in parts], [p * (whole + 1) / (1 + p) / whole for p in parts]


def of_function(
    function: Callable[[np.ndarray], np.ndarray], groups: Sequence[Sequence[int]], rows: int, seed: int
) -> Indices:
    """Indices of a function of the unit cube, one for each group of columns."""
    a, b = design(sum(len(group) for group in groups), rows, seed)
    f_ab = np.stack([function(mixed(a, b, group)) for group in groups])
    return indices(function(a), function(b), f_ab, seed)


def alone(factors: int) -> list[list[int]]:
    return [[j] for j in range(factors)]


def test_ishigami() -> None:
    found = of_function(ishigami, alone(3), 16384, seed=1)
    assert found.first == pytest.approx(ISHIGAMI_FIRST, abs=0.01)
    assert found.total == pytest.approx(ISHIGAMI_TOTAL, abs=0.01)


def test_sobol_g() -> None:
    found = of_function(sobol_g, alone(4), 8192, seed=1)
    first, total = sobol_g_indices()
    assert found.first == pytest.approx(first, abs=0.01)
    assert found.total == pytest.approx(total, abs=0.01)


@pytest.mark.parametrize(
    ("function", "known"),
    [(ishigami, (ISHIGAMI_FIRST, ISHIGAMI_TOTAL)), (sobol_g, sobol_g_indices())],
    ids=["Ishigami", "Sobol-G"],
)
def test_intervals_hold_the_known_indices_in_93_of_100_seeds(function, known) -> None:
    d = len(known[0])
    hits = np.zeros((2, d))
    for seed in range(100):
        found = of_function(function, alone(d), 256, seed)
        hits[0] += (found.first_low <= known[0]) & (known[0] <= found.first_high)
        hits[1] += (found.total_low <= known[1]) & (known[1] <= found.total_high)
    assert hits.min() >= 93, hits


def test_the_same_seed_gives_the_same_bytes() -> None:
    a, b = (of_function(ishigami, alone(3), 64, seed=5) for _ in range(2))
    assert a.first.tobytes() == b.first.tobytes() and a.total_high.tobytes() == b.total_high.tobytes()
    assert a.first.tobytes() != of_function(ishigami, alone(3), 64, seed=6).first.tobytes()


def test_a_constant_has_no_indices_and_a_single_factor_has_all() -> None:
    flat = indices(np.ones(8), np.ones(8), np.ones((2, 8)))
    assert (flat.first == 0).all() and (flat.total == 0).all()
    only = of_function(lambda x: x[:, 0], alone(2), 256, seed=2)
    assert only.first == pytest.approx([1, 0], abs=0.02) and only.total == pytest.approx([1, 0], abs=0.02)


def test_rows_must_be_a_power_of_two() -> None:
    with pytest.raises(ValueError, match="power of two"):
        design(2, 100, 0)


def test_factors_that_move_together_are_one_factor() -> None:
    """x1 + x2 + x3, uniform, rank correlation r of x1 and x2: the pair has 2 (1 + r) of 3 + 2 r twelfths."""
    r = 0.6
    stated = ((0, 1, r),)

    def summed(x: np.ndarray) -> np.ndarray:
        return copula(x, stated).sum(axis=1)

    found = of_function(summed, groups_of(stated, 3), 16384, seed=4)
    known = [2 * (1 + r) / (3 + 2 * r), 1 / (3 + 2 * r)]
    assert found.first == pytest.approx(known, abs=0.01)
    assert found.total == pytest.approx(known, abs=0.01)


def test_the_copula_keeps_each_factor_and_reaches_the_rank_correlation() -> None:
    stated = ((0, 1, 0.6), (1, 2, -0.3))
    moved = copula(design(3, 4096, 0)[0], stated)
    assert [spearmanr(moved[:, a], moved[:, b])[0] for a, b, _ in stated] == pytest.approx(
        [0.6, -0.3], abs=0.01
    )
    for j in range(3):
        assert np.quantile(moved[:, j], [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.005)
    assert groups_of(stated, 5) == ((0, 1, 2), (3,), (4,))
    assert groups_of(((3, 4, 0.1), (1, 3, 0.1)), 5) == ((0,), (1, 3, 4), (2,))


# ---- stated correlations ----


def factors(count: int) -> tuple[Factor, ...]:
    return tuple(Factor(f"f{n}", 0.0, 1.0, 4.0, "", "") for n in range(count))


def test_correlated_designs_have_the_stated_rank_correlation_and_the_same_values() -> None:
    stated = parse_correlations(("f0,f1=0.8", "f1, f2=-0.4"), factors(4))
    free = np.array(scenario_values(factors(4), 1000, seed=3))
    joint = np.array(scenario_values(factors(4), 1000, 3, stated))
    assert (np.sort(free, axis=0) == np.sort(joint, axis=0)).all()  # a Latin hypercube stays one
    ranks = spearmanr(joint).statistic
    assert ranks[0, 1] == pytest.approx(0.8, abs=0.02) and ranks[1, 2] == pytest.approx(-0.4, abs=0.02)
    assert abs(ranks[0, 3]) < 0.02 and abs(spearmanr(free).statistic[0, 1]) < 0.1


def test_correlations_by_hand() -> None:
    """Rank correlation 0.5 needs normal scores with 2 sin(pi / 12) = 0.5176."""
    assert normal_matrix(((0, 1, 0.5),), 2) == pytest.approx(np.array([[1, 0.5176], [0.5176, 1]]), abs=1e-4)


def test_few_rows_of_many_factors_are_drawn_all_the_same() -> None:
    stated = parse_correlations(("f0,f1=0.9",), factors(12))
    assert len(scenario_values(factors(12), 8, 1, stated)) == 8


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("f0,f1",), "NAME,NAME=VALUE"),
        (("f0,f1=1",), "between -1 and 1"),
        (("f0,x=0.5",), "no factor is called 'x'"),
        (("f0,f0=0.5",), "one factor"),
        (("f0,f1=0.5", "f1,f0=0.5"), "twice"),
        (("f0,f1=0.9", "f1,f2=0.9", "f0,f2=-0.9"), "cannot hold together"),
    ],
)
def test_correlations_that_are_wrong_are_named(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_correlations(texts, factors(3))
