"""Every way to pay: the cash flow adds up to the objective, and the answer calls it by its name."""

from __future__ import annotations

import lessons
import pytest

from solver.cli.app import main
from solver.engine.solve import Request, solve
from solver.finance.cash_flow import cash_flow
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import apply_overrides, load_workload
from solver.paths import find_workload
from solver.performance.calibration import load_calibration
from solver.reports.words import answer


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("10-owned", (), "Buy 5"),
        ("11-lease", (), "Lease 4"),
        ("11-lease", ("horizon.years=2", "offers.0.term_months=18", "money.discount_rate=8 %"), "Lease 4"),
        ("11-lease", ("offers.0.term_months=18", "money.discount_rate=8 %"), "Lease 4"),
        ("12-reservation", (), "reserve 1"),
        ("13-spot", (), "Rent at spot prices 5"),
        ("17-late-delivery", (), "Buy 1"),
        ("21-capex-by-year", (), "Buy 2"),
    ],
)
def test_cash_flow_and_words(name: str, changes: tuple[str, ...], words: str) -> None:
    loaded = apply_overrides(load_workload(find_workload(name)), changes)
    plan = solve(loaded, load_catalog(), load_calibration(), Request(compare=False))
    assert sum(flow.present_usd for flow in cash_flow(plan)) == pytest.approx(plan.objective_usd, abs=0.005)
    assert words.lower() in answer(plan).lower()
    on_site = [s for s in plan.systems if plan.inputs["offers"][s.offer]["kind"] in ("buy", "lease")]
    assert (sum(plan.power_kw.values()) > 0) == bool(on_site)


@pytest.mark.parametrize(("by", "rows", "blank"), [("year", 3, 0), ("quarter", 12, 2), ("month", 36, 2)])
def test_the_statement_fits_a_screen(
    by: str, rows: int, blank: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each stretch of time; the last one adds up to the plan's cost to the cent."""
    with pytest.raises(SystemExit):
        main(["cash-flow", "27-old-and-new", "--by", by])
    lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert max(map(len, lines)) < 80
    assert lines.count("") == blank
    told = [line for line in lines[1:-1] if line]
    assert len(told) == rows
    assert lines[0].split() == ["USD", "energy", "migration", "purchase", "total"]
    present = [float(cell.replace(",", "")) for cell in lines[-1].split()[2:]]
    plan = lessons.plan_of("27-old-and-new")
    assert present[-1] == round(plan.objective_usd, 2) == pytest.approx(sum(present[:-1]), abs=0.02)
