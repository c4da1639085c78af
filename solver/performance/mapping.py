"""Which system and model of the catalog a published measurement means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from solver.domain.catalog import Catalog, Model, System
from solver.errors import InputError
from solver.paths import catalog_dir

#: Endings of model names that do not change the architecture: tuning, dates, precisions, packaging.
_ENDINGS = re.compile(
    r"-(instruct|chat|it|hf|base|text|thinking|exp|preview|latest|versatile|instant|turbo|maas"
    r"|v\d(\.\d+)?|\d{4}|\d+k|99(\.9)?|\dbit|q\d|w\d+a\d+|int\d|m?xfp\d|n?v?fp\d+|mxfp\d|bf16|bnb|kv|block"
    r"|dynamic|quantized|awq|gptq|gguf|modelopt)$"
)
_ACTIVE = re.compile(r"-a\d+(\.\d+)?b$")
_POINT_RELEASE = re.compile(r"^(.*\d)\.\d+$")
#: Words of hardware names that say nothing about which product it is.
_VENDORS = frozenset(
    (
        *("nvidia", "amd", "intel", "google", "aws", "sambanova", "cerebras", "instinct", "tensor", "core"),
        *("gpu", "gpus", "hbm2", "hbm2e", "hbm3", "hbm3e", "gddr6", "gddr7", "server", "edition"),
        *("blackwell", "hopper", "grace", "superchip", "dgx", "hgx", "cloud", "oam", "accelerator", "system"),
    )
)
_MEMORY = re.compile(r"\d+(\.\d+)?gb")
_SAME_MEMORY = 0.12  # the same product is sold as 270, 279 and 288 GB


def hardware_names(file: Path | None = None) -> dict[str, str]:
    """Name in measurements -> system id, from catalogs/measurement_names.yaml."""
    import yaml

    path = catalog_dir() / "measurement_names.yaml" if file is None else file
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {str(k): str(v) for k, v in raw["measurement_names"].items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InputError.at(str(path), 0, f"cannot be read: {error!r}", "restore the shipped file") from error


def chips_in(name: str) -> int:
    """How many chips a hardware name states (8xH100, H100 x 8); 0 where it states none."""
    found = re.search(r"^\s*(\d+)\s*x\s*(?=[a-z])|\sx\s*(\d+)\s*$|(?<=\d)x(\d+)\s*$", name, re.IGNORECASE)
    return int(next(g for g in found.groups() if g)) if found else 0


class NameBook:
    """Looks names up: as written, then without what does not matter, never by guessing between two."""

    def __init__(self, catalog: Catalog, hardware: Mapping[str, str]) -> None:
        self._systems, self._hardware = catalog.systems, dict(hardware)
        self._words = {_hardware_words(k): v for k, v in hardware.items()}
        self._models: dict[str, Model] = {}
        for model in catalog.models.values():
            for name in (model.id, model.name, *model.aliases):
                self._models[_plain(name)] = model
        for short, named in _without_active(catalog.models.values()).items():
            self._models.setdefault(short, named)

    def system(self, name: str) -> System | None:
        """The system listed under ``name``, or under its words without vendor, count and matching memory."""
        known = self._hardware.get(name, name)
        if known in self._systems:
            return self._systems[known]
        if name.upper().startswith("MIXED"):
            return None
        words = _hardware_words(name)
        memory = {w for w in words if _MEMORY.fullmatch(w)}
        listed = self._words.get(words) or self._words.get(words - memory)
        found = self._systems.get(listed) if listed else self._by_number(name)
        return found if found and all(_has_memory(found, m) for m in memory) else None

    def _by_number(self, name: str) -> System | None:
        """The only system that has the first word of ``name`` with a number in it (B300)."""
        words = [w for w in re.split(r"[-_ (]", name.strip().lower()) if re.search(r"[a-z]\d", w)]
        spelt = ((s, re.split(r"\W", f"{s.id} {s.name}".lower())) for s in self._systems.values())
        found = [s for s, its in spelt if words and words[0] in its]
        return found[0] if len(found) == 1 else None

    def model(self, name: str) -> Model | None:
        """The model called ``name``; endings such as -Instruct and point releases share an architecture."""
        return self._shortened(_hyphens(name)) or self._shortened(_hyphens(name.replace("_", "-")))

    def _shortened(self, text: str) -> Model | None:
        while _plain(text) not in self._models:
            shorter = _ENDINGS.sub("", text)
            if shorter == text:
                point = _POINT_RELEASE.match(text)
                if not point:
                    return None
                shorter = point[1]
            text = shorter
        return self._models[_plain(text)]

    def nearest(self, name: str) -> str:
        """A name in the catalog that is spelt like ``name``, or nothing."""
        found = difflib.get_close_matches(_plain(_hyphens(name)), self._models, n=1, cutoff=0.75)
        return self._models[found[0]].id if found else ""


def _without_active(models: Iterable[Model]) -> dict[str, Model]:
    """Names without the active size (qwen3-30b of qwen3-30b-a3b), where only one model is called so."""
    found: dict[str, list[Model]] = {}
    for model in models:
        if (short := _ACTIVE.sub("", model.id)) != model.id:
            found.setdefault(_plain(short), []).append(model)
    return {short: named[0] for short, named in found.items() if len(named) == 1}


def _hyphens(name: str) -> str:
    """Model name without publisher, in lower case, its parts joined by hyphens."""
    text = name.strip().split("/")[-1].lower()
    text = re.sub(r"(?<=[a-z]\d)_(?=\d)", ".", text)  # llama3_1
    return re.sub(r"[\s_:@()]+", "-", re.sub(r"\.(?=[wq]\d)", "-", text)).strip("-").removeprefix("meta-")


def _plain(name: str) -> str:
    """Spelling that ignores case and punctuation."""
    return "".join(c for c in name.lower() if c.isalnum() or c == ".")


def _hardware_words(name: str) -> frozenset[str]:
    """Words of a hardware name without vendor and count: SXM5 is SXM, 80 GB is 80gb."""
    text = re.sub(r"^\s*\d+\s*x\s*(?=[a-z])|(\s|(?<=\d))x\s*\d+\s*$", "", name.lower())
    text = re.sub(r"(\d)\s*gi?b\b", r"\1gb", text)
    words = re.split(r"[^a-z0-9.]+", re.sub(r"sxm\d", "sxm", text))
    return frozenset(w for w in words if w and w not in _VENDORS)


def _has_memory(system: System, word: str) -> bool:
    """Whether a chip of ``system`` has about the memory that a name states."""
    memory, stated = system.get("dram_gb"), float(word.removesuffix("gb"))
    return memory is None or abs(memory / system.chips / stated - 1) <= _SAME_MEMORY
