"""Runs of benchmark files: the format found, rows read, unusable ones complained of.

Formats: :mod:`solver.inputs.benchmark_rows`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from solver.errors import Complaint, InputError, Place
from solver.inputs.benchmark_rows import (
    Row,
    Run,
    Unusable,
    aiconfigurator_run,
    inferencex_run,
    inner,
    own_run,
    vllm_run,
)
from solver.inputs.yaml_text import decode, read_bytes


def read_runs(path: Path, only: Mapping[str, str] | None = None) -> tuple[list[Run], list[Complaint]]:
    """The usable runs of ``path`` and a complaint for each other; ``only`` keeps rows with these values."""
    read, rows = _opened(path)
    runs: list[Run] = []
    unusable: list[Complaint] = []
    for line, row in rows:
        if any(str(row.get(key, "")) != value for key, value in (only or {}).items()):
            continue
        try:
            runs.append(read(line, row))
        except Unusable as reason:
            unusable.append(Complaint(Place(str(path), line), reason.problem, reason.remedy))
    return runs, unusable


def _opened(path: Path) -> tuple[Callable[[int, Row], Run], list[tuple[int, Row]]]:
    text = decode(read_bytes(path, limit=50_000_000), str(path), tabs=True)
    if path.suffix.lower() == ".csv":
        return _table(path, text)
    rows: list[tuple[int, Row]] = list(_objects(path, text))
    if rows and all("output_throughput" in row for _, row in rows):
        return vllm_run, rows
    rows = [(line, {**row, **inner(row, "metrics")}) for line, row in rows]
    if rows and all("tput_per_gpu" in row for _, row in rows):
        return inferencex_run, rows
    remedy = "known: vllm bench serve --save-result, InferenceX agg_*.json"
    raise InputError.at(str(path), 1, "is no benchmark result that is known here", remedy)


def _table(path: Path, text: str) -> tuple[Callable[[int, Row], Run], list[tuple[int, Row]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows: list[tuple[int, Row]] = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError.at(str(path), reader.line_num, f"not CSV: {error}", "check the quotes") from None
    columns = set(reader.fieldnames or ())
    if {"tokens/s", "tpot", "num_total_gpus"} <= columns:
        return aiconfigurator_run, rows
    if {"metric", "value", "hardware", "model"} <= columns:
        return own_run, _together(rows)
    remedy = "known: aiconfigurator pareto.csv, best_config_topn.csv, and docs/reference/measurements.md"
    raise InputError.at(str(path), 1, "columns are not those of a benchmark that is known here", remedy)


def _objects(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON file: one, a list, or one per line (``--append-result``)."""
    try:
        content = json.loads(text)
        found = list(enumerate(content if isinstance(content, list) else [content], 1))
    except ValueError as whole:
        lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        try:
            found = [(n, json.loads(line)) for n, line in lines]
        except ValueError:
            problem = f"cannot be read: {whole}"
            line = whole.lineno if isinstance(whole, json.JSONDecodeError) else 1
            raise InputError.at(str(path), line, problem, "give the JSON of a benchmark") from None
    for line, row in found:
        if not isinstance(row, dict):
            remedy = "known: vllm bench serve --save-result, InferenceX agg_*.json"
            raise InputError.at(str(path), line, "is no benchmark result that is known here", remedy)
        yield line, row


def _together(rows: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
    """The metrics of one run side by side, at the line of its first."""
    runs: dict[str, tuple[int, dict[str, Any]]] = {}
    for line, row in rows:
        name = row.get("run_id") or row.get("id") or f"line {line}"
        runs.setdefault(name, (line, {**row, "run": name}))[1][f"metric {row['metric']}"] = row["value"]
    return [(line, run) for line, run in runs.values()]
