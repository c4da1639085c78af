"""Safe loads lowered where promises fail at the mix that pools get: by steps, or as far as is needed."""

from fractions import Fraction

import numpy as np
import pytest

from solver.backend.outcome import Ending, Outcome
from solver.engine.attempt import Request, attempt
from solver.engine.derating import LAST_DIGITS, PARTS, Safety, bounded_by, fullest, lowered, needed_factors
from solver.engine.fleets import Solved
from solver.engine.solve import solve, solve_prepared
from solver.formulation.prepare import prepare
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.inputs.workload import load_workload
from solver.paths import find_workload
from solver.performance.calibration import load_calibration
from solver.plan.plan import Plan
from solver.verify.from_plan import case_of
from solver.verify.promise import kept_at


def test_safe_loads_are_lowered_by_small_steps() -> None:
    """First the last digits, then 3 %, and so on to a half; services that are not late keep theirs."""
    factors: dict[str, float] = {"other": 0.97}
    seen = []
    for _ in range(11):
        factors |= lowered(factors, ["chat"])
        seen.append(factors["chat"])
    assert seen[:3] == [LAST_DIGITS, 0.97, 0.94]
    assert seen[-2:] == [0.5, 0.5]
    assert factors["other"] == 0.97


def test_a_larger_step_is_taken_at_once_where_it_is_needed() -> None:
    """From 0.97 the next step is 0.94; 0.8 where that is needed, never below a half, and always a step."""
    now = {"chat": 0.97}
    assert lowered(now, ["chat"], {"chat": 0.8}) == {"chat": 0.8}
    assert lowered(now, ["chat"], {"chat": 0.96}) == {"chat": 0.94}
    assert lowered(now, ["chat"], {"chat": 0.1}) == {"chat": 0.5}


def test_a_plan_with_lower_safe_loads_is_measured_by_the_first_bound() -> None:
    """First bound 100, then a plan of 110 that is the best with lower loads: a gap of 10 / 110."""
    first = Outcome(Ending.OPTIMAL, "kOptimal", np.zeros(1), 100.0, 100.0, 1.0)
    lower = Outcome(Ending.OPTIMAL, "kOptimal", np.zeros(1), 110.0, 110.0, 1.0)
    found = bounded_by(first, lower, 0.0)
    assert (found.ending, found.bound) == (Ending.FEASIBLE, 100.0)
    assert found.gap == pytest.approx(10 / 110)
    assert bounded_by(first, lower, 0.1).ending is Ending.OPTIMAL
    assert bounded_by(first, first, 0.0).ending is Ending.OPTIMAL


@pytest.fixture(scope="module")
def solved() -> tuple[Plan, Solved]:
    """The plan of lesson 04 and the program behind it."""
    catalog = load_catalog()
    loaded = resolve_references(load_workload(find_workload("04-conversation-and-code")), catalog)
    prepared = prepare(loaded.workload, catalog, load_calibration())
    plan = solve(loaded, catalog, request=Request(compare=False))
    return plan, attempt(loaded, prepared, Request())[0]


def promised_sooner(plan: Plan, share: float) -> Plan:
    """The plan as if its first service had promised first tokens in a share of the time."""
    service, *others = plan.inputs["workload"]["services"]
    levels = service["levels"] | {"ttft_ms": service["levels"]["ttft_ms"] * share}
    workload = plan.inputs["workload"] | {"services": [service | {"levels": levels}, *others]}
    return plan.model_copy(update={"inputs": plan.inputs | {"workload": workload}})


def test_the_load_at_which_a_late_service_would_be_in_time(solved: tuple[Plan, Solved]) -> None:
    """Promised in a quarter of the time the service is late; at the factor told its pools would not be, at
    the next larger part of their traffic they would."""
    plan, found = solved
    name = plan.inputs["workload"]["services"][0]["name"]
    sooner = promised_sooner(plan, 0.25)
    case = case_of(sooner)
    k = case.order[name]
    assert not kept_at(case, k, 0, Fraction(1))
    load = fullest(found)[name, 0]
    assert 0 < load <= 1 + 1e-9
    part = needed_factors(sooner, found, {}, [name])[name] / load
    assert 0 < part < 1
    assert kept_at(case, k, 0, Fraction(round(part * PARTS), PARTS))
    assert not kept_at(case, k, 0, Fraction(round(part * PARTS) + 1, PARTS))
    half = needed_factors(sooner, found, {name: 0.5}, [name])[name]
    assert half == pytest.approx(0.5 * part * load)


def test_nothing_is_needed_where_no_promise_fails(solved: tuple[Plan, Solved]) -> None:
    """A plan in time tells no factor."""
    plan, found = solved
    assert needed_factors(plan, found, {}, [s["name"] for s in plan.inputs["workload"]["services"]]) == {}


def test_late_services_mix_their_lengths_or_lower_their_loads(solved: tuple[Plan, Solved]) -> None:
    """A little late: loads are lowered. By more: lengths go together, once; then loads are lowered too."""
    problem = solved[1].prepared.problem
    name = next(s.name for s, g in zip(problem.services, problem.classes, strict=True) if len(g) > 1)
    little = Safety().for_late(problem, {name}, {name: 0.98})
    assert (dict(little.factors), little.together) == ({name: 0.98}, frozenset())
    much = Safety().for_late(problem, {name}, {name: 0.8})
    assert (dict(much.factors), much.together) == ({}, frozenset({name}))
    assert much.notes()
    mixed = much.applied(solved[1].prepared).problem
    assert len(mixed.classes[problem.service_index(name)]) == 1
    again = much.for_late(mixed, {name}, {name: 0.8})
    assert (dict(again.factors), again.together) == ({name: 0.8}, frozenset({name}))
    back = much.unmixable({name: 0.8})
    assert (dict(back.factors), back.together) == ({name: 0.8}, frozenset())
    assert back.for_late(problem, {name}, {name: 0.5}).together == frozenset()


def test_lengths_together_are_a_plan_in_which_every_pool_has_the_mix(solved: tuple[Plan, Solved]) -> None:
    """Each pool of the service carries its length buckets in the shares that they have in the service."""
    prepared = solved[1].prepared
    names = frozenset(s.name for s in prepared.problem.services)
    loaded = resolve_references(load_workload(find_workload("04-conversation-and-code")), load_catalog())
    plan = solve_prepared(
        loaded, load_catalog(), Safety(together=names).applied(prepared), Request(compare=False)
    )
    assert plan.verified
    assert plan.objective_usd >= solved[0].objective_usd * (1 - 1e-9)  # fewer routes than before
    pools: dict[tuple[object, ...], dict[int, Fraction]] = {}
    for route in plan.routes:
        pool = (route.service, route.target, route.site, route.mode, route.period)
        pools.setdefault(pool, {})[route.bucket] = Fraction(route.share)
    buckets = {s.name: len(s.lengths) for s in prepared.problem.services}
    for (name, *_), carried in pools.items():
        assert len(carried) == buckets[str(name)]
        assert len(set(carried.values())) == 1  # the same share of each bucket
