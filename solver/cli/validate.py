"""``solver validate``: predictions against measurements, rows left out of the fit wherever there is one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from solver.performance.accuracy import Comparison

_PIPE_WIDTH = 160  # characters where the output is not a terminal


def validate(
    measurements: Annotated[
        Path | None,
        typer.Argument(metavar="[MEASUREMENTS]", help="CSV of measured runs. Without it: shipped points."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for validate.json and scatter.svg.")
    ] = None,
    cv: Annotated[
        bool, typer.Option("--cv", help="Refit without each model, system, source, series.")
    ] = False,
    rows: Annotated[int, typer.Option(min=0, help="Worst rows to show.")] = 10,
) -> None:
    """Errors by system, model and metric, coverage of stated intervals, ranking, worst rows and why."""
    from solver.performance.calibration import load_calibration

    if measurements is None:
        _published(as_json, out)
        return
    calibration = load_calibration()
    result, comparison = _against(measurements, cv, rows)
    if out:
        _write(out, result, comparison)
    if as_json:
        typer.echo(json.dumps(result, indent=1))
        return
    _show(result, calibration.date)


def _against(file: Path, cv: bool, count: int) -> tuple[dict[str, Any], Comparison]:
    """Everything there is to say about a measurement file."""
    from solver.errors import InputError
    from solver.inputs.catalogs import load_catalog
    from solver.performance import accuracy, crossval, repeats
    from solver.performance.calibration import load_calibration
    from solver.performance.mapping import hardware_names
    from solver.performance.measured import duplicates, read_measurements, row_marks

    calibration = load_calibration()
    mapped, unmapped = read_measurements(file, load_catalog(), hardware_names())
    if not len(mapped):
        reasons = "; ".join(f"{n} rows: {why}" for why, n in accuracy.unmapped_counts(unmapped).items())
        first = min(unmapped) + 2
        raise InputError.at(
            str(file), first, f"no row can be mapped ({reasons})", "see measurement_names.yaml"
        )
    comparison = accuracy.compare(mapped, calibration)
    fitted = bool(row_marks(file) & calibration.marks)
    basis = "constants of catalogs/calibration.yaml; no row of this file was fitted"
    left: dict[str, Any] = {}
    if fitted or cv:
        for kind in crossval.KINDS if cv else ("model",):
            c = _left_out(comparison, kind)
            left[kind] = accuracy.by_metric(c)
            if kind == "model":
                comparison = c
        parts = f"({crossval.FOLDS} parts)"
        basis = f"rows of this file were fitted, so each is predicted by a fit without its model {parts}"
    result = {
        "file": str(file),
        "basis": basis,
        "mapped": len(mapped),
        "metrics": accuracy.by_metric(comparison),
        "unmapped": accuracy.unmapped_counts(unmapped),
        "unmapped_lines": accuracy.unmapped_lines(unmapped),
        "duplicates": duplicates(file),
        "ranking": accuracy.ranking(comparison),
        "repeated": repeats.by_metric(mapped),
        "wrong_inputs": int(comparison.impossible.sum()),
        "suspicious_predictions": int(comparison.suspicious.sum()),
        "groups": accuracy.by_group(comparison),
        "worst": accuracy.worst(comparison, count),
        **({"left_out": left} if left else {}),
    }
    return result, comparison


def _left_out(c: Comparison, kind: str) -> Comparison:
    """The comparison with predictions of fits that saw nothing of a row's model (system, source, series)."""
    import numpy as np

    from solver.performance import crossval
    from solver.performance.calibration import load_calibration

    nodes = ~c.rows.pipeline
    predicted, factor, novelty = c.predicted.copy(), c.factor.copy(), c.novelty.copy()
    part = c.rows.take(nodes)
    predicted[nodes] = part.value * np.exp(crossval.left_out(part, kind, crossval.FOLDS))
    spreads, words = load_calibration().spreads, crossval.novelty(part, kind, crossval.FOLDS)
    factor[nodes] = [spreads[w][g] for w, g in zip(words, crossval.metric_groups(part), strict=True)]
    novelty[nodes] = words
    return replace(c, predicted=predicted, factor=factor, novelty=novelty)


def _published(as_json: bool, out: Path | None) -> None:
    """Shipped operating points against the step laws."""
    from solver.inputs.catalogs import load_catalog
    from solver.performance.calibration import load_calibration
    from solver.performance.published import published_points

    points = published_points(load_catalog(), load_calibration())
    text = json.dumps({"points": points}, indent=1)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "validate.json").write_text(text + "\n", encoding="utf-8")
    if as_json:
        typer.echo(text)
        return
    _table(
        "Shipped operating points: output tokens per second and user",
        ("profile", "published", "predicted", "reason"),
        [(p["profile"], f"{p['published']:g}", str(p["predicted"] or "-"), p["reason"]) for p in points],
    )


def _write(folder: Path, result: dict[str, Any], c: Comparison) -> None:
    from solver.performance.crossval import metric_groups
    from solver.performance.scatter import scatter_svg

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "validate.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    groups = metric_groups(c.rows)
    units = {"tpot": "TPOT, ms", "throughput": "throughput, tok/s or requests/s", "ttft": "TTFT, ms"}
    panels = {}
    for key, heading in units.items():
        mine = (groups == key) & (c.rows.labels.metric != "output_tok_s_per_user")
        if mine.any():
            panels[heading] = (c.rows.value[mine], c.predicted[mine])
    svg = scatter_svg(panels, f"Predicted against measured; {result['basis']}")
    (folder / "scatter.svg").write_text(svg, encoding="utf-8")


def _show(result: dict[str, Any], date: str) -> None:
    typer.echo(f"{result['mapped']:,} rows predicted; {result['basis']} (fit of {date})")
    heads = ("metric", "rows", "median", "mean", "p90", "within 50 %", "in 80 % interval")
    _table("Absolute error", heads, [(m, *_figures(f)) for m, f in result["metrics"].items()])
    for kind, metrics in result.get("left_out", {}).items():
        if kind != "model":
            _table(f"Left out by {kind}", heads, [(m, *_figures(f)) for m, f in metrics.items()])
    groups = [((g["system"], g["model"], g["metric"]), g) for g in result["groups"][:40]]
    _table(
        f"By system, model and metric (largest 40 of {len(result['groups'])}; all in validate.json)",
        ("system", "model", *heads),
        [(*key, *_figures(g)) for key, g in groups],
    )
    for group, f in result["repeated"].items():
        typer.echo(
            f"{group}: {f['rows']:,} rows repeat a configuration; the other runs tell it with a median "
            f"error of {f['median_ape']:.1%}, {f['within_half']:.1%} within 50 %"
        )
    keys = ("line", "hardware", "model", "metric", "measured", "predicted", "bound", "reason")
    worst = [tuple(_word(w[k]) for k in keys) for w in result["worst"]]
    _table("Worst rows", keys, worst)
    ranking = result["ranking"]
    if ranking["pairs"]:
        typer.echo(
            f"faster of two systems named in {ranking['faster_named']:.1%} of {ranking['pairs']:,} pairs"
        )
    typer.echo(f"faster than the speed of light (wrong input): {result['wrong_inputs']:,} rows")
    typer.echo(f"predicted below 5 % of the speed of light (warning): {result['suspicious_predictions']:,}")
    if result["duplicates"]:
        typer.echo(f"rows that repeat another in every column: {result['duplicates']:,} (each counts)")
    lines = result["unmapped_lines"]
    unmapped = [(f"{n:,}", str(lines[why][0]), why) for why, n in result["unmapped"].items()]
    _table("Unmapped", ("rows", "first line", "reason"), unmapped)


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figures(f: dict[str, float]) -> tuple[str, ...]:
    shares = ("median_ape", "mean_ape", "p90_ape", "within_half", "interval80_coverage")
    return (f"{f['rows']:,}", *(f"{f[k]:.1%}" for k in shares))


def _table(title: str, heads: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Column
    from rich.text import Text

    from solver.reports.terminal import grid

    console = Console() if Console().is_terminal else Console(width=_PIPE_WIDTH)
    console.print(Text(f"\n{title}", style="bold"))
    console.print(grid([Column(head) for head in heads], lines))
