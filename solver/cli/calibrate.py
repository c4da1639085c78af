"""``solver calibrate``: fit the performance constants to a measurement file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from solver.errors import InputError


def calibrate(
    measurements: Annotated[Path, typer.Argument(metavar="MEASUREMENTS", help="CSV of measured runs.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write instead of the shipped calibration.yaml.")
    ] = None,
    date: Annotated[str, typer.Option(help="Date to record; default: that of the newest row.")] = "",
    folds: Annotated[int, typer.Option(min=2, help="Parts in cross-validation.")] = 14,
    as_json: Annotated[bool, typer.Option("--json", help="Print the left-out errors as JSON.")] = False,
) -> None:
    """Fit, cross-validate by whole models, systems, sources and series, and write the constants."""
    from solver.inputs.catalogs import load_catalog
    from solver.paths import catalog_dir
    from solver.performance import calibrate as core
    from solver.performance.mapping import hardware_names
    from solver.performance.measured import read_measurements

    rows, unmapped = read_measurements(measurements, load_catalog(), hardware_names())
    if not len(rows):
        remedy = "see catalogs/measurement_names.yaml for the names of systems"
        raise InputError.at(str(measurements), 0, "no row can be mapped to a system and a model", remedy)

    def tell(text: str) -> None:
        """A line on stderr."""
        typer.echo(text, err=True)

    tell(f"{len(rows):,} rows mapped, {len(unmapped):,} not")
    content = core.calibrate(rows, measurements, date or rows.newest, folds, tell)
    target = out or catalog_dir() / "calibration.yaml"
    target.write_text(core.as_yaml(content), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(content["left_out_errors"], indent=1))
        return
    for kind, groups in content["left_out_errors"].items():
        for group, e in ((g, e) for g, e in groups.items() if e["rows"]):
            typer.echo(
                f"left out by {kind:7s} {group:11s} {e['rows']:6,} rows  median {e['median_ape']:6.1%}  "
                f"p90 {e['p90_ape']:7.1%}  within 50 %: {e['within_half']:6.1%}"
            )
    typer.echo(f"wrote {target}")
