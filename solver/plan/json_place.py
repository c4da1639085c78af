"""The line of a value inside JSON text, for complaints about a file that parses but is not a plan."""

from __future__ import annotations

import json
import re

_SPACE = re.compile(r"[\s,:]*")
_DECODER = json.JSONDecoder()


def line_of(text: str, path: tuple[int | str, ...]) -> int:
    """Line (from 1) of the value at ``path`` in valid JSON, or of its nearest parent that exists."""
    at = _skip(text, 0)
    for part in path:
        found = _member(text, at, part)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _member(text: str, at: int, part: int | str) -> int | None:
    opening = text[at : at + 1]
    if opening not in ("{", "["):
        return None
    at, number = _skip(text, at + 1), 0
    while at < len(text) and text[at] not in "}]":
        key: int | str = number
        if opening == "{":
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
        if key == part:
            return at
        _, at = _DECODER.raw_decode(text, at)
        at, number = _skip(text, at), number + 1
    return None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
