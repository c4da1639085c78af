"""Fitted constants of every system family and engine generation (catalogs/calibration.yaml).

The logarithm of a constant is a sum of effects: all accelerators + engine + family + generation + vendor,
family and system in that generation + model + model in that generation. What has no rows falls back
on what it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domain.catalog import System
from solver.errors import InputError
from solver.performance.constants import HIGHS, LOWS, NAMES
from solver.performance.families import family_of

Floats = NDArray[np.float64]

#: How new a run is to the fit: nothing new; the model; the system, but not its family with this engine; the
#: system and its family with this engine; the engine generation.
NOVELTY = ("known", "model", "relative", "system", "generation")
LEVELS = (
    "all",
    "engine",
    "family",
    "generation",
    "vendor-generation",
    "family-generation",
    "system-generation",
    "model",
    "model-generation",
)


def effect_keys(family: str, generation: str, system: str, model: str) -> dict[str, str]:
    """Key of a run on each level."""
    engine = generation.split("-")[0]
    vendor = family.split("-")[0]
    runs = (f"{vendor}/{generation}", f"{family}/{generation}", f"{system}/{generation}")
    keys = ("", engine, family, generation, *runs, model, f"{model}/{generation}")
    return dict(zip(LEVELS, keys, strict=True))


@dataclass(frozen=True)
class Latency:
    """Constants of a family whose layers own their memory (SRAM, ROM, NVM): time is latency per layer."""

    layer_us: float
    layer_ns_per_hidden: float
    moe_layer_us: float
    sequence_us: float
    memory_share: float
    compute_share: float
    ttft_ms: float
    lanes: float  # tokens that a layer takes at once


@dataclass(frozen=True)
class Entry:
    """Constants for plans with one system, and where they come from."""

    family: str
    constants: Mapping[str, float]
    latency: Latency | None
    spread: float  # 80 % half-width of a prediction, as a factor on throughput
    rows: int
    evidence: str


@dataclass(frozen=True)
class Calibration:
    """All effects, with the rows behind each and the measured spread of predictions."""

    effects: Mapping[str, Mapping[str, Floats]]  # level -> key -> logarithms in the order of NAMES
    rows: Mapping[str, Mapping[str, int]]
    spreads: Mapping[str, Mapping[str, float]]  # novelty -> metric -> 80 % half-width as a factor
    current: Mapping[str, str]  # family -> engine generation that plans assume
    relatives: Mapping[str, str]  # family without rows -> family it takes its constants from
    latencies: Mapping[str, Latency]
    latency_spreads: Mapping[str, float]
    latency_sources: Mapping[str, str]
    models: frozenset[str]  # seen by the fit
    marks: frozenset[str]  # smallest hashes of fitted rows: any larger part of them is recognised
    errors: Mapping[str, Mapping[str, Mapping[str, float]]]  # left out by -> metric group -> figures
    date: str
    source: str

    def logs(self, family: str, generation: str, system: str, model: str) -> Floats:
        """Logarithms of the constants of a run."""
        total = np.zeros(len(NAMES))
        keys = effect_keys(self.relatives.get(family, family), generation, system, model)
        for level, key in keys.items():
            total = total + self.effects.get(level, {}).get(key, 0.0)
        return np.clip(total, LOWS, HIGHS)

    def novelty(self, family: str, generation: str, system: str, model: str) -> str:
        """What of a run the fit has not seen: the farthest word of NOVELTY that holds."""
        known = self.rows.get("system-generation", {})
        if f"{system}/{generation}" in known:
            return "known" if model in self.models else "model"
        if f"{family}/{generation}" in self.rows.get("family-generation", {}):
            return "relative"
        return "system" if generation in self.rows.get("generation", {}) else "generation"

    def half_width(self, novelty: str, model: str, group: str) -> float:
        """80 % half-width as a factor; a model that the fit has not seen widens that of a new system."""
        width = self.spreads[novelty][group]
        return width if model in self.models else max(width, self.spreads["model"][group])

    def of(self, system: System, model: str = "") -> Entry | None:
        """Constants for plans with ``system`` (and ``model``, by id); None where its family is unknown."""
        family = family_of(system)
        if family in self.latencies:
            return self._latency_entry(family)
        generation = self.current.get(family)
        if generation is None:
            return None
        logs = self.logs(family, generation, system.id, model)
        constants = {name: float(value) for name, value in zip(NAMES, np.exp(logs), strict=True)}
        novelty = self.novelty(family, generation, system.id, model)
        if family in self.relatives or not self.rows.get("family", {}).get(family):
            novelty = "generation"
        spread = self.half_width(novelty, model, "throughput")
        rows = self._rows_behind(family, generation, system.id)
        return Entry(family, constants, None, spread, rows, self._evidence(family, generation, rows, spread))

    def _rows_behind(self, family: str, generation: str, system: str) -> int:
        """Rows of the system, else of the family in this generation, else of the family."""
        keys = effect_keys(family, generation, system, "")
        for level in ("system-generation", "family-generation", "family"):
            found = self.rows.get(level, {}).get(keys[level], 0)
            if found:
                return found
        return 0

    def _evidence(self, family: str, generation: str, rows: int, spread: float) -> str:
        width = f"80 % within a factor {spread:.2f}"
        if family in self.relatives:
            return f"inherited from {self.relatives[family]}, {generation}; {width}"
        if not rows:
            return f"inherited from all accelerators, {generation}; {width}"
        return f"fitted: {family}, {generation} ({rows:,} rows, {self.date}); {width}"

    def _latency_entry(self, family: str) -> Entry:
        spread = self.latency_spreads[family]
        evidence = f"{self.latency_sources[family]}; 80 % within a factor {spread:.2f}"
        return Entry(family, {}, self.latencies[family], spread, 0, evidence)


def load_calibration(path: Path | None = None) -> Calibration:
    """Read calibration constants (default: the shipped catalogs/calibration.yaml)."""
    from solver.paths import catalog_dir

    file = catalog_dir() / "calibration.yaml" if path is None else path
    if not file.is_file():
        raise InputError.at(str(file), 0, "no such file", "run `solver calibrate` to write it")
    return _load(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(file: Path, _stamp: int) -> Calibration:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _parse(yaml.load(file.read_text(encoding="utf-8"), Loader=loader))  # noqa: S506
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        remedy = "restore the shipped file or run `solver calibrate`"
        raise InputError.at(str(file), 0, f"not a calibration file: {error!r}", remedy) from error


def _parse(raw: Mapping[str, Any]) -> Calibration:
    if tuple(raw["constants"]) != NAMES:
        raise ValueError("its constants are not those of this program version")
    effects: dict[str, dict[str, Floats]] = {}
    rows: dict[str, dict[str, int]] = {}
    for level, table in raw["effects"].items():
        effects[level] = {key: np.array(row["log"], dtype=np.float64) for key, row in table.items()}
        rows[level] = {key: int(row["rows"]) for key, row in table.items()}
    latencies = raw["latencies"]
    fields = Latency.__dataclass_fields__
    return Calibration(
        effects=effects,
        rows=rows,
        spreads={k: {m: float(v) for m, v in t.items()} for k, t in raw["spreads"].items()},
        current=dict(raw["current"]),
        relatives=dict(raw["relatives"]),
        latencies={k: Latency(**{f: float(v[f]) for f in fields}) for k, v in latencies.items()},
        latency_spreads={k: float(v["spread"]) for k, v in latencies.items()},
        latency_sources={k: str(v["source"]) for k, v in latencies.items()},
        models=frozenset(raw["models"]),
        marks=frozenset(map(str, raw["marks"])),
        errors=raw["left_out_errors"],
        date=str(raw["date"]),
        source=str(raw["source"]),
    )
