"""The shipped studies run from the command line and say what their tables hold; reports are whole."""

import json
import runpy
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from solver.cli.app import app
from solver.errors import UsageError
from solver.sensitivity.findings import Axis, Curves, Findings
from solver.sensitivity.studies import STUDIES, run

FOUND: dict[str, Findings] = {}


def found(name: str) -> Findings:
    if name not in FOUND:
        FOUND[name] = run(name)
    return FOUND[name]


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_study_answers_with_tables_that_have_units(name: str) -> None:
    study = found(name)
    assert study.answer and all(s.endswith(".") for s in study.answer)
    assert study.tables[0].rows
    for table in study.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_stacking_raises_the_entry_price_and_nodes_hardly() -> None:
    rows = {r["design"]: r for r in found("sram-scaling").table("designs").records()}
    planar, deep = rows["WSE on N2, planar"], rows["WSE on N2, 4 bonded SRAM layers"]
    assert planar["capacity_gb"] == pytest.approx(50.3, abs=0.05)
    assert deep["capacity_gb"] == pytest.approx(50.3 + 4 * 118.9, abs=0.2)
    assert deep["systems"] < planar["systems"] <= rows["WSE on N5, planar"]["systems"]
    assert deep["fast_usd"] > 2 * planar["fast_usd"]
    # CS-3 against itself: a copy enters exactly at the price of the original
    assert rows["WSE on N5, planar"]["fast_usd"] == pytest.approx(2_000_000, rel=1e-4)


def test_wear_table_is_that_of_the_facts() -> None:
    """1e4 cycles: 27.4 years daily, 1.14 hourly; 1e6: 9.5 years every five minutes."""
    rows = {r["endurance_cycles"]: r for r in found("nvm-weights").table("wear").records()}
    assert rows[1e4]["years_daily"] == pytest.approx(27.4, abs=0.05)
    assert rows[1e4]["years_hourly"] == pytest.approx(1.14, abs=0.005)
    assert rows[1e6]["years_5min"] == pytest.approx(9.5, abs=0.05)


def test_denser_memory_takes_fewer_wafers_and_enters_higher() -> None:
    rows = found("nvm-weights").table("density").records()
    sizes = [r["systems"] for r in rows]
    assert sizes == sorted(sizes, reverse=True)
    prices = [r["enters_400_usd"] or 0.0 for r in rows]
    assert prices == sorted(prices)


def test_speed_is_never_free() -> None:
    rows = found("cost-of-speed").table("frontier").records()
    for kind in {r["kind"] for r in rows}:
        costs = [r["cost_usd"] for r in rows if r["kind"] == kind and r["cost_usd"] is not None]
        assert all(later >= earlier * (1 - 2e-5) for earlier, later in pairwise(costs))


def test_unknown_study() -> None:
    with pytest.raises(UsageError, match="sram-scaling"):
        run("nonsense")


def test_command_writes_every_format(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["study", "wafer-precision", "--out", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["tables"]["precision"] and shown == json.loads((tmp_path / "findings.json").read_text())
    page = (tmp_path / "report.html").read_text()
    assert not any(word in page for word in (' src="', ' href="', "<script", "@import", "url("))
    assert (tmp_path / "tables" / "precision.csv").read_text().startswith("precision,tok_s_per_user")
    import openpyxl

    book = openpyxl.load_workbook(tmp_path / "findings.xlsx")
    assert book.sheetnames[0] == "answer" and book["precision"].max_row == 13
    assert (tmp_path / "report.md").read_text().startswith("# Precision on the wafer")
    assert "sram-scaling" in CliRunner().invoke(app, ["study", "list"]).stdout


def test_figures_are_well_formed_and_described() -> None:
    from solver.reports.curves import draw

    for name in STUDIES:
        for figure in found(name).figures:
            root = ET.fromstring(draw(figure))
            tags = [child.tag.rpartition("}")[2] for child in root]
            assert tags[:2] == ["title", "desc"] and len(tags) > 10


def test_lines_that_lie_on_one_another_share_a_name() -> None:
    from solver.reports.curves import draw

    once, twice = ((1.0, 1.0), (2.0, 3.0)), ((1.0, 2.0), (2.0, 4.0))
    lines = (("N5", once), ("N3E", once), ("N2", twice))
    drawn = draw(Curves("k", "t", "c", Axis("x"), Axis("y"), lines))
    assert drawn.count('fill="none"') == 2
    assert ">N5 and N3E<" in drawn and ">N2<" in drawn


DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_every_study_has_a_page_with_its_command_and_figure(name: str) -> None:
    page = (DOCS / "studies" / f"{name}.md").read_text()
    assert f"solver study {name} " in page and f"(../figures/study-{name}.svg)" in page
    ET.parse(DOCS / "figures" / f"study-{name}.svg")


@pytest.mark.long
def test_pages_say_what_the_studies_find() -> None:
    made = runpy.run_path(str(DOCS / "figures" / "studies.py"))["files"]()
    for path, text in made.items():
        assert path.read_text() == text, f"{path.name}: run python docs/figures/studies.py"


def test_nvm_wears_out_where_the_formula_says() -> None:
    """Infeasible in every combination whose weights last less than the three years, and in no other."""
    for row in found("nvm-weights").table("grid").records():
        years = row["endurance_cycles"] / (row["updates_per_day"] * 365.25)
        assert row["years"] == pytest.approx(years)
        assert (row["verdict"] == "infeasible") == (years < 3)


def test_the_question_of_500_gb_is_answered_first() -> None:
    study = found("sram-scaling")
    rows = {r["design"]: r for r in study.table("designs").records()}
    deep = rows["WSE on N2, 4 bonded SRAM layers"]
    words = study.answer[0]
    assert words.startswith("Do 500 GB make it worthwhile?")
    assert ("600 tok/s yes" in words) == (deep["fast_usd"] >= deep["price_usd"])
    assert ("promise, yes" in words) == (deep["loose_usd"] >= deep["price_usd"])
