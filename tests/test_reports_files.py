"""The report as page, terminal text, tables and files."""

from __future__ import annotations

import io
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from plan_fixture import make_plan
from rich.console import Console

from solver.errors import SolverError
from solver.plan.findings import Binding
from solver.plan.plan import Plan
from solver.reports.files import write_atomically
from solver.reports.findings import print_findings
from solver.reports.html import render_html
from solver.reports.markdown import render_markdown
from solver.reports.sections import sections
from solver.reports.svg import Bar, bar_figure
from solver.reports.svg_parts import shortened, ticks
from solver.reports.tables import records, tables, write_out
from solver.reports.terminal import print_plan
from solver.reports.words import answer
from solver.sensitivity.findings import Column, Findings, Table


def shown(plan: Plan, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_plan(plan, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def words_of(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_terminal_starts_with_the_answer_and_fits_eighty_columns() -> None:
    text = shown(make_plan())
    assert text.lstrip().startswith("two-services: the answer\nBuy 20 × Cerebras CS-3")
    assert max(len(line) for line in text.splitlines()) <= 80
    titles = [section.title for section in sections(make_plan())]
    assert [title for title in titles if f"\n{title}\n" in text] == titles


def test_terminal_tells_each_part_of_the_answer() -> None:
    text = words_of(shown(make_plan(), width=200))
    for part in (
        "Reykjavik Cerebras CS-3 buy 20 $2,500,000",
        "rent by the hour, 84,373 system hours up to 11 $10.40/h",
        "6 TP8, fp8, batch 256",
        "1 PP20 on 20 systems, fp16, batch 97 1,111 90 %",
        "chat DeepInfra API provider 5 % all hours",
        "TTFT at most 1,000 ms for 95 % 812 ms 98 % yes",
        "total $61,045,767 100 % $6.05 $37.56",
        "Reykjavik 460 1.3 480 96 %",
        "systems at Reykjavik need at most 480 kW 20 kW workloads/two-services.yaml:21:5",
        "0 requests $1,520",
        "only Cerebras CS-3 $98,894,142 +62 % 33 × Cerebras CS-3 (buy)",
        "not possible: cannot serve coder",
        "DGX H100 (8 GPU) $270,000 $214,000 -21 %",
        "Cerebras CS-3: purchase price [1] $2.50M $1.50M to $3.13M assumed 93 %",
        "[1] press reports, 2025-04",
        "- hyp-mask-rom has no price in the catalog and is left out",
    ):
        assert part in text, part


def test_a_broken_promise_stands_out_without_colour() -> None:
    plan = make_plan()
    late = plan.service_levels[0].model_copy(update={"reached": 1001.0})
    plan = plan.model_copy(update={"service_levels": (late,)})
    assert "NO" in shown(plan)
    assert "NOT KEPT" in render_html(plan)


def test_empty_parts_have_no_heading() -> None:
    plan = make_plan(binding=(), alternatives=(), break_even=(), assumptions=(), notes=())
    text = shown(plan)
    for title in ("What binds", "Alternatives", "Prices at which others enter", "Assumptions", "Notes"):
        assert title not in text
        assert f"<strong>{title}</strong>" not in render_html(plan)


class Page(HTMLParser):
    """Elements with their attributes, and the text of captions."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.found)


def page_of(plan: Plan) -> Page:
    page = Page()
    page.feed(render_html(plan))
    return page


def test_page_loads_nothing_and_runs_nothing() -> None:
    text, page = render_html(make_plan()), page_of(make_plan())
    policy = next(a["content"] for t, a in page.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & {tag for tag, _ in page.found}
    assert not [a for _, a in page.found if {"src", "href", "style", "xlink:href"} & a.keys()]
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_every_figure_and_table_says_what_it_shows() -> None:
    page = page_of(make_plan())
    ids = [a["id"] for _, a in page.found if "id" in a]
    assert len(ids) == len(set(ids))
    drawings = [a for tag, a in page.found if tag == "svg"]
    assert len(drawings) == page.count("figure") == page.count("figcaption") == 7  # two services
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set(drawing["aria-labelledby"].split()) <= set(ids)
    assert page.count("desc") == 7
    assert page.count("caption") == page.count("table") == len(sections(make_plan()))


def test_patterns_used_are_patterns_defined() -> None:
    text = render_html(make_plan())
    used = set(re.findall(r"url\(#([^)]*)\)", text))
    assert used
    assert used <= set(re.findall(r'<pattern id="([^"]*)"', text))


def test_one_hour_a_week_and_a_year_are_drawn() -> None:
    for hours in (1, 168, 8760):
        plan = make_plan()
        workload: dict[str, Any] = plan.inputs["workload"]
        for service in workload["services"]:
            service["demand"]["rate_rps"] = [1.0 + (n % 7) / 10 for n in range(hours)]
        periods = ({"index": 0, "epoch": 0, "hours": 26298.0, "rate_rps": [1.6, 1.6], "label": ""},)
        plan = make_plan(inputs=plan.inputs, periods=periods)
        text = render_html(plan)
        assert ("demand and capacity" in text) == (hours > 1)
        assert ("Demand and capacity" in text) == (hours == 1)
        assert len(text) < 400_000


def test_markdown_has_all_tables() -> None:
    text = render_markdown(make_plan())
    assert text.startswith("# two-services\n\nBuy 20 × Cerebras CS-3")
    assert "| Reykjavik | Cerebras CS-3 | buy | 20 | $2,500,000 |".replace("$", "\\$") in text


@given(st.floats(0, 1e12), st.floats(1e-6, 1e12))
def test_ticks_are_round_few_and_span_the_range(low: float, span: float) -> None:
    assume(span > 1e-9 * low)  # else floats are too coarse for ticks
    high = low + span
    marks = ticks(low, high)
    assert 2 <= len(marks) <= 8
    slack = 1e-6 * max(high, 1.0)
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack


def test_ticks_by_hand() -> None:
    assert ticks(0, 95) == [0, 20, 40, 60, 80, 100]
    assert ticks(0, 1.25) == [0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert ticks(3, 3) == [3]


def test_bars_are_as_long_as_their_values() -> None:
    bars = [Bar("a", 50.0, "50"), Bar("b", 100.0, "100", start=50.0)]
    drawing = bar_figure("k", "t", "d", bars, str)
    found = re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)" height="16"', drawing)
    (x1, wide1), (x2, wide2) = [(float(x), float(w)) for x, w in found]
    assert wide1 == wide2
    assert x2 == x1 + wide1


def test_long_labels_are_cut_with_a_sign() -> None:
    assert shortened("short", 200) == "short"
    # 80 units are room for 10 characters of 7.3
    assert shortened("a long name of a service", 80) == "a long na…"


def test_files_written(tmp_path: Path) -> None:
    plan = make_plan()
    written = write_out(plan, tmp_path / "deep" / "out")
    folder = tmp_path / "deep" / "out"
    assert written[-1] == folder / "plan.json"
    assert {path.name for path in folder.iterdir()} == {
        "plan.json",
        "plan.xlsx",
        "report.html",
        "report.md",
        "tables",
    }
    assert Plan.model_validate_json((folder / "plan.json").read_text()) == plan
    systems = pd.read_csv(folder / "tables" / "systems.csv")
    assert systems["cost_usd"].sum() == pytest.approx(sum(s.cost_usd for s in plan.systems))
    book = openpyxl.load_workbook(folder / "plan.xlsx")
    assert book.sheetnames == ["answer", *records(plan)]
    assert " ".join(str(row[0]) for row in book["answer"].values) == answer(plan)
    sheet = book["systems"]
    assert sheet.freeze_panes == "A2"
    assert sheet["H2"].value == 500_000
    assert sheet["H2"].number_format == "#,##0.00"


def test_writing_again_gives_the_same_bytes_and_removes_stale_tables(tmp_path: Path) -> None:
    write_out(make_plan(), tmp_path)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write_out(make_plan(), tmp_path)
    assert first == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write_out(make_plan(notes=()), tmp_path)
    assert not (tmp_path / "tables" / "notes.csv").exists()


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.json"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SolverError, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]


def test_tables_are_data_frames_with_numbers_as_numbers() -> None:
    frames = tables(make_plan())
    assert frames["costs"]["usd"].dtype == float
    assert list(frames["binding"]["slack"]) == [20.0, 0.0]
    assert frames["service_levels"]["kept"].all()


def test_negative_money_stays_a_number_in_csv(tmp_path: Path) -> None:
    binding = Binding(
        sentence="s", family="f", statement="p", place="x:1", slack=-2.5, unit="kW", shadow_price_usd=-7.0
    )
    write_out(make_plan(binding=(binding,)), tmp_path)
    assert list(pd.read_csv(tmp_path / "tables" / "binding.csv")["shadow_price_usd"]) == [-7.0]


def test_the_program_in_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = Path(__file__).parents[1] / "docs" / "how-to" / "read-a-plan.md"
    program = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)[0]
    write_out(make_plan(), tmp_path / "plan")
    monkeypatch.chdir(tmp_path)
    exec(compile(program, str(guide), "exec"), {})
    assert (tmp_path / "again" / "plan.xlsx").exists()
    assert (tmp_path / "again" / "plan.json").read_bytes() == (tmp_path / "plan" / "plan.json").read_bytes()


def test_the_guide_names_every_table() -> None:
    guide = (Path(__file__).parents[1] / "docs" / "how-to" / "read-a-plan.md").read_text(encoding="utf-8")
    for section in sections(make_plan()):
        assert section.title.split(",")[0] in guide


def test_headings_of_a_narrow_terminal_are_whole() -> None:
    """The map of two prices at 80 columns: the last heading was cut to 'exact ch'."""
    columns = (
        *(Column("fleet", "best fleet"), Column("corners", "corners of its area")),
        *(Column("low", "least cost", "usd"), Column("high", "greatest cost", "usd")),
        *(Column("save", "most that a skipped plan could save", "share"), Column("check", "exact check")),
    )
    corners = "$20k / $100k; $600k / $100k; $600k / $700k; $30.6k / $700k"
    table = Table("map", "Map", "", columns, (("1 × DGX B200 (8 GPU)", corners, 1e5, 7e5, 1e-7, "passed"),))
    output = io.StringIO()
    print_findings(Findings("n", "k", (), (), (), (table,), (), ()), Console(file=output, width=80))
    lines = output.getvalue().splitlines()
    heading = lines[: next(n for n, line in enumerate(lines) if "──" in line)]
    assert {word for column in columns for word in column.label.split()} <= set(" ".join(heading).split())
