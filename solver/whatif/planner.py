"""Verified plans by content: the same question, catalogs and program give the same bytes, computed once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property

from solver import __version__
from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.solve import Request, solve
from solver.errors import ExitCode, SolverError
from solver.performance.calibration import Calibration
from solver.plan.plan import Plan
from solver.plan.serialise import plan_json
from solver.verify.from_plan import verify_plan
from solver.whatif.store import Store

REMEMBERED = 16  # results kept in memory
TIME_LIMIT_S = 120.0
#: Endings without a plan, in words; the first two hold whenever the question is asked again.
ENDINGS = {
    ExitCode.INFEASIBLE: "infeasible",
    ExitCode.NUMERICALLY_REFUSED: "refused for numerical reasons",
    ExitCode.BAD_INPUT: "bad input",
    ExitCode.LIMIT_WITHOUT_PLAN: "limit reached without a plan",
    ExitCode.VERIFICATION_FAILED: "verification failed",
}
LASTING = ("optimal", "infeasible", "refused for numerical reasons")
USUAL = Request(time_limit_s=TIME_LIMIT_S)


@dataclass(frozen=True)
class Result:
    """What came of a question: a verified plan as text, or the reason why there is none."""

    key: str
    body: str

    @cached_property
    def plan(self) -> Plan | None:
        """The plan, or None."""
        return Plan.model_validate_json(self.body) if self.body.startswith('{\n "format"') else None

    @cached_property
    def refusal(self) -> dict[str, object]:
        """Without a plan: ``outcome``, ``message`` and ``reasons``."""
        return {} if self.plan is not None else dict(json.loads(self.body))

    @property
    def outcome(self) -> str:
        """How it ended: optimal, limit reached, or one of ENDINGS."""
        return self.plan.outcome if self.plan is not None else str(self.refusal["outcome"])

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a command that ends with this result."""
        if self.plan is not None:
            return ExitCode.VERIFIED if self.outcome == "optimal" else ExitCode.LIMIT_WITH_PLAN
        return next((code for code, words in ENDINGS.items() if words == self.outcome), ExitCode.OUR_FAULT)

    @property
    def message(self) -> str:
        """Why there is no plan; empty where there is one."""
        return str(self.refusal.get("message", ""))


class Planner:
    """Solves workloads for a session and keeps the results in its store."""

    def __init__(
        self, store: Store, catalog: Catalog, calibration: Calibration, request: Request = USUAL
    ) -> None:
        self.catalog, self.calibration, self.request = catalog, calibration, request
        self._store = store
        self._near: OrderedDict[str, Result] = OrderedDict()
        self._locks = {False: threading.Lock(), True: threading.Lock()}  # comparisons take long
        self._asking = threading.Lock()  # and so do questions
        self.solved = 0  # how many were computed rather than found

    @cached_property
    def world(self) -> str:
        """Hash of what is not in the workload: catalogs, calibration, program, tolerances."""
        parts = (
            self.catalog.model_dump_json(),
            repr(self.calibration),
            __version__,
            f"{self.request.gap!r} {self.request.prune} {self.request.reduce}",
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def key(self, loaded: LoadedWorkload, compare: bool) -> str:
        """Hash of everything a result depends on."""
        text = f"{self.world}\n{loaded.model_dump_json()}\n{compare}"
        return hashlib.sha256(text.encode()).hexdigest()

    def known(self, loaded: LoadedWorkload) -> Result | None:
        """The result of a workload if it need not be solved."""
        return self._known(self.key(loaded, False))

    def result(self, loaded: LoadedWorkload, compare: bool = False) -> Result:
        """The result of a workload; ``compare`` adds alternatives, break-even prices and what binds."""
        key = self.key(loaded, compare)
        with self._locks[compare]:
            return self._found(key, loaded, compare)

    def answered(self, loaded: LoadedWorkload, compare: bool, request: Request) -> Result:
        """The result for a question, which may have less time or a wider gap than a state has.

        Results of states are taken too; those of questions are kept apart from them, as another search may
        end with another plan of the same cost.
        """
        usual = self.key(loaded, compare)
        if (known := self._known(usual)) is not None:
            return known
        with self._asking:
            key = hashlib.sha256(f"{usual}\nquestion {request.gap!r}".encode()).hexdigest()
            return self._found(key, loaded, compare, request)

    def _found(
        self, key: str, loaded: LoadedWorkload, compare: bool, request: Request | None = None
    ) -> Result:
        found = self._known(key)
        if found is None:
            found = replace(self.compute(loaded, compare, request), key=key)
            if found.outcome in LASTING:
                self._store.keep(key, found.body)
        if (
            found.outcome != "interrupted" and request is None
        ):  # questions would drive out the plans of states
            self._near.pop(key, None)
            self._near[key] = found
        while len(self._near) > REMEMBERED:
            self._near.popitem(last=False)
        return found

    def _known(self, key: str) -> Result | None:
        """A result in memory, or one on disk that still holds."""
        if (found := self._near.get(key)) is not None:
            return found
        kept = self._store.plan(key)
        return Result(key, kept) if kept is not None and holds(kept) else None

    def compute(
        self, loaded: LoadedWorkload, compare: bool = False, request: Request | None = None
    ) -> Result:
        """The result, solved afresh."""
        self.solved += 1
        request = replace(request or self.request, compare=compare, certify=compare)
        try:
            body = plan_json(solve(loaded, self.catalog, self.calibration, request))
        except SolverError as error:
            body = _refusal(error)
        return Result(self.key(loaded, compare), body)


def holds(body: str) -> bool:
    """Whether a text that was kept is a plan that passes the exact check now, or a lasting refusal."""
    try:
        found = Result("", body)
        return verify_plan(found.plan).passed if found.plan is not None else found.outcome in LASTING
    except (SolverError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _refusal(error: SolverError) -> str:
    """The ending without a plan as text."""
    facts = {
        "outcome": ENDINGS.get(error.exit_code, "failed"),
        "message": str(error),
        "reasons": list(getattr(error, "reasons", ())),
    }
    return json.dumps(facts, indent=1) + "\n"
