"""Runs of benchmark files in common units.

Fields: vLLM ``benchmarks/serve`` (JSON of ``vllm bench serve --save-result``, times in ms); InferenceX
``process_result`` (times in seconds, rates per GPU); NVIDIA aiconfigurator ``best_config_topn.csv`` and
``pareto.csv`` (times in ms, rates of a replica); this project's CSV (docs/reference/measurements.md).
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solver.domain.quantity import Evidence
from solver.errors import Complaint, InputError, Place
from solver.inputs.yaml_text import decode, read_bytes

Row = Mapping[str, Any]


class Unusable(ValueError):
    """Why a run gives no operating point, and what would."""

    def __init__(self, problem: str, remedy: str = "leave the run out") -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(problem)


@dataclass(frozen=True)
class Run:
    """One benchmark run; what the file does not tell is empty, 0 or None."""

    line: int
    name: str
    hardware: str
    model: str
    tpot_ms: float  # mean time per output token after the first
    output_tok_s: float  # all concurrent requests together
    sequences: float | None
    prompt_tokens: float | None
    output_tokens: float | None
    ttft_ms: float | None
    chips: float  # that served, 0: not told
    date: str
    precision: str  # of the weights, in words of the source
    evidence: Evidence = "measured"
    note: str = ""


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
        return _vllm, rows
    rows = [(line, {**row, **_inner(row, "metrics")}) for line, row in rows]
    if rows and all("tput_per_gpu" in row for _, row in rows):
        return _inferencex, rows
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
        return _aiconfigurator, rows
    if {"metric", "value", "hardware", "model"} <= columns:
        return _own, _together(rows)
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


def _inner(row: Row, key: str) -> dict[str, Any]:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _number(row: Row, *names: str) -> float | None:
    """The first value of ``names`` that is there."""
    for name in names:
        value = row.get(name)
        if value is None or value == "":
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise Unusable(f"{name} is '{value}', not a number", "correct it") from None
        if not math.isfinite(number) or number < 0:
            raise Unusable(f"{name} is {number:g}", "leave out runs that failed")
        return number
    return None


def _positive(row: Row, what: str, *names: str) -> float:
    number = _number(row, *names)
    if not number:
        raise Unusable(f"no {what}" + (f" ({' or '.join(names)})" if names else ""))
    return number


def _vllm(line: int, row: Row) -> Run:
    completed = _positive(row, "finished request", "completed")
    sizes = [_number(row, f"{kind}_parallel_size") for kind in ("tensor", "pipeline", "data")]
    stamp = re.match(r"(\d{4})(\d\d)(\d\d)", str(row.get("date", "")))
    prompt, output = _number(row, "total_input_tokens"), _number(row, "total_output_tokens")
    return Run(
        line=line,
        name=f"vllm bench serve of {row.get('model_id', 'a model')}",
        hardware="",
        model=str(row.get("model_id") or ""),
        tpot_ms=_positive(row, "time per output token", "mean_tpot_ms", "median_tpot_ms"),
        output_tok_s=_positive(row, "throughput", "output_throughput"),
        sequences=_number(row, "max_concurrency"),
        prompt_tokens=prompt and prompt / completed,
        output_tokens=output and output / completed,
        ttft_ms=_number(row, "mean_ttft_ms", "median_ttft_ms"),
        chips=math.prod(size or 1 for size in sizes) if any(sizes) else 0,
        date="-".join(stamp.groups()) if stamp else "",
        precision="",
    )


def _inferencex(line: int, row: Row) -> Run:
    apart = str(row.get("disagg", "")).lower() == "true"
    if apart:
        chips = sum(_positive(row, "count of GPUs", f"num_{pool}_gpu") for pool in ("prefill", "decode"))
    else:
        chips = _positive(row, "count of GPUs", "num_gpus", "tp", "num_decode_gpu", "decode_tp")
    each = None if apart else _number(row, "output_tput_per_gpu")  # per decode GPU where pools are apart
    if not each:
        prompt, output = _positive(row, "prompt length", "isl"), _positive(row, "output length", "osl")
        each = _positive(row, "throughput", "tput_per_gpu") * output / (prompt + output)
    ttft = _number(row, "mean_ttft", "median_ttft")
    words = (row.get(key) for key in ("framework", "conc", "spec_decoding"))
    return Run(
        line=line,
        name="InferenceX " + ", ".join(str(word) for word in words if word not in (None, "", "none")),
        hardware=str(row.get("hw") or row.get("hardware") or ""),
        model=str(row.get("model") or ""),
        tpot_ms=1e3 * _positive(row, "time per output token", "mean_tpot", "median_tpot"),
        output_tok_s=chips * each,
        sequences=_number(row, "conc"),
        prompt_tokens=_number(row, "isl"),
        output_tokens=_number(row, "osl"),
        ttft_ms=None if ttft is None else 1e3 * ttft,
        chips=chips,
        date=str(row.get("date") or "")[:10],
        precision=str(row.get("precision") or ""),
        note="prefill and decode on separate GPUs" if apart else "",
    )


def _aiconfigurator(line: int, row: Row) -> Run:
    return Run(
        line=line,
        name=f"aiconfigurator {row.get('backend') or ''} {row.get('version') or ''}".strip(),
        hardware=str(row.get("system") or ""),
        model=str(row.get("model") or ""),
        tpot_ms=_positive(row, "time per output token", "tpot"),
        output_tok_s=_positive(row, "throughput", "tokens/s"),
        sequences=_number(row, "concurrency", "bs"),
        prompt_tokens=_number(row, "isl"),
        output_tokens=_number(row, "osl"),
        ttft_ms=_number(row, "ttft"),
        chips=_positive(row, "count of GPUs", "num_total_gpus"),
        date="",
        precision=str(row.get("gemm") or ""),
        evidence="derived",
        note="a prediction of that tool, not a measurement",
    )


def _together(rows: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
    """The metrics of one run side by side, at the line of its first."""
    runs: dict[str, tuple[int, dict[str, Any]]] = {}
    for line, row in rows:
        name = row.get("run_id") or row.get("id") or f"line {line}"
        runs.setdefault(name, (line, {**row, "run": name}))[1][f"metric {row['metric']}"] = row["value"]
    return [(line, run) for line, run in runs.values()]


def _own(line: int, row: Row) -> Run:
    output, sequences = _number(row, "osl"), _number(row, "concurrency_or_batch")
    ttft, speed = _number(row, "metric ttft_ms"), _number(row, "metric output_tok_s_per_user")
    tpot = _number(row, "metric tpot_ms") or (1e3 / speed if speed else 0.0)
    if not tpot:
        raise Unusable("no time per output token (tpot_ms or output_tok_s_per_user)")
    total, both = _number(row, "metric output_tok_s_total"), _number(row, "metric total_tok_s")
    evidence: Evidence = "measured"
    note = ""
    if not total and both and output:
        total = both * output / (output + (_number(row, "isl") or 0.0))
    if not total and sequences and output and ttft is not None:
        total = sequences * output / ((ttft + (output - 1) * tpot) / 1e3)
        evidence, note = "derived", "concurrency x output / (time to first token + output x time per token)"
    if not total:
        raise Unusable("no throughput (output_tok_s_total, total_tok_s, or ttft_ms with a concurrency)")
    return Run(
        line=line,
        name=f"{row.get('source') or ''} {row['run']}".strip(),
        hardware=str(row.get("hardware") or ""),
        model=str(row.get("model") or ""),
        tpot_ms=tpot,
        output_tok_s=total,
        sequences=sequences,
        prompt_tokens=_number(row, "isl"),
        output_tokens=output,
        ttft_ms=ttft,
        chips=_number(row, "n_devices") or 0.0,
        date=str(row.get("date") or ""),
        precision=str(row.get("precision_weights") or ""),
        evidence=evidence,
        note=note,
    )
