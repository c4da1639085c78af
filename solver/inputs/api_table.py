"""Rows of the table of token prices (``apis.csv``) to fields of TokenApi."""

from __future__ import annotations

from typing import Any

from solver.errors import InputError, Place

PRICE_COLUMNS = {
    "input_usd_per_mtok": "input_usd_per_m",
    "output_usd_per_mtok": "output_usd_per_m",
    "cached_input_usd_per_mtok": "cached_input_usd_per_m",
}
LIMIT_COLUMNS = {"requests_per_minute": "requests/minute", "tokens_per_minute": "tokens/minute"}
TEXT_COLUMNS = ("provider", "model", "provider_model_id", "snapshot", "status", "note")
COUNT_COLUMNS = ("context_tokens", "max_output_tokens")
ORIGIN_COLUMNS = ("id", "date", "evidence", "source")
LIMIT_ORIGIN_COLUMNS = ("limit_source", "limit_date", "limit_evidence", "limit_note")
COLUMNS = frozenset(
    (*PRICE_COLUMNS, *LIMIT_COLUMNS, *TEXT_COLUMNS, *COUNT_COLUMNS, *ORIGIN_COLUMNS, *LIMIT_ORIGIN_COLUMNS)
)


def api_fields(row: dict[str, Any], place: Place) -> dict[str, Any]:
    """The fields of one row; prices are in USD per million tokens."""
    unknown = [str(column) for column in row if column not in COLUMNS]
    if unknown or None in row.values():
        what = f"unknown column '{unknown[0]}'" if unknown else "fewer cells than columns"
        raise InputError.at(place.file, place.line, what, "see docs/reference/catalogs.md for the columns")
    fields: dict[str, Any] = {name: row.get(name, "") for name in TEXT_COLUMNS}
    fields.update({name: row[name] for name in COUNT_COLUMNS if row.get(name)})
    origin = {name: row.get(name, "") for name in ("source", "date", "evidence")}
    for column, name in PRICE_COLUMNS.items():
        if row.get(column):
            fields[name] = {"value": row[column], "unit": "USD/Mtok", **origin}
    limit = {name.removeprefix("limit_"): row.get(name, "") for name in LIMIT_ORIGIN_COLUMNS}
    for name, unit in LIMIT_COLUMNS.items():
        if row.get(name):
            fields[name] = {"value": row[name], "unit": unit, **limit}
    return fields
