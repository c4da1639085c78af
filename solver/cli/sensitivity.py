"""``solver sensitivity`` and ``solver study``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solver.cli.options import AsJson, Changes, WorkloadName
from solver.errors import UsageError

if TYPE_CHECKING:
    from solver.sensitivity.findings import Findings
    from solver.sensitivity.session import Session

Out = Annotated[Path | None, typer.Option("--out", help="Folder for the report, workbook and tables.")]
Price = Annotated[
    list[str] | None,
    typer.Option("--price", help="NAME=LOW..HIGH, exact; once for intervals, twice for a map."),
]
Vary = Annotated[
    str | None,
    typer.Option("--vary", help="NAME=LOW..HIGH: factors on demand, ttft, tpot; discount_rate, a path."),
]
Tolerance = Annotated[
    float, typer.Option(min=1e-6, max=0.5, help="Width of a bracket of --vary, as a share of the range.")
]
Factors = Annotated[
    list[str] | None, typer.Option("--factor", help="NAME=LOW..MODE..HIGH of --uncertain, repeatable.")
]
Pairs = Annotated[
    list[str] | None,
    typer.Option("--correlate", help="NAME,NAME=VALUE: rank correlation of two factors."),
]


def sensitivity(
    workload: WorkloadName,
    price: Price = None,
    vary: Vary = None,
    tolerance: Tolerance = 0.005,
    design: Annotated[
        str, typer.Option("--design", help="A system derived from technology: KIND,parameter=value,...")
    ] = "",
    uncertain: Annotated[
        bool, typer.Option("--uncertain", help="Draw prices and demand from their ranges.")
    ] = False,
    factor: Factors = None,
    correlate: Pairs = None,
    scenarios: Annotated[int, typer.Option(min=8, help="Scenarios of --uncertain.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the design.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    dask: Annotated[str, typer.Option("--dask", help="Address of a Dask scheduler to use instead.")] = "",
    store: Annotated[
        Path | None, typer.Option("--store", help="File that keeps finished scenarios; run again to resume.")
    ] = None,
    changes: Changes = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """What would change the answer: exact break-even prices, other inputs, uncertainty."""
    if sum([bool(price), vary is not None, uncertain]) != 1:
        raise UsageError("write one of --price NAME=LOW..HIGH, --vary NAME=LOW..HIGH or --uncertain")
    session = open_session(workload, changes or [])
    if design:
        from solver.technology.designs import parse_design

        session = session.with_design(parse_design(design))
    if price:
        found = _prices(session, price)
    elif vary is not None:
        found = _vary(session, vary, tolerance)
    else:
        from solver.sensitivity.uncertain import Options, uncertain_findings

        options = Options(tuple(factor or ()), scenarios, seed, jobs, store, dask, tuple(correlate or ()))
        found = uncertain_findings(session, options)
    show(found, out, as_json)


def study(
    name: Annotated[str, typer.Argument(help="Name of a study; 'list' names them all.")],
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """A shipped study of process technology, numeric precision or speed."""
    from solver.sensitivity.studies import STUDIES, run

    if name == "list":
        for key, (title, _) in STUDIES.items():
            typer.echo(f"{key:24} {title}")
        return
    show(run(name), out, as_json)


def show(found: Findings, out: Path | None, as_json: bool) -> None:
    """Print findings and write them where asked."""
    from solver.reports.findings import print_findings, to_json
    from solver.reports.findings_files import write_findings

    if as_json:
        typer.echo(to_json(found))
    else:
        from rich.console import Console

        print_findings(found, Console())
    if out is not None:
        write_findings(found, out)
        typer.echo(f"written to {out}", err=True)


def open_session(workload: str, changes: list[str]) -> Session:
    """The session of a workload with changes."""
    from solver.inputs.workload import apply_overrides, load_workload
    from solver.paths import find_workload
    from solver.sensitivity.session import Session

    return Session.of(apply_overrides(load_workload(find_workload(workload)), changes))


def _prices(session: Session, texts: list[str]) -> Findings:
    from solver.sensitivity.parameters import parse_range
    from solver.sensitivity.price_findings import price_findings
    from solver.sensitivity.prices import price_result

    if len(texts) > 2:
        raise UsageError("at most two prices at once; a map has two axes")
    ranges = tuple(parse_range(text) for text in texts)
    return price_findings(session, price_result(session, ranges))


def _vary(session: Session, text: str, tolerance: float) -> Findings:
    from solver.sensitivity.bracket_findings import bracket_findings
    from solver.sensitivity.brackets import bracket
    from solver.sensitivity.parameters import parse_range

    return bracket_findings(session, bracket(session, parse_range(text, "--vary"), tolerance=tolerance))
