"""A row of a benchmark file as a run in common units, for each format that is known.

Fields: vLLM ``benchmarks/serve`` (JSON of ``vllm bench serve --save-result``, times in ms); InferenceX
``process_result`` (times in seconds, rates per GPU); NVIDIA aiconfigurator ``best_config_topn.csv`` and
``pareto.csv`` (times in ms, rates of a replica); this project's CSV (docs/reference/measurements.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solver.domain.quantity import Evidence

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


def inner(row: Row, key: str) -> dict[str, Any]:
    """The object under ``key``, empty where there is none."""
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


def vllm_run(line: int, row: Row) -> Run:
    """A run of ``vllm bench serve``; :class:`Unusable` where a value is missing or impossible."""
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


def inferencex_run(line: int, row: Row) -> Run:
    """A run of InferenceX; :class:`Unusable` where a value is missing or impossible."""
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


def aiconfigurator_run(line: int, row: Row) -> Run:
    """A prediction of aiconfigurator; :class:`Unusable` where a value is missing or impossible."""
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


def own_run(line: int, row: Row) -> Run:
    """A run of this project's CSV, its metrics together; :class:`Unusable` where one is missing."""
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
