"""``solver verify PLAN``: check a saved plan again, exactly, without the program that made it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from solver.verify.facts import Verdict


def check_file(path: Path) -> Verdict:
    """The verdict on a plan.json; InputError (exit 2) if the file is damaged or not a plan."""
    from solver.verify.from_plan import verify_file

    return verify_file(path)[1]
