"""Names in a workload against the catalogs: models (also by alias) and systems must exist."""

from __future__ import annotations

from collections.abc import Iterator

from solver.domain.catalog import Catalog
from solver.domain.serving import Speculation
from solver.domain.workload import LoadedWorkload, Service, Workload
from solver.errors import Complaint, InputError
from solver.inputs.validation import nearest, shorten


def resolve_references(loaded: LoadedWorkload, catalog: Catalog) -> LoadedWorkload:
    """``loaded`` with every model by its catalog id, or all names that the catalogs do not know."""
    ids = {alias.lower(): name for name, model in catalog.models.items() for alias in (name, *model.aliases)}
    complaints, services = [], []
    for index, service in enumerate(loaded.workload.services):
        name = ids.get(service.model.lower())
        if name is None:
            near = nearest(service.model.lower(), ids)
            remedy = f"did you mean '{ids[near]}'?" if near else "see 'solver catalog list models'"
            place = loaded.place(f"services.{index}.model")
            complaints.append(Complaint(place, f"unknown model '{shorten(service.model)}'", remedy))
        update: dict[str, object] = {"model": name or service.model}
        if service.speculation is not None and service.speculation.draft_model is not None:
            draft, found = _draft(loaded, catalog, ids, index, service.speculation)
            update["speculation"] = draft
            complaints += found
        services.append(Service.model_copy(service, update=update))
    stated = {p.system for p in loaded.workload.profiles if p.usd_per_hour is not None}
    for path, system in _systems(loaded.workload):
        if system not in catalog.systems and system not in stated:
            near = nearest(system, catalog.systems)
            remedy = f"did you mean '{near}'?" if near else "see 'solver catalog list systems'"
            complaints.append(Complaint(loaded.place(path), f"unknown system '{shorten(system)}'", remedy))
    complaints += _unknown_facts(loaded, catalog)
    if complaints:
        raise InputError(*complaints)
    workload = loaded.workload.model_copy(update={"services": tuple(services)})
    return loaded.model_copy(update={"workload": workload})


def _draft(
    loaded: LoadedWorkload, catalog: Catalog, ids: dict[str, str], index: int, stated: Speculation
) -> tuple[Speculation, list[Complaint]]:
    """Speculation with its draft model by the catalog's id, or what is wrong with that."""
    place, asked = loaded.place(f"services.{index}.speculation.draft_model"), str(stated.draft_model)
    name = ids.get(asked.lower())
    if name is None:
        near = nearest(asked.lower(), ids)
        remedy = f"did you mean '{ids[near]}'?" if near else "see 'solver catalog list models'"
        return stated, [Complaint(place, f"unknown model '{shorten(asked)}'", remedy)]
    if catalog.models[name].layers == 0:
        missing = f"the architecture of {name} is not known, so neither is its memory"
        return stated, [Complaint(place, missing, "name another model, or leave draft_model out")]
    return stated.model_copy(update={"draft_model": name}), []


def _unknown_facts(loaded: LoadedWorkload, catalog: Catalog) -> list[Complaint]:
    """Published operating points and quantities of memory technologies that the catalogs do not know."""
    hardware, found = loaded.workload.hardware, []
    named = [
        (f"hardware.exclude_profiles.{index}", profile, "profile", set(catalog.profiles))
        for index, profile in enumerate(hardware.exclude_profiles)
    ]
    for technology, values in hardware.technology_overrides.items():
        path = f"hardware.technology_overrides.{technology}"
        named.append((path, technology, "technology", set(catalog.technologies)))
        if technology in catalog.technologies:
            known = set(catalog.technologies[technology].values)
            named += [(f"{path}.{name}", name, "quantity", known) for name in values]
    prices = [(f"token_prices.{name}", name) for name in loaded.workload.token_prices]
    for index, service in enumerate(loaded.workload.services):
        prices += [(f"services.{index}.token_prices.{name}", name) for name in service.token_prices]
    named += [(path, name, "api", set(catalog.apis)) for path, name in prices]
    vendors = {system.vendor for system in catalog.systems.values()}
    named += [(f"hardware.vendor_share.{name}", name, "vendor", vendors) for name in hardware.vendor_share]
    suppliers = vendors | {offer.supplier for offer in catalog.offers.values()}
    suppliers |= {offer.supplier for offer in loaded.workload.offers}
    named += [
        (f"hardware.supplier_supply.{name}", name, "supplier", suppliers) for name in hardware.supplier_supply
    ]
    providers = {name for api in catalog.apis.values() for name in (api.id, api.provider)}
    named += [
        (f"apis.{index}.name", entry.name, "token API or provider", providers)
        for index, entry in enumerate(loaded.workload.apis)
    ]
    for part in ("services", "regions"):
        for index, entry in enumerate(getattr(loaded.workload, part)):
            for name in entry.residency.apis if entry.residency is not None else ():
                path = f"{part}.{index}.residency.apis"
                named.append((path, name, "token API or provider", providers))
    for path, name, kind, known in named:
        if name not in known:
            near = nearest(name, known)
            section = {
                "profile": "profiles",
                "technology": "technologies",
                "vendor": "systems",
                "supplier": "offers",
                "token API or provider": "apis",
                "api": "apis",
            }.get(kind, "")
            remedy = f"did you mean '{near}'?" if near else f"see 'solver catalog list {section}'".rstrip()
            found.append(Complaint(loaded.place(path), f"unknown {kind} '{shorten(name)}'", remedy))
    return found


def _systems(workload: Workload) -> Iterator[tuple[str, str]]:
    """Every system that is named, with the path of the statement."""
    hardware = workload.hardware
    for index, offer in enumerate(workload.offers):
        yield f"offers.{index}.system", offer.system
    for index, profile in enumerate(workload.profiles):
        yield f"profiles.{index}.system", profile.system
    for key in ("include", "exclude"):
        for index, system in enumerate(getattr(hardware, key)):
            yield f"hardware.{key}.{index}", system
    tables = ("overrides", "supply", "minimum", "owned", "owned_until", "available_from")
    for key in (*tables, "idle_power_share_by_system"):
        for system in getattr(hardware, key):
            yield f"hardware.{key}.{system}", system
