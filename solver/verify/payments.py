"""Every dollar of a plan and when it is paid, in rationals, from the offers and the workload.

A payment is made at once (start = end) or evenly over [start, end] years, month by month. Kinds: capital
(prices of systems), running, resale (negative), off (a price written off: no payment, but it saves taxes).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from solver.domain.workload import HOURS_PER_YEAR, Site
from solver.plan.plan import SystemPurchase
from solver.verify.case import Case
from solver.verify.exact import annuity, moment, worth, written
from solver.verify.facts import OfferFacts
from solver.verify.hours import years_between
from solver.verify.standing import left_systems, open_sites

RACK_UNITS = 42
YEAR_HOURS = Fraction(HOURS_PER_YEAR)


class Payment(NamedTuple):
    """Dollars as paid; ``line`` is the position of the line of systems they belong to, if any."""

    term: str
    start: Fraction
    end: Fraction
    usd: Fraction
    kind: str = "running"
    line: int | None = None


def present(case: Case, payment: Payment) -> Fraction:
    """Value at the start of the horizon."""
    if payment.end == payment.start:
        return payment.usd * worth(case.rate, payment.start)
    years = payment.end - payment.start
    return payment.usd / years * annuity(case.rate, payment.start, payment.end)


def payments(case: Case) -> Iterator[Payment]:
    """All payments of the plan, and write-offs where profits are taxed."""
    for n, line in enumerate(case.plan.systems):
        offer = case.offers[line.offer]
        if line.acquisition == "replace":
            yield from _replaced(case, line, offer, n)
            continue
        if offer.kind == "buy":
            yield from _bought(case, line, offer, n)
        else:
            yield _rented(case, line, offer, n)
        if offer.on_site:
            yield from _standing(case, line, n)
    yield from _opened(case)
    yield from _used(case)
    yield from _people(case)
    yield from _moves(case)
    yield from _api(case)


def _opened(case: Case) -> Iterator[Payment]:
    """The cost of opening a site, at the start of the first epoch for which it gets systems."""
    first: dict[str, int] = {}
    for line in case.plan.systems:
        if line.acquisition == "buy" and line.count > 0 and case.offers[line.offer].on_site:
            first[line.site] = min(line.epoch, first.get(line.site, line.epoch))
    for name, epoch in first.items():
        start = case.epochs[epoch].start
        yield Payment("opening", start, start, written(case.sites[name].opening_usd))


def _bought(case: Case, line: SystemPurchase, offer: OfferFacts, n: int) -> Iterator[Payment]:
    """Price at order or delivery; support until sold, dead or the end; resale value; write-offs."""
    price, begin = line.count * written(offer.price_usd), case.epochs[line.epoch].start
    order = begin - moment(offer.lead_years) if offer.paid == "order" else begin
    gone = case.horizon if case.outlives(offer, begin, case.horizon) else begin + moment(offer.life_years)
    worth_something = case.outlives(offer, begin, case.horizon)
    if line.sold_epoch is not None:
        gone, worth_something = case.epochs[line.sold_epoch].start, True
    yield Payment("purchase", order, order, price, "capital", n)
    if worth_something:
        yield Payment("purchase", gone, gone, -price * value_at(offer, gone - begin), "resale", n)
    support = price * written(offer.support_share_per_year) * (gone - begin)
    yield Payment("purchase", begin, gone, support, "running", n)
    for years, share in written_off(case, gone - begin) if case.workload.money.tax_rate else ():
        yield Payment("off", begin + years, begin + years, price * share, "off", n)


def _replaced(case: Case, line: SystemPurchase, offer: OfferFacts, n: int) -> Iterator[Payment]:
    """Price of systems in place of worn ones at the start of the epoch, written off at once."""
    price, begin = line.count * written(offer.price_usd), case.epochs[line.epoch].start
    yield Payment("replacement", begin, begin, price, "capital", n)
    yield Payment("off", begin, begin, price, "off", n)


def value_at(offer: OfferFacts, years: Fraction) -> Fraction:
    """Share of its price that a system of this age brings; between full years on a straight line."""
    if not offer.resale_by_age:
        return written(offer.residual_share)
    shares = [Fraction(1), *map(written, offer.resale_by_age), Fraction(0), Fraction(0)]
    year = min(int(years), len(shares) - 2)
    part = min(max(years - year, Fraction(0)), Fraction(1))
    return shares[year] * (1 - part) + shares[year + 1] * part


def written_off(case: Case, years: Fraction) -> Iterator[tuple[Fraction, Fraction]]:
    """(years of service, share of the price) of a system that is gone after ``years``, the rest then."""
    money = case.workload.money
    left, count = Fraction(1), money.depreciation_years
    for year in range(1, count + 1):
        if year > years:
            break
        share = Fraction(1, count)
        if money.depreciation == "declining":
            share = min(left, max(left * 2 / count, left / (count - year + 1)))
        left -= share
        yield Fraction(year), share
    yield years, left


def _rented(case: Case, line: SystemPurchase, offer: OfferFacts, n: int) -> Payment:
    """The hours of the term (lease, reserve), of the epoch, or of the period."""
    span, price = case.epochs[line.epoch], line.count * written(offer.price_usd)
    if line.acquisition == "buy":
        term = moment(offer.life_years)
        usd = price * YEAR_HOURS * term
        return Payment("rental", span.start, span.start + term, usd, "running", n)
    hours = YEAR_HOURS * span.years if line.period is None else case.periods[line.period].hours
    return Payment("rental", span.start, span.end, price * hours, "running", n)


def _standing(case: Case, line: SystemPurchase, n: int) -> Iterator[Payment]:
    """Energy, space and people of systems at the user's site, in the epochs they serve."""
    site, facts, staff = case.sites[line.site], case.systems[line.system], case.workload.money.staff
    kw = written(facts.power_typ_kw) * written(site.pue)
    units = written(facts.rack_units)
    yearly = {
        "energy": kw * case.idle(line.system) * _mean_price(site) * YEAR_HOURS,
        "space": units * written(site.space_usd_per_rack_unit_month) * 12,
    }
    if staff is not None:
        people = written(staff.per_system) + written(staff.per_rack) * units / RACK_UNITS
        yearly["staff"] = people * written(staff.usd_per_year)
    for e, span in enumerate(case.epochs):
        if case.serves(line, e):
            for term, usd in yearly.items():
                paid = Payment(term, span.start, span.end, line.count * usd * span.years, "running", n)
                yield from _in_force(case, site, paid) if term == "energy" else (paid,)


def _mean_price(site: Site) -> Fraction:
    """USD/kWh of energy drawn evenly in all hours."""
    prices = site.tariff_usd_kwh or (site.energy_usd_kwh,)
    return sum(map(written, prices), Fraction(0)) / len(prices)


def _used(case: Case) -> Iterator[Payment]:
    """Energy of the listed use of systems, beyond what they draw when idle."""
    for load in case.plan.loads:
        site, period = case.sites[load.site], case.periods[load.period]
        kw = written(case.systems[load.system].power_typ_kw) * written(site.pue)
        kw *= 1 - case.idle(load.system)
        usd = written(load.systems) * kw * case.tariff(site, load.period) * period.hours
        span = case.epochs[period.epoch]
        yield from _in_force(case, site, Payment("energy", span.start, span.end, usd))


def _in_force(case: Case, site: Site, payment: Payment) -> Iterator[Payment]:
    """A payment for energy at the first prices, cut where they change: (1 + growth) at each full year, and
    the factor of the latest step."""
    first = case.workload.horizon.start
    steps = {years_between(first, month): written(value) for month, value in site.energy_steps.items()}
    cuts = {when for when in steps if payment.start < when < payment.end}
    if site.energy_growth_per_year:
        years = range(int(payment.start), int(payment.end) + 2)
        cuts |= {Fraction(y) for y in years if payment.start < y < payment.end}
    ends = [payment.start, *sorted(cuts), payment.end]
    for begin, end in pairwise(ends):
        factor = (1 + written(site.energy_growth_per_year)) ** int(begin)
        passed = [when for when in steps if when <= begin]
        factor *= steps[max(passed)] if passed else 1
        usd = payment.usd * (end - begin) / (payment.end - payment.start) * factor
        yield payment._replace(start=begin, end=end, usd=usd)


def _people(case: Case) -> Iterator[Payment]:
    staff = case.workload.money.staff
    if staff is None or not staff.per_site:
        return
    for _, e in sorted(open_sites(case)):
        span = case.epochs[e]
        usd = written(staff.usd_per_year) * written(staff.per_site) * span.years
        yield Payment("staff", span.start, span.end, usd)


def _moves(case: Case) -> Iterator[Payment]:
    price = written(case.workload.money.migration_usd_per_system)
    if price:
        for (_model, _system, _site, e), amount in left_systems(case).items():
            start = case.epochs[e].start
            yield Payment("migration", start, start, amount * price)


def _api(case: Case) -> Iterator[Payment]:
    """USD per request x requests of each period."""
    totals: dict[int, Fraction] = {}
    for target, stream in case.mean_flows.items():
        if target.mode != "api":
            continue
        api = case.apis[target.id]
        k = case.order[api.service]
        usd = [Fraction(u) * w for u, w in zip(api.usd_per_request, case.weights[k], strict=True)]
        for t, buckets in stream.items():
            period = case.periods[t]
            per_request = sum((usd[b] * share for b, share in buckets.items()), Fraction(0))
            paid = per_request * period.means[k] * 3600 * period.hours
            totals[period.epoch] = totals.get(period.epoch, Fraction(0)) + paid
    for e, paid in totals.items():
        yield Payment("api", case.epochs[e].start, case.epochs[e].end, paid)
