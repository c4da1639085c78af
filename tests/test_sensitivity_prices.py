"""Exact price sensitivity: worked lines, random problems against a grid of solves, a map of two prices."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problems import make_case
from test_sensitivity_exact import session_of

from solver.errors import InfeasibleError, InputError
from solver.inputs.workload import load_workload, workload_from
from solver.inputs.yaml_text import load_yaml
from solver.paths import find_workload
from solver.sensitivity.envelope import Line, Point, Solved, refine
from solver.sensitivity.parameters import Range, parse_range
from solver.sensitivity.price_findings import price_findings
from solver.sensitivity.priced import Priced
from solver.sensitivity.prices import HALF, IN_FLEET, PricePiece, price_result, spans
from solver.sensitivity.session import Session


def oracle_of(lines: list[Line], count: list[int]):
    def oracle(point: Point, _start: Line | None) -> Solved:
        count[0] += 1
        best = min(lines, key=lambda line: line.at(point))
        return Solved(best, best.at(point))

    return oracle


def test_three_lines_on_paper() -> None:
    """10 flat, 2 + 2p and 5 + p: 2+2p to p=3, 5+p from 3 to 5, then 10."""
    lines = [Line(10.0, (0.0,), "none"), Line(2.0, (2.0,), "two"), Line(5.0, (1.0,), "one")]
    count = [0]
    pieces = refine(oracle_of(lines, count), ((0.0, 8.0),)).pieces()
    assert [p.line.plan for p in pieces] == ["two", "one", "none"]
    assert [c[0] for p in pieces for c in p.corners] == pytest.approx([0, 3, 3, 5, 5, 8])
    assert count[0] <= 6 and max(p.slack for p in pieces) == pytest.approx(0, abs=1e-12)


def test_slack_tells_what_the_bounds_leave_open() -> None:
    """A solver that proves only 90 % of the cost leaves 10 % open."""
    line = Line(10.0, (1.0,), "a")
    envelope = refine(lambda p, _: Solved(line, 0.9 * line.at(p)), ((0.0, 10.0),))
    assert envelope.pieces()[0].slack == pytest.approx(2.0)


def test_an_early_stop_is_not_called_proven() -> None:
    lines = [Line(float(n * n), (10.0 - n,), n) for n in range(10)]
    pieces = refine(oracle_of(lines, [0]), ((0.0, 30.0),), most=4).pieces()
    assert max(p.slack for p in pieces) == float("inf")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2]))
def test_envelope_equals_the_minimum_everywhere(seed: int, axes: int) -> None:
    rng = random.Random(seed)
    lines = [
        Line(rng.uniform(0, 50), tuple(float(rng.randint(0, 6)) for _ in range(axes)), n) for n in range(12)
    ]
    box = tuple((rng.uniform(0, 2), rng.uniform(5, 20)) for _ in range(axes))
    envelope = refine(oracle_of(lines, [0]), box)
    for _ in range(60):
        point = tuple(rng.uniform(*side) for side in box)
        assert envelope.cost(point) == pytest.approx(
            min(line.at(point) for line in lines), rel=1e-5, abs=1e-5
        )


@pytest.mark.parametrize("seed", range(12))
def test_no_plan_is_skipped_between_breakpoints(seed: int) -> None:
    """Solves on a grid of prices never find a cheaper plan than the pieces promise."""
    case = make_case(seed)
    price = case.prepared.problem.buy_offers("s1")[0].price_usd
    try:
        priced = Priced(case.prepared, ("s1",))
    except Exception as error:  # a capex budget holds the price too: not concave, refused
        assert "not concave" in str(error)
        return
    try:
        envelope = refine(priced.solve, ((0.0, 3 * price),))
    except InfeasibleError:
        return
    pieces = envelope.pieces()
    assert pieces[0].corners[0][0] == 0 and pieces[-1].corners[-1][0] == pytest.approx(3 * price)
    for n in range(15):
        point = (3 * price * (n + 0.5) / 15,)
        solved = priced.solve(point, None, 0.0)
        piece = next(p for p in pieces if p.corners[0][0] <= point[0] <= p.corners[-1][0])
        assert piece.line.at(point) <= solved.line.at(point) * (1 + 2e-5) + piece.slack + 1e-9


def test_systems_bought_fall_as_the_price_rises() -> None:
    for seed in range(12):
        case = make_case(seed)
        try:
            pieces = refine(Priced(case.prepared, ("s1",)).solve, ((0.0, 1e6),)).pieces()
        except Exception as error:
            assert "concave" in str(error) or "keeps all statements" in str(error)
            continue
        weights = [p.line.weights[0] for p in pieces]
        assert weights == sorted(weights, reverse=True)


def test_a_system_that_stands_by_for_the_loss_of_a_site_is_in_the_fleet() -> None:
    """Families that add columns (routes after the loss) leave the price of the columns as it is: five
    systems stand by and serve, so the cost rises by $5 for each dollar of price."""
    session = Session.of(load_workload(find_workload("25-site-loss")))
    result = price_result(session, (parse_range("dgx-h100=100k..200k"),))
    [piece] = result.pieces
    assert piece.plan is not None and [count for *_, count in piece.plan.fleet] == [5]
    assert piece.costs_usd[1] - piece.costs_usd[0] == pytest.approx(5 * 100_000)
    idle = replace(piece, plan=replace(piece.plan, shares={}))
    assert idle.shares == {"dgx-h100": 0.0}
    assert spans([idle], "dgx-h100", IN_FLEET) == [(100e3, 200e3)] and not spans([idle], "dgx-h100", HALF)


def test_ranges() -> None:
    found = parse_range("cerebras-cs3=0.3M..$3M")
    assert (found.name, found.low, found.high) == ("cerebras-cs3", 300_000, 3_000_000)
    for text in ("x", "x=1", "x=a..b", "=1..2", "x=1..2..3", "x=-1..2"):
        with pytest.raises(InputError, match="LOW"):
            parse_range(text)
    with pytest.raises(InputError, match="lower end"):
        parse_range("x=2..1")


RENTED = """
name: rented
services:
  - name: chat
    model: llama-3.1-8b
    demand:
      day: [3, 4, 5, 6, 8, 11, 30, 52, 90, 140, 180, 210, 240, 260, 250, 230, 200, 160, 120, 80, 40, 20, 9, 7]
    lengths: {prompt: 600, output: 150}
    levels: {ttft: 2 s, tpot: 50 ms}
    acquisitions: [buy, rent]
hardware: {include: [dgx-h200]}
"""


def test_grouped_hours_are_proven_up_to_a_stated_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the hours in 12 groups the cost is an upper bound, and the stated gap reaches the true one."""

    def rented() -> Session:
        return Session.of(workload_from(load_yaml(Path("w.yaml"), text=RENTED), Path()))

    whole = Priced(rented().prepared, ("dgx-h200",))
    monkeypatch.setattr("solver.formulation.hours.MOST_PERIODS", 12)
    monkeypatch.setattr("solver.formulation.hours.FEWEST_PERIODS", 12)
    session = rented()
    assert len(session.prepared.mean_periods) == 12
    found = price_result(session, (parse_range("dgx-h200=0.1M..2M"),))
    assert found.grouped and 0 < found.certified < 0.5
    for piece in found.pieces:
        for price, cost in zip((piece.low, piece.high), piece.costs_usd, strict=True):
            true = whole.solve((price,)).bound * 1e3
            assert cost * (1 - piece.slack_share) <= true <= cost * (1 + 1e-6)
    assert "Up to a gap no plan was skipped" in " ".join(price_findings(session, found).answer)


def inside(corners: tuple[Point, ...], x: float, y: float) -> bool:
    """Whether a point lies in a convex polygon whose corners are counter-clockwise."""
    edges = zip(corners, (*corners[1:], corners[0]), strict=True)
    return all((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) >= 0 for p, q in edges)


def test_two_prices_under_a_budget_are_exact_at_random_prices() -> None:
    """Every point of the map against a problem written and solved at its prices: cost, or no plan."""
    rng, compared, none = random.Random(5), 0, 0
    for seed in range(60):
        case = make_case(seed)
        systems = sorted({o.system for o in case.prepared.problem.offers})
        if case.prepared.problem.workload.money.budget_capex_usd is None or len(systems) < 2:
            continue
        box = tuple(Range(name, 0.0, 400_000.0) for name in systems[:2])
        try:
            found = price_result(session_of(case), box)
        except InfeasibleError:
            continue
        if not found.limited:
            continue
        for _ in range(12):
            point = (rng.uniform(0, 400_000), rng.uniform(0, 400_000))
            pieces = [p for p in found.pieces if inside(p.corners, *point)]
            assert len(pieces) <= 1, (seed, point)
            try:
                names = tuple(systems[:2])
                true = Priced(case.prepared, names, limits_at=point).solve(point).line.at(point) * 1e3
            except InfeasibleError:
                assert pieces and pieces[0].plan is None, (seed, point)
                none += 1
                continue
            assert pieces and pieces[0].plan is not None and pieces[0].verified == "passed", (seed, point)
            shown = corners_cost(pieces[0], point)
            assert shown == pytest.approx(true, rel=1e-6), (seed, point)
            compared += 1
    assert compared > 50 and none > 0, (compared, none)


def corners_cost(piece: PricePiece, point: Point) -> float:
    """The cost at a point of a plane through three corners' costs."""
    a = np.array([[1.0, *corner] for corner in piece.corners])
    plane, *_ = np.linalg.lstsq(a, np.array(piece.costs_usd), rcond=None)
    return float(plane @ [1.0, *point])


def test_units_are_refused_with_what_is_meant() -> None:
    with pytest.raises(InputError, match=r"such as tpot=0.5..2 \(times every TPOT promise\)"):
        parse_range("tpot=5ms..40ms", "--vary")
    with pytest.raises(InputError, match=r"levels.tpot_ms=0.5..2 \(ms\)"):
        parse_range("services.voice.levels.tpot_ms=5ms..40ms", "--vary")
