"""Lengths as people state them (one pair, a joint histogram, quantiles, a trace) to length buckets."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log
from statistics import NormalDist
from typing import Any

from solver.errors import InputError
from solver.inputs.draft import Draft, refuse_unknown
from solver.inputs.keys import section_keys
from solver.inputs.tables import Table, beside, read_table
from solver.inputs.validation import shorten

Bucket = dict[str, Any]

MAX_BUCKETS = 1000
FIELDS = ("prompt_tokens", "output_tokens", "share", "prompt_max", "output_max")
_FORMS = ("histogram", "quantiles", "trace")
_WRITE = "write {prompt: 512, output: 128}, {histogram: FILE.csv}, {quantiles: ...} or {trace: FILE.csv}"
_NORMAL = NormalDist()
_TAIL = 0.999  # where the last cell of a quantile table ends unless p100 is stated


def length_buckets(draft: Draft, data: Any, path: str) -> list[Bucket] | None:
    """The buckets of ``lengths``; None after a complaint."""
    before = len(draft.complaints)
    if isinstance(data, list):
        buckets = _listed(draft, data, path)
    elif isinstance(data, dict):
        buckets = _from_mapping(draft, data, path)
    else:
        draft.complain(path, f"lengths is '{shorten(data)}'", _WRITE)
        return None
    if len(draft.complaints) == before and not buckets:
        draft.complain(path, "lengths states nothing", _WRITE)
    elif len(buckets) > MAX_BUCKETS:
        draft.complain(path, f"{len(buckets)} length buckets", f"write at most {MAX_BUCKETS}")
    elif len(draft.complaints) == before:
        _check_shares(draft, buckets, path)
    return buckets if len(draft.complaints) == before else None


def _check_shares(draft: Draft, buckets: list[Bucket], path: str) -> None:
    shares = [bucket.get("share") for bucket in buckets]
    total = sum(share for share in shares if share is not None)
    if None not in shares and abs(total - 1) > 1e-6:
        draft.complain(
            path, f"the shares of the length histogram add up to {total:g}", "make them add up to 1"
        )


def _from_mapping(draft: Draft, data: dict[str, Any], path: str) -> list[Bucket]:
    before = len(draft.complaints)
    refuse_unknown(draft, data, (*section_keys("lengths"), "prompt_max", "output_max"), path)
    forms = [key for key in _FORMS if key in data] + (["prompt"] if "prompt" in data else [])
    if len(forms) != 1:
        problem = f"lengths states {' and '.join(forms) or 'nothing'}"
        if len(draft.complaints) == before:
            draft.complain(path, problem, _WRITE)
        return []
    form = forms[0]
    if form == "prompt":
        return _single(draft, data, path)
    if form == "quantiles":
        return _quantiles(draft, data[form], f"{path}.{form}")
    if form == "histogram" and isinstance(data[form], list):
        return _listed(draft, data[form], f"{path}.{form}")
    try:
        file = beside(draft.folder, data[form], draft.place(f"{path}.{form}"))
        if form == "histogram":
            return histogram_rows(read_table(file))
        return _trace(draft, file, data, path)
    except InputError as error:
        draft.note(path, error)
        return []


def _single(draft: Draft, data: dict[str, Any], path: str) -> list[Bucket]:
    names = {"prompt": "prompt_tokens", "output": "output_tokens"}
    bucket: Bucket = {"share": 1.0}
    for key in ("prompt", "output", "prompt_max", "output_max"):
        if key in data or key == "output":
            number = draft.quantity(f"{path}.{key}", data.get(key), "tokens")
            bucket[names.get(key, key)] = number
            draft.alias(f"{path}.{key}", f"{path}.0.{names.get(key, key)}")
    return [bucket]


def _listed(draft: Draft, rows: list[Any], path: str) -> list[Bucket]:
    if len(rows) > MAX_BUCKETS:
        draft.complain(path, f"{len(rows)} length buckets", f"write at most {MAX_BUCKETS}")
        return []
    buckets = []
    for index, row in enumerate(rows):
        place = f"{path}.{index}"
        if isinstance(row, dict):
            refuse_unknown(draft, row, FIELDS, place)
            pairs = [(key, value) for key, value in row.items() if key in FIELDS]
        elif isinstance(row, list) and 3 <= len(row) <= 5:
            pairs = list(zip(FIELDS, row, strict=False))
        else:
            draft.complain(place, f"'{shorten(row)}' is not a row", "write [prompt, output, share]")
            continue
        units = {"share": "share"}
        buckets.append({k: draft.quantity(f"{place}.{k}", v, units.get(k, "tokens")) for k, v in pairs})
    return buckets


def histogram_rows(table: Table) -> list[Bucket]:
    """Buckets of a histogram table: ``share`` as written, or ``requests`` (counts) divided by their sum."""
    for name in ("prompt_tokens", "output_tokens"):
        if name not in table.header:
            raise InputError.at(table.file, 1, f"no column {name}", f"name a column {name}")
    weight = table.column("share", "requests")
    if weight is None:
        raise InputError.at(table.file, 1, "no column with the share", "name a column share or requests")
    columns = {name: table.numbers(name) for name in (*FIELDS, weight) if name in table.header}
    if weight == "requests":
        total = sum(columns["requests"])
        if total <= 0:
            raise InputError.at(table.file, table.lines[0], "no requests", "write counts above 0")
        columns["share"] = [count / total for count in columns.pop("requests")]
    rows = zip(*columns.values(), strict=True)
    return [bucket for row in rows if (bucket := dict(zip(columns, row, strict=True)))["share"] > 0]


def _trace(draft: Draft, file: Any, data: dict[str, Any], path: str) -> list[Bucket]:
    from solver.inputs.trace_statistics import joint_histogram
    from solver.inputs.traces import read_trace

    columns = data.get("columns")
    if columns is not None and not isinstance(columns, dict):
        draft.complain(f"{path}.columns", "columns is not a mapping", "write {prompt: NAME, output: NAME}")
        return []
    cells = draft.quantity(f"{path}.cells", data.get("cells", "12"), "count")
    if cells is None or not 1 <= cells <= MAX_BUCKETS or cells != int(cells):
        draft.complain(f"{path}.cells", "cells is not a count", f"write a whole number of 1 to {MAX_BUCKETS}")
        return []
    trace = read_trace(file, columns)
    buckets = joint_histogram(trace.prompt_tokens, trace.output_tokens, int(cells))
    return [bucket.model_dump() for bucket in buckets]


def _quantiles(draft: Draft, data: Any, path: str) -> list[Bucket]:
    """Independent prompt and output lengths, each piecewise log-normal between its quantiles."""
    if not isinstance(data, dict):
        draft.complain(
            path, "quantiles is not a mapping", "write {prompt: {p50: 400, p90: 2000}, output: ...}"
        )
        return []
    refuse_unknown(draft, data, ("prompt", "output"), path)
    sides = [_points(draft, data.get(name), f"{path}.{name}") for name in ("prompt", "output")]
    if not all(sides):
        return []
    try:
        prompts, outputs = (quantile_cells(points) for points in sides)
    except OverflowError:
        draft.complain(path, "the quantiles spread too far", "write quantiles that grow more slowly")
        return []
    return [
        {"prompt_tokens": p, "prompt_max": p_max, "output_tokens": o, "output_max": o_max, "share": ps * os}
        for p, p_max, ps in prompts
        for o, o_max, os in outputs
    ]


def _points(draft: Draft, data: Any, path: str) -> list[tuple[float, float]]:
    """(probability, tokens) in increasing order; empty after a complaint."""
    if not isinstance(data, dict) or not data:
        draft.complain(path, "no quantiles", "write {p50: 400, p90: 2000, p99: 6000}")
        return []
    points = []
    for name, value in data.items():
        place = f"{path}.{name}"
        percent = 100.0 if name == "p100" else (draft.percentile(place, name) or 0.0) * 100
        tokens = draft.quantity(place, value, "tokens")
        if tokens is not None and tokens <= 0:
            draft.complain(place, f"{name} is '{shorten(value)}'", "write more than 0 tokens")
        elif tokens is not None and percent > 0:
            points.append((percent / 100, tokens))
    points.sort()
    if len(points) < len(data):
        return []
    if any(a[1] > b[1] or a[0] == b[0] for a, b in pairwise(points)):
        draft.complain(path, "the quantiles decrease", "write tokens that grow with the percentile")
        return []
    if points[0][0] == 1.0:
        draft.complain(path, "only the maximum is stated", "add p50")
        return []
    return points


def quantile_cells(points: list[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """Cells (mean, maximum, share) between the quantiles of a piecewise log-normal distribution.

    ln(tokens) is linear in the normal score z between neighbouring quantiles, and goes on with the slope of
    the first and last pair; the mean over a cell is the partial expectation of the log-normal,
    exp(a + b²/2) (Φ(z2 - b) - Φ(z1 - b)) / (Φ(z2) - Φ(z1)), with ln(tokens) = a + b z. The last cell is cut
    at p100 where stated, else its maximum is the 99.9th percentile.
    """
    if len(points) == 1:
        return [(points[0][1], points[0][1], 1.0)]
    top = points[-1][1] if points[-1][0] == 1.0 else None
    scores = [(_NORMAL.inv_cdf(p), log(tokens)) for p, tokens in points if p < 1.0]
    if len(scores) == 1:
        assert top is not None
        scores.append((_NORMAL.inv_cdf(_TAIL), log(top)))
    borders = [-_NORMAL.inv_cdf(_TAIL), *(z for z, _ in scores), max(_NORMAL.inv_cdf(_TAIL), scores[-1][0])]
    cells = []
    for index, (z1, z2) in enumerate(pairwise(borders)):
        if z2 <= z1:
            continue
        pair = min(max(index - 1, 0), len(scores) - 2)
        (za, la), (zb, lb) = scores[pair], scores[pair + 1]
        slope = (lb - la) / (zb - za)
        start = la - slope * za
        mass = _NORMAL.cdf(z2) - _NORMAL.cdf(z1)
        partial = exp(start + slope**2 / 2) * (_NORMAL.cdf(z2 - slope) - _NORMAL.cdf(z1 - slope))
        high = exp(start + slope * z2)
        cells.append((partial / mass, round(high, 6), mass))
    total = sum(mass for *_, mass in cells)
    limit = float("inf") if top is None else top
    return [(min(mean, limit), min(high, limit), mass / total) for mean, high, mass in cells]
