"""The check of goals other than cost: power, carbon and traffic, recomputed from the plan."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from solver.domain.workload import HOURS_PER_YEAR, Site
from solver.plan.plan import SystemPurchase
from solver.verify.case import Case
from solver.verify.exact import nearest, show, written
from solver.verify.registry import Broken, check
from solver.verify.standing import unserved_share

YEAR_HOURS = Fraction(HOURS_PER_YEAR)


@check("goal", "power, carbon or unserved share of the plan = the stated one >= its certified bound")
def goal(case: Case) -> Iterator[Broken]:
    """What the plan says of its goal is so, and no bound on it lies above.

    power: sum of typical kW x idle share x PUE x hours / hours of the horizon, and (1 - idle share) x listed
    use; carbon: the same kWh x kg/kWh / 1000; systems that stand elsewhere count with the best site, all
    power. traffic: per cent of all requests that are not served. The plan states the nearest float.
    """
    stated, objective = case.plan.goal, case.workload.objective
    if stated is None:
        return
    if objective == "cost":
        yield Broken("a goal is stated, but the objective is cost")
        return
    value = reached(case)
    if stated.value != nearest(value):
        off = abs(value - Fraction(stated.value))
        yield Broken(f"{stated.value:g} {stated.unit} stated, {show(value)} recomputed", off)
    if stated.certified_bound is not None and stated.certified_bound > nearest(value):
        words = f"the certified bound {stated.certified_bound:g} lies above {show(value)} {stated.unit}"
        yield Broken(words, Fraction(stated.certified_bound) - value)


def reached(case: Case) -> Fraction:
    """What the plan reaches of its goal."""
    return unserved_percent(case) if case.workload.objective == "traffic" else drawn(case)


def drawn(case: Case) -> Fraction:
    """Mean kW at the meter, or tonnes over the horizon."""
    kwh = sum((count * _weight(case, site) for site, count in _kwh(case)), Fraction(0))
    return kwh / (YEAR_HOURS * case.horizon) if case.workload.objective == "power" else kwh / 1000


def _kwh(case: Case) -> Iterator[tuple[Site | None, Fraction]]:
    """(site, kWh at the racks over the horizon); None: elsewhere."""
    for line in case.plan.systems:
        if line.acquisition == "replace":
            continue
        offer, kw = case.offers[line.offer], written(case.systems[line.system].power_typ_kw)
        energy = line.count * kw * _hours(case, line)
        if offer.on_site:
            yield case.sites[line.site], energy * case.idle(line.system)
        else:
            yield None, energy
    for load in case.plan.loads:
        kw = written(case.systems[load.system].power_typ_kw) * (1 - case.idle(load.system))
        yield case.sites[load.site], kw * written(load.systems) * case.periods[load.period].hours


def _hours(case: Case, line: SystemPurchase) -> Fraction:
    if line.acquisition == "rent-hourly":
        return case.periods[line.period or 0].hours
    if line.acquisition == "rent":
        return YEAR_HOURS * case.epochs[line.epoch].years
    spans = (span.years for e, span in enumerate(case.epochs) if case.serves(line, e))
    return YEAR_HOURS * sum(spans, Fraction(0))


def _weight(case: Case, site: Site | None) -> Fraction:
    """PUE, and for carbon its intensity, of a site or of the best one."""
    places = case.workload.sites if site is None else (site,)
    carbon = case.workload.objective == "carbon"
    return min(written(s.pue) * (written(s.carbon_kg_kwh) if carbon else 1) for s in places)


def unserved_percent(case: Case) -> Fraction:
    """Per cent of all requests of the horizon that the plan leaves out."""
    return 100 * unserved_share(case)
