"""The same scenarios on a local cluster of two workers, one of which dies."""

import json
import os
import signal

import pytest
from test_sensitivity_scenarios import CASES, DEMAND, solved

from solver.errors import UsageError
from solver.sensitivity import workers
from solver.sensitivity.known import known_of
from solver.sensitivity.scenario import Task
from solver.sensitivity.store import Store
from solver.sensitivity.uncertain import scenario_values

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as made:
        yield made


def run(cluster, count: int, store: Store | None = None) -> tuple[list, list]:
    prepared, price = CASES[0]
    tasks = [Task(str(n), v) for n, v in enumerate(scenario_values((price, DEMAND), count, seed=3))]
    here = solved(prepared, price, tasks, 1)
    known = known_of(here, (price, DEMAND), lambda _: "s1")
    kept, address = store or Store(None, "q"), cluster.scheduler_address
    with workers.Crew(prepared, (price, DEMAND), kept, dask=address) as crew:
        there = crew.run(tasks[:8], "") + crew.run(tasks[8:], "", known)
    return here[:8] + solved(prepared, price, tasks[8:], 1, known), there


def test_two_workers_give_the_records_of_one_process(cluster) -> None:
    here, there = run(cluster, 16)
    assert json.dumps(here) == json.dumps(there)


class Killing(Store):
    """A store that kills a process once the first chunk is in it."""

    victim = 0

    def add(self, records) -> None:
        super().add(records)
        if self.victim:
            os.kill(self.victim, signal.SIGKILL)
            self.victim = 0


def test_a_killed_worker_loses_nothing(cluster) -> None:
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))
    store = Killing(None, "q")
    store.victim = victim
    here, there = run(cluster, 120, store)
    assert store.victim == 0 and json.dumps(here) == json.dumps(there)


def test_other_versions_are_refused(cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    real = workers.versions()
    monkeypatch.setattr(workers, "__version__", "0.0.0")
    assert workers.versions() != real
    with pytest.raises(UsageError, match="same versions"):
        run(cluster, 8)


def test_nobody_answers() -> None:
    prepared, price = CASES[0]
    with pytest.raises(UsageError, match="no Dask scheduler"):
        tasks = [Task("0", (price.mode, 0.5))]
        with workers.Crew(prepared, (price, DEMAND), Store(None, "q"), dask="tcp://127.0.0.1:9") as crew:
            crew.run(tasks, "")
