"""Workloads back to text: what is written reloads to the same workload."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import yaml

from solver.domain.workload import Workload

#: Shares that may exceed 1, so that a bare number above 1 would be refused as a forgotten per cent sign.
_UNBOUNDED_SHARES = ("growth_per_year", "discount_rate", "support_share_per_year")


class _Dumper(yaml.SafeDumper):
    """Writes equal objects twice instead of an anchor and an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always: equal values are written out, not referred to."""
        return True


def to_data(workload: Workload) -> dict[str, Any]:
    """Plain data in domain spelling, without fields that have their default."""
    data: dict[str, Any] = _plain(workload.model_dump(mode="python", exclude_defaults=True))
    for service in data["services"]:
        if own := service["demand"].pop("by_region", None):
            del service["demand"]["rate_rps"]  # their sum
            service["demand"]["regions"] = own
    return {"name": workload.name, **data}


def workload_to_yaml(workload: Workload) -> str:
    """The workload file that states ``workload`` in domain spelling."""
    data = to_data(workload)
    for service in data["services"]:
        service["lengths"] = _short_lengths(service["lengths"])
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )
    return text


def _plain(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _plain(item, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and name in _UNBOUNDED_SHARES and abs(value) > 1:
        return f"{Decimal(repr(value)) * 100} %"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def _short_lengths(buckets: list[dict[str, Any]]) -> Any:
    """Without maxima that are the means; ``{prompt: ..., output: ...}`` where there is one such bucket."""
    short = [{key: value for key, value in bucket.items() if not _is_mean(bucket, key)} for bucket in buckets]
    if len(short) == 1 and set(short[0]) == {"prompt_tokens", "output_tokens", "share"}:
        return {"prompt": short[0]["prompt_tokens"], "output": short[0]["output_tokens"]}
    return short


def _is_mean(bucket: dict[str, Any], key: str) -> bool:
    return key.endswith("_max") and bucket[key] == bucket[key.replace("_max", "_tokens")]
