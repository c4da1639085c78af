"""What must hold across catalog entries: units, evidence, dates, references."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from solver.domain.catalog import NEVER_ZERO, SYSTEM_QUANTITIES, Catalog, Model
from solver.domain.quantity import Frozen, Quantity
from solver.errors import Complaint, Place

PlaceOf = Callable[[str, str, str], Place]

_DAY = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_DATE = re.compile(rf"{_DAY}(/{_DAY})?")

#: Units of the quantities of offers, by field.
OFFER_UNITS = {
    "supply_per_year": "systems/year",
    "lead_weeks": "weeks",
    "life_years": "years",
    "support_share_per_year": "share/year",
    "residual_share": "share",
}


def complaints_about(catalog: Catalog, place: PlaceOf) -> list[Complaint]:
    """Everything that is wrong in ``catalog``; ``place(section, id, path)`` tells where it stands."""
    found = [*_quantities(catalog), *_system_units(catalog), *_offers(catalog), *_references(catalog)]
    return [Complaint(place(f.section, f.name, f.path), f"{f.name}: {f.problem}", f.remedy) for f in found]


class Finding(NamedTuple):
    """Something wrong with one entry."""

    section: str
    name: str
    path: str
    problem: str
    remedy: str


def quantities_of(entry: Frozen) -> Iterator[tuple[str, Quantity]]:
    """Each quantity of a catalog entry with its path."""
    for name in type(entry).model_fields:
        value: Any = getattr(entry, name)
        if isinstance(value, Quantity):
            yield name, value
        elif name == "values":
            for key, quantity in value.items():
                yield f"values.{key}", quantity


def sections_of(catalog: Catalog) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and entries of each section of a catalog."""
    for section in type(catalog).model_fields:
        if section != "version":
            yield section, getattr(catalog, section)


def _quantities(catalog: Catalog) -> Iterator[Finding]:
    for section, entries in sections_of(catalog):
        for name, entry in entries.items():
            for path, quantity in quantities_of(entry):
                for problem, remedy in _about_quantity(path.removeprefix("values."), quantity):
                    yield Finding(section, name, path, f"{path}: {problem}", remedy)


def _about_quantity(key: str, quantity: Quantity) -> Iterator[tuple[str, str]]:
    for name in ("unit", "source", "date"):
        if not getattr(quantity, name).strip():
            yield f"no {name}", f"write its {name}"
    if quantity.date.strip() and not _DATE.fullmatch(quantity.date):
        yield f"'{quantity.date}' is not a date", "write 2026, 2026-05, 2026-05-17 or 2025/2026"
    if quantity.value < 0:
        yield f"{quantity.value:g} is negative", "write 0 or more"
    if quantity.value == 0 and key in NEVER_ZERO:
        yield "is 0", "write more than 0"


def _system_units(catalog: Catalog) -> Iterator[Finding]:
    for name, system in catalog.systems.items():
        for key, quantity in system.values.items():
            path = f"values.{key}"
            if key not in SYSTEM_QUANTITIES:
                remedy = _near(key, SYSTEM_QUANTITIES)
                yield Finding("systems", name, path, f"unknown quantity '{key}'", remedy)
            elif quantity.unit != SYSTEM_QUANTITIES[key][0]:
                yield _unit("systems", name, path, quantity, SYSTEM_QUANTITIES[key][0])


def _unit(section: str, name: str, path: str, quantity: Quantity, wanted: str) -> Finding:
    return Finding(section, name, path, f"{path} is in '{quantity.unit}'", f"write it in {wanted}")


def _offers(catalog: Catalog) -> Iterator[Finding]:
    for name, offer in catalog.offers.items():
        wanted = {"price": "USD" if offer.kind == "buy" else "USD/h", **OFFER_UNITS}
        for path, quantity in quantities_of(offer):
            if quantity.unit != wanted[path]:
                yield _unit("offers", name, path, quantity, wanted[path])
        if offer.kind in ("lease", "reserve") and offer.term_months < 1:
            yield Finding("offers", name, "", f"a {offer.kind} without a term", "write term_months")


def _references(catalog: Catalog) -> Iterator[Finding]:
    models, systems, technologies = catalog.models, catalog.systems, catalog.technologies
    for name, system in systems.items():
        yield from _missing("systems", name, "weight_technology", system.weight_technology, technologies)
        yield from _missing("systems", name, "fixed_model", system.fixed_model, models)
    for name, offer in catalog.offers.items():
        yield from _missing("offers", name, "system", offer.system, systems)
    for name, profile in catalog.profiles.items():
        yield from _missing("profiles", name, "system", profile.system, systems)
        yield from _missing("profiles", name, "model", profile.model, models)
    for name, api in catalog.apis.items():
        yield from _missing("apis", name, "model", api.model, models)
    yield from _aliases(models)


def _missing(section: str, name: str, field: str, wanted: str, known: Iterable[str]) -> Iterator[Finding]:
    if wanted and wanted not in known:
        yield Finding(section, name, field, f"{field} '{wanted}' is in no catalog", _near(wanted, known))


def _aliases(models: dict[str, Model]) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, model in models.items():
        for alias in model.aliases:
            if owners.setdefault(alias, name) != name:
                problem = f"alias '{alias}' belongs to {owners[alias]} too"
                yield Finding("models", name, "aliases", problem, "keep it at one of them")


def _near(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"write one of: {', '.join(names[:12])}"
