"""Strict YAML: scalars stay text, and every value knows its file, line and column.

Types of fields decide what a scalar means, so ``NO``, ``010``, ``1e9`` and ``12:30`` are never guessed.
What makes YAML surprising is refused with a remedy: duplicate keys, anchors and aliases, merge keys, tags,
several documents, tabs, control characters, deep nesting and very large files.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from solver.errors import InputError, Place
from solver.inputs.validation import ModelT, build_at
from solver.inputs.yaml_parser import FORBIDDEN, MAX_DEPTH, Builder

MAX_BYTES = 10_000_000

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """A parsed file: dicts, lists, texts and None; ``marks`` maps a path to its line and column."""

    file: str
    data: Any
    marks: dict[str, tuple[int, int]]
    sha256: str

    @cached_property
    def places(self) -> dict[str, Place]:
        """The place of each path such as ``services.0.levels.tpot_ms``."""
        return {path: Place(self.file, *mark) for path, mark in self.marks.items()}

    def place(self, path: str) -> Place:
        """The place of ``path`` or of its nearest stated parent."""
        while path and path not in self.marks:
            path = path.rpartition(".")[0]
        return Place(self.file, *self.marks.get(path, (1, 0)))


def load_yaml(path: Path, *, text: str | None = None) -> Document:
    """Parse the file at ``path`` (or ``text``, then ``path`` only names it in messages)."""
    raw = read_bytes(path) if text is None else text.encode("utf-8", "surrogatepass")
    file = str(path)
    if len(raw) > MAX_BYTES:
        raise InputError.at(file, 0, f"larger than {MAX_BYTES // 10**6} MB", "split it or move curves to CSV")
    content = decode(raw, file)
    try:
        data, marks = Builder(file).build(_Loader(content))
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(file, error) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError.at(file, 0, f"not YAML: {_one_line(str(error))}", "check the syntax") from None
    return Document(file, data, marks, hashlib.sha256(raw).hexdigest())


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file of at most ``limit`` bytes."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError.at(str(path), 0, "not a regular file", "name a file")
        if status.st_size > limit:
            raise InputError.at(str(path), 0, f"larger than {limit / 1e6:g} MB", "make the file smaller")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError.at(str(path), 0, f"cannot be read ({reason})", "check the path") from None


def decode(raw: bytes, file: str, *, tabs: bool = False) -> str:
    """UTF-8 text without control characters (``tabs`` allows tab characters)."""
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError.at(file, line, "not UTF-8 text", "save the file as UTF-8") from None
    for found in FORBIDDEN.finditer(content):
        if found[0] == "\t" and tabs:
            continue
        line = content.count("\n", 0, found.start()) + 1
        column = found.start() - content.rfind("\n", 0, found.start())
        what = "a tab" if found[0] == "\t" else f"the control character U+{ord(found[0]):04X}"
        raise InputError.at(file, line, what, "write spaces" if found[0] == "\t" else "delete it", column)
    return content


def _syntax_error(file: str, error: yaml.MarkedYAMLError) -> InputError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    words = ", ".join(part for part in (error.context, error.problem) if part)
    if "nesting depth" in words:  # newer parsers stop before the builder sees the 65th level
        return InputError.at(file, line, f"nested deeper than {MAX_DEPTH} levels", "flatten it", column)
    problem = f"not YAML: {_one_line(words)}"
    return InputError.at(file, line, problem, "check colons, indents and quotes", column)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def build(model_type: type[ModelT], document: Document, *, at: str = "", data: Any = None) -> ModelT:
    """The part of ``document`` at path ``at`` as a pydantic object, or all complaints at once.

    ``data`` replaces that part where the caller has completed it; places still come from ``at``.
    """
    if data is None:
        data = document.data
        for part in at.split(".") if at else ():
            data = data[int(part)] if isinstance(data, list) else data[part]
    return build_at(model_type, data, document.place, at)
