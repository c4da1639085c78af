"""The keys of a workload file: which domain field each states, and in which unit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Key:
    """A spelling of a domain field.

    ``unit`` is the canonical unit of the field; ``bare`` tells whether a number without unit is accepted
    (yes where the key or the kind of number names it). Kinds: "list" turns a single text into a list,
    "numbers" is a list of numbers, "table" maps names to numbers, "tables" maps names to such tables, "times"
    maps times to numbers (``bare``: a time without unit is in seconds).
    """

    target: str
    unit: str = ""
    bare: bool = True
    kind: Literal["number", "percentile", "list", "numbers", "table", "tables", "times"] = "number"
    gaps: bool = False  # numbers: an entry may be none


def _number(target: str, unit: str, *short: str) -> dict[str, Key]:
    """The domain spelling (bare numbers allowed) and short spellings (the unit must be written)."""
    return {target: Key(target, unit)} | {name: Key(target, unit, bare=False) for name in short}


def _share(target: str, *short: str) -> dict[str, Key]:
    return {name: Key(target, "share") for name in (target, *short)}


def _percentile(target: str) -> dict[str, Key]:
    return {target: Key(target, kind="percentile")}


def _list(target: str) -> dict[str, Key]:
    return {target: Key(target, kind="list")}


#: section -> key -> what it states. Keys that are not listed are domain fields taken as they are.
KEYS: dict[str, dict[str, Key]] = {
    "workload": {},
    "service": {
        **_list("precisions"),
        **_list("serving"),
        **_list("kv_precisions"),
        **_list("acquisitions"),
        **_share("prefix_hit"),
        "kv_offload": Key("kv_offload", "share", kind="numbers"),
        **_share("site_loss_share", "site_loss"),
        "speculative_tokens": Key("speculative_tokens", "tokens"),
        **_number("model_updates_per_day", "per day", "model_updates"),
    },
    "demand": {
        **_share("growth_per_year", "growth"),
        "steps": Key("steps", "count", kind="table"),
        "cv2": Key("cv2", "count"),
        "burstiness": Key("cv2", "count"),
        "planned_cv2": Key("planned_cv2", "count"),
        "planned_burstiness": Key("planned_cv2", "count"),
        "planned_cv2_by_s": Key("planned_cv2_by_s", "count", kind="times"),
        "planned_burstiness_by_time": Key("planned_cv2_by_s", "count", bare=False, kind="times"),
        "regions": Key("regions", "share", kind="table"),
    },
    "regional": _share("growth_per_year", "growth"),
    "levels": {
        **_number("ttft_ms", "ms", "ttft"),
        **_number("tpot_ms", "ms", "tpot"),
        **_number("end_to_end_s", "s", "end_to_end"),
        **_number("deadline_hours", "h", "deadline"),
        **_percentile("ttft_percentile"),
        **_percentile("tpot_percentile"),
        **_percentile("end_to_end_percentile"),
    },
    "horizon": _number("years", "years") | _number("epoch_years", "years", "epoch"),
    "site": {
        **_number("power_kw", "kW", "power"),
        **_number("feed_kw", "kW", "feed"),
        **_number("cooling_kw", "kW", "cooling"),
        **{name: Key("opening_usd", "USD") for name in ("opening_usd", "opening")},
        "rack_units": Key("rack_units", "U"),
        "pue": Key("pue", "count"),
        **_number("energy_usd_kwh", "USD/kWh", "energy"),
        **_share("energy_growth_per_year", "energy_growth"),
        "energy_steps": Key("energy_steps", "count", kind="table"),
        **{name: Key("tariff_usd_kwh", "USD/kWh", kind="numbers") for name in ("tariff_usd_kwh", "tariff")},
        **_number("space_usd_per_rack_unit_month", "USD/U/month", "space"),
        **_number("round_trip_ms", "ms", "round_trip"),
        "round_trip_by_region_ms": Key("round_trip_by_region_ms", "ms", kind="table"),
        "round_trip_by_region": Key("round_trip_by_region_ms", "ms", bare=False, kind="table"),
        **_number("carbon_kg_kwh", "kg/kWh", "carbon"),
    },
    "region": {},
    "api": {
        **_number("round_trip_ms", "ms", "round_trip"),
        "round_trip_by_region_ms": Key("round_trip_by_region_ms", "ms", kind="table"),
        "round_trip_by_region": Key("round_trip_by_region_ms", "ms", bare=False, kind="table"),
        **_number("ttft_ms", "ms", "ttft"),
        "tokens_per_s_per_user": Key("tokens_per_s_per_user", "tokens/s"),
    },
    "resilience": {
        **_share("site_loss_share", "site_loss"),
        **_share("availability"),
        **_number("mtbf_hours", "h", "mtbf"),
        **_number("repair_hours", "h", "repair"),
    },
    "speculation": {
        **_share("acceptance"),
        **_share("draft_cost"),
        "draft_tokens": Key("draft_tokens", "tokens", kind="numbers"),
    },
    "prefix_cache": {**_number("retention_s", "s", "retention"), **_list("stores")},
    "residency": {**_list("sites"), **_list("jurisdictions"), **_list("apis")},
    "money": {
        **_share("discount_rate"),
        **_share("support_share_per_year", "support"),
        **_share("residual_share", "residual"),
        **{name: Key("resale_by_age", "share", kind="numbers") for name in ("resale_by_age", "resale")},
        **_share("tax_rate"),
        **{
            name: Key("migration_usd_per_system", "USD") for name in ("migration_usd_per_system", "migration")
        },
        **{name: Key("budget_capex_usd", "USD") for name in ("budget_capex_usd", "budget_capex")},
        **{
            name: Key("budget_capex_by_year_usd", "USD", kind="numbers", gaps=True)
            for name in ("budget_capex_by_year_usd", "budget_capex_by_year")
        },
        **{
            name: Key("budget_opex_by_year_usd", "USD", kind="numbers", gaps=True)
            for name in ("budget_opex_by_year_usd", "budget_opex_by_year")
        },
        **{name: Key("budget_total_usd", "USD") for name in ("budget_total_usd", "budget_total")},
    },
    "staff": {
        **{name: Key("usd_per_year", "USD") for name in ("usd_per_year", "salary")},
        **{name: Key(name, "count") for name in ("per_system", "per_rack", "per_site")},
    },
    "hardware": {
        **_share("idle_power_share"),
        **{
            name: Key("idle_power_share_by_system", "share", kind="table")
            for name in ("idle_power_share_by_system", "idle_power_by_system")
        },
        **_list("include"),
        **_list("exclude"),
        **_list("exclude_profiles"),
        "technology_overrides": Key("technology_overrides", "count", kind="tables"),
        "vendor_share": Key("vendor_share", "share", kind="table"),
        "supplier_supply": Key("supplier_supply", "systems/year", kind="table"),
    },
    "offer": {
        **{name: Key("price_usd", "USD") for name in ("price_usd", "price")},
        **{name: Key("supply_per_year", "systems/year") for name in ("supply_per_year", "supply")},
        **_share("interruption_share", "interruption"),
        **_share("residual_share", "residual"),
        **_share("support_share_per_year", "support"),
        **_number("life_years", "years", "life"),
        **{name: Key("resale_by_age", "share", kind="numbers") for name in ("resale_by_age", "resale")},
        "tiers": Key("tiers", "USD", kind="table"),
        "lead_months": Key("lead_months", "count"),
    },
    "token_price": {
        **_number("input_usd_per_m", "USD/Mtok", "input"),
        **_number("output_usd_per_m", "USD/Mtok", "output"),
        **_number("cached_input_usd_per_m", "USD/Mtok", "cached_input"),
    },
    "profile": {
        "requests_per_s": Key("requests_per_s", "requests/s", kind="numbers"),
        **{name: Key("usd_per_hour", "USD") for name in ("usd_per_hour", "price")},
    },
}

RATE_TIMES = {"s": 1, "min": 60, "hour": 3600, "day": 86400, "month": 2629800}

#: scalar (or hourly list) spellings of a request rate: key -> (unit of the number, seconds)
RATES: dict[str, tuple[str, int]] = {
    f"{noun}_per_{time}": (noun, seconds)
    for noun in ("requests", "output_tokens")
    for time, seconds in RATE_TIMES.items()
}
PEAKS = {f"peak_{key}": value for key, value in RATES.items()}
SHAPES = ("day", "week", "hourly", "curve")

_SPECIAL: dict[str, tuple[str, ...]] = {
    "demand": (*RATES, *PEAKS, *SHAPES),
    "regional": (*RATES, *PEAKS, *SHAPES),
    "levels": ("percentile", "tokens_per_s_per_user"),
    "lengths": ("prompt", "output", "histogram", "quantiles", "trace", "cells", "columns"),
}

_SECTION_OF = (
    ("service", re.compile(r"services\.\d+")),
    ("demand", re.compile(r"services\.\d+\.demand")),
    ("regional", re.compile(r"services\.\d+\.demand\.(regions|by_region)\.[^.]+")),
    ("levels", re.compile(r"services\.\d+\.levels")),
    ("lengths", re.compile(r"services\.\d+\.lengths")),
    ("horizon", re.compile("horizon")),
    ("site", re.compile(r"sites\.\d+")),
    ("region", re.compile(r"regions\.\d+")),
    ("api", re.compile(r"apis\.\d+")),
    ("speculation", re.compile(r"services\.\d+\.speculation")),
    ("prefix_cache", re.compile(r"services\.\d+\.prefix_cache")),
    ("residency", re.compile(r"(services|regions)\.\d+\.residency")),
    ("offer", re.compile(r"offers\.\d+")),
    ("profile", re.compile(r"profiles\.\d+")),
    ("token_price", re.compile(r"(services\.\d+\.)?token_prices\..+")),
    ("staff", re.compile(r"money\.staff")),
    ("money", re.compile("money")),
    ("resilience", re.compile("resilience")),
    ("hardware", re.compile("hardware")),
)


def section_keys(section: str) -> tuple[str, ...]:
    """The spellings of ``section`` beyond the domain fields."""
    return (*KEYS.get(section, {}), *_SPECIAL.get(section, ()))


def section_of(path: str) -> str:
    """The section whose keys stand at ``path``; an empty text where it has none of its own."""
    return next((name for name, shape in _SECTION_OF if shape.fullmatch(path)), "")


def known_keys(path: str) -> Iterable[str]:
    """The spellings that are allowed at ``path`` beyond the domain fields."""
    return section_keys(section_of(path))
