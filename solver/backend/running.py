"""HiGHS run in a thread of its own, so that Ctrl-C is heard while it works."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import highspy

#: Set by another thread that wants the solve of this one to stop; heard once, as one Ctrl-C is.
stopping: ContextVar[threading.Event | None] = ContextVar("stopping", default=None)


def run_here(highs: highspy.Highs) -> None:
    """Run HiGHS in this thread, where it does not hear Ctrl-C.

    HiGHS 1.16 refuses to run where this thread ran it before with another number of threads (its default is
    half of the cores), as users of PuLP or scipy do: its threads are ended then, and it runs.
    """
    if (
        highs.run() == highspy.HighsStatus.kError
        and highs.getModelStatus() == highspy.HighsModelStatus.kNotset
    ):
        highspy.Highs.resetGlobalScheduler(True)
        highs.run()


def run(highs: highspy.Highs) -> bool:
    """Run HiGHS on the model it holds; whether Ctrl-C (or `stopping`) stopped it.

    A second Ctrl-C is raised at once.
    """
    highs.HandleUserInterrupt = True
    failure: list[BaseException] = []
    done = threading.Event()  # Thread.join calls a running thread finished once Ctrl-C broke into it

    def work() -> None:
        try:
            highs.run()
        except BaseException as error:
            failure.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    interrupted, stop = False, stopping.get()
    while not done.is_set():
        try:
            if stop is not None and stop.is_set():
                stop.clear()
                raise KeyboardInterrupt
            done.wait(0.2)
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            highs.cancelSolve()  # type: ignore[no-untyped-call]
    if failure:
        raise failure[0]
    return interrupted
