"""Columns of a request log: which of them holds the time, the prompt and the output of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solver.errors import Complaint, InputError, Place, UsageError
from solver.inputs.validation import shorten

#: What a role may be called, in lower case without blanks, dashes and underscores; best first.
NAMES = {
    "arrival": (
        "timestamp",
        "arrival",
        "arrivaltime",
        "arrivedat",
        "time",
        "datetime",
        "createdat",
        "created",
    ),
    "prompt": ("contexttokens", "requesttokens", "prompttokens", "inputtokens", "inputlength"),
    "output": ("generatedtokens", "responsetokens", "completiontokens", "outputtokens", "outputlength"),
}


def check_roles(columns: Mapping[str, str]) -> None:
    """Raises UsageError where a column is named for another role than those of `NAMES`."""
    for role in columns:
        if role not in NAMES:
            raise UsageError(f"unknown column role '{role}'; name arrival, prompt or output")


def paths_of(entry: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Where the values of an object lie; those of objects in it after its own: ('usage', 'prompt_tokens')."""
    inner = [(key, name) for key, value in entry.items() if isinstance(value, dict) for name in value]
    return [*((key,) for key, value in entry.items() if not isinstance(value, dict)), *inner]


def value_at(entry: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The value at a path of `paths_of`; None where there is none."""
    found: Any = entry
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


@dataclass(frozen=True)
class Wanted:
    """What is taken from a log: columns that were named for roles, and rows that have certain values."""

    file: str
    columns: Mapping[str, str]
    only: Mapping[str, str]

    def places(self, paths: Sequence[tuple[str, ...]]) -> list[int]:
        """Positions among ``paths`` of arrival, prompt, output, and the columns of ``only``.

        Raises InputError with one complaint for each that no column has.
        """
        there = shorten(", ".join(".".join(path) for path in paths))
        places: list[int] = []
        complaints: list[Complaint] = []
        for role, known in NAMES.items():
            named = self.columns.get(role)
            found = _first(paths, known if named is None else (_plain(named),))
            if found is not None:
                places.append(found)
            elif named is None:
                problem, remedy = f"no column for {role} (found: {there})", f"give --column {role}=NAME"
                complaints.append(Complaint(Place(self.file, 1), problem, remedy))
            else:
                complaints.append(self._missing(named, there))
        for name in self.only:
            found = _first(paths, (_plain(name),))
            if found is None:
                complaints.append(self._missing(name, there))
            else:
                places.append(found)
        if complaints:
            raise InputError(*complaints)
        return places

    def keeps(self, values: Sequence[Any]) -> bool:
        """Whether the values of a row are those of ``only``."""
        return all(str(value).strip() == text for value, text in zip(values, self.only.values(), strict=True))

    def _missing(self, name: str, there: str) -> Complaint:
        return Complaint(
            Place(self.file, 1), f"no column '{shorten(name)}'", f"name one of those found: {there}"
        )


def _first(paths: Sequence[tuple[str, ...]], names: Sequence[str]) -> int | None:
    """Where the first of ``names`` that there is stands: as a whole path, or as the last part of one."""
    whole, last = [_plain(".".join(path)) for path in paths], [_plain(path[-1]) for path in paths]
    return next((those.index(name) for name in names for those in (whole, last) if name in those), None)


def _plain(name: str) -> str:
    """A name for comparison."""
    return "".join(letter for letter in name.lower() if letter not in " _-\t\r\n")
