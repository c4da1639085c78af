"""Cash flow of a plan, month by month; its present value is the plan's objective to the cent.

Purchases are paid at the start of their epoch; everything that runs (energy, space, support, rent,
tokens) at the end of each month; the residual value comes back at the end of the horizon. Leases and
reservations are paid for their whole term, also past the horizon.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from solver.domain.workload import HOURS_PER_YEAR, Workload
from solver.time_value import MONTHS, present_value_factor

if TYPE_CHECKING:
    import pandas as pd

    from solver.plan.plan import Plan, SystemPurchase


@dataclass(frozen=True)
class Flow:
    """One payment: ``years`` from the start, dollars then, and what they are worth at the start.

    ``year`` is the year of the horizon (1, 2, ...) it belongs to: a purchase at 1.0 years is the first of
    year 2, a rent paid at 1.0 years the last of year 1.
    """

    years: float
    term: str
    item: str
    usd: float
    present_usd: float
    year: int


def cash_flow(plan: Plan) -> tuple[Flow, ...]:
    """All payments of a plan in order of time."""
    workload = Workload.model_validate(plan.inputs["workload"])
    rate = workload.money.discount_rate
    flows: list[Flow] = []

    def pay(years: float, term: str, item: str, usd: float, begins: bool = False) -> None:
        if usd:
            year = math.floor(years + 1e-9) + 1 if begins else max(1, math.ceil(years - 1e-9))
            flows.append(Flow(years, term, item, usd, usd * present_value_factor(rate, years), year))

    def run(begin: float, end: float, term: str, item: str, usd_per_year: float) -> None:
        for start, stop in months(begin, end):
            pay(stop, term, item, usd_per_year * (stop - start))

    for line in plan.systems:
        begin, end = plan.epochs[line.epoch]
        per_hour = line.count * line.unit_price_usd
        if line.acquisition != "buy":
            run(begin, end, "rental", line.system, per_hour * line.hours / (end - begin))
            continue
        offer = plan.inputs["offers"][line.offer]
        if offer["kind"] == "buy":
            _bought(plan, line, pay, run)
        else:
            term_end = begin + offer["life_years"]
            run(begin, term_end, "rental", line.system, per_hour * HOURS_PER_YEAR)
        if offer["kind"] in ("buy", "lease"):
            _running(plan, workload, line, run)
    for epoch, (begin, end) in enumerate(plan.epochs):
        for item, usd in _tokens(plan, workload, epoch).items():
            run(begin, end, "api", item, usd / (end - begin))
    return tuple(sorted(flows, key=lambda f: (f.years, f.term, f.item)))


def _bought(plan: Plan, line: SystemPurchase, pay: Callable[..., None], run: Callable[..., None]) -> None:
    """Price, residual value and support of bought systems."""
    offer = plan.inputs["offers"][line.offer]
    begin, horizon = plan.epochs[line.epoch][0], plan.epochs[-1][1]
    price = line.count * line.unit_price_usd
    dies = begin + offer["life_years"]
    pay(begin, "purchase", line.system, price, begins=True)
    if dies >= horizon - 1e-9:
        pay(horizon, "purchase", f"{line.system} residual", -price * offer["residual_share"])
    support = price * offer["support_share_per_year"]
    run(begin, min(horizon, dies), "purchase", f"{line.system} support", support)


def _running(plan: Plan, workload: Workload, line: SystemPurchase, run: Callable[..., None]) -> None:
    """Energy and space of systems at the user's site, in the epochs they live through."""
    offer, facts = plan.inputs["offers"][line.offer], plan.inputs["systems"][line.system]
    site = next(s for s in workload.sites if s.name == line.site)
    energy = facts["power_typ_kw"] * site.pue * site.energy_usd_kwh * HOURS_PER_YEAR
    space = facts["rack_units"] * site.space_usd_per_rack_unit_month * 12
    dies = plan.epochs[line.epoch][0] + offer["life_years"]
    for start, end in plan.epochs[line.epoch :]:
        if dies >= end - 1e-9:
            run(start, end, "energy", line.system, line.count * energy)
            run(start, end, "space", line.system, line.count * space)


def _tokens(plan: Plan, workload: Workload, epoch: int) -> dict[str, float]:
    """Dollars paid to each API in an epoch, undiscounted."""
    services = {s.name: (k, s) for k, s in enumerate(workload.services)}
    usd: dict[str, float] = {}
    for route in plan.routes:
        period = plan.periods[route.period]
        if route.mode != "api" or period["epoch"] != epoch:
            continue
        k, service = services[route.service]
        requests = period["rate_rps"][k] * service.lengths[route.bucket].share * 3600 * period["hours"]
        api = plan.inputs["apis"][route.target]
        price = api["usd_per_request"][route.bucket]
        usd[api["provider"]] = usd.get(api["provider"], 0.0) + float(Fraction(route.share)) * requests * price
    return usd


def months(begin: float, end: float) -> list[tuple[float, float]]:
    """Months (the last may be short) from ``begin`` to ``end``, in years."""
    found, start = [], begin
    while start < end - 1e-12:
        stop = min(start + 1.0 / MONTHS, end)
        found.append((start, stop))
        start = stop
    return found


def yearly(plan: Plan) -> list[dict[str, Any]]:
    """Cash flow by cost term and year of the horizon: dollars as paid, and their present value."""
    sums: dict[tuple[str, int], list[float]] = {}
    for flow in cash_flow(plan):
        paid = sums.setdefault((flow.term, flow.year), [0.0, 0.0])
        paid[0] += flow.usd
        paid[1] += flow.present_usd
    return [
        {"term": term, "year": year, "usd": usd, "present_usd": present}
        for (term, year), (usd, present) in sorted(sums.items())
    ]


def statement(plan: Plan) -> pd.DataFrame:
    """Yearly statement: rows terms, columns years, dollars as paid; the last column is the present value."""
    import pandas as pd

    frame = pd.DataFrame(yearly(plan), columns=["term", "year", "usd", "present_usd"])
    table = frame.pivot_table(index="term", columns="year", values="usd", aggfunc="sum", fill_value=0.0)
    table.columns = [f"year {y}" for y in table.columns]
    table["present value"] = frame.groupby("term")["present_usd"].sum()
    table.loc["total"] = table.sum()
    return table
