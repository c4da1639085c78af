"""Sites as people state them: a tariff as prices by hour, or as a peak and an off-peak price."""

from __future__ import annotations

import re
from typing import Any

from solver.inputs.draft import Draft, refuse_unknown, rewrite
from solver.inputs.validation import shorten

_HOURS = re.compile(r"([0-9]|1[0-9]|2[0-3])-([0-9]|1[0-9]|2[0-4])")
_TARIFF = ("peak", "off_peak", "peak_hours")


def site_fields(draft: Draft, data: Any, path: str) -> Any:
    """The fields of ``Site``; ``tariff: {peak: ..., off_peak: ..., peak_hours: 8-20}`` becomes 24 prices."""
    if not isinstance(data, dict):
        return data
    stated = dict(data)
    tariff = stated.get("tariff")
    if tariff is not None and ("energy" in stated or "energy_usd_kwh" in stated):
        draft.complain(f"{path}.tariff", "'tariff' and 'energy' state the same thing", "keep one of the two")
    if isinstance(tariff, dict):
        stated["tariff"] = _by_hour(draft, tariff, f"{path}.tariff") or []
    return rewrite(draft, "site", stated, path)


def _by_hour(draft: Draft, tariff: dict[str, Any], path: str) -> list[float] | None:
    """24 prices: peak in the hours from the first to before the second, off-peak in the others."""
    refuse_unknown(draft, tariff, _TARIFF, path)
    missing = [key for key in _TARIFF if key not in tariff]
    if missing:
        draft.complain(
            path, f"the tariff lacks '{missing[0]}'", "write {peak: ..., off_peak: ..., peak_hours: 8-20}"
        )
        return None
    prices = [draft.quantity(f"{path}.{key}", tariff[key], "USD/kWh", False) for key in _TARIFF[:2]]
    hours = _HOURS.fullmatch(str(tariff["peak_hours"]).replace(" ", ""))
    if hours is None:
        words = f"peak_hours is '{shorten(tariff['peak_hours'])}'"
        draft.complain(f"{path}.peak_hours", words, "write hours of the day such as 8-20")
        return None
    first, last = int(hours[1]), int(hours[2])
    peak = [first <= h < last if first < last else (h >= first or h < last) for h in range(24)]
    if prices[0] is None or prices[1] is None:
        return None
    return [prices[0] if busy else prices[1] for busy in peak]
