"""Every code block of the documentation runs, and prints what the page says it prints.

A ```sh block (or one that begins with `solver`) holds one command per line; `solver ...` runs in this
process in an empty folder. Lines of a ```text block right after it must occur in the output in that order, up
to white space and line ends; a line `...` stands for anything. ```python blocks of a page run one after
another in one namespace. YAML blocks must load (`# file: NAME` as first line also writes the file for later
commands).
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
from pathlib import Path

import pytest

from solver.cli.app import main
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import workload_from
from solver.inputs.yaml_text import load_yaml

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
    *sorted((ROOT / "docs" / "explanation").glob("*.md")),
    ROOT / "docs" / "index.md",
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHER_COMMANDS = ("make ", "pip ", "python", "git ", "cd ", ".venv/", "source ", ". ", "open ")


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in BLOCK.finditer(page.read_text())]


def missing(shown: str, output: str) -> str | None:
    """The first line of ``shown`` that ``output`` does not have in order; it may break lines elsewhere."""
    rest = f" {' '.join(output.split())}"
    for line in (" ".join(text.split()) for text in shown.splitlines()):
        if line not in ("", "..."):
            _, found, rest = rest.partition(line)
            if not found:
                return line
    return None


def run_commands(text: str, folder: Path) -> str:
    printed = io.StringIO()
    for line in text.replace("\\\n", " ").splitlines():
        line = line.partition(" # ")[0].strip()
        if not line or line.startswith(("#", *OTHER_COMMANDS)):
            continue
        name, *arguments = shlex.split(line)
        assert name == "solver", f"not a command of this project: {line}"
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                with contextlib.chdir(folder):
                    main(arguments)
            except SystemExit as end:
                assert end.code in (None, 0, 2, 3), f"{line} ended with {end.code}:\n{printed.getvalue()}"
    return printed.getvalue()


def run_python(text: str, names: dict[str, object], folder: Path) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.chdir(folder):
        exec(compile(text, "<docs>", "exec"), names)
    return printed.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")
    names: dict[str, object] = {}
    output = ""
    for kind, text in blocks(page):
        if kind == "sh" or (not kind and text.startswith("solver ")):
            output = run_commands(text, tmp_path)
        elif kind == "python":
            output = run_python(text, names, tmp_path)
        elif kind == "yaml" and "services:" in text:
            assert workload_from(load_yaml(page, text=text), page.parent).workload.services
            if first := re.match(r"# file: (\S+)\n", text):
                (tmp_path / first[1]).write_text(text)
        elif kind == "text":
            line = missing(text, output)
            assert line is None, f"{page.name}: {line!r} is not in\n{output}"


@pytest.mark.parametrize(
    "page", sorted({*PAGES, *(ROOT / "docs").rglob("*.md")}), ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {os.path.normpath(t) for t in re.findall(r"\]\(([^)#\s:]+)\)", index.read_text())}
    pages = {str(p.relative_to(index.parent)) for p in index.parent.rglob("*.md")} - {"index.md"}
    assert pages - linked == set(), "name these pages in docs/index.md"


def test_the_readme_counts_what_the_catalogs_hold() -> None:
    """Within a tenth: systems, models and token prices."""
    catalog, text = load_catalog(), (ROOT / "README.md").read_text()
    told = {what: int(n) for n, what in re.findall(r"(\d+) (systems|models|token prices)", text)}
    held = {"systems": catalog.systems, "models": catalog.models, "token prices": catalog.apis}
    assert told == {what: pytest.approx(len(entries), rel=0.1) for what, entries in held.items()}


def test_the_check_of_shown_lines_can_fail() -> None:
    assert missing("a  b\n...\nd", "a b c\nx\nc d") is None
    assert missing("d\na", "a\nd") == "a"
    assert missing("e", "a") == "e"


@pytest.mark.long
def test_the_figure_shows_what_the_program_says() -> None:
    folder = ROOT / "docs" / "figures"
    drawn = runpy.run_path(str(folder / "argument.py"))["draw"]()
    assert drawn == (folder / "argument.svg").read_text(), "run python docs/figures/argument.py"
