"""Which system and model of the catalog a published measurement means."""

from __future__ import annotations

import re
from pathlib import Path

from solver.domain.catalog import Catalog, Model, System
from solver.errors import InputError
from solver.paths import catalog_dir

#: Endings of model names that do not change the architecture.
_ENDINGS = re.compile(
    r"[-_ ](instruct|chat|it|hf|base|thinking|exp|v0\.\d|\d{4}"
    r"|fp8|fp4|nvfp4|mxfp4|bf16|fp16|int4|int8|awq|w4a16)$",
    re.IGNORECASE,
)
_POINT_RELEASE = re.compile(r"^(.*\d)\.\d+$")


def hardware_names(file: Path | None = None) -> dict[str, str]:
    """Name in measurements -> system id, from catalogs/measurement_names.yaml."""
    import yaml

    path = catalog_dir() / "measurement_names.yaml" if file is None else file
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {str(k): str(v) for k, v in raw["measurement_names"].items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InputError.at(str(path), 0, f"cannot be read: {error!r}", "restore the shipped file") from error


class NameBook:
    """Looks names up: as written, then without what does not matter, never by guessing between two."""

    def __init__(self, catalog: Catalog, hardware: dict[str, str]) -> None:
        self._systems = catalog.systems
        self._hardware = hardware
        self._models: dict[str, Model] = {}
        for model in catalog.models.values():
            for name in (model.id, model.name, *model.aliases):
                self._models[_plain(name)] = model

    def system(self, name: str) -> System | None:
        """The system listed under ``name``, or the only one that has its first word with a number (B300)."""
        if name in self._hardware:
            return self._systems.get(self._hardware[name])
        if name in self._systems:
            return self._systems[name]
        words = [w for w in re.split(r"[-_ (]", name.strip().lower()) if re.search(r"[a-z]\d", w)]
        if name.startswith("MIXED") or not words:
            return None
        known = ((s, re.split(r"\W", f"{s.id} {s.name}".lower())) for s in self._systems.values())
        found = [s for s, its in known if words[0] in its]
        return found[0] if len(found) == 1 else None

    def model(self, name: str) -> Model | None:
        """The model called ``name``; endings such as -Instruct and point releases share an architecture."""
        text = name.strip().split("/")[-1]
        while _plain(text) not in self._models:
            shorter = _ENDINGS.sub("", text)
            if shorter == text:
                point = _POINT_RELEASE.match(text)
                if not point:
                    return None
                shorter = point[1]
            text = shorter
        return self._models[_plain(text)]


def _plain(name: str) -> str:
    """Spelling that ignores case and punctuation."""
    return "".join(c for c in name.lower() if c.isalnum() or c == ".")
