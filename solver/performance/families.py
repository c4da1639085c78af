"""Calibration family of a system: named in the catalog, or from its kind, vendor and name."""

from __future__ import annotations

from solver.domain.catalog import System

#: Vendor -> (word in the name, family); the first match wins.
_BY_NAME: dict[str, tuple[tuple[str, str], ...]] = {
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
    "AMD": (("mi250", "amd-cdna2"), ("mi355", "amd-cdna4"), ("", "amd-cdna3")),
    "Intel": (("gaudi", "intel-gaudi"), ("", "intel-gpu")),
}
_BY_VENDOR = {
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
_BY_KIND = {"sram-wafer": "cerebras", "dram-cpu": "cpu", "rom-weight": "taalas"}
_RETICLE_MM2 = 858.0


def family_of(system: System) -> str:
    """The family whose constants a system takes."""
    if system.family:
        return system.family
    if system.kind in _BY_KIND:
        return _BY_KIND[system.kind]
    if system.kind == "nvm-weight":
        if "HBF" in system.dram_type:
            return "hbf"
        return "nvm-wafer" if (system.get("die_mm2_per_chip") or 0) > _RETICLE_MM2 else "nvm-chip"
    vendor, name = system.vendor.lower(), f"{system.id} {system.name}".lower()
    if system.kind == "sram-chip":
        return next((f for v, f in _BY_VENDOR.items() if v in vendor), "sram-chip")
    for word, family in _BY_NAME.get(system.vendor, ()):
        if word in name:
            return family
    return next((f for v, f in _BY_VENDOR.items() if v in vendor), "accelerator")
