"""Demand as people state it (constant, hourly curve, representative day or week) to requests per second."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from solver.errors import Complaint, InputError, Place
from solver.inputs.draft import Draft, refuse_unknown, rewrite
from solver.inputs.keys import PEAKS, RATES, SHAPES, section_keys
from solver.inputs.tables import Table, beside, plain_number, read_table
from solver.inputs.units import parse_quantity
from solver.inputs.validation import shorten

LENGTHS = (1, 24, 168, 8760)
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
    known = ("rate_rps", *section_keys("demand"))
    refuse_unknown(draft, data, known, path)
    options = {key: value for key, value in data.items() if key in section_keys("demand")}
    amounts = {key: value for key, value in options.items() if key in (*RATES, *PEAKS, *SHAPES)}
    fields = rewrite(draft, "demand", {k: v for k, v in options.items() if k not in amounts}, path)
    if "rate_rps" in data:
        amounts["rate_rps"] = data["rate_rps"]
    before = len(draft.complaints)
    rates = _rates(draft, amounts, path, mean_output_tokens)
    if rates is None or len(draft.complaints) > before:
        return None
    draft.alias(f"{path}.{next(iter(amounts))}", f"{path}.rate_rps")
    return {**fields, "rate_rps": rates}


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


def _rates(draft: Draft, amounts: dict[str, Any], path: str, mean_output: float) -> list[float] | None:
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
    shape = _shape(draft, *next(iter(lists.items())), path, mean_output) if lists else [1.0]
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


def _shape(draft: Draft, key: str, value: Any, path: str, mean_output: float) -> list[float] | None:
    place = f"{path}.{key}"
    if key == "curve":
        return _curve(draft, value, place, mean_output)
    if key == "week" and isinstance(value, dict):
        return _week(draft, value, place)
    if not isinstance(value, list):
        value = [value]
    expected = {"day": (24,), "week": (168,)}.get(key, LENGTHS)
    if len(value) not in expected:
        draft.complain(place, f"{len(value)} hourly values", f"write {_or(expected)} of them")
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


def _curve(draft: Draft, value: Any, path: str, mean_output: float) -> list[float] | None:
    try:
        table = read_table(beside(draft.folder, value, draft.place(path)))
        name = table.column("rps", "requests_per_s", "output_tokens_per_s")
        if name is None:
            raise InputError.at(table.file, 1, "no column with the rate", "name a column rps")
        values = _in_order(table, table.numbers(name))
    except InputError as error:
        draft.note(path, error)
        return None
    return [v / mean_output for v in values] if name.startswith("output") else values


def _in_order(table: Table, values: list[float]) -> list[float]:
    """Values by hour: column ``hour`` counts 0, 1, 2, ...; column ``timestamp`` goes up by one hour."""
    if len(values) not in LENGTHS:
        problem = f"{len(values)} hourly rows"
        raise InputError.at(table.file, table.lines[-1], problem, f"write {_or(LENGTHS)} of them")
    if name := table.column("hour"):
        for hour, line, text in zip(range(len(values)), table.lines, table.texts(name), strict=True):
            if plain_number(text) != hour:
                raise InputError.at(table.file, line, f"hour '{shorten(text)}'", f"write {hour} here")
    elif name := table.column("timestamp", "TIMESTAMP"):
        _check_times(table, name)
    else:
        raise InputError.at(table.file, 1, "no column with the hour", "name a column hour or timestamp")
    return values


def _check_times(table: Table, name: str) -> None:
    previous: datetime | None = None
    for line, text in zip(table.lines, table.texts(name), strict=True):
        try:
            time = datetime.fromisoformat(text.strip())
            steady = previous is None or time - previous == timedelta(hours=1)
        except (ValueError, TypeError):
            problem = f"'{shorten(text)}' is not a time"
            remedy = "write it like 2027-01-01T00:00"
            raise InputError(Complaint(Place(table.file, line), problem, remedy)) from None
        if not steady:
            problem = f"'{shorten(text)}' is not one hour after the row above"
            raise InputError.at(table.file, line, problem, "write one row per hour, in order")
        previous = time


def _or(counts: tuple[int, ...]) -> str:
    words = [str(count) for count in counts]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
