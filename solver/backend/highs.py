"""A program kept in HiGHS for re-solves with other costs; status, bound and gap are those of HiGHS itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import highspy
import numpy as np
from numpy.typing import NDArray

from solver.backend.handover import handed_over
from solver.backend.outcome import ENDINGS, Ending, Outcome
from solver.backend.running import run
from solver.errors import NumericalRefusal
from solver.formulation.collection import uncollected
from solver.formulation.model import Program

OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "threads": 1,
    "random_seed": 0,
    "mip_feasibility_tolerance": 1e-7,
    "primal_feasibility_tolerance": 1e-9,
    "dual_feasibility_tolerance": 1e-9,
}


class HighsModel:
    """A program inside HiGHS: solve it, change its costs, solve again."""

    @uncollected
    def __init__(self, program: Program, objective: Mapping[int, float] | None = None) -> None:
        self.program = program
        self.costs = dict(program.objective() if objective is None else objective)
        started = time.perf_counter()
        self._highs, self._column = handed_over(program, self.costs)
        for name, value in OPTIONS.items():
            self._option(name, value)
        self.build_seconds = time.perf_counter() - started

    def alike(self, program: Program) -> HighsModel:
        """Another program in a model with the options of this one."""
        made = HighsModel(program)
        self._accepted(made._highs.passOptions(self._highs.getOptions()), "its own options")
        return made

    def _option(self, name: str, value: bool | int | float | str) -> None:
        if self._highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise RuntimeError(f"HiGHS does not accept option {name} = {value!r}")

    def set_costs(self, objective: Mapping[int, float]) -> None:
        """Replace the objective (k$ per unit of each column)."""
        self.costs = dict(objective)
        costs = np.zeros(len(self.program.columns))
        for column, kusd in objective.items():
            costs[self._column[column]] = kusd
        indices = np.arange(len(costs), dtype=np.int32)
        self._accepted(self._highs.changeColsCost(len(costs), indices, costs), "the changed costs")

    def set_bounds(self, bounds: Mapping[int, tuple[float, float]]) -> None:
        """Replace the bounds of columns."""
        for column, (low, high) in bounds.items():
            status = self._highs.changeColBounds(int(self._column[column]), low, high)
            self._accepted(status, f"bounds {low:g}..{high:g}")

    def _set_integer(self, columns: Iterable[int], integer: bool) -> None:
        kind = highspy.HighsVarType.kInteger if integer else highspy.HighsVarType.kContinuous
        for column in columns:
            status = self._highs.changeColIntegrality(int(self._column[column]), kind)
            self._accepted(status, "the changed kind of a column")

    @staticmethod
    def _accepted(status: highspy.HighsStatus, what: str, warned: bool = False) -> None:
        if status != highspy.HighsStatus.kOk and not (warned and status == highspy.HighsStatus.kWarning):
            raise NumericalRefusal(f"the solver does not accept {what}")

    def start_from(self, values: NDArray[np.float64]) -> None:
        """Offer a known plan as the first incumbent.

        Without the RINS heuristic: HiGHS 1.16 can abort in it in such runs (`free(): invalid pointer`).
        """
        self._option("mip_heuristic_run_rins", False)
        solution = highspy.HighsSolution()
        ordered = np.empty(len(values))
        ordered[self._column] = values
        solution.col_value = ordered.tolist()
        self._accepted(self._highs.setSolution(solution), "the known plan", warned=True)

    def search_plans(self) -> None:
        """More effort on finding plans: where the bound is known to be near and whole numbers are many."""
        self._option("mip_heuristic_effort", 0.3)

    def solve(self, gap: float = 0.0, time_limit_s: float | None = None, linear: bool = False) -> Outcome:
        """Run HiGHS; Ctrl-C stops it and keeps the incumbent."""
        if time_limit_s is not None and self._highs.getRunTime() > 0:
            self._renew()
        self._option("mip_rel_gap", max(gap, 0.0))
        self._option("mip_abs_gap", 1e-9)
        self._option("time_limit", float("inf") if time_limit_s is None else float(time_limit_s))
        started = time.perf_counter()
        interrupted = run(self._highs)
        outcome = self._outcome(time.perf_counter() - started, interrupted, linear)
        if self._adds_up(outcome) or interrupted:
            return outcome
        # HiGHS 1.16 can return the known plan as optimal at a cost of 0 when presolve leaves nothing to solve
        self._highs.clearSolver()
        interrupted = run(self._highs)
        outcome = self._outcome(time.perf_counter() - started, interrupted, linear)
        return outcome if self._adds_up(outcome) else replace(outcome, ending=Ending.REFUSED)

    def _renew(self) -> None:
        """The same model, options, basis and known plan in a new solver, whose clock stands at 0.

        HiGHS 1.16 counts its time limit over all runs of one object: later linear programs get no time, and
        presolve past the limit can run without end.
        """
        old = self._highs
        new = highspy.Highs()  # type: ignore[no-untyped-call]
        self._accepted(new.passOptions(old.getOptions()), "its own options")
        if new.passModel(old.getModel()) == highspy.HighsStatus.kError:  # a warning: it scaled, or dropped 0s
            raise NumericalRefusal("the solver does not accept its own model")
        known, basis = old.getSolution(), old.getBasis()
        if known.value_valid:
            self._accepted(new.setSolution(known), "its own plan", warned=True)
        if basis.valid:
            self._accepted(new.setBasis(basis), "its own basis")
        self._highs = new

    def _adds_up(self, outcome: Outcome) -> bool:
        """Whether the cost that HiGHS reports is that of the plan it returns."""
        if outcome.values is None:
            return True
        cost = self.cost(outcome.values)
        return abs(cost - outcome.objective) <= 1e-6 * max(1.0, abs(cost))

    def cost(self, values: NDArray[np.float64]) -> float:
        """What values of all columns cost, k$."""
        return sum(kusd * float(values[c]) for c, kusd in self.costs.items())

    def solve_lp(self, fixed: Mapping[int, float]) -> Outcome:
        """The linear program with integer columns fixed at ``fixed``; bounds are restored afterwards."""
        columns = self.program.columns
        whole = [c for c in fixed if columns[c].integer]
        self.set_bounds({c: (value, value) for c, value in fixed.items()})
        self._set_integer(whole, integer=False)
        outcome = self.solve(linear=True)
        self._set_integer(whole, integer=True)
        self.set_bounds({c: (columns[c].low, columns[c].high) for c in fixed})
        return outcome

    @contextlib.contextmanager
    def bounded(self, bounds: Mapping[int, tuple[float, float]]) -> Iterator[None]:
        """Within: other bounds of some columns."""
        columns = self.program.columns
        self.set_bounds(bounds)
        try:
            yield
        finally:
            self.set_bounds({c: (columns[c].low, columns[c].high) for c in bounds})

    @contextlib.contextmanager
    def at_least(self, columns: Iterable[int], least: float) -> Iterator[None]:
        """Within: a row more, by which these columns add up to so much or more."""
        indices = np.array([self._column[c] for c in columns], dtype=np.int32)
        row = (least, np.inf, len(indices), indices, np.ones(len(indices)))
        self._accepted(self._highs.addRow(*row), "a further row")
        try:
            yield
        finally:
            last = np.array([self._highs.getNumRow() - 1], dtype=np.int32)
            self._accepted(self._highs.deleteRows(1, last), "the end of a further row")

    @contextlib.contextmanager
    def interior(self) -> Iterator[None]:
        """Within: linear programs by the interior point method, sooner for large degenerate ones."""
        self._option("solver", "ipm")
        try:
            yield
        finally:
            self._option("solver", "choose")

    @contextlib.contextmanager
    def relaxed(self, columns: Iterable[int] | None = None) -> Iterator[None]:
        """Within: every column may take fractions, or those given."""
        among = range(len(self.program.columns)) if columns is None else columns
        whole = [n for n in among if self.program.columns[n].integer]
        self._set_integer(whole, integer=False)
        try:
            yield
        finally:
            self._set_integer(whole, integer=True)

    def ray(self) -> NDArray[np.float64] | None:
        """Row multipliers that prove the last linear program infeasible, if HiGHS has them."""
        _, there, values = self._highs.getDualRay()  # type: ignore[attr-defined]
        if not there:  # presolve finds out without saying why
            self._option("presolve", "off")
            run(self._highs)
            self._option("presolve", "choose")
            _, there, values = self._highs.getDualRay()  # type: ignore[attr-defined]
        return np.asarray(values) if there else None

    def duals(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Row duals (k$ per unit of the right-hand side) and reduced costs of the last linear program."""
        solution = self._highs.getSolution()
        return np.asarray(solution.row_dual), np.asarray(solution.col_dual)[self._column]

    def _outcome(self, seconds: float, interrupted: bool, linear: bool) -> Outcome:
        status = self._highs.getModelStatus().name
        info = self._highs.getInfo()
        has_point = info.primal_solution_status == 2  # kSolutionStatusFeasible
        ending = ENDINGS[status][has_point]
        integer = not linear and any(c.integer for c in self.program.columns)
        values = None
        if has_point:
            values = np.asarray(self._highs.getSolution().col_value)[self._column]
            if integer and ending is Ending.OPTIMAL and info.max_integrality_violation > 1e-5:
                ending = Ending.REFUSED
        objective = float(info.objective_function_value)
        bound = float(info.mip_dual_bound) if integer and status != "kInfeasible" else objective
        if not integer or not np.isfinite(bound):
            bound = objective if ending is Ending.OPTIMAL else float("-inf")
        return Outcome(ending, status, values, objective, bound, seconds, interrupted)
