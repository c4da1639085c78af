"""Published measurements as columns: every row that names a known system, model and layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.domain.catalog import Catalog, Model, System
from solver.errors import InputError
from solver.performance import names, roofline
from solver.performance.architecture import weight_bytes
from solver.performance.constants import fp4_excess
from solver.performance.families import family_of
from solver.performance.layouts import chip_chain
from solver.performance.mapping import NameBook
from solver.performance.roofline import Group, Machine, Shape

Floats = NDArray[np.float64]
Strings = NDArray[np.object_]

COLUMNS = (
    *("hardware", "n_devices", "model", "precision_weights", "precision_kv", "parallelism", "engine"),
    *("mode", "isl", "osl", "concurrency_or_batch", "metric", "value"),
    *("source", "date", "spec_decode", "flags"),
)
METRICS = (
    "ttft_ms",
    "tpot_ms",
    "output_tok_s_total",
    "output_tok_s_per_user",
    "total_tok_s",
    "req_s",
    "prefill_tok_s",
)
_LEAST_ROOM = 0.08  # share of the memory: who ran it had room for some KV
_FILL = {"vllm": "fp16", "sglang": "fp16", "trtllm": "fp8", "mlperf": "fp8"}


@dataclass(frozen=True)
class Labels:
    """What each row is called; arrays of equal length."""

    row: NDArray[np.int64]  # line of the file, 0-based after the heading
    hardware: Strings
    system: Strings
    model: Strings
    family: Strings
    generation: Strings
    source: Strings
    mode: Strings
    metric: Strings
    precision: Strings


@dataclass(frozen=True)
class Rows:
    """Mapped measurements: labels, the measured value and all that physics needs."""

    labels: Labels
    value: Floats
    shape: Shape
    machine: Machine
    prefill: Group
    decode: Group
    prefill_count: Floats  # workers of the run
    decode_count: Floats
    apart: NDArray[np.bool_]  # prefill and decode on separate pools
    prompt: Floats
    output: Floats
    sequences: Floats  # whole run; nan: as many as fit
    beams: Floats
    static: NDArray[np.bool_]  # static batch: latency includes prefill
    per_token_latency: NDArray[np.bool_]  # tpot = latency / output tokens
    kv_room: Floats  # bytes per decode worker
    fp8: NDArray[np.bool_]
    fp4: NDArray[np.bool_]
    weight_only: NDArray[np.bool_]  # weights are narrower than the arithmetic
    excess: Floats  # see constants.fp4_excess
    speculation: Strings  # "", "yes", "unknown"
    pipeline: NDArray[np.bool_]  # layers in SRAM, latency-bound
    identical: NDArray[np.bool_]  # identical prompts: a static batch routes to few experts
    newest: str = ""  # largest date of the file

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: NDArray[Any]) -> Rows:
        """The rows selected by an index or mask."""
        return Rows(**{f.name: _take(getattr(self, f.name), rows) for f in fields(self)})


def _take(value: Any, rows: NDArray[Any]) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        return value[rows]
    return type(value)(**{k: _take(getattr(value, k), rows) for k in value.__dataclass_fields__})


def read_measurements(
    file: Path, catalog: Catalog, hardware: Mapping[str, str]
) -> tuple[Rows, dict[int, str]]:
    """Rows of a measurement file and, for each unmapped line, the reason. ``hardware``: name -> system id."""
    import pandas as pd

    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError.at(str(file), 0, f"cannot be read: {error}", "give a CSV file") from error
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        remedy = "the columns are listed in docs/reference/measurements.md"
        raise InputError.at(str(file), 1, f"columns missing: {', '.join(missing)}", remedy)
    mapper = _Mapper(catalog, hardware)
    records: list[dict[Any, Any]] = table[list(COLUMNS)].to_dict("records")
    mapped: list[dict[str, Any]] = []
    unmapped: dict[int, str] = {}
    for number, record in enumerate(records):
        found = mapper.row(number, record)
        if isinstance(found, str):
            unmapped[number] = found
        else:
            mapped.append(found)
    newest = max((r["date"] for r in records), default="")
    return replace(_columns(mapped), newest=newest), unmapped


class _Mapper:
    """Turns one record into numbers; everything that repeats is cached."""

    def __init__(self, catalog: Catalog, hardware: Mapping[str, str]) -> None:
        self._book = NameBook(catalog, dict(hardware))
        self._shapes: dict[tuple[str, str, str], Shape] = {}
        self._cache: dict[tuple[str, ...], dict[str, Any] | str] = {}

    def row(self, number: int, r: Mapping[str, str]) -> dict[str, Any] | str:
        key = tuple(
            r[c]
            for c in ("hardware", "n_devices", "model", "precision_weights", "precision_kv", "parallelism")
        )
        key += (r["engine"], r["source"])
        if key not in self._cache:
            self._cache[key] = self._configuration(r)
        base = self._cache[key]
        if isinstance(base, str):
            return base
        load = self._load(r)
        return load if isinstance(load, str) else {"row": number, **base, **load}

    def _configuration(self, r: Mapping[str, str]) -> dict[str, Any] | str:
        system = self._book.system(r["hardware"])
        if system is None:
            return f"hardware {r['hardware'][:40]} is not in the catalog"
        model = self._book.model(r["model"])
        if model is None or not model.layers:
            return f"model {r['model']} is not in the catalog"
        gen = names.generation(r["engine"], r["source"])
        precision = names.weight_precision(r["precision_weights"])
        if not precision or (gen == "mlperf" and precision == "fp16"):
            precision = _usual(system, gen)  # MLPerf results often name the reference's precision
        if precision == "mxfp4" and not model.native_precision.startswith("mxfp4"):
            precision = "fp4"
        kv = names.weight_precision(r["precision_kv"])
        if kv not in ("fp16", "fp8"):
            kv = "fp16" if precision == "fp16" else _FILL.get(gen.split("-")[0], "fp16")
        pipeline = system.kind in ("sram-wafer", "sram-chip", "rom-weight")
        chips = _number(r["n_devices"])
        if np.isnan(chips):
            if not pipeline:
                return "number of chips unknown"
            chips = 0.0
        groups = names.workers(r["parallelism"], int(chips) or 1)
        if isinstance(groups, str):
            return groups
        weights = weight_bytes(model, precision)
        machine = _machine(system, precision, gen)
        if isinstance(machine, str):
            return machine
        memory = (system.get("dram_gb") or system.get("sram_gb") or 0.0) * 1e9 / system.chips
        pools = [_sized(w, int(chips), weights, memory, system, model) for w in groups]
        room = pools[1].chips * (memory * 0.94 - 1e9) - weights
        shape_key = (model.id, precision, kv)
        if shape_key not in self._shapes:
            self._shapes[shape_key] = roofline.shape(model, precision, kv)
        return {
            "hardware": r["hardware"],
            "system": system.id,
            "model": model.id,
            "family": family_of(system),
            "generation": gen,
            "source": r["source"],
            "precision": precision,
            "shape": self._shapes[shape_key],
            "machine": machine,
            "prefill": Group(pools[0].tensor, pools[0].data, pools[0].stages),
            "decode": Group(pools[1].tensor, pools[1].data, pools[1].stages),
            "prefill_count": pools[0].count or max(chips / max(pools[0].chips, 1), 1.0),
            "decode_count": pools[1].count or max(chips / max(pools[1].chips, 1), 1.0),
            "apart": bool(groups[0].count and groups[1].count),
            "kv_room": max(room, _LEAST_ROOM * memory * pools[1].chips),
            "pipeline": pipeline,
            "excess": fp4_excess(system.get("fp4_tflops"), system.get("fp8_tflops")),
            "weight_only": bool(precision != "fp16" and machine.flops <= machine.flops16),
        }

    def _load(self, r: Mapping[str, str]) -> dict[str, Any] | str:
        """Lengths, concurrency, metric of a row."""
        value = _number(r["value"])
        if r["metric"] not in METRICS:
            return f"metric {r['metric']} is not known"
        if not value > 0:
            return "value is not a positive number"
        mode, flags = r["mode"], r["flags"]
        sequences = _number(r["concurrency_or_batch"])
        prompt, output, beams = _number(r["isl"]), _number(r["osl"]), 1
        usual = names.MLPERF_LENGTHS.get(r["model"]) if r["source"].startswith("MLPerf") else None
        if usual:
            prompt = usual[0] if np.isnan(prompt) else prompt
            output = usual[1] if np.isnan(output) else output
            beams = usual[2]
        if mode == "single-stream":
            sequences = 1.0
            prompt, output = (1000.0 if np.isnan(x) else x for x in (prompt, output))
        if np.isnan(prompt):
            return "prompt length unknown"
        if np.isnan(output):
            per_token = r["metric"] in ("ttft_ms", "tpot_ms", "output_tok_s_per_user", "prefill_tok_s")
            if not per_token and (mode != "offline" or np.isnan(sequences)):
                return "output length unknown"
            output = 128.0
        if mode in ("online", "server") and np.isnan(sequences) and r["metric"] != "prefill_tok_s":
            return "concurrency unknown"
        spec = r["spec_decode"].lower()
        speculation = "" if spec in ("", "none") or spec.startswith("probably none") else "yes"
        if spec.startswith(("unknown", "probable")):
            speculation = "unknown"
        return {
            "value": value,
            "mode": mode,
            "metric": r["metric"],
            "prompt": prompt,
            "output": max(output, 1.0),
            "sequences": sequences,
            "beams": float(beams),
            "static": "static_batch" in flags or mode == "single-stream",
            "per_token_latency": r["source"].startswith("ROCm vLLM"),
            "speculation": speculation,
            "identical": "moe_identical_prompts" in flags,
        }


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _usual(system: System, gen: str) -> str:
    """Weight precision where the source names none: the narrowest of the chip in MLPerf, else 16 bit."""
    if gen != "mlperf":
        return "fp16"
    return "fp4" if system.get("fp4_tflops") else ("fp8" if system.get("fp8_tflops") else "fp16")


def _machine(system: System, precision: str, gen: str) -> Machine | str:
    """Peak figures of one chip."""
    chips = system.chips
    flops16 = system.get("fp16_tflops") or system.get("fp8_tflops")
    memory = system.get("dram_bw_tbs") or system.get("sram_bw_tbs")
    if system.kind == "rom-weight":
        flops16, memory = 1e6, 1e6
    if not flops16 or not memory:
        return f"system {system.id} lacks bandwidth or FLOP/s"
    fp8 = system.get("fp8_tflops") or system.get("int8_tops") or flops16
    flops = {"fp16": flops16, "fp8": fp8, "fp4": system.get("fp4_tflops") or fp8}.get(precision)
    if flops is None:  # mxfp4: fp4 or fp8 arithmetic where the chip has it, else 16 bit
        flops = system.get("fp4_tflops") or flops16
    if gen == "torch-2024":
        flops = flops16
    link = system.get("scaleup_gbs_per_chip") or 64.0  # PCIe 5.0 x16
    per = 1e12 / chips
    return Machine(memory * per, flops * per, flops16 * per, link * 1e9, memory * per)


def _sized(
    w: names.Workers, chips: int, weights: float, memory: float, system: System, model: Model
) -> names.Workers:
    """Workers of unknown size: the smallest group that holds the weights with a quarter to spare for KV."""
    if w.tensor:
        return w
    if system.kind in ("sram-wafer", "sram-chip", "rom-weight"):
        return names.Workers(1, 1, max(chips, 1), 1)
    needed = weights * 1.25 / max(memory * 0.9, 1.0)
    sizes = [n for n in chip_chain(max(system.chips, chips)) if n >= needed and n <= max(chips, 1)]
    return names.Workers(min(sizes, default=max(chips, 1)), count=0)


def _columns(mapped: list[dict[str, Any]]) -> Rows:
    """Arrays from mapped records."""

    def array(key: str, kind: Any = np.float64) -> NDArray[Any]:
        return np.array([m[key] for m in mapped], dtype=kind)

    def stack(cls: Any, key: str) -> Any:
        unique: dict[int, int] = {}
        values: list[Any] = []
        index = np.empty(len(mapped), dtype=np.int64)
        for i, m in enumerate(mapped):
            if id(m[key]) not in unique:
                unique[id(m[key])] = len(values)
                values.append(m[key])
            index[i] = unique[id(m[key])]
        names_ = cls.__dataclass_fields__
        return cls(**{k: np.array([getattr(v, k) for v in values], dtype=np.float64)[index] for k in names_})

    labels = Labels(
        row=array("row", np.int64),
        **{f.name: array(f.name, object) for f in fields(Labels) if f.name != "row"},
    )
    flags = ("apart", "static", "per_token_latency", "pipeline", "identical", "weight_only")
    numbers = (
        "value",
        "prefill_count",
        "decode_count",
        "prompt",
        "output",
        "sequences",
        "beams",
        "kv_room",
        "excess",
    )
    plain: dict[str, Any] = {k: array(k) for k in numbers} | {k: array(k, bool) for k in flags}
    return Rows(
        labels=labels,
        shape=stack(Shape, "shape"),
        machine=stack(Machine, "machine"),
        prefill=stack(Group, "prefill"),
        decode=stack(Group, "decode"),
        fp8=labels.precision == "fp8",
        fp4=np.isin(labels.precision.astype(str), ("fp4", "mxfp4")),
        speculation=array("speculation", object),
        **plain,
    )
