"""Measured operating points from the files of benchmarks: they take the place of physics where they exist.

Read: JSON of ``vllm bench serve --save-result``; aiconfigurator ``best_config_topn.csv`` and ``pareto.csv``;
InferenceX ``agg_*.json``; the project's own CSV (docs/reference/measurements.md). Mélange instances:
:mod:`solver.inputs.melange`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solver.domain.catalog import MeasuredProfile
from solver.domain.quantity import Evidence, Quantity
from solver.errors import InputError


@dataclass(frozen=True)
class Setting:
    """What the files do not say, in catalog ids; ``chips`` of the system turn GPUs into systems."""

    model: str
    system: str
    chips: int
    weight_precision: str = "fp8"
    systems_per_replica: int = 1
    date: str = "unknown"


@dataclass(frozen=True)
class _Point:
    """One run in common units."""

    name: str
    tpot_ms: float
    total_tok_s: float
    sequences: float | None
    prompt: float | None
    output: float | None
    ttft_ms: float | None
    gpus: float | None
    date: str = ""
    precision: str = ""
    evidence: Evidence = "measured"


def read_profiles(path: Path, setting: Setting) -> tuple[MeasuredProfile, ...]:
    """All operating points of ``path``; the format is recognised by its keys or columns."""
    points = _csv_points(path) if path.suffix.lower() == ".csv" else _json_points(path)
    found = tuple(_profile(path, point, setting, i) for i, point in enumerate(points))
    if not found:
        raise InputError.at(
            str(path), 0, "holds no run with a time per output token", "give a finished benchmark"
        )
    return found


def _profile(path: Path, p: _Point, s: Setting, number: int) -> MeasuredProfile:
    def quantity(value: float, unit: str) -> Quantity:
        when = p.date or s.date
        return Quantity(
            value=value, unit=unit, source=f"{path.name}: {p.name}", date=when, evidence=p.evidence
        )

    if p.tpot_ms <= 0 or p.total_tok_s <= 0:
        problem = f"run {p.name}: time per token {p.tpot_ms:g} ms, {p.total_tok_s:g} tok/s"
        raise InputError.at(str(path), number + 1, problem, "leave out runs that produced nothing")
    systems = s.systems_per_replica
    if p.gpus:
        systems = max(1, -(-int(p.gpus) // s.chips))
    return MeasuredProfile(
        id=f"{s.system}/{s.model}/{path.stem}-{number}",
        model=s.model,
        system=s.system,
        systems_per_replica=systems,
        weight_precision=p.precision or s.weight_precision,
        output_tok_s_per_user=quantity(1e3 / p.tpot_ms, "tok/s"),
        output_tok_s_total=quantity(p.total_tok_s, "tok/s"),
        sequences=quantity(p.sequences, "sequences") if p.sequences else None,
        prompt_tokens=round(p.prompt) if p.prompt else None,
        output_tokens=round(p.output) if p.output else None,
        ttft_ms=quantity(p.ttft_ms, "ms") if p.ttft_ms else None,
    )


def _json_points(path: Path) -> list[_Point]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError.at(
            str(path), 0, f"cannot be read: {error}", "give the JSON of a benchmark"
        ) from error
    rows = content if isinstance(content, list) else [content]
    kinds: tuple[tuple[str, Callable[[Mapping[str, Any]], _Point | None]], ...] = (
        ("output_throughput", _vllm),
        ("tput_per_gpu", _inferencex),
    )
    for key, reader in kinds:
        if rows and all(isinstance(r, dict) and key in r for r in rows):
            return _each(path, rows, reader)
    remedy = "known: vllm bench serve --save-result, InferenceX agg_*.json"
    raise InputError.at(str(path), 1, "is no benchmark result that is known here", remedy)


def _csv_points(path: Path) -> list[_Point]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError.at(str(path), 0, f"cannot be read: {error}", "give a CSV file") from error
    columns = set(rows[0]) if rows else set()
    if {"tokens/s", "tpot", "num_total_gpus"} <= columns:
        return _each(path, rows, _aiconfigurator)
    if {"run_id", "metric", "value"} <= columns:
        return _each(path, _runs(rows), _project)
    remedy = (
        "known: aiconfigurator pareto.csv and best_config_topn.csv, and the project's measurement columns"
    )
    raise InputError.at(str(path), 1, "columns are not those of a benchmark that is known here", remedy)


def _each(
    path: Path, rows: Iterable[Mapping[str, Any]], reader: Callable[[Mapping[str, Any]], _Point | None]
) -> list[_Point]:
    """Points of all rows that measured decoding; a wrong row is named."""
    found = []
    for number, row in enumerate(rows):
        try:
            point = reader(row)
        except (KeyError, TypeError, ValueError) as error:
            problem = f"run {number + 1}: {error!r}"
            raise InputError.at(str(path), number + 1, problem, "a number is missing or malformed") from error
        if point is not None:
            found.append(point)
    return found


def _maybe(row: Mapping[str, Any], *names: str) -> float | None:
    """First value of ``names`` that is a number."""
    for name in names:
        value = row.get(name)
        if value not in (None, "", "inf"):
            return float(value)
    return None


def _vllm(row: Mapping[str, Any]) -> _Point | None:
    """Times in ms; lengths are means of the completed requests."""
    completed = float(row["completed"])
    tpot = _maybe(row, "mean_tpot_ms", "median_tpot_ms")
    if tpot is None or not completed:
        return None
    stamp = str(row.get("date", ""))
    return _Point(
        name=str(row.get("model_id", "run")),
        tpot_ms=tpot,
        total_tok_s=float(row["output_throughput"]),
        sequences=_maybe(row, "max_concurrency"),
        prompt=float(row["total_input_tokens"]) / completed,
        output=float(row["total_output_tokens"]) / completed,
        ttft_ms=_maybe(row, "mean_ttft_ms", "median_ttft_ms"),
        gpus=None,
        date=f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}" if stamp[:8].isdigit() else "",
    )


def _inferencex(row: Mapping[str, Any]) -> _Point | None:
    """Times in seconds, rates per GPU."""
    tpot = _maybe(row, "mean_tpot", "median_tpot")
    if tpot is None:
        return None
    prefill, decode = _maybe(row, "num_prefill_gpu"), _maybe(row, "num_decode_gpu")
    gpus = prefill + decode if prefill and decode else _maybe(row, "num_gpus", "tp") or 1.0
    ttft = _maybe(row, "mean_ttft", "median_ttft")
    return _Point(
        name=f"{row.get('hw', '')} {row.get('framework', '')} concurrency {row.get('conc', '?')}",
        tpot_ms=1e3 * tpot,
        total_tok_s=gpus * float(row.get("output_tput_per_gpu") or row["tput_per_gpu"]),
        sequences=_maybe(row, "conc"),
        prompt=_maybe(row, "isl"),
        output=_maybe(row, "osl"),
        ttft_ms=1e3 * ttft if ttft else None,
        gpus=gpus,
        precision=_precision(str(row.get("precision", ""))),
    )


def _aiconfigurator(row: Mapping[str, Any]) -> _Point | None:
    """Times in ms, rates of the whole replica; predictions of that tool, named as such."""
    if not float(row["tpot"]):
        return None
    return _Point(
        name=f"aiconfigurator {row.get('backend', '')} {row.get('version', '')} (its prediction)",
        tpot_ms=float(row["tpot"]),
        total_tok_s=float(row["tokens/s"]),
        sequences=_maybe(row, "concurrency", "bs"),
        prompt=_maybe(row, "isl"),
        output=_maybe(row, "osl"),
        ttft_ms=_maybe(row, "ttft"),
        gpus=_maybe(row, "num_total_gpus"),
        evidence="derived",
    )


def _runs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Metrics of one run side by side."""
    runs: dict[str, dict[str, Any]] = {}
    for row in rows:
        run = runs.setdefault(row["run_id"] or row.get("id", ""), {**row, "metrics": {}})
        run["metrics"][row["metric"]] = float(row["value"])
    return list(runs.values())


def _project(row: Mapping[str, Any]) -> _Point | None:
    """The project's columns: a run needs a speed per user and a rate or a concurrency."""
    m: Mapping[str, float] = row["metrics"]
    tpot = m.get("tpot_ms") or (1e3 / m["output_tok_s_per_user"] if "output_tok_s_per_user" in m else None)
    sequences, output = _maybe(row, "concurrency_or_batch"), _maybe(row, "osl")
    if tpot is None:
        return None
    total = m.get("output_tok_s_total")
    if total is None and sequences and output:
        total = sequences * output / ((m.get("ttft_ms", 0.0) + output * tpot) / 1e3)
    if total is None:
        return None
    return _Point(
        name=f"{row.get('source', '')} {row.get('run_id', '')}".strip(),
        tpot_ms=tpot,
        total_tok_s=total,
        sequences=sequences,
        prompt=_maybe(row, "isl"),
        output=output,
        ttft_ms=m.get("ttft_ms"),
        gpus=_maybe(row, "n_devices"),
        date=str(row.get("date", "")),
        precision=_precision(str(row.get("precision_weights", ""))),
    )


def _precision(text: str) -> str:
    """fp16, fp8 or fp4; empty where the file does not say."""
    from solver.performance.names import weight_precision

    found = weight_precision(text)
    return "fp4" if found == "mxfp4" else found
