"""From a measurement file to catalogs/calibration.yaml: fit, cross-validate, write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.performance import crossval
from solver.performance.calibration import LEVELS, NOVELTY, Latency, effect_keys
from solver.performance.constants import NAMES
from solver.performance.fit import Effects, fit
from solver.performance.measured import Rows, row_marks
from solver.performance.serving import predict_latency

Floats = NDArray[np.float64]
Tell = Callable[[str], None]

#: Family -> engine generation that plans assume: the newest with rows on that family or its neighbours.
CURRENT = {
    **dict.fromkeys(
        ("nvidia-ampere", "nvidia-ada", "nvidia-hopper", "nvidia-blackwell", "nvidia-blackwell-pcie"),
        "vllm-2026",
    ),
    **dict.fromkeys(("amd-cdna2", "amd-cdna3", "amd-cdna4"), "vllm-2025"),
    "intel-gaudi": "habana-2026",
    "intel-gpu": "mlperf-6",
    "aws-neuron": "neuron-2024",
    "google-tpu": "vllm-tpu-2026",
    "sambanova": "sambaflow-2024",
    "tenstorrent": "tt-metal-2025",
    **dict.fromkeys(("qualcomm", "etched", "cpu", "accelerator", "hbf"), "vllm-2026"),
}
RELATIVES = {"hbf": "nvidia-blackwell"}  # the others without rows fall back on all accelerators

_CS3 = "published CS-3 speeds without speculation: 1,800 tok/s (8B) and 450 tok/s (70B), 2024-08"
_GROQ = "published LPU speeds without speculation, 7B to 70B: 42 to 50 us per layer, 2024"
_NONE = "no device exists; inherited from "
#: Latencies before the fit, with their spread and source.
LATENCIES: dict[str, tuple[Latency, float, str]] = {
    "cerebras": (Latency(7.0, 2.54, 2.0, 1.0, 0.5, 0.3, 200.0, 1.0), 1.5, _CS3),
    "groq": (Latency(45.0, 0.0, 12.0, 1.0, 0.5, 0.3, 200.0, 1.0), 1.4, _GROQ),
    "taalas": (
        Latency(1.8, 0.0, 0.0, 0.0, 1.0, 1.0, 20.0, 1.0),
        1.5,
        "published 17,000 tok/s of an 8B model",
    ),
    "graphcore": (Latency(45.0, 0.0, 12.0, 1.0, 0.5, 0.3, 200.0, 1.0), 2.0, "no rows; inherited from groq"),
    "sram-chip": (Latency(45.0, 0.0, 12.0, 1.0, 0.5, 0.3, 200.0, 1.0), 2.0, "no rows; inherited from groq"),
    "d-matrix": (
        Latency(25.0, 0.0, 12.0, 0.0, 0.5, 0.3, 200.0, 48.0),
        2.0,
        "vendor: 2 ms per token of a 70B model",
    ),
    "nvm-wafer": (Latency(7.0, 2.54, 2.0, 1.0, 0.5, 0.3, 200.0, 1.0), 2.5, _NONE + "cerebras"),
    "nvm-chip": (Latency(45.0, 0.0, 12.0, 1.0, 0.5, 0.3, 200.0, 1.0), 2.5, _NONE + "groq"),
}
_HEIRS = {"graphcore": "groq", "sram-chip": "groq", "nvm-wafer": "cerebras", "nvm-chip": "groq"}
_MARKS = 120  # a tenth of the fitted rows holds none of them with a probability of 3e-6
_UNKNOWN_SPREAD = 4.0  # where no row tells
_LATENCY_WIDTH = 0.4  # prior standard deviation of the logarithm of a latency


def calibrate(rows: Rows, file: Path, date: str, folds: int, tell: Tell) -> dict[str, Any]:
    """Everything that calibration.yaml holds, from the mapped rows of ``file``."""
    nodes = rows.take(~rows.pipeline)
    tell(f"fitting {len(nodes):,} rows")
    effects = fit(nodes, rounds=40)
    groups = crossval.metric_groups(nodes)
    spreads: dict[str, dict[str, float]] = {}
    errors: dict[str, dict[str, dict[str, float]]] = {}
    for kind in crossval.KINDS:
        if not crossval.can_leave_out(nodes, kind):
            continue
        tell(f"leaving out each {kind}, in {folds} folds")
        residuals = crossval.left_out(nodes, kind, folds)
        words = crossval.novelty(nodes, kind, folds)
        errors[kind] = {
            g: summary(residuals[groups == g]) for g in crossval.GROUP_NAMES if (groups == g).any()
        }
        for word in np.unique(words.astype(str)):
            mine = words == word
            spreads[word] = {g: half_width(residuals[mine & (groups == g)]) for g in crossval.GROUP_NAMES}
    latencies = _fit_latencies(
        rows.take(rows.pipeline & (rows.speculation == "") & (rows.labels.mode == "single-stream"))
    )
    return {
        "date": date,
        "source": "public benchmarks of whole models on whole systems (see docs/reference/measurements.md)",
        "marks": sorted(row_marks(file))[:_MARKS],
        "rows": len(rows),
        "constants": list(NAMES),
        "effects": _effect_table(nodes, effects),
        "spreads": _filled(spreads),
        "left_out_errors": errors,
        "models": sorted(set(map(str, nodes.labels.model))),
        "current": CURRENT,
        "relatives": RELATIVES,
        "latencies": latencies,
    }


def half_width(errors: Floats) -> float:
    """Factor within which 80 % of the predictions lie."""
    return round(float(np.exp(np.quantile(np.abs(errors), 0.8))), 4) if len(errors) else 0.0


def _filled(spreads: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Spreads for every novelty; what the file cannot measure gets the widest of the others."""
    names = crossval.GROUP_NAMES
    widest = {g: max((s[g] for s in spreads.values()), default=0.0) or _UNKNOWN_SPREAD for g in names}
    return {k: {g: spreads.get(k, {}).get(g) or widest[g] for g in names} for k in NOVELTY}


def summary(errors: Floats) -> dict[str, float]:
    """Absolute percentage errors from logarithmic ones."""
    ape = np.abs(np.expm1(errors))
    if not len(ape):
        return {"rows": 0}
    figures = {
        "rows": len(ape),
        "median_ape": float(np.median(ape)),
        "mean_ape": float(ape.mean()),
        "p90_ape": float(np.quantile(ape, 0.9)),
        "within_half": float((ape <= 0.5).mean()),
    }
    return {k: round(v, 4) for k, v in figures.items()}


def _effect_table(rows: Rows, effects: Effects) -> dict[str, dict[str, Any]]:
    counts: Counter[tuple[str, str]] = Counter()
    labels = (rows.labels.family, rows.labels.generation, rows.labels.system, rows.labels.model)
    for run in zip(*labels, strict=True):
        counts.update(effect_keys(*run).items())
    table: dict[str, dict[str, Any]] = {level: {} for level in LEVELS}
    for (level, key), logs in effects.items():
        table[level][key] = {"rows": counts[level, key], "log": [round(float(v), 4) for v in logs]}
    return table


def _fit_latencies(rows: Rows) -> dict[str, dict[str, Any]]:
    """Latencies per layer of each family with rows; heirs follow."""
    from scipy.optimize import least_squares

    fitted: dict[str, Latency] = {}
    counts = Counter(map(str, rows.labels.family))
    names = ("layer_us", "layer_ns_per_hidden", "moe_layer_us")
    for family, (prior, _, _) in LATENCIES.items():
        mine = rows.take(rows.labels.family == family)
        free = [n for n in names if getattr(prior, n) > 0]

        def moved(x: Floats, prior: Latency = prior, free: list[str] = free) -> Latency:
            factors = np.exp(x * _LATENCY_WIDTH)
            values = {n: getattr(prior, n) * float(f) for n, f in zip(free, factors, strict=True)}
            return replace(prior, **values)

        def residuals(x: Floats, mine: Rows = mine, family: str = family, moved: Any = moved) -> Floats:
            return np.concatenate([np.log(predict_latency(mine, {family: moved(x)}) / mine.value) / 0.15, x])

        start = np.zeros(len(free))
        fitted[family] = moved(least_squares(residuals, start, loss="cauchy").x) if len(mine) else prior
    for heir, parent in _HEIRS.items():
        fitted[heir] = fitted[parent]
    return {f: _latency_row(f, latency, counts[f]) for f, latency in fitted.items()}


def _latency_row(family: str, latency: Latency, rows: int) -> dict[str, Any]:
    _, spread, source = LATENCIES[family]
    values = {k: round(float(getattr(latency, k)), 4) for k in Latency.__dataclass_fields__}
    text = f"fitted: {rows} rows; prior from {source}" if rows else source
    return {**values, "spread": spread, "source": text}


def as_yaml(content: Mapping[str, Any]) -> str:
    """The text of calibration.yaml: one line per effect."""
    import yaml

    heading = (
        "# Fitted constants of the performance model, written by `solver calibrate`; do not edit.\n"
        "# Meaning, units and priors: docs/reference/performance-model.md. Effects are logarithms and add\n"
        "# up over the levels; spreads are factors within which 80 % of left-out rows lie.\n"
    )
    parts = []
    for key, value in content.items():
        if key == "effects":
            parts.append("effects:")
            for level, table in value.items():
                parts.append(f"  {level}:")
                for name, row in table.items():
                    logs = ", ".join(f"{v:g}" for v in row["log"])
                    parts.append(f'    "{name}": {{rows: {row["rows"]}, log: [{logs}]}}')
        else:
            parts.append(yaml.safe_dump({key: value}, sort_keys=False, width=110).rstrip())
    return heading + "\n".join(parts) + "\n"
