"""Memory that wears out: budgets in lives, replacements, the year told, mask ROM as the limit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lessons import plan_of
from test_registry import base, change, optimum

from solver.domain.workload import HardwarePolicy, Horizon
from solver.finance.cash_flow import cash_flow
from solver.formulation.epochs import make_epochs, make_periods
from solver.formulation.families.wear import new_models
from solver.formulation.problem import Problem
from solver.operating_points.dominance import replaces
from solver.operating_points.point import Wear
from solver.plan.plan import Plan
from solver.plan.serialise import load_plan
from solver.reports.tables import records, write_out
from solver.verify.from_plan import verify_plan

SECONDS = 3 * 8766 * 3600


def counts(plan: Plan) -> dict[tuple[str, str], int]:
    return {(s.system, s.acquisition): s.count for s in plan.systems}


def wearing(wear: Wear, replace_worn: bool = True) -> Problem:
    """The base problem (2 requests/s, p0 takes one system of $100k each) on memory that wears."""
    problem = change(base(), hardware=HardwarePolicy(replace_worn=replace_worn))
    points = tuple(replace(p, kv_bytes=(1e3, 1e3), wear=wear) for p in problem.points)
    return replace(problem, points=points)


def test_lives_are_bought_as_replicas_or_as_replacements() -> None:
    """KV of 2 requests/s x 1 kB for 3 years over a budget: 2.5 lives a replica of two are 5 in all."""
    written = 2 * 1e3 * SECONDS
    wear = Wear(float("inf"), written / 5, "t")
    # energy costs nothing here: a third replica or a replacement cost the same
    assert optimum(wearing(wear)) == pytest.approx(500.0)
    assert optimum(wearing(wear, replace_worn=False)) == pytest.approx(500.0)
    updates = Wear(3 / 2.5, 0.0, "t")  # more replicas do not help: every one gets every image
    assert optimum(wearing(updates)) == pytest.approx(200.0 + 300.0)
    assert optimum(wearing(updates, replace_worn=False)) == float("inf")


def test_reads_wear_with_the_traffic() -> None:
    """Refresh against read disturb: 100 reads a request."""
    reads = 2 * 100.0 * SECONDS
    wear = Wear(float("inf"), 0.0, "t", reads_budget=reads / 4, reads=(100.0, 100.0))
    assert optimum(wearing(wear)) == pytest.approx(400.0)
    half = Wear(6.0, 0.0, "t", reads_budget=reads / 4, reads=(100.0, 100.0))  # updates take half of each life
    assert optimum(wearing(half, replace_worn=False)) == pytest.approx(800.0)
    assert optimum(wearing(half)) == pytest.approx(200.0 + 300.0)  # 4 + 2 x 1/2 lives, 2 there


def test_a_later_replacement_costs_less_today() -> None:
    """Yearly epochs at 8 %: lives of each year are bought in that year."""
    problem = wearing(Wear(3 / 2.5, 0.0, "t"))
    money = problem.workload.money.model_copy(update={"discount_rate": 0.08})
    workload = problem.workload.model_copy(
        update={"money": money, "horizon": Horizon(years=3, epoch_years=1)}
    )
    epochs = make_epochs(workload)
    yearly = replace(problem, workload=workload, epochs=epochs, periods=make_periods(workload, epochs))
    one = 100.0 * (1 + 1 / 1.08 + 1 / 1.08**2)  # 2 x (2.5 / 3 - 1 / 3) lives a year: one replica
    assert optimum(yearly) == pytest.approx(200.0 + one)


@pytest.mark.parametrize(
    ("rate", "expected"), [(1.0, (0, 1, 1)), (4.0, (3, 4, 4)), (0.5, (0, 0, 1)), (0, (0, 0, 0))]
)
def test_new_models_of_a_year(rate: float, expected: tuple[int, ...]) -> None:
    """The first comes one interval after the start; one at the very end of the horizon is not bought."""
    point = replace(base().points[0], wear=Wear(float("inf"), 0.0, "t", models_per_year=rate))
    assert tuple(new_models(point, y, y + 1.0) for y in range(3)) == expected


def test_replaced_wafers_are_cheaper_than_sram_until_they_are_not() -> None:
    plan = plan_of("35-worn-and-replaced")
    wafer = "hyp-nvm-rram14-wafer"
    assert counts(plan) == {(wafer, "buy"): 4, (wafer, "replace"): 12}
    assert plan.count(wafer) == 4
    [entry] = plan.wear
    assert entry.lives_used == pytest.approx(288 * 365.25 * 3 / 1e5)
    assert entry.worn_out_years == pytest.approx(1e5 / 288 / 365.25)
    assert entry.replaced == 3
    for change_ in ("hardware.replace_worn=false", "services.0.model_updates='60 per hour'"):
        assert counts(plan_of("35-worn-and-replaced", change_)) == {("cerebras-cs3", "buy"): 10}


def test_a_new_model_means_new_chips() -> None:
    plan = plan_of("36-model-in-the-mask")
    assert counts(plan) == {("taalas-hc1", "buy"): 8, ("taalas-hc1", "replace"): 16}
    yearly = plan_of("36-model-in-the-mask", "horizon.epoch=1 year")
    assert [(s.acquisition, s.epoch, s.count) for s in yearly.systems if s.acquisition == "replace"] == [
        ("replace", 1, 8),
        ("replace", 2, 8),
    ]
    assert yearly.objective_usd < plan.objective_usd
    quarterly = plan_of("36-model-in-the-mask", "services.0.model_updates='4 per year'")
    assert counts(quarterly) == {("dgx-b200", "buy"): 1}


def test_the_cash_flow_and_the_files_hold_replacements(tmp_path) -> None:  # type: ignore[no-untyped-def]
    plan = plan_of("35-worn-and-replaced")
    assert sum(f.present_usd for f in cash_flow(plan)) == pytest.approx(plan.objective_usd, abs=0.01)
    assert sum(f.usd for f in cash_flow(plan) if f.term == "replacement") == pytest.approx(7.2e6)
    assert records(plan)["wear"][0]["worn_out_years"] == plan.wear[0].worn_out_years
    write_out(plan, tmp_path)
    assert verify_plan(load_plan(tmp_path / "plan.json")).passed
    assert "Memory that wears out" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("check", "pool", "line", "told"),
    [
        ("endurance", {"replaced": 2}, {}, {}),
        ("renewal", {}, {"count": 11}, {}),
        ("replacement", {}, {"count": 11}, {}),
        ("endurance", {}, {}, {"worn_out_years": 2.0}),
        ("endurance", {}, {}, {"lives_used": 1.0}),
    ],
)
def test_the_check_finds_missing_replacements(
    check: str, pool: dict[str, int], line: dict[str, int], told: dict[str, float]
) -> None:
    plan = plan_of("35-worn-and-replaced")
    changed = plan.model_copy(
        update={
            "pools": tuple(p.model_copy(update=pool) for p in plan.pools),
            "systems": tuple(
                s.model_copy(update=line) if s.acquisition == "replace" else s for s in plan.systems
            ),
            "wear": tuple(w.model_copy(update=told) for w in plan.wear),
        }
    )
    assert check in {f.check for f in verify_plan(changed).failures}


def test_a_point_that_wears_more_replaces_none() -> None:
    point = replace(base().points[0], kv_bytes=(1e3, 1e3))
    steady = replace(point, wear=Wear(9.0, 0.0))
    assert replaces(point, steady)
    assert not replaces(steady, point)
    assert not replaces(replace(steady, wear=Wear(8.0, 0.0)), steady)
    kv, more = (replace(point, wear=Wear(9.0, budget)) for budget in (2e9, 1e9))
    assert replaces(kv, more)
    assert not replaces(more, kv)


def test_taxes_are_saved_on_replacements_at_once() -> None:
    """At a tax rate of 25 % a replacement costs three quarters; the ledger and the cash flow agree."""
    plan = plan_of(
        "35-worn-and-replaced", "money.tax_rate=25 %", "money.staff={usd_per_year: 100k, per_system: 0.5}"
    )
    assert counts(plan)["hyp-nvm-rram14-wafer", "replace"] == 12
    saved = sum(f.usd for f in cash_flow(plan) if f.term == "tax" and f.years == 0.0)
    assert saved == pytest.approx(-0.25 * 7.2e6)
    assert sum(f.present_usd for f in cash_flow(plan)) == pytest.approx(plan.objective_usd, abs=0.01)
    assert plan.people[0].people == 2  # those of the four wafers in place


def test_a_point_that_carries_nothing_replaces_none() -> None:
    """It would take infinitely much of it, and 0 times that is no number where a length needs nothing."""
    point = base().points[0]
    nothing = replace(
        point,
        lines=tuple(replace(line, slope=0.0, intercept=0.0) for line in point.lines),
        use=tuple(tuple(0.0 for _ in row) for row in point.use),
    )
    assert replaces(point, point)
    assert not replaces(nothing, point)
