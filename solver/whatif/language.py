"""The language of changes: from what people say to a canonical line, and from that to a changed workload.

Canonical: ``FIELD[.SUBJECT]=VALUE`` with a short name (solver.whatif.fields), or any ``PATH=VALUE`` of a
workload file. A few spoken forms are understood: "CS-3 at $1.0M", "demand x2", "TPOT 10 ms for chat",
"no cerebras-cs3", "drop site B", "chat goes fp8", "no cerebras-cs3 before 2027-07".
"""

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
from solver.whatif.fields import FIELDS, Field, find, split, subjects

LONGEST = 20_000  # characters of a change

_FACTOR = re.compile(r"[x×*]\s*([0-9]+(?:\.[0-9]+)?)", re.IGNORECASE)
_PERCENT = re.compile(r"([+-])\s*([0-9]+(?:\.[0-9]+)?)\s*%")
_NONE = ("none", "no limit", "unlimited", "off")
_NAME = r"[\w][\w .+/-]*?"
_SPOKEN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), made)
    for pattern, made in (
        (r"demand\s+(?:of\s+|for\s+)?(?P<s>\S+)\s+(?P<v>[x×*+-]\s*\S+(?:\s*%)?)", "demand.{s}={v}"),
        (r"demand\s+(?P<v>[x×*+-]\s*\S+(?:\s*%)?)", "demand={v}"),
        (r"(?P<f>tpot|ttft)\s+(?P<v>[0-9.]+\s*(?:ms|s|us))(?:\s+(?:for|of)\s+(?P<s>\S+))?", "{f}.{s}={v}"),
        (rf"(?:no|without)\s+(?P<s>{_NAME})\s+before\s+(?P<v>\d{{4}}-\d\d)", "from.{s}={v}"),
        (rf"(?:no|without)\s+(?P<s>{_NAME})", "exclude={s}"),
        (rf"drop\s+site\s+(?P<s>{_NAME})", "drop.{s}=yes"),
        (r"(?P<s>\S+)\s+goes\s+(?P<v>fp16|fp8|fp4)", "precision.{s}={v}"),
        (rf"(?P<s>{_NAME})\s+(?:at|for)\s+(?P<v>\$?\s*[0-9.]+)\s*(?:/h|per hour)", "rental.{s}={v}"),
        (rf"(?P<s>{_NAME})\s+(?:at|for)\s+(?P<v>\$?\s*[0-9.]+\s*[kMB]?\$?)", "price.{s}={v}"),
    )
)


def canonical(text: str, loaded: LoadedWorkload, catalog: Catalog) -> str:
    """The canonical line of a change; InputError names what is not understood and what to write instead."""
    said = " ".join(text.split())
    if len(said) > LONGEST:
        raise InputError.at(said[:40], 0, f"longer than {LONGEST} characters", "write a shorter change")
    left, equals, value = said.partition("=")
    if not equals:
        return canonical(_spoken(said), loaded, catalog)
    left, value = left.strip(), value.strip()
    field, subject = split(left)
    if field is None:
        if "." not in left and left not in Workload.model_fields:
            raise _unknown(left)
        return f"{left}={value}"
    if not value:
        raise InputError.at(f"{left}=", 0, "has no value", f"write for example {field.example}")
    if field.name in ("exclude", "allow", "only") and value.lower() not in _NONE:
        known = subjects("system", loaded.workload, catalog)
        value = ",".join(find(word.strip(), known, "system") for word in value.strip("[]").split(","))
    if not field.subject:
        if subject:
            raise InputError.at(left, 0, "takes no name", f"write for example {field.example}")
        return f"{field.name}={value}"
    if not subject:
        return f"{field.name}.{_only_one(field, loaded, catalog)}={value}"
    if subject != "*":
        subject = find(subject, subjects(field.subject, loaded.workload, catalog), field.subject)
    return f"{field.name}.{subject}={value}"


def _spoken(said: str) -> str:
    for pattern, made in _SPOKEN:
        match = pattern.fullmatch(said)
        if match:
            words = {k: (v or "").strip() for k, v in match.groupdict().items()}
            words["f"] = words.get("f", "").lower()
            return made.format(**words).replace(".=", "=")
    raise _unknown(said)


def _unknown(said: str) -> InputError:
    import difflib

    word = said.partition(".")[0].split(" ")[0][:40]
    near = difflib.get_close_matches(word.lower(), FIELDS, 1)
    hint = FIELDS[near[0]].example if near else "price.cerebras-cs3=1.0M or demand.chat=x2"
    return InputError.at(said[:60], 0, "is not understood", f"write for example {hint}; `fields` lists all")


def _only_one(field: Field, loaded: LoadedWorkload, catalog: Catalog) -> str:
    """Left out, the subject is the only one there is, or (services) all of them."""
    names = list(subjects(field.subject, loaded.workload, catalog))
    if len(names) == 1:
        return names[0]
    if field.subject == "service":
        return "*"
    raise InputError.at(
        f"{field.name}=", 0, f"does not say which {field.subject}", f"write for example {field.example}"
    )


def apply_change(loaded: LoadedWorkload, line: str, catalog: Catalog) -> LoadedWorkload:
    """The workload after a canonical change; its names are checked against the catalogs."""
    left, _, value = line.partition("=")
    field, subject = split(left)
    if field is None:
        changed = apply_overrides(loaded, [line])
    elif subject == "*":
        changed = loaded
        for service in loaded.workload.services:
            changed = _apply(changed, field, service.name, value, catalog)
    else:
        changed = _apply(loaded, field, subject, value, catalog)
    resolve_references(changed, catalog)
    return changed


def _apply(
    loaded: LoadedWorkload, field: Field, subject: str, value: str, catalog: Catalog
) -> LoadedWorkload:
    if field.how == "drop":
        return without_site(loaded, subject)
    if field.how in ("add", "remove"):
        return _systems(loaded, field, value)
    key = _key(loaded.workload, field, subject)
    if value.lower() in _NONE:
        if not field.target:
            raise InputError.at(field.shape, 0, "cannot be none", f"write for example {field.example}")
        return without(loaded, field.target.format(key))
    factor = factor_of(value)
    if factor is not None:
        if not field.relative:
            raise InputError.at(f"{field.shape}{value}", 0, "takes no factor", f"write {field.example}")
        value = repr(now(loaded.workload, field, subject, catalog) * factor)
    path = field.path.format(key)
    if field.name in ("demand", "peak") and "token" in value:
        path = path.replace("requests_per_s", "output_tokens_per_s")
    if field.name in ("precision", "ways", "only", "budget.years") and "," in value:
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
    return subject


def mean_rps(service: Service) -> float:
    """Mean requests per second of the first year."""
    rates = service.demand.rate_rps
    return math.fsum(rates) / len(rates)


def now(workload: Workload, field: Field, subject: str, catalog: Catalog) -> float:
    """The value that a factor multiplies."""
    if field.name == "demand":
        return mean_rps(next(s for s in workload.services if s.name == subject))
    quantity = field.path.rpartition(".")[2]
    stated = workload.hardware.overrides.get(subject, {}).get(quantity)
    value = catalog.systems[subject].get(quantity) if stated is None else stated
    if value is None:
        raise InputError.at(
            f"{field.name}.{subject}", 0, "has no value in the catalog to multiply", "write a price"
        )
    return value


def _systems(loaded: LoadedWorkload, field: Field, value: str) -> LoadedWorkload:
    """Leave systems out, or permit them again; a list of permitted systems follows."""
    words = [w for w in (v.strip() for v in value.strip("[]").split(",")) if w]
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
