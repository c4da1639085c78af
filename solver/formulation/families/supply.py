"""The family about how many systems can be had: of an offer, of a supplier, of a system, of what is owned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from solver.domain.quantity import as_written
from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family
from solver.formulation.system_offer import SystemOffer


@family("supply", "sum_{i, e in year y} buy[o,i,e] <= ceil(s_o); sum over years 0..y <= floor(s_o (y + 1))")
def supply(problem: Problem, program: Program) -> None:
    """No more systems than can be had.

    Per offer, and per supplier over all its offers, s systems a year, y = 0, 1, ... the years of the horizon:
        sum_{o, i, e starts in year y} buy[o,i,e] <= ceil(s)
        sum_{o, i, e starts in years 0..y} buy[o,i,e] <= floor(s (y + 1))      (where s is not whole)
    Per system over the horizon: sum_{o of s, i, e} buy[o,i,e] <= supply_s; owned: as many as there are.
    What was not bought in a year is not waiting at the factory in the next; half a system a year is one
    every other year. Prices for larger lots (tiers) share their offer's supply. Bought, leased and reserved
    systems count; rented and owned ones do not.
    """
    policy, offers = problem.workload.hardware, list(enumerate(problem.offers))
    for o, offer in offers:
        if offer.supply_total is not None:
            words = f"{offer.supply_total} {offer.system} are owned"
            row = Limit(offer.id, (o,), f"hardware.owned.{offer.system}", words)
            _in_all(problem, program, row, offer.supply_total)
        elif offer.supply_per_year is not None and offer.committed and not offer.tier_of:
            words = f"{offer.supplier or offer.id} delivers at most {{}} {offer.system}"
            tiers = (o, *(n for n, other in offers if other.tier_of == offer.id))
            row = Limit(offer.id, tiers, _stated_at(problem, offer), words)
            _yearly(problem, program, row, offer.supply_per_year)
    for supplier, per_year in policy.supplier_supply.items():
        mine = tuple(o for o, x in offers if x.supplier == supplier and x.supply_total is None)
        words = f"{supplier} delivers at most {{}} systems"
        _yearly(
            problem, program, Limit(supplier, mine, f"hardware.supplier_supply.{supplier}", words), per_year
        )
    for system, limit in policy.supply.items():
        mine = tuple(
            o for o, x in offers if x.system == system and x.kind == "buy" and x.supply_total is None
        )
        row = Limit(system, mine, f"hardware.supply.{system}", f"at most {limit} {system} can be bought")
        _in_all(problem, program, row, limit)


@dataclass(frozen=True)
class Limit:
    """What a limit is called, which offers share it, who states it, and its words."""

    name: str
    offers: tuple[int, ...]
    statement: str
    words: str


def _in_all(problem: Problem, program: Program, limit: Limit, most: int) -> None:
    """A limit over the whole horizon."""
    program.row(
        f"supply[{limit.name}]",
        "supply",
        _bought(problem, program, limit, range(len(problem.epochs))),
        "<=",
        float(most),
        unit="systems",
        statement=limit.statement,
        sentence=limit.words,
    )


def _yearly(problem: Problem, program: Program, limit: Limit, per_year: float) -> None:
    """A limit per year of the horizon, with the sum over years where it is not a whole number."""
    for first, last, most in yearly_limits(problem, per_year):
        when = f"in year {last + 1}" if first == last else f"in years {first + 1} to {last + 1}"
        epochs = [e for e in range(len(problem.epochs)) if first <= start_year(problem, e) <= last]
        program.row(
            f"supply[{limit.name},{first},{last}]",
            "supply",
            _bought(problem, program, limit, epochs),
            "<=",
            float(most),
            unit="systems",
            statement=limit.statement,
            sentence=f"{limit.words.format(most)} {when}",
        )


def yearly_limits(problem: Problem, per_year: float) -> Iterator[tuple[int, int, int]]:
    """(first year, last year, most systems) of each limit of a yearly supply."""
    rate = as_written(per_year)
    for year in sorted({start_year(problem, e) for e in range(len(problem.epochs))}):
        yield year, year, min(math.ceil(rate), math.floor(rate * (year + 1)))
        if rate.denominator > 1 and year > 0:
            yield 0, year, math.floor(rate * Fraction(year + 1))


def start_year(problem: Problem, epoch: int) -> int:
    """Year of the horizon (0, 1, ...) in which an epoch starts."""
    return math.floor(problem.epochs[epoch].start_years + 1e-9)


def _bought(problem: Problem, program: Program, limit: Limit, epochs: Iterable[int]) -> dict[int, float]:
    return {
        column: 1.0
        for prefix in ("buy", "renew")
        for o in limit.offers
        if problem.offers[o].committed
        for i in range(len(problem.sites))
        for e in epochs
        if (column := program.find(prefix, o, i, e)) is not None
    }


def _stated_at(problem: Problem, offer: SystemOffer) -> str:
    """The statement behind an offer's yearly supply: of the workload ("": the catalog)."""
    for index, own in enumerate(problem.workload.offers):
        if own.id == offer.id:
            return f"offers.{index}.supply_per_year"
    changed = problem.workload.hardware.overrides.get(offer.system, {})
    return f"hardware.overrides.{offer.system}.supply_per_year" if "supply_per_year" in changed else ""
