"""Checks about opening sites: their cost, and no systems before their date."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from solver.verify.acquisition import committed, years_until
from solver.verify.case import Case
from solver.verify.exact import show
from solver.verify.money import term
from solver.verify.registry import Broken, check


@check("opening", "sum of the opening cost of each site that gets systems, at the start of its first epoch")
def opening(case: Case) -> Iterator[Broken]:
    """The cost of opening sites, discounted."""
    yield from term(case, "opening")


@check("open_sites", "no system is bought or leased for a site before it can be had")
def open_sites(case: Case) -> Iterator[Broken]:
    """A site holds systems from its date on."""
    for line in committed(case):
        opens = years_until(case, case.sites[line.site].open_from)
        start = case.epochs[line.epoch].start
        if line.count > 0 and case.offers[line.offer].on_site and opens > start:
            message = f"{line.system} at {line.site} in year {show(start)}, open from year {show(opens)}"
            yield Broken(message, Fraction(opens - start))
