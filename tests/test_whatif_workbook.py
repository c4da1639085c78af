"""The workbook: its cached figures are the plan's, its formulas follow changed prices."""

import io
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from whatif_case import session

from solver.errors import UsageError
from solver.finance.cash_flow import cash_flow
from solver.inputs.workload import load_workload
from solver.paths import find_workload
from solver.plan.plan import Plan
from solver.whatif.entries import Ledger
from solver.whatif.session import Session
from solver.whatif.workbook import FOCUS, workbook_of

CHANGES = (
    *("discount=8 %", "support=5 %", "residual=10 %", "growth=20 %", "demand=290 requests/s", "tax=25 %"),
    *("prefix_hit=40 %", "money.staff={salary: $180k, per_system: 0.02, per_site: 1}"),
    "sites.0.space_usd_per_rack_unit_month=30",
)
#: Lessons with every way to get systems and every cost term.
LESSONS = (
    *("10-owned", "11-lease", "12-reservation", "13-spot", "17-late-delivery", "19-two-sites"),
    *("27-old-and-new", "28-resale", "29-lead-time", "30-fiscal-years", "31-taxes-and-people", "32-tariff"),
    "35-worn-and-replaced",
)


@pytest.fixture(scope="module")
def one() -> Session:
    made = session()
    for change in CHANGES:
        made.change(change)
    return made


@pytest.fixture(scope="module")
def data(one: Session) -> bytes:
    return workbook_of(one)


def sheets(data: bytes, values: bool) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(data), data_only=values)


def costs(book: openpyxl.Workbook) -> dict[str, float]:
    return {str(row[0]): row[1] for row in book["Costs"].iter_rows(min_row=2, values_only=True) if row[0]}


def plan_of(one: Session) -> Plan:
    plan = one.result().plan
    assert plan is not None
    return plan


def test_total_is_the_plans_to_the_cent(one: Session, data: bytes) -> None:
    plan = plan_of(one)
    assert len(plan.epochs) == 3
    found = costs(sheets(data, True))
    assert found["total"] == pytest.approx(plan.objective_usd, abs=0.005)
    assert found["change against the verified plan"] == pytest.approx(0, abs=0.005)
    assert {"tax", "staff", "space", "energy", "api", "purchase"} <= {*found}


@pytest.mark.parametrize("name", LESSONS)
def test_lessons_to_the_cent(name: str) -> None:
    made = Session.begin(None, load_workload(find_workload(name)))
    found = costs(sheets(workbook_of(made), True))
    assert found["total"] == pytest.approx(plan_of(made).objective_usd, abs=0.005)
    for line in plan_of(made).costs:
        assert found.get(line.term, 0.0) == pytest.approx(line.usd, abs=0.005), line.term


def test_terms_and_months_are_those_of_the_cash_flow(one: Session, data: bytes) -> None:
    paid: dict[float, float] = {}
    years: dict[int, float] = {}
    for flow in cash_flow(plan_of(one)):
        paid[round(flow.years, 6)] = paid.get(round(flow.years, 6), 0.0) + flow.usd
        years[flow.year] = years.get(flow.year, 0.0) + flow.usd
    found: dict[float, float] = {}
    by_year: dict[int, float] = {}
    for row in sheets(data, True)["Cash flow"].iter_rows(min_row=2, values_only=True):
        found[round(row[2], 6)] = found.get(round(row[2], 6), 0.0) + row[-2]
        by_year[row[0]] = by_year.get(row[0], 0.0) + row[-2]
    assert {k: v for k, v in found.items() if v} == pytest.approx(paid)
    assert by_year == pytest.approx(years)


def test_every_dollar_is_a_live_formula(one: Session, data: bytes) -> None:
    """All amounts refer to an assumption; nothing of this plan had to be kept as a number."""
    book = sheets(data, False)
    amounts = [row[7] for row in book["Payments"].iter_rows(min_row=2, values_only=True)]
    assert all(str(cell).startswith("=") and "Assumptions!" in str(cell) for cell in amounts)
    flow = [row[3:] for row in book["Cash flow"].iter_rows(min_row=2, values_only=True)]
    assert all(str(cell).startswith("=") for row in flow for cell in row)
    bottom = len(costs(sheets(data, True))) - 4
    terms = list(book["Costs"].iter_rows(min_row=2, max_row=bottom, min_col=2, values_only=True))
    assert all(str(cell).startswith("=") for row in terms for cell in row)
    billed = FOCUS.index("BilledCost")
    rows = list(book["FOCUS"].iter_rows(min_row=2, values_only=True))
    assert all(str(row[billed]).startswith("=") for row in rows)
    units = {(given.name.split(",")[0], given.unit) for given in Ledger(plan_of(one), {}).given.values()}
    assert ("Request", "USD/request") not in {*units} or one.catalog.apis


def test_ledger_and_scenarios(one: Session, data: bytes) -> None:
    book, plan = sheets(data, True), plan_of(one)
    rows = [dict(zip(FOCUS, row, strict=True)) for row in book["FOCUS"].iter_rows(2, values_only=True)]
    assert sum(r["BilledCost"] for r in rows) == pytest.approx(sum(flow.usd for flow in cash_flow(plan)))
    assert [r["EffectiveCost"] for r in rows] == [r["BilledCost"] for r in rows]
    assert {r["ChargeCategory"] for r in rows} == {"Purchase", "Usage", "Credit", "Tax"}
    first = rows[0]
    assert (first["ChargePeriodStart"], first["ChargePeriodEnd"]) == ("2027-01-01", "2027-02-01")
    assert (first["ChargeCategory"], first["ChargeFrequency"]) == ("Purchase", "One-Time")
    base = one.result("base").plan
    assert base is not None
    assert [c.value for c in book["Scenarios"][2]][1:] == pytest.approx(
        [base.objective_usd, plan.objective_usd]
    )


def test_without_a_plan() -> None:
    one = session()
    for change in ("ways=buy", "exclude=cs3", "supply.dgx-b200=1"):
        one.change(change)
    with pytest.raises(UsageError):
        workbook_of(one)


def test_without_systems() -> None:
    one = session()
    one.change("ways=api")
    assert costs(sheets(workbook_of(one), True))["total"] == pytest.approx(plan_of(one).objective_usd)


# -- recalculated by LibreOffice --------------------------------------------------------------------


def changed(plan: Plan, edit: Callable[[dict[str, Any]], None]) -> Plan:
    """The same fleet and traffic at other prices, for the cash flow of solver.finance."""
    data = plan.model_dump(mode="json")
    edit(data)
    return Plan.model_validate(data)


def new_prices(data: dict[str, Any], own: str = "") -> None:
    """Systems 10 % cheaper (but for an own purchase price), energy twice the price, 4 % discount, no support,
    tokens at half."""
    workload = data["inputs"]["workload"]
    for line in data["systems"]:
        if line["offer"] != own:
            line["unit_price_usd"] *= 0.9
    for offer in data["inputs"]["offers"].values():
        offer["support_share_per_year"] = 0.0
    for site in workload["sites"]:
        site["energy_usd_kwh"] *= 2
        site["tariff_usd_kwh"] = [2 * usd for usd in site["tariff_usd_kwh"]]
    for period in data["periods"]:
        period["energy_usd_kwh"] = [2 * usd for usd in period.get("energy_usd_kwh", ())]
    workload["money"]["discount_rate"] = 0.04
    for api in data["inputs"]["apis"].values():
        api["usd_per_request"] = [usd / 2 for usd in api["usd_per_request"]]


FACTORS = {
    "Mean price of energy": 2,
    "Purchase price": 0.9,
    "Price per hour": 0.9,
    "Price of energy": 2,
    "Support": 0,
    "Million": 0.5,
}


def edited(book: openpyxl.Workbook) -> openpyxl.Workbook:
    """The same changes in the blue cells."""
    for row in book["Assumptions"].iter_rows(min_row=3):
        name = str(row[0].value)
        if name == "Discount rate":
            row[1].value = 0.04
        for start, factor in FACTORS.items():
            if name.startswith(start):
                row[1].value *= factor
    return book


def recalculate(folder: Path, names: Iterable[str]) -> None:
    """Let LibreOffice compute the workbooks of a folder anew, into ``out``."""
    command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to"]
    command += ["xlsx:Calc MS Excel 2007 XML", "--outdir", "out", *(f"{name}.xlsx" for name in names)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=240)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice (soffice) is not installed")
def test_libreoffice_agrees_to_the_cent_after_changed_prices(one: Session, tmp_path: Path) -> None:
    """The recalculated workbook against the cash flow of the same fleet at the new prices."""
    sessions = {"case": one} | {
        name: Session.begin(None, load_workload(find_workload(name))) for name in LESSONS
    }
    for name, made in sessions.items():
        edited(sheets(workbook_of(made), False)).save(tmp_path / f"{name}.xlsx")
    recalculate(tmp_path, sessions)
    for name, made in sessions.items():
        found = costs(openpyxl.load_workbook(tmp_path / "out" / f"{name}.xlsx", data_only=True))
        flows = cash_flow(changed(plan_of(made), new_prices))
        assert found["total"] == pytest.approx(sum(f.present_usd for f in flows), abs=0.005), name
        for term in {f.term for f in flows}:
            present = sum(f.present_usd for f in flows if f.term == term)
            assert found[term] == pytest.approx(present, abs=0.005), (name, term)
        assert abs(found["change against the verified plan"]) > 1
