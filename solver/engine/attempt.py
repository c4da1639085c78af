"""One attempt at a prepared problem: the program solved within its limits, its routing made exact."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending, Outcome
from solver.domain.workload import LoadedWorkload
from solver.engine.coarse import solve_coarse, suits
from solver.engine.dispatch import dispatch
from solver.engine.fleets import Fleet, Solved
from solver.engine.grouped import solve_grouped
from solver.engine.infeasible import explain_program
from solver.engine.mean_hours import MeanHours, at_mean_hours, like_periods
from solver.engine.neighbourhood import LARGE, solve_large, solve_small
from solver.engine.piece_by_piece import pieces_of
from solver.engine.relaxation import least_cost
from solver.engine.start import start
from solver.errors import InfeasibleError, LimitReached, NumericalRefusal, VerificationFailed
from solver.formulation.build import build_program
from solver.formulation.goals import goal_terms, hold_goal
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.plan.routing import FILLING, RepairFailed, Routing, repair

#: Capacity is shrunk by this share when rounding to exact shares left no room (tried in turn).
SAFETY = (0.0, 1e-7)
#: A solve after another gets at least this part of the time limit, and so many seconds if it is as long.
LEAST_PART, LEAST_SECONDS = 0.1, 5.0
#: Seconds for serving a problem with the fleet of another.
AGAIN_SECONDS = 5.0
#: Groups of hours of an epoch, and seconds, for a bound where the linear program of all hours does not end.
COARSE, COARSE_SECONDS = 6, 10.0


@dataclass(frozen=True)
class Request:
    """How a solve is run."""

    gap: float = 0.0
    time_limit_s: float | None = None
    compare: bool = True
    prune: bool = True
    reduce: bool = True
    certify: bool = True  # prove the lower bound in exact arithmetic


#: A request without wishes.
DEFAULT = Request()


def left_of(request: Request, end: float | None) -> float | None:
    """Seconds for one solve: what is left, and at least a tenth of the limit, or 5 s of a longer one."""
    limit = request.time_limit_s
    if end is None or limit is None:
        return None
    return max(end - time.perf_counter(), LEAST_PART * limit, min(LEAST_SECONDS, limit))


def attempt(
    loaded: LoadedWorkload, prepared: Prepared, request: Request, known: Fleet | None = None
) -> tuple[Solved, Routing]:
    """Solve and repair; capacity is shrunk a little where rounding to exact shares leaves no room.

    A ``known`` fleet, which may serve the problem too, is tried first.
    """
    last: RepairFailed | None = None
    whole, began = request, time.perf_counter()
    if prepared.curves is not None and prepared.problem.workload.objective == "cost":
        found = solve_grouped(prepared, request.gap, request.time_limit_s, known)
        if isinstance(found, Outcome):
            raise_unless_point(found, loaded, prepared)
            raise LimitReached("no plan was found within the time limit")
        assert found.outcome.values is not None
        return found, repair(found.program, found.outcome.values)
    for safety in SAFETY:
        program = build_program(prepared.problem)
        proven, reached = True, None
        if prepared.problem.workload.objective != "cost":
            ending, reached = reach_goal(loaded, prepared, program, request)
            proven = ending is Ending.OPTIMAL
        model = HighsModel(tightened(program, safety))
        if whole.time_limit_s is not None:
            request = replace(whole, time_limit_s=left_of(whole, began + whole.time_limit_s))
        outcome, proof, multipliers = search_plan(prepared.problem, program, model, request, known, reached)
        raise_unless_point(outcome, loaded, prepared)
        values = outcome.values
        assert values is not None
        if prepared.mean_periods and prepared.problem.workload.objective == "traffic":
            proven = False  # of the groups of like hours it is the most, not of the hours
        elif prepared.mean_periods:
            proof, bound = mean_hours_bound(prepared, request)
            outcome, multipliers = replace(outcome, bound=bound), None
            if outcome.gap > request.gap + 1e-9:
                outcome = replace(outcome, ending=Ending.FEASIBLE)
        elif not np.isfinite(outcome.bound):
            proof, outcome, multipliers = bounded(prepared, model, outcome)
        if not proven:
            outcome = replace(outcome, ending=Ending.FEASIBLE)
        try:
            return Solved(prepared, program, outcome, proof, multipliers=multipliers), repair(program, values)
        except RepairFailed as failure:
            last = failure
    raise VerificationFailed(f"no exact routing for the solver's whole numbers: {last}")


def search_plan(
    problem: Problem,
    program: Program,
    model: HighsModel,
    request: Request,
    fleet: Fleet | None = None,
    known: NDArray[np.float64] | None = None,
) -> tuple[Outcome, HighsModel, NDArray[np.float64] | None]:
    """The outcome of a program, the model that proves its bound, and multipliers of the rows of that model's
    linear program if it was solved.

    A plan may be ``known``, or a ``fleet`` that may serve it too.
    """
    began = time.perf_counter()
    if known is None and fleet is not None:
        known = dispatch(program, fleet.columns(program), 0.0, began + AGAIN_SECONDS)
    if known is None:
        known = start(problem, model, request.time_limit_s)
    if request.time_limit_s is not None:
        request = replace(request, time_limit_s=left_of(request, began + request.time_limit_s))
    proof, multipliers, pieces = model, None, pieces_of(problem, program)
    try:
        if len(program.columns) < LARGE:
            outcome = solve_small(model, request.gap, request.time_limit_s, known, pieces)
        elif suits(problem):
            outcome, coarse = solve_coarse(problem, model, request.gap, request.time_limit_s, known)
            if coarse is not None:
                proof, multipliers = coarse.model, coarse.linear.duals
        else:
            outcome, linear = solve_large(model, request.gap, request.time_limit_s, known, pieces)
            multipliers = None if linear is None else linear.duals
    except MemoryError:
        if known is None:
            raise
        cost = float(sum(kusd * known[c] for c, kusd in program.objective().items()))
        spent = time.perf_counter() - began
        outcome = Outcome(Ending.FEASIBLE, "kMemoryLimit", known, cost, float("-inf"), spent)
    return outcome, proof, multipliers


def bounded(
    prepared: Prepared, model: HighsModel, outcome: Outcome
) -> tuple[HighsModel, Outcome, NDArray[np.float64] | None]:
    """A plan whose linear program did not end in its time, with a lower bound, what proves it, multipliers.

    Few groups of hours at their mean demand are a smaller relaxation; else the columns alone give a bound.
    """
    bound, coarse = least_cost(model.program), None
    if len(model.program.columns) < LARGE or not suits(prepared.problem):  # else it has been tried
        coarse = coarse_bound(prepared.problem, COARSE_SECONDS)
    if coarse is None or coarse.bound < bound:
        return model, replace(outcome, bound=min(bound, outcome.objective)), None
    return coarse.model, replace(outcome, bound=min(coarse.bound, outcome.objective)), coarse.linear.duals


def coarse_bound(problem: Problem, seconds: float) -> MeanHours | None:
    """The linear program of a problem at the mean of few groups of like hours.

    None where hours are no more than that, another goal than cost is sought, or the time is over.
    """
    groups = like_periods(problem, range(len(problem.periods)), COARSE)
    if len(groups) >= len(problem.periods) or problem.workload.objective != "cost" or not problem.by_the_hour:
        return None
    coarse = MeanHours.of(problem, groups, seconds)
    return coarse if coarse.linear.solved else None


def mean_hours_bound(prepared: Prepared, request: Request) -> tuple[HighsModel, float]:
    """Where like hours are grouped (solver.formulation.hours): the relaxation, and its bound in k$."""
    model = at_mean_hours(prepared.problem, prepared.mean_periods)
    return model, model.solve(request.gap, request.time_limit_s).bound


def reach_goal(
    loaded: LoadedWorkload, prepared: Prepared, program: Program, request: Request
) -> tuple[Ending, NDArray[np.float64] | None]:
    """Solve for the workload's goal (least power or carbon, most traffic) and hold it while the cost is
    minimised; the ending tells whether the goal's value is proven, and the values are a plan that has it."""
    goal, began = prepared.problem.workload.objective, time.perf_counter()
    terms = goal_terms(prepared.problem, program)
    model = HighsModel(program, terms)
    known = start(prepared.problem, model, request.time_limit_s) if goal != "traffic" else None
    if known is not None:
        model.start_from(known)
    end = None if request.time_limit_s is None else began + request.time_limit_s
    outcome = model.solve(request.gap, left_of(request, end))
    raise_unless_point(outcome, loaded, prepared)
    hold_goal(program, terms, outcome.objective, goal)
    return outcome.ending, outcome.values


def tightened(program: Program, safety: float) -> Program:
    """The program with every load counted (1 + safety) times."""
    if safety == 0.0:
        return program
    rows = [
        row
        if row.family not in FILLING or row.sense == "=="
        else row._replace(terms=tuple((c, a * (1 + safety) if a > 0 else a) for c, a in row.terms))
        for row in program.rows
    ]
    return replace(program, rows=rows)


def raise_unless_point(outcome: Outcome, loaded: LoadedWorkload, prepared: Prepared) -> None:
    """Turn an ending without a plan into the error that names it."""
    if outcome.ending is Ending.INFEASIBLE:
        explain_program(loaded, prepared)
        raise InfeasibleError("the statements of the workload cannot hold together")
    if outcome.ending is Ending.NO_POINT:
        what = "memory" if outcome.status == "kMemoryLimit" else "time"
        raise LimitReached(f"no plan was found within the {what} limit")
    if outcome.ending is Ending.INTERRUPTED and outcome.values is None:
        raise KeyboardInterrupt
    if outcome.ending in (Ending.UNBOUNDED, Ending.REFUSED) or outcome.values is None:
        raise NumericalRefusal(f"HiGHS ended with {outcome.status}, without a plan that can be trusted")
