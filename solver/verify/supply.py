"""The check of what can be had: of an offer, of a supplier, of a system, of what is owned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil, floor

from solver.plan.plan import SystemPurchase
from solver.verify.acquisition import acquired, years_until
from solver.verify.case import Case
from solver.verify.exact import moment, show, written
from solver.verify.registry import Broken, check

Years = dict[int, int]  # year of the horizon (0, 1, ...) -> systems got in epochs that start in it


@check("supply", "got per year <= ceil(s), up to each year <= floor(s x years), per offer and per supplier; "
       "bought per system; owned")  # fmt: skip
def supply(case: Case) -> Iterator[Broken]:
    """No more is got than can be had.

    Per offer, and per supplier over all its offers, s systems a year: in each year of the horizon at most
    ceil(s) (tiers of an offer count as one), up to each year at most floor(s x years passed). Per system
    over the horizon: the workload's supply for what is bought, its number of owned ones for those.
    """
    offers: dict[str, Years] = defaultdict(lambda: defaultdict(int))
    suppliers: dict[str, Years] = defaultdict(lambda: defaultdict(int))
    bought: dict[str, int] = defaultdict(int)
    owned: dict[str, int] = defaultdict(int)
    for line in acquired(case):
        offer, year = case.offers[line.offer], floor(case.epochs[line.epoch].start)
        offers[offer.tier_of or line.offer][year] += line.count
        if offer.supply_total is not None:
            owned[line.system] += line.count
            yield from _left(case, line)
            continue
        suppliers[offer.supplier][year] += line.count
        if offer.kind == "buy":
            bought[line.system] += line.count
    for name, years in offers.items():
        yield from _yearly(name, years, case.offers[name].supply_per_year)
    for name, per_year in case.workload.hardware.supplier_supply.items():
        yield from _yearly(name, suppliers[name], per_year)
    for system, limit in case.workload.hardware.supply.items():
        if (count := bought[system]) > limit:
            yield Broken(f"{count} {system} bought, {limit} to be had", Fraction(count - limit))
    for system, count in owned.items():
        if count > (limit := case.workload.hardware.owned.get(system, 0)):
            yield Broken(f"{count} {system} of the owned ones, {limit} are owned", Fraction(count - limit))


def _left(case: Case, line: SystemPurchase) -> Iterator[Broken]:
    """Owned systems that leave before the end are there from the start, and no longer than until then."""
    month = case.workload.hardware.owned_until.get(line.system)
    if month is None:
        return
    until, life = years_until(case, month), moment(case.offers[line.offer].life_years)
    if until < case.epochs[-1].end and (line.epoch > 0 or life > until):
        words = f"owned {line.system} serve from {show(case.epochs[line.epoch].start)} years on"
        yield Broken(
            f"{words}, for {show(life)}; they leave after {show(until)}", max(life - until, Fraction(1))
        )


def _yearly(name: str, years: Mapping[int, int], per_year: float | None) -> Iterator[Broken]:
    if per_year is None:
        return
    rate, so_far = written(per_year), 0
    for year, count in sorted(years.items()):
        so_far += count
        for got, limit, when in (
            (count, Fraction(ceil(rate)), f"in year {year + 1}"),
            (so_far, Fraction(floor(rate * (year + 1))), f"by the end of year {year + 1}"),
        ):
            if got > limit:
                yield Broken(f"{name}: {got} got {when}, {show(limit)} to be had", got - limit)
