"""The journal: a tree that forgets nothing, on disk before it is acknowledged, safe for two processes."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.errors import InputError, SolverError, UsageError
from solver.whatif.journal import Event, Journal, replayed
from solver.whatif.store import Store

WRITER = """
import sys
from pathlib import Path
from solver.whatif.store import Store
store = Store(Path(sys.argv[1]))
for n in range(int(sys.argv[2])):
    event = store.append("change", "main", f"{sys.argv[3]} {n}")
    sys.stdout.write(f"{event.seq}\\n")
    sys.stdout.flush()
"""


def changes(*texts: str) -> list[Event]:
    return [Event(n, "t", "change", "main", text) for n, text in enumerate(texts, 1)]


def test_undo_redo_and_a_change_in_between() -> None:
    """a, b, undo, c: c follows a; b stays in the tree but cannot be redone."""
    events = [*changes("a", "b"), Event(3, "t", "undo", "main"), Event(4, "t", "change", "main", "c")]
    journal = replayed(events)
    assert [n.change for n in journal.path(4)] == ["a", "c"]
    assert [n.change for n in journal.path(2)] == ["a", "b"]
    with pytest.raises(UsageError, match="nothing to redo"):
        journal.after(Event(5, "t", "redo", "main"))
    undone = replayed([*events, Event(5, "t", "undo", "main"), Event(6, "t", "undo", "main")])
    assert undone.head("main") == 0
    with pytest.raises(UsageError, match="nothing to undo"):
        undone.after(Event(7, "t", "undo", "main"))
    again = replayed([Event(7, "t", "redo", "main"), Event(8, "t", "redo", "main")], undone)
    assert again.head("main") == 4


def test_branches_are_names_of_states() -> None:
    journal = replayed([*changes("a", "b"), Event(3, "t", "branch", "cheap", node=1)])
    journal = journal.after(Event(4, "t", "change", "cheap", "c"))
    assert journal.heads == {"main": 2, "cheap": 4}
    assert [n.change for n in journal.path(4)] == ["a", "c"]
    assert journal.resolve("cheap") == 4
    assert journal.resolve("base") == journal.resolve("@0") == 0
    assert journal.resolve("before", "cheap") == 1
    for bad in ("nothing", "@9", "@x", "-1"):
        with pytest.raises(UsageError, match="no state is called"):
            journal.resolve(bad)
    for name in ("cheap", "base", "two words", "", "@3"):
        with pytest.raises(UsageError):
            journal.after(Event(5, "t", "branch", name))


@given(st.lists(st.sampled_from("curb"), max_size=40))
def test_against_lists(steps: list[str]) -> None:
    """One branch behaves like two stacks of changes."""
    journal, done, undone = Journal(), list[int](), list[int]()
    for seq, step in enumerate(steps, 1):
        kind = {"c": "change", "u": "undo", "r": "redo", "b": "note"}[step]
        event = Event(seq, "t", kind, "main", "x")  # type: ignore[arg-type]
        try:
            journal = journal.after(event)
        except UsageError:
            assert (step == "u" and not done) or (step == "r" and not undone)
            continue
        if step == "c":
            done, undone = [*done, seq], []
        elif step == "u":
            undone.append(done.pop())
        elif step == "r":
            done.append(undone.pop())
    assert [n.number for n in journal.path(journal.head("main"))] == done


def test_kept_on_disk_and_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.whatif")
    store.begin({"format": "x"})
    store.append("change", "main", "one")
    store.append("note", "main", "why", node=1)
    store.keep("k", "plan text")
    store.keep("k", "another text")
    store.close()
    again = Store(tmp_path / "a.whatif")
    assert [e.text for e in again.events()] == ["one", "why"]
    assert again.journal().notes == {1: ("why",)}
    assert again.plan("k") == "plan text"
    assert again.plan("other") is None


def test_what_is_refused_leaves_no_trace(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.whatif")

    def refuse(journal: Journal) -> str:
        raise InputError.at("x", 0, "no")

    with pytest.raises(InputError):
        store.append("change", "main", refuse)
    with pytest.raises(UsageError):
        store.append("undo", "main")
    with pytest.raises(UsageError):
        store.append("change", "nowhere", "text")
    assert store.events() == []
    assert store.append("change", "main", "fine").seq == 1


def test_other_files_are_refused_and_stay_as_they_are(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other"
    text.write_text("this is no database, but long enough to look at" * 40)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE t (x)")
    database.close()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(InputError, match="not a session"):
            Store(path)
        if path == text:
            assert path.read_bytes() == before
    with pytest.raises(SolverError):
        Store(tmp_path / "no" / "folder" / "a.whatif")


def _writer(path: Path, count: int, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), str(count), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_write_one_session(tmp_path: Path) -> None:
    path = tmp_path / "shared.whatif"
    writers = [_writer(path, 40, name) for name in ("a", "b")]
    told = []
    for writer in writers:
        out, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        told += [int(n) for n in out.split()]
    events = Store(path).events()
    assert sorted(told) == [e.seq for e in events] == list(range(1, 81))
    for name in ("a", "b"):
        assert [e.text for e in events if e.text.startswith(name)] == [f"{name} {n}" for n in range(40)]


def _killed(path: Path, seed: int) -> None:
    """Kill a writer at a random time; everything it acknowledged must be there."""
    writer = _writer(path, 100_000, "k")
    assert writer.stdout is not None
    told = [int(writer.stdout.readline())]
    time.sleep(random.Random(seed).uniform(0, 0.05))
    os.kill(writer.pid, signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().split("\n")[:-1] if line]
    writer.stdout.close()
    writer.wait()
    store = Store(path)
    seqs = [e.seq for e in store.events()]
    assert told[-1] <= seqs[-1]
    assert set(told) <= set(seqs)
    assert store.journal().head("main") == seqs[-1]
    store.close()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    for seed in range(6):
        _killed(tmp_path / "killed.whatif", seed)  # the same file each time: it opens after every kill


@pytest.mark.long
def test_500_kills(tmp_path: Path) -> None:
    for seed in range(500):
        _killed(tmp_path / f"{seed // 20}.whatif", seed)
