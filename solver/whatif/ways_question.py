"""Rent, buy or API: the cost of each way alone over volume, and where the cheapest changes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from solver.domain.told import Told, joined, number_of, told
from solver.errors import SolverError, UsageError
from solver.whatif.cases import Answer, Case, factor, figure, solved
from solver.whatif.effort import Over

WAYS = {
    "buy": "buying",
    "lease": "leasing",
    "reserve": "reserving",
    "rent": "renting",
    "spot": "spot",
    "api": "token APIs",
}
Costs = dict[str, float | None]


def ways(case: Case, span: str = "10") -> Answer:
    """Cost by way and volume, and the volumes at which the cheapest way changes; forbidden ways stay out."""
    reach, case = factor(span, 1.0, 1e4), case.by_cost()
    which, forbidden = permitted(case)
    if not which:
        raise UsageError(f"no way is permitted to every service; {'; '.join(forbidden)}")
    root = math.sqrt(reach)
    volumes, over = (1.0, 1 / reach, 1 / root, root, reach), ""  # today first: the others may find no time
    table: dict[float, Costs] = {}
    flips: list[tuple[float, str, str]] = []
    try:
        for volume in dict.fromkeys(volumes):
            table[volume] = _by_way(case, volume, (*which, "all"))
        for low, high in itertools.pairwise(sorted(table)):
            first, last = _cheapest(table[low]), _cheapest(table[high])
            if first != last and first and last:
                flips.append(_crossing(case, low, high, first, which))
    except Over as ending:
        if not table:
            raise
        over = f"{ending}: not all volumes were compared."
    return Answer(
        asked=told("Rent, buy or API, and at which volume does it flip?"),
        words=_headline(case, table, flips, which, 0.0 if over or case.effort.open else reach),
        columns=("demand (times today)", "requests/s", *(f"{WAYS[w]} (USD)" for w in which), "all (USD)"),
        rows=tuple((v, v * case.rps, *(table[v][w] for w in which), table[v]["all"]) for v in sorted(table)),
        notes=(
            'Empty: that way alone cannot keep the promises, or a note says why. "all" mixes the ways.',
            *(f"Left out: {words}." for words in forbidden),
            *((over,) if over else ()),
        ),
        complete=not over,
    )


def permitted(case: Case) -> tuple[list[str], list[str]]:
    """Ways that every service permits, and in words those that only some do, or none of the usual ones."""
    services = case.loaded.workload.services
    which, forbidden = [], []
    for way, word in WAYS.items():
        without = [s.name for s in services if way not in s.acquisitions]
        if not without:
            which.append(way)
        elif len(without) < len(services) or way in ("buy", "rent", "api"):
            forbidden.append(f"{word} is not permitted to {', '.join(without)}")
    return which, forbidden


def _headline(
    case: Case, table: dict[float, Costs], flips: list[tuple[float, str, str]], which: list[str], reach: float
) -> Told:
    """``reach``: 0 where not all volumes around today's were compared."""
    now = _cheapest(table[1.0])
    head = f"The cheapest single way today: {WAYS[now]}." if now else "No single way serves today's demand."
    if len(which) == 1:
        return told(head, " No other is permitted to every service.")
    if not flips and not reach:
        return told(head, " Where it flips was not found in time.")
    if not flips:
        return told(head, " It does not flip within ", number_of(f"{reach:g} times", "asked", "ways"), ".")
    parts = [
        told(f"from {a} to {b} at ", solved(f"{v:.3g} times today ({figure(v * case.rps)} requests/s)"))
        for v, a, b in flips
    ]
    return told(head, " It flips ", joined("; ", parts), ".")


def _by_way(case: Case, factor: float, which: Sequence[str]) -> Costs:
    loaded, found = case.scaled(factor), Costs()
    for way in which:
        try:
            variant = loaded if way == "all" else case.changed(f"ways.*={way}", base=loaded)
            name = "all ways" if way == "all" else WAYS[way]
            plan = case.ask(f"{name} at {factor:.3g} times today's demand", variant).plan
        except Over:
            raise
        except SolverError:
            plan = None
        found[way] = None if plan is None else plan.objective_usd
    return found


def _cheapest(costs: Costs) -> str:
    known = [(cost, way) for way in WAYS if (cost := costs.get(way)) is not None]
    return min(known)[1] if known else ""


def _crossing(case: Case, low: float, high: float, first: str, which: list[str]) -> tuple[float, str, str]:
    last = first
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        way = _cheapest(_by_way(case, middle, which))
        if way == first:
            low = middle
        else:
            high, last = middle, way
    if last == first:
        last = _cheapest(_by_way(case, high, which))
    return high, WAYS[first], WAYS.get(last, "none")
