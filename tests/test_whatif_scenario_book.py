"""The sheet that compares scenarios: each fleet's money follows changed prices, or its own."""

import shutil
from pathlib import Path

import openpyxl
import pytest
from test_whatif_workbook import changed, edited, new_prices, plan_of, recalculate, sheets
from whatif_case import session

from solver.finance.cash_flow import cash_flow
from solver.inputs.workload import load_workload
from solver.paths import find_workload
from solver.plan.plan import Plan
from solver.whatif.session import Session
from solver.whatif.workbook import workbook_of

LESSONS = (
    *("04-conversation-and-code", "10-owned", "12-reservation", "18-growth", "19-two-sites"),
    *("27-old-and-new", "28-resale", "31-taxes-and-people", "32-tariff", "35-worn-and-replaced"),
)


def with_branches(made: Session) -> tuple[Session, str]:
    """Another demand on main, on a branch an own price of what is bought; the offer with that price."""
    base = plan_of(made)
    bought = [s.system for s in base.systems if s.offer.endswith("/buy")]
    made.new_branch("cheap", "base")
    made.change(f"price.{bought[0]}=-20 %" if bought else "demand.*=x0.9")
    made.switch("main")
    made.change("demand.*=x0.8")
    return made, f"{bought[0]}/buy" if bought else ""


def scenarios(book: openpyxl.Workbook) -> dict[str, dict[str, float]]:
    """Name of a scenario -> name of a row -> value."""
    rows = list(book["Scenarios"].iter_rows(values_only=True))
    names = [str(name) for name in rows[0][1:]]
    return {
        name: {str(row[0]): row[n] for row in rows[1:] if row[n] is not None}
        for n, name in enumerate(names, 1)
    }


def plans(made: Session) -> dict[str, Plan]:
    """The plans of the scenarios in the order of the sheet."""
    found = {"base": made.result("base").plan, "now": made.result().plan, "cheap": made.result("cheap").plan}
    return {name: plan for name, plan in found.items() if plan is not None}


def present(plan: Plan) -> dict[str, float]:
    """Present value of each term by the cash flow, and of all."""
    found: dict[str, float] = {}
    for flow in cash_flow(plan):
        for key in (flow.term, "present value, USD"):
            found[key] = found.get(key, 0.0) + flow.present_usd
    return found


@pytest.mark.parametrize("name", LESSONS)
def test_cached_values_are_those_of_the_plans(name: str) -> None:
    made, _ = with_branches(Session.begin(None, load_workload(find_workload(name))))
    found = scenarios(sheets(workbook_of(made), True))
    assert list(found) == ["base", "now", "cheap"]
    for scenario, plan in plans(made).items():
        own = found[scenario]
        assert own["present value, USD"] == pytest.approx(plan.objective_usd, abs=0.005)
        assert own["change against the verified plan"] == pytest.approx(0, abs=0.005)
        assert own["USD per million output tokens"] == pytest.approx(plan.usd_per_m_output_tokens)
        for line in plan.costs:
            assert own.get(line.term, 0.0) == pytest.approx(line.usd, abs=0.005), line.term
        assert own["change against the first"] == pytest.approx(
            plan.objective_usd - plans(made)["base"].objective_usd, abs=0.005
        )


def test_money_is_live_and_fleets_are_fixed() -> None:
    """Every dollar of the comparison is a formula; every number of systems is a number."""
    made, _ = with_branches(session())
    book = sheets(workbook_of(made), False)
    rows = list(book["Scenarios"].iter_rows(min_row=2, values_only=True))
    systems = next(n for n, row in enumerate(rows) if row[0] == "Systems")
    fixed = ("verified plan, present value", "million output tokens, discounted")
    for row in filter(any, rows[:systems]):
        live = [str(cell).startswith("=") or cell == 0 for cell in row[1:]]
        assert all(live) if row[0] not in fixed else not any(live), row
    assert all(isinstance(cell, int | float) for row in rows[systems + 1 :] for cell in row[1:])
    follow = [row[4:] for row in book["Assumptions"].iter_rows(min_row=3, values_only=True)]
    own = [cell for row in follow for cell in row if cell is not None and not str(cell).startswith("=$B$")]
    assert own == [400_000]  # the price of the cheap branch; all else follows the common values


def test_a_branch_may_be_called_as_one_likes() -> None:
    made = session()
    for n, name in enumerate(("cheap.1", "x" * 40, "x" * 40 + "y")):
        made.new_branch(name, "base")
        made.change(f"demand.chat=x{n + 2}")
    made.switch("main")
    found = scenarios(sheets(workbook_of(made), True))
    assert list(found) == ["base", "now", "cheap.1", "x" * 40, "x" * 40 + "y"]
    assert len({round(rows["present value, USD"]) for rows in found.values()}) == 4


def test_opening_of_a_site_is_paid_once() -> None:
    """Two purchases at one site, at different times: the site is opened by the first."""
    made = Session.begin(None, load_workload(find_workload("27-old-and-new")))
    made.change("sites.0.opening=50k")
    found = scenarios(sheets(workbook_of(made), True))["now"]
    assert sum(s.acquisition == "buy" for s in plan_of(made).systems) > 1
    assert found["opening"] == pytest.approx(50_000)
    assert found["present value, USD"] == pytest.approx(plan_of(made).objective_usd, abs=0.005)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice (soffice) is not installed")
def test_libreoffice_agrees_to_the_cent_for_every_scenario(tmp_path: Path) -> None:
    """After changed prices, each scenario against the cash flow of its fleet at them."""
    found = {name: Session.begin(None, load_workload(find_workload(name))) for name in LESSONS}
    made = {name: with_branches(one) for name, one in ({"case": session()} | found).items()}
    for name, (one, _) in made.items():
        edited(sheets(workbook_of(one), False)).save(tmp_path / f"{name}.xlsx")
    recalculate(tmp_path, made)
    for name, (one, offer) in made.items():
        book = openpyxl.load_workbook(tmp_path / "out" / f"{name}.xlsx", data_only=True)
        shown = scenarios(book)
        for scenario, plan in plans(one).items():
            own = offer if scenario == "cheap" else ""
            flows = present(changed(plan, lambda data, own=own: new_prices(data, own)))
            for term, usd in flows.items():
                assert shown[scenario][term] == pytest.approx(usd, abs=0.005), (name, scenario, term)
            assert abs(shown[scenario]["change against the verified plan"]) > 1
