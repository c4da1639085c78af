"""The sheet of assumptions of a workbook: common values, and what scenarios put in their place."""

from __future__ import annotations

import math
from collections.abc import Sequence

from solver.whatif.entries import Key, Ledger
from solver.whatif.sheets import Cell, Sheet, letter

NAME = "Assumptions"
FIRST = 4  # column of the first scenario; before it: name, value, unit, source
ALIKE = 1e-12


class Assumptions:
    """Rows of the values that plans rest on; each scenario has a column that follows the common value."""

    def __init__(self, main: Ledger, scenarios: Sequence[tuple[str, Ledger]] = ()) -> None:
        self.main, self.scenarios = main, list(scenarios)
        self.given = dict(main.given)
        for _, ledger in self.scenarios:  # the first who needs a value states the common one
            self.given = ledger.given | self.given
        self.rows = {key: n + 2 for n, key in enumerate(self.given)}

    def cell(self, key: Key, scenario: int | None = None) -> str:
        """The address of a value: the common one, or that of a scenario."""
        column = "B" if scenario is None else letter(FIRST + scenario)
        return f"{NAME}!${column}${self.rows[key] + 1}"

    def sheet(self) -> Sheet:
        """Values that may be changed, with unit and source."""
        sheet = Sheet(NAME, (60, 16, 18, 70, *(24,) * len(self.scenarios)), plain=True)
        words = "Change the blue values; the costs follow, for the fleets and the traffic as they are."
        if self.scenarios:
            words += " A scenario follows the common value where it states none of its own (blue)."
        sheet.row(0, words)
        names = (name for name, _ in self.scenarios)
        sheet.row(1, "Assumption", "Value", "Unit", "Source", *names, head=True)
        for key, given in self.given.items():
            row = self.rows[key]
            sheet.row(row, given.name, given.value, given.unit, given.source)
            sheet.inputs.add((row, 1))
            for n, (_, ledger) in enumerate(self.scenarios):
                if key in ledger.given:
                    sheet.cells[row, FIRST + n] = self._own(key, ledger)
                    if not isinstance(sheet.cells[row, FIRST + n], tuple):
                        sheet.inputs.add((row, FIRST + n))
        return sheet

    def _own(self, key: Key, ledger: Ledger) -> Cell:
        """A scenario's value: its own, or a formula that follows the common one."""
        common, own = self.given[key].value, ledger.given[key].value
        if math.isclose(own, common, rel_tol=ALIKE, abs_tol=0.0):
            return (f"=$B${self.rows[key] + 1}", common)
        return own
