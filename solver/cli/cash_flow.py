"""``solver cash-flow``: what a plan pays, and when."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from solver.cli.options import AsJson, Changes
from solver.errors import VerificationFailed


class By(StrEnum):
    """Columns of the statement."""

    year = "year"
    quarter = "quarter"
    month = "month"


def cash_flow(
    plan_or_workload: Annotated[
        str, typer.Argument(help="A saved plan.json, a workload file, or the name of a shipped one.")
    ],
    by: Annotated[
        By, typer.Option("--by", help="Fiscal years, quarters or months of the horizon.")
    ] = By.year,
    changes: Changes = None,
    as_json: AsJson = False,
) -> None:
    """Dollars as paid by cost term; the last column, present value, adds up to the plan's cost."""
    from solver.engine.solve import Request, solve
    from solver.finance.cash_flow import statement
    from solver.inputs.workload import apply_overrides, load_workload
    from solver.paths import find_workload
    from solver.verify.from_plan import verify_file

    if plan_or_workload.endswith(".json") and not changes:
        path = Path(plan_or_workload)
        plan, verdict = verify_file(path)
        if not verdict.passed:
            words = "; ".join(f"{f.check}: {f.message}" for f in verdict.failures[:5])
            raise VerificationFailed(f"{path}: the plan does not pass the exact check: {words}")
    else:
        loaded = apply_overrides(load_workload(find_workload(plan_or_workload)), changes or [])
        plan = solve(loaded, request=Request(compare=False))
    table = statement(plan, by.value)
    if as_json:
        rows = {str(term): {str(c): float(v) for c, v in row.items()} for term, row in table.iterrows()}
        typer.echo(
            json.dumps(
                {"workload": plan.workload, "objective_usd": plan.objective_usd, "terms": rows}, indent=1
            )
        )
        return
    width = max(len(f"{value:,.0f}") for value in table.to_numpy().flat)
    columns = [max(width, len(str(name))) for name in table.columns]
    typer.echo(
        "  ".join(["USD".ljust(10), *(str(n).rjust(w) for n, w in zip(table.columns, columns, strict=True))])
    )
    for term, row in table.iterrows():
        cells = [f"{value:,.0f}".rjust(w) for value, w in zip(row, columns, strict=True)]
        typer.echo("  ".join([str(term).ljust(10), *cells]))
