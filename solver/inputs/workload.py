"""Workload files: from the user's YAML to ``LoadedWorkload``, every complaint with file:line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from solver.domain.workload import LoadedWorkload, Workload
from solver.errors import Complaint, InputError, Place
from solver.inputs.consistency import check_consistency
from solver.inputs.draft import Draft
from solver.inputs.keys import known_keys
from solver.inputs.overrides import Override, parse_override, set_value
from solver.inputs.spelling import domain_spelling
from solver.inputs.validation import MAX_COMPLAINTS, build_at
from solver.inputs.workload_text import to_data, workload_to_yaml
from solver.inputs.yaml_text import Document, load_yaml

__all__ = ["apply_overrides", "load_workload", "workload_from", "workload_to_yaml"]

MAX_ITEMS = 1000
_HOURLY = re.compile(
    r"services\.\d+\.(?:demand\..*|lengths\.histogram)\.\d+|profiles\.\d+\.requests_per_s\.\d+"
)


def load_workload(path: Path) -> LoadedWorkload:
    """The workload file at ``path``, or one InputError with everything that is wrong with it."""
    return workload_from(load_yaml(path), path.parent)


def workload_from(document: Document, folder: Path) -> LoadedWorkload:
    """The workload that ``document`` states; files it names lie in ``folder`` or below."""
    places = {path: place for path, place in document.places.items() if not _HOURLY.fullmatch(path)}
    if not isinstance(document.data, dict):
        raise InputError.at(document.file, 1, "a list where keys belong", "write lines such as 'name: chat'")
    for key in ("services", "sites", "regions", "apis", "offers", "profiles"):
        stated = document.data.get(key)
        if isinstance(stated, list) and len(stated) > MAX_ITEMS:
            place = places[key]
            raise InputError(Complaint(place, f"more than {MAX_ITEMS} {key}", "split the workload"))
    draft = Draft(document.file, folder, places)
    return LoadedWorkload(
        workload=_workload(draft, document.data), places=places, file=document.file, sha256=document.sha256
    )


def apply_overrides(loaded: LoadedWorkload, overrides: Iterable[str]) -> LoadedWorkload:
    """``loaded`` with statements such as ``services.0.levels.tpot=30 ms`` put in place of its own.

    Paths are those of the file format, in either spelling; services and sites go by index or name.
    """
    parsed: list[Override] = [parse_override(text) for text in overrides]
    if not parsed:
        return loaded
    data, places = to_data(loaded.workload), dict(loaded.places)
    for override in parsed:
        path = set_value(data, override, places)
        places[path] = override.place
    draft = Draft(loaded.file, Path(loaded.file).parent, places)
    digest = hashlib.sha256("\n".join([loaded.sha256, *(o.text for o in parsed)]).encode())
    workload = _workload(draft, data)
    return LoadedWorkload(workload=workload, places=places, file=loaded.file, sha256=digest.hexdigest())


def _workload(draft: Draft, stated: dict[str, Any]) -> Workload:
    data = domain_spelling(draft, stated)
    try:
        workload = build_at(Workload, data, draft.place, also_known=known_keys, spoken=draft.spoken)
        check_consistency(draft, workload)
    except InputError as error:
        draft.complaints.extend(error.complaints)
    if draft.complaints:
        raise InputError(*sorted(set(draft.complaints), key=_order)[:MAX_COMPLAINTS])
    return workload


def _order(complaint: Complaint) -> tuple[str, int, int]:
    place: Place = complaint.place
    return place.file, place.line, place.column
