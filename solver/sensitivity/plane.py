"""Two prices that stand in a limit, such as a budget: the polygons in which one plan is best.

In a polygon, a plan that keeps the limit at some prices keeps it at one of the polygon's corners, because
the limit is linear in the prices (of several limits it may keep each at another corner: refused). So the
least cost under the limit of one of the corners (the smallest of concave costs, hence concave) is a lower
bound everywhere in it. Where its best plan keeps the limit, that plan is best. What is left of the polygon
lies beyond the limit of that plan, which no corner there permits: the search goes on in it without that
plan, and ends because there are finitely many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from solver.errors import InfeasibleError, LimitReached, UsageError
from solver.sensitivity.envelope import Line, Piece, Point, Solved, box_corners, clip, refine
from solver.sensitivity.oracle import Oracle
from solver.sensitivity.priced import FoundPlan

Box = tuple[tuple[float, float], ...]
#: How far beyond a limit, as a share of it, the next polygon begins: the solver tells them apart there.
BEYOND = 1e-6


class Cheapest:
    """The best plan under the limits of any of several price pairs."""

    def __init__(self, oracles: list[Oracle]) -> None:
        self.oracles = oracles

    def __call__(self, point: Point, start: Line | None = None) -> Solved:
        """The cheapest of the plans, and the least of the bounds; InfeasibleError if there is no plan."""
        found = []
        for oracle in self.oracles:
            try:
                found.append(oracle(point, start))
            except InfeasibleError:
                continue
        if not found:
            raise InfeasibleError("no plan keeps all statements of the workload; see `solver solve`")
        best = min(found, key=lambda solved: solved.line.at(point))
        return Solved(best.line, min(solved.bound for solved in found))


def plane(
    oracle_at: Callable[[Point], Oracle], polygon: tuple[Point, ...], box: Box, most: int
) -> tuple[list[Piece], list[tuple[Point, ...]]]:
    """Pieces of a convex polygon (corners counter-clockwise) in ``box``, and polygons without any plan."""
    oracles = [oracle_at(corner) for corner in loosest(polygon)]
    rows = oracles[0].at({}).priced_rows
    if len(rows) > 1:
        sentence = oracles[0].at({}).program.rows[rows[1]].sentence
        raise UsageError(f"{sentence}: both prices stand in several limits; vary one price, or drop a limit")
    if sum(oracle.solves for oracle in oracles) > most:
        raise LimitReached(f"the map is not complete after {most} solves; narrow the ranges")
    around = tuple((min(axis), max(axis)) for axis in zip(*polygon, strict=True))
    try:
        envelope = refine(Cheapest(oracles), around, most)
    except InfeasibleError:
        return [], [polygon]
    pieces: list[Piece] = []
    empty: list[tuple[Point, ...]] = []
    for piece in envelope.pieces():
        assert isinstance(piece.line.plan, FoundPlan)
        inside = within(list(piece.corners), polygon, box)
        for base, weights in oracles[0].at({}).limits_of(piece.line.plan):
            beyond = clip(inside, -base + BEYOND * abs(base), [-w for w in weights], box) if inside else []
            inside = clip(inside, base, weights, box) if inside else []
            if beyond:
                more, none = plane(oracle_at, tuple(beyond), box, most)
                pieces, empty = pieces + more, empty + none
        if inside:
            pieces.append(replace(piece, corners=tuple(inside)))
    return pieces, empty


def loosest(polygon: tuple[Point, ...]) -> list[Point]:
    """Corners whose limits are not tighter than another's: those with no other below them in both prices."""
    return [
        v
        for v in polygon
        if not any(u != v and all(a <= b for a, b in zip(u, v, strict=True)) for u in polygon)
    ]


def within(corners: list[Point], polygon: tuple[Point, ...], box: Box) -> list[Point]:
    """The part of a convex polygon inside another one, whose corners are counter-clockwise."""
    for (px, py), (qx, qy) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if corners:
            base = (qx - px) * py - (qy - py) * px
            corners = clip(corners, base, [qy - py, px - qx], box)
    return corners


def whole(box: Box) -> tuple[Point, ...]:
    """The corners of the box."""
    return tuple(box_corners(box))
