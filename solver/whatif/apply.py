"""From a canonical change to a changed workload."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from typing import Any

from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload, Service, Workload
from solver.errors import InputError
from solver.inputs.references import resolve_references
from solver.inputs.workload import apply_overrides
from solver.whatif.fields import Field, split
from solver.whatif.names import apis_of, members, model_id

NONE = ("none", "no limit", "unlimited", "off")
_FACTOR = re.compile(r"[x×*]\s*([0-9]+(?:\.[0-9]+)?)", re.IGNORECASE)
_PERCENT = re.compile(r"([+-])\s*([0-9]+(?:\.[0-9]+)?)\s*%")
_LISTS = ("precision", "ways", "only", "budget.years")


def apply_change(loaded: LoadedWorkload, line: str, catalog: Catalog) -> LoadedWorkload:
    """The workload after a canonical change; its names are checked against the catalogs."""
    left, _, value = line.partition("=")
    field, subject = split(left)
    if field is None:
        changed = apply_overrides(loaded, [line])
    else:
        changed = loaded
        for name in named(field, subject, loaded.workload, catalog):
            changed = _apply(changed, field, name, value, catalog)
    resolve_references(changed, catalog)
    return changed


def named(field: Field, subject: str, workload: Workload, catalog: Catalog) -> list[str]:
    """All that a subject stands for: ``*``, a model of several services, a kind of system, or itself."""
    if field.subject == "service":
        names = [s.name for s in workload.services]
        if subject == "*":
            return names
        if subject not in names:
            return [s.name for s in workload.services if model_id(s, catalog) == subject] or [subject]
    if field.subject == "system" and subject not in catalog.systems:
        return members(subject, catalog) or [subject]
    return [subject]


def _apply(
    loaded: LoadedWorkload, field: Field, subject: str, value: str, catalog: Catalog
) -> LoadedWorkload:
    if field.how == "drop":
        return without_site(loaded, subject)
    if field.how in ("add", "remove"):
        return _systems(loaded, field, value, catalog)
    if field.how == "tokens":
        return _tokens(loaded, subject, value, catalog)
    key = _key(loaded.workload, field, subject)
    if value.lower() in NONE:
        if not field.target:
            raise InputError.at(field.shape, 0, "cannot be none", f"write for example {field.example}")
        return without(loaded, field.target.format(key))
    factor = factor_of(value)
    if factor is not None:
        value = multiplied(loaded.workload, field, subject, factor, catalog)
    path = field.path.format(key)
    if field.name in ("demand", "peak") and "token" in value:
        path = path.replace("requests_per_s", "output_tokens_per_s")
    if field.name in _LISTS and "," in value:
        value = f"[{value.strip('[]')}]"
    return apply_overrides(loaded, [f"{path}={value}"])


def factor_of(value: str) -> float | None:
    """The factor that ``x2``, ``+10 %`` or ``-20 %`` means; None for anything else."""
    times, percent = _FACTOR.fullmatch(value), _PERCENT.fullmatch(value)
    if times:
        return float(times[1])
    if percent:
        return round(1 + float(f"{percent[1]}{percent[2]}") / 100, 12)
    return None


def _key(workload: Workload, field: Field, subject: str) -> str:
    """Services and sites go by index, as their names may hold dots."""
    if field.subject == "service":
        return str([s.name for s in workload.services].index(subject))
    if field.subject == "site":
        return str([s.name for s in workload.sites].index(subject))
    if field.subject == "offer":
        return str([o.id for o in workload.offers].index(subject))
    return subject


def mean_rps(service: Service) -> float:
    """Mean requests per second of the first year."""
    rates = service.demand.rate_rps
    return math.fsum(rates) / len(rates)


_UNITS = {"ttft": " ms", "tpot": " ms", "end_to_end": " s"}


def multiplied(workload: Workload, field: Field, subject: str, factor: float, catalog: Catalog) -> str:
    """The present value of a field times a factor, as text with its unit."""
    if not field.relative:
        raise InputError.at(f"{field.shape}x{factor:g}", 0, "takes no factor", f"write {field.example}")
    value = now(workload, field, subject, catalog)
    if value is None:
        raise InputError.at(
            f"{field.name}.{subject}", 0, "has no value to multiply", f"write {field.example}"
        )
    return f"{value * factor!r}{_UNITS.get(field.name, '')}"


def now(workload: Workload, field: Field, subject: str, catalog: Catalog) -> float | None:
    """The value that a factor multiplies; None where there is none."""
    last = (field.target or field.path).rpartition(".")[2]
    if field.subject == "service":
        service = next(s for s in workload.services if s.name == subject)
        if field.name == "demand":
            return mean_rps(service)
        found: float | None = getattr(service.levels if ".levels." in field.path else service, last)
        return found
    if field.subject == "site":
        return float(getattr(next(s for s in workload.sites if s.name == subject), last))
    if field.subject == "offer":
        return next(o.price_usd for o in workload.offers if o.id == subject)
    if field.subject == "api":
        changed = workload.token_prices.get(subject)
        stated: float | None = getattr(changed, last) if changed else None
        listed = getattr(catalog.apis[subject], last) if subject in catalog.apis else None
        return stated if stated is not None else listed.value if listed else None
    stated = workload.hardware.overrides.get(subject, {}).get(last)
    return catalog.systems[subject].get(last) if stated is None and subject in catalog.systems else stated


def _tokens(loaded: LoadedWorkload, provider: str, value: str, catalog: Catalog) -> LoadedWorkload:
    """All prices of a provider's APIs (``*``: of all providers) times a factor."""
    factor = factor_of(value)
    if factor is None:
        raise InputError.at(f"tokens.{provider}={value}"[:60], 0, "is no factor", "write -20 % or x0.5")
    lines = []
    for api in apis_of(loaded.workload, catalog):
        if provider not in ("*", api.provider):
            continue
        changed = loaded.workload.token_prices.get(api.id)
        for key in ("input_usd_per_m", "output_usd_per_m", "cached_input_usd_per_m"):
            stated, quantity = getattr(changed, key, None), getattr(api, key)
            price = stated if stated is not None else quantity.value if quantity else None
            if price is not None:
                lines.append(f"token_prices.{api.id}.{key}={price * factor!r}")
    return apply_overrides(loaded, lines)


def _systems(loaded: LoadedWorkload, field: Field, value: str, catalog: Catalog) -> LoadedWorkload:
    """Leave systems out, or permit them again; a list of permitted systems follows."""
    said = [w for w in (v.strip() for v in value.strip("[]").split(",")) if w]
    words = [s for w in said for s in ([w] if w in catalog.systems else members(w, catalog) or [w])]
    have, only = loaded.workload.hardware.exclude, loaded.workload.hardware.include
    if field.how == "add":
        excluded: Iterable[str] = dict.fromkeys((*have, *words))
        included: Iterable[str] = [s for s in only if s not in words]
        if only and not included:
            raise InputError.at(f"exclude={value}", 0, "would leave no system", "keep at least one")
    else:
        excluded = [s for s in have if s not in words]
        included = dict.fromkeys((*only, *words)) if only else ()
    lines = [f"hardware.exclude=[{', '.join(excluded)}]"]
    if only:
        lines.append(f"hardware.include=[{', '.join(included)}]")
    return apply_overrides(loaded, lines)


def without(loaded: LoadedWorkload, path: str) -> LoadedWorkload:
    """The workload with the field at a path of the domain back at its default."""
    data = loaded.workload.model_dump()
    node: Any = data
    parts = path.split(".")
    if parts[:2] == ["hardware", "overrides"]:
        parts = [*parts[:2], ".".join(parts[2:-1]), parts[-1]]
    elif parts[0] == "token_prices":
        parts = [parts[0], ".".join(parts[1:-1]), parts[-1]]
    elif parts[0] == "hardware" and len(parts) > 2:
        parts = [*parts[:2], ".".join(parts[2:])]
    for part in parts[:-1]:
        node = node[int(part)] if isinstance(node, list | tuple) else node.get(part, {})
    node.pop(parts[-1], None)
    places = {p: v for p, v in loaded.places.items() if p != path}
    return _rebuilt(loaded, data, places, f"{path}=none")


def without_site(loaded: LoadedWorkload, name: str) -> LoadedWorkload:
    """The workload without one of its sites."""
    data = loaded.workload.model_dump()
    index = [s["name"] for s in data["sites"]].index(name)
    if len(data["sites"]) == 1:
        raise InputError.at(f"drop.{name}", 0, "it is the only site", "keep at least one site")
    data["sites"] = [s for n, s in enumerate(data["sites"]) if n != index]
    places = {}
    for path, place in loaded.places.items():
        parts = path.split(".")
        if parts[0] == "sites" and len(parts) > 1 and parts[1].isdecimal():
            if int(parts[1]) == index:
                continue
            parts[1] = str(int(parts[1]) - (int(parts[1]) > index))
        places[".".join(parts)] = place
    return _rebuilt(loaded, data, places, f"drop.{name}")


def _rebuilt(loaded: LoadedWorkload, data: object, places: object, text: str) -> LoadedWorkload:
    digest = hashlib.sha256(f"{loaded.sha256}\n{text}".encode()).hexdigest()
    return LoadedWorkload(
        workload=Workload.model_validate(data),
        places=places,  # type: ignore[arg-type]
        file=loaded.file,
        sha256=digest,
    )
