"""Pydantic's complaints as the project's: file:line, what was found, and what to write instead."""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from solver.errors import Complaint, InputError, Place

ModelT = TypeVar("ModelT", bound=BaseModel)
Loc = tuple[str | int, ...]

MAX_COMPLAINTS = 100

_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_EXPECTED = {
    "float_type": "a number",
    "float_parsing": "a number such as 0.5 or 1e9, without separators or unit",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "tuple_type": "a list such as [a, b]",
    "list_type": "a list such as [a, b]",
    "dict_type": "keys with values such as {key: value}",
    "model_type": "keys with values such as {key: value}",
    "model_attributes_type": "keys with values such as {key: value}",
}


def build_at(
    model_type: type[ModelT],
    data: Any,
    place: Callable[[str], Place],
    prefix: str = "",
    also_known: Callable[[str], Iterable[str]] = lambda path: (),
    spoken: Mapping[str, str] = MappingProxyType({}),
) -> ModelT:
    """Validate ``data``; ``place`` tells where a path stands, ``also_known`` adds keys to propose, ``spoken``
    gives the key as it was written where it is another one (empty: none was)."""
    try:
        return model_type.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)[:MAX_COMPLAINTS]
    except RecursionError:
        raise InputError(Complaint(place(prefix), "nested too deeply", "flatten it")) from None
    complaints = []
    for detail in details:
        path = ".".join([*([prefix] if prefix else []), *(str(part) for part in detail["loc"])])
        problem, remedy = _words(detail, model_type, also_known, spoken)
        complaints.append(Complaint(place(path), problem, remedy))
    raise InputError(
        *sorted(complaints, key=lambda complaint: (complaint.place.line, complaint.place.column))
    )


def unknown_key(key: str, known: Iterable[str]) -> tuple[str, str]:
    """Problem and remedy for a key that does not exist."""
    if key.isdecimal():
        return f"unknown key '{shorten(key)}'", "write numbers without commas, such as 30000"
    names = sorted(set(known))
    near = nearest(key, names)
    remedy = f"did you mean '{near}'?" if near else f"known keys: {', '.join(names)}"
    return f"unknown key '{shorten(key)}'", remedy


def shorten(value: Any) -> str:
    """A value as one short line for a message."""
    text = "nothing" if value is None else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def _words(
    detail: ErrorDetails,
    model_type: type[BaseModel],
    also_known: Callable[[str], Iterable[str]],
    spoken: Mapping[str, str],
) -> tuple[str, str]:
    kind, loc, context = detail["type"], detail["loc"], detail.get("ctx", {})
    paths = accumulate(map(str, loc), lambda path, part: f"{path}.{part}")
    name = ".".join(filter(None, (spoken.get(path, path.rpartition(".")[2]) for path in paths)))
    if kind == "extra_forbidden":
        parent = ".".join(str(part) for part in loc[:-1])
        return unknown_key(str(loc[-1]), {*fields_at(model_type, loc[:-1]), *also_known(parent)})
    if kind == "missing":
        return f"the key '{loc[-1]}' is missing", f"add '{loc[-1]}: ...'"
    if kind == "value_error":
        problem, _, remedy = str(context.get("error", detail["msg"])).partition("; ")
        return (f"{name}: {problem}" if name else problem), remedy
    found = f"{name} is '{shorten(detail['input'])}'"
    if detail["input"] is None:
        found = f"{name} has no value"
    elif isinstance(detail["input"], dict | list | tuple):
        found = f"{name} is a {'list' if isinstance(detail['input'], list | tuple) else 'mapping'}"
    if kind == "string_pattern_mismatch" and r"\d\d-" in str(context["pattern"]):
        return found, "write a month such as 2027-01"
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return found, f"write {words} {context[key]:g}"
    if kind == "literal_error":
        return found, _choices(str(detail["input"]), str(context["expected"]))
    if kind in ("tuple_type", "list_type") and (keys := fields_at(model_type, (*loc, 0))):
        return found, f"write a list whose entries have keys: - {{{keys[0]}: ...}}"
    if kind in _EXPECTED:
        return found, f"write {_EXPECTED[kind]}"
    return f"{name}: {detail['msg']}", ""


def _choices(found: str, expected: str) -> str:
    options = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
    near = nearest(found, options)
    return f"did you mean '{near}'?" if near else f"write {', '.join(options)}"


def nearest(word: str, known: Iterable[str]) -> str:
    """The entry of ``known`` that looks most like ``word``, or one that holds it; else an empty text."""
    said, names = word[:100].lower(), {name.lower(): name for name in sorted(known)}
    alike = difflib.get_close_matches(said, names, n=1, cutoff=0.6)
    holding = [name for name in names if len(said) > 2 and said in name]
    return next((names[name] for name in [*alike, *sorted(holding, key=len)]), "")


def fields_at(model_type: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that are allowed at ``loc`` inside ``model_type`` (empty where anything is)."""
    annotation: Any = model_type
    for part in loc:
        annotation = _inside(annotation, part)
    models = [m for m in _models(annotation) if isinstance(m, type)]
    return [name for model in models for name in model.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is types.UnionType:
        return [model for option in get_args(annotation) for model in _models(option)]
    return []


def _inside(annotation: Any, part: str | int) -> Any:
    for model in _models(annotation):
        if part in model.model_fields:
            return model.model_fields[str(part)].annotation
    options = get_args(annotation) if get_origin(annotation) is types.UnionType else (annotation,)
    for option in options:
        origin, arguments = get_origin(option), get_args(option)
        if origin in (dict, list, tuple) and arguments:
            return arguments[1] if origin is dict else arguments[0]
    return None
