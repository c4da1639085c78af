"""The user's spelling of a workload to that of the domain types: keys, units, shorthands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from solver.domain.catalog import NEVER_ZERO, SYSTEM_QUANTITIES
from solver.inputs.demand import demand_fields
from solver.inputs.draft import Draft, rewrite
from solver.inputs.lengths import Bucket, length_buckets
from solver.inputs.sites import site_fields
from solver.inputs.units import UNITS
from solver.inputs.validation import shorten, unknown_key

_PLACEHOLDER_LENGTHS: list[Bucket] = [{"prompt_tokens": 1.0, "output_tokens": 1.0, "share": 1.0}]


def domain_spelling(draft: Draft, data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with the keys and units of the domain types; complaints go to ``draft``."""
    result = dict(data)
    result.setdefault("name", Path(draft.file).stem or "workload")
    if isinstance(data.get("services"), list):
        result["services"] = [
            _service(draft, item, index, result) for index, item in enumerate(data["services"])
        ]
    for key in ("offer", "profile", "api"):
        if isinstance(data.get(f"{key}s"), list):
            result[f"{key}s"] = [
                rewrite(draft, key, item, f"{key}s.{i}") for i, item in enumerate(data[f"{key}s"])
            ]
    if isinstance(data.get("sites"), list):
        result["sites"] = [site_fields(draft, item, f"sites.{i}") for i, item in enumerate(data["sites"])]
    prices = data.get("token_prices")
    if isinstance(prices, dict):
        result["token_prices"] = {
            name: rewrite(draft, "token_price", item, f"token_prices.{name}") for name, item in prices.items()
        }
    if isinstance(data.get("regions"), list):
        result["regions"] = [_region(draft, item, f"regions.{i}") for i, item in enumerate(data["regions"])]
    if isinstance(data.get("horizon"), str):
        result["horizon"] = {"years": data["horizon"]}
        draft.alias("horizon", "horizon.years")
    for section in ("horizon", "money", "resilience", "hardware"):
        if section in result:
            result[section] = rewrite(draft, section, result[section], section)
    if isinstance(result.get("money"), dict) and "staff" in result["money"]:
        result["money"]["staff"] = rewrite(draft, "staff", result["money"]["staff"], "money.staff")
    _overrides(draft, result.get("hardware"))
    _objective(draft, result)
    return result


def _service(draft: Draft, data: Any, index: int, workload: dict[str, Any]) -> Any:
    path = f"services.{index}"
    if not isinstance(data, dict):
        return data
    fields = dict(rewrite(draft, "service", data, path))
    if len(workload["services"]) == 1:
        fields.setdefault("name", workload["name"])
    lengths = None
    if "lengths" in data:
        lengths = length_buckets(draft, data["lengths"], f"{path}.lengths")
        fields["lengths"] = lengths or _PLACEHOLDER_LENGTHS
    if "demand" in data:
        mean_output = _mean_output(lengths or _PLACEHOLDER_LENGTHS)
        demand = demand_fields(draft, data["demand"], f"{path}.demand", mean_output)
        fields["demand"] = demand or {"rate_rps": [1.0]}
    if "residency" in data:
        fields["residency"] = _residency(draft, data["residency"], f"{path}.residency")
    for section in ("speculation", "prefix_cache"):
        if section in data:
            fields[section] = rewrite(draft, section, data[section], f"{path}.{section}")
    if isinstance(data.get("token_prices"), dict):
        fields["token_prices"] = {
            name: rewrite(draft, "token_price", item, f"{path}.token_prices.{name}")
            for name, item in data["token_prices"].items()
        }
    if "levels" in data:
        fields["levels"] = _levels(draft, data["levels"], f"{path}.levels")
    return fields


def _region(draft: Draft, data: Any, path: str) -> Any:
    """``{name: eu, residency: EU}``, or the name alone."""
    if isinstance(data, str):
        return {"name": data}
    if not isinstance(data, dict) or "residency" not in data:
        return data
    return {**data, "residency": _residency(draft, data["residency"], f"{path}.residency")}


def _residency(draft: Draft, data: Any, path: str) -> Any:
    """``{jurisdictions: [EU], sites: [...], apis: [...]}``, or the jurisdictions alone."""
    if isinstance(data, str | list):
        return {"jurisdictions": [data] if isinstance(data, str) else data}
    return rewrite(draft, "residency", data, path)


def _mean_output(buckets: list[Bucket]) -> float:
    """Mean output tokens per request; 1 where the buckets are not usable (they get their own complaint)."""
    mean = sum((bucket.get("output_tokens") or 0.0) * (bucket.get("share") or 0.0) for bucket in buckets)
    return mean if mean > 0 else 1.0


def _levels(draft: Draft, data: Any, path: str) -> Any:
    if not isinstance(data, dict):
        return data
    own = {k: v for k, v in data.items() if k not in ("percentile", "tokens_per_s_per_user")}
    fields = rewrite(draft, "levels", own, path)
    if "percentile" in data:
        share = draft.percentile(f"{path}.percentile", data["percentile"])
        for name in ("ttft_percentile", "tpot_percentile", "end_to_end_percentile"):
            if name not in fields and share is not None:
                fields[name] = share
                draft.alias(f"{path}.percentile", f"{path}.{name}")
    if "tokens_per_s_per_user" in data:
        _speed(draft, data["tokens_per_s_per_user"], fields, path)
    return fields


def _speed(draft: Draft, value: Any, fields: dict[str, Any], path: str) -> None:
    """Tokens per second of each user are the reciprocal of the time per output token."""
    place = f"{path}.tokens_per_s_per_user"
    speed = draft.quantity(place, value, "tokens/s")
    if "tpot_ms" in fields:
        draft.complain(
            place, "'tpot' and 'tokens_per_s_per_user' state the same thing", "keep one of the two"
        )
    elif speed is not None and not speed > 1e-9:
        draft.complain(place, f"tokens_per_s_per_user is '{shorten(value)}'", "write more than 0")
    elif speed is not None:
        fields["tpot_ms"] = 1000.0 / speed
        draft.alias(place, f"{path}.tpot_ms")


def _overrides(draft: Draft, hardware: Any) -> None:
    """Changed catalog values in the unit of each quantity."""
    overrides = hardware.get("overrides") if isinstance(hardware, dict) else None
    if not isinstance(overrides, dict):
        return
    converted: dict[str, Any] = {}
    for system, values in overrides.items():
        path = f"hardware.overrides.{system}"
        if not isinstance(values, dict):
            draft.complain(path, f"the override of {system} is not a mapping", "write {price_usd: 1.0M}")
            continue
        converted[system] = {}
        for name, value in values.items():
            if name not in SYSTEM_QUANTITIES:
                draft.complain(f"{path}.{name}", *unknown_key(name, SYSTEM_QUANTITIES))
                continue
            number = draft.quantity(f"{path}.{name}", value, _unit_of(name), True)
            if number is not None and number < 0:
                draft.complain(f"{path}.{name}", f"{name} is negative", "write 0 or more")
            elif number == 0 and name in NEVER_ZERO:
                draft.complain(f"{path}.{name}", f"{name} is 0", "write more than 0")
            elif number is not None:
                converted[system][name] = number
    hardware["overrides"] = converted


def _unit_of(quantity: str) -> str:
    unit = SYSTEM_QUANTITIES[quantity][0]
    return unit if unit in UNITS else "count"


def _objective(draft: Draft, data: dict[str, Any]) -> None:
    """Ratios are refused with the reason; anything else is left to the domain type."""
    text = str(data.get("objective", "cost")).lower()
    words = re.split(r"[^a-z0-9$]+|_", text)
    ratios = words.count("per") + text.count("/") + ("perf" in text and words.count("w"))
    if not ratios:
        return
    data["objective"] = "cost"
    if ratios > 1:
        problem = (
            f"the objective '{shorten(text)}' is not scale invariant: two identical systems deliver 2 times "
            "the performance for 2 times the watts and 2 times the dollars: 2/(2*2), half the score of one"
        )
    else:
        problem = (
            f"the objective '{shorten(text)}' is a ratio: it prefers the smallest fleet with the best ratio "
            "to one that serves the demand"
        )
    remedy = "write cost, power, carbon or traffic; the performance wanted belongs in demand and levels"
    draft.complain("objective", problem, remedy)
