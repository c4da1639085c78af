"""The shipped studies: each answers one question from the catalogs and prints its tables."""

from __future__ import annotations

import importlib

from solver.errors import UsageError
from solver.sensitivity.findings import Findings

#: Name -> (title, module that holds ``study() -> Findings``).
STUDIES = {
    "sram-scaling": ("SRAM scaling is dead: CS-3 successors on N3, N2 and A16, planar and stacked", "sram"),
    "nvm-weights": ("Weights in non-volatile memory: density x endurance x model updates", "nvm"),
    "hbm": ("HBM price and bandwidth generations against today's fleet", "hbm"),
    "wafer-precision": ("fp16 against fp8 and fp4 on the wafer", "precision"),
    "cost-of-speed": ("Cost against speed per user, each kind of hardware, one model", "speed"),
}


def run(name: str) -> Findings:
    """The findings of a study."""
    if name not in STUDIES:
        raise UsageError(f"no study is called {name!r}; write one of {', '.join(STUDIES)}")
    module = importlib.import_module(f"solver.sensitivity.studies.{STUDIES[name][1]}")
    found: Findings = module.study()
    return found
