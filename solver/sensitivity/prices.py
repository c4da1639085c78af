"""Exact break-even prices: one price gives intervals, two give the polygons of a map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from solver.backend.outcome import Ending, Outcome
from solver.engine.assemble import assemble
from solver.engine.solve import DERATING, MOST_DERATINGS, derated, late_services
from solver.formulation.build import build_program
from solver.plan.routing import RepairFailed, repair
from solver.sensitivity.envelope import Piece, Point, refine
from solver.sensitivity.parameters import Range, price_kinds, price_now
from solver.sensitivity.priced import FoundPlan, Priced
from solver.sensitivity.session import Session
from solver.verify.from_plan import verify_plan

#: Relative error left to the solver's own arithmetic (its feasibility tolerance), added to every proof.
ARITHMETIC = 1e-7


@dataclass(frozen=True)
class PricePiece:
    """An interval or polygon of prices with one plan. Money in dollars."""

    corners: tuple[Point, ...]
    plan: FoundPlan
    costs_usd: tuple[float, ...]  # at the corners
    slack_share: float  # what a plan not found could save at most, as a share of the cost (inf: not proven)
    verified: str  # "passed", or what failed

    @property
    def low(self) -> float:
        """Lower end of an interval."""
        return min(c[0] for c in self.corners)

    @property
    def high(self) -> float:
        """Upper end of an interval."""
        return max(c[0] for c in self.corners)


@dataclass(frozen=True)
class Thresholds:
    """Highest prices (USD) at which a system is in the fleet, serves half and serves all tokens."""

    system: str
    enters: float | None
    half: float | None
    all: float | None


@dataclass(frozen=True)
class PriceResult:
    """All pieces over the ranges, in order of price."""

    ranges: tuple[Range, ...]
    units: tuple[str, ...]
    now: tuple[float, ...]
    pieces: tuple[PricePiece, ...]
    solves: int

    @property
    def certified(self) -> float:
        """What a plan not found could save at most, anywhere in the ranges, as a share of the cost."""
        return max((p.slack_share for p in self.pieces), default=float("inf"))


def price_result(session: Session, ranges: tuple[Range, ...], most: int = 400) -> PriceResult:
    """Every plan that is best somewhere within the ranges of one or two prices."""
    session.need_cost_objective()
    problem = session.prepared.problem
    now = tuple(price_now(problem, r.name) for r in ranges)
    kinds = price_kinds(problem)
    prepared, factors = session.prepared, dict[str, float]()
    for _ in range(MOST_DERATINGS):
        priced = Priced(derated(prepared, factors), tuple(r.name for r in ranges))
        envelope = refine(priced.solve, tuple((r.low, r.high) for r in ranges), most=most)
        checked = [_piece(session, priced, piece) for piece in envelope.pieces()]
        late = {name for _, names in checked for name in names}
        if not late:
            break
        factors |= {name: factors.get(name, 1.0) * DERATING for name in late}
    pieces = tuple(piece for piece, _ in checked)
    return PriceResult(ranges, tuple(kinds[r.name] for r in ranges), now, pieces, priced.solves)


def _piece(session: Session, priced: Priced, piece: Piece) -> tuple[PricePiece, set[str]]:
    """A piece in dollars, checked, and the services whose promise its plan breaks at its own mix."""
    plan = piece.line.plan
    assert isinstance(plan, FoundPlan)
    costs = tuple(piece.line.at(corner) * 1e3 for corner in piece.corners)
    middle = tuple(sum(axis) / len(axis) for axis in zip(*piece.corners, strict=True))
    slack = piece.slack / max(min(costs) / 1e3, 1e-9) + ARITHMETIC
    words, late = exact_check(session, priced, middle, plan)
    return PricePiece(piece.corners, plan, costs, slack, words), late


def exact_check(session: Session, priced: Priced, point: Point, plan: FoundPlan) -> tuple[str, set[str]]:
    """The independent exact check of a plan at these prices: "passed", or what failed and which promises."""
    prepared = replace(priced.prepared, problem=priced.problem_at(point))
    program = build_program(prepared.problem)
    cost = float(priced.objective_at(point) @ plan.values)
    outcome = Outcome(Ending.OPTIMAL, "kOptimal", plan.values, cost, cost, 0.0)
    try:
        routing = repair(program, plan.values)
    except RepairFailed as failure:
        return f"no exact routing: {failure}", set()
    verdict = verify_plan(assemble(session.loaded, session.catalog, prepared, program, outcome, routing))
    if verdict.passed:
        return "passed", set()
    words = "; ".join(f"{f.check}: {f.message}" for f in verdict.failures[:3])
    return words, late_services(verdict, prepared)


def thresholds(pieces: Iterable[PricePiece], system: str) -> Thresholds:
    """Where a system enters, takes half and takes all as its price falls (None: nowhere in the range)."""
    ordered = list(pieces)

    def highest(least: float) -> float | None:
        return max((p.high for p in ordered if p.plan.shares.get(system, 0.0) >= least), default=None)

    return Thresholds(system, highest(1e-6), highest(0.5), highest(1 - 1e-6))
