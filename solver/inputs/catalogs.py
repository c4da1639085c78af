"""The catalogs as one value. Their files are described in docs/reference/catalogs.md."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from solver.domain.catalog import Catalog
from solver.errors import InputError
from solver.inputs.catalog_checks import PlaceOf, complaints_about
from solver.inputs.catalog_reader import CatalogReader
from solver.paths import catalog_dir

#: Files beside the catalogs that hold no entries of them.
OTHER_FILES = ("calibration.yaml", "measurement_names.yaml", "own_measurements.csv", "published_streams.csv")

#: Environment variable: folders of the user's own entries beside the shipped ones.
EXTRA = "SOLVER_CATALOG_EXTRA"


def load_catalog(directory: Path | None = None) -> Catalog:
    """All catalogs below ``directory`` (default: the shipped ones and those that SOLVER_CATALOG_EXTRA names).

    Raises InputError with file:line.
    """
    return catalog_with_places(directory)[0]


def catalog_with_places(directory: Path | None = None, extra: Sequence[Path] = ()) -> tuple[Catalog, PlaceOf]:
    """The catalog, and a function ``place(section, id, path)`` that tells where an entry stands.

    ``extra``: folders of further entries; an id may stand in one folder only.
    """
    first = catalog_dir() if directory is None else directory
    further = [*extra, *(extra_folders() if directory is None else ())]
    roots = tuple({root.resolve(): root for root in reversed([first, *further])}.values())[::-1]
    files = tuple((root, path) for root in roots for path in _files(root))
    return _load(files, tuple((f.stat().st_mtime_ns, f.stat().st_size) for _, f in files))


def extra_folders() -> tuple[Path, ...]:
    """Folders that SOLVER_CATALOG_EXTRA names."""
    return tuple(Path(entry) for entry in os.environ.get(EXTRA, "").split(os.pathsep) if entry)


@contextmanager
def with_extra_folders(folders: Sequence[Path]) -> Iterator[None]:
    """For its duration, ``folders`` stand in SOLVER_CATALOG_EXTRA too (worker processes inherit it)."""
    before = os.environ.get(EXTRA)
    os.environ[EXTRA] = os.pathsep.join([*map(str, folders), *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(EXTRA, None)
        else:
            os.environ[EXTRA] = before


def _files(root: Path) -> list[Path]:
    files = sorted(path for path in root.rglob("*") if _is_catalog(path))
    if not files:
        raise InputError.at(str(root), 0, "holds no catalog files", "name a folder of catalogs")
    return files


def _is_catalog(path: Path) -> bool:
    return path.suffix in (".yaml", ".csv") and path.name not in OTHER_FILES


@lru_cache(maxsize=4)
def _load(
    files: tuple[tuple[Path, Path], ...], _stamps: tuple[tuple[int, int], ...]
) -> tuple[Catalog, PlaceOf]:
    reader = CatalogReader(files[0][0])
    for root, path in files:
        reader.root = root
        reader.read(path)
    reader.stop_if_wrong()
    catalog = reader.catalog()
    complaints = complaints_about(catalog, reader.place)
    if complaints:
        raise InputError(*complaints)
    return catalog, reader.place


def systems_without_price(catalog: Catalog) -> list[str]:
    """Ids of the systems that no offer sells or rents out; they cannot enter a fleet."""
    offered = {offer.system for offer in catalog.offers.values()}
    return [name for name in catalog.systems if name not in offered]
