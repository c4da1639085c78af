"""Files that are either the old ones or complete."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from solver.errors import InputError


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` by way of a temporary file in the same folder, synced, then renamed."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
        temporary = ""
    except OSError as error:
        words = f"cannot be written ({error.strerror or error})"
        raise InputError.at(str(path), 0, words, "name another place") from None
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
