"""``solver catalog``: what the catalogs hold, and where each number comes from."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from solver.cli.extend import add_model, add_profile, add_system
from solver.errors import Complaint, ExitCode, InputError, Place, SolverError, UsageError

if TYPE_CHECKING:
    from solver.domain.catalog import Catalog
    from solver.domain.quantity import Frozen, Quantity
    from solver.inputs.catalog_checks import PlaceOf

app = typer.Typer(no_args_is_help=True, help="The catalogs, each number with its source; add your own.")
app.command()(add_model)
app.command()(add_system)
app.command()(add_profile)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Folder = Annotated[
    Path | None, typer.Option("--catalogs", help="Folder of catalogs instead of the shipped ones.")
]

#: Largest deviation of the derived from the published number of parameters that `check` accepts.
TOTAL_TOLERANCE = 0.03

#: Characters per line where the output is not a terminal.
PIPE_WIDTH = 160

#: Columns of `list`: section -> (heading, attribute or quantity).
_COLUMNS: dict[str, tuple[str, ...]] = {
    "systems": ("kind", "year", "status", "chips", "dram_gb", "dram_bw_tbs", "sram_gb", "price_usd"),
    "models": ("status", "total_params_b", "active_params_b", "attention", "max_context"),
    "technologies": ("node_nm", "form", "density_mb_mm2", "write_endurance_cycles", "read_energy_pj_bit"),
    "nodes": ("kind", "year", "sram_macro_mb_mm2", "logic_mtr_mm2", "wafer_usd"),
    "offers": ("system", "kind", "supplier", "price", "minimum_lot"),
    "apis": ("provider", "model", "snapshot", "status", "input_usd_per_m", "output_usd_per_m"),
    "profiles": ("system", "model", "systems_per_replica", "output_tok_s_per_user", "output_tok_s_total"),
}


@app.command("list")
def list_entries(
    section: Annotated[
        str, typer.Argument(help=f"One of: {', '.join(_COLUMNS)}. Without it, how many there are.")
    ] = "",
    as_json: AsJson = False,
    catalogs: Folder = None,
) -> None:
    """List the entries of a section."""
    catalog, _ = _open(catalogs, as_json)
    if not section:
        counts = {name: len(getattr(catalog, name)) for name in _COLUMNS}
        _print(counts, as_json, ("section", "entries"), [(k, str(v)) for k, v in counts.items()])
        return
    if section not in _COLUMNS:
        _fail(UsageError(f"unknown section '{section}'; write one of: {', '.join(_COLUMNS)}"), as_json)
    entries = getattr(catalog, section)
    data = [
        {"id": name, **{c: _plain(entry, c) for c in _COLUMNS[section]}} for name, entry in entries.items()
    ]
    rows = [tuple(_short(value) for value in row.values()) for row in data]
    _print(data, as_json, ("id", *_COLUMNS[section]), rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The id of any entry, or another name of a model.")],
    as_json: AsJson = False,
    catalogs: Folder = None,
) -> None:
    """Show an entry: every number with unit, range, evidence, date and source."""
    catalog, place = _open(catalogs, as_json)
    found = _entries_called(catalog, name)
    if not found:
        _fail(UsageError(f"'{name}' is in no catalog; {_nearest(catalog, name)}"), as_json)
    if as_json:
        _emit([{"section": s, "entry": e.model_dump(mode="json", exclude_defaults=True)} for s, e in found])
        return
    for section, entry in found:
        _show_head(section, entry, place(section, entry.id, ""))  # type: ignore[attr-defined]
        _show_quantities(entry)


@app.command()
def check(as_json: AsJson = False, catalogs: Folder = None) -> None:
    """Check units, sources, dates, evidence, ranges, references, and published against derived sizes."""
    catalog, place = _open(catalogs, as_json)
    complaints = _total_complaints(catalog, place)
    if complaints:
        _fail(InputError(*complaints), as_json)
    summary = _summary(catalog)
    rows = [(key, _listed(value)) for key, value in summary.items()]
    _print({"ok": True, "complaints": [], **summary}, as_json, ("checked", "result"), rows)


def _open(directory: Path | None, as_json: bool) -> tuple[Catalog, PlaceOf]:
    from solver.inputs.catalogs import catalog_with_places

    try:
        return catalog_with_places(directory)
    except InputError as error:
        _fail(error, as_json)


def _total_complaints(catalog: Catalog, place: PlaceOf) -> list[Complaint]:
    """Models whose integers do not reproduce the published number of parameters."""
    from solver.performance.architecture import parameters

    complaints = []
    for name, model in catalog.models.items():
        derived = parameters(model).total / 1e9
        if abs(derived / model.total_params_b - 1) > TOTAL_TOLERANCE:
            problem = (
                f"{name}: the integers give {derived:.4g} G parameters, published {model.total_params_b:g}"
            )
            where = place("models", name, "total_params_b")
            complaints.append(Complaint(where, problem, "correct the integers or the published total"))
    return complaints


def _summary(catalog: Catalog) -> dict[str, Any]:
    from solver.inputs.catalog_checks import quantities_of, sections_of
    from solver.inputs.catalogs import systems_without_price

    evidence: Counter[str] = Counter()
    for _, entries in sections_of(catalog):
        for entry in entries.values():
            evidence.update(quantity.evidence for _, quantity in quantities_of(entry))
    return {
        "version": catalog.version,
        "entries": {name: len(entries) for name, entries in sections_of(catalog)},
        "quantities by evidence": dict(evidence.most_common()),
        "systems without price": len(systems_without_price(catalog)),
    }


def _entries_called(catalog: Catalog, name: str) -> list[tuple[str, Frozen]]:
    from solver.inputs.catalog_checks import sections_of

    found = [(section, entries[name]) for section, entries in sections_of(catalog) if name in entries]
    aliased = [model for model in catalog.models.values() if name in model.aliases and model.id != name]
    return found or [("models", model) for model in aliased]


def _nearest(catalog: Catalog, name: str) -> str:
    import difflib

    names = [key for section in _COLUMNS for key in getattr(catalog, section)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else "see 'solver catalog list'"


def _plain(entry: Any, column: str) -> Any:
    """The value of an attribute or quantity of an entry, without its unit."""
    value = getattr(entry, column, None)
    if value is None and hasattr(entry, "values"):
        value = entry.values.get(column)
    return getattr(value, "value", value)


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.{9 if 1 <= abs(value) < 1e9 else 4}g}" if isinstance(value, float) else str(value)


def _listed(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple) else _short(value)


def _show_head(section: str, entry: Frozen, place: Place) -> None:
    facts = {key: getattr(entry, key) for key in entry.model_dump(exclude_defaults=True)}
    plain = [(key, _listed(value)) for key, value in facts.items() if not hasattr(value, "value")]
    _table((section, str(place)), [(key, value) for key, value in plain if key != "values"])


def _show_quantities(entry: Frozen) -> None:
    """The numbers of an entry, each with the number of its source; then the sources."""
    from solver.inputs.catalog_checks import quantities_of

    quantities = list(quantities_of(entry))
    sources = list(dict.fromkeys(quantity.source for _, quantity in quantities))
    rows = [_quantity_row(path, q, sources.index(q.source) + 1) for path, q in quantities]
    if rows:
        _table(("quantity", "value", "unit", "range", "evidence", "date", "source", "note"), rows)
        _table(("source", ""), [(f"[{i}]", source) for i, source in enumerate(sources, 1)])


def _quantity_row(path: str, quantity: Quantity, source: int) -> tuple[str, ...]:
    bounds = [("from", quantity.low), ("to", quantity.high)]
    return (
        path.removeprefix("values."),
        _short(quantity.value),
        quantity.unit,
        " ".join(f"{word} {_short(bound)}" for word, bound in bounds if bound is not None),
        quantity.evidence,
        quantity.date,
        f"[{source}]",
        quantity.note,
    )


def _print(data: Any, as_json: bool, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if as_json:
        _emit(data)
    else:
        _table(heads, rows)


def _emit(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False))


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Column
    from rich.text import Text

    from solver.reports.terminal import grid

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    console.print(grid([Column(Text(head), no_wrap=n == 0) for n, head in enumerate(heads)], rows))


def _fail(error: SolverError, as_json: bool) -> NoReturn:
    """Print what is wrong (JSON: on standard output) and end with the exit code of ``error``."""
    typer.echo(str(error), err=True)
    if as_json:
        complaints = error.complaints if isinstance(error, InputError) else ()
        told = [
            {"file": c.place.file, "line": c.place.line, "problem": c.problem, "remedy": c.remedy}
            for c in complaints
        ]
        _emit({"ok": False, "error": str(error), "complaints": told})
    raise typer.Exit(int(ExitCode(error.exit_code)))
