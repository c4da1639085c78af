"""Which catalog values the answer rests on, with their evidence, the dearest first."""

from __future__ import annotations

from solver.domain.catalog import Catalog, TokenApi
from solver.domain.quantity import Quantity
from solver.domain.workload import Service, TokenPrice, Workload
from solver.formulation.prepare import Prepared
from solver.operating_points.apis import ASSUMED_TOK_S, as_stated, with_token_prices
from solver.plan.findings import Assumption
from solver.plan.plan import Route, SystemPurchase

#: Values of a system that decide capacity and money, besides its price.
TOLD = ("dram_bw_tbs", "sram_gb", "fp8_tflops", "fp16_tflops", "power_typ_kw")


def assumptions(
    catalog: Catalog,
    prepared: Prepared,
    bought: tuple[SystemPurchase, ...],
    paths: tuple[Route, ...],
    total_usd: float,
) -> tuple[Assumption, ...]:
    """Prices with their share of the cost, and the physics behind the pools in use."""
    found: list[Assumption] = []
    share: dict[str, float] = {}
    for line in bought:
        share[line.offer] = share.get(line.offer, 0.0) + line.cost_usd / total_usd if total_usd else 0.0
    for offer_id, part in sorted(share.items(), key=lambda item: -item[1]):
        offer = catalog.offers.get(offer_id)
        if offer is not None:
            name = "price_usd" if offer.kind == "buy" else "cloud_usd_hr"
            price = _overridden(prepared, offer.system, name, offer.price)
            found.append(_from(f"{offer.system}", f"{offer.kind} price", price, part))
    for system_id in sorted({line.system for line in bought}):
        system = catalog.systems.get(system_id)  # None: the workload alone knows it
        for name in TOLD:
            quantity = system.values.get(name) if system else None
            if quantity is not None and (quantity.evidence == "assumed" or quantity.low is not None):
                found.append(_from(system_id, name, quantity, 0.0))
    used = {r.target for r in paths}
    for point in prepared.problem.points:
        if point.id in used:
            found.append(
                Assumption(
                    subject=point.system,
                    quantity=f"throughput of {point.model} ({point.layout}, {point.weight_precision})",
                    value=1.0,
                    unit="x prediction",
                    low=1 / point.spread,
                    high=point.spread,
                    evidence=(
                        catalog.profiles[point.profile].output_tok_s_total.evidence
                        if point.profile in catalog.profiles
                        else point.evidence.partition(":")[0]
                        if point.profile
                        else "derived"
                    ),
                    source=point.evidence,
                    date="",
                    cost_share=0.0,
                )
            )
    for name, entry in _called(catalog, prepared, used):
        if entry.output_tok_s_per_user is None:
            found.append(_assumed_speed(entry.provider))
        for word, price in (("input", entry.input_usd_per_m), ("output", entry.output_usd_per_m)):
            found.append(_from(entry.provider, f"{word} price per million tokens{name}", price, 0.0))
    return tuple(_unique(found))


def _called(catalog: Catalog, prepared: Prepared, used: set[str]) -> list[tuple[str, TokenApi]]:
    """The APIs in use at their prices, told apart by model or service where a provider has several."""
    workload, found = prepared.problem.workload, []
    for point in prepared.problem.apis:
        if point.id in used:
            service = next(s for s in workload.services if s.name == point.service)
            known = as_stated({point.api: catalog.apis[point.api]}, workload)
            entry = with_token_prices(known, _only(point.api, workload, service))
            found.append((service.name, entry[point.api]))
    prices = {(a.provider, a.input_usd_per_m.value, a.output_usd_per_m.value) for _, a in found}
    several = {p for p, _, _ in prices if sum(p == other for other, _, _ in prices) > 1}
    models = {(a.provider, a.model, a.input_usd_per_m.value, a.output_usd_per_m.value) for _, a in found}
    named = []
    for service_name, a in found:
        alike = sum((a.provider, a.model) == other[:2] for other in models)
        name = f" of {a.model}" if alike == 1 else f" for {service_name}"
        named.append((name if a.provider in several else "", a))
    return named


def _only(api: str, workload: Workload, service: Service) -> dict[str, TokenPrice]:
    prices = workload.prices_for(service)
    return {api: prices[api]} if api in prices else {}


def _overridden(prepared: Prepared, system: str, name: str, quantity: Quantity) -> Quantity:
    """The catalog's quantity, or what the workload puts in its place."""
    value = prepared.problem.workload.hardware.overrides.get(system, {}).get(name)
    if value is None:
        return quantity
    return Quantity(
        value=value, unit=quantity.unit, source="workload override", date="workload", evidence="assumed"
    )


def _assumed_speed(provider: str) -> Assumption:
    return Assumption(
        subject=provider,
        quantity="speed per user of the API",
        value=ASSUMED_TOK_S,
        unit="tok/s",
        low=20.0,
        high=100.0,
        evidence="assumed",
        source="the provider publishes no speed; typical hosted endpoints",
        date="2026-11",
    )


def _from(subject: str, name: str, quantity: Quantity, share: float) -> Assumption:
    return Assumption(
        subject=subject,
        quantity=name,
        value=quantity.value,
        unit=quantity.unit,
        low=quantity.low,
        high=quantity.high,
        evidence=quantity.evidence,
        source=quantity.source,
        date=quantity.date,
        cost_share=share,
    )


def _unique(found: list[Assumption]) -> list[Assumption]:
    seen: dict[tuple[str, str], Assumption] = {}
    for item in found:
        seen.setdefault((item.subject, item.quantity), item)
    return list(seen.values())
