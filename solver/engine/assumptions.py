"""Which catalog values the answer rests on, with their evidence, the dearest first."""

from __future__ import annotations

from collections.abc import Sequence

from solver.domain.catalog import Catalog, System, TokenApi
from solver.domain.quantity import Quantity
from solver.domain.workload import Service, TokenPrice, Workload
from solver.engine.parts import Parts
from solver.formulation.prepare import Prepared
from solver.operating_points.apis import ASSUMED_TOK_S, as_stated, with_token_prices
from solver.operating_points.point import OperatingPoint
from solver.plan.findings import Assumption
from solver.plan.plan import Route, SystemPurchase

#: Kinds whose weights or KV stand in on-chip memory: its capacity decides how much they serve.
ON_CHIP = ("sram-wafer", "sram-chip", "nvm-weight", "rom-weight")
#: Arithmetic by precision of the weights, the first that a system has.
ARITHMETIC = {
    "fp16": ("fp16_tflops",),
    "fp8": ("fp8_tflops", "int8_tops", "fp16_tflops"),
    "fp4": ("fp4_tflops", "fp8_tflops"),
}


def assumptions(
    catalog: Catalog,
    prepared: Prepared,
    bought: tuple[SystemPurchase, ...],
    paths: tuple[Route, ...],
    total_usd: float,
    parts: Parts,
) -> tuple[Assumption, ...]:
    """Prices with their share of the cost (``parts``), and the physics behind the pools in use."""
    used = {r.target for r in paths}
    points = [p for p in prepared.problem.points if p.id in used]
    energy = {system: usd / total_usd if total_usd else 0.0 for system, usd in parts.energy_usd.items()}
    found = _prices(catalog, prepared, bought, total_usd, parts)
    for system_id in sorted({line.system for line in bought}):
        system = catalog.systems.get(system_id)  # None: the workload alone knows it
        predicted = [p for p in points if p.system == system_id and not p.profile]
        names = () if system is None else _decisive(system, predicted, bool(energy.get(system_id)))
        for name in names:
            quantity = system.values.get(name) if system else None
            if quantity is not None and (quantity.evidence == "assumed" or quantity.low is not None):
                share = energy.get(system_id, 0.0) if name.startswith("power") else 0.0
                found.append(_from(system_id, name, quantity, share))
    found += [_throughput(catalog, point) for point in points]
    found += _tokens(catalog, prepared, used, total_usd, parts)
    return tuple(_unique(found))


def _prices(
    catalog: Catalog, prepared: Prepared, bought: tuple[SystemPurchase, ...], total_usd: float, parts: Parts
) -> list[Assumption]:
    """What systems are got for, the largest part of the cost first."""
    offers = dict.fromkeys(line.offer for line in bought)
    share = {o: parts.price_usd.get(o, 0.0) / total_usd if total_usd else 0.0 for o in offers}
    found = []
    for offer_id, part in sorted(share.items(), key=lambda item: -item[1]):
        offer = catalog.offers.get(offer_id)
        if offer is not None:
            name = "price_usd" if offer.kind == "buy" else "cloud_usd_hr"
            price = _overridden(prepared, offer.system, name, offer.price)
            found.append(_from(offer.system, f"{offer.kind} price", price, part))
        elif part:
            own = next(o for o in prepared.problem.offers if o.id == offer_id)
            unit = "USD" if own.kind == "buy" else "USD/h"
            found.append(
                _from(own.system, f"{own.kind} price ({own.id})", _stated(own.price_usd, unit), part)
            )
    return found


def _decisive(system: System, predicted: Sequence[OperatingPoint], pays_energy: bool) -> tuple[str, ...]:
    """Values of a system that the plan rests on: of its physics those that predict pools in use, and its
    power where its energy is paid."""
    names: list[str] = []
    if predicted and system.kind in ON_CHIP:
        names.append("sram_gb")
    if predicted:
        names.append("dram_bw_tbs")
    for precision in sorted({p.weight_precision for p in predicted}):
        names += [name for name in ARITHMETIC[precision] if system.get(name)][:1]
    return (*names, *(["power_typ_kw"] if pays_energy else []))


def _throughput(catalog: Catalog, point: OperatingPoint) -> Assumption:
    """The tokens that a pool in use is predicted, or was measured, to serve."""
    evidence = point.evidence.partition(":")[0] if point.profile else "derived"
    if point.profile in catalog.profiles:
        evidence = catalog.profiles[point.profile].output_tok_s_total.evidence
    return Assumption(
        subject=point.system,
        quantity=f"throughput of {point.model} ({point.layout}, {point.weight_precision})",
        value=1.0,
        unit="x prediction",
        low=1 / point.spread,
        high=point.spread,
        evidence=evidence,
        source=point.evidence,
        date="",
        cost_share=0.0,
    )


def _tokens(
    catalog: Catalog, prepared: Prepared, used: set[str], total_usd: float, parts: Parts
) -> list[Assumption]:
    """Prices of the tokens bought, with what their input and output make up of the cost."""
    found: list[Assumption] = []
    usd: dict[tuple[str, str], float] = {}
    called = _called(catalog, prepared, used)
    for name, entry, point in called:
        whole, output_m = parts.tokens.get(point, (0.0, 0.0))
        output = output_m * entry.output_usd_per_m.value
        for word, spent in (("input", whole - output), ("output", output)):
            key = (entry.provider, f"{word} price per million tokens{name}")
            usd[key] = usd.get(key, 0.0) + spent
    for name, entry, _ in called:
        if entry.output_tok_s_per_user is None:
            found.append(_assumed_speed(entry.provider))
        for word, price in (("input", entry.input_usd_per_m), ("output", entry.output_usd_per_m)):
            quantity = f"{word} price per million tokens{name}"
            share = usd[entry.provider, quantity] / total_usd if total_usd else 0.0
            found.append(_from(entry.provider, quantity, price, share))
    return found


def _called(catalog: Catalog, prepared: Prepared, used: set[str]) -> list[tuple[str, TokenApi, str]]:
    """The APIs in use at their prices, told apart by model or service where a provider has several, with
    the id of their point."""
    workload, found = prepared.problem.workload, []
    for point in prepared.problem.apis:
        if point.id in used:
            service = next(s for s in workload.services if s.name == point.service)
            known = as_stated({point.api: catalog.apis[point.api]}, workload)
            entry = with_token_prices(known, _only(point.api, workload, service))
            found.append((service.name, entry[point.api], point.id))
    prices = {(a.provider, a.input_usd_per_m.value, a.output_usd_per_m.value) for _, a, _ in found}
    several = {p for p, _, _ in prices if sum(p == other for other, _, _ in prices) > 1}
    models = {(a.provider, a.model, a.input_usd_per_m.value, a.output_usd_per_m.value) for _, a, _ in found}
    named = []
    for service_name, a, point_id in found:
        alike = sum((a.provider, a.model) == other[:2] for other in models)
        name = f" of {a.model}" if alike == 1 else f" for {service_name}"
        named.append((name if a.provider in several else "", a, point_id))
    return named


def _only(api: str, workload: Workload, service: Service) -> dict[str, TokenPrice]:
    prices = workload.prices_for(service)
    return {api: prices[api]} if api in prices else {}


def _overridden(prepared: Prepared, system: str, name: str, quantity: Quantity) -> Quantity:
    """The catalog's quantity, or what the workload puts in its place."""
    value = prepared.problem.workload.hardware.overrides.get(system, {}).get(name)
    if value is None:
        return quantity
    return _stated(value, quantity.unit, "workload override")


def _stated(value: float, unit: str, source: str = "workload") -> Quantity:
    return Quantity(value=value, unit=unit, source=source, date="workload", evidence="assumed")


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
