"""``solver workload``: make and check workload files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solver.errors import InputError, UsageError

if TYPE_CHECKING:
    from solver.domain.bursts import Bursts
    from solver.inputs.from_trace import TraceOptions
    from solver.inputs.traces import Trace

app = typer.Typer(no_args_is_help=True, help="Make and check workload files.")


@app.command("check")
def check(
    file: Annotated[str, typer.Argument(help="A workload file or the name of a shipped one.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="PATH=VALUE in place of the file's.")
    ] = None,
) -> None:
    """Read a workload file, check its names against the catalogs, and tell in words what it states."""
    from solver.inputs.catalogs import load_catalog
    from solver.inputs.references import resolve_references
    from solver.inputs.summary import sentences
    from solver.inputs.workload import apply_overrides, load_workload
    from solver.paths import find_workload

    loaded = apply_overrides(load_workload(find_workload(file)), overrides or [])
    resolved = resolve_references(loaded, load_catalog())
    for line in sentences(resolved.workload):
        typer.echo(line)


@app.command("from-trace")
def from_trace(
    trace: Annotated[Path, typer.Argument(help="CSV or JSONL file with one request per row.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The workload file to write.")],
    name: Annotated[str, typer.Option(help="Name of the workload and its service.")] = "",
    model: Annotated[str, typer.Option(help="Model that serves the requests.")] = "llama-3.1-8b",
    ttft: Annotated[str, typer.Option(help="Time to first token to promise.")] = "1 s",
    tpot: Annotated[str, typer.Option(help="Time per output token to promise.")] = "50 ms",
    percentile: Annotated[float, typer.Option(help="Percentile of the promises.")] = 95.0,
    scale: Annotated[float, typer.Option(help="Factor on the request rate.", min=0.0)] = 1.0,
    cells: Annotated[int, typer.Option(help="Cells of the length histogram.", min=1, max=1000)] = 12,
    busiest: Annotated[float, typer.Option(help="Size for the busiest window of SECONDS.", min=0.0)] = 0.0,
    histogram: Annotated[str, typer.Option(help="Write the histogram to this CSV beside the workload.")] = "",
    column: Annotated[
        list[str] | None, typer.Option(help="arrival=NAME, prompt=NAME or output=NAME.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Take the rows with this value: column=value, repeatable.")
    ] = None,
    time_unit: Annotated[str, typer.Option(help="Unit of numeric times: s or ms.")] = "",
    cite: Annotated[list[str] | None, typer.Option(help="Line to put on top of the histogram file.")] = None,
) -> None:
    """Turn a request trace into a workload file: length histogram, rate curve, burstiness."""
    from solver.errors import Place
    from solver.inputs.from_trace import TraceOptions, histogram_csv, workload_text
    from solver.inputs.tables import inside
    from solver.inputs.traces import read_trace
    from solver.inputs.workload import workload_from
    from solver.inputs.yaml_text import load_yaml

    if not output.absolute().parent.is_dir():
        raise InputError.at(str(output), 0, "cannot be written: there is no such folder", "make it first")
    requests = read_trace(trace, _pairs(column, "--column"), time_unit, _pairs(only, "--only"))
    options = TraceOptions(
        name or output.stem, model, ttft, tpot, percentile, scale, cells, busiest, histogram
    )
    text = workload_text(requests, options, _bursts(requests, options, output))
    if histogram:
        path = inside(output.parent, histogram, Place("--histogram"))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, histogram_csv(requests, cells, cite or []))
        typer.echo(f"wrote {path}")
    workload_from(load_yaml(output, text=text), output.parent)
    write_file(output, text)
    dropped = f" ({requests.dropped} without output left out)" if requests.dropped else ""
    typer.echo(f"wrote {output}: {len(requests)} requests{dropped}, model {model}, TTFT {ttft}, TPOT {tpot}")


def _bursts(trace: Trace, options: TraceOptions, output: Path) -> Bursts:
    """How bursty the trace is for a service that promises what the options say."""
    from dataclasses import replace

    from solver.inputs.from_trace import workload_text
    from solver.inputs.trace_statistics import rate_curve
    from solver.inputs.workload import workload_from
    from solver.inputs.yaml_text import load_yaml
    from solver.simulate.burstiness import Pace, bursts_of

    text = workload_text(trace, replace(options, histogram="", cells=1))
    levels = workload_from(load_yaml(output, text=text), output.parent).workload.services[0].levels
    assert levels.ttft_ms is not None and levels.tpot_ms is not None  # the text states both
    pace = Pace(levels.ttft_ms / 1e3, levels.tpot_ms / 1e3, 1 - levels.ttft_percentile)
    return bursts_of(trace, rate_curve(trace, options.busiest_s), options.scale, pace)


@app.command("from-melange")
def from_melange(
    file: Annotated[Path, typer.Argument(help="Mélange's JSON: gpu_info, workload_distribution, ...")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The workload file to write.")],
    name: Annotated[str, typer.Option(help="Name of the workload and its service.")] = "",
    model: Annotated[str, typer.Option(help="Model that was measured.")] = "llama-3.1-8b",
) -> None:
    """Turn a Mélange problem into a workload with measured profiles; its cost is the fleet's for one hour."""
    from solver.inputs.catalogs import load_catalog
    from solver.inputs.from_melange import melange_text, workload_of
    from solver.inputs.melange import read_melange
    from solver.inputs.references import resolve_references
    from solver.inputs.workload import workload_from
    from solver.inputs.yaml_text import load_yaml

    instance, catalog = read_melange(file), load_catalog()
    workload = workload_of(instance, file, name or output.stem, model, catalog.systems)
    text = melange_text(workload, file.name)
    resolve_references(workload_from(load_yaml(output, text=text), output.parent), catalog)
    write_file(output, text)
    buckets, types = len(workload.services[0].lengths), len(workload.profiles)
    typer.echo(
        f"wrote {output}: {types} GPU types, {buckets} length buckets, {instance.total_rps:g} requests/s"
    )


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or []]
    for name, equals, _ in pairs:
        if not equals:
            raise UsageError(f"{option} '{name}' holds no '='; write {option} prompt=NAME")
    return {name: value for name, _, value in pairs}


def write_file(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that the file is either the old one or complete."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unwritten(path, error) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise _unwritten(path, error) from None


def _unwritten(path: Path, error: OSError) -> InputError:
    return InputError.at(str(path), 0, f"cannot be written ({error.strerror})", "name another place")
