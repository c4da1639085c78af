"""Demand as people state it (constant, hourly curve, representative day or week) to requests per second."""

from __future__ import annotations

from typing import Any

from solver.errors import InputError
from solver.inputs.draft import Draft, refuse_unknown, rewrite
from solver.inputs.hourly_rows import LENGTHS, either, in_order
from solver.inputs.keys import PEAKS, RATES, SHAPES, section_keys
from solver.inputs.tables import beside, read_table
from solver.inputs.units import parse_quantity
from solver.inputs.validation import shorten

_WRITE = "write requests_per_s: 5, output_tokens_per_s: 100k, day: [24 values] or curve: FILE.csv"


def demand_fields(draft: Draft, data: Any, path: str, mean_output_tokens: float) -> dict[str, Any] | None:
    """The fields of ``Demand``; None after a complaint.

    Output tokens become requests by division by the mean output length of the service.
    """
    if isinstance(data, str):
        data = _from_text(draft, data, path)
        if data is None:
            return None
    if not isinstance(data, dict):
        draft.complain(path, "demand is not a mapping", _WRITE)
        return None
    refuse_unknown(draft, data, ("rate_rps", *section_keys("demand")), path)
    regions = data.get("regions")
    if isinstance(regions, dict) and any(isinstance(stated, dict) for stated in regions.values()):
        return _by_region(draft, data, path, mean_output_tokens)
    before = len(draft.complaints)
    amounts, fields = _amounts(draft, "demand", data, path)
    rates = _rates(draft, amounts, path, mean_output_tokens)
    if rates is None or len(draft.complaints) > before:
        return None
    draft.alias(f"{path}.{next(iter(amounts))}", f"{path}.rate_rps")
    return {**fields, "rate_rps": rates}


def _amounts(
    draft: Draft, section: str, data: dict[str, Any], path: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What states an amount, as it stands, and the other fields."""
    names = (*RATES, *PEAKS, *SHAPES, "rate_rps")
    others = {key: value for key, value in data.items() if key in section_keys(section) and key not in names}
    amounts = {key: data[key] for key in data if key in names}
    return amounts, rewrite(draft, section, others, path)


def _by_region(draft: Draft, data: dict[str, Any], path: str, mean_output: float) -> dict[str, Any] | None:
    """The fields where regions state curves of their own; a total scales them all."""
    before, own = len(draft.complaints), {}
    totals, fields = _amounts(
        draft, "demand", {key: value for key, value in data.items() if key != "regions"}, path
    )
    for key in totals:
        if key not in (*RATES, *PEAKS) or isinstance(totals[key], list):
            words = "the demand states a curve beside those of its regions"
            draft.complain(f"{path}.{key}", words, "leave it out, or state the regions as shares")
    for name, stated in data["regions"].items():
        place = f"{path}.regions.{name}"
        if not isinstance(stated, dict):
            words = f"'{shorten(name)}' has no curve of its own, as another region has"
            draft.complain(place, words, "write {requests_per_s: 5, day: [24 values]} of each region, in UTC")
            continue
        refuse_unknown(draft, stated, ("rate_rps", *section_keys("regional")), place)
        amounts, others = _amounts(draft, "regional", stated, place)
        rates = _rates(draft, amounts, place, mean_output, name)
        own[name] = {**others, "rate_rps": rates}
        draft.alias(place, f"{path}.by_region.{name}")
    if len(draft.complaints) > before:
        return None
    if totals:
        own = _scaled_regions(draft, own, totals, path, mean_output)
    draft.alias(f"{path}.regions", f"{path}.rate_rps")
    return {**fields, "rate_rps": [0.0], "by_region": own} if own else None


def _scaled_regions(
    draft: Draft, own: dict[str, Any], totals: dict[str, Any], path: str, mean_output: float
) -> dict[str, Any]:
    """The curves of all regions times what makes their sum the stated rate; {} after a complaint."""
    length = max(len(fields["rate_rps"]) for fields in own.values())
    curves = [fields["rate_rps"] for fields in own.values()]
    whole = [sum(curve[h % len(curve)] for curve in curves) for h in range(length)]
    if len(totals) > 1:
        names = " and ".join(f"'{key}'" for key in totals)
        draft.complain(f"{path}.{list(totals)[-1]}", f"{names} state the demand twice", "keep one of them")
        return {}
    scaled = _scaled(draft, whole, *next(iter(totals.items())), path, mean_output)
    if scaled is None:
        return {}
    factor = sum(scaled) / sum(whole)
    return {
        name: {**fields, "rate_rps": [rate * factor for rate in fields["rate_rps"]]}
        for name, fields in own.items()
    }


def _from_text(draft: Draft, text: str, path: str) -> dict[str, Any] | None:
    """``5 requests/s`` or ``100k tokens/s`` (output tokens)."""
    for unit, key in (("requests/s", "requests_per_s"), ("tokens/s", "output_tokens_per_s")):
        try:
            return {key: parse_quantity(text, unit, bare=False)}
        except ValueError:
            continue
    draft.complain(
        path, f"demand is '{shorten(text)}'", "write 5 requests/s or 100k tokens/s (output tokens)"
    )
    return None


def _rates(
    draft: Draft, amounts: dict[str, Any], path: str, mean_output: float, region: str = ""
) -> list[float] | None:
    lists = {key: value for key, value in amounts.items() if key in SHAPES or isinstance(value, list)}
    if "rate_rps" in amounts:
        lists["rate_rps"] = amounts["rate_rps"]
    scalars = {key: value for key, value in amounts.items() if key not in lists}
    if len(lists) > 1 or len(scalars) > 1:
        names = " and ".join(f"'{key}'" for key in (lists if len(lists) > 1 else scalars))
        draft.complain(f"{path}.{list(amounts)[-1]}", f"{names} state the demand twice", "keep one of them")
        return None
    if not amounts:
        draft.complain(path, "the demand states no amount", _WRITE)
        return None
    shape = _shape(draft, *next(iter(lists.items())), path, mean_output, region) if lists else [1.0]
    if shape is None or not scalars:
        return shape
    key, value = next(iter(scalars.items()))
    return _scaled(draft, shape, key, value, path, mean_output)


def _scaled(
    draft: Draft, shape: list[float], key: str, value: Any, path: str, mean_output: float
) -> list[float] | None:
    """``shape`` scaled so that its mean (or for ``peak_`` keys its maximum) is the stated rate."""
    level = _scalar(draft, key, value, path, mean_output)
    reference = max(shape) if key in PEAKS else sum(shape) / len(shape)
    if level is None:
        return None
    if reference <= 0:
        draft.complain(f"{path}.{key}", "the curve is 0 in every hour", "write a curve with a positive value")
        return None
    return [level * value / reference for value in shape]


def _scalar(draft: Draft, key: str, value: Any, path: str, mean_output: float) -> float | None:
    """A stated rate in requests per second."""
    noun, seconds = {**RATES, **PEAKS}.get(key, ("requests", 1))
    unit = "requests/s" if noun == "requests" else "tokens/s"
    number = draft.quantity(f"{path}.{key}", value, "count" if seconds > 1 else unit, True)
    if number is None:
        return None
    if number < 0:
        draft.complain(f"{path}.{key}", f"{key} is negative", "write 0 or more")
        return None
    return number / seconds / (mean_output if noun == "output_tokens" else 1.0)


def _shape(
    draft: Draft, key: str, value: Any, path: str, mean_output: float, region: str
) -> list[float] | None:
    place = f"{path}.{key}"
    if key == "curve":
        return _curve(draft, value, place, mean_output, region)
    if key == "week" and isinstance(value, dict):
        return _week(draft, value, place)
    if not isinstance(value, list):
        value = [value]
    expected = {"day": (24,), "week": (168,)}.get(key, LENGTHS)
    if len(value) not in expected:
        draft.complain(place, f"{len(value)} hourly values", f"write {either(expected)} of them")
        return None
    numbers = [_scalar(draft, key, item, path, mean_output) for item in value]
    found = [number for number in numbers if number is not None]
    return found if len(found) == len(numbers) else None


def _week(draft: Draft, value: dict[str, Any], path: str) -> list[float] | None:
    """Five times the 24 hours of a weekday, then twice those of a weekend day (Monday first)."""
    refuse_unknown(draft, value, ("weekday", "weekend"), path)
    days = {}
    for name in ("weekday", "weekend"):
        hours = value.get(name)
        if not isinstance(hours, list) or len(hours) != 24:
            draft.complain(
                f"{path}.{name}", f"week needs 24 values for '{name}'", f"write {name}: [24 values]"
            )
            return None
        days[name] = [_scalar(draft, name, hour, path, 1.0) for hour in hours]
    week = days["weekday"] * 5 + days["weekend"] * 2
    found = [number for number in week if number is not None]
    return found if len(found) == 168 else None


def _curve(draft: Draft, value: Any, path: str, mean_output: float, region: str) -> list[float] | None:
    """Rates from a file; a region's column may bear its name."""
    try:
        table = read_table(beside(draft.folder, value, draft.place(path)))
        name = table.column("rps", "requests_per_s", "output_tokens_per_s")
        if name is None and region:
            name = table.column(region)
        if name is None:
            raise InputError.at(
                table.file,
                1,
                "no column with the rate",
                f"name a column rps{f' or {region}' if region else ''}",
            )
        values = in_order(table, table.numbers(name))
    except InputError as error:
        draft.note(path, error)
        return None
    return [v / mean_output for v in values] if name == "output_tokens_per_s" else values
