"""What a solve ended with, in words of our own (PuLP's words are not to be trusted)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class Ending(Enum):
    """How a solve ended."""

    OPTIMAL = "optimal within the gap"
    FEASIBLE = "stopped at a limit with a plan"
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    NO_POINT = "stopped at a limit without a plan"
    INTERRUPTED = "interrupted"
    REFUSED = "the solver gave up for numerical reasons"


#: HiGHS model status -> ending (without a point, with a point). Every member must be here (tested).
ENDINGS: dict[str, tuple[Ending, Ending]] = {
    "kNotset": (Ending.REFUSED, Ending.REFUSED),
    "kLoadError": (Ending.REFUSED, Ending.REFUSED),
    "kModelError": (Ending.REFUSED, Ending.REFUSED),
    "kPresolveError": (Ending.REFUSED, Ending.REFUSED),
    "kSolveError": (Ending.REFUSED, Ending.REFUSED),
    "kPostsolveError": (Ending.REFUSED, Ending.REFUSED),
    "kModelEmpty": (Ending.REFUSED, Ending.REFUSED),
    "kOptimal": (Ending.REFUSED, Ending.OPTIMAL),
    "kInfeasible": (Ending.INFEASIBLE, Ending.INFEASIBLE),
    "kUnboundedOrInfeasible": (Ending.INFEASIBLE, Ending.INFEASIBLE),
    "kUnbounded": (Ending.UNBOUNDED, Ending.UNBOUNDED),
    "kObjectiveBound": (Ending.NO_POINT, Ending.FEASIBLE),
    "kObjectiveTarget": (Ending.NO_POINT, Ending.FEASIBLE),
    "kTimeLimit": (Ending.NO_POINT, Ending.FEASIBLE),
    "kIterationLimit": (Ending.NO_POINT, Ending.FEASIBLE),
    "kUnknown": (Ending.REFUSED, Ending.REFUSED),
    "kSolutionLimit": (Ending.NO_POINT, Ending.FEASIBLE),
    "kInterrupt": (Ending.INTERRUPTED, Ending.FEASIBLE),
    "kMemoryLimit": (Ending.NO_POINT, Ending.FEASIBLE),
    "kHighsInterrupt": (Ending.INTERRUPTED, Ending.FEASIBLE),
}


@dataclass(frozen=True)
class Outcome:
    """The result of one solve. ``values`` is in column order; money in k$ as in the program."""

    ending: Ending
    status: str  # HiGHS's own word
    values: NDArray[np.float64] | None
    objective: float
    bound: float
    seconds: float
    interrupted: bool = False

    @property
    def gap(self) -> float:
        """Relative gap claimed by the solver: (objective - bound) / |objective|."""
        if self.values is None:
            return float("inf")
        return max(0.0, self.objective - self.bound) / max(abs(self.objective), 1e-9)


def near(cost: float, bound: float, gap: float) -> bool:
    """Whether a bound is as near to a cost as a gap asks for, sums of floats aside (1e-9 of the cost)."""
    return cost - bound <= (gap + 1e-9) * abs(cost) + 1e-9
