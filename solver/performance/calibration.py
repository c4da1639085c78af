"""Fitted constants of each system family, with the rows they come from (catalogs/calibration.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from solver.domain.catalog import System
from solver.errors import InputError

#: Constant -> (unit, meaning). Shares are of the data sheet's figure.
CONSTANTS: dict[str, tuple[str, str]] = {
    "memory_share": ("1", "achieved share of memory bandwidth"),
    "compute_share": ("1", "achieved share of dense FLOP/s at 16 bit, dense matrices"),
    "compute_share_moe": ("1", "the same in routed experts"),
    "fp8_factor": ("1", "compute share at fp8 and int8, over that at 16 bit"),
    "fp4_factor": ("1", "compute share at fp4, over that at 16 bit"),
    "layer_us": ("us", "time of a layer that does not depend on its size"),
    "layer_ns_per_hidden": ("ns", "growth of that time with the width of the model"),
    "moe_layer_us": ("us", "further time of a layer with routed experts"),
    "sequence_us": ("us", "scheduler and sampling, per sequence and step"),
    "collective_us": ("us", "latency of an all-reduce of two chips"),
    "link_share": ("1", "achieved share of the scale-up rate"),
    "ttft_ms": ("ms", "server, tokeniser and scheduler before the first token"),
    "saturation": ("1", "step time with everything queued, over that at the same batch in a closed loop"),
}


@dataclass(frozen=True)
class Entry:
    """Constants of one system family with one engine generation."""

    name: str
    values: Mapping[str, float]
    spread: float  # 80 % half-width of a prediction, as a factor on throughput
    rows: int
    source: str
    date: str
    inherits: str = ""
    spreads: Mapping[str, float] = field(default_factory=dict)  # metric -> half-width

    def __getitem__(self, constant: str) -> float:
        return self.values[constant]

    @property
    def evidence(self) -> str:
        """How a report names the origin of a prediction."""
        width = f"80 % within a factor {self.spread:.2f}"
        if self.inherits:
            return f"inherited from {self.inherits}: {self.source}; {width}"
        if not self.rows:
            return f"{self.source} ({self.date}); {width}"
        return f"fitted: {self.name} ({self.rows:,} rows, {self.date}); {width}"


@dataclass(frozen=True)
class Calibration:
    """All entries; ``current`` names the one that plans use for each family."""

    entries: Mapping[str, Entry]
    current: Mapping[str, str]
    version: str = ""

    def of(self, system: System) -> Entry | None:
        """The constants for plans with ``system``, or None where its family is unknown."""
        name = self.current.get(family_of(system))
        return None if name is None else self.entries[name]


#: Word in the system's name -> family, first match wins; systems may name their family in the catalog.
_FAMILIES: dict[str, tuple[tuple[str, str], ...]] = {
    "NVIDIA": (
        ("a100", "nvidia-ampere"),
        ("a10", "nvidia-ampere"),
        ("h100", "nvidia-hopper"),
        ("h200", "nvidia-hopper"),
        ("h800", "nvidia-hopper"),
        ("l40", "nvidia-ada"),
        ("l4", "nvidia-ada"),
        ("rtx", "nvidia-blackwell-pcie"),
        ("", "nvidia-blackwell"),
    ),
    "Intel": (("gaudi", "intel-gaudi"), ("", "intel-gpu")),
    "AMD": (("mi250", "amd-cdna2"), ("mi355", "amd-cdna4"), ("", "amd-cdna3")),
}
_VENDORS = {
    "google": "google-tpu",
    "aws": "aws-neuron",
    "sambanova": "sambanova",
    "tenstorrent": "tenstorrent",
    "qualcomm": "qualcomm",
    "etched": "etched",
    "groq": "groq",
    "graphcore": "graphcore",
    "d-matrix": "d-matrix",
}
_KINDS = {"sram-wafer": "cerebras", "dram-cpu": "cpu", "rom-weight": "taalas"}


def family_of(system: System) -> str:
    """Calibration family: named in the catalog, or from kind, vendor and name."""
    if system.family:
        return system.family
    if system.kind in _KINDS:
        return _KINDS[system.kind]
    if system.kind == "nvm-weight":
        wafer = (system.get("die_mm2_per_chip") or 0) > 2000  # a reticle is 858 mm2
        return "nvm-wafer" if wafer else ("hbf" if "HBF" in system.dram_type else "nvm-chip")
    if system.kind == "sram-chip" and "groq" in system.vendor.lower():
        return "groq"
    name = f"{system.id} {system.name}".lower()
    for word, family in _FAMILIES.get(system.vendor, ()):
        if word in name:
            return family
    return next((f for v, f in _VENDORS.items() if v in system.vendor.lower()), "accelerator")


def load_calibration(path: Path | None = None) -> Calibration:
    """Read calibration constants (default: the shipped catalogs/calibration.yaml)."""
    from solver.paths import catalog_dir

    file = catalog_dir() / "calibration.yaml" if path is None else path
    if not file.is_file():
        raise InputError.at(
            str(file), 0, "no such file", "run `solver calibrate MEASUREMENTS.csv` to write it"
        )
    return _load(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(file: Path, _stamp: int) -> Calibration:
    import yaml

    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
        entries = {name: _entry(name, row) for name, row in raw["entries"].items()}
        return Calibration(entries, dict(raw["current"]), str(raw.get("version", "")))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        remedy = "restore the shipped file or run `solver calibrate`"
        raise InputError.at(str(file), 0, f"not a calibration file: {error!r}", remedy) from error


def _entry(name: str, row: Mapping[str, Any]) -> Entry:
    missing = [key for key in CONSTANTS if key not in row["values"]]
    if missing:
        raise ValueError(f"entry {name} lacks {', '.join(missing)}")
    return Entry(
        name=name,
        values={key: float(row["values"][key]) for key in CONSTANTS},
        spread=float(row["spread"]),
        rows=int(row["rows"]),
        source=str(row["source"]),
        date=str(row["date"]),
        inherits=str(row.get("inherits", "")),
        spreads={str(k): float(v) for k, v in row.get("spreads", {}).items()},
    )
