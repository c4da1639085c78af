"""Breakpoints of a price against the exact lower envelope of every fleet there is, in rational arithmetic."""

import itertools
from fractions import Fraction
from pathlib import Path

import pytest
from small_problems import Case, _fixed_cost, _routing_cost, cheapest, make_case

from solver.errors import InfeasibleError
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import workload_from
from solver.inputs.yaml_text import load_yaml
from solver.performance.calibration import load_calibration
from solver.sensitivity.parameters import Range
from solver.sensitivity.price_names import with_price
from solver.sensitivity.prices import PricePiece, price_result
from solver.sensitivity.session import Session

TOP = 600_000.0
Number = Fraction
#: Cost without the price, dollars per dollar of the price, highest price its budget allows (None: all).
Fleet = tuple[Fraction, int, Fraction | None]


class Fixed(Session):
    """A session whose problem is given."""

    prepared = None  # type: ignore[assignment]


def session_of(case: Case) -> Session:
    catalog = load_catalog()
    some = next(iter(catalog.apis.values()))
    known = catalog.model_copy(update={"apis": {**catalog.apis, "api": some}})  # for sources of numbers only
    session = Fixed(case.loaded, known, load_calibration())
    object.__setattr__(session, "prepared", case.prepared)
    return session


def fleets(case: Case) -> list[Fleet]:
    """Every fleet that serves the traffic, whatever the price of s1; the budget as a limit on that price."""
    problem = case.prepared.problem
    free = with_price(problem, "s1", 0.0)
    budget = problem.workload.money.budget_capex_usd
    money = problem.workload.money.model_copy(update={"budget_capex_usd": None})
    free = type(free)(
        free.workload.model_copy(update={"money": money}), free.epochs, free.periods, free.points, free.apis,
        free.offers, free.systems,
    )  # fmt: skip
    supply = problem.workload.hardware.supply
    found: list[Fleet] = []
    for counts in itertools.product(*(range(supply[o.system] + 1) for o in problem.offers)):
        fixed = _fixed_cost(free, counts)
        routed = [_routing_cost(free, counts, period) for period in free.periods]
        if fixed is None or any(r is None for r in routed):
            continue
        own = next(c for c, o in zip(counts, problem.offers, strict=True) if o.system == "s1")
        rest = sum(
            c * Fraction(o.price_usd) for c, o in zip(counts, problem.offers, strict=True) if o.system != "s1"
        )
        until = None
        if budget is not None:
            if rest > Fraction(budget):
                continue
            until = (Fraction(budget) - rest) / own if own else None
        found.append((fixed + sum(r for r in routed if r is not None), own, until))
    return found


def best_at(found: list[Fleet], price: Fraction) -> Fraction | None:
    """The least cost at a price."""
    costs = [base + n * price for base, n, until in found if until is None or price <= until]
    return min(costs, default=None)


def breakpoints(found: list[Fleet]) -> list[float]:
    """Prices up to TOP at which the line of least cost changes, exactly."""
    top = Fraction(TOP)
    marks = {Fraction(0), top}
    for (a, n, _), (b, m, _) in itertools.combinations(found, 2):
        if n != m and 0 < (p := (b - a) / (n - m)) < top:
            marks.add(p)
    marks |= {until for _, _, until in found if until is not None and until < top}
    ordered = sorted(marks)
    lines = []
    for low, high in itertools.pairwise(ordered):
        middle = (low + high) / 2
        at = [(base + n * middle, n, base) for base, n, until in found if until is None or until >= high]
        lines.append((low, min(at)[1:] if at else None))
    return [float(low) for (_, before), (low, after) in itertools.pairwise(lines) if before != after]


def swept(case: Case) -> tuple[PricePiece, ...] | None:
    try:
        return price_result(session_of(case), (Range("s1", 0.0, TOP),)).pieces
    except InfeasibleError:
        return None


def check(seed: int) -> int:
    """The number of breakpoints of a random problem, after all of them were compared."""
    case = make_case(seed)
    found, pieces = fleets(case), swept(case)
    if pieces is None:
        assert best_at(found, Fraction(0)) is None
        return 0
    true = breakpoints(found)
    shown = [p.low for p in pieces[1:]]
    assert shown == pytest.approx(true, abs=1e-6 * TOP), (seed, shown, true)
    assert pieces[0].low == 0 and pieces[-1].high == TOP
    for piece in pieces:
        middle = Fraction((piece.low + piece.high) / 2)
        least = best_at(found, middle)
        if piece.plan is None:
            assert least is None
            continue
        assert least is not None and piece.verified == "passed"
        mean = sum(piece.costs_usd) / 2
        assert mean == pytest.approx(float(least), rel=1e-6), (seed, piece)
        assert piece.slack_share <= 1e-6
    return len(true)


def test_the_oracle_is_that_of_the_brute_force() -> None:
    """At the price of today the least cost is that of the enumeration used for `solver solve`."""
    for seed in range(40):
        case = make_case(seed)
        price = Fraction(case.prepared.problem.buy_offers("s1")[0].price_usd)
        assert best_at(fleets(case), price) == cheapest(case)


def test_every_breakpoint_is_exact_and_none_is_skipped() -> None:
    """Random problems with whole systems, token prices, power limits and (some) a capex budget."""
    assert sum(check(seed) for seed in range(24)) >= 10


KNOWN_START = """
name: known start
services:
  - model: gpt-oss-120b
    acquisitions: [buy, rent]
    demand: 190 requests/s
    lengths: {prompt: 1049, output: 375}
    levels: {tokens_per_s_per_user: 40}
horizon: 4 years
hardware: {include: [dgx-b200, cerebras-cs3, mi300x-8, dgx-h100]}
money: {discount_rate: 10 %, residual: 20 %, support: 5 %}
"""


def test_a_plan_given_as_start_is_not_taken_for_the_answer() -> None:
    """Here HiGHS 1.16 returns the start as optimal at a cost of 0 (solver/backend/highs.py looks)."""
    loaded = workload_from(load_yaml(Path("w.yaml"), text=KNOWN_START), Path())
    pieces = price_result(Session.of(loaded), (Range("mi300x-8", 50e3, 3e6),)).pieces
    assert len(pieces) > 1 and max(p.slack_share for p in pieces) <= 1e-6
    assert not any(system == "mi300x-8" for system, _, _ in pieces[-1].plan.fleet)


@pytest.mark.long
@pytest.mark.parametrize("block", range(10))
def test_every_breakpoint_is_exact_in_many_problems(block: int) -> None:
    assert sum(check(seed) for seed in range(1000 + 100 * block, 1000 + 100 * (block + 1))) >= 30
