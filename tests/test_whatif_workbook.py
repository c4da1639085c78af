"""The workbook: its cached figures are the plan's, its formulas follow changed prices."""

import io
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest
from whatif_case import session

from solver.errors import UsageError
from solver.finance.cash_flow import cash_flow
from solver.whatif.session import Session
from solver.whatif.workbook import workbook_of

CHANGES = ("discount=8 %", "support=5 %", "residual=10 %", "growth=20 %", "demand=290 requests/s")


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


def test_total_is_the_plans_to_the_cent(one: Session, data: bytes) -> None:
    plan = one.result().plan
    assert plan is not None
    assert len(plan.epochs) == 3
    found = costs(sheets(data, True))
    assert found["total"] == pytest.approx(plan.objective_usd, abs=0.005)
    assert found["change against the verified plan"] == pytest.approx(0, abs=0.005)


def test_terms_and_months_are_those_of_the_cash_flow(one: Session, data: bytes) -> None:
    plan = one.result().plan
    assert plan is not None
    paid: dict[float, float] = {}
    for flow in cash_flow(plan):
        paid[round(flow.years, 6)] = paid.get(round(flow.years, 6), 0.0) + flow.usd
    found: dict[float, float] = {}
    for row in sheets(data, True)["Cash flow"].iter_rows(min_row=2, values_only=True):
        found[round(row[2], 6)] = found.get(round(row[2], 6), 0.0) + row[-2]
    assert {k: v for k, v in found.items() if v} == pytest.approx(paid)


def test_every_dollar_is_a_formula(data: bytes) -> None:
    book = sheets(data, False)
    flow = [row[3:] for row in book["Cash flow"].iter_rows(min_row=2, values_only=True)]
    assert all(cell is None or str(cell).startswith("=") for row in flow for cell in row)
    terms = list(book["Costs"].iter_rows(min_row=2, max_row=9, min_col=2, values_only=True))
    assert all(str(cell).startswith("=") for row in terms for cell in row)
    assert all(str(row[5]).startswith("=") for row in book["FOCUS"].iter_rows(min_row=2, values_only=True))


def test_ledger_and_scenarios(one: Session, data: bytes) -> None:
    book = sheets(data, True)
    total = sum(row[5] for row in book["FOCUS"].iter_rows(min_row=2, values_only=True))
    plan = one.result().plan
    assert plan is not None
    assert total == pytest.approx(sum(flow.usd for flow in cash_flow(plan)))
    first = next(book["FOCUS"].iter_rows(min_row=2, max_row=2, values_only=True))
    assert first[:3] == ("2027-01-01", "2027-02-01", "Purchase")
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


@pytest.mark.long
@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
def test_libreoffice_agrees_after_a_changed_price(one: Session, data: bytes, tmp_path: Path) -> None:
    """Price 500k -> 450k and energy 0.08 -> 0.16 USD/kWh: the money moves as the pencil says."""
    book = sheets(data, False)
    sheet = book["Assumptions"]
    new = {"Purchase price": 450_000, "Price of energy": 0.16, "Discount rate": 0.0}
    for row in sheet.iter_rows(min_row=3):
        for name, value in new.items():
            if str(row[0].value).startswith(name):
                row[1].value = value
    book.save(tmp_path / "changed.xlsx")
    command = [
        "soffice",
        "--headless",
        "--convert-to",
        "xlsx:Calc MS Excel 2007 XML",
        "--outdir",
        "out",
        "changed.xlsx",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    found = costs(openpyxl.load_workbook(tmp_path / "out" / "changed.xlsx", data_only=True))
    plan = one.result().plan
    assert plan is not None
    bought = [s for s in plan.systems if s.acquisition == "buy"]
    assert found["purchase"] == pytest.approx(450_000 * sum(s.count for s in bought))
    before = [f for f in cash_flow(plan) if f.term == "energy"]
    assert found["energy"] == pytest.approx(2 * sum(f.usd for f in before))
    tokens = sum(f.usd for f in cash_flow(plan) if f.term == "api")
    assert found["token API"] == pytest.approx(tokens, abs=0.005)
    assert found["residual"] == pytest.approx(-0.1 * 450_000 * sum(s.count for s in bought))
