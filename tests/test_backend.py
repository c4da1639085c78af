"""The solver on a short lead: every status mapped, every return code checked, limits and Ctrl-C honest."""

from __future__ import annotations

import math
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import highspy
import numpy as np
import pytest

from solver.backend.handover import LARGEST, SMALLEST, check_range, check_transfer
from solver.backend.highs import OPTIONS, HighsModel
from solver.backend.linear import Rows, least
from solver.backend.outcome import ENDINGS, Ending, Outcome
from solver.errors import NumericalRefusal
from solver.formulation.model import Program

MEMBERS = sorted(highspy.HighsModelStatus.__members__)
STOPPED = {
    *("kObjectiveBound", "kObjectiveTarget", "kTimeLimit", "kIterationLimit"),
    *("kSolutionLimit", "kMemoryLimit"),
}


def program(
    rows: list[tuple[dict[int, float], str, float]],
    costs: list[float],
    integer: bool = True,
    high: float = 10,
) -> Program:
    """min costs.x over the rows, x in 0..high."""
    made = Program()
    for n, cost in enumerate(costs):
        made.cost("purchase", made.add(("x", n), 0, high, integer), cost)
    for n, (terms, sense, rhs) in enumerate(rows):
        made.row(
            f"row {n}",
            "demand",
            terms,
            sense,  # type: ignore[arg-type]
            rhs,
            unit="req/s",
            sentence="service chat: all requests are served",
            statement=f"services.{n}.demand",
        )
    return made


def knapsacks(size: int = 150, rows: int = 75, seed: int = 1) -> Program:
    """A covering problem that takes HiGHS minutes (correlated weights and costs)."""
    rng = random.Random(seed)
    costs = [rng.randint(50, 100) for _ in range(size)]
    limits: list[tuple[dict[int, float], str, float]] = []
    for _ in range(rows):
        weights = {n: float(rng.randint(40, 110)) for n in range(size)}
        limits.append((weights, ">=", sum(weights.values()) / 2 + 0.5))
    return program(limits, [float(c) for c in costs], high=1)


# --- statuses ---------------------------------------------------------------------------------------


def test_every_member_of_highs_is_mapped_and_none_is_invented() -> None:
    assert sorted(ENDINGS) == MEMBERS


@pytest.mark.parametrize("has_point", [False, True])
@pytest.mark.parametrize("status", MEMBERS)
def test_what_each_status_means(status: str, has_point: bool) -> None:
    """40 of 40: a plan is claimed only with a point, optimality only where HiGHS claims it."""
    ending = ENDINGS[status][has_point]
    if status == "kOptimal":
        assert ending is (Ending.OPTIMAL if has_point else Ending.REFUSED)
    elif status in STOPPED:
        assert ending is (Ending.FEASIBLE if has_point else Ending.NO_POINT)
    elif status in ("kInterrupt", "kHighsInterrupt"):
        assert ending is (Ending.FEASIBLE if has_point else Ending.INTERRUPTED)
    elif status in ("kInfeasible", "kUnboundedOrInfeasible"):
        assert ending is Ending.INFEASIBLE
    elif status == "kUnbounded":
        assert ending is Ending.UNBOUNDED
    else:
        assert ending is Ending.REFUSED


class Told:
    """HiGHS with its mouth replaced: says a status and whether it has a point."""

    def __init__(self, real: highspy.Highs, status: str, has_point: bool) -> None:
        self._real, self._status, self._has_point = real, status, has_point

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def getModelStatus(self) -> object:
        return highspy.HighsModelStatus.__members__[self._status]

    def getInfo(self) -> object:
        info = self._real.getInfo()
        info.primal_solution_status = 2 if self._has_point else 0
        return info


@pytest.mark.parametrize("has_point", [False, True])
@pytest.mark.parametrize("status", MEMBERS)
def test_values_only_with_a_point(status: str, has_point: bool) -> None:
    """The outcome of a solve follows the table, and carries no numbers where there is no point."""
    model = HighsModel(program([({0: 1.0}, ">=", 3)], [2.0]))
    model.solve()
    model._highs = Told(model._highs, status, has_point)  # type: ignore[assignment]
    outcome = model._outcome(0.0, False, False)
    assert outcome.status == status
    assert outcome.ending is ENDINGS[status][has_point]
    assert (outcome.values is not None) == has_point
    assert (outcome.gap == math.inf) == (not has_point)


def test_infeasible_has_no_values() -> None:
    outcome = HighsModel(program([({0: 1.0}, ">=", 11)], [1.0])).solve()
    assert (outcome.ending, outcome.values, outcome.gap) == (Ending.INFEASIBLE, None, math.inf)


@pytest.mark.parametrize("integer", [False, True])
def test_unbounded_is_never_a_plan(integer: bool) -> None:
    outcome = HighsModel(program([({0: 1.0}, ">=", 1)], [-1.0], integer, high=math.inf)).solve()
    assert outcome.ending in (Ending.UNBOUNDED, Ending.INFEASIBLE)
    assert outcome.values is None or outcome.ending is Ending.UNBOUNDED


def test_a_fractional_optimal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS 1.15 calls x = 0.3 optimal for integer x with bound 0.3; its info says by how much it fails."""
    model = HighsModel(program([({0: 1.0}, ">=", 3)], [2.0]))
    model.solve()

    class Fractional(Told):
        def getInfo(self) -> object:
            info = super().getInfo()
            info.max_integrality_violation = 0.3  # type: ignore[attr-defined]
            return info

    model._highs = Fractional(model._highs, "kOptimal", True)  # type: ignore[assignment]
    endings = [model._outcome(0.0, False, linear).ending for linear in (False, True)]
    assert endings == [Ending.REFUSED, Ending.OPTIMAL]  # a linear program may be fractional


def test_gap_is_relative_to_the_objective() -> None:
    values = np.zeros(1)
    assert Outcome(Ending.FEASIBLE, "kTimeLimit", values, 200.0, 150.0, 1.0).gap == 0.25
    assert Outcome(Ending.OPTIMAL, "kOptimal", values, 200.0, 200.1, 1.0).gap == 0.0


# --- bounds, options, hand-over ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "rounded"), [(0.3, 10, (1, 10)), (0, 4.7, (0, 4)), (2.0, 2.9, (2, 2))]
)
def test_fractional_bounds_of_integers_are_rounded_inwards(
    low: float, high: float, rounded: tuple[float, float]
) -> None:
    made = Program()
    column = made.add(("x",), low, high, integer=True)
    made.cost("purchase", column, 1.0)
    bounds = (made.columns[column].low, made.columns[column].high)
    assert bounds == rounded
    outcome = HighsModel(made).solve()
    assert outcome.ending is Ending.OPTIMAL
    assert outcome.values is not None
    assert outcome.values[0] == rounded[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("mip_rel_gpa", 0.1), ("threads", -5), ("mip_rel_gap", -1.0), ("presolve", "perhaps"), ("threads", "x")],
)
def test_options_that_highs_rejects_are_our_fault_and_loud(
    name: str, value: bool | int | float | str
) -> None:
    model = HighsModel(program([({0: 1.0}, ">=", 3)], [1.0]))
    with pytest.raises(RuntimeError, match=name):
        model._option(name, value)


def test_options_are_in_force() -> None:
    model = HighsModel(program([({0: 1.0}, ">=", 3)], [1.0]))
    for name, value in OPTIONS.items():
        assert model._highs.getOptionValue(name)[1] == value


@pytest.mark.parametrize("size", [1e-10, 5e-7, 2e7, 1e16])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_coefficient_out_of_range_names_row_and_column(size: float, sign: int) -> None:
    made = program([({0: 1.0}, ">=", 3), ({0: 1.0, 1: sign * size}, ">=", 1)], [1.0, 1.0])
    with pytest.raises(NumericalRefusal) as found:
        HighsModel(made)
    for word in ("row 1", "x_1", "req/s", "all requests are served", "services.1.demand"):
        assert word in str(found.value)
    assert "row 0" not in str(found.value)


def test_a_limit_out_of_range_names_the_row() -> None:
    with pytest.raises(NumericalRefusal, match=r"row 0: the limit enters with 1e\+12"):
        check_range(program([({0: 1.0}, "<=", 1e12)], [1.0]))


@pytest.mark.parametrize("size", [SMALLEST, 1e-6, 1.0, LARGEST])
def test_coefficients_within_range_pass(size: float) -> None:
    check_range(program([({0: size}, "<=", 5)], [1.0]))


def test_not_a_number_is_refused() -> None:
    with pytest.raises(NumericalRefusal, match="row 0: x_0 enters with nan"):
        HighsModel(program([({0: math.nan}, "<=", 5)], [1.0]))


class Losing:
    """HiGHS that says it holds one row less than it was given."""

    def __init__(self, real: highspy.Highs) -> None:
        self._real = real

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def getNumRow(self) -> int:
        return int(self._real.getNumRow()) - 1


def test_a_lost_row_is_found() -> None:
    model = HighsModel(program([({0: 1.0}, ">=", 3)], [1.0]))
    with pytest.raises(NumericalRefusal, match="dropped a part of the model"):
        check_transfer(model.program, Losing(model._highs))  # type: ignore[arg-type]


class Failing:
    """HiGHS whose calls all return an error."""

    def __getattr__(self, name: str) -> object:
        return lambda *_: highspy.HighsStatus.kError


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.set_costs({0: 1.0}),
        lambda m: m.set_bounds({0: (0.0, 1.0)}),
        lambda m: m._option("threads", 1),
        lambda m: m.start_from(np.zeros(1)),
        lambda m: m.solve_lp({0: 1.0}),
    ],
)
def test_every_refused_call_raises(call: object) -> None:
    model = HighsModel(program([({0: 1.0}, ">=", 3)], [1.0]))
    model._highs = Failing()  # type: ignore[assignment]
    with pytest.raises((NumericalRefusal, RuntimeError)):
        call(model)  # type: ignore[operator]


def test_columns_that_no_row_and_no_cost_uses_arrive() -> None:
    made = program([({0: 1.0}, ">=", 3)], [1.0])
    made.add(("idle",), 2, 4, integer=True)
    outcome = HighsModel(made).solve()
    assert outcome.values is not None
    assert outcome.values[0] == 3
    assert 2 <= outcome.values[1] <= 4


def test_more_than_ten_columns_keep_their_order() -> None:
    """PuLP sorts variables by name; ours come back in the order of the program."""
    made = program([({n: 1.0}, ">=", float(n)) for n in range(12)], [1.0] * 12, high=20)
    outcome = HighsModel(made).solve()
    assert outcome.values is not None
    assert list(outcome.values) == list(range(12))


# --- changes ----------------------------------------------------------------------------------------


def cover() -> Program:
    """x0 + x1 >= 4, $2 or $3 each, at most 10: 4 of x0, cost 8."""
    return program([({0: 1.0, 1: 1.0}, ">=", 4)], [2.0, 3.0])


def test_changed_costs_change_the_plan_and_come_back() -> None:
    model = HighsModel(cover())
    assert model.solve().objective == 8
    model.set_costs({0: 5.0, 1: 1.0})
    outcome = model.solve()
    assert outcome.values is not None
    assert (outcome.objective, list(outcome.values)) == (4, [0, 4])
    model.set_costs({1: 1.0})  # what is not named costs nothing
    assert model.solve().objective == 0
    model.set_costs(cover().objective())
    assert model.solve().objective == 8


def test_changed_bounds() -> None:
    model = HighsModel(cover())
    model.set_bounds({0: (0, 1)})
    assert model.solve().objective == 2 + 9
    model.set_bounds({0: (0, 10)})
    assert model.solve().objective == 8


def test_linear_program_restores_integrality_and_bounds() -> None:
    """2 x0 >= 5: 3 whole ones; fixed at 2.5 the linear program costs 5 and its dual is 2/2 per unit."""
    model = HighsModel(program([({0: 2.0}, ">=", 5)], [2.0]))
    assert model.solve().objective == 6
    outcome = model.solve_lp({0: 2.5})
    assert (outcome.ending, outcome.objective) == (Ending.OPTIMAL, 5)
    again = model.solve()
    assert (again.ending, again.objective) == (Ending.OPTIMAL, 6)


def test_duals_are_prices() -> None:
    """min 2x, x >= 5: one more unit asked for costs 2."""
    model = HighsModel(program([({0: 1.0}, ">=", 5)], [2.0], integer=False))
    model.solve()
    rows, _ = model.duals()
    assert list(rows) == [2.0]


def test_a_row_more_holds_within_and_is_gone_after() -> None:
    """min 3x, x whole and at least 2: with x >= 5 it costs 15, and 6 again after."""
    model = HighsModel(program([({0: 1.0}, ">=", 2)], [3.0]))
    assert model.solve().objective == 6
    with model.at_least([0], 5.0):
        assert model.solve().objective == 15
        assert model.solve(time_limit_s=10.0).objective == 15  # in a solver of its own too
    assert model.solve().objective == 6


def test_a_start_is_never_made_worse() -> None:
    model = HighsModel(cover())
    model.start_from(np.array([0.0, 4.0]))
    assert model.solve().objective == 8


def test_a_cost_that_is_not_that_of_the_plan_is_solved_again_or_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """HiGHS 1.16 called a known plan optimal at a cost of 0 where presolve had left nothing to solve."""
    model, real, calls = HighsModel(cover()), HighsModel._outcome, [0]

    def claims(wrong: int):  # type: ignore[no-untyped-def]
        def outcome(self: HighsModel, *arguments: object) -> Outcome:
            calls[0] += 1
            found = real(self, *arguments)  # type: ignore[arg-type]
            return replace(found, objective=0.0, bound=0.0) if calls[0] <= wrong else found

        return outcome

    monkeypatch.setattr(HighsModel, "_outcome", claims(1))
    assert model.solve().objective == 8 and calls == [2]
    calls[0] = 0
    monkeypatch.setattr(HighsModel, "_outcome", claims(2))
    assert model.solve().ending is Ending.REFUSED


# --- limits and Ctrl-C ------------------------------------------------------------------------------


def test_time_limit_without_a_plan_says_so() -> None:
    outcome = HighsModel(knapsacks()).solve(time_limit_s=0.0)
    assert outcome.status == "kTimeLimit"
    assert outcome.ending is (Ending.NO_POINT if outcome.values is None else Ending.FEASIBLE)


def test_time_limit_keeps_an_honest_incumbent() -> None:
    made = knapsacks()
    started = time.perf_counter()
    outcome = HighsModel(made).solve(time_limit_s=1.0)
    assert time.perf_counter() - started < 1.0 + 2.0
    assert outcome.ending is Ending.FEASIBLE
    assert outcome.values is not None
    assert outcome.gap > 0
    assert outcome.bound < outcome.objective
    costs = made.objective()
    assert sum(costs[c] * v for c, v in enumerate(outcome.values)) == pytest.approx(outcome.objective)
    for row in made.rows:
        assert sum(a * outcome.values[c] for c, a in row.terms) >= row.rhs - 1e-6


def test_time_limit_counts_each_run_anew() -> None:
    """HiGHS adds up the time of all runs of one instance; later runs have their full limit."""
    model = HighsModel(knapsacks())
    model.solve(time_limit_s=2.0)
    started = time.perf_counter()
    model.solve(time_limit_s=0.5)
    assert time.perf_counter() - started > 0.4
    with model.relaxed():
        assert model.solve(time_limit_s=1.5, linear=True).ending is Ending.OPTIMAL


@pytest.fixture
def interrupt() -> Iterator[None]:
    """Ctrl-C after 0.8 seconds, heard also by tests that run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.8, signal.raise_signal, [signal.SIGINT])
    timer.start()
    yield
    timer.cancel()
    timer.join()
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupt")
def test_control_c_keeps_the_incumbent() -> None:
    model = HighsModel(knapsacks())
    started = time.perf_counter()
    outcome = model.solve(time_limit_s=20)
    assert time.perf_counter() - started < 0.8 + 3
    assert outcome.interrupted
    assert outcome.ending is Ending.FEASIBLE
    assert outcome.values is not None
    assert outcome.bound < outcome.objective


def test_an_error_inside_the_solver_thread_is_not_lost() -> None:
    class Broken(Told):
        def run(self) -> None:
            raise MemoryError("no room")

    model = HighsModel(cover())
    model._highs = Broken(model._highs, "kOptimal", True)  # type: ignore[assignment]
    with pytest.raises(MemoryError, match="no room"):
        model.solve()


def test_nothing_on_standard_output() -> None:
    """The banner of HiGHS would spoil plans written to a pipe."""
    code = (
        "from solver.formulation.model import Program\n"
        "from solver.backend.highs import HighsModel\n"
        "p = Program(); p.cost('purchase', p.add(('x',), 2, 4, True), 1.0)\n"
        "assert HighsModel(p).solve().objective == 2\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_two_solves_give_the_same_bytes() -> None:
    made = knapsacks(20, 8)
    first, second = (HighsModel(replace(made)).solve().values for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.tobytes() == second.tobytes()


def test_threads_of_others_do_not_stand_in_the_way() -> None:
    """HiGHS refuses to run with one thread where this thread ran it with two before (users of PuLP do)."""
    highspy.Highs.resetGlobalScheduler(True)
    other = highspy.Highs()
    other.setOptionValue("output_flag", False)
    other.setOptionValue("threads", 2)
    other.run()
    rows = Rows.none()
    rows.add({0: 1.0}, 3.0, np.inf)
    found = least(np.array([1.0]), rows, np.array([9.0]))
    assert found is not None
    assert found.tolist() == [3.0]
