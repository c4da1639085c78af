"""Scenarios solved in this process or by worker processes; each finished chunk goes to the store."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from solver import __version__
from solver.errors import UsageError
from solver.formulation.prepare import Prepared
from solver.sensitivity.factors import Factor
from solver.sensitivity.known import Known
from solver.sensitivity.scenario import Scenarios, Task
from solver.sensitivity.scenario_check import ScenarioCheck
from solver.sensitivity.store import Store

CHUNK = 4
Records = list[dict[str, Any]]
#: What a worker builds its model from.
Model = tuple[Prepared, tuple[Factor, ...], ScenarioCheck | None]
Solve = Callable[[list[list[Task]], Known | None], Iterator[Records]]
_scenarios: Scenarios | None = None
_lock = threading.Lock()


class Crew:
    """Solves tasks in this process, by worker processes or on a cluster; models are kept until the end.

    Finished chunks go to the store at once; tasks that are in it are not solved again.
    """

    def __init__(
        self,
        prepared: Prepared,
        factors: tuple[Factor, ...],
        store: Store,
        jobs: int = 1,
        dask: str = "",
        check: ScenarioCheck | None = None,
    ) -> None:
        self.model: Model = (prepared, factors, check)
        self.store, self.jobs, self.dask = store, jobs, dask
        self._opened = contextlib.ExitStack()
        self._solve: Solve | None = None

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def run(self, tasks: Sequence[Task], label: str, known: Known | None = None) -> Records:
        """The records of all tasks, in their order; ``known`` fleets are tried first."""
        missing = [t for t in tasks if t.id not in self.store.records]
        chunks = [missing[i : i + CHUNK] for i in range(0, len(missing), CHUNK)]
        if chunks:
            from rich.console import Console
            from rich.progress import Progress

            with Progress(console=Console(stderr=True), transient=True) as bar:
                shown = bar.add_task(label, total=len(tasks), completed=len(tasks) - len(missing))
                if self._solve is None:
                    self._solve = self._open()
                for records in self._solve(chunks, known):
                    self.store.add(records)
                    bar.advance(shown, len(records))
        return [self.store.records[t.id] for t in tasks]

    def _open(self) -> Solve:
        if self.dask:
            return self._opened.enter_context(_cluster(self.dask, self.model))
        if self.jobs > 1:
            return self._opened.enter_context(_processes(self.jobs, self.model))
        scenarios = Scenarios(*self.model)
        return lambda chunks, known: ([scenarios.run(t, known) for t in chunk] for chunk in chunks)


@contextlib.contextmanager
def _processes(jobs: int, model: Model) -> Iterator[Solve]:
    """Worker processes, each with its own model."""
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    with ProcessPoolExecutor(
        jobs, get_context("spawn"), initializer=_begin, initargs=(model, os.getpid())
    ) as pool:

        def solved(chunks: list[list[Task]], known: Known | None) -> Iterator[Records]:
            """Records of chunks of scenarios, in the order in which they end."""
            for future in as_completed([pool.submit(_run, chunk, known) for chunk in chunks]):
                yield future.result()

        try:
            yield solved
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(model: Model, parent: int) -> None:
    """Build the worker's model; a worker whose parent was killed ends itself."""
    global _scenarios
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _scenarios = Scenarios(*model)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _run(chunk: list[Task], known: Known | None) -> Records:
    assert _scenarios is not None
    return [_scenarios.run(task, known) for task in chunk]


# ---- the same on a Dask cluster ----

_kept: tuple[str, Scenarios] | None = None


@contextlib.contextmanager
def _cluster(address: str, model: Model) -> Iterator[Solve]:
    """The workers of a cluster; a lost worker's chunks go to another."""
    try:
        distributed = importlib.import_module("distributed")
    except ImportError:
        needed = "--dask needs the package distributed: pip install 'fleet-solver[cluster]'"
        raise UsageError(needed) from None
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {address}: {error}") from None
    with client:
        _same_versions(client, address)
        key = hashlib.sha256(pickle.dumps(model)).hexdigest()
        sent = client.scatter(model, broadcast=True, hash=False)

        def solved(chunks: list[list[Task]], known: Known | None) -> Iterator[Records]:
            """Records of chunks of scenarios, in the order in which they end."""
            futures = [
                client.submit(_run_kept, key, sent, chunk, known, pure=False, retries=5) for chunk in chunks
            ]
            for _, records in distributed.as_completed(futures, loop=client.loop, with_results=True):
                yield records

        yield solved


def _same_versions(client: Any, address: str) -> None:
    """Other versions could give other records."""
    here = versions()
    for worker, there in client.run(versions).items():
        if there != here:
            raise UsageError(f"{worker} at {address} has {there}, here is {here}; install the same versions")


def versions() -> dict[str, str]:
    """Versions that decide a record."""
    from importlib.metadata import version

    return {"solver": __version__} | {name: version(name) for name in ("highspy", "numpy", "pulp")}


def _run_kept(key: str, model: Model, chunk: list[Task], known: Known | None) -> Records:
    """A chunk on a cluster's worker, which keeps the last model it built; one at a time per process."""
    global _kept
    with _lock:
        if _kept is None or _kept[0] != key:
            _kept = (key, Scenarios(*model))
        return [_kept[1].run(task, known) for task in chunk]
