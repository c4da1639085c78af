"""Two processes on one session: changes, undo, redo, branches and notes at random; one of them is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from whatif_case import loaded

from solver.inputs.catalogs import load_catalog
from solver.whatif.apply import apply_change
from solver.whatif.journal import Journal, replayed
from solver.whatif.session import Session
from solver.whatif.store import Store

#: A process that acts at random on the branches of a session and tells the number of each event on disk.
ACTOR = """
import random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from solver.errors import UsageError
from solver.whatif.session import Session
from solver.whatif.store import Store
name, rng = sys.argv[2], random.Random(int(sys.argv[3]))
session = Session(Store(Path(sys.argv[1])))
print("ready", flush=True)
for n in range(int(sys.argv[5])):
    session.switch(rng.choice(list(session.journal.heads)))
    what = rng.choice(("change",) * 4 + ("undo", "redo", "note", "branch"))
    try:
        if what == "change":
            number = session.change(f"price.dgx-b200={rng.randrange(100, 900)}k").number
        elif what == "note":
            number = session.store.append("note", session.branch, f"{name} {n}").seq
        elif what == "branch":
            number = session.store.append("branch", f"{name}{n}", node=session.head).seq
        else:
            number = session.store.append(what, session.branch).seq
        print(number, flush=True)
    except UsageError:
        pass
"""
EVENTS = 12
CATALOG = load_catalog()


def actor(path: Path, name: str, seed: int, count: int = EVENTS) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", ACTOR, str(path), name, str(seed), here, str(count)]
    root = str(Path(__file__).parents[1])
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    )


def told(process: subprocess.Popen[str]) -> list[int]:
    """Events that a process acknowledged; a line that was cut off by the kill is none."""
    assert process.stdout is not None
    text = process.stdout.read()
    process.wait()
    process.stdout.close()
    return [int(line) for line in text.split("\n")[:-1] if line.isdecimal()]


def trial(path: Path, seed: int, kill: bool) -> None:
    """One run of two processes; everything acknowledged is there, once, and the journal makes sense."""
    Session.begin(path, loaded()).close()
    one, two = actor(path, "a", 2 * seed), actor(path, "b", 2 * seed + 1, 10_000 if kill else EVENTS)
    for process in (one, two):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    if kill:
        time.sleep(random.Random(seed).uniform(0.0, 0.1))
        two.send_signal(signal.SIGKILL)
    first = told(one)
    if not kill:
        assert one.returncode == 0
    second = told(two)
    store = Store(path)
    events = store.events()
    numbers = [e.seq for e in events]
    assert numbers == sorted(set(numbers))
    assert not set(first) & set(second)
    lost = {*first, *second} - {*numbers}
    assert not lost, f"acknowledged and gone: {lost}"
    unacknowledged = {*numbers} - {*first, *second}
    assert len(unacknowledged) <= (1 if kill else 0)  # on disk, and killed before it could tell
    journal = replayed(events, Journal())  # raises where an event makes no sense after those before
    assert journal.heads == store.journal().heads
    session = Session(store, CATALOG)
    for branch, head in journal.heads.items():
        state = loaded()
        for node in journal.path(head):
            state = apply_change(state, node.change, CATALOG)
        assert session.loaded(branch).workload == state.workload
    store.close()


#: A process that writes without pause, and takes long over each event.
HOG = """
import sys, time
from pathlib import Path
from solver.whatif.store import Store
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    store.append("note", "main", lambda journal: time.sleep(0.2) or "again")
"""


def test_who_writes_without_pause_lets_others_in(tmp_path: Path) -> None:
    """Another process opens the session at once and waits no longer than the event takes."""
    path = tmp_path / "a.whatif"
    Session.begin(path, loaded()).close()
    root = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    hog = subprocess.Popen(
        [sys.executable, "-c", HOG, str(path)], stdout=subprocess.PIPE, text=True, env=root
    )
    try:
        assert hog.stdout is not None
        assert hog.stdout.readline() == "ready\n"
        time.sleep(0.1)
        one = Session.begin(path, loaded(), CATALOG)
        for count in range(1, 11):
            one.change("demand x1.01")
            assert len(one.state().changes) == count
        between = sum(e.kind == "note" for e in one.store.events())
        one.close()
    finally:
        hog.kill()
        hog.communicate()
    assert between <= 3 * 10, f"{between} events of the other came before 10 of our own"


def test_two_processes(tmp_path: Path) -> None:
    trial(tmp_path / "a.whatif", 1, kill=False)
    trial(tmp_path / "b.whatif", 2, kill=True)


@pytest.mark.long
def test_200_trials(tmp_path: Path) -> None:
    for seed in range(200):
        trial(tmp_path / f"{seed}.whatif", seed, kill=seed % 2 == 1)
