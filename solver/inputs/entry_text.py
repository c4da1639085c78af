"""Catalog entries as the text of a catalog file."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from solver.domain.catalog import MeasuredProfile, Model, System


def entries_yaml(section: str, entries: Iterable[Model | System | MeasuredProfile]) -> str:
    """``section`` with ``entries`` by id, without what they leave at its default."""
    fields = {e.id: e.model_dump(mode="json", exclude_defaults=True, exclude={"id"}) for e in entries}
    return yaml.safe_dump({section: fields}, sort_keys=False, width=110)
