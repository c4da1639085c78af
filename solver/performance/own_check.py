"""Own measurements beside predictions, for the page of the performance model.

catalogs/own_measurements.csv holds decode steps and prefills of whole models with random weights in PyTorch
alone, catalogs/own_parts.json what parts of them take alone; benchmarks/gpu_steps.py wrote both. Nothing is
fitted to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domain.catalog import Catalog
from solver.paths import catalog_dir
from solver.performance import roofline
from solver.performance.accuracy import Comparison, compare
from solver.performance.calibration import Calibration
from solver.performance.constants import Narrow, efficiency
from solver.performance.fit import columns
from solver.performance.mapping import hardware_names
from solver.performance.measured import Rows, read_measurements
from solver.performance.quantities import Efficiency, Machine, Shape
from solver.performance.serving import predict

Floats = NDArray[np.float64]
FILE, PARTS = "own_measurements.csv", "own_parts.json"
_HOST = ("step_us", "sequence_us", "ttft_ms")  # host loop, scheduler and sampling, server


@dataclass(frozen=True)
class OwnCheck:
    """Own rows, as an engine would run them and without an engine's host."""

    comparison: Comparison
    device: Floats
    eager: NDArray[np.bool_]
    constants: dict[str, Floats]
    parts: dict[str, Any]

    @property
    def rows(self) -> Rows:
        """The measured rows."""
        return self.comparison.rows

    def rates(self) -> dict[str, float]:
        """What the card reached on plain work, by the first word."""
        return {name.split()[0]: value for name, value in self.parts["rates"].items()}

    def case(self, model: str, precision: str, metric: str) -> NDArray[np.bool_]:
        """Rows of a model at a precision."""
        names = self.rows.labels
        return np.asarray((names.model == model) & (names.precision == precision) & (names.metric == metric))


def own_check(c: Calibration, catalog: Catalog) -> OwnCheck:
    """Read and predict the shipped rows."""
    file = catalog_dir() / FILE
    rows, unmapped = read_measurements(file, catalog, hardware_names())
    if unmapped:
        raise ValueError(f"{FILE}: {unmapped}")
    names = rows.labels
    runs = zip(names.family, names.generation, names.system, names.model, strict=True)
    constants = columns(np.array([c.logs(*run) for run in runs]))
    bare = {**constants, **{name: np.zeros(len(rows)) for name in _HOST}}
    lines = file.read_text(encoding="utf-8").splitlines()[1:]
    eager = np.array([" eager," in line for line in lines])
    parts = json.loads((catalog_dir() / PARTS).read_text(encoding="utf-8"))
    return OwnCheck(compare(rows, c), predict(rows, bare), eager, constants, parts)


#: Model and precision, and what the parts are named after.
CASES = {
    ("llama-3.1-8b", "fp16"): "llama-3.1-8b",
    ("llama-3.1-8b", "fp8"): "llama-3.1-8b-fp8",
    ("qwen3-30b-a3b", "fp16"): "qwen3-30b-a3b",
}
_SHOWN = (1.0, 16.0, 64.0, 256.0)  # batches of the table of steps; the file has all powers of two
_KINDS = {
    "decode step": ("tpot_ms", None),
    "prefill, graph": ("ttft_ms", False),
    "prefill, eager": ("ttft_ms", True),
}


def errors(o: OwnCheck) -> Iterator[tuple[str, ...]]:
    """Median and largest error with an engine's host and without, and the largest share of a bound."""
    for model, precision in CASES:
        for name, (metric, eager) in _KINDS.items():
            mine = o.case(model, precision, metric) & (True if eager is None else o.eager == eager)
            value = o.rows.value[mine]
            engine, device = (np.abs(x[mine] / value - 1) for x in (o.comparison.predicted, o.device))
            bound = (o.comparison.bound[mine] / value).max()
            figures = (np.median(engine), engine.max(), np.median(device), device.max(), bound)
            yield model, precision, name, str(int(mine.sum())), *(f"{x:.0%}" for x in figures)


def steps(o: OwnCheck) -> Iterator[tuple[str, ...]]:
    """Measured and predicted decode steps by batch and context."""
    for model, precision in CASES:
        mine = o.case(model, precision, "tpot_ms")
        for batch in _SHOWN:
            cells = []
            for prompt in (511.0, 2047.0, 8191.0):
                at = np.flatnonzero(mine & (o.rows.sequences == batch) & (o.rows.prompt == prompt))
                cells.append(_cell(o, int(at[0])) if len(at) else "")
            yield model, precision, f"{batch:g}", *cells


def prefills(o: OwnCheck) -> Iterator[tuple[str, ...]]:
    """Measured and predicted prefills by length."""
    for prompt in np.unique(o.rows.prompt[o.eager]):
        cells = []
        for model, precision in CASES:
            mine = o.case(model, precision, "ttft_ms") & (o.rows.prompt == prompt)
            graph, eager = (int(np.flatnonzero(mine & (o.eager == e))[0]) for e in (False, True))
            cells.append(f"{o.rows.value[eager]:.3g}; {_cell(o, graph)}")
        yield f"{prompt:g}", *cells


def _cell(o: OwnCheck, i: int) -> str:
    return f"{o.rows.value[i]:.3g} / {o.comparison.predicted[i]:.3g} ({o.device[i]:.3g})"


def shares(o: OwnCheck, catalog: Catalog) -> Iterator[tuple[str, ...]]:
    """Shares of the data sheet's rates that parts of a model reach alone, and those of the fit."""
    for (model, precision), name in CASES.items():
        i = np.flatnonzero(o.case(model, precision, "tpot_ms"))[:1]
        rows, one = o.rows.take(i), {k: v[i] for k, v in o.constants.items()}
        e = efficiency(one, Narrow(rows.fp8, rows.fp4, rows.weight_only, rows.excess))
        head = float(catalog.models[model].vocab * catalog.models[model].hidden)
        for what, part, work, rate, share in _parts(rows.shape, rows.machine, e, head):
            ms = next(v for k, v in o.parts.items() if k.startswith(f"{name} {part}"))
            reached = work.item() / (1e-3 * ms) / rate.item()
            yield model, precision, what, f"{ms:.3g}", f"{reached:.0%}", f"{share.item():.0%}"


Part = tuple[str, str, Floats, Floats, Floats]


def _parts(s: Shape, m: Machine, e: Efficiency, head: float) -> Iterator[Part]:
    """What, its name in the file, bytes or operations, rate of the data sheet, fitted share of it."""
    batch = 16 if s.experts.item() else 32
    kv, share = batch * 8192 * s.kv_bytes, e.kv_memory / s.group**e.group_reading
    dense, scores = 2 * 8192 * (s.dense_parameters - head), 8192**2 * s.attention_values
    yield "dense weights, 1 sequence", "matrices 1", s.dense_bytes, m.bandwidth, e.memory
    yield "dense weights, 64 sequences", "matrices 64", s.dense_bytes, m.bandwidth, e.memory
    yield f"KV of {batch} sequences of 8,192", f"attention {batch} 8192", kv, m.kv_bandwidth, share
    yield "dense matrices, 8,192 tokens", "matrices 8192", dense, m.dense_flops, e.compute
    yield "attention of a prompt of 8,192", "prompt attention 8192", scores, m.flops16, e.compute
    if s.experts.item():
        hit = roofline.distinct_experts(s, 64.0) * s.expert_bytes
        yield "experts that 64 tokens hit", "experts 64", hit, m.bandwidth, e.memory_experts
        work, share = 2 * 8192 * s.expert_parameters, roofline.expert_share(s, e)
        yield "experts, 8,192 tokens", "experts 8192", work, m.flops, share
