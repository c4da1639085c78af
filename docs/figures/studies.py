"""Pages and figures of the shipped studies: ``python docs/figures/studies.py`` writes them anew.

Each page in docs/studies holds its command, the answer in words, the figure and the main table, as the
program gives them; ``tests/test_sensitivity_studies.py`` compares them in the long suite.
"""

from __future__ import annotations

import re
from pathlib import Path

from solver.reports.curves import draw
from solver.reports.findings import sections
from solver.reports.markdown import table
from solver.sensitivity.findings import Findings
from solver.sensitivity.studies import STUDIES, run

DOCS = Path(__file__).parents[1]
#: The colours of the report as fixed values: a picture in a page has no style sheet.
COLOURS = ("#1f77b4", "#e69f00", "#009e73", "#d55e00", "#a65c91", "#8a7a5c", "#66788a")
STYLE = (
    "text{font:13.5px sans-serif;fill:#1c2329}.small{font-size:12px;fill:#5a6670}.strong{font-weight:650}"
    ".grid{stroke:#d5dbe0}.edge{stroke:#1c2329;stroke-width:.7}.limit{stroke:#1c2329;stroke-width:2.4}"
)
#: The tables that a page shows, before the assumptions.
TABLES = {
    "sram-scaling": ("designs", "layers"),
    "nvm-weights": ("density", "wear"),
    "hbm": ("hbm",),
    "wafer-precision": ("precision",),
    "cost-of-speed": ("frontier",),
}


#: What a page asks.
INTRODUCTION = {
    "sram-scaling": (
        "SRAM macros have hardly shrunk since N5. What does the successor of a wafer full of SRAM gain from "
        "new nodes, and what from stacking? At which price would each enter a fleet?"
    ),
    "nvm-weights": (
        "Weights in a dense memory that keeps them without power, read where they lie. How dense must it be, "
        "how many writes must it bear, and how often may the model change?"
    ),
    "hbm": "What do dearer HBM and its next generation change for a GPU server, and for the wafer beside it?",
    "wafer-precision": (
        "Half or a quarter of the bits per weight means fewer wafers for one replica. What does that save?"
    ),
    "cost-of-speed": (
        "What does a million output tokens cost at each speed that a user may be promised, on each kind of "
        "hardware? This is the figure to look at first."
    ),
}


def picture(found: Findings) -> str:
    """The first figure as a file of its own."""
    drawn = draw(found.figures[0])
    for n, colour in enumerate(COLOURS, 1):
        drawn = drawn.replace(f"var(--c{n})", colour)
    return re.sub(r"(<title)", f"<style>{STYLE}</style>\\1", drawn, count=1) + "\n"


def page(name: str, found: Findings) -> str:
    """The page of a study."""
    tables = [t for t in sections(found) if t.key in (*TABLES[name], "assumed")]
    parts = [
        f"# {STUDIES[name][0]}",
        INTRODUCTION[name],
        f"```sh\nsolver study {name} --out {name}\n```",
        "\n".join(f"- {sentence}" for sentence in found.answer),
        f"![{found.figures[0].title}](../figures/study-{name}.svg)\n\n{found.figures[0].caption}",
        *(f"## {t.title}\n\n{t.caption}\n\n{table(t)}" for t in tables),
        "## Notes\n\n" + "\n".join(f"- {note}" for note in found.notes),
    ]
    return "\n\n".join(parts) + "\n"


def files() -> dict[Path, str]:
    """Path -> content of every page and figure."""
    made: dict[Path, str] = {}
    for name in STUDIES:
        found = run(name)
        made[DOCS / "studies" / f"{name}.md"] = page(name, found)
        made[DOCS / "figures" / f"study-{name}.svg"] = picture(found)
    return made


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
