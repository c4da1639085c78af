"""Finished scenarios in an append-only file: one JSON line each, synced, keyed by the question they answer.

A process killed at any time leaves whole lines and at most one torn one, which is cut off on opening.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from solver.errors import Complaint, InputError, Place, SolverError


class Store:
    """Records by id; without a path they stay in memory."""

    def __init__(self, path: Path | None, question: str) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self._file: BinaryIO | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open(path, question)
        except OSError as error:
            raise SolverError(f"{path} cannot be used as a store ({error.strerror or error})") from None

    def _open(self, path: Path, question: str) -> None:
        whole = 0
        header = None
        if path.exists():
            data = path.read_bytes()
            whole = data.rfind(b"\n") + 1
            for number, line in enumerate(data[:whole].splitlines(), 1):
                record = _record(path, number, line)
                if header is None:
                    header = record
                else:
                    self.records[str(record["id"])] = record
        if header is not None and header.get("question") != question:
            problem = "holds scenarios of another question (workload, catalog, factors or seed differ)"
            raise InputError(Complaint(Place(str(path), 1), problem, "name another file or delete this one"))
        file = path.open("r+b" if path.exists() else "w+b")
        file.truncate(whole)
        file.seek(whole)
        self._file = file
        if header is None:
            self._write([{"question": question}])

    def add(self, records: Iterable[dict[str, Any]]) -> None:
        """Keep records; on return they survive a crash."""
        new = list(records)
        if self._file is not None:
            self._write(new)
        self.records |= {str(r["id"]): r for r in new}

    def _write(self, records: list[dict[str, Any]]) -> None:
        assert self._file is not None
        text = "".join(json.dumps(r, sort_keys=True, allow_nan=False) + "\n" for r in records)
        self._file.write(text.encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
        if isinstance(found, dict) and ("id" in found or number == 1):
            return found
    except ValueError:
        pass
    raise InputError.at(str(path), number, "not a line of a scenario store", "name another file")
