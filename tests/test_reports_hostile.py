"""No report turns text of others into a formula, a command, markup or a control sequence."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
import zipfile
from html.parser import HTMLParser

import openpyxl
import pytest
from hostile import PAYLOADS, infected
from plan_fixture import make_plan
from rich.console import Console

from solver.plan.plan import Plan
from solver.reports.escape import plain
from solver.reports.html import render_html
from solver.reports.markdown import render_markdown
from solver.reports.tables import Records, csv_bytes, records, write_out
from solver.reports.terminal import print_plan
from solver.reports.words import answer
from solver.reports.xlsx import workbook_bytes

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LIVE = tuple("=+-@|%\t\r\n\0＝＠＋－")
TAGS = re.compile(
    "html|head|meta|title|style|body|header|p|h[123]|main|section|strong|d[ldt]|div|figure|figcaption|svg|desc|defs|"
    "pattern|rect|g|path|circle|line|text|table|caption|span|thead|tbody|t[rhd]|ul|li|details|summary|pre"
)
ATTRIBUTES = re.compile(
    "lang|charset|http-equiv|content|name|class|aria-label|aria-labelledby|id|viewbox|role|xmlns|width|height|[xyrd]|"
    "[xy][12]|c[xy]|rx|fill|patternunits|text-anchor|scope|data-label"
)


@pytest.fixture(scope="module", params=range(len(PAYLOADS)), ids=lambda n: f"payload{n}")
def hostile(request: pytest.FixtureRequest) -> Plan:
    """The plan of the fixture, cut to two hours, with a payload in every text."""
    plan, kept = make_plan(), (None, 0, 14)
    parts = {
        name: tuple(item for item in getattr(plan, name) if item.period in kept)
        for name in ("systems", "pools", "routes")
    }
    return infected(plan.model_copy(update=parts), PAYLOADS[request.param])


def test_there_are_many_payloads() -> None:
    assert len(set(PAYLOADS)) >= 120


def test_every_text_field_is_infected() -> None:
    plan = infected(make_plan(), "evil ")
    assert plan.systems[0].name.startswith("evil ")
    assert plan.assumptions[0].source.startswith("evil ")
    assert plan.notes[0].startswith("evil ")
    assert all(site.startswith("evil ") for site in plan.power_kw)
    assert plan.inputs["workload"]["services"][0]["name"] == "evil chat"
    assert plan.inputs["workload"]["sites"][0]["name"] == "evil Frankfurt"


def assert_inert(cell: str) -> None:
    start = cell.lstrip(" \u00a0")
    assert not start.startswith(LIVE) or NUMBER.fullmatch(cell), cell[:60]
    assert not [c for c in cell if unicodedata.category(c) in ("Cc", "Cf", "Cs")], cell[:60]


@pytest.fixture(scope="module")
def rows_of(hostile: Plan) -> Records:
    return records(hostile)


def test_csv_holds_no_formula_and_keeps_its_shape(rows_of: Records) -> None:
    for rows in rows_of.values():
        read = list(csv.reader(io.StringIO(csv_bytes(rows).decode(), newline="")))
        assert len(read) == len(rows) + 1
        assert {len(line) for line in read} == {len(rows[0])}
        for line in read:
            for cell in line:
                assert_inert(cell)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_csv_opened_with_another_separator_holds_no_formula(rows_of: Records, delimiter: str) -> None:
    for rows in rows_of.values():
        for line in csv.reader(io.StringIO(csv_bytes(rows).decode(), newline=""), delimiter=delimiter):
            for cell in line:
                assert not cell.strip().startswith(LIVE) or NUMBER.fullmatch(cell.strip()), cell[:60]


def test_xlsx_holds_no_formula_and_no_link(rows_of: Records) -> None:
    data = workbook_bytes(rows_of)
    book = openpyxl.load_workbook(io.BytesIO(data))
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n", "b"), cell.value
                assert cell.hyperlink is None
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        for name in parts.namelist():
            if name.startswith("xl/worksheets/"):
                assert b"<f>" not in parts.read(name)
            assert "externalLink" not in name


class Nodes(HTMLParser):
    """Tags, attributes and text of a page; comments and declarations beside the doctype are noted."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.odd: list[str] = []
        self.open: list[str] = []
        self.pre = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.open = self.open[: len(self.open) - 1 - self.open[::-1].index(tag)]

    def handle_data(self, data: str) -> None:
        if "pre" in self.open:
            self.pre += data

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)


def test_html_holds_only_our_nodes(hostile: Plan) -> None:
    page = render_html(hostile)
    nodes = Nodes()
    nodes.feed(page)
    nodes.close()
    assert all(TAGS.fullmatch(tag) for tag in nodes.tags)
    assert all(ATTRIBUTES.fullmatch(name) for _, name, _ in nodes.attributes)
    assert nodes.odd == []
    ours = [value for _, name, value in nodes.attributes if name in ("id", "class", "fill", "d", "viewbox")]
    assert all(re.fullmatch(r"[\w\-#().,: MLZhv]*", value) for value in ours)
    assert not [c for c in page if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs")]
    assert json.loads(nodes.pre) == hostile.inputs["workload"]


@pytest.mark.parametrize("colour", [False, True])
def test_terminal_gets_no_control_sequence(hostile: Plan, colour: bool) -> None:
    console = Console(
        file=io.StringIO(), width=80, force_terminal=colour, color_system="truecolor" if colour else None
    )
    print_plan(hostile, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    text = re.sub(r"\x1b\[[\d;]*m", "", text) if colour else text
    assert not [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs")]


def test_markup_of_the_terminal_library_is_shown_as_text() -> None:
    console = Console(file=io.StringIO(), width=200)
    print_plan(infected(make_plan(), "[bold]:smiley:[/]"), console)
    assert "[bold]:smiley:[/]chat" in console.file.getvalue()  # type: ignore[attr-defined]


def test_markdown_rows_keep_their_columns(hostile: Plan) -> None:
    text = render_markdown(hostile)
    assert "<" not in text
    assert ">" not in text
    columns = 0
    for line in text.splitlines():
        unescaped = re.sub(r"\\.", "", line)
        if not line.startswith("|"):
            columns = 0
            continue
        found = unescaped.count("|")
        columns = columns or found
        assert found == columns, line
        assert "`" not in unescaped
        assert not re.search(r"\]\(", unescaped)


def test_saved_plan_reads_back_and_is_quiet(hostile: Plan, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("out")
    write_out(hostile, folder)
    text = (folder / "plan.json").read_text(encoding="ascii")
    assert not [c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\x7f"]
    assert Plan.model_validate_json(text) == hostile


def test_answer_is_one_line_of_visible_text(hostile: Plan) -> None:
    text = answer(hostile)
    assert text == plain(text)
    assert text.endswith(".")
