"""Every way to pay: the cash flow adds up to the objective, and the answer calls it by its name."""

from __future__ import annotations

import pytest

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
