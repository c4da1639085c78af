"""A bound where the linear program of all hours does not end: few groups of hours at their mean."""

from dataclasses import replace

import numpy as np
import pytest
from lessons import loaded, menu, plan_of

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine import attempt as attempts
from solver.engine.attempt import Request, coarse_bound
from solver.engine.neighbourhood import Linear
from solver.engine.solve import solve_prepared
from solver.formulation.build import build_program
from solver.formulation.prepare import Prepared
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references

DAY = [4, 3, 2, 2, 3, 5, 9, 14, 20, 26, 30, 31, 29, 30, 32, 33, 30, 27, 22, 18, 14, 10, 8, 6]
RENT = "services.0.acquisitions=[buy, rent]"
CHANGES = {
    "25-site-loss": (f"services.0.demand={{requests_per_s: {DAY}}}", RENT),
    "20-redundancy": (f"services.0.demand={{requests_per_s: {DAY}}}", RENT),
    "18-growth": (f"services.0.demand={{requests_per_s: {DAY}, growth: 30 %}}", RENT),
}


def every_hour(lesson: str) -> Prepared:
    """The lesson with each hour a period of its own."""
    prepared = menu(lesson, *CHANGES[lesson])
    return replace(
        prepared, problem=replace(prepared.problem, periods=prepared.all_periods), curves=None, groups=()
    )


@pytest.mark.parametrize("lesson", CHANGES)
def test_few_hours_cost_no_more_than_all(lesson: str) -> None:
    """0 < linear program of the groups <= linear program of all hours."""
    prepared = every_hour(lesson)
    found = coarse_bound(prepared, 60.0)
    assert found is not None
    model, bound = found
    whole = HighsModel(build_program(prepared.problem))
    assert len(model.program.columns) < len(whole.program.columns)
    linear = Linear.of(whole, None)
    assert 0 < bound <= linear.outcome.objective * (1 + 1e-9)
    assert bound > 0.7 * linear.outcome.objective


def test_a_plan_without_a_bound_gets_one_and_its_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search of lesson 18 as if its linear program had not ended: the bound is that of few hours."""
    lesson, real = "18-growth", attempts.search_plan

    def unproven(*args: object) -> tuple[Outcome, None]:
        outcome, _ = real(*args)  # type: ignore[arg-type]
        return replace(outcome, ending=Ending.FEASIBLE, bound=-np.inf), None

    monkeypatch.setattr(attempts, "search_plan", unproven)
    workload = resolve_references(loaded(lesson, *CHANGES[lesson]), load_catalog())
    prepared = every_hour(lesson)
    plan = solve_prepared(workload, load_catalog(), prepared, Request(compare=False))
    coarse = coarse_bound(prepared, 60.0)
    assert coarse is not None
    assert (plan.outcome, plan.verified) == ("limit reached", True)
    optimum = plan_of(lesson, *CHANGES[lesson]).objective_usd
    assert plan.certified_bound_usd is not None
    for bound in (
        plan.bound_usd,
        plan.certified_bound_usd,
    ):  # the certificate branches, and finds a little more
        assert coarse[1] * 1e3 * (1 - 1e-6) <= bound <= optimum


def test_where_work_waits_few_hours_prove_nothing() -> None:
    """Work that waits moves between hours: the columns alone bound it."""
    assert coarse_bound(menu("34-work-that-waits"), 60.0) is None
