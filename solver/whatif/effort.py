"""How long a question may take, who hears of its plans, and how it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from solver.backend.running import stopping
from solver.engine.solve import Request
from solver.errors import ExitCode, SolverError
from solver.whatif.planner import Result

#: Share of the time left that one plan may take, and seconds that it gets in any case.
PART, LEAST_S = 1 / 3, 5.0
#: Plans further from their bound than this share are told to be so.
TOLD_GAP = 1e-4


class Over(SolverError):
    """The time of a question was over, or it was stopped, before it was answered."""

    def __init__(self, message: str, stopped: bool) -> None:
        super().__init__(message)
        self.exit_code = ExitCode.INTERRUPTED if stopped else ExitCode.LIMIT_WITHOUT_PLAN


def silent(_words: str) -> None:
    """Told of nothing."""


class Effort:
    """The time of one question and what came of its plans.

    ``seconds`` are for all plans together (None: no limit); ``tell`` hears of each plan in a line of text.
    `stop` may be called from another thread: the plan under way is taken as far as it is, and no further
    one is begun.
    """

    def __init__(self, seconds: float | None = None, tell: Callable[[str], None] = silent) -> None:
        self.seconds, self.lines, self.stopped = seconds, list[str](), False
        self.open: list[str] = []  # plans that were not found in time
        self.gap = 0.0  # the widest of a plan that was found
        self._began, self._tell, self._stop = time.perf_counter(), tell, threading.Event()

    @property
    def spent(self) -> float:
        """Seconds since the question was asked."""
        return time.perf_counter() - self._began

    def stop(self) -> None:
        """Take what has been found."""
        self.stopped = True
        self._stop.set()

    def check(self) -> None:
        """Raise Over where no further plan is to be begun."""
        if self.stopped:
            raise Over("stopped before the question was answered in full", True)
        if self.seconds is not None and self.spent >= self.seconds:
            raise Over(f"the time of the question ({self.seconds:g} s) was over", False)

    def request(self, usual: Request, gap: float) -> Request:
        """How the next plan is searched: within a part of the time left, and no nearer than ``gap``."""
        limit = usual.time_limit_s
        if self.seconds is not None:
            part = max(PART * (self.seconds - self.spent), min(LEAST_S, self.seconds))
            limit = part if limit is None else min(part, limit)
        return replace(usual, time_limit_s=limit, gap=max(usual.gap, gap))

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Within: Ctrl-C, or `stop` from another thread, ends the search of a plan and then the question."""
        token = stopping.set(self._stop)
        try:
            yield
        except KeyboardInterrupt:
            self.stopped = True
            self.check()
        finally:
            stopping.reset(token)

    def keep(self, what: str, result: Result) -> None:
        """Take note of a plan that was asked for."""
        if result.outcome == "interrupted":
            self.stopped = True
        if result.plan is not None:
            self.gap = max(self.gap, result.plan.gap)
            words = f"${result.plan.objective_usd:,.0f}"
        else:
            words = result.outcome
            if result.outcome != "infeasible":
                self.open.append(what)
        self.lines.append(f"{what}: {words}")
        self._tell(self.lines[-1])

    def notes(self) -> tuple[str, ...]:
        """What is not proven, in sentences."""
        found: list[str] = []
        if self.open:
            found.append(f"No plan was found in time for: {'; '.join(dict.fromkeys(self.open))}.")
        if self.gap > TOLD_GAP:
            found.append(
                "Not all of these plans are proven to be the cheapest: the cheapest may cost as little as "
                f"{100 * (1 - self.gap):.1f} % of what one of them costs."
            )
        return tuple(found)
