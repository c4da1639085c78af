"""The notebook of the documentation runs, and shows what it shows.

``python tests/test_notebook.py`` writes its outputs anew.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tutorial" / "python.ipynb"
WIDE = ("display.width", 110, "display.max_columns", 20)


def run_cell(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Outputs of a cell as Jupyter stores them: what it printed, then the value of its last expression."""
    tree, printed, value = ast.parse(source), io.StringIO(), None
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed), pd.option_context(*WIDE):
        exec(compile(tree, "<cell>", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
            text = repr(value)
    found: list[dict[str, Any]] = []
    if printed.getvalue():
        found.append({"name": "stdout", "output_type": "stream", "text": lines(printed.getvalue())})
    if value is not None:
        data = {"text/plain": lines(text)}
        result = {"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"}
        found.append(result)
    return found


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def cells() -> list[dict[str, Any]]:
    return json.loads(NOTEBOOK.read_text())["cells"]


def shown(outputs: list[dict[str, Any]]) -> str:
    texts = ["".join(o["text"] if "text" in o else o["data"]["text/plain"]) for o in outputs]
    return re.sub(r"\s+", " ", " ".join(texts)).strip()


def test_the_notebook_is_one() -> None:
    whole = json.loads(NOTEBOOK.read_text())
    assert (whole["nbformat"], whole["nbformat_minor"]) == (4, 5)
    assert len({c["id"] for c in whole["cells"]}) == len(whole["cells"])
    assert any("from solver import load, solve, sweep" in "".join(c["source"]) for c in whole["cells"])


def run_all() -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    names: dict[str, Any] = {}
    code = (c for c in cells() if c["cell_type"] == "code")
    return [(cell, run_cell("".join(cell["source"]), names)) for cell in code]


@pytest.mark.filterwarnings("ignore")
def test_every_cell_runs_and_shows_what_kind_of_thing_it_shows() -> None:
    for cell, outputs in run_all():
        kinds = [[o["output_type"] for o in found] for found in (outputs, cell["outputs"])]
        assert kinds[0] == kinds[1] and shown(outputs), "".join(cell["source"])


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_every_cell_shows_what_it_shows() -> None:
    for cell, outputs in run_all():
        assert shown(outputs) == shown(cell["outputs"]), "run python tests/test_notebook.py"


def write() -> None:
    """Run the notebook and keep its outputs."""
    whole = json.loads(NOTEBOOK.read_text())
    names: dict[str, Any] = {}
    for count, cell in enumerate((c for c in whole["cells"] if c["cell_type"] == "code"), 1):
        cell["outputs"] = run_cell("".join(cell["source"]), names)
        cell["execution_count"] = count
        for output in cell["outputs"]:
            if "execution_count" in output:
                output["execution_count"] = count
    NOTEBOOK.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write()
