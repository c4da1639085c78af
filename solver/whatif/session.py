"""A what-if session: states made of named changes, each with its verified plan."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload
from solver.engine.solve import Request
from solver.errors import InputError, UsageError
from solver.performance.calibration import Calibration, load_calibration
from solver.whatif.apply import apply_change
from solver.whatif.journal import BRANCH_NAME, MAIN, Journal, Node
from solver.whatif.language import canonical
from solver.whatif.planner import USUAL, Planner, Result
from solver.whatif.store import FORMAT, Store

REMEMBERED = 64  # workloads of states kept in memory
NOTE_LONGEST = 10_000


@dataclass(frozen=True)
class State:
    """A state for people: its number, its name in words, the changes that lead to it."""

    number: int
    changes: tuple[str, ...]
    branches: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """``base`` or ``@7 demand.chat=x2``."""
        return "base" if not self.number else f"@{self.number} {self.changes[-1]}"


class Session:
    """One process's view of a session; several may work on one file at the same time."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog | None = None,
        calibration: Calibration | None = None,
        request: Request = USUAL,
        branch: str = MAIN,
    ) -> None:
        if catalog is None:
            from solver.inputs.catalogs import load_catalog

            catalog = load_catalog()
        base = store.get("base")
        if store.get("format") != FORMAT or base is None:
            raise InputError.at(str(store.path), 0, "this session holds no workload", "name a workload")
        self.store, self.catalog = store, catalog
        try:
            self.base = LoadedWorkload.model_validate_json(base)
            store.journal()
        except (ValueError, KeyError, UsageError) as error:
            words = str(error).splitlines()[0]
            raise InputError.at(str(store.path), 0, f"this session is damaged ({words})") from None
        self.planner = Planner(store, catalog, calibration or load_calibration(), request)
        self.branch = branch
        self._states: OrderedDict[int, LoadedWorkload] = OrderedDict()
        self._lock = threading.RLock()
        self.journal.head(branch)

    @classmethod
    def begin(
        cls,
        path: Path | None,
        loaded: LoadedWorkload,
        catalog: Catalog | None = None,
        calibration: Calibration | None = None,
    ) -> Session:
        """A session about a workload: a new one, or the one in ``path`` if it is about the same file."""
        store = Store(path)
        store.begin({"format": FORMAT, "base": loaded.model_dump_json(), "name": loaded.workload.name})
        session = cls(store, catalog, calibration)
        if session.base.sha256 != loaded.sha256 or session.base.workload != loaded.workload:
            raise InputError.at(
                str(path),
                0,
                f"this session is about another workload ({session.base.file})",
                "name another session file, or open the session file itself",
            )
        return session

    def on(self, branch: str) -> Session:
        """The same session seen from another branch; plans and workloads in memory are shared."""
        self.journal.head(branch)
        view = copy.copy(self)
        view.branch = branch
        return view

    @property
    def journal(self) -> Journal:
        """The journal with what other processes added."""
        return self.store.journal()

    # -- changes ---------------------------------------------------------------------------------

    def change(self, text: str) -> Node:
        """Make a change on the present branch; it is on disk when this returns."""

        def judged(journal: Journal) -> str:
            """The change in canonical form, as the journal now stands. Raises where it cannot be made."""
            loaded = self._loaded(journal, journal.head(self.branch))
            line = canonical(text, loaded, self.catalog)
            apply_change(loaded, line, self.catalog)
            return line

        event = self.store.append("change", self.branch, judged)
        return self.journal.nodes[event.seq]

    def tried(self, text: str) -> tuple[str, LoadedWorkload]:
        """A change in canonical form and the workload after it; nothing is written."""
        line = canonical(text, self.loaded(), self.catalog)
        return line, apply_change(self.loaded(), line, self.catalog)

    def undo(self) -> int:
        """Go back one change; the node that is now the head."""
        return self._step("undo")

    def redo(self) -> int:
        """Take back the last undo; the node that is now the head."""
        return self._step("redo")

    def _step(self, kind: str) -> int:
        self.store.append("undo" if kind == "undo" else "redo", self.branch)
        return self.head

    def new_branch(self, name: str, ref: str = "") -> None:
        """Start a branch at a state (default: the present one) and go there."""
        if not BRANCH_NAME.fullmatch(name):
            raise UsageError(f"'{name[:60]}' is no name for a branch; write letters, digits, - and _")
        self.store.append("branch", name, node=self.resolve(ref))
        self.branch = name

    def switch(self, name: str) -> None:
        """Go to another branch."""
        self.journal.head(name)
        self.branch = name

    def note(self, text: str, ref: str = "") -> None:
        """Write a note on a state."""
        said = " ".join(text.split())
        if not said or len(said) > NOTE_LONGEST:
            raise UsageError(f"write a note of 1 to {NOTE_LONGEST} characters")
        self.store.append("note", self.branch, said, node=self.resolve(ref))

    # -- states ----------------------------------------------------------------------------------

    @property
    def head(self) -> int:
        """The node of the present branch."""
        return self.journal.head(self.branch)

    def resolve(self, ref: str) -> int:
        """The node that a reference means (see Journal.resolve)."""
        return self.journal.resolve(ref.strip(), self.branch)

    def state(self, ref: str = "") -> State:
        """A state for people."""
        journal = self.journal
        number = journal.resolve(ref.strip(), self.branch)
        return State(
            number,
            tuple(node.change for node in journal.path(number)),
            tuple(sorted(name for name, head in journal.heads.items() if head == number)),
            journal.notes.get(number, ()),
        )

    def loaded(self, ref: str = "") -> LoadedWorkload:
        """The workload of a state."""
        journal = self.journal
        return self._loaded(journal, journal.resolve(ref.strip(), self.branch))

    def _loaded(self, journal: Journal, number: int) -> LoadedWorkload:
        with self._lock:
            missing: list[Node] = []
            while number and number not in self._states:
                missing.append(journal.nodes[number])
                number = journal.nodes[number].parent
            loaded = self._states[number] if number else self.base
            for node in reversed(missing):
                loaded = apply_change(loaded, node.change, self.catalog)
                self._states[node.number] = loaded
            while len(self._states) > REMEMBERED:
                self._states.popitem(last=False)
            return loaded

    def result(self, ref: str = "", compare: bool = False) -> Result:
        """The verified plan of a state, or why there is none."""
        return self.planner.result(self.loaded(ref), compare)

    def close(self) -> None:
        """Close the file."""
        self.store.close()
