"""How many spare systems keep a number of systems up with a stated probability."""

from __future__ import annotations

from functools import lru_cache

#: The probability must exceed the promise by this much, so that the last digit of a float decides nothing.
MARGIN = 1e-12
#: Numbers of spares are tried one by one up to this, then in steps of an eighth.
ONE_BY_ONE = 32
MOST_SPARES = 10**6


@lru_cache(maxsize=256)
def spare_steps(up_share: float, probability: float, most: int) -> tuple[tuple[int, int], ...]:
    """(spares v, largest N with P(at least N of N + v systems are up) >= probability), until N >= most.

    Systems fail independently and each is up a share ``up_share`` of the time: the number that is down is
    binomial, P(down <= v) = sum_{f <= v} C(N + v, f) (1 - a)^f a^(N + v - f).
    """
    steps: list[tuple[int, int]] = []
    spares, needed = 0, 0
    while needed < most and spares < MOST_SPARES:
        needed = _largest(up_share, probability, spares, most)
        if needed > (steps[-1][1] if steps else 0):
            steps.append((spares, needed))
        spares += 1 if spares < ONE_BY_ONE else spares // 8
    return tuple(steps)


def _largest(up_share: float, probability: float, spares: int, most: int) -> int:
    """Largest N up to ``most`` that is kept with so many spares (0: none)."""
    from scipy.special import bdtr

    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        kept = float(bdtr(spares, middle + spares, 1.0 - up_share)) >= probability + MARGIN
        low, high = (middle, high) if kept else (low, middle - 1)
    return low
