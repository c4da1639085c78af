"""What a plan pays and when, as stated by its lines: the entries that the cash flow lists month by month."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from solver.domain.workload import HOURS_PER_YEAR, Site, Workload
from solver.time_value import depreciation_shares

if TYPE_CHECKING:
    from solver.plan.plan import Plan, SystemPurchase

RACK_UNITS = 42


@dataclass(frozen=True)
class Payment:
    """Dollars paid at once (start = end, in years) or evenly over [start, end].

    Kinds: capital, running, resale (negative), off (a price written off: only taxes see it). ``begins``: what
    is paid at once belongs to the time that begins with it, not to the one that ends.
    """

    term: str
    item: str
    start: float
    end: float
    usd: float
    kind: str = "running"
    begins: bool = False


def payments(plan: Plan) -> Iterator[Payment]:
    """All payments of a plan, before taxes."""
    workload = Workload.model_validate(plan.inputs["workload"])
    for line in plan.systems:
        offer, (begin, end) = plan.inputs["offers"][line.offer], plan.epochs[line.epoch]
        if line.acquisition == "replace":  # in place of worn systems, and written off with them
            usd = line.count * line.unit_price_usd
            yield Payment("replacement", line.system, begin, begin, usd, "capital", True)
            yield Payment("off", line.system, begin, begin, usd, "off", True)
            continue
        if offer["kind"] == "buy":
            yield from _bought(plan, line, offer, workload)
        else:
            usd = line.count * line.unit_price_usd * line.hours
            if line.acquisition == "buy":
                end = begin + offer["life_years"]
                usd = line.count * line.unit_price_usd * HOURS_PER_YEAR * (end - begin)
            yield Payment("rental", line.system, begin, end, usd)
        if offer["kind"] in ("buy", "lease"):
            yield from _standing(plan, line, workload)
    yield from _opened(plan, workload)
    yield from _used(plan, workload)
    yield from _people_and_moves(plan, workload)
    for epoch, (begin, end) in enumerate(plan.epochs):
        for item, usd in _tokens(plan, workload, epoch).items():
            yield Payment("api", item, begin, end, usd)


def _opened(plan: Plan, workload: Workload) -> Iterator[Payment]:
    """The cost of opening a site, when it gets its first systems."""
    for site in workload.sites:
        lines = (x for x in plan.systems if (x.acquisition, x.site) == ("buy", site.name) and x.count > 0)
        bought = [x.epoch for x in lines if plan.inputs["offers"][x.offer]["kind"] in ("buy", "lease")]
        if bought and site.opening_usd:
            start = plan.epochs[min(bought)][0]
            yield Payment("opening", site.name, start, start, site.opening_usd, begins=True)


def served_epochs(plan: Plan, line: SystemPurchase) -> list[int]:
    """Epochs that a bought or leased system serves through: until it dies or is sold."""
    dies = plan.epochs[line.epoch][0] + plan.inputs["offers"][line.offer]["life_years"]
    last = len(plan.epochs) if line.sold_epoch is None else line.sold_epoch
    return [e for e in range(line.epoch, last) if dies >= plan.epochs[e][1] - 1e-9]


def _bought(plan: Plan, line: SystemPurchase, offer: dict[str, Any], workload: Workload) -> Iterator[Payment]:
    """Price, support, what the systems bring when they are sold or at the end; write-offs."""
    begin, horizon = plan.epochs[line.epoch][0], plan.epochs[-1][1]
    price, dies = line.count * line.unit_price_usd, begin + offer["life_years"]
    ordered = begin - offer.get("lead_years", 0.0) if offer.get("paid") == "order" else begin
    gone, sold = min(horizon, dies), line.sold_epoch is not None
    if line.sold_epoch is not None:
        gone = plan.epochs[line.sold_epoch][0]
    yield Payment("purchase", line.system, ordered, ordered, price, "capital", True)
    if sold or dies >= horizon - 1e-9:
        value = -price * resale_share(offer, gone - begin)
        yield Payment("purchase", f"{line.system} resale", gone, gone, value, "resale", sold)
    support = price * offer["support_share_per_year"] * (gone - begin)
    yield Payment("purchase", f"{line.system} support", begin, gone, support)
    left, money = 1.0, workload.money
    for year, share in enumerate(depreciation_shares(money.depreciation, money.depreciation_years), start=1):
        if begin + year > gone + 1e-9:
            break
        left -= float(share)
        yield Payment("off", line.system, begin + year, begin + year, price * float(share), "off")
    yield Payment("off", line.system, gone, gone, price * left, "off", sold)


def resale_share(offer: dict[str, Any], years: float) -> float:
    """Share of its price that a system of this age brings; between full years on a straight line."""
    curve = offer.get("resale_by_age") or ()
    if not curve:
        return float(offer["residual_share"])
    shares = (1.0, *(float(share) for share in curve), 0.0, 0.0)
    year = min(int(years + 1e-9), len(shares) - 2)
    part = min(max(years - year, 0.0), 1.0)
    return shares[year] * (1 - part) + shares[year + 1] * part


def _standing(plan: Plan, line: SystemPurchase, workload: Workload) -> Iterator[Payment]:
    """Energy and space of systems at the user's site."""
    facts = plan.inputs["systems"][line.system]
    site = next(s for s in workload.sites if s.name == line.site)
    yearly = {
        "energy": facts["power_typ_kw"]
        * site.pue
        * site.mean_energy_usd_kwh
        * workload.hardware.idle_share(line.system)
        * HOURS_PER_YEAR,
        "space": facts["rack_units"] * site.space_usd_per_rack_unit_month * 12,
    }
    for e in served_epochs(plan, line):
        start, end = plan.epochs[e]
        for term, usd in yearly.items():
            paid = Payment(term, line.system, start, end, line.count * usd * (end - start))
            yield from _in_parts(paid, site, workload) if term == "energy" else (paid,)


def _used(plan: Plan, workload: Workload) -> Iterator[Payment]:
    """Energy of the use of systems, at the tariff of each period (sites in order of their names)."""
    sites = {site.name: (n, site) for n, site in enumerate(sorted(workload.sites, key=lambda s: s.name))}
    for load in plan.loads:
        period, (n, site) = plan.periods[load.period], sites[load.site]
        beyond = 1 - workload.hardware.idle_share(load.system)
        kw = plan.inputs["systems"][load.system]["power_typ_kw"] * site.pue * beyond
        usd = load.systems * kw * period["energy_usd_kwh"][n] * period["hours"]
        start, end = plan.epochs[period["epoch"]]
        yield from _in_parts(Payment("energy", load.system, start, end, usd), site, workload)


def _in_parts(payment: Payment, site: Site, workload: Workload) -> Iterator[Payment]:
    """A payment at the first prices of energy, at the prices in force."""
    for start, end, factor in site.energy_parts(payment.start, payment.end, workload.horizon.start):
        yield replace(payment, start=start, end=end, usd=payment.usd * factor)


def _people_and_moves(plan: Plan, workload: Workload) -> Iterator[Payment]:
    if (staff := workload.money.staff) is not None:
        for entry in plan.people:
            start, end = plan.epochs[entry.epoch]
            yield Payment("staff", entry.site, start, end, entry.people * staff.usd_per_year * (end - start))
    for move in plan.moves:
        start = plan.epochs[move.epoch][0]
        usd = float(Fraction(move.systems)) * workload.money.migration_usd_per_system
        yield Payment("migration", f"{move.model} from {move.system}", start, start, usd, begins=True)


def _tokens(plan: Plan, workload: Workload, epoch: int) -> dict[str, float]:
    """Dollars paid to each API in an epoch, undiscounted."""
    from solver.plan.periods import mean_rps, region_weight

    services = {s.name: (k, s) for k, s in enumerate(workload.services)}
    usd: dict[str, float] = {}
    for route in plan.routes:
        period = plan.periods[route.period]
        if route.mode != "api" or period["epoch"] != epoch:
            continue
        k, service = services[route.service]
        bucket = service.lengths[route.bucket]
        weight = region_weight(period, k, bucket.region, service.demand.regions, mean=True)
        requests = mean_rps(period)[k] * bucket.share * weight * 3600 * period["hours"]
        api = plan.inputs["apis"][route.target]
        price = api["usd_per_request"][route.bucket]
        usd[api["provider"]] = usd.get(api["provider"], 0.0) + float(Fraction(route.share)) * requests * price
    return usd
