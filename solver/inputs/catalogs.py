"""The catalogs as one value. Their files are described in docs/reference/catalogs.md."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from solver.domain.catalog import SYSTEM_QUANTITIES, Catalog, System
from solver.domain.quantity import Quantity
from solver.errors import InputError
from solver.inputs.catalog_checks import PlaceOf, complaints_about
from solver.inputs.catalog_reader import CatalogReader
from solver.inputs.derived_offers import OVERRIDE, TERMS, derived_offers, is_derived
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


def is_hypothetical(name: str) -> bool:
    """Whether the system, technology or offer called ``name`` does not exist yet."""
    return name.startswith("hyp-")


def with_overrides(catalog: Catalog, overrides: Mapping[str, Mapping[str, float]]) -> Catalog:
    """The catalog with other system values (system -> quantity -> value); derived offers follow them."""
    if not overrides:
        return catalog
    changed = {name: _overridden(catalog, name, values) for name, values in overrides.items()}
    systems = {**catalog.systems, **changed}
    kept = {key: offer for key, offer in catalog.offers.items() if not is_derived(offer)}
    offers = {**derived_offers(systems, _terms(catalog)), **kept}
    return catalog.model_copy(update={"systems": systems, "offers": offers})


def _terms(catalog: Catalog) -> dict[str, Quantity]:
    """The terms that the derived purchase offers of ``catalog`` share."""
    for offer in catalog.offers.values():
        if is_derived(offer) and offer.kind == "buy":
            terms = {name: getattr(offer, name) for name in TERMS}
            return {name: value for name, value in terms.items() if value is not None}
    return {}


def _overridden(catalog: Catalog, name: str, changes: Mapping[str, float]) -> System:
    if name not in catalog.systems:
        raise _unknown("system", name, list(catalog.systems))
    system = catalog.systems[name]
    values = dict(system.values)
    for key, value in changes.items():
        if key not in SYSTEM_QUANTITIES:
            raise _unknown("quantity", key, list(SYSTEM_QUANTITIES))
        unit = SYSTEM_QUANTITIES[key][0]
        values[key] = Quantity(value=value, unit=unit, source=OVERRIDE, date="as given", evidence="assumed")
    return system.model_copy(update={"values": values})


def _unknown(what: str, name: str, known: list[str]) -> InputError:
    near = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean '{near[0]}'?" if near else f"write one of: {', '.join(sorted(known))}"
    return InputError.at("overrides", 0, f"unknown {what} '{name}'", remedy)
