"""A session on disk: one SQLite file in write-ahead mode, safe against kill -9 and for several processes.

An event is acknowledged once its transaction is on disk (``synchronous=FULL``). Writers take the write lock
before they read the journal, so an event is judged against the very journal it is added to. Plans are kept
under the hash of everything they were computed from (solver.whatif.planner).
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from solver.errors import InputError, SolverError
from solver.whatif.journal import KINDS, Event, Journal, Kind, replayed

FORMAT = "fleet-session/1"
APPLICATION_ID = 0x464C5431
WAIT_S = 30.0
ASK_AGAIN_S = (0.0005, 0.004)  # at random, so that two who wait do not keep step
LEFT_OPEN_S = 0.006  # a writer does not take the lock again before those who wait have asked for it
MAGIC = b"SQLite format 3\x00"

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, "
    "branch TEXT NOT NULL, text TEXT NOT NULL, node INTEGER NOT NULL) STRICT",
    "CREATE TABLE plans (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT",
)


def is_store(path: Path) -> bool:
    """Whether a file is an SQLite database."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


class Store:
    """The tables of a session; ``path`` None keeps them in memory."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._journal = Journal()
        self._gave_back = 0.0  # when the write lock was last given back
        name = ":memory:" if path is None else str(path)
        try:
            self._db = sqlite3.connect(name, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise self._refusal(error) from None

    def _prepare(self) -> None:
        for pragma in ("trusted_schema=OFF", "synchronous=FULL", "cell_size_check=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._patiently("PRAGMA journal_mode=WAL")
        if self._made() == sorted(_SCHEMA):
            return  # who opens a session need not wait for those who write
        with self._transaction():
            made = self._made()
            if not made:
                for statement in _SCHEMA:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            elif made != sorted(_SCHEMA):
                raise InputError.at(str(self.path), 0, "this is not a session", "name another file")

    def _made(self) -> list[str]:
        rows = self._db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        return sorted(row[0] for row in rows if "sqlite_sequence" not in row[0])

    def _patiently(self, statement: str) -> None:
        """Carry out a statement that needs the write lock, as soon as it is free.

        SQLite itself asks ten times a second, which meets the gap between the transactions of a process that
        writes without pause by luck alone, and for a change of mode not at all.
        """
        deadline = time.monotonic() + WAIT_S
        self._db.execute("PRAGMA busy_timeout=0")
        try:
            while True:
                try:
                    self._db.execute(statement)
                    return
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() > deadline:
                        raise
                    time.sleep(random.uniform(*ASK_AGAIN_S))  # noqa: S311 (no secret)
        finally:
            self._db.execute(f"PRAGMA busy_timeout={WAIT_S * 1000:.0f}")

    def _refusal(self, error: sqlite3.Error) -> SolverError:
        if "locked" in str(error) or "busy" in str(error):
            return SolverError(f"{self.path} is locked by another process for more than {WAIT_S:g} s")
        if isinstance(error, sqlite3.OperationalError):
            return SolverError(f"{self.path} cannot be opened or written ({error})")
        return InputError.at(str(self.path), 0, f"this is not a session ({error})", "name another file")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            time.sleep(max(0.0, self._gave_back + LEFT_OPEN_S - time.monotonic()))
            self._patiently("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            else:
                self._db.execute("COMMIT")
            finally:
                self._gave_back = time.monotonic()

    def close(self) -> None:
        """Close the file; what was acknowledged is on disk already."""
        with self._lock:
            self._db.close()

    # -- what the session is about ---------------------------------------------------------------

    def get(self, key: str) -> str | None:
        """A value of the session's facts."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def begin(self, facts: dict[str, str]) -> None:
        """State what a new session is about; in an existing one nothing happens."""
        if self.get("format") is not None:
            return
        with self._transaction():
            if self.get("format") is None:
                self._db.executemany("INSERT INTO meta VALUES (?, ?)", sorted(facts.items()))

    # -- the journal -----------------------------------------------------------------------------

    def events(self, after: int = 0) -> list[Event]:
        """The journal's events behind one of them, in order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT seq, at, kind, branch, text, node FROM events WHERE seq > ? ORDER BY seq", (after,)
            ).fetchall()
        for row in rows:
            if row[2] not in KINDS:
                raise InputError.at(str(self.path), 0, f"an event is a '{row[2]}'", "use a newer version")
        return [Event(*row) for row in rows]

    def journal(self) -> Journal:
        """The journal as it stands on disk, with what other processes added."""
        with self._lock:
            self._journal = replayed(self.events(self._journal.last), self._journal)
            return self._journal

    def append(
        self,
        kind: Kind,
        branch: str,
        text: Callable[[Journal], str] | str = "",
        node: int | None = None,
    ) -> Event:
        """Add an event and put it on disk.

        ``text`` may be made from the journal the event is added to; whatever it raises leaves no trace.
        """
        try:
            with self._transaction():
                journal = self.journal()
                said = text if isinstance(text, str) else text(journal)
                at = datetime.now(UTC).isoformat(timespec="seconds")
                number = journal.head(branch) if node is None and kind == "note" else node or 0
                cursor = self._db.execute(
                    "INSERT INTO events (at, kind, branch, text, node) VALUES (?, ?, ?, ?, ?)",
                    (at, kind, branch, said, number),
                )
                event = Event(int(cursor.lastrowid or 0), at, kind, branch, said, number)
                made = journal.after(event)
        except sqlite3.Error as error:
            raise self._refusal(error) from None
        with self._lock:
            if self._journal.last < event.seq:
                self._journal = made if self._journal is journal else self._journal
        return event

    def restore(self, facts: dict[str, str], events: list[Event], plans: dict[str, str]) -> None:
        """Fill a new session with all of another one; it must be empty."""
        with self._transaction():
            if self.get("format") is not None:
                raise InputError.at(str(self.path), 0, "there is a session already", "name a new file")
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", sorted(facts.items()))
            self._db.executemany(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
                [(e.seq, e.at, e.kind, e.branch, e.text, e.node) for e in events],
            )
            self._db.executemany(
                "INSERT INTO plans VALUES (?, ?)", [(k, zlib.compress(v.encode())) for k, v in plans.items()]
            )

    # -- plans -----------------------------------------------------------------------------------

    def plan(self, key: str) -> str | None:
        """The text kept under a key."""
        with self._lock:
            row = self._db.execute("SELECT body FROM plans WHERE key = ?", (key,)).fetchone()
        try:
            return None if row is None else zlib.decompress(row[0]).decode()
        except (zlib.error, UnicodeDecodeError, TypeError):
            return None  # damaged: solved again

    def keep(self, key: str, body: str) -> None:
        """Keep a text; the first one kept under a key stays."""
        try:
            with self._transaction():
                self._db.execute(
                    "INSERT OR IGNORE INTO plans VALUES (?, ?)", (key, zlib.compress(body.encode()))
                )
        except sqlite3.Error as error:
            raise self._refusal(error) from None

    def plan_keys(self) -> list[str]:
        """Keys of all plans kept."""
        with self._lock:
            return [row[0] for row in self._db.execute("SELECT key FROM plans ORDER BY key")]
