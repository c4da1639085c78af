"""The catalogs as one value. Their files are described in docs/reference/catalogs.md."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from solver.domain.catalog import Catalog
from solver.errors import InputError
from solver.inputs.catalog_checks import PlaceOf, complaints_about
from solver.inputs.catalog_reader import CatalogReader
from solver.inputs.yaml_text import load_yaml
from solver.paths import catalog_dir

MEASUREMENT_NAMES = "measurement_names.yaml"

#: Files beside the catalogs that hold no entries of them.
OTHER_FILES = ("calibration.yaml", MEASUREMENT_NAMES)


def load_catalog(directory: Path | None = None) -> Catalog:
    """All catalogs below ``directory`` (default: the shipped ones); raises InputError with file:line."""
    return catalog_with_places(directory)[0]


def catalog_with_places(directory: Path | None = None) -> tuple[Catalog, PlaceOf]:
    """The catalog, and a function ``place(section, id, path)`` that tells where an entry stands."""
    root = catalog_dir() if directory is None else directory
    files = tuple(sorted(path for path in root.rglob("*") if _is_catalog(path)))
    if not files:
        raise InputError.at(str(root), 0, "holds no catalog files", "name a folder of catalogs")
    return _load(root, files, tuple((f.stat().st_mtime_ns, f.stat().st_size) for f in files))


def _is_catalog(path: Path) -> bool:
    return path.suffix in (".yaml", ".csv") and path.name not in OTHER_FILES


@lru_cache(maxsize=4)
def _load(
    root: Path, files: tuple[Path, ...], _stamps: tuple[tuple[int, int], ...]
) -> tuple[Catalog, PlaceOf]:
    reader = CatalogReader(root)
    for path in files:
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


def measurement_names(directory: Path | None = None) -> dict[str, str]:
    """Hardware names of published measurements (``H100-SXM-80GB``) to system ids (``dgx-h100``)."""
    path = (catalog_dir() if directory is None else directory) / MEASUREMENT_NAMES
    names = load_yaml(path).data.get("measurement_names", {})
    return {str(name): str(system) for name, system in names.items()}
