"""Scenarios solved in this process or by worker processes; each finished chunk goes to the store."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from solver.formulation.prepare import Prepared
from solver.sensitivity.factors import Factor
from solver.sensitivity.scenario import Scenarios, Task
from solver.sensitivity.store import Store

CHUNK = 4
_scenarios: Scenarios | None = None


def run_all(
    prepared: Prepared,
    factors: tuple[Factor, ...],
    tasks: Sequence[Task],
    store: Store,
    jobs: int,
    label: str,
) -> list[dict[str, Any]]:
    """The records of all tasks, in their order; those in the store are not solved again."""
    missing = [t for t in tasks if t.id not in store.records]
    chunks = [missing[i : i + CHUNK] for i in range(0, len(missing), CHUNK)]
    if chunks:
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            shown = bar.add_task(label, total=len(tasks), completed=len(tasks) - len(missing))
            for records in _solved(prepared, factors, chunks, jobs):
                store.add(records)
                bar.advance(shown, len(records))
    return [store.records[t.id] for t in tasks]


def _solved(
    prepared: Prepared, factors: tuple[Factor, ...], chunks: list[list[Task]], jobs: int
) -> Iterator[list[dict[str, Any]]]:
    if jobs == 1 or len(chunks) == 1:
        scenarios = Scenarios(prepared, factors)
        for chunk in chunks:
            yield [scenarios.run(task) for task in chunk]
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=_begin, initargs=(prepared, factors, os.getpid())
    ) as pool:
        for future in as_completed([pool.submit(_run, chunk) for chunk in chunks]):
            yield future.result()


def _begin(prepared: Prepared, factors: tuple[Factor, ...], parent: int) -> None:
    """Build the worker's model; a worker whose parent was killed ends itself."""
    global _scenarios
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _scenarios = Scenarios(prepared, factors)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _run(chunk: list[Task]) -> list[dict[str, Any]]:
    assert _scenarios is not None
    return [_scenarios.run(task) for task in chunk]
