"""Other goals from the same rows, and fleets of other make-up."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from small_problems import cost_of, make_case
from test_registry import base, change, with_idle

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending
from solver.cli.app import main
from solver.cli.options import share
from solver.domain.workload import Money, Site
from solver.engine.attempt import reach_goal
from solver.engine.dispatch import rows_hold
from solver.engine.near_best import add_use, counts_of, forbid, near_best
from solver.engine.solve import Request, solve
from solver.errors import UsageError
from solver.formulation.build import build_program
from solver.formulation.goals import goal_terms, hold_goal
from solver.formulation.prepare import Prepared, prepare
from solver.formulation.problem import Problem
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.inputs.workload import load_workload
from solver.operating_points.build import Menu
from solver.performance.calibration import load_calibration


def frugal() -> Problem:
    """As base(): s1 carries 1 request/s, s2 half of that; but s2 draws a tenth of the power."""
    problem = change(base(), objective="power")
    facts = {
        "s1": replace(problem.systems["s1"], power_typ_kw=10.0),
        "s2": replace(problem.systems["s2"], power_typ_kw=1.0),
    }
    return replace(problem, systems=facts)


def test_least_power_takes_the_frugal_system() -> None:
    """2 requests/s: two s1 at 10 kW or four s2 at 1 kW; PUE 1.3 gives 5.2 kW."""
    problem = frugal()
    program = build_program(problem)
    terms = goal_terms(problem, program)
    outcome = HighsModel(program, terms).solve()
    assert outcome.objective == pytest.approx(4 * 1.0 * 1.3)
    hold_goal(program, terms, outcome.objective, "power")
    assert HighsModel(program).solve().objective == pytest.approx(400.0)  # four at $100k


def test_the_plan_that_reaches_a_goal_is_one_for_its_least_cost() -> None:
    """Lesson 49: the values found for the goal keep every row, also the one that then holds it."""
    catalog = load_catalog()
    loaded = resolve_references(
        load_workload(Path(__file__).parents[1] / "workloads" / "49-least-carbon.yaml"), catalog
    )
    prepared = prepare(loaded.workload, catalog, load_calibration())
    program = build_program(prepared.problem)
    ending, values = reach_goal(loaded, prepared, program, Request())
    assert ending is Ending.OPTIMAL
    assert values is not None
    assert program.rows[-1].family == "goal"
    assert rows_hold(program, dict(enumerate(values)), 1e-7)


def test_most_traffic_within_a_budget() -> None:
    """$100k buys one system, which carries 1 of 2 requests/s."""
    problem = change(base(), objective="traffic", money=Money(discount_rate=0.0, budget_capex_usd=100_000))
    program = build_program(problem)
    terms = goal_terms(problem, program)
    outcome = HighsModel(program, terms).solve()
    assert outcome.objective == pytest.approx(50.0)  # per cent unserved
    hold_goal(program, terms, outcome.objective, "traffic")
    assert HighsModel(program).solve().objective == pytest.approx(100.0)


def test_least_power_counts_use_where_idle_systems_draw_less() -> None:
    """A day of 2 and 1 requests/s. Two s1 at 10 kW: idle 20 %, used 75 % of the time, PUE 1.3; or four s2 at
    1 kW, as often used."""
    problem = change(with_idle(0.2), objective="power")
    facts = {
        name: replace(problem.systems[name], power_typ_kw=kw) for name, kw in (("s1", 10.0), ("s2", 1.0))
    }
    problem = replace(problem, systems=facts)
    program = build_program(problem)
    found = HighsModel(program, goal_terms(problem, program)).solve()
    assert found.objective == pytest.approx(4 * 1.0 * (0.2 + 0.8 * 0.75) * 1.3)
    only = replace(problem, offers=problem.offers[:1], points=problem.points[:1])
    program = build_program(only)
    found = HighsModel(program, goal_terms(only, program)).solve()
    assert found.objective == pytest.approx(2 * 10.0 * (0.2 + 0.8 * 0.75) * 1.3)


def test_carbon_needs_an_intensity() -> None:
    problem = change(base(), objective="carbon")
    with pytest.raises(UsageError, match="carbon_kg_kwh"):
        goal_terms(problem, build_program(problem))


def test_carbon_counts_tonnes() -> None:
    """Two s1 at 10 kW for 3 years at PUE 1 and 0.5 kg/kWh, or four s2 at 1 kW: 4 x 8766 x 3 x 0.5 kg."""
    problem = change(frugal(), objective="carbon", sites=(Site(name="a", pue=1.0, carbon_kg_kwh=0.5),))
    program = build_program(problem)
    outcome = HighsModel(program, goal_terms(problem, program)).solve()
    assert outcome.objective == pytest.approx(4 * 8766 * 3 * 0.5 / 1000)


def test_fleets_of_other_make_up_in_order_of_cost() -> None:
    """2 requests/s; s1 carries 1, s2 a half: two s1 ($200k), one s1 and two s2 ($300k), four s2 ($400k). Two
    s1 and one s2 are the best fleet with something added, one s1 and three s2 the second one."""
    problem = base()
    prepared = Prepared(problem, problem.periods, Menu(problem.points, (), (), 0), ())
    seen: list[dict[str, int]] = []
    costs = []
    for _ in range(4):
        program = build_program(problem)
        columns = add_use(prepared, program)
        for fleet in seen:
            forbid(program, columns, fleet)
        outcome = HighsModel(program).solve()
        if outcome.values is None:
            break
        costs.append(outcome.objective)
        seen.append(counts_of(columns, outcome))
    assert costs == pytest.approx([200.0, 300.0, 400.0])
    assert seen == [{"s1": 2}, {"s1": 1, "s2": 2}, {"s2": 4}]


def test_alternatives_are_those_of_an_enumeration() -> None:
    """All fleets of small random problems by brute force: the list has every alternative, in order."""
    for seed in range(40):
        case = make_case(seed)
        problem = case.prepared.problem
        if problem.apis:
            continue
        limits = [problem.workload.hardware.supply[o.system] for o in problem.offers]
        fleets = {}
        for counts in itertools.product(*(range(n + 1) for n in limits)):
            if (usd := cost_of(case, counts)) is not None:
                fleets[counts] = usd
        expected: list[tuple[int, ...]] = []
        for counts in sorted(fleets, key=lambda c: (fleets[c], c)):
            made = [n > 0 for n in counts]
            if all(
                made != [n > 0 for n in e] and any(a < b for a, b in zip(counts, e, strict=True))
                for e in expected
            ):
                expected.append(counts)
        found = near_best(case.loaded, load_catalog(), case.prepared, 10, 100.0, Request())
        assert found.complete
        costs = [item.plan.objective_usd for item in found.fleets]
        assert costs == pytest.approx([float(fleets[c]) for c in expected], abs=0.01), seed


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (
            ["06-three-services", "--gap", "0.01", "--count", "2"],
            0,
            "no fleet cheaper by more than 0.01 of its",
        ),
        (["01-by-hand"], 0, "This is the only fleet within 10 % of the best (proven)."),
        (["06-three-services", "--time-limit", "0"], 5, "no fleet was found within the time limit"),
        (
            ["02-argument-loose", "--set", "services.0.levels.tokens_per_s_per_user=5000"],
            3,
            "reaches 5,000 tok/s",
        ),
    ],
)
def test_the_command_says_what_the_list_proves(
    options: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["alternatives", *options])
    assert ended.value.code == code
    captured = capsys.readouterr()
    assert words in captured.out + captured.err


def test_a_budget_rents_one_more_in_some_of_several_equal_hours(tmp_path: Path) -> None:
    """10 requests/s in twelve hours, 40 in the others; a system serves 10 for $10 an hour, so an hour of
    every day costs $3,652.50 a year. $150k pay for 41 of the 60: 68.3 % of the requests."""
    path = tmp_path / "hours.yaml"
    path.write_text(
        f"""
name: hours
services:
  - model: llama-3.1-8b
    acquisitions: [rent]
    demand: {{day: {[10] * 12 + [40] * 12}}}
    lengths: {{prompt: 1000, output: 250}}
horizon: 1 year
objective: traffic
money: {{discount_rate: 0 %, budget_opex_by_year: [$150k]}}
hardware: {{include: [dgx-h100], profiles: only}}
offers: [{{id: r, system: dgx-h100, kind: rent, price: $10}}]
profiles: [{{id: p, system: dgx-h100, service: hours, requests_per_s: [10]}}]
"""
    )
    plan = solve(load_workload(path), load_catalog(), load_calibration(), Request(compare=False))
    assert (plan.verified, plan.closed) == (True, True)
    assert plan.served_share == pytest.approx(41 / 60, abs=1e-6)
    assert plan.objective_usd == pytest.approx(41 * 3652.50)


@pytest.mark.parametrize(("text", "value"), [("5 %", 0.05), ("0.05", 0.05), ("120%", 1.2), (0.1, 0.1)])
def test_shares_as_options(text: str | float, value: float) -> None:
    assert share(text) == value


@pytest.mark.parametrize("text", ["20", "-1 %", "five", "nan", "2000 %"])
def test_shares_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["alternatives", "10-owned", "--within", text])
    assert ended.value.code == 2
    assert "--within" in capsys.readouterr().err
