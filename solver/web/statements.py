"""What a workload states, in words with the place where it stands: sources of numbers that people gave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from solver.domain.workload import LoadedWorkload, Service
from solver.reports.units import number, percent, usd
from solver.whatif.values import mean_rps


@dataclass(frozen=True)
class Statement:
    """A value of the workload: its path, its group among the inputs, its words and where it stands."""

    path: str
    group: str
    words: str
    place: str


def statements(loaded: LoadedWorkload) -> list[Statement]:
    """The statements of a workload that decide cost and capacity, defaults included."""
    found = [*_services(loaded), *_sites(loaded), *_money(loaded)]
    return [Statement(path, group, words, stated_at(loaded, path)) for path, group, words in found]


def stated_at(loaded: LoadedWorkload, path: str) -> str:
    """File, line and column of a statement, the change that made it, or that it is a default."""
    within = [place for key, place in loaded.places.items() if f"{key}.".startswith(f"{path}.")]
    changed = [place for place in within if place.file.startswith("--set")]
    if changed:
        return str(changed[-1])
    if not within and path.rpartition(".")[0] not in loaded.places:
        return "default, not stated"
    place = loaded.place(path)
    return str(replace(place, file=Path(place.file).name))


def _services(loaded: LoadedWorkload) -> Iterator[tuple[str, str, str]]:
    for n, service in enumerate(loaded.workload.services):
        path, name = f"services.{n}", service.name
        demand = service.demand
        growth = f", growing {percent(demand.growth_per_year)} a year" if demand.growth_per_year else ""
        steps = "".join(f", × {factor:g} from {month}" for month, factor in sorted(demand.steps.items()))
        yield (
            f"{path}.demand",
            "demand",
            f"{name}: {number(mean_rps(service))} requests/s on average in the first year{growth}{steps}",
        )
        yield f"{path}.lengths", "demand", _lengths(service)
        for field, words, unit in (
            ("ttft_ms", "time to first token", "ms"),
            ("tpot_ms", "time per output token", "ms"),
            ("end_to_end_s", "time from request to last token", "s"),
            ("deadline_hours", "done within", "h"),
        ):
            value = getattr(service.levels, field)
            if value is not None:
                yield f"{path}.levels.{field}", "levels", f"{name}: {words} {number(value)} {unit}"


def _lengths(service: Service) -> str:
    prompt, output = (
        sum(getattr(b, f"{word}_tokens") * b.share for b in service.lengths) for word in ("prompt", "output")
    )
    return f"{service.name}: {number(prompt)} prompt and {number(output)} output tokens on average"


def _sites(loaded: LoadedWorkload) -> Iterator[tuple[str, str, str]]:
    for n, site in enumerate(loaded.workload.sites):
        path = f"sites.{n}"
        price = f"{site.mean_energy_usd_kwh:.4g} USD/kWh"
        key = "tariff_usd_kwh" if site.tariff_usd_kwh else "energy_usd_kwh"
        mean = ", mean of the tariff" if site.tariff_usd_kwh else ""
        yield f"{path}.{key}", "energy", f"{site.name}: energy {price}{mean}"
        yield f"{path}.pue", "energy", f"{site.name}: PUE {site.pue:g}"
        if site.power_kw is not None:
            yield f"{path}.power_kw", "levels", f"{site.name}: power {number(site.power_kw)} kW"


def _money(loaded: LoadedWorkload) -> Iterator[tuple[str, str, str]]:
    money, horizon = loaded.workload.money, loaded.workload.horizon
    yield "horizon.years", "money", f"horizon {horizon.years:g} years from {horizon.start}"
    yield "money.discount_rate", "money", f"discount rate {percent(money.discount_rate)} a year"
    if money.tax_rate:
        yield "money.tax_rate", "money", f"tax rate {percent(money.tax_rate)}"
    for field, words in (("budget_capex_usd", "purchases"), ("budget_total_usd", "everything")):
        value = getattr(money, field)
        if value is not None:
            yield f"money.{field}", "money", f"budget for {words} {usd(value)}"
    for field, words in (("support_share_per_year", "support a year"), ("residual_share", "residual value")):
        value = getattr(money, field)
        if value is not None:
            yield f"money.{field}", "money", f"{words} {percent(value)} of the price"
