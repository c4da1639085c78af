"""The optimal cost as a function of one or two prices: its pieces found exactly, with a certificate.

The cost of a plan is linear in a price; the optimal cost is the least of these lines, so it is concave and
piecewise linear. Where the envelope of the known plans is met by the solver at every corner of its pieces,
concavity leaves no room for another plan inside: at a point x = sum of l_v v over the corners v of its
piece, f(x) >= sum l_v f(v) >= envelope(x) - max_v (envelope(v) - bound(v)). The solver's bound at each
corner therefore bounds what any plan not found could save, everywhere in the piece.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Point = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Line:
    """The cost of one plan, k$: ``base + weights . prices``; ``plan`` is whatever the caller keeps of it."""

    base: float
    weights: tuple[float, ...]
    plan: object
    key: object = None  # equal for plans that differ by the solver's arithmetic alone (None: never)

    def at(self, point: Point) -> float:
        """Cost of the plan at these prices, k$."""
        return self.base + sum(w * x for w, x in zip(self.weights, point, strict=True))


@dataclass(frozen=True)
class Solved:
    """A corner that the solver was asked about: the best plan there and a lower bound on every plan."""

    line: Line
    bound: float


#: Solves at a point, starting from the best line known there (None at first).
Oracle = Callable[[Point, Line | None], Solved]


@dataclass(frozen=True)
class Piece:
    """Where one plan is best: an interval (two corners) or a convex polygon."""

    line: Line
    corners: tuple[Point, ...]
    slack: float  # k$ that a plan not found could save at most, anywhere in the piece (inf: not proven)


@dataclass
class Envelope:
    """The lower envelope of the plans found in a box of one or two prices."""

    box: tuple[tuple[float, float], ...]
    lines: list[Line] = field(default_factory=list)
    bounds: dict[Point, float] = field(default_factory=dict)

    def best(self, point: Point) -> Line | None:
        """The cheapest known plan at a point (the first found among equals)."""
        return min(self.lines, key=lambda line: line.at(point), default=None)

    def cost(self, point: Point) -> float:
        """Cost of the cheapest known plan, k$."""
        return min((line.at(point) for line in self.lines), default=math.inf)

    def pieces(self) -> list[Piece]:
        """The pieces with an inside, each with its certificate."""
        found = []
        for line in self.lines:
            corners = self.cell(line)
            if corners:
                slack = max(self._slack(corner) for corner in corners)
                found.append(Piece(line, tuple(corners), slack))
        return sorted(found, key=lambda piece: piece.corners)

    def cell(self, line: Line) -> list[Point]:
        """Corners of the part of the box where ``line`` is cheapest; empty if it has no inside."""
        corners = box_corners(self.box)
        for other in self.lines:
            if other is line:
                continue
            base = line.base - other.base
            weights = [a - b for a, b in zip(line.weights, other.weights, strict=True)]
            corners = clip(corners, base, weights, self.box)
            if not corners:
                return []
        return corners

    def _slack(self, corner: Point) -> float:
        bound = self.bounds.get(self.key(corner))
        return math.inf if bound is None else max(0.0, self.cost(corner) - bound)

    def key(self, point: Point) -> Point:
        """The point on a fine lattice, so that a corner computed twice is solved once."""
        return tuple(
            low + round((x - low) / (high - low) * 1e10) / 1e10 * (high - low)
            for x, (low, high) in zip(point, self.box, strict=True)
        )


#: Relative saving below which a plan at a corner counts as one of those known: any plan, and one with the
#: whole numbers of a known plan (its traffic comes out of the solver with an error of this size).
SAME_COST, SAME_PLAN = 1e-9, 1e-7


def refine(oracle: Oracle, box: tuple[tuple[float, float], ...], most: int = 400) -> Envelope:
    """Ask the oracle at the corners of the pieces until no corner shows a new plan (or ``most`` solves)."""
    envelope, ends = Envelope(box), box_corners(box)
    while len(envelope.bounds) < most:
        corner = _unasked(envelope)
        if corner is None:
            break
        known = envelope.cost(corner)
        # far from where it was found a plan can cost many times the best: a start that hinders
        solved = oracle(corner, None if corner in ends else envelope.best(corner))
        envelope.bounds[envelope.key(corner)] = solved.bound
        again = solved.line.key is not None and any(x.key == solved.line.key for x in envelope.lines)
        tolerance = SAME_PLAN if again else SAME_COST
        if not envelope.lines or solved.line.at(corner) < known - tolerance * max(abs(known), 1e-9):
            envelope.lines.append(solved.line)
    return envelope


def _unasked(envelope: Envelope) -> Point | None:
    if not envelope.lines:
        return box_corners(envelope.box)[0]
    for line in envelope.lines:
        for corner in envelope.cell(line):
            if envelope.key(corner) not in envelope.bounds:
                return corner
    return None


def box_corners(box: tuple[tuple[float, float], ...]) -> list[Point]:
    """Ends of an interval, or the corners of a rectangle in order."""
    if len(box) == 1:
        return [(box[0][0],), (box[0][1],)]
    (a, b), (c, d) = box
    return [(a, c), (b, c), (b, d), (a, d)]


def clip(
    corners: list[Point], base: float, weights: list[float], box: tuple[tuple[float, float], ...]
) -> list[Point]:
    """The part of an interval or convex polygon where base + weights . x <= 0 (Sutherland and Hodgman, 1974).

    A part narrower than 1e-9 of the box is nothing.
    """
    values = [base + sum(w * x for w, x in zip(weights, corner, strict=True)) for corner in corners]
    if max(values) <= 0:
        return corners
    pairs = list(zip(corners, values, strict=True))
    follow = pairs[1:] + pairs[:1] if len(box) > 1 else pairs[1:]
    kept: list[Point] = [corners[0]] if values[0] <= 0 else []
    for (p, u), (q, v) in zip(pairs, follow, strict=False):
        if (u <= 0) != (v <= 0):
            share = u / (u - v)
            kept.append(tuple(x + share * (y - x) for x, y in zip(p, q, strict=True)))
        if v <= 0 and q is not corners[0]:
            kept.append(q)
    return kept if _size(kept, box) > 1e-9 else []


def _size(corners: list[Point], box: tuple[tuple[float, float], ...]) -> float:
    """Smallest extent relative to the box: length, or area."""
    unit = [
        tuple((x - low) / (high - low) for x, (low, high) in zip(corner, box, strict=True))
        for corner in corners
    ]
    if len(box) == 1:
        return abs(unit[-1][0] - unit[0][0]) if len(unit) > 1 else 0.0
    twice = sum(p[0] * q[1] - q[0] * p[1] for p, q in zip(unit, unit[1:] + unit[:1], strict=True))
    return abs(twice) / 2
