"""Scenarios solved in this process or by worker processes; each finished chunk goes to the store."""

from __future__ import annotations

import hashlib
import importlib
import os
import pickle
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from solver import __version__
from solver.errors import UsageError
from solver.formulation.prepare import Prepared
from solver.sensitivity.factors import Factor
from solver.sensitivity.scenario import Scenarios, Task
from solver.sensitivity.store import Store

CHUNK = 4
_scenarios: Scenarios | None = None
_lock = threading.Lock()


def run_all(
    prepared: Prepared,
    factors: tuple[Factor, ...],
    tasks: Sequence[Task],
    store: Store,
    jobs: int,
    label: str,
    dask: str = "",
) -> list[dict[str, Any]]:
    """The records of all tasks, in their order; those in the store are not solved again."""
    missing = [t for t in tasks if t.id not in store.records]
    chunks = [missing[i : i + CHUNK] for i in range(0, len(missing), CHUNK)]
    if chunks:
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            shown = bar.add_task(label, total=len(tasks), completed=len(tasks) - len(missing))
            solved = on_cluster(dask, prepared, factors, chunks) if dask else None
            for records in solved or _solved(prepared, factors, chunks, jobs):
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


# ---- the same on a Dask cluster ----

_kept: tuple[str, Scenarios] | None = None


def on_cluster(
    address: str, prepared: Prepared, factors: tuple[Factor, ...], chunks: list[list[Task]]
) -> Iterator[list[dict[str, Any]]]:
    """Chunks solved by the workers of a cluster; a lost worker's chunks go to another."""
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
        key = hashlib.sha256(pickle.dumps((prepared, factors))).hexdigest()
        model = client.scatter((prepared, factors), broadcast=True, hash=False)
        futures = [client.submit(_run_kept, key, model, chunk, pure=False, retries=5) for chunk in chunks]
        for _, records in distributed.as_completed(futures, loop=client.loop, with_results=True):
            yield records


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


def _run_kept(
    key: str, model: tuple[Prepared, tuple[Factor, ...]], chunk: list[Task]
) -> list[dict[str, Any]]:
    """A chunk on a cluster's worker, which keeps the last model it built; one at a time per process."""
    global _kept
    with _lock:
        if _kept is None or _kept[0] != key:
            _kept = (key, Scenarios(*model))
        return [_kept[1].run(task) for task in chunk]
