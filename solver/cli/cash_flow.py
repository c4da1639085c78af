"""``solver cash-flow``: what a plan pays, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solver.cli.options import AsJson, Changes
from solver.errors import VerificationFailed

if TYPE_CHECKING:
    import pandas as pd


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
    """Dollars as paid by cost term; the last row, present value, adds up to the plan's cost."""
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
    for line in printed(table, by):
        typer.echo(line)


def printed(table: pd.DataFrame, by: By) -> Iterator[str]:
    """A row for each stretch of time, a blank line after each year of them; cents in the last row."""
    terms = [str(term) for term in table.index]
    rows = [(str(time), [f"{usd:,.0f}" for usd in table[time]]) for time in table.columns[:-1]]
    rows.append(("present value", [f"{usd:,.2f}" for usd in table["present value"]]))
    first = max(len(name) for name, _ in rows)
    widths = [max(len(cells[n]) for _, cells in [("", terms), *rows]) for n in range(len(terms))]

    def line(name: str, cells: Sequence[str]) -> str:
        """One row, right-aligned."""
        return "  ".join([name.ljust(first), *(cell.rjust(w) for cell, w in zip(cells, widths, strict=True))])

    yield line("USD", terms)
    year = 1
    for name, cells in rows:
        number = name.split()[-1]
        if by is not By.year and number.isdigit():
            now = (int(number) - 1) // {By.quarter: 4, By.month: 12}[by] + 1
            if now != year:
                yield ""
            year = now
        yield line(name, cells)
