"""Exact break-even prices: one price gives intervals, two give the polygons of a map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from solver.errors import InfeasibleError
from solver.sensitivity.envelope import Piece, Point, refine
from solver.sensitivity.oracle import Oracle, exact_check
from solver.sensitivity.parameters import Range
from solver.sensitivity.plane import plane, whole
from solver.sensitivity.price_names import on_menu, price_kinds, price_now, sold
from solver.sensitivity.priced import FoundPlan, MeanHours, Priced
from solver.sensitivity.session import Session

#: Relative error left to the solver's own arithmetic (its feasibility tolerance), added to every proof.
ARITHMETIC = 1e-7
#: First step behind a price at which a plan breaks a limit, as a share of the range.
SMALL = 1e-9
#: Shares of the tokens from which a system serves, serves half of them, serves all; in the fleet with any.
SERVES, HALF, ALL = 1e-6, 0.5 - 1e-9, 1 - 1e-6
IN_FLEET = 0.0


@dataclass(frozen=True)
class PricePiece:
    """An interval or polygon of prices with one plan. Money in dollars."""

    corners: tuple[Point, ...]
    plan: FoundPlan | None  # None: nothing keeps all limits
    costs_usd: tuple[float, ...]  # at the corners
    slack_share: float  # what a plan not found could save at most, as a share of the cost (inf: not proven)
    verified: str  # "passed", or what failed

    @property
    def shares(self) -> dict[str, float]:
        """Share of all tokens by system (0: it stands by); nothing where there is no plan."""
        if self.plan is None:
            return {}
        serving = {s: v for s, v in self.plan.shares.items() if v > SERVES}
        return {system: 0.0 for system, _, _ in self.plan.fleet} | serving

    @property
    def low(self) -> float:
        """Lower end of an interval."""
        return min(c[0] for c in self.corners)

    @property
    def high(self) -> float:
        """Upper end of an interval."""
        return max(c[0] for c in self.corners)


@dataclass(frozen=True)
class PriceResult:
    """All pieces over the ranges, in order of price."""

    ranges: tuple[Range, ...]
    units: tuple[str, ...]
    now: tuple[float | None, ...]  # None: no price today
    pieces: tuple[PricePiece, ...]
    solves: int
    grouped: bool = False  # like hours are taken in groups: costs are upper bounds
    limited: bool = False  # the price stands in a limit
    derated_solves: int = 0  # at which safe loads were cut, because a promise failed at a pool's own mix

    @property
    def certified(self) -> float:
        """What a plan not found could save at most, anywhere in the ranges, as a share of the cost."""
        return max((p.slack_share for p in self.pieces), default=float("inf"))


def price_result(session: Session, ranges: tuple[Range, ...], most: int = 400) -> PriceResult:
    """Every plan that is best somewhere within the ranges of one or two prices."""
    session.need_cost_objective()
    loaded = session.loaded
    for wanted in ranges:
        loaded = sold(loaded, session.catalog, wanted.name, wanted.high)
    here = session if loaded is session.loaded else session.with_loaded(loaded)
    kinds = price_kinds(here.prepared.problem)
    units = tuple(kinds.get(r.name, "USD") for r in ranges)
    now = tuple(_now(session, here, r.name) for r in ranges)
    search = Search(here, tuple(r.name for r in ranges), most)
    pieces = search.pieces(tuple((r.low, r.high) for r in ranges))
    grouped = bool(here.prepared.mean_periods)
    return PriceResult(
        ranges, units, now, tuple(pieces), search.solves, grouped, search.limited, search.derated_solves
    )


def _now(session: Session, here: Session, name: str) -> float | None:
    """The price of today; None for a system that nobody sells."""
    system = session.catalog.systems.get(name)
    if system is not None and (session is not here or not on_menu(here.prepared.problem, name)):
        stated = session.loaded.workload.hardware.overrides.get(name, {}).get("price_usd")
        return system.get("price_usd") if stated is None else stated
    return price_now(here.prepared.problem, name)


class Search:
    """The search for all plans that are best at some price.

    Where the price stands in a limit that tightens as
    it rises, plans drop out one by one: up to the price at which a plan breaks the limit, the least cost
    under the limits of the lower end is the least cost, so the search goes on from there with the limits
    of that price.
    """

    def __init__(self, session: Session, names: tuple[str, ...], most: int = 400) -> None:
        self.session, self.names, self.most = session, names, most
        self.solves = self.derated_solves = 0
        self.limited = False
        self._mean: MeanHours | None = None
        self._bounds: dict[Point, float] = {}
        self._box: tuple[tuple[float, float], ...] = ()
        self._level: dict[bytes, Priced] = {}  # plan -> the model (with its safe loads) that found it

    def pieces(self, box: tuple[tuple[float, float], ...]) -> list[PricePiece]:
        """Intervals or polygons that fill the box; without a plan where nothing keeps all limits."""
        self._box = box
        if len(box) == 2:
            return self._areas(box)
        (low, high), found = box[0], list[PricePiece]()
        smallest = step = SMALL * (high - low)
        while low < high:
            try:
                until, valid = self._from(low, high)
            except InfeasibleError:
                if not found:
                    raise
                found.append(PricePiece(((low,), (high,)), None, (), ARITHMETIC, "nothing to check"))
                break
            found += valid
            step = smallest if valid else 2 * step
            low = high if until >= high else until + step
        return joined(found, box[0])

    def _areas(self, box: tuple[tuple[float, float], ...]) -> list[PricePiece]:
        """Polygons of two prices; where these stand in limits, see `solver.sensitivity.plane`."""
        lowest = Oracle(self.session, self.names, tuple(low for low, _ in box))
        self.limited = bool(lowest.at({}).priced_rows)
        if not self.limited:
            return [self._checked(piece) for piece in self._found(box, None)[0]]
        oracles: dict[Point, Oracle] = {}

        def oracle_at(point: Point) -> Oracle:
            """The solves of a point of prices, made once."""
            return oracles.setdefault(point, Oracle(self.session, self.names, point))

        pieces, empty = plane(oracle_at, whole(box), box, self.most)
        for oracle in oracles.values():
            self.solves += oracle.solves
            self.derated_solves += oracle.derated_solves
            self._level |= oracle.level
        if not pieces:
            raise InfeasibleError("no plan keeps all statements of the workload; see `solver solve`")
        nothing = [PricePiece(polygon, None, (), ARITHMETIC, "nothing to check") for polygon in empty]
        return [self._checked(piece) for piece in pieces] + nothing

    def _from(self, low: float, high: float) -> tuple[float, list[PricePiece]]:
        """The first price from ``low`` at which a best plan breaks a limit, and the pieces up to it."""
        valid: list[PricePiece] = []
        pieces, priced = self._found(((low, high),), (low,))
        self.limited = bool(priced.priced_rows)
        for piece in pieces:
            assert isinstance(piece.line.plan, FoundPlan)
            until = priced.holds_until(piece.line.plan)
            begin, end = piece.corners[0][0], piece.corners[-1][0]
            if until >= end - SMALL * (high - low):
                valid.append(self._checked(piece))
                continue
            if until > begin:
                valid.append(self._checked(replace(piece, corners=((begin,), (until,)))))
            return max(until, begin), valid
        return high, valid

    def _found(
        self, box: tuple[tuple[float, float], ...], limits_at: tuple[float, ...] | None
    ) -> tuple[list[Piece], Priced]:
        """The pieces of a box under the limits of some prices, and the model without cut loads."""
        oracle = Oracle(self.session, self.names, limits_at)
        pieces = refine(oracle, box, max(2, self.most - self.solves)).pieces()
        self.solves += oracle.solves
        self.derated_solves += oracle.derated_solves
        self._level |= oracle.level
        return pieces, oracle.at({})

    def _bound_of_mean_hours(self, point: Point) -> float:
        """A lower bound on every plan at these prices, k$, where like hours are grouped.

        Each group at its mean demand, with hourly counts as fractions, costs no more than its hours do. That
        least cost is concave in the prices too, so the largest share open at a corner of a piece bounds that
        of all of it (the cost is linear there, the bound no lower than what joins its corners).
        """
        if point not in self._bounds:
            if self._mean is None:
                lowest = tuple(low for low, _ in self._box)
                self._mean = MeanHours(self.session.prepared, self.names, limits_at=lowest)
            self._bounds[point] = self._mean.solve(point).bound
            self.solves += 1
        return self._bounds[point]

    def _checked(self, piece: Piece) -> PricePiece:
        """A piece in dollars with the verdict of the exact check at its middle."""
        plan = piece.line.plan
        assert isinstance(plan, FoundPlan)
        costs = tuple(piece.line.at(corner) * 1e3 for corner in piece.corners)
        middle = tuple(sum(axis) / len(axis) for axis in zip(*piece.corners, strict=True))
        if self.session.prepared.mean_periods:  # like hours are grouped: costs are upper bounds
            open_ = max(1 - self._bound_of_mean_hours(c) / max(piece.line.at(c), 1e-9) for c in piece.corners)
        else:
            open_ = piece.slack / max(min(costs) / 1e3, 1e-9)
        slack = max(0.0, open_) + ARITHMETIC
        words, _ = exact_check(self.session, self._level[plan.values.tobytes()], middle, plan)
        return PricePiece(piece.corners, plan, costs, slack, words)


def joined(pieces: list[PricePiece], box: tuple[float, float]) -> list[PricePiece]:
    """Intervals that meet: the tiny steps behind a limit belong to the interval after them."""
    found: list[PricePiece] = []
    for piece in pieces:
        low = found[-1].high if found else box[0]
        last = found[-1] if found else None
        if last is not None and last.plan is not None and piece.plan is not None and same(last, piece):
            costs = (last.costs_usd[0], piece.costs_usd[-1])
            slack = max(last.slack_share, piece.slack_share)
            found[-1] = PricePiece(((last.low,), (piece.high,)), last.plan, costs, slack, piece.verified)
            continue
        found.append(replace(piece, corners=((low,), (piece.high,))))
    return found


def same(a: PricePiece, b: PricePiece) -> bool:
    """Whether two neighbours are one fleet on one cost line."""
    assert a.plan is not None and b.plan is not None
    meets = abs(a.costs_usd[-1] - b.costs_usd[0]) <= 1e-6 * abs(b.costs_usd[0])
    return meets and a.plan.fleet == b.plan.fleet


def spans(pieces: Iterable[PricePiece], system: str, least: float) -> list[tuple[float, float]]:
    """Intervals of the price in which a system serves at least a share of all tokens."""
    found: list[tuple[float, float]] = []
    for piece in pieces:
        if piece.shares.get(system, -1.0) < least:
            continue
        if found and piece.low <= found[-1][1]:
            found[-1] = (found[-1][0], piece.high)
        else:
            found.append((piece.low, piece.high))
    return found
