"""Sentences whose numbers know where they come from: plain text on a terminal, links on a page.

An origin is ``(table,)`` for a number that is computed (how: the method of that table),
``("catalog", subject, quantity)`` for a catalog value, ``("stated", path)`` for a statement of the workload
and ``("asked",)`` for what a question was asked with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Origin = tuple[str, ...]


@dataclass(frozen=True)
class Number:
    """A number in words with its origin."""

    text: str
    origin: Origin

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Told:
    """Words and numbers in order."""

    parts: tuple[str | Number, ...] = ()

    def __str__(self) -> str:
        return "".join(map(str, self.parts))

    def __bool__(self) -> bool:
        return bool(self.parts)


Part = str | Number | Told


def number_of(text: str, *origin: str) -> Number:
    """A number in words that comes from ``origin``."""
    return Number(text, origin)


def told(*parts: Part) -> Told:
    """Parts as one sentence."""
    found: list[str | Number] = []
    for part in parts:
        found += part.parts if isinstance(part, Told) else [part] if str(part) else []
    return Told(tuple(found))


def joined(separator: str, parts: Sequence[Part], last: str = "") -> Told:
    """Parts with a separator between them, and another before the last one where it is given."""
    found: list[Part] = []
    for n, part in enumerate(parts):
        if n:
            found.append(last if last and n == len(parts) - 1 else separator)
        found.append(part)
    return told(*found)


def in_line(parts: Sequence[Part]) -> Told:
    """Parts as an English list: a, b and c."""
    return joined(", ", parts, " and ")
