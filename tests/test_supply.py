"""What can be had: yearly limits over epochs of any length, of one offer and of all offers of a supplier."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_procurement import A100, H100, lines, plan_of
from test_registry import base
from test_verify import asked, with_policy

from solver.domain.workload import Horizon
from solver.errors import InputError
from solver.formulation.build import build_program
from solver.formulation.epochs import make_epochs
from solver.formulation.families.supply import yearly_limits
from solver.formulation.problem import Problem
from solver.inputs.yaml_text import load_yaml


def over(years: float, epoch: float) -> Problem:
    problem = base()
    workload = problem.workload.model_copy(update={"horizon": Horizon(years=years, epoch_years=epoch)})
    return replace(problem, workload=workload, epochs=make_epochs(workload))


def test_one_a_year_in_half_year_epochs_is_one_a_year() -> None:
    """Not none: 1 x 0.5 years was once rounded down for each epoch."""
    assert list(yearly_limits(over(2, 0.5), 1.0)) == [(0, 0, 1), (1, 1, 1)]


def test_a_share_of_a_system_a_year_adds_up_over_the_years() -> None:
    """2.5 a year: at most 3 in one year; 2 in the first, 5 in two, 7 in three."""
    found = list(yearly_limits(over(3, 1), 2.5))
    assert found == [(0, 0, 2), (1, 1, 3), (0, 1, 5), (2, 2, 3), (0, 2, 7)]
    assert list(yearly_limits(over(2, 1), 0.5)) == [(0, 0, 0), (1, 1, 1), (0, 1, 1)]


@given(rate=st.integers(1, 60), years=st.integers(1, 5), parts=st.sampled_from([1, 2, 4]))
def test_full_purchases_meet_the_supply_of_the_horizon(rate: int, years: int, parts: int) -> None:
    """Buying as early as the limits permit gives exactly floor(supply x years) over the horizon."""
    supply, total = Fraction(rate, 10), 0
    limits = list(yearly_limits(over(years, 1 / parts), float(supply)))
    for year in range(years):
        upto = [most for first, last, most in limits if first == 0 and last == year]
        single = [most for first, last, most in limits if first == last == year]
        total = min([total + single[0], *upto])
    assert total == int(supply * years)


def test_the_row_names_the_offer_of_the_workload() -> None:
    problem = base()
    limited = replace(problem.offers[0], supply_per_year=1.0)
    program = build_program(replace(problem, offers=(limited, *problem.offers[1:])))
    (row,) = [r for r in program.rows if r.family == "supply"]
    assert row.sentence == f"{limited.supplier} delivers at most 1 {limited.system} in year 1"


def test_scarce_places_go_to_the_systems_that_carry_most() -> None:
    """k$. 4 places: 3 H100 + 1 A100 = 650 < 4 A100 + 2 H100 at list price = 740 < 2 + 2 + 1 = 770."""
    plan = plan_of("22-one-supplier")
    assert lines(plan) == {("buy", H100, 0, 3), ("buy", A100, 0, 1)}
    assert {s.offer for s in plan.systems} == {"broker-h100", "broker-a100"}
    assert plan.objective_usd == pytest.approx(650e3)
    eight = plan_of("22-one-supplier", "hardware.supplier_supply.broker=8")
    assert lines(eight) == {("buy", A100, 0, 8)}
    dear = plan_of("22-one-supplier", "hardware.supplier_supply.broker=0")
    assert {s.offer for s in dear.systems} == {f"{H100}/buy", f"{A100}/buy"}


def test_two_suppliers_of_one_system_at_different_prices() -> None:
    """Four A100 are needed: two of the cheap supplier, one of the next, one at list price."""
    offers = (
        "offers=[{id: first, system: dgx-a100-80, kind: buy, supplier: one, price: $50k, supply: 2},"
        " {id: second, system: dgx-a100-80, kind: buy, supplier: two, price: $90k, supply: 1}]"
    )
    changes = (offers, "hardware.supplier_supply={}", "hardware.include=[dgx-a100-80]")
    plan = plan_of("22-one-supplier", *changes, "services.0.demand.requests_per_s=20")
    assert {(s.offer, s.count) for s in plan.systems} == {("first", 2), ("second", 1), (f"{A100}/buy", 1)}
    assert plan.objective_usd == pytest.approx(2 * 50e3 + 90e3 + 130e3)


@pytest.mark.parametrize(("limit", "failing"), [(2.0, set()), (1.5, {"supply"}), (1.0, {"supply"})])
def test_the_check_adds_up_a_suppliers_offers(limit: float, failing: set[str]) -> None:
    """Two gpu in year 1 and one nvm in each of two years; nvm is of another supplier."""
    a = asked().with_offer("gpu/buy", supplier="maker")
    assert with_policy(a, supplier_supply={"maker": limit}).failing() == failing


def test_unknown_suppliers_are_refused_with_a_proposal() -> None:
    from solver.engine.solve import solve
    from solver.inputs.workload import apply_overrides, load_workload
    from solver.paths import find_workload

    loaded = load_workload(find_workload("22-one-supplier"))
    with pytest.raises(InputError, match="unknown supplier 'brokr'; did you mean 'broker'"):
        solve(apply_overrides(loaded, ["hardware.supplier_supply.brokr=4"]))
    text = "hardware: {supplier_supply: {broker: -1}}\nservices: []\n"
    from pathlib import Path

    from solver.inputs.workload import workload_from

    with pytest.raises(InputError, match="-1 systems"):
        workload_from(load_yaml(Path("w.yaml"), text=text), Path())
