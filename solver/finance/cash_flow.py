"""Cash flow of a plan, month by month; its present value is the plan's objective to the cent.

Purchases are paid at the start of their epoch; everything that runs (energy, space, support, rent,
tokens) at the end of each month; the residual value comes back at the end of the horizon.
"""

from __future__ import annotations

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
    """One payment: ``years`` from the start, dollars then, and what they are worth at the start."""

    years: float
    term: str
    item: str
    usd: float
    present_usd: float


def cash_flow(plan: Plan) -> tuple[Flow, ...]:
    """All payments of a plan in order of time."""
    workload = Workload.model_validate(plan.inputs["workload"])
    rate = workload.money.discount_rate
    flows: list[Flow] = []

    def pay(years: float, term: str, item: str, usd: float) -> None:
        if usd:
            flows.append(Flow(years, term, item, usd, usd * present_value_factor(rate, years)))

    def run(begin: float, end: float, term: str, item: str, usd_per_year: float) -> None:
        for start, stop in months(begin, end):
            pay(stop, term, item, usd_per_year * (stop - start))

    for line in plan.systems:
        if line.acquisition == "buy":
            _bought(plan, workload, line, pay, run)
        else:
            begin, end = plan.epochs[line.epoch]
            run(
                begin,
                end,
                "rental",
                line.system,
                line.count * line.unit_price_usd * line.hours / (end - begin),
            )
    for epoch, (begin, end) in enumerate(plan.epochs):
        for item, usd in _tokens(plan, workload, epoch).items():
            run(begin, end, "api", item, usd / (end - begin))
    return tuple(sorted(flows, key=lambda f: (f.years, f.term, f.item)))


def _bought(plan: Plan, workload: Workload, line: SystemPurchase, pay: Any, run: Any) -> None:
    offer, facts = plan.inputs["offers"][line.offer], plan.inputs["systems"][line.system]
    site = next(s for s in workload.sites if s.name == line.site)
    begin, horizon = plan.epochs[line.epoch][0], plan.epochs[-1][1]
    price = line.count * line.unit_price_usd
    dies = begin + offer["life_years"]
    pay(begin, "purchase", line.system, price)
    if dies >= horizon:
        pay(horizon, "purchase", f"{line.system} residual", -price * offer["residual_share"])
    run(
        begin,
        min(horizon, dies),
        "purchase",
        f"{line.system} support",
        price * offer["support_share_per_year"],
    )
    energy = facts["power_typ_kw"] * site.pue * site.energy_usd_kwh * HOURS_PER_YEAR
    space = facts["rack_units"] * site.space_usd_per_rack_unit_month * 12
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


def statement(plan: Plan) -> pd.DataFrame:
    """Yearly statement: rows terms, columns years, dollars as paid; the last column is the present value."""
    import pandas as pd

    flows = cash_flow(plan)
    frame = pd.DataFrame(
        [
            {
                "term": f.term,
                "year": min(int(f.years + 1 - 1e-9) or 1, 10**6),
                "usd": f.usd,
                "present": f.present_usd,
            }
            for f in flows
        ],
        columns=["term", "year", "usd", "present"],
    )
    table = frame.pivot_table(index="term", columns="year", values="usd", aggfunc="sum", fill_value=0.0)
    table.columns = [f"year {y}" for y in table.columns]
    table["present value"] = frame.groupby("term")["present"].sum()
    table.loc["total"] = table.sum()
    return table
