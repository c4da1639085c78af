"""One record of a measurement file in numbers: which chips, which groups, which load."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from solver.domain.catalog import Catalog, Model, System
from solver.performance import names, quantities, suites
from solver.performance.constants import fp4_excess
from solver.performance.families import family_of
from solver.performance.mapping import NameBook
from solver.performance.quantities import Shape
from solver.performance.record_chips import (
    PIPELINES,
    UNTOLD,
    fitted_workers,
    machine,
    number_in,
    pools_of,
    workers,
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
_MOST_TOKENS, _LEAST_VALUE = 1e8, 1e-9  # beyond: a slip of the pen
_LEAST_ROOM = 0.08  # share of the memory: who ran it had room for some KV
_BEYOND = 1.1  # of the memory: no slip in counting weights explains more
_HOLDS_ELSEWHERE = ("sambanova",)  # families whose engines keep weights behind the chips' memory too
_NARROWER = {"fp16": ("fp8", "fp4"), "fp8": ("fp4",)}  # MLPerf results are of some precision that fits
_FILL = {"vllm": "fp16", "sglang": "fp16", "trtllm": "fp8", "mlperf": "fp8"}


class Mapper:
    """Turns one record into numbers; everything that repeats is cached."""

    def __init__(self, catalog: Catalog, hardware: Mapping[str, str]) -> None:
        self._book = NameBook(catalog, dict(hardware))
        self._shapes: dict[tuple[str, str, str], Shape] = {}
        self._cache: dict[tuple[str, ...], dict[str, Any] | str] = {}

    def row(self, number: int, r: Mapping[str, str]) -> dict[str, Any] | str:
        """Numbers of one record, or why it cannot be predicted."""
        key = tuple(
            r[c]
            for c in ("hardware", "n_devices", "model", "precision_weights", "precision_kv", "parallelism")
        )
        key += (r["engine"], r["source"], r["date"])
        if key not in self._cache:
            self._cache[key] = self._configuration(r)
        base = self._cache[key]
        if isinstance(base, str):
            return base
        load = self._load(r, base)
        return load if isinstance(load, str) else {"row": number, **base, **load}

    def _configuration(self, r: Mapping[str, str]) -> dict[str, Any] | str:
        """System, model, engine, precisions and workers of a record, or why they cannot be told."""
        found = self._found(r)
        if isinstance(found, str):
            return found
        system, model = found
        gen, suite = names.generation(r["engine"], r["source"], r["date"]), r["source"].startswith("MLPerf")
        stated = _stated_precision(r, model)
        if stated is None:
            return f"precision {r['precision_weights'][:30]} is not known"
        told = bool(stated) and not (suite and stated == "fp16")  # MLPerf results often name the reference's
        precision = _checkpoint(stated if told else _usual(system, model, suite), model)
        pipeline = system.kind in PIPELINES
        running = workers(r, pipeline)
        if isinstance(running, str):
            return running
        chips, groups = running
        memory = (system.get("dram_gb") or system.get("sram_gb") or 0.0) * 1e9 / system.chips
        precisions = (precision, *(_NARROWER.get(precision, ()) if suite and not told else ()))
        precision, weights, pools = fitted_workers(precisions, model, system, groups, int(chips), memory)
        least = min(w.chips for w in pools)
        anywhere = pipeline or family_of(system) in _HOLDS_ELSEWHERE
        if weights > _BEYOND * least * memory and not anywhere:
            return f"weights of {model.name} in {precision} do not fit {least} x {r['hardware'][:40]}"
        peak = machine(system, precision, gen)
        if isinstance(peak, str):
            return peak
        apart = bool(groups[0].count and groups[1].count)
        room = pools[1].chips * (memory * 0.94 - 1e9) - weights
        return {
            "hardware": r["hardware"],
            "system": system.id,
            "model": model.id,
            "family": family_of(system),
            "generation": gen,
            "source": r["source"],
            "precision": precision,
            "shape": self._shape(model, precision, _kv_precision(r, system, model, gen, precision)),
            "machine": peak,
            **pools_of(pools, chips),
            "apart": apart,
            "kv_room": max(room, _LEAST_ROOM * memory * pools[1].chips),
            "pipeline": pipeline,
            "excess": fp4_excess(system.get("fp4_tflops"), system.get("fp8_tflops")),
            "weight_only": bool(precision != "fp16" and peak.flops <= peak.flops16),
        }

    def _found(self, r: Mapping[str, str]) -> tuple[System, Model] | str:
        """System and model of a record, or which of them the catalog does not know."""
        system = self._book.system(r["hardware"])
        if system is None:
            return f"hardware {r['hardware'][:40]} is not in the catalog"
        model = self._book.model(r["model"])
        if model is None:
            near = self._book.nearest(r["model"])
            hint = f"; {near} is" if near else ""
            return f"model {r['model'][:60]} is not in the catalog{hint} (solver catalog add-model)"
        return (system, model) if model.layers else f"model {model.name}: its architecture is not published"

    def _shape(self, model: Model, precision: str, kv: str) -> Shape:
        key = (model.id, precision, kv)
        if key not in self._shapes:
            self._shapes[key] = quantities.shape(model, precision, kv)
        return self._shapes[key]

    def _load(self, r: Mapping[str, str], base: Mapping[str, Any]) -> dict[str, Any] | str:
        """Lengths, concurrency, metric of a row."""
        value, metric = number_in(r["value"]), r["metric"].lower().removeprefix("mean_")
        if metric not in METRICS:
            return f"metric {r['metric'][:30] or 'left empty'} is not known"
        if not _LEAST_VALUE < value < 1 / _LEAST_VALUE:
            return "value is not a positive number"
        mode, flags = names.MODES.get(re.sub(r"[\s_]+", "-", r["mode"].strip().lower()), ""), r["flags"]
        if not mode:
            return f"mode {r['mode'][:30] or 'left empty'} is not known"
        lengths = _lengths(r, base["model"], mode, metric)
        if isinstance(lengths, str):
            return lengths
        prompt, output, sequences, beams = lengths
        spec = r["spec_decode"].lower()
        speculation = "" if spec in ("", "none") or spec.startswith("probably none") else "yes"
        if spec.startswith(("unknown", "probable")):
            speculation = "unknown"
        server = _server(base)
        share, wait = server.mean_length(), server.wait(prompt, output, sequences)
        if metric == "ttft_ms" and server.one_prompt_at_a_time:
            sequences = 1.0
        if base["apart"]:  # prefill workers look in every step
            wait = suites.Wait()
        return {
            "value": value,
            "mode": mode,
            "metric": metric,
            "prompt": prompt * share,
            "output": max(output * share, 1.0),
            "poll": wait.period,
            "timeout": wait.timeout,
            "sequences": sequences,
            "beams": beams,
            "static": "static_batch" in flags or mode == "single-stream",
            "per_token_latency": r["source"].startswith("ROCm vLLM"),
            "speculation": speculation,
            "identical": "moe_identical_prompts" in flags,
        }


def _lengths(
    r: Mapping[str, str], model: str, mode: str, metric: str
) -> tuple[float, float, float, float] | str:
    """Prompt and output tokens, sequences at once (NaN: as many as fit), beams; or why they are not known."""
    sequences = number_in(r["concurrency_or_batch"])
    prompt, output, beams = number_in(r["isl"]), number_in(r["osl"]), 1
    for column, number in (("isl", prompt), ("osl", output), ("concurrency_or_batch", sequences)):
        if np.isnan(number) and r[column].lower() not in UNTOLD:
            return f"{column} {r[column][:20]} is no number"
        if not np.isnan(number) and not 0 < number <= _MOST_TOKENS:
            return f"{column} is out of range"
    usual = names.MLPERF_LENGTHS.get(model) if r["source"].startswith("MLPerf") else None
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
        per_token = metric in ("ttft_ms", "tpot_ms", "output_tok_s_per_user", "prefill_tok_s")
        if not per_token and (mode != "offline" or np.isnan(sequences)):
            return "output length unknown"
        output = 128.0
    if mode in ("online", "server") and np.isnan(sequences) and metric != "prefill_tok_s":
        return "concurrency unknown"
    return prompt, output, sequences, float(beams)


def _stated_precision(r: Mapping[str, str], model: Model) -> str | None:
    """Weight precision that the column or the model's name states, empty where neither does, or None where
    the column holds a word that is not known."""
    found = names.weight_precision(r["precision_weights"])
    if not found and not names.unsaid(r["precision_weights"]):
        return None
    return found or names.precision_in_name(r["model"].split("/")[-1])


def _checkpoint(precision: str, model: Model) -> str:
    """MXFP4 is the mixed format of checkpoints released in it; elsewhere it is any 4-bit format."""
    mixed = model.native_precision.startswith("mxfp4")
    return "fp4" if precision == "mxfp4" and not mixed else precision


def _kv_precision(r: Mapping[str, str], system: System, model: Model, gen: str, weights: str) -> str:
    """As the record or the scripts of its suite state it, else what the engine takes beside such weights."""
    server = suites.Server(r["source"], gen, family_of(system), model.id, date=r["date"])
    stated = names.weight_precision(r["precision_kv"]).removeprefix("mx") or server.kv_precision()
    return stated or ("fp16" if weights == "fp16" else _FILL.get(gen.split("-")[0], "fp16"))


def _server(base: Mapping[str, Any]) -> suites.Server:
    """The server of a run, for the settings of its suite."""
    source, generation, family, model = (base[k] for k in ("source", "generation", "family", "model"))
    group = base["decode"]
    return suites.Server(source, generation, family, model, int(group.data), int(group.chips))


def _usual(system: System, model: Model, suite: bool) -> str:
    """Weight precision where the source names none: the native one; in MLPerf the chip's narrowest."""
    if not suite:
        return names.weight_precision(model.native_precision) or "fp16"
    return "fp4" if system.get("fp4_tflops") else ("fp8" if system.get("fp8_tflops") else "fp16")
