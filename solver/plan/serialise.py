"""Plans and operating points as JSON and back; damaged or hostile files end in an InputError.

Rationals travel as strings "p/q", infinite times as the string "inf" (JSON has neither), all else as
plain JSON. Numbers of floats are written so that they read back as the same float.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from solver.errors import Complaint, InputError, Place
from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.plan.json_place import line_of
from solver.plan.plan import FORMAT, Plan

MAX_BYTES = 8_000_000
MAX_NESTS = 200_000  # objects and lists in the file
MAX_DIGITS = 40  # of a number in the file; a float needs 17
MAX_DEPTH = 64
RATIONAL = re.compile(r"[0-9]{1,400}(/0*[1-9][0-9]{0,399})?", re.ASCII)


def rational(text: str) -> Fraction:
    """The rational written as "p" or "p/q" with p >= 0 and q > 0; ValueError for anything else."""
    if not isinstance(text, str) or not RATIONAL.fullmatch(text):
        raise ValueError(f"{str(text)[:40]!r} is not a rational number; write p/q, such as 1/8")
    return Fraction(text)


def point_to_dict(point: OperatingPoint) -> dict[str, Any]:
    """An operating point as JSON values."""
    values: dict[str, Any] = _plain(asdict(point))
    return values


def api_to_dict(api: ApiPoint) -> dict[str, Any]:
    """An API point as JSON values."""
    values: dict[str, Any] = _plain(asdict(api))
    return values


def point_from_dict(data: Mapping[str, Any], where: str = "points") -> OperatingPoint:
    """The operating point of :func:`point_to_dict`; InputError if a field is missing or of a wrong type."""
    values = dict(data)
    try:
        values["systems_per_replica"] = rational(values.get("systems_per_replica", ""))
    except ValueError as error:
        raise InputError.at(where, 0, f"systems_per_replica: {error}") from None
    found: OperatingPoint = _read(OperatingPoint, values, where)
    return found


def api_from_dict(data: Mapping[str, Any], where: str = "inputs.apis") -> ApiPoint:
    """The API point of :func:`api_to_dict`; InputError if a field is missing or of a wrong type."""
    found: ApiPoint = _read(ApiPoint, dict(data), where)
    return found


def plan_json(plan: Plan) -> str:
    """The text of plan.json: ASCII, indented, final newline; the same plan gives the same bytes."""
    return json.dumps(_plain(plan.model_dump(mode="python")), indent=1, allow_nan=False) + "\n"


def load_plan(path: Path) -> Plan:
    """The plan in a file; InputError with file and line if it is not one."""
    text = _text(path)
    data = _parsed(path, text)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError.at(str(path), 1, "this is not a plan", f"give a file with 'format': '{FORMAT}'")
    try:
        return Plan.model_validate(_with_tuples(data), strict=True)
    except ValidationError as error:
        raise InputError(*_complaints(error, str(path), text)) from None


def _with_tuples(data: dict[str, Any]) -> dict[str, Any]:
    """The lists of a plan and the pairs in them as the tuples that strict reading asks for.

    (Reading from text would accept lists, but holds a kilobyte and more for each object of the file.)
    """

    def pair(item: Any) -> Any:
        """A list of JSON as the tuple that it was."""
        return tuple(item) if isinstance(item, list) else item

    return {
        key: tuple(pair(item) for item in value) if isinstance(value, list) else value
        for key, value in data.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _read(kind: type, values: dict[str, Any], where: str) -> Any:
    try:
        return _adapter(kind).validate_python(values)
    except ValidationError as error:
        raise InputError(*_complaints(error, where, "")) from None
    except (RecursionError, OverflowError, TypeError) as error:
        raise InputError.at(where, 0, f"this is not a {kind.__name__}: {error}") from None


def _complaints(error: ValidationError, file: str, text: str) -> list[Complaint]:
    found = []
    for entry in error.errors(include_url=False, include_input=False)[:20]:
        path = ".".join(str(part) for part in entry["loc"])
        there = entry["loc"][:-1] if entry["type"] == "missing" else entry["loc"]
        line = line_of(text, there) if text else 0
        found.append(Complaint(Place(file, line), f"{path or 'the plan'}: {entry['msg'].lower()}"))
    return found


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise InputError.at(str(path), 0, "no such plan file", "give the path of a plan.json")
        if path.stat().st_size > MAX_BYTES:
            raise InputError.at(str(path), 0, f"the file is larger than {MAX_BYTES // 10**6} MB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError.at(str(path), line, f"byte {error.start} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        raise InputError.at(str(path), 0, f"the file cannot be read: {error}") from None


def _parsed(path: Path, text: str) -> Any:
    try:
        _measure_depth(text)
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        remedy = "give a plan.json that `solver solve --out` wrote"
        problem = f"not JSON: {error.msg}"
        raise InputError.at(str(path), error.lineno, problem, remedy, error.colno) from None
    except RecursionError:
        raise InputError.at(str(path), 1, f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise InputError.at(str(path), 1, str(error)) from None


_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def _measure_depth(text: str) -> None:
    depth = 0
    for n, found in enumerate(re.finditer(r"[\[\]{}]", _STRINGS.sub("", text))):
        depth += 1 if found.group() in "[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        if n >= 2 * MAX_NESTS:  # each opens and closes
            raise ValueError(f"more than {MAX_NESTS:,} objects and lists")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:60]!r} is written twice")
    return made


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if len(text) > MAX_DIGITS or math.isinf(value):
        raise ValueError(f"the number {text[:MAX_DIGITS]} is too long or too large")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"the number {text[:MAX_DIGITS]}... has more than {MAX_DIGITS} digits")
    return int(text)
