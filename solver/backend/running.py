"""HiGHS run in a thread of its own, so that Ctrl-C is heard while it works."""

from __future__ import annotations

import threading

import highspy


def run(highs: highspy.Highs) -> bool:
    """Run HiGHS on the model it holds; whether Ctrl-C stopped it (a second one is raised at once)."""
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
    interrupted = False
    while not done.is_set():
        try:
            done.wait(0.2)
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            highs.cancelSolve()  # type: ignore[no-untyped-call]
    if failure:
        raise failure[0]
    return interrupted
