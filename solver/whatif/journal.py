"""The journal of a session: events that are only ever added, and the tree of states they make.

A state is a node: the base (0) or a change on top of another node, numbered by its event. A branch is a
name for a node that moves with changes, undo and redo. Nothing is forgotten: a change that was undone stays
in the tree and can be named, compared and branched from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from solver.errors import UsageError

Kind = Literal["change", "undo", "redo", "branch", "note"]
KINDS: tuple[Kind, ...] = ("change", "undo", "redo", "branch", "note")
MAIN = "main"
BRANCH_NAME = re.compile(r"[A-Za-z][\w.-]{0,59}")


@dataclass(frozen=True)
class Event:
    """A line of the journal. ``text``: the change or note; ``node``: where a branch starts, what is noted."""

    seq: int
    at: str  # UTC, ISO 8601; not a part of any plan
    kind: Kind
    branch: str
    text: str = ""
    node: int = 0


@dataclass(frozen=True)
class Node:
    """A state: ``change`` (canonical) on top of ``parent``."""

    number: int
    parent: int
    change: str
    at: str


@dataclass(frozen=True)
class Journal:
    """The tree of states and the branches after some events."""

    nodes: dict[int, Node] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=lambda: {MAIN: 0})
    redos: dict[str, tuple[int, ...]] = field(default_factory=dict)
    notes: dict[int, tuple[str, ...]] = field(default_factory=dict)
    last: int = 0

    def head(self, branch: str) -> int:
        """The node of a branch."""
        if branch not in self.heads:
            raise UsageError(f"no branch is called '{branch}'; there are {', '.join(self.heads)}")
        return self.heads[branch]

    def path(self, number: int) -> tuple[Node, ...]:
        """The changes from the base to a node, in order."""
        found = []
        while number:
            node = self.nodes[number]
            found.append(node)
            number = node.parent
        return tuple(reversed(found))

    def resolve(self, ref: str, branch: str = MAIN) -> int:
        """The node that ``base``, ``@7``, a branch name, ``head`` or nothing (the current head) means."""
        if ref in ("", "head", "now"):
            return self.head(branch)
        if ref == "before":
            number = self.head(branch)
            return self.nodes[number].parent if number else 0
        if ref == "base":
            return 0
        number = int(ref[1:]) if re.fullmatch(r"@[0-9]{1,9}", ref) else -1
        if number == 0 or number in self.nodes:
            return number
        if ref in self.heads:
            return self.heads[ref]
        raise UsageError(
            f"no state is called '{ref[:60]}'; write base, before, @NUMBER (see history) or a branch: "
            f"{', '.join(self.heads)}"
        )

    def after(self, event: Event) -> Journal:
        """The journal with one more event; UsageError where it makes no sense."""
        return replace(_STEPS[event.kind](self, event), last=event.seq)


def _change(journal: Journal, event: Event) -> Journal:
    node = Node(event.seq, journal.head(event.branch), event.text, event.at)
    return replace(
        journal,
        nodes={**journal.nodes, event.seq: node},
        heads={**journal.heads, event.branch: event.seq},
        redos={**journal.redos, event.branch: ()},
    )


def _undo(journal: Journal, event: Event) -> Journal:
    number = journal.head(event.branch)
    if number == 0:
        raise UsageError("there is nothing to undo: this is the base")
    return replace(
        journal,
        heads={**journal.heads, event.branch: journal.nodes[number].parent},
        redos={**journal.redos, event.branch: (*journal.redos.get(event.branch, ()), number)},
    )


def _redo(journal: Journal, event: Event) -> Journal:
    journal.head(event.branch)
    waiting = journal.redos.get(event.branch, ())
    if not waiting:
        raise UsageError("there is nothing to redo")
    return replace(
        journal,
        heads={**journal.heads, event.branch: waiting[-1]},
        redos={**journal.redos, event.branch: waiting[:-1]},
    )


def _branch(journal: Journal, event: Event) -> Journal:
    if not BRANCH_NAME.fullmatch(event.branch) or event.branch in ("base", "head", "now", "before"):
        raise UsageError(f"'{event.branch[:60]}' is no name for a branch; write letters, digits, - and _")
    if event.branch in journal.heads:
        raise UsageError(f"there is a branch '{event.branch}' already")
    if event.node and event.node not in journal.nodes:
        raise UsageError(f"there is no state @{event.node}")
    return replace(journal, heads={**journal.heads, event.branch: event.node})


def _note(journal: Journal, event: Event) -> Journal:
    number = event.node
    return replace(journal, notes={**journal.notes, number: (*journal.notes.get(number, ()), event.text)})


_STEPS = {"change": _change, "undo": _undo, "redo": _redo, "branch": _branch, "note": _note}


def replayed(events: Iterable[Event], start: Journal | None = None) -> Journal:
    """The journal that events make."""
    journal = start or Journal()
    for event in events:
        journal = journal.after(event)
    return journal
