"""Which hardware of published measurements is which system of the catalog."""

from __future__ import annotations

from pathlib import Path

from solver.errors import InputError
from solver.paths import catalog_dir


def hardware_names(file: Path | None = None) -> dict[str, str]:
    """Name in measurements -> system id, from catalogs/measurement_names.yaml."""
    import yaml

    path = catalog_dir() / "measurement_names.yaml" if file is None else file
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {str(k): str(v) for k, v in raw["measurement_names"].items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InputError.at(str(path), 0, f"cannot be read: {error!r}", "restore the shipped file") from error
