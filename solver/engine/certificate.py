"""A lower bound on the cost that does not trust the solver: dual values, evaluated in exact arithmetic.

For any row multipliers y of the right sign (y <= 0 for <=, y >= 0 for >=) every plan costs at least

    L(y) = sum_i y_i b_i + sum_j min over low_j <= x_j <= high_j of (c_j - sum_i y_i a_ij) x_j,

whatever y is; HiGHS's duals only make it high. Numbers of the program are dyadic rationals, so L(y) is
computed in whole numbers with one common denominator: no rounding. The boxes of traffic columns follow from
the rows. A small branch and bound over the whole-number columns raises the bound: a node counts with
its own L(y), or is dropped where multipliers prove exactly that it holds no plan. What is certified is the
program as built (its rows are those of solver.formulation), not the formulas behind them.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending
from solver.formulation.model import Program

#: Nonzeros x nodes that may be evaluated (a second or less), and most nodes.
WORK, NODES = 200_000, 400
#: Most seconds for linear programs: those of large programs may be cut short, or left out.
SECONDS = 10.0
#: Where fewer nodes could be evaluated, multipliers that are known are enough.
FEWEST = 3
#: Multipliers are rounded to this many binary digits after the point; branching values this near are whole.
DIGITS, NEAR = 60, 1e-6
#: Most passes over the rows that bound columns.
PASSES = 4

Box = tuple[float, float]


@dataclass
class Exact:
    """The program's numbers as whole numbers over 2**scale."""

    program: Program
    scale: int
    costs: list[int]
    rows: list[tuple[list[tuple[int, int]], int]]
    boxes: list[tuple[int, int | None]]

    @classmethod
    def of(cls, program: Program) -> Exact:
        """Read every float exactly; boxes of columns without an upper bound come from rows."""
        costs = [0.0] * len(program.columns)
        for column, kusd in program.objective().items():
            costs[column] = kusd
        numbers: set[float] = {*costs, *(r.rhs for r in program.rows)}
        numbers |= {a for row in program.rows for _, a in row.terms}
        numbers |= {b for c in program.columns for b in (c.low, c.high) if math.isfinite(b)}
        scale = max((v.as_integer_ratio()[1].bit_length() - 1 for v in map(float, numbers)), default=0)

        def whole(value: float) -> int:
            top, bottom = float(value).as_integer_ratio()
            return (top << scale) // bottom

        rows = [([(c, whole(a)) for c, a in row.terms], whole(row.rhs)) for row in program.rows]
        boxes: list[tuple[int, int | None]] = [
            (whole(c.low), whole(c.high) if math.isfinite(c.high) else None) for c in program.columns
        ]
        made = cls(program, scale, [whole(v) for v in costs], rows, boxes)
        made._close_boxes()
        return made

    def _close_boxes(self) -> None:
        """Upper ends of columns from rows: a_j x_j <= b - the least that all others can add (rounded up).

        Passed over until nothing changes: what can wait is bounded by its own row, and then bounds traffic.
        """
        for _ in range(PASSES):
            before = list(self.boxes)
            for row, (terms, right) in zip(self.program.rows, self.rows, strict=True):
                if row.sense != ">=":
                    self._close(terms, right)
            if self.boxes == before:
                return

    def _close(self, terms: list[tuple[int, int]], right: int) -> None:
        """The boxes of one row sum a x <= b."""
        least, open_ended = 0, 0
        for c, a in terms:
            low, high = self.boxes[c]
            if a < 0 and high is None:
                open_ended += 1
            else:
                least += a * (low if a > 0 else high or 0)
        if open_ended:
            return
        for c, a in terms:
            low, high = self.boxes[c]
            if a > 0:
                limit = -(-((right << self.scale) - least + a * low) // a)
                if high is None or limit < high:
                    self.boxes[c] = (low, max(limit, low))

    def box(self, column: int, boxes: Mapping[int, Box]) -> tuple[int, int | None]:
        """A column's box at a node; ``boxes`` holds whole numbers."""
        if column not in boxes:
            return self.boxes[column]
        low, high = boxes[column]
        return int(low) << self.scale, int(high) << self.scale

    def least(self, multipliers: Iterable[float], boxes: Mapping[int, Box], costs: bool) -> Fraction | None:
        """L(y) in k$ (with all costs 0 if not ``costs``); None where a column without box spoils it."""
        weights = []
        for row, y in zip(self.program.rows, multipliers, strict=True):
            y = min(y, 0.0) if row.sense == "<=" else max(y, 0.0) if row.sense == ">=" else y
            weights.append(round(y * (1 << DIGITS)) if math.isfinite(y) else 0)
        reduced = [c << DIGITS for c in self.costs] if costs else [0] * len(self.costs)
        for (terms, _), weight in zip(self.rows, weights, strict=True):
            for c, a in terms if weight else ():
                reduced[c] -= weight * a
        self._mend(weights, reduced, boxes)
        total = sum(w * right << self.scale for w, (_, right) in zip(weights, self.rows, strict=True))
        for column, price in enumerate(reduced):
            if price:
                low, high = self.box(column, boxes)
                at = low if price > 0 else high
                if at is None:
                    return None
                total += price * at
        return Fraction(total, 1 << (2 * self.scale + DIGITS))  # at twice the scale, plus DIGITS

    def _mend(self, weights: list[int], reduced: list[int], boxes: Mapping[int, Box]) -> None:
        """Multipliers moved so that no column without box has a price below 0, as a last digit of HiGHS's may
        leave it. Any multipliers of the right sign prove a bound; those moved by a digit nearly the same."""
        for _ in range(PASSES):
            spoiled = {c for c, price in enumerate(reduced) if price < 0 and self.box(c, boxes)[1] is None}
            if not spoiled:
                return
            for n, (row, (terms, _right)) in enumerate(zip(self.program.rows, self.rows, strict=True)):
                for c, a in terms:
                    if c not in spoiled or reduced[c] >= 0 or not a:
                        continue
                    moved = weights[n] + reduced[c] // abs(a) * (1 if a > 0 else -1)
                    if (moved > 0 and row.sense == "<=") or (moved < 0 and row.sense == ">="):
                        moved = 0
                    change, weights[n] = moved - weights[n], moved
                    for other, b in terms if change else ():
                        reduced[other] -= change * b


@dataclass(order=True)
class Node:
    """A part of the search: its certified bound, and boxes of whole-number columns."""

    bound: Fraction
    number: int
    boxes: dict[int, Box] = field(compare=False)
    branch: tuple[int, float] | None = field(compare=False, default=None)


def certified_bound(
    program: Program, model: HighsModel, best: float, known: Iterable[float] | None = None
) -> Fraction | None:
    """A proven lower bound on the program's cost, k$, or None; ``best`` is the cost of a plan.

    ``known``: multipliers of the rows from a linear program solved before. A program so large that nothing
    is branched on takes its bound from them.
    """
    exact = Exact.of(program)
    nonzeros = sum(len(row.terms) for row in program.rows)
    most = max(1, min(NODES, WORK // max(nonzeros, 1)))
    if known is not None and most < FEWEST:
        return exact.least(known, {}, costs=True)
    end = time.perf_counter() + SECONDS
    with model.relaxed():
        root = _node(exact, model, 0, {}, None, end)
        if root is None:
            return None
        queue, made = [root], 1
        while (
            queue[0].branch is not None
            and made + 2 <= most
            and float(queue[0].bound) < best * (1 - 1e-12)
            and time.perf_counter() < end
        ):
            parent = heapq.heappop(queue)
            assert parent.branch is not None
            column, value = parent.branch
            low, high = parent.boxes.get(column, (program.columns[column].low, program.columns[column].high))
            for box in ((low, float(math.floor(value))), (float(math.ceil(value)), high)):
                child = _node(exact, model, made, parent.boxes | {column: box}, parent, end)
                made += 1
                if child is not None:
                    heapq.heappush(queue, child)
            if not queue:  # every part is proven empty: the plan at hand is then the only witness
                return parent.bound
        return queue[0].bound


def certified_goal(program: Program, goal: Mapping[int, float], reached: float) -> Fraction | None:
    """A proven lower bound on a goal other than cost, in its unit, or None: the program without the row that
    holds the goal, and the goal in place of the costs. ``reached`` is what a plan reaches."""
    rows = [row for row in program.rows if row.family != "goal"]
    bare = replace(program, rows=rows, costs={"goal": dict(goal)})
    return certified_bound(bare, HighsModel(bare), reached)


def _node(
    exact: Exact, model: HighsModel, number: int, boxes: dict[int, Box], parent: Node | None, end: float
) -> Node | None:
    """The node with its certified bound; None if it is proven to hold no plan (or the root has no bound)."""
    model.set_bounds(boxes)
    outcome = model.solve(time_limit_s=max(end - time.perf_counter(), 0.1), linear=True)
    rays = model.ray() if outcome.ending is Ending.INFEASIBLE else None
    multipliers = None if outcome.values is None else model.duals()[0]
    columns = exact.program.columns
    model.set_bounds({c: (columns[c].low, columns[c].high) for c in boxes})
    if rays is not None and any((exact.least(r, boxes, costs=False) or 0) > 0 for r in (rays, -rays)):
        return None
    floor = None if parent is None else parent.bound
    if multipliers is None or outcome.values is None:
        return None if floor is None else Node(floor, number, boxes)
    bound = exact.least(multipliers, boxes, costs=True)
    if bound is None or (floor is not None and bound < floor):
        bound = floor
    if bound is None:
        return None
    parts = {
        c: float(outcome.values[c])
        for c, column in enumerate(columns)
        if column.integer and abs(outcome.values[c] - round(outcome.values[c])) > NEAR
    }
    systems = {c for prefix in ("buy", "hold") for _, c in exact.program.family(prefix)}
    widest = max(parts, key=lambda c: (c in systems, 0.5 - abs(parts[c] % 1 - 0.5), -c), default=None)
    return Node(bound, number, boxes, None if widest is None else (widest, parts[widest]))
