"""From a canonical change to a changed workload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload, Workload
from solver.errors import InputError
from solver.inputs.references import resolve_references
from solver.inputs.workload import apply_overrides
from solver.whatif.fields import Field, split
from solver.whatif.later import begin_demand, begin_energy, begin_price, begin_tokens, token_lines
from solver.whatif.names import apis_of, fiscal_years, members, model_id
from solver.whatif.parts import part_from, parts_of, rebuilt
from solver.whatif.values import factor_of, multiplied

NONE = ("none", "no limit", "unlimited", "off")
_LISTS = (
    "precision",
    "kv_precision",
    "serving",
    "ways",
    "only",
    "budget.years",
    "opex.years",
    "resale",
    "residency",
)


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
        parts = parts_of(subject, workload)
        return parts[:1] if field.name == "starts" else parts[-1:] if field.name == "ends" else parts
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
    if field.how == "year":
        return _year(loaded, field, subject, value)
    now_or_later, later, month = value.partition(" from ")
    if later:
        return _begin(loaded, field, subject, now_or_later, month, catalog)
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
    if field.name == "burstiness":  # what was measured or found by replays is of other traffic
        for planned in ("planned_cv2", "planned_cv2_by_s"):
            loaded = without(loaded, f"services.{key}.demand.{planned}")
    path = field.path.format(key)
    if field.name in ("demand", "peak") and "token" in value:
        path = path.replace("requests_per_s", "output_tokens_per_s")
    if field.name in _LISTS and "," in value:
        value = f"[{value.strip('[]')}]"
    return apply_overrides(loaded, [f"{path}={value}"])


def _begin(
    loaded: LoadedWorkload, field: Field, subject: str, value: str, month: str, catalog: Catalog
) -> LoadedWorkload:
    """A change that begins in a month of the horizon."""
    if field.subject in ("api", "provider"):
        return begin_tokens(loaded, field, subject, value, month, catalog)
    if field.subject == "system":
        return begin_price(loaded, field, subject, value, month, catalog)
    if field.name == "energy":
        return begin_energy(loaded, field, subject, value, month, catalog)
    if field.name == "demand":
        return begin_demand(loaded, field, subject, value, month, catalog)
    changed, part = part_from(loaded, subject, month)
    return _apply(changed, field, part, value, catalog) if part else loaded


def _key(workload: Workload, field: Field, subject: str) -> str:
    """Services and sites go by index, as their names may hold dots."""
    if field.subject == "service":
        return str([s.name for s in workload.services].index(subject))
    if field.subject == "site":
        return str([s.name for s in workload.sites].index(subject))
    if field.subject == "offer":
        return str([o.id for o in workload.offers].index(subject))
    return subject


def _tokens(loaded: LoadedWorkload, provider: str, value: str, catalog: Catalog) -> LoadedWorkload:
    """All prices of a provider's APIs (``*``: of all providers) times a factor."""
    lines = []
    for api in apis_of(loaded.workload, catalog):
        if provider in ("*", api.provider):
            stated = loaded.workload.token_prices.get(api.id)
            lines += token_lines(f"token_prices.{api.id}", api, stated, provider, value)
    return apply_overrides(loaded, lines)


def _year(loaded: LoadedWorkload, field: Field, subject: str, value: str) -> LoadedWorkload:
    """The budget of one fiscal year in the list of all; years that state none have no limit."""
    limits: tuple[float | None, ...] = getattr(loaded.workload.money, field.target.rpartition(".")[2])
    words = ["none" if limit is None else repr(limit) for limit in limits]
    index = fiscal_years(loaded.workload).index(int(subject))
    words += ["none"] * (index + 1 - len(words))
    words[index] = "none" if value.lower() in NONE else value
    return apply_overrides(loaded, [f"{field.path}=[{', '.join(words)}]"])


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
    return rebuilt(loaded, data, places, f"{path}=none")


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
    return rebuilt(loaded, data, places, f"drop.{name}")
