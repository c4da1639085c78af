"""Small programs straight in HiGHS (no PuLP): routing and hours with the fleet fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from solver.backend.handover import swallow_banner
from solver.backend.running import run, run_here

Floats = NDArray[np.float64]
#: Options of the simplex: feasibility as tight as it goes, one thread, no output; few heuristics, as the
#: programs in whole numbers are small and many.
OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "threads": 1,
    "random_seed": 0,
    "solver": "simplex",
    "primal_feasibility_tolerance": 1e-10,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_root_reduced_cost": False,
}
#: Programs that come with a known plan are worth more effort (not RINS: see HighsModel.start_from).
HARDER = {"mip_heuristic_run_rens": True, "mip_heuristic_run_root_reduced_cost": True}
#: Programs of fewer nonzeros are solved in milliseconds, without a thread that would hear Ctrl-C meanwhile.
SMALL = 500


@dataclass
class Rows:
    """Rows of a sparse matrix under construction: low <= a.x <= high."""

    starts: list[int]
    columns: list[int]
    values: list[float]
    low: list[float]
    high: list[float]

    @classmethod
    def none(cls) -> Rows:
        """No rows yet."""
        return cls([0], [], [], [], [])

    def add(self, terms: dict[int, float], low: float, high: float) -> None:
        """One more row."""
        self.columns += terms.keys()
        self.values += terms.values()
        self.starts.append(len(self.columns))
        self.low.append(low)
        self.high.append(high)


def least(
    costs: Floats,
    rows: Rows,
    column_high: Floats,
    whole: Sequence[int] = (),
    slack: float = 0.0,
    seconds: float = float("inf"),
    known: Floats | None = None,
) -> Floats | None:
    """The cheapest x >= 0 within its upper bounds and the rows, or None if HiGHS finds none.

    Columns in ``whole`` are integers; the cost may then be ``slack`` above the least, or more where
    ``seconds`` are over, and the search begins with ``known`` values. Raises KeyboardInterrupt where Ctrl-C
    stopped it.
    """
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(costs), len(rows.low)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = costs, np.zeros(len(costs)), column_high
    lp.row_lower_, lp.row_upper_ = np.array(rows.low), np.array(rows.high)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.array(rows.starts, dtype=np.int32)
    lp.a_matrix_.index_ = np.array(rows.columns, dtype=np.int32)
    lp.a_matrix_.value_ = np.array(rows.values)
    if whole:
        kinds = [highspy.HighsVarType.kContinuous] * len(costs)
        for column in whole:
            kinds[column] = highspy.HighsVarType.kInteger
        lp.integrality_ = kinds
    swallow_banner()
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    limits = {"mip_rel_gap": 0.0, "mip_abs_gap": max(slack, 1e-9), "time_limit": max(seconds, 0.0)}
    for name, value in (OPTIONS | limits | (HARDER if known is not None else {})).items():
        if solver.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise RuntimeError(f"HiGHS does not accept option {name} = {value!r}")
    if solver.passModel(lp) == highspy.HighsStatus.kError:
        return None
    if known is not None:
        solution = highspy.HighsSolution()
        solution.col_value = known.tolist()
        if solver.setSolution(solution) == highspy.HighsStatus.kError:
            raise RuntimeError("HiGHS does not accept the known plan")
    if len(rows.values) < SMALL:
        run_here(solver)
    elif run(solver):
        raise KeyboardInterrupt
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal and not _stopped_with_plan(solver):
        return None
    return np.asarray(solver.getSolution().col_value)


def _stopped_with_plan(solver: highspy.Highs) -> bool:
    """Whether the time was over after whole numbers had been found."""
    late = solver.getModelStatus() == highspy.HighsModelStatus.kTimeLimit
    return late and solver.getInfo().primal_solution_status == 2  # kSolutionStatusFeasible
