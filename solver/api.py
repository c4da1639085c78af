"""The solver from Python: ``from solver import load, solve, sweep``; results are pandas data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from solver.domain.workload import LoadedWorkload
from solver.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from solver.plan.plan import Plan
    from solver.sensitivity.findings import Findings, Table
    from solver.sensitivity.parameters import Range


@dataclass(frozen=True)
class Solution:
    """A verified plan and its tables as data frames (systems, pools, routes, costs and others)."""

    plan: Plan
    tables: dict[str, pd.DataFrame]

    @property
    def answer(self) -> str:
        """The answer in words."""
        from solver.reports.words import answer

        return answer(self.plan)


@dataclass(frozen=True)
class Sweep:
    """Findings of a sensitivity run and their tables as data frames."""

    findings: Findings
    tables: dict[str, pd.DataFrame]

    @property
    def answer(self) -> str:
        """The answer in words."""
        return " ".join(self.findings.answer)

    def write(self, folder: str | Path) -> None:
        """Write report.html, report.md, findings.json, findings.xlsx, tables/*.csv and tables/*.parquet."""
        from solver.reports.findings_files import write_findings

        write_findings(self.findings, Path(folder))


def load(workload: str | Path, changes: Sequence[str] = ()) -> LoadedWorkload:
    """A workload file or shipped workload, with changes such as ``services.0.levels.tpot=30 ms``."""
    from solver.inputs.workload import apply_overrides, load_workload
    from solver.paths import find_workload

    return apply_overrides(load_workload(find_workload(str(workload))), changes)


def solve(
    workload: LoadedWorkload | str | Path,
    *,
    gap: float = 0.0,
    time_limit_s: float | None = 120.0,
    compare: bool = True,
) -> Solution:
    """The cheapest verified fleet; raises the errors of `solver.errors`, each with what to change."""
    from solver.engine.solve import Request
    from solver.engine.solve import solve as run
    from solver.reports.tables import tables

    plan = run(_loaded(workload), request=Request(gap=gap, time_limit_s=time_limit_s, compare=compare))
    return Solution(plan, tables(plan))


def sweep(
    workload: LoadedWorkload | str | Path,
    *,
    price: Mapping[str, tuple[float, float]] | None = None,
    vary: Mapping[str, tuple[float, float]] | None = None,
    uncertain: Mapping[str, tuple[float, float, float]] | None = None,
    scenarios: int = 1000,
    seed: int = 0,
    jobs: int = 1,
    store: str | Path | None = None,
    tolerance: float = 0.005,
    correlate: Mapping[tuple[str, str], float] | None = None,
    design: str = "",
) -> Sweep:
    """One of: exact intervals of one ``price`` or a map of two; breakpoints of one input to ``vary``, each to
    ``tolerance`` of its range; an ``uncertain`` run over the catalog's ranges and the factors stated as
    name: (low, mode, high), with the rank correlations ``correlate`` between pairs of factors.

    ``design`` puts a system derived from technology on the menu, such as ``sram-wafer,node=n2``; then
    ``vary={"design.layers": (0, 8)}`` and ``{"technology.n5.d0_per_cm2": (0.05, 0.2)}`` derive it anew.

    With ``jobs`` above 1, call it under ``if __name__ == "__main__"``: worker processes are spawned.
    """
    from solver.sensitivity.session import Session

    if (price is not None) + (vary is not None) + (uncertain is not None) != 1:
        raise UsageError("name one of price, vary and uncertain")
    session = Session.of(_loaded(workload))
    if design:
        from solver.technology.designs import parse_design

        session = session.with_design(parse_design(design))
    if uncertain is not None:
        from solver.sensitivity.uncertain import Options, uncertain_findings

        stated = tuple(f"{name}={low!r}..{mode!r}..{high!r}" for name, (low, mode, high) in uncertain.items())
        pairs = tuple(f"{a},{b}={value!r}" for (a, b), value in (correlate or {}).items())
        kept = None if store is None else Path(store)
        options = Options(stated, scenarios, seed, jobs, kept, correlate=pairs)
        return _sweep(uncertain_findings(session, options))
    ranges = _ranges(price or vary or {}, 2 if price else 1)
    if price is not None:
        from solver.sensitivity.price_findings import price_findings
        from solver.sensitivity.prices import price_result

        return _sweep(price_findings(session, price_result(session, ranges)))
    from solver.sensitivity.bracket_findings import bracket_findings
    from solver.sensitivity.brackets import bracket

    return _sweep(bracket_findings(session, bracket(session, ranges[0], tolerance=tolerance)))


def _ranges(stated: Mapping[str, tuple[float, float]], most: int) -> tuple[Range, ...]:
    from solver.sensitivity.parameters import Range

    ranges = tuple(Range(name, low, high) for name, (low, high) in stated.items())
    if any(not 0 <= r.low < r.high for r in ranges) or not 1 <= len(ranges) <= most:
        raise UsageError("give one range (two for price) as name: (low, high) with low below high")
    return ranges


def _loaded(workload: LoadedWorkload | str | Path) -> LoadedWorkload:
    return workload if isinstance(workload, LoadedWorkload) else load(workload)


def _sweep(found: Findings) -> Sweep:
    return Sweep(found, {table.key: _frame(table) for table in found.tables})


def _frame(table: Table) -> pd.DataFrame:
    """A table as a data frame; what is missing in a column of numbers is NaN."""
    import pandas as pd

    from solver.reports.findings import records

    frame = pd.DataFrame.from_records(records(table), columns=[c.key for c in table.columns])
    numbers = [c.key for c in table.columns if c.kind not in ("text", "count")]
    return frame.astype(dict.fromkeys(numbers, "float64"))


__all__ = ["Solution", "Sweep", "load", "solve", "sweep"]
