"""Every dollar of a plan recomputed from the offers, net present over the horizon."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from solver.domain.workload import HOURS_PER_YEAR
from solver.plan.plan import SystemPurchase
from solver.verify.case import Case
from solver.verify.exact import annuity, worth, written

TERMS = ("purchase", "rental", "energy", "space", "api")


@dataclass(frozen=True)
class Ledger:
    """Net present USD of each line of systems by cost term (in the plan's order), and of the APIs."""

    lines: tuple[dict[str, Fraction], ...]
    api: Fraction

    def term(self, name: str) -> Fraction:
        """Net present USD of a cost term."""
        if name == "api":
            return self.api
        return sum((line.get(name, Fraction(0)) for line in self.lines), Fraction(0))

    @property
    def total(self) -> Fraction:
        """Net present USD of the plan."""
        return sum((self.term(name) for name in TERMS), Fraction(0))


def ledger(case: Case) -> Ledger:
    """The plan's costs, recomputed."""
    return Ledger(tuple(_line(case, line) for line in case.plan.systems), _api(case))


def _line(case: Case, line: SystemPurchase) -> dict[str, Fraction]:
    offer = case.offers[line.offer]
    terms: dict[str, Fraction] = {}
    if offer.kind == "buy":
        terms["purchase"] = line.count * _purchase(case, line)
    else:
        terms["rental"] = line.count * written(offer.price_usd) * _paid_hours(case, line)
    if offer.on_site:
        terms["energy"] = line.count * _energy(case, line)
        terms["space"] = line.count * _space(case, line)
    return terms


def _purchase(case: Case, line: SystemPurchase) -> Fraction:
    """price (v^s - residual v^T [still alive at T] + support x annuity(s, min(T, s + life)))."""
    offer = case.offers[line.offer]
    start, horizon = case.epochs[line.epoch].start, case.horizon
    factor = worth(case.rate, start)
    if case.outlives(offer, start, horizon):
        end = horizon
        factor -= written(offer.residual_share) * worth(case.rate, horizon)
    else:
        end = start + written(offer.life_years)
    factor += written(offer.support_share_per_year) * annuity(case.rate, start, end)
    return written(offer.price_usd) * factor


def _energy(case: Case, line: SystemPurchase) -> Fraction:
    """typical kW x PUE x USD/kWh x 8766 h x discounted years of life."""
    site, facts = case.sites[line.site], case.systems[line.system]
    per_hour = written(facts.power_typ_kw) * written(site.pue) * written(site.energy_usd_kwh)
    return per_hour * Fraction(HOURS_PER_YEAR) * _living_years(case, line)


def _space(case: Case, line: SystemPurchase) -> Fraction:
    """rack units x USD/(U month) x 12 x discounted years of life."""
    site, facts = case.sites[line.site], case.systems[line.system]
    per_month = written(facts.rack_units) * written(site.space_usd_per_rack_unit_month)
    return per_month * 12 * _living_years(case, line)


def _living_years(case: Case, line: SystemPurchase) -> Fraction:
    offer = case.offers[line.offer]
    epochs = range(line.epoch, len(case.epochs))
    return sum((case.epochs[e].running for e in epochs if case.alive(offer, line.epoch, e)), Fraction(0))


def _paid_hours(case: Case, line: SystemPurchase) -> Fraction:
    """Discounted hours paid: all of the term (lease, reserve), of the epoch, or of the period."""
    if line.acquisition == "buy":
        start = case.epochs[line.epoch].start
        end = start + written(case.offers[line.offer].life_years)
        return Fraction(HOURS_PER_YEAR) * annuity(case.rate, start, end)
    if line.period is not None:
        return case.discounted_hours(line.period)
    return Fraction(HOURS_PER_YEAR) * case.epochs[line.epoch].running


def _api(case: Case) -> Fraction:
    """sum of USD per request x requests/s x 3600 x discounted hours."""
    total = Fraction(0)
    for target, stream in case.streams.items():
        if target.mode != "api":
            continue
        api = case.apis[target.id]
        k = case.order[api.service]
        usd = [Fraction(u) * w for u, w in zip(api.usd_per_request, case.weights[k], strict=True)]
        for t, buckets in stream.items():
            seconds = 3600 * case.discounted_hours(t)
            per_request = sum((usd[b] * share for b, share in buckets.items()), Fraction(0))
            total += per_request * case.periods[t].rates[k] * seconds
    return total
