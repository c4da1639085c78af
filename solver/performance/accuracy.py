"""How far predictions are from measurements: errors, intervals, ranking, limits of physics, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.performance.calibration import Calibration
from solver.performance.constants import NAMES
from solver.performance.crossval import metric_groups
from solver.performance.fit import columns
from solver.performance.measured import Rows
from solver.performance.records import METRICS
from solver.performance.serving import predict, predict_latency

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_LATE = ("ttft_ms", "tpot_ms")  # smaller is faster
_SLOW = 0.05  # a prediction below this share of the speed of light is suspicious
_BEATS = 1.02  # a measurement faster than the bound by more than rounding
_APART = 1.2  # pairs whose measured figures differ by less are ties
_PAIR_ROWS = 400  # of one group of comparable runs


@dataclass(frozen=True)
class Comparison:
    """Predictions beside measurements; arrays over the mapped rows."""

    rows: Rows
    predicted: Floats
    factor: Floats  # 80 % of the measurements should lie within predicted / factor .. predicted x factor
    novelty: NDArray[np.object_]
    bound: Floats  # best value that the hardware allows

    @property
    def error(self) -> Floats:
        """Logarithm of predicted over measured."""
        return np.asarray(np.log(self.predicted / self.rows.value))

    @property
    def ape(self) -> Floats:
        """Absolute error as a share of the measured value."""
        return np.abs(self.predicted / self.rows.value - 1)

    @property
    def covered(self) -> Flags:
        """Whether the measurement lies in the stated interval."""
        return np.asarray(np.abs(self.error) <= np.log(self.factor))

    @property
    def impossible(self) -> Flags:
        """Measurements faster than the speed of light: wrong inputs."""
        return self._speed(self.rows.value) > _BEATS * self._speed(self.bound)

    @property
    def suspicious(self) -> Flags:
        """Predictions below 5 % of the speed of light; a first token behind others waits for them."""
        waits = (self.rows.labels.metric == "ttft_ms") & ~(self.rows.sequences <= 1)
        slow = self._speed(self.predicted) < _SLOW * self._speed(self.bound)
        return np.asarray(slow & ~waits)

    def _speed(self, value: Floats) -> Floats:
        late = np.isin(self.rows.labels.metric.astype(str), _LATE)
        return np.where(late, 1 / value, value)


def compare(rows: Rows, calibration: Calibration) -> Comparison:
    """Predict every row with the shipped constants, never beyond its bound (unless tokens are speculated)."""
    names = rows.labels
    keys = list(zip(names.family, names.generation, names.system, names.model, strict=True))
    unique = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    index = np.array([unique[key] for key in keys], dtype=np.int64)
    logs = np.array([calibration.logs(*key) for key in unique]).reshape(len(unique), len(NAMES))
    words = np.array([calibration.novelty(*key) for key in unique], dtype=object)
    novelty = words[index]
    predicted = np.asarray(predict(rows, columns(logs[index])))
    groups = metric_groups(rows)
    runs = zip(novelty, names.model, groups, strict=True)
    factor = np.array([calibration.half_width(*run) for run in runs])
    own = rows.pipeline
    if own.any():
        chosen = rows.take(own)
        predicted[own] = predict_latency(chosen, calibration.latencies)
        factor[own] = [calibration.latency_spreads[f] for f in chosen.labels.family]
        novelty[own] = "known"
    found = Comparison(rows, predicted, factor, novelty, speed_of_light(rows))
    beaten = found._speed(predicted) > found._speed(found.bound)
    return replace(found, predicted=np.where(beaten & (rows.speculation == ""), found.bound, predicted))


def speed_of_light(rows: Rows) -> Floats:
    """Value of every row with all efficiencies 1, no overheads, and tokens that share their experts.

    A first token waits for its own prompt only: how long a queue is depends on the software.
    """
    ideal: dict[str, Any] = dict.fromkeys(NAMES, 1.0)
    lost = ("expert_half_width", "expert_tile", "burst", "independent", "group_reading", "activation_passes")
    ideal |= dict.fromkeys([n for n in NAMES if n.endswith(("_us", "_ms")) or n in lost], 0.0)
    ideal |= {"kv_room": 1e3, "hop_us": 0.0}  # nothing waits for memory
    ideal |= {"prompt_head": 0.0}  # the last token of a prompt alone needs its logits
    sequences = np.where(rows.labels.metric == "ttft_ms", 1.0, rows.sequences)
    shared = np.ones(len(rows), dtype=np.bool_)
    alone = rows.apart | (metric_groups(rows) == "tpot")  # no prefill between the steps
    plain = np.ones(len(rows))
    looking = replace(rows, poll=plain, timeout=np.zeros(len(rows)))  # for requests, in every step
    changed = replace(looking, identical=shared, apart=alone, excess=plain, sequences=sequences)
    return predict(changed, ideal)


def by_metric(c: Comparison) -> dict[str, dict[str, float]]:
    """Figures per metric."""
    found = {}
    for metric in METRICS:
        mine = c.rows.labels.metric == metric
        if mine.any():
            found[metric] = figures(c, mine)
    return found


def figures(c: Comparison, mine: Flags) -> dict[str, float]:
    """Rows, median, mean and 90th percentile of the absolute error, coverage of the 80 % interval."""
    ape = c.ape[mine]
    return {
        "rows": int(mine.sum()),
        "median_ape": round(float(np.median(ape)), 4),
        "mean_ape": round(float(ape.mean()), 4),
        "p90_ape": round(float(np.quantile(ape, 0.9)), 4),
        "within_half": round(float((ape <= 0.5).mean()), 4),
        "interval80_coverage": round(float(c.covered[mine].mean()), 4),
    }


def by_group(c: Comparison) -> list[dict[str, Any]]:
    """Figures per system, model and metric, the largest groups first."""
    names = c.rows.labels
    triples = zip(names.system, names.model, names.metric, strict=True)
    keys = np.array(["\t".join(triple) for triple in triples])
    groups, index = np.unique(keys, return_inverse=True)
    found = []
    for i, key in enumerate(groups):
        system, model, metric = str(key).split("\t")
        found.append({"system": system, "model": model, "metric": metric, **figures(c, index == i)})
    return sorted(found, key=lambda g: -g["rows"])


def ranking(c: Comparison) -> dict[str, float | None]:
    """Pairs of runs of one model at the same load on different systems: how often the faster one is named."""
    names, rows = c.rows.labels, c.rows
    groups: dict[tuple[Any, ...], list[int]] = {}
    chosen = np.isin(metric_groups(rows), ("throughput", "tpot"))
    for i in np.flatnonzero(chosen):
        load = (rows.prompt[i], rows.output[i], str(rows.sequences[i]))
        groups.setdefault((names.model[i], names.metric[i], names.mode[i], *load), []).append(int(i))
    pairs = right = 0
    value, predicted = np.log(rows.value), np.log(c.predicted)
    for members in groups.values():
        at = np.array(members[:_PAIR_ROWS])
        a, b = np.triu_indices(len(at), 1)
        other = names.system[at[a]] != names.system[at[b]]
        measured = value[at[a]] - value[at[b]]
        apart = other & (np.abs(measured) > np.log(_APART))
        pairs += int(apart.sum())
        right += int((apart & (np.sign(measured) == np.sign(predicted[at[a]] - predicted[at[b]]))).sum())
    return {"pairs": pairs, "faster_named": round(right / pairs, 4) if pairs else None}


def worst(c: Comparison, count: int) -> list[dict[str, Any]]:
    """Rows with the largest error and the likely reason."""
    impossible, suspicious = c.impossible, c.suspicious
    found = []
    for i in np.argsort(-np.abs(c.error))[:count]:
        names = c.rows.labels
        found.append(
            {
                "line": int(names.row[i]) + 2,
                "hardware": names.hardware[i],
                "model": names.model[i],
                "generation": names.generation[i],
                "metric": names.metric[i],
                "measured": float(c.rows.value[i]),
                "predicted": round(float(c.predicted[i]), 4),
                "bound": round(float(c.bound[i]), 4),  # what no implementation can beat
                "reason": _reason(c, int(i), bool(impossible[i]), bool(suspicious[i])),
            }
        )
    return found


_NEW = {
    "generation": "engine generation not in the fit",
    "system": "system not in the fit with this engine",
    "relative": "system not in the fit; its family is",
    "model": "model not in the fit",
}


def _reason(c: Comparison, i: int, impossible: bool, suspicious: bool) -> str:
    rows, names = c.rows, c.rows.labels
    if rows.speculation[i]:
        return f"speculative decoding: {rows.speculation[i]}"
    if impossible:
        return "measurement is faster than the hardware allows: wrong input"
    if rows.pipeline[i]:
        return "latency per layer of another software version, or undeclared speculative decoding"
    if names.metric[i] == "ttft_ms" and rows.sequences[i] > 16:
        return "queueing before the first token: depends on how arrivals bunch"
    if c.novelty[i] in _NEW:
        return _NEW[str(c.novelty[i])]
    if suspicious:
        return "predicted below 5 % of the speed of light: untuned software"
    return "routing of experts uneven or kernels untuned" if rows.shape.experts[i] else "not explained"


def unmapped_lines(unmapped: Mapping[int, str], most: int = 5) -> dict[str, list[int]]:
    """The first lines of the file under each reason."""
    lines: dict[str, list[int]] = {}
    for number, reason in sorted(unmapped.items()):
        lines.setdefault(reason, []).append(number + 2)
    return {reason: lines[reason][:most] for reason in unmapped_counts(unmapped)}


def unmapped_counts(unmapped: Mapping[int, str]) -> dict[str, int]:
    """Reasons and how often, the most frequent first."""
    counts: dict[str, int] = {}
    for reason in unmapped.values():
        counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
