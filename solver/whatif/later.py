"""Changes that begin in a month of the horizon: demand, and prices of systems and tokens from then on."""

from __future__ import annotations

import json

from solver.domain.calendar import factor_in_force
from solver.domain.catalog import Catalog, TokenApi
from solver.domain.workload import LoadedWorkload, Service, TokenPrice
from solver.errors import InputError
from solver.inputs.units import parse_quantity
from solver.inputs.workload import apply_overrides
from solver.whatif.fields import Field
from solver.whatif.names import apis_of, model_id
from solver.whatif.parts import part_from, within
from solver.whatif.values import factor_of, mean_rps, now


def begin_demand(
    loaded: LoadedWorkload, field: Field, subject: str, value: str, month: str, catalog: Catalog
) -> LoadedWorkload:
    """The demand of a service from a month on: a factor multiplies what is stated for that time and later, a
    rate is the mean rate in that month (growth goes on from there)."""
    workload = loaded.workload
    index = [s.name for s in workload.services].index(subject)
    service, start = workload.services[index], workload.horizon.start
    years, steps = within(loaded, month), dict(service.demand.steps)
    factor = factor_of(value)
    if factor is not None:
        before = factor_in_force(steps, years, start)
        steps = {m: f * factor if m >= month else f for m, f in steps.items()}
        steps[month] = before * factor
    elif mean := mean_rps(service):
        growth = (1 + service.demand.growth_per_year) ** int(years + 1e-9)
        steps = {m: f for m, f in steps.items() if m < month}
        steps[month] = _rate(value, service) / (mean * growth)
    else:
        raise InputError.at(f"demand.{subject}", 0, "there is no demand to change", "state it first")
    listed = ", ".join(f"{m}: {f!r}" for m, f in sorted(steps.items()))
    return apply_overrides(loaded, [f"services.{index}.demand.steps={{{listed}}}"])


def _rate(value: str, service: Service) -> float:
    """Requests per second of ``300 requests/s`` or ``100k tokens/s`` (output tokens)."""
    try:
        if "tok" in value:
            mean = sum(b.output_tokens * b.share for b in service.lengths)
            return parse_quantity(value, "tokens/s", bare=False) / mean
        return parse_quantity(value, "requests/s", bare=True)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        raise InputError.at(value[:60], 0, problem, remedy or "write x2 or 300 requests/s") from None


def begin_price(
    loaded: LoadedWorkload, field: Field, subject: str, value: str, month: str, catalog: Catalog
) -> LoadedWorkload:
    """A lower price of a system from a month on: an offer more, on the terms of the one there is."""
    within(loaded, month)
    kind = "buy" if field.name == "price" else "rent"
    price = _price(loaded, field, subject, value, month, catalog)
    offer: dict[str, object] = {"id": f"{subject}/{kind}-from-{month}", "system": subject, "kind": kind}
    offer |= {"price_usd": price, "available_from": month}
    listed = catalog.offers.get(f"{subject}/{kind}")
    if listed is not None and kind == "buy":
        terms = ("supply_per_year", "residual_share", "support_share_per_year", "life_years")
        offer |= {name: q.value for name in terms if (q := getattr(listed, name)) is not None}
    stated = loaded.workload.model_dump(mode="json", exclude_defaults=True).get("offers", [])
    others = [o for o in stated if o["id"] != offer["id"]]
    return apply_overrides(loaded, [f"offers={json.dumps([*others, offer])}"])


def begin_energy(
    loaded: LoadedWorkload, field: Field, subject: str, value: str, month: str, catalog: Catalog
) -> LoadedWorkload:
    """The price of energy at a site from a month on: a factor multiplies what is stated for that time and
    later, a price is the (mean) price in that month (growth goes on from there)."""
    index = [s.name for s in loaded.workload.sites].index(subject)
    site, start = loaded.workload.sites[index], loaded.workload.horizon.start
    years, steps, factor = within(loaded, month), dict(site.energy_steps), factor_of(value)
    if factor is not None:
        before = factor_in_force(steps, years, start)
        steps = {m: f * factor if m >= month else f for m, f in steps.items()}
        steps[month] = before * factor
    else:
        try:
            price = parse_quantity(value, "USD/kWh", bare=True)
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            raise InputError.at(value[:60], 0, problem, remedy or f"write {field.example}") from None
        now_usd = site.mean_energy_usd_kwh * (1 + site.energy_growth_per_year) ** int(years + 1e-9)
        if not now_usd:
            raise InputError.at(f"energy.{subject}", 0, "energy costs nothing so far", "state a price first")
        steps = {m: f for m, f in steps.items() if m < month}
        steps[month] = price / now_usd
    listed = ", ".join(f"{m}: {f!r}" for m, f in sorted(steps.items()))
    return apply_overrides(loaded, [f"sites.{index}.energy_steps={{{listed}}}"])


def _price(
    loaded: LoadedWorkload, field: Field, subject: str, value: str, month: str, catalog: Catalog
) -> float:
    """The price from a month on, at most that of today (which can be had until the end)."""
    old, factor = now(loaded.workload, field, subject, catalog), factor_of(value)
    try:
        if factor is None:
            price = parse_quantity(value, "USD", bare=True)
        elif old is None:
            raise ValueError("there is no price to multiply")
        else:
            price = factor * old
    except ValueError as error:
        raise InputError.at(value[:60], 0, str(error), f"write {field.example}") from None
    if old is not None and price > old:
        raise InputError.at(
            f"{field.name}.{subject}={value} from {month}",
            0,
            f"is above today's {old:,.10g} USD, which can be had until the end",
            "state it without a month",
        )
    return price


def token_lines(path: str, api: TokenApi, stated: TokenPrice | None, provider: str, value: str) -> list[str]:
    """Statements that multiply all prices of an API by a factor."""
    factor = factor_of(value)
    if factor is None:
        raise InputError.at(f"tokens.{provider}={value}"[:60], 0, "is no factor", "write -20 % or x0.5")
    lines = []
    for key in ("input_usd_per_m", "output_usd_per_m", "cached_input_usd_per_m"):
        own, quantity = getattr(stated, key, None), getattr(api, key)
        price = own if own is not None else quantity.value if quantity else None
        if price is not None:
            lines.append(f"{path}.{key}={price * factor!r}")
    return lines


def begin_tokens(
    loaded: LoadedWorkload, field: Field, subject: str, value: str, month: str, catalog: Catalog
) -> LoadedWorkload:
    """Prices of token APIs from a month on, for all services that could call them."""
    key = field.path.rpartition(".")[2]
    for api in apis_of(loaded.workload, catalog):
        if subject not in ("*", api.provider, api.id):
            continue
        for service in loaded.workload.services:
            if model_id(service, catalog) != api.model:
                continue
            loaded, part = part_from(loaded, service.name, month)
            if not part:
                continue
            index = [s.name for s in loaded.workload.services].index(part)
            path = f"services.{index}.token_prices.{api.id}"
            stated = loaded.workload.prices_for(loaded.workload.services[index]).get(api.id)
            if field.how == "tokens":
                lines = token_lines(path, api, stated, subject, value)
            else:
                lines = [f"{path}.{key}={_token_price(api, stated, key, field, value)}"]
            loaded = apply_overrides(loaded, lines)
    return loaded


def _token_price(api: TokenApi, stated: TokenPrice | None, key: str, field: Field, value: str) -> str:
    """A price as stated, or the present one times a factor."""
    factor, own, quantity = factor_of(value), getattr(stated, key, None), getattr(api, key)
    if factor is None:
        return value
    if own is None and quantity is None:
        raise InputError.at(f"{field.name}.{api.id}", 0, "has no value to multiply", f"write {field.example}")
    return repr(factor * (own if own is not None else quantity.value))
