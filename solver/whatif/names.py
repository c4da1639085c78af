"""Names that changes speak of: what people call systems, services, sites, vendors and token APIs."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping

from solver.domain.catalog import Catalog, TokenApi
from solver.domain.workload import Service, Workload
from solver.errors import InputError
from solver.operating_points.apis import listed
from solver.time_value import MONTHS
from solver.whatif.fields import Subject
from solver.whatif.months import month_number


def subjects(kind: Subject, workload: Workload, catalog: Catalog) -> dict[str, str]:
    """Names that a subject may have: the canonical one, and words by which people call it."""
    if kind == "system":
        return {s.id: f"{s.name} {s.vendor}" for s in catalog.systems.values()}
    if kind == "service":
        return {s.name: s.model for s in workload.services}
    if kind == "site":
        return {s.name: "" for s in workload.sites}
    if kind == "vendor":
        return {s.vendor: "" for s in catalog.systems.values()}
    if kind == "api":
        return {a.id: f"{a.provider} {a.model}" for a in apis_of(workload, catalog)}
    if kind == "provider":
        return {a.provider: "" for a in apis_of(workload, catalog)}
    if kind == "offer":
        return {o.id: f"{o.system} {o.kind}" for o in workload.offers}
    if kind == "year":
        return dict.fromkeys(map(str, fiscal_years(workload)), "")
    return {}


def fiscal_years(workload: Workload) -> list[int]:
    """The calendar years in which the fiscal years of the horizon start, in order."""
    first, month = workload.horizon.start, int(workload.horizon.start[5:])
    begins = workload.money.fiscal_year_start or month
    year = int(first[:4]) - (begins > month)
    months = month_number(first) - month_number(f"{year}-{begins:02d}") + workload.horizon.years * MONTHS
    return list(range(year, year + math.ceil(months / MONTHS - 1e-9)))


def apis_of(workload: Workload, catalog: Catalog) -> list[TokenApi]:
    """Token APIs that some service could call."""
    models = dict.fromkeys(model_id(s, catalog) for s in workload.services)
    return [api for model in models for api in listed(model, catalog.apis.values())]


def model_id(service: Service, catalog: Catalog) -> str:
    """The catalog's id of the model of a service, which may be stated by an alias."""
    for name, model in catalog.models.items():
        if service.model.lower() in (name.lower(), *(alias.lower() for alias in model.aliases)):
            return name
    return service.model


def kind_of(word: str, catalog: Catalog) -> str:
    """The kind of system that a word such as ``wafers`` or ``GPUs`` means; empty if it means none."""
    key = letters(word)
    kinds = sorted({s.kind for s in catalog.systems.values()})
    for name in kinds:
        if key == letters(name) or key.removesuffix("s") == letters(name):
            return name
    found = [name for name in kinds if key.removesuffix("s") in name.split("-")]
    return found[0] if len(found) == 1 else ""


def members(kind: str, catalog: Catalog) -> list[str]:
    """The systems of a kind that can be had, or nothing for what is no kind."""
    offered = {offer.system for offer in catalog.offers.values()}
    return sorted(s.id for s in catalog.systems.values() if s.kind == kind and s.id in offered)


def find(word: str, known: Mapping[str, str], what: str) -> str:
    """The canonical name that ``word`` means: exact, by its letters, a part of it, or the only one
    that holds it."""
    if word in known:
        return word
    key = letters(word)
    for fits in (
        [name for name in known if letters(name) == key],
        [name for name in known if key and letters(name.partition("@")[0]) == key],
        [name for name in known if key and key in map(letters, re.split(r"[^A-Za-z0-9]+", name))],
        [name for name in known if key and key in letters(name)],
        [name for name, also in known.items() if key and key in letters(f"{name} {also}")],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise InputError.at(
                word, 0, f"several {what}s are meant: {', '.join(sorted(fits)[:6])}", "name one"
            )
    near = difflib.get_close_matches(word.lower(), [n.lower() for n in known], 3, 0.5)
    names = [n for n in known if n.lower() in near] or sorted(known)[:8]
    raise InputError.at(word[:60], 0, f"no {what} is called that", f"write one of {', '.join(names)}")


def letters(text: str) -> str:
    """Lower-case letters and digits of a name."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
