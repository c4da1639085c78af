"""A bound where the linear program of all hours does not end: few groups of hours at their mean."""

from dataclasses import replace

import numpy as np
import pytest
from lessons import loaded, menu, plan_of

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.engine import attempt as attempts
from solver.engine.attempt import Request, coarse_bound
from solver.engine.solve import solve_prepared
from solver.formulation.prepare import Prepared
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references

DAY = [4, 3, 2, 2, 3, 5, 9, 14, 20, 26, 30, 31, 29, 30, 32, 33, 30, 27, 22, 18, 14, 10, 8, 6]
CHANGES = (
    f"services.0.demand={{requests_per_s: {DAY}, growth: 30 %}}",
    "services.0.acquisitions=[buy, rent]",
)


def every_hour(lesson: str) -> Prepared:
    """The lesson with each hour a period of its own."""
    prepared = menu(lesson, *CHANGES)
    return replace(
        prepared, problem=replace(prepared.problem, periods=prepared.all_periods), curves=None, groups=()
    )


def test_a_plan_without_a_bound_gets_one_and_its_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search of lesson 18 as if its linear program had not ended: the bound is that of few hours."""
    lesson, real = "18-growth", attempts.search_plan

    def unproven(*args: object) -> tuple[Outcome, HighsModel, None]:
        outcome, proof, _ = real(*args)  # type: ignore[arg-type]
        return replace(outcome, ending=Ending.FEASIBLE, bound=-np.inf), proof, None

    monkeypatch.setattr(attempts, "search_plan", unproven)
    workload = resolve_references(loaded(lesson, *CHANGES), load_catalog())
    prepared = every_hour(lesson)
    plan = solve_prepared(workload, load_catalog(), prepared, Request(compare=False))
    coarse = coarse_bound(prepared.problem, 60.0)
    assert coarse is not None
    assert (plan.outcome, plan.verified) == ("limit reached", True)
    optimum = plan_of(lesson, *CHANGES).objective_usd
    assert plan.certified_bound_usd is not None
    for bound in (plan.bound_usd, plan.certified_bound_usd):  # the certificate may find a little more
        assert coarse.bound * 1e3 * (1 - 1e-6) <= bound <= optimum
