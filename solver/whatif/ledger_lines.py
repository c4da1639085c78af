"""What a plan pays for, line by line, and the values behind it that may be changed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from solver.domain.workload import Workload
from solver.plan.plan import Plan


@dataclass(frozen=True)
class Given:
    """A value that may be changed: where it is used, in which unit, where it comes from."""

    key: tuple[str, str]
    name: str
    value: float
    unit: str
    source: str = ""


@dataclass(frozen=True)
class Line:
    """A line of the fleet, paid for between ``begin`` and ``end``; ``power_end`` ends energy and space."""

    kind: str  # buy | run | api
    name: str
    site: str
    way: str
    count: float
    offer: str
    begin: float
    end: float
    support_end: float
    power_end: float
    residual: bool
    power_kw: float = 0.0
    rack_units: float = 0.0
    amount_per_year: float = 0.0  # system hours or requests a year


def fleet_lines(plan: Plan, workload: Workload, horizon: float) -> list[Line]:
    found = []
    for s in plan.systems:
        begin, end = plan.epochs[s.epoch]
        if s.acquisition != "buy":
            found.append(
                Line(
                    *("run", s.name, s.site, s.acquisition, s.count, s.offer, begin, end, 0, 0, False),
                    amount_per_year=s.hours / (end - begin),
                )
            )
            continue
        facts, dies = plan.inputs["systems"][s.system], begin + plan.inputs["offers"][s.offer]["life_years"]
        alive = [stop for _, stop in plan.epochs[s.epoch :] if dies >= stop - 1e-9]
        found.append(
            Line(
                *("buy", s.name, s.site, "buy", s.count, s.offer, begin, horizon),
                min(horizon, dies),
                max(alive, default=begin),
                dies >= horizon,
                facts["power_typ_kw"],
                facts["rack_units"],
            )
        )
    return found + _api_lines(plan, workload)


def _api_lines(plan: Plan, workload: Workload) -> list[Line]:
    """Requests a year to each provider in each epoch, priced at their average."""
    found = []
    for (provider, epoch), (requests, _) in sorted(api_totals(plan, workload).items()):
        begin, end = plan.epochs[epoch]
        key = f"{provider} {epoch}"
        found.append(
            Line(
                *("api", provider, "", "tokens", 1, key, begin, end, 0, 0, False),
                amount_per_year=requests / (end - begin),
            )
        )
    return found


def api_totals(plan: Plan, workload: Workload) -> dict[tuple[str, int], tuple[float, float]]:
    """(provider, epoch) -> requests and dollars, as in solver.finance.cash_flow."""
    services = {s.name: (k, s) for k, s in enumerate(workload.services)}
    totals: dict[tuple[str, int], tuple[float, float]] = {}
    for route in plan.routes:
        if route.mode != "api":
            continue
        period = plan.periods[route.period]
        k, service = services[route.service]
        requests = period["rate_rps"][k] * service.lengths[route.bucket].share * 3600 * period["hours"]
        requests *= float(Fraction(route.share))
        api = plan.inputs["apis"][route.target]
        key = (api["provider"], period["epoch"])
        n, usd = totals.get(key, (0.0, 0.0))
        totals[key] = (n + requests, usd + requests * api["usd_per_request"][route.bucket])
    return totals


def givens(plan: Plan, workload: Workload, lines: list[Line]) -> list[Given]:
    sources = {(a.subject, a.quantity.split()[0]): _source(a) for a in plan.assumptions}
    found = [
        Given(("money", "discount"), "Discount rate", workload.money.discount_rate, "per year", "workload")
    ]
    prices = {s.offer: s for s in plan.systems}
    for offer, s in sorted(prices.items()):
        unit = "USD" if s.acquisition == "buy" else "USD/h"
        source = sources.get((s.system, "buy" if s.acquisition == "buy" else s.acquisition.split("-")[0]), "")
        word = "Purchase price" if s.acquisition == "buy" else "Price per hour"
        found.append(Given(("price", offer), f"{word}, {s.name}", s.unit_price_usd, unit, source))
        if s.acquisition == "buy":
            facts = plan.inputs["offers"][offer]
            for group, key, name in (
                ("support", "support_share_per_year", "Support a year"),
                ("residual", "residual_share", "Residual value"),
            ):
                found.append(
                    Given((group, offer), f"{name}, {s.name}", facts[key], "share of price", "offer terms")
                )
    totals = api_totals(plan, workload)
    for (provider, epoch), (requests, usd) in sorted(totals.items()):
        name = f"Tokens, {provider}" + (f", epoch {epoch + 1}" if len(plan.epochs) > 1 else "")
        key = f"{provider} {epoch}"
        found.append(
            Given(("price", key), name, usd / requests if requests else 0.0, "USD/request", "price list")
        )
    for site in workload.sites:
        for group, name, value, unit in (
            ("energy", "Price of energy", site.energy_usd_kwh, "USD/kWh"),
            ("pue", "PUE", site.pue, ""),
            ("space", "Space", site.space_usd_per_rack_unit_month, "USD/U/month"),
        ):
            found.append(Given((group, site.name), f"{name}, {site.name}", value, unit, "workload"))
    return found


def _source(assumption: Any) -> str:
    return f"{assumption.evidence}: {assumption.source} ({assumption.date})"
