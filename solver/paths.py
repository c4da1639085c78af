"""Where the shipped catalogs and example workloads are: in a checkout or in an installed wheel."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from solver.errors import InputError

_PACKAGE = Path(__file__).resolve().parent


def _roots() -> Iterator[Path]:
    """Folders that may hold ``catalogs`` and ``workloads``: SOLVER_PATH first, then checkout, then wheel."""
    for entry in os.environ.get("SOLVER_PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry)
    yield _PACKAGE.parent
    yield _PACKAGE / "_data"


def _find(folder: str, marker: str) -> Path:
    for root in _roots():
        candidate = root / folder
        if candidate.is_dir() and any(candidate.glob(marker)):
            return candidate
    looked = ", ".join(str(root / folder) for root in _roots())
    raise InputError.at(folder, 0, f"no folder with {marker} found (looked in {looked})", "set SOLVER_PATH")


def catalog_dir() -> Path:
    """The folder of the catalogs."""
    return _find("catalogs", "*.yaml")


def workload_dir() -> Path:
    """The folder of the example workloads."""
    return _find("workloads", "*.yaml")


def workload_names() -> list[str]:
    """Names of the shipped example workloads."""
    return sorted(path.stem for path in workload_dir().glob("*.yaml"))


def find_workload(name_or_path: str) -> Path:
    """The workload file meant: a path, or the name of a shipped example such as ``chat``."""
    path = Path(name_or_path)
    if _is_file(path):
        return path
    if path.is_dir():
        raise InputError.at(name_or_path, 0, "is a folder", "name a file in it")
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        raise InputError.at(name_or_path, 0, "no such file", "check the path")
    try:
        names = workload_names()
    except InputError:
        names = []
    if name_or_path in names:
        return workload_dir() / f"{name_or_path}.yaml"
    near = difflib.get_close_matches(name_or_path, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"name a file or one of: {', '.join(names)}"
    raise InputError.at(name_or_path, 0, "neither a file nor a shipped workload", hint)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # name too long, NUL byte
        return False
