"""Known traps of PuLP, HiGHS and units: each is shown to exist where that is cheap, and that we stay out.

Which test stands for which trap, also in other files, is listed in test_checklist.py.
"""

from __future__ import annotations

import ast
import math
from fractions import Fraction
from pathlib import Path

import pulp
import pytest
from small_problems import make_case

import solver
from solver.backend.handover import to_pulp
from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending
from solver.engine.solve import Request, solve
from solver.errors import NumericalRefusal
from solver.formulation.build import build_program
from solver.formulation.model import Program, Sense
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import apply_overrides, workload_from
from solver.inputs.yaml_text import load_yaml
from solver.performance.calibration import load_calibration
from solver.plan.plan import Plan
from solver.plan.routing import repair

SOURCES = sorted(Path(solver.__file__).parent.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in SOURCES}


def one(coefficient: float, sense: Sense, rhs: float, low: float = 0, high: float = 10) -> Program:
    """min x over one row, x whole."""
    program = Program()
    x = program.add(("x",), low, high, integer=True)
    program.cost("purchase", x, 1.0)
    program.row("row", "capacity", {x: coefficient}, sense, rhs, unit="tok/s", sentence="a row")
    return program


# --- what the source never does ---------------------------------------------------------------------


def test_status_of_pulp_is_never_read() -> None:
    """PuLP says Optimal for a run stopped by its time limit, even without a feasible point."""
    words = {"LpStatus", "LpStatusOptimal", "status_name", "sol_status", "varValue"}
    for path, tree in TREES.items():
        used = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        used |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        assert not used & words, path


def test_pulp_lives_in_the_backend_alone() -> None:
    """`p += 3 <= x <= 5` keeps half of it, `p += 5 * x` replaces the objective: neither can be written."""
    for path, tree in TREES.items():
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        if {n for n in names if n.split(".")[0] in ("pulp", "highspy")}:
            assert path.parent.name == "backend", path
            assert not any(
                isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name) and n.target.id == "problem"
                for n in ast.walk(tree)
            )


def test_nothing_from_a_file_is_executed() -> None:
    for path, tree in TREES.items():
        calls = {
            n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        assert not calls & {"eval", "exec", "__import__"}, path
        members = {
            f"{n.value.id}.{n.attr}"
            for n in ast.walk(tree)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        }
        readers = {f"{m}.{f}" for m in ("pickle", "marshal") for f in ("load", "loads", "Unpickler")}
        unsafe = {f"yaml.{f}" for f in ("unsafe_load", "full_load", "Loader", "FullLoader", "UnsafeLoader")}
        assert not members & (readers | unsafe), path


def test_the_chained_comparison_trap_exists() -> None:
    """Why the rule above is kept: the lower limit is lost without a word."""
    problem = pulp.LpProblem("trap", pulp.LpMinimize)
    x = problem.add_variable("x", -100, 100)
    row = 3 <= x <= 5  # Python keeps the last comparison only
    problem.addConstraint(row)
    assert len(problem.constraints()) == 1


# --- numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-10, 1e12, 1e16, math.nan, math.inf])
def test_coefficients_that_highs_drops_or_drowns_in_are_refused(size: float) -> None:
    with pytest.raises(NumericalRefusal, match="row: x enters with"):
        HighsModel(one(size, ">=", 1))


def test_the_dropped_coefficient_trap_exists() -> None:
    """Through PuLP, HiGHS does not find 1e-10 x >= 1e-8 with x <= 1000 (x = 100 does it)."""
    problem = pulp.LpProblem("trap", pulp.LpMinimize)
    x = problem.add_variable("x", 0, 1000)
    problem.setObjective(x + 0)
    problem.addConstraint(1e-10 * x >= 1e-8)
    problem.solve(pulp.HiGHS(msg=False))
    assert problem.solverModel.getNumNz() == 0
    assert x.value() != 100


def test_the_tolerance_trap_exists() -> None:
    """1000 x >= 3000.0000009 with x <= 3 has no solution. Through PuLP, HiGHS takes 3 for one; we do not."""
    program = one(1000.0, ">=", 3000.0000009, high=3)
    problem = to_pulp(program)
    problem.solve(pulp.HiGHS(msg=False))
    assert [v.varValue for v in problem.variables()] == [3.0]
    assert 1000 * Fraction(3) < Fraction("3000.0000009")
    assert HighsModel(program).solve().ending is Ending.INFEASIBLE


@pytest.mark.parametrize("seed", range(40))
def test_routing_obeys_every_capacity_exactly(seed: int) -> None:
    """The solver's shares may break a row by 1e-9; the plan's may not, read as rationals."""
    program = build_program(make_case(seed).prepared.problem)
    outcome = HighsModel(program).solve()
    if outcome.values is None:
        return
    exact = repair(program, outcome.values).traffic
    for row in program.rows:
        if row.family == "capacity":
            left = sum(
                (Fraction(a) * exact.get(c, Fraction(round(outcome.values[c]))) for c, a in row.terms),
                Fraction(0),
            )
            assert left <= Fraction(row.rhs), row.name


@pytest.mark.parametrize("seed", range(40))
def test_whole_numbers_have_whole_bounds(seed: int) -> None:
    for column in build_program(make_case(seed).prepared.problem).columns:
        if column.integer:
            assert column.low == int(column.low)
            assert math.isinf(column.high) or column.high == int(column.high)


def test_infeasible_models_have_no_values() -> None:
    """PuLP reads 0.0 from every variable of an infeasible model."""
    program = one(1.0, ">=", 11)
    problem = to_pulp(program)
    problem.solve(pulp.HiGHS(msg=False))
    assert {v.varValue for v in problem.variables()} <= {0.0, None}
    outcome = HighsModel(program).solve()
    assert (outcome.ending, outcome.values) == (Ending.INFEASIBLE, None)


# --- units ------------------------------------------------------------------------------------------

TEXT = """\
name: units
services:
  - name: chat
    model: llama-3.1-8b
    acquisitions: [buy]
    demand: {DEMAND}
    lengths: {prompt: 1000, output: 250}
horizon: HORIZON
money: {discount_rate: 0 %, budget_capex: BUDGET}
hardware: {include: [dgx-h100], profiles: only}
profiles:
  - {id: h100, system: dgx-h100, service: chat, requests_per_s: [10]}
"""


def plan_of(demand: str, horizon: str = "1 year", budget: str = "$10M") -> Plan:
    text = TEXT.replace("DEMAND", demand).replace("HORIZON", horizon).replace("BUDGET", budget)
    loaded = workload_from(load_yaml(Path("units.yaml"), text=text), Path())
    return solve(loaded, load_catalog(), load_calibration(), Request(compare=False))


@pytest.mark.parametrize(
    ("demand", "horizon", "budget"),
    [
        ("output_tokens_per_s: 8750", "1 year", "$10M"),
        ("output_tokens_per_s: 8.75k", "12 months", "10000 k$"),
        ("requests_per_s: 35", "12 months", "$10000000"),
        ("requests_per_s: 2100 requests/min", "1 year", "$0.01B"),
        ("requests_per_s: 126000 requests/h", "1 year", "$10M"),
        ("requests_per_s: 3024000 requests/day", "1 year", "$10M"),
    ],
)
def test_the_unit_of_a_statement_does_not_matter(demand: str, horizon: str, budget: str) -> None:
    """35 requests/s at 10 a system: 4 systems, however it is written."""
    plan = plan_of(demand, horizon, budget)
    assert [line.count for line in plan.systems] == [4]
    assert plan.objective_usd == plan_of("requests_per_s: 35").objective_usd


def test_what_the_refusal_names_is_what_was_set() -> None:
    """Both inputs, the demand at the option that set it, not at the line of the file that it replaces."""
    text = TEXT.replace("DEMAND", "requests_per_s: 35").replace("HORIZON", "1 year").replace("BUDGET", "$10M")
    loaded = workload_from(load_yaml(Path("units.yaml"), text=text), Path())
    loaded = apply_overrides(loaded, ["services.0.demand.requests_per_s=1e15"])
    with pytest.raises(NumericalRefusal, match="The two inputs are") as caught:
        solve(loaded, load_catalog(), load_calibration(), Request(compare=False))
    words = str(caught.value).partition("The two inputs are")[2]
    assert "services.0.demand.requests_per_s (--set services.0.demand.requests_per_s=1e15" in words
    assert " and profiles.0.requests_per_s (units.yaml:" in words
