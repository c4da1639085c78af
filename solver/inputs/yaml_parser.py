"""From YAML parser events to plain data and the mark of every path, without recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from solver.errors import InputError

MAX_DEPTH = 64
MAX_SCALARS = 200_000
MAX_DIGITS = 30

#: Control characters, separators that look like nothing, directional overrides, and the tab.
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\t]")
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_NUMBER = re.compile(r"[-+]?[0-9_]*+(?:\.[0-9_]*+)?(?:[eE][-+]?[0-9]+)?")  # linear: nothing is tried twice


@dataclass
class OpenNode:
    """A mapping or sequence whose end has not been seen yet."""

    path: str
    value: dict[str, Any] | list[Any]
    key: str | None = None
    key_path: str = ""


class Builder:
    """Builds plain data from parser events without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[str, tuple[int, int]] = {}
        self.stack: list[OpenNode] = []
        self.root: Any = None
        self.documents = 0
        self.scalars = 0

    def build(self, loader: Any) -> tuple[Any, dict[str, tuple[int, int]]]:
        """The data of a file, and line and column of each path. Raises InputError where it holds no keys."""
        try:
            for event in _events(loader):
                self._take(event)
        finally:
            loader.dispose()
        if not isinstance(self.root, dict | list):
            raise InputError.at(self.file, 1, "the file holds no keys", "write lines such as 'name: chat'")
        return self.root, self.marks

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._open(event, {})
        elif kind is yaml.SequenceStartEvent:
            self._open(event, [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self.stack.pop()
        elif kind is yaml.AliasEvent:
            raise self._error(event, f"the alias '*{event.anchor}'", "write the value out")
        elif kind is yaml.DocumentStartEvent:
            self.documents += 1
            if self.documents > 1:
                raise self._error(event, "a second document ('---')", "write one document per file")

    def _scalar(self, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self._refuse_anchor_or_tag(event)
        self.scalars += 1
        if self.scalars > MAX_SCALARS:
            raise self._error(event, f"more than {MAX_SCALARS:,} values", "move curves to CSV")
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and type(top.value) is dict:
            self._key(event, top)
        else:
            self._put(event, self._value(event))

    def _value(self, event: Any) -> str | None:
        text: str = event.value
        if event.style:
            if event.style == '"' and FORBIDDEN.search(text):
                raise self._error(event, "an escaped control character", "delete it")
            return text
        if text in _NULLS:
            return None
        if len(text) > 4 and text[0] in "0123456789.+-" and _NUMBER.fullmatch(text):
            self._check_number(event, text)
        return text

    def _check_number(self, event: Any, text: str) -> None:
        mantissa = re.split("[eE]", text)[0]
        digits = sum(c.isdigit() for c in mantissa)
        if digits > MAX_DIGITS:
            raise self._error(event, f"a number of {digits} digits", f"write at most {MAX_DIGITS} digits")
        try:
            number = float(text)
        except ValueError:
            return
        if number in (float("inf"), float("-inf")) or (number == 0 and re.search("[1-9]", mantissa)):
            raise self._error(event, f"'{text}' is beyond double precision", "write a smaller exponent")

    def _key(self, event: Any, top: OpenNode) -> None:
        assert isinstance(top.value, dict)
        key: str = event.value
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        if not event.style and key == "<<":
            raise self._error(event, "a merge key '<<'", "write the keys out")
        if not event.style and key in _NULLS:
            raise self._error(event, "a key that is empty", "write a name before the colon")
        if event.style == '"' and FORBIDDEN.search(key):
            raise self._error(event, "an escaped control character", "delete it")
        path = f"{top.path}.{key}" if top.path else key
        if key in top.value:
            first = self.marks[path][0]
            raise self._error(event, f"the key '{key}' is already in line {first}", "keep one of the two")
        top.key, top.key_path = key, path
        top.value[key] = None  # reserves the place in the order of the file
        self.marks[path] = mark

    def _open(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        if event.anchor is not None or event.tag is not None:
            self._refuse_anchor_or_tag(event)
        if len(self.stack) >= MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        self.stack.append(OpenNode(self._put(event, value), value))

    def _put(self, event: Any, value: Any) -> str:
        """Store ``value`` where it belongs; returns its path."""
        if not self.stack:
            self.root = value
            return ""
        top = self.stack[-1]
        if type(top.value) is list:
            path = f"{top.path}.{len(top.value)}" if top.path else str(len(top.value))
            self.marks[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
            top.value.append(value)
            return path
        if top.key is None:
            raise self._error(event, "a key that is a list or mapping", "write a plain name before the colon")
        top.value[top.key] = value  # type: ignore[call-overload]
        top.key = None
        return top.key_path

    def _refuse_anchor_or_tag(self, event: Any) -> None:
        if event.anchor is not None:
            raise self._error(event, f"the anchor '&{event.anchor}'", "write the value out")
        raise self._error(event, f"the tag '{event.tag}'", "write the plain value")

    def _error(self, event: Any, problem: str, remedy: str) -> InputError:
        mark = event.start_mark
        return InputError.at(self.file, mark.line + 1, problem, remedy, mark.column + 1)


def _events(loader: Any) -> Iterator[Any]:
    while True:
        event = loader.get_event()
        if event is None or type(event) is yaml.StreamEndEvent:
            return
        yield event
