"""The model of a sweep in HiGHS: its numbers change from one solve to the next."""

from __future__ import annotations

import numpy as np

from solver.backend.highs import HighsModel
from solver.formulation.model import Program

#: What HiGHS does to large programs and what is of no use in thousands of small ones that start from a known
#: plan.
BRISK = {
    "mip_detect_symmetry": False,
    "mip_allow_restart": False,
    "mip_heuristic_run_feasibility_jump": False,
}


class SweepModel(HighsModel):
    """A model whose right-hand sides can change and which can forget its last solve."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        for name, value in BRISK.items():
            self._option(name, value)

    def set_rhs(self, rhs: dict[int, float]) -> None:
        """Replace right-hand sides by row number."""
        for row, value in rhs.items():
            sense = self.program.rows[row].sense
            low = -np.inf if sense == "<=" else value
            high = np.inf if sense == ">=" else value
            self._highs.changeRowBounds(row, low, high)

    def set_coefficients(self, values: dict[tuple[int, int], float]) -> None:
        """Replace coefficients by row and column number."""
        for (row, column), value in values.items():
            self._highs.changeCoeff(row, int(self._column[column]), value)

    def forget(self) -> None:
        """Drop every trace of earlier solves."""
        self._highs.clearSolver()
