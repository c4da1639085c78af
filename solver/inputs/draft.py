"""A workload file on its way into domain spelling: data, places, and every complaint so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from solver.errors import Complaint, InputError, Place
from solver.inputs.keys import KEYS, Key
from solver.inputs.units import parse_quantity
from solver.inputs.validation import MAX_COMPLAINTS, shorten, unknown_key


@dataclass
class Draft:
    """Collects what is wrong instead of stopping at the first complaint."""

    file: str
    folder: Path
    places: dict[str, Place]
    complaints: list[Complaint] = field(default_factory=list)
    spoken: dict[str, str] = field(default_factory=dict)  # domain path -> the key as it was written

    def place(self, path: str) -> Place:
        """The place of ``path`` or of its nearest stated parent."""
        while path and path not in self.places:
            path = path.rpartition(".")[0]
        return self.places.get(path, Place(self.file, 1))

    def complain(self, path: str, problem: str, remedy: str = "") -> None:
        """Note one complaint about the statement at ``path``."""
        self.complaints.append(Complaint(self.place(path), problem, remedy))

    def note(self, path: str, error: InputError) -> None:
        """Note complaints of a file that ``path`` refers to."""
        self.complaints.extend(error.complaints)

    def alias(self, stated: str, target: str) -> None:
        """The domain path ``target`` was stated at ``stated``."""
        if stated in self.places:
            self.places.setdefault(target, self.places[stated])

    def quantity(
        self, path: str, value: Any, unit: str, bare: bool | None = None, name: str = ""
    ) -> float | None:
        """``value`` in ``unit``, or None after a complaint, which calls it ``name`` (else by its key)."""
        name = name or _name(path)
        try:
            number = parse_quantity(value, unit, bare=bare)
            if unit == "share" and abs(number) > 1 and "%" not in str(value):
                raise ValueError(f"'{shorten(value)}' is more than 1; write a share such as 0.3 or 30 %")
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            self.complain(path, f"{name}: {problem}", remedy)
            return None
        return number

    def percentile(self, path: str, value: Any) -> float | None:
        """95, 0.95, 95 % or p95 as the share 0.95, or None after a complaint."""
        text = "" if value is None or isinstance(value, dict | list) else str(value).strip()
        number = self.quantity(path, text.removeprefix("p"), "percentile")
        if number is None:
            return None
        if 0 < number < 1 and "%" not in text:
            return number
        if 1 < number < 100:
            return float(Fraction(repr(number)) / 100)
        self.complain(path, f"{_name(path)} is '{shorten(value)}'", "write a percentile such as 95 or 99.9")
        return None


def rewrite(draft: Draft, section: str, data: Any, path: str) -> Any:
    """``data`` with the keys of ``section`` in domain spelling and canonical units."""
    if not isinstance(data, dict):
        return data
    result: dict[str, Any] = {}
    stated: dict[str, str] = {}
    for name, value in data.items():
        key = KEYS[section].get(name)
        target = key.target if key else name
        if target in stated:
            words = f"'{stated[target]}' and '{name}' state the same thing"
            draft.complain(f"{path}.{name}", words, "keep one of the two")
            continue
        stated[target] = name
        if name != target:
            draft.spoken[f"{path}.{target}"] = name
        converted = value if key is None else _convert(draft, key, f"{path}.{name}", value)
        if converted is not None or key is None:
            result[target] = converted
            draft.alias(f"{path}.{name}", f"{path}.{target}")
    return result


def _convert(draft: Draft, key: Key, path: str, value: Any) -> Any:
    if key.kind == "list":
        return [value] if isinstance(value, str) else value
    if key.kind == "percentile":
        return draft.percentile(path, value)
    if key.kind == "numbers":
        return _numbers(draft, value, key, path)
    if key.kind in ("table", "tables"):
        return _table(draft, value, key, path, nested=key.kind == "tables")
    if key.kind == "times":
        return _times(draft, value, key, path)
    return draft.quantity(path, value, key.unit, key.bare)


def _times(draft: Draft, value: Any, key: Key, path: str) -> Any:
    """A table of numbers by time in seconds: times above 0, numbers from 0 on that never fall."""
    if not isinstance(value, dict):
        return value
    stated, before = _name(path), len(draft.complaints)
    table: dict[float, tuple[float, str]] = {}
    for name, item in value.items():
        place = f"{path}.{name}"
        time_s = draft.quantity(place, name, "s", key.bare, f"a time of {stated}")
        number = draft.quantity(place, item, key.unit, name=f"{stated} at {name}")
        if time_s is None or number is None:
            continue
        if time_s <= 0:
            draft.complain(place, f"{stated}: the time is '{name}'", "write one above 0, such as 500 ms")
        elif number < 0:
            draft.complain(place, f"{stated} at {name} is '{shorten(item)}'", "write 0 or more")
        elif time_s in table:
            draft.complain(place, f"{stated}: the time {name} is stated twice", "keep one of the two")
        table[time_s] = (number, name)
    if len(draft.complaints) > before:
        return {}
    for (_, (less, _)), (_, (more, later)) in pairwise(sorted(table.items())):
        if more < less:
            words = f"{stated} falls from {less:g} to {more:g} at {later}"
            draft.complain(f"{path}.{later}", words, "a longer time feels no smaller bursts, so let it rise")
            return {}
    return {time_s: number for time_s, (number, _) in table.items()}


def _name(path: str) -> str:
    """The key at the end of a path; of an entry of a list the list's, and which entry it is."""
    before, _, last = path.rpartition(".")
    return f"entry {int(last) + 1} of {_name(before)}" if last.isdecimal() and before else last


def _numbers(draft: Draft, value: Any, key: Key, path: str) -> Any:
    if not isinstance(value, list):
        return value
    numbers: list[float | None] = []
    for i, item in enumerate(value):
        if key.gaps and (item is None or str(item).lower() == "none"):
            numbers.append(None)
        elif (number := draft.quantity(f"{path}.{i}", item, key.unit, key.bare)) is not None:
            numbers.append(number)
    return None if len(numbers) < len(value) else numbers


def _table(draft: Draft, value: Any, key: Key, path: str, nested: bool) -> Any:
    if not isinstance(value, dict):
        return value
    table: dict[str, Any] = {}
    for name, item in value.items():
        place = f"{path}.{name}"
        if nested:
            table[name] = _table(draft, item, key, place, nested=False)
        elif (number := draft.quantity(place, item, key.unit, key.bare)) is not None:
            table[name] = number
    return table


def refuse_unknown(draft: Draft, data: dict[str, Any], known: tuple[str, ...], path: str) -> None:
    """Complain about every key of ``data`` that is not in ``known``."""
    for key in [key for key in data if key not in known][:MAX_COMPLAINTS]:
        draft.complain(f"{path}.{key}", *unknown_key(key, known))
