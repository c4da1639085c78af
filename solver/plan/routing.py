"""Repair of the routing: given whole numbers of systems and replicas, exact shares for every bucket.

The solver's shares are floats that may break a row by 1e-9. With the integers fixed, each period is a
small linear program: buy as few API dollars as possible, then spread the load so that the fullest
resource is as empty as possible. Its shares are rounded to rationals with an exact sum of 1; the slack
found this way carries the rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from solver.backend.linear import Rows, least
from solver.formulation.model import Program, Row

DENOMINATOR, SIMPLE = 10**12, 10**4
#: Fullest use of a resource that is tried first: the rest carries the rounding of the shares.
ROOM = 1 - 1e-8
#: Families whose rows leave that room too (capacity does through the fullest use).
ROOMY = ("promise", "api_limits", "endurance", "budget")
#: Tie-break of the repair: of equal plans the one whose deferred work waits least.
PATIENCE = 1e-8
#: Work of an hour below this part of the service's peak is none.
NOTHING = 1e-9
#: Families with rows that traffic adds up to, and with rows that it fills.
SERVING, FILLING = ("demand", "site_loss"), ("capacity", "site_loss")
#: Families whose rows define a column (its coefficient, -1, comes first): max(0, the rest of the row).
DERIVED = ("moved", "load")
#: Rows that every plan keeps by itself.
IMPLIED = "linking"


@dataclass(frozen=True)
class Routing:
    """Exact traffic of each continuous column, and the largest use of any resource found."""

    traffic: dict[int, Fraction]
    fullest: float


class RepairFailed(Exception):
    """No shares satisfy the rows exactly for these whole numbers."""


def repair(program: Program, values: NDArray[np.float64]) -> Routing:
    """Exact routing for the whole numbers in ``values`` (column order)."""
    whole = {n: float(round(values[n])) for n, c in enumerate(program.columns) if c.integer}
    derived = {_derived(r): r for r in program.rows if r.family in DERIVED}
    told = (r for r in program.rows if r.family != IMPLIED)
    rows = [r for r in told if any(c not in whole and c not in derived for c, _ in r.terms)]
    traffic: dict[int, Fraction] = {}
    fullest = 0.0
    costs = program.objective()
    for block in _blocks(program, rows):
        shares, used = _solve_block(program, costs, block, whole)
        traffic.update(shares)
        fullest = max(fullest, used)
    for column, row in derived.items():
        parts = (Fraction(a) * traffic.get(c, Fraction(whole.get(c, 0))) for c, a in row.terms if c != column)
        traffic[column] = max(Fraction(0), sum(parts, Fraction(0)))
    return Routing(traffic, fullest)


def _derived(row: Row) -> int:
    """The column that a row sum a x - column <= 0 defines as the larger of 0 and the sum."""
    return row.terms[0][0]


def _blocks(program: Program, rows: list[Row]) -> list[list[Row]]:
    """Rows that share no continuous column are solved apart (hours, mostly)."""
    parent: dict[int, int] = {}

    def find(c: int) -> int:
        """The representative of a column's group."""
        while parent.setdefault(c, c) != c:
            parent[c] = parent[parent[c]]
            c = parent[c]
        return c

    for row in rows:
        columns = [c for c, _ in row.terms if not program.columns[c].integer]
        for c in columns[1:]:
            parent[find(c)] = find(columns[0])
    blocks: dict[int, list[Row]] = {}
    for row in rows:
        first = next(c for c, _ in row.terms if not program.columns[c].integer)
        blocks.setdefault(find(first), []).append(row)
    return list(blocks.values())


def _solve_block(
    program: Program, costs: dict[int, float], rows: list[Row], whole: dict[int, float]
) -> tuple[dict[int, Fraction], float]:
    columns = sorted({c for row in rows for c, _ in row.terms if c not in whole})
    position = {c: n for n, c in enumerate(columns)}
    slack = len(columns)
    money = np.array([costs.get(c, 0.0) for c in columns] + [0.0])
    balance = np.zeros(slack + 1)
    balance[slack] = 1.0
    scale = max(float(np.abs(money).max()), 1e-12)
    objective = balance if not money.any() else money / scale + 1e-7 * balance
    for _key, c in program.family("q"):
        if c in position:
            objective[position[c]] += PATIENCE
    for fullest in (ROOM, 1.0):
        high = np.full(slack + 1, np.inf)
        high[slack] = fullest
        found = least(objective, _block_rows(rows, whole, position, slack, fullest), high)
        if found is not None:
            return _rounded(program, rows, position, found), float(found[slack])
    raise RepairFailed("the linear program of a period has no solution")


def _block_rows(
    rows: list[Row], whole: dict[int, float], position: dict[int, int], slack: int, fullest: float
) -> Rows:
    """Rows over the continuous columns; each capacity is cut to the share in column ``slack``."""
    made = Rows.none()
    for row in rows:
        sign = -1.0 if row.sense == ">=" else 1.0
        rest = sign * (row.rhs - sum(a * whole[c] for c, a in row.terms if c in whole))
        terms = {position[c]: sign * a for c, a in row.terms if c not in whole}
        if row.family in FILLING and row.sense == "<=":
            terms[slack] = -max(rest, 0.0)
            rest = min(rest, 0.0)
        if row.sense != "==" and row.family in ROOMY and rest > 0:
            rest *= fullest
        made.add(terms, rest if row.sense == "==" else -np.inf, rest)
    return made


def near(share: float) -> Fraction:
    """A rational near a share: a simple one where it is meant (pools that are full to the last request)."""
    simple = Fraction(share).limit_denominator(SIMPLE)
    return simple if abs(float(simple) - share) < 1e-11 else Fraction(round(share * DENOMINATOR), DENOMINATOR)


def _rounded(
    program: Program, rows: list[Row], position: dict[int, int], x: NDArray[np.float64]
) -> dict[int, Fraction]:
    """Rationals near ``x`` whose demand rows hold exactly: the largest part takes the remainder.

    Unserved shares are rounded first: they are the same in all rows of an hour.
    What an hour has to serve of work that can wait is told by the waiting columns, to the last float.
    """
    waiting = {c for _, c in program.family("q")}
    missed = {c for _, c in program.family("unserved")}
    traffic = {
        c: Fraction(max(float(x[n]), 0.0)) if c in waiting else Fraction(0) for c, n in position.items()
    }
    traffic |= {c: min(near(max(float(x[position[c]]), 0.0)), Fraction(1)) for c in missed & position.keys()}
    for row in rows:
        if row.family not in SERVING or row.sense != "==":
            continue
        left = sum((traffic[c] for c, _ in row.terms if c in missed), Fraction(0))
        queue = {c: a for c, a in row.terms if c in waiting}
        work = row.rhs - sum(a * x[position[c]] for c, a in queue.items())
        if queue and work < NOTHING * max(queue.values()):
            continue
        total = Fraction(float(work))
        parts = {c: x[position[c]] / work for c, _ in row.terms if c not in waiting and c not in missed}
        shares = {c: near(float(v)) if v > 1e-9 else Fraction(0) for c, v in parts.items()}
        _fill(traffic, shares, total, 1 - left)
    for row in rows:
        if row.family == "handoff":  # prefill pools take what decode pools were given
            total = sum((traffic[c] for c, a in row.terms if a < 0), Fraction(0))
            parts = {c: x[position[c]] / float(total) for c, a in row.terms if a > 0 and total}
            _fill(traffic, {c: near(float(v)) if v > 1e-9 else Fraction(0) for c, v in parts.items()}, total)
    return traffic


def _fill(
    traffic: dict[int, Fraction], shares: dict[int, Fraction], total: Fraction, whole: Fraction = Fraction(1)
) -> None:
    """Give each column its share of a total; the largest takes what is missing (``whole``: their sum)."""
    if shares:
        largest = max(shares, key=lambda c: shares[c])
        shares[largest] += whole - sum(shares.values())
        traffic |= {c: share * total for c, share in shares.items()}
