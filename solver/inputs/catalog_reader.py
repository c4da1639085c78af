"""Reads catalog files, entry by entry, and keeps where each stands.

YAML files hold the sections of ``SECTIONS``, entries by id. A quantity written ``{value, unit, from: name}``
takes source, date and evidence from the ``sources`` of its entry. CSV files hold prices per token.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from solver.domain.catalog import (
    Catalog,
    MeasuredProfile,
    Model,
    Offer,
    ProcessNode,
    System,
    Technology,
    TokenApi,
)
from solver.domain.quantity import Frozen, Quantity
from solver.errors import Complaint, InputError, Place
from solver.inputs.api_table import api_fields
from solver.inputs.derived_offers import TERMS, derived_offers
from solver.inputs.yaml_text import Document, decode, load_yaml, read_bytes

SECTIONS: dict[str, type[Frozen]] = {
    "systems": System,
    "models": Model,
    "technologies": Technology,
    "nodes": ProcessNode,
    "offers": Offer,
    "profiles": MeasuredProfile,
    "apis": TokenApi,
}


class CatalogReader:
    """Collects entries and complaints over all files, so that one run tells everything that is wrong."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.entries: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        self.terms: dict[str, Quantity] = {}
        self.complaints: list[Complaint] = []
        self._homes: dict[tuple[str, str], Document | Place] = {}
        self._digest = hashlib.sha256()

    def read(self, path: Path) -> None:
        """Take in one file."""
        try:
            if path.suffix == ".csv":
                self._read_apis(path)
            else:
                self._read_yaml(path)
        except InputError as error:
            self.complaints += error.complaints

    def stop_if_wrong(self) -> None:
        """Raise all complaints so far, if any."""
        if self.complaints:
            raise InputError(*self.complaints)

    def catalog(self) -> Catalog:
        """Everything read, with the offers that follow from prices."""
        derived = derived_offers(self.entries["systems"], self.terms)
        sections = {**self.entries, "offers": {**derived, **self.entries["offers"]}}
        return Catalog.model_validate({"version": self._digest.hexdigest()[:16], **sections})

    def place(self, section: str, name: str, path: str = "") -> Place:
        """Where the entry ``name`` (or ``path`` within it) stands."""
        home = self._homes.get((section, name))
        if home is None and section == "offers":  # derived: blame the system
            return self.place("systems", name.rpartition("/")[0], path)
        if isinstance(home, Document):
            return home.place(".".join(part for part in (section, name, path) if part))
        return home or Place(str(self.root))

    def _read_yaml(self, path: Path) -> None:
        document = load_yaml(path)
        self._note_file(path, document.sha256)
        if not isinstance(document.data, dict):
            raise InputError.at(document.file, 1, "a list", f"write sections: {', '.join(SECTIONS)}")
        for section, content in document.data.items():
            if section == "terms":
                self._take_terms(document, content)
            elif section not in SECTIONS:
                self._complain(document.place(section), f"unknown section '{section}'", _nearest(section))
            elif not isinstance(content, dict):
                self._complain(document.place(section), "no entries", "write 'id:' and its fields below")
            else:
                for name, fields in content.items():
                    self._take(section, name, fields, document)

    def _read_apis(self, path: Path) -> None:
        raw = read_bytes(path)
        self._note_file(path, hashlib.sha256(raw).hexdigest())
        rows = csv.DictReader(io.StringIO(decode(raw, str(path)), newline=""), strict=True)
        try:
            for row in rows:
                place = Place(str(path), rows.line_num)
                self._take("apis", row.get("id") or "", api_fields(row, place), place)
        except csv.Error as error:
            raise InputError.at(str(path), rows.line_num, f"not CSV: {error}", "check the quotes") from None

    def _take(self, section: str, name: str, fields: Any, home: Document | Place) -> None:
        if (section, name) in self._homes:
            first = self.place(section, name)
            self._homes_complaint(section, name, home, f"'{name}' already stands at {first}")
            return
        self._homes[section, name] = home
        if not isinstance(fields, dict):
            self._complain(self.place(section, name), f"'{name}' has no fields", "write its fields below it")
            return
        if "id" in fields:
            self._complain(self.place(section, name, "id"), f"'{name}' repeats its id", "delete this line")
            return
        sources = fields.pop("sources", None) or {}
        if not _is_table(sources):
            where = self.place(section, name, "sources")
            self._complain(
                where, f"{name}: bad sources", "write 'name: {source: ..., date: ..., evidence: ...}'"
            )
            return
        try:
            filled = {"id": name, **_filled(fields, sources)}
            self.entries[section][name] = SECTIONS[section].model_validate(filled)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                loc = ".".join(str(part) for part in detail["loc"])
                self._complain(self.place(section, name, loc), f"{name}: {loc}: {_words(detail)}")

    def _take_terms(self, document: Document, content: Any) -> None:
        if not _is_table(content):
            self._complain(document.place("terms"), "bad terms", "write quantities below it")
            return
        for name, fields in content.items():
            place = document.place(f"terms.{name}")
            if name not in TERMS:
                self._complain(place, f"unknown term '{name}'", f"write one of: {', '.join(TERMS)}")
                continue
            try:
                self.terms[name] = Quantity.model_validate(fields)
            except ValidationError as error:
                self._complain(place, f"{name}: {_words(error.errors(include_url=False)[0])}")

    def _note_file(self, path: Path, sha256: str) -> None:
        self._digest.update(f"{path.relative_to(self.root).as_posix()} {sha256}\n".encode())

    def _homes_complaint(self, section: str, name: str, home: Document | Place, problem: str) -> None:
        place = home.place(f"{section}.{name}") if isinstance(home, Document) else home
        self._complain(place, problem, "give each entry its own id")

    def _complain(self, place: Place, problem: str, remedy: str = "") -> None:
        self.complaints.append(Complaint(place, problem, remedy))


def _filled(fields: dict[str, Any], sources: dict[str, Any]) -> dict[str, Any]:
    """The fields with every ``from: name`` replaced by that source; own words win over the source's."""
    return {key: _fill(value, sources) for key, value in fields.items()}


def _fill(value: Any, sources: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    name = value.get("from")
    if not isinstance(name, str):
        return {key: _fill(inner, sources) for key, inner in value.items()}
    own = {key: inner for key, inner in value.items() if key != "from"}
    return {**sources[name], **own} if name in sources else value


def _is_table(value: Any) -> bool:
    """Whether ``value`` maps names to mappings."""
    return isinstance(value, dict) and all(isinstance(inner, dict) for inner in value.values())


def _words(detail: Any) -> str:
    """The complaint of a field type in words."""
    kind, given = detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        if detail["loc"][-1] == "from":
            return f"no source is called '{given}'; add it under 'sources'"
        return "unknown key; delete it or correct its name"
    if kind == "missing":
        return "is missing; write it"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{message} (got {given!r})" if isinstance(given, str) else message


def _nearest(section: str) -> str:
    near = difflib.get_close_matches(section, [*SECTIONS, "terms"], n=1)
    return f"did you mean '{near[0]}'?" if near else f"write one of: {', '.join(SECTIONS)}, terms"
