"""Fleets that were best in finished scenarios, as first plans of the next ones.

Which fleets are offered follows from the records of finished scenarios alone, so a record does not depend on
the process or the order in which scenarios are solved, and a resumed run offers the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.sensitivity.factors import THROUGHPUT, Factor
from solver.sensitivity.indices import Floats

#: Purchases: name of each column and its count.
Fleet = tuple[tuple[str, int], ...]
#: Fleets tried beyond the cheapest that is sure to serve.
TRIES = 3


@dataclass(frozen=True, eq=False)
class Known:
    """Fleets, what each cost beside its purchases (USD, least of its scenarios), and what they served.

    ``strains`` has a row per scenario and a column per factor, rows of one fleet together from ``first`` on;
    what has no bearing on whether a fleet serves is infinite.
    """

    fleets: tuple[Fleet, ...]
    rest_usd: Floats
    first: NDArray[np.int64]
    strains: Floats

    def shortfalls(self, strain: Floats) -> Floats:
        """How far a scenario asks for more than each fleet has served (sum of logarithms; 0: it serves)."""
        over = np.maximum(0.0, strain - self.strains).sum(axis=1)
        return np.asarray(np.minimum.reduceat(over, self.first))

    def promising(self, prices_usd: Mapping[str, float], strain: Floats) -> list[Fleet]:
        """Fleets to try, cheapest first: the cheapest that is sure to serve, and of the cheaper ones those
        with the smallest shortfall."""
        bought = [sum(count * prices_usd[name] for name, count in fleet) for fleet in self.fleets]
        options = sorted(
            zip(self.rest_usd + np.array(bought), self.shortfalls(strain), self.fleets, strict=True)
        )
        sure = next((n for n, option in enumerate(options) if option[1] <= 0), len(options))
        cheaper = sorted(options[:sure], key=lambda option: (option[1], option))[:TRIES]
        return [fleet for _, _, fleet in sorted(cheaper) + options[sure : sure + 1]]


def strain_of(factors: tuple[Factor, ...], values: Iterable[float]) -> Floats:
    """What a scenario asks of a fleet, in logarithms: demand, and slowness; 0 for prices."""
    signs = [1.0 if f.is_demand else -1.0 if f.is_throughput else 0.0 for f in factors]
    return np.array(signs) * np.log(np.maximum([float(v) for v in values], 1e-12))


def purchases(record: Mapping[str, Any]) -> Fleet:
    """The purchases of a record."""
    return tuple((str(name), int(count)) for name, count in record["purchases"])


def known_of(
    records: Iterable[Mapping[str, Any]], factors: tuple[Factor, ...], system_of: Callable[[str], str]
) -> Known | None:
    """The distinct fleets of the records that have a plan; ``system_of`` tells what a purchase buys."""
    by_fleet: dict[Fleet, list[Mapping[str, Any]]] = {}
    for record in records:
        if record["cost_usd"] is not None:
            by_fleet.setdefault(purchases(record), []).append(record)
    if not by_fleet:
        return None
    rest = [min(r["cost_usd"] - r["purchases_usd"] for r in own) for own in by_fleet.values()]
    rows = []
    for fleet, own in by_fleet.items():
        needed = {f"{THROUGHPUT}{system_of(name)}" for name, _ in fleet}
        matters = [f.is_demand or f.name in needed for f in factors]
        rows += [np.where(matters, strain_of(factors, r["values"]), np.inf) for r in own]
    counts = [len(own) for own in by_fleet.values()]
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return Known(tuple(by_fleet), np.array(rest), first, np.array(rows))
