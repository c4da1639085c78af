"""Questions on their way to an answer: each in a thread of its own, looked at and stopped by the page."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Sequence

from solver.errors import SolverError
from solver.whatif.cases import Answer, Case
from solver.whatif.questions import answer

REMEMBERED = 16  # questions; those that are under way are not forgotten


class Asked:
    """A question: what came of it, or its time so far (``effort``)."""

    def __init__(self, number: str, case: Case, name: str, words: Sequence[str]) -> None:
        self.number, self.effort = number, case.effort
        self.answer: Answer | None = None
        self.refusal: SolverError | None = None
        self._failure: BaseException | None = None
        self._done = threading.Event()
        work = threading.Thread(target=self._work, args=(case, name, words), daemon=True)
        work.start()

    def _work(self, case: Case, name: str, words: Sequence[str]) -> None:
        try:
            self.answer = answer(case, name, words)
        except SolverError as refusal:
            self.refusal = refusal
        except BaseException as failure:
            self._failure = failure
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Whether it is answered within so many seconds. Raises what went wrong with it."""
        ended = self._done.wait(seconds)
        if self._failure is not None:
            raise self._failure
        return ended


class Asking:
    """The questions of a page, by number; the same question is not asked twice at a time."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._asked: OrderedDict[str, tuple[tuple[object, ...], Asked]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, case: Case, name: str, words: Sequence[str]) -> Asked:
        """A question, or the same one that is under way."""
        key = (case.planner.key(case.loaded, False), name, tuple(words), case.effort.seconds)
        with self._lock:
            for known, asked in self._asked.values():
                if known == key and not asked.wait(0):
                    return asked
            asked = Asked(str(next(self._numbers)), case, name, words)
            self._asked[asked.number] = (key, asked)
            ended = [n for n, (_, a) in self._asked.items() if a.wait(0)]
            for number in ended[: max(0, len(self._asked) - REMEMBERED)]:
                del self._asked[number]
            return asked

    def get(self, number: str) -> Asked | None:
        """A question that was begun."""
        with self._lock:
            return self._asked.get(number, (None, None))[1]
