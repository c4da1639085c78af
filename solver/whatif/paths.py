"""Every path at which a workload can be changed, walked over the types of the problem, for completion."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from solver.domain.catalog import SYSTEM_QUANTITIES, Catalog
from solver.domain.workload import Workload
from solver.whatif.names import apis_of

#: Fields without a key of their own: curves of regions are written as entries of ``regions``.
WRITTEN_ELSEWHERE = frozenset({"by_region"})


def paths(workload: Workload, catalog: Catalog) -> list[str]:
    """Paths in the spelling of the domain, each up to its equals sign."""
    return [f"{path}=" for path in _model(Workload, workload, "", keys_of(workload, catalog))]


def keys_of(workload: Workload, catalog: Catalog) -> dict[str, list[str]]:
    """Field that maps names to values -> the names it may have."""
    systems, vendors = sorted(catalog.systems), sorted({s.vendor for s in catalog.systems.values()})
    regions = [region.name for region in workload.regions]
    apis = [api.id for api in apis_of(workload, catalog)]
    return {
        **dict.fromkeys(("supply", "minimum", "owned", "available_from"), systems),
        "owned_until": sorted(workload.hardware.owned),
        "idle_power_share_by_system": systems,
        "overrides": [f"{system}.{quantity}" for system in systems for quantity in SYSTEM_QUANTITIES],
        "technology_overrides": [
            f"{name}.{quantity}" for name, entry in catalog.technologies.items() for quantity in entry.values
        ],
        "vendor_share": vendors,
        "supplier_supply": sorted({*vendors, *(o.supplier for o in catalog.offers.values() if o.supplier)}),
        "token_prices": apis,
        "regions": regions,
        "round_trip_by_region_ms": regions,
    }


def _model(model: type[BaseModel], value: Any, prefix: str, keys: dict[str, list[str]]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name in WRITTEN_ELSEWHERE:
            continue
        path = f"{prefix}.{name}" if prefix else name
        yield from _field(field.annotation, getattr(value, name, None), path, name, keys)


def _field(annotation: Any, value: Any, path: str, name: str, keys: dict[str, list[str]]) -> Iterator[str]:
    model, origin = model_in(annotation), typing.get_origin(annotation)
    if name == "lengths":
        if value is not None and len(value) == 1:
            yield from (f"{path}.prompt", f"{path}.output")
        yield path
    elif origin is tuple and model is not None:
        for index, item in enumerate(value or ()):
            yield from _model(model, item, f"{path}.{index}", keys)
        yield path
    elif origin is dict:
        inner = model_in(typing.get_args(annotation)[1])
        for key in keys.get(name, ()):
            yield from (f"{path}.{key}",) if inner is None else _model(inner, None, f"{path}.{key}", keys)
        yield path
    elif model is not None:
        yield from _model(model, value, path, keys)
    else:
        yield path


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation holds: itself, optional, or in a tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (tuple, types.UnionType, typing.Union):
        found = (model_in(a) for a in typing.get_args(annotation))
        return next((m for m in found if m is not None), None)
    return None
