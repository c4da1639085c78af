"""A small container for columns and rows; carries the words that explain each row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from solver.formulation.payments import Payment

Sense = Literal["<=", ">=", "=="]


class Column(NamedTuple):
    """A decision variable; integer columns have integer bounds. A named tuple: there are millions of them."""

    key: tuple[Any, ...]
    low: float
    high: float
    integer: bool

    @property
    def name(self) -> str:
        """The parts of the key in one word."""
        return "_".join(str(part) for part in self.key)

    def shut(self) -> Column:
        """The column fixed at nothing."""
        return Column(self.key, 0.0, 0.0, self.integer)


class Row(NamedTuple):
    """sum of coefficient x column  <sense>  rhs, in ``unit``, with the statement of the user behind it."""

    name: str
    family: str
    terms: tuple[tuple[int, float], ...]
    sense: Sense
    rhs: float
    unit: str
    sentence: str
    statement: str  # path in the workload file, "" if the row is a law rather than a wish


@dataclass
class Program:
    """Columns, rows and cost terms under construction (the only mutable value of this floor)."""

    columns: list[Column] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    costs: dict[str, dict[int, float]] = field(default_factory=dict)  # term -> column -> k$ per unit
    index: dict[tuple[Any, ...], int] = field(default_factory=dict)
    payments: list[tuple[int, Payment]] = field(default_factory=list)  # column, what a unit of it pays when

    _groups: dict[object, list[tuple[tuple[Any, ...], int]]] = field(default_factory=dict, init=False)
    _grouped: int = field(default=0, init=False)  # columns that the groups hold

    def add(
        self, key: tuple[Any, ...], low: float = 0.0, high: float = math.inf, integer: bool = False
    ) -> int:
        """A new column called by ``key``; fractional bounds of integers are rounded inwards."""
        if integer:
            low, high = math.ceil(low - 1e-9), high if math.isinf(high) else math.floor(high + 1e-9)
        self.index[key] = len(self.columns)
        self.columns.append(Column(key, low, high, integer))
        return self.index[key]

    def find(self, *key: object) -> int | None:
        """The column called ``key`` or None."""
        return self.index.get(key)

    def family(self, prefix: str) -> list[tuple[tuple[Any, ...], int]]:
        """All columns whose key starts with ``prefix``."""
        for column in range(self._grouped, len(self.columns)):
            key = self.columns[column].key
            self._groups.setdefault(key[0], []).append((key, column))
        self._grouped = len(self.columns)
        return list(self._groups.get(prefix, ()))

    def row(
        self,
        name: str,
        family: str,
        terms: Mapping[int, float],
        sense: Sense,
        rhs: float,
        *,
        unit: str,
        sentence: str,
        statement: str = "",
    ) -> None:
        """Add a row; zero coefficients are dropped, an empty satisfied row is not added."""
        kept = tuple((c, a) for c, a in terms.items() if a != 0.0)
        if not kept and _holds(0.0, sense, rhs):
            return
        self.rows.append(Row(name, family, kept, sense, rhs, unit, sentence, statement))

    def cost(self, term: str, column: int, kusd: float) -> None:
        """Add ``kusd`` (thousand dollars, net present) per unit of the column to a cost term."""
        entries = self.costs.setdefault(term, {})
        entries[column] = entries.get(column, 0.0) + kusd

    def objective(self) -> dict[int, float]:
        """Total cost per unit of each column, k$."""
        total: dict[int, float] = {}
        for entries in self.costs.values():
            for column, kusd in entries.items():
                total[column] = total.get(column, 0.0) + kusd
        return total


def _holds(left: float, sense: Sense, right: float) -> bool:
    return left <= right if sense == "<=" else left >= right if sense == ">=" else left == right
