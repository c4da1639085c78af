"""One record of a measurement file in numbers: which chips, which groups, which load."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solver.domain.catalog import Catalog, Model, System
from solver.performance import names, roofline, suites
from solver.performance.architecture import weight_bytes
from solver.performance.constants import fp4_excess
from solver.performance.families import family_of
from solver.performance.layouts import chip_chain
from solver.performance.mapping import NameBook, chips_in
from solver.performance.roofline import Group, Machine, Shape

METRICS = (
    "ttft_ms",
    "tpot_ms",
    "output_tok_s_total",
    "output_tok_s_per_user",
    "total_tok_s",
    "req_s",
    "prefill_tok_s",
)
_MOST_CHIPS, _MOST_TOKENS, _LEAST_VALUE = 100_000, 1e8, 1e-9  # beyond: a slip of the pen
_LEAST_ROOM = 0.08  # share of the memory: who ran it had room for some KV
_BEYOND = 1.1  # of the memory: no slip in counting weights explains more
_HOLDS_ELSEWHERE = ("sambanova",)  # families whose engines keep weights behind the chips' memory too
_UNTOLD = ("", "nan", "none", "null", "na", "n/a", "unknown", "-", "?")
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
        system = self._book.system(r["hardware"])
        if system is None:
            return f"hardware {r['hardware'][:40]} is not in the catalog"
        model = self._book.model(r["model"])
        if model is None:
            near = self._book.nearest(r["model"])
            hint = f"; {near} is" if near else ""
            return f"model {r['model'][:60]} is not in the catalog{hint} (solver catalog add-model)"
        if not model.layers:
            return f"model {model.name}: its architecture is not published"
        gen = names.generation(r["engine"], r["source"], r["date"])
        precision = names.weight_precision(r["precision_weights"])
        if not precision and not names.unsaid(r["precision_weights"]):
            return f"precision {r['precision_weights'][:30]} is not known"
        precision = precision or names.precision_in_name(r["model"].split("/")[-1])
        suite = r["source"].startswith("MLPerf")
        told = bool(precision) and not (suite and precision == "fp16")
        if not told:
            precision = _usual(system, model, suite)  # MLPerf results often name the reference's precision
        if precision == "mxfp4" and not model.native_precision.startswith("mxfp4"):
            precision = "fp4"
        pipeline = system.kind in ("sram-wafer", "sram-chip", "rom-weight")
        chips = _number(r["n_devices"] or str(chips_in(r["hardware"]) or ""))
        if np.isnan(chips) and r["n_devices"].lower() not in _UNTOLD:
            return f"n_devices {r['n_devices'][:20]} is no number"
        if not np.isnan(chips) and not (1 <= chips <= _MOST_CHIPS and chips == int(chips)):
            return "number of chips is no whole number from 1"
        groups = names.workers(r["parallelism"], 0 if np.isnan(chips) else int(chips))
        if isinstance(groups, str):
            return groups
        if np.isnan(chips):  # one replica of the layout, where it names one
            chips = float(names.chips_of(groups))
            if not (chips or pipeline):
                return "number of chips unknown"
        memory = (system.get("dram_gb") or system.get("sram_gb") or 0.0) * 1e9 / system.chips
        largest = max(w.chips for w in groups)
        if not pipeline and largest > chips:
            return f"layout of {largest} chips on {chips:g}"
        precisions = (precision, *(_NARROWER.get(precision, ()) if suite and not told else ()))
        precision, weights, pools = _placed(precisions, model, system, groups, int(chips), memory)
        least = min(w.chips for w in pools)
        anywhere = pipeline or family_of(system) in _HOLDS_ELSEWHERE
        if weights > _BEYOND * least * memory and not anywhere:
            return f"weights of {model.name} in {precision} do not fit {least} x {r['hardware'][:40]}"
        machine = _machine(system, precision, gen)
        if isinstance(machine, str):
            return machine
        server = suites.Server(r["source"], gen, family_of(system), model.id, date=r["date"])
        kv = names.weight_precision(r["precision_kv"]).removeprefix("mx") or server.kv_precision()
        if not kv:
            kv = "fp16" if precision == "fp16" else _FILL.get(gen.split("-")[0], "fp16")
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

    def _load(self, r: Mapping[str, str], base: Mapping[str, Any]) -> dict[str, Any] | str:
        """Lengths, concurrency, metric of a row."""
        value, metric = _number(r["value"]), r["metric"].lower().removeprefix("mean_")
        if metric not in METRICS:
            return f"metric {r['metric'][:30] or 'left empty'} is not known"
        if not _LEAST_VALUE < value < 1 / _LEAST_VALUE:
            return "value is not a positive number"
        mode, flags = names.MODES.get(re.sub(r"[\s_]+", "-", r["mode"].strip().lower()), ""), r["flags"]
        if not mode:
            return f"mode {r['mode'][:30] or 'left empty'} is not known"
        sequences = _number(r["concurrency_or_batch"])
        prompt, output, beams = _number(r["isl"]), _number(r["osl"]), 1
        for column, number in (("isl", prompt), ("osl", output), ("concurrency_or_batch", sequences)):
            if np.isnan(number) and r[column].lower() not in _UNTOLD:
                return f"{column} {r[column][:20]} is no number"
            if not np.isnan(number) and not 0 < number <= _MOST_TOKENS:
                return f"{column} is out of range"
        usual = names.MLPERF_LENGTHS.get(base["model"]) if r["source"].startswith("MLPerf") else None
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
            "beams": float(beams),
            "static": "static_batch" in flags or mode == "single-stream",
            "per_token_latency": r["source"].startswith("ROCm vLLM"),
            "speculation": speculation,
            "identical": "moe_identical_prompts" in flags,
        }


def _server(base: Mapping[str, Any]) -> suites.Server:
    """The server of a run, for the settings of its suite."""
    source, generation, family, model = (base[k] for k in ("source", "generation", "family", "model"))
    group = base["decode"]
    return suites.Server(source, generation, family, model, int(group.data), int(group.chips))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _usual(system: System, model: Model, suite: bool) -> str:
    """Weight precision where the source names none: the native one; in MLPerf the chip's narrowest."""
    if not suite:
        return names.weight_precision(model.native_precision) or "fp16"
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
    dense = flops16 if precision == "mxfp4" else flops
    return Machine(memory * per, flops * per, flops16 * per, link * 1e9, memory * per, dense * per)


def _placed(
    precisions: Sequence[str],
    model: Model,
    system: System,
    groups: Sequence[names.Workers],
    chips: int,
    memory: float,
) -> tuple[str, float, list[names.Workers]]:
    """The first precision in which the weights fit (else the last), their bytes, prefill and decode workers.

    ``memory``: bytes of a chip.
    """
    for precision in precisions:
        weights = weight_bytes(model, precision)
        pools = [_sized(w, chips, weights, memory, system) for w in groups]
        if weights <= min(w.chips for w in pools) * memory:
            break
    return precision, weights, pools


def _sized(w: names.Workers, chips: int, weights: float, memory: float, system: System) -> names.Workers:
    """Workers of unknown size: the smallest group that holds the weights with a quarter to spare for KV."""
    if w.tensor:
        return w
    if system.kind in ("sram-wafer", "sram-chip", "rom-weight"):
        return names.Workers(1, 1, max(chips, 1), 1)
    needed = weights * 1.25 / max(memory * 0.9, 1.0)
    sizes = [n for n in chip_chain(max(system.chips, chips)) if n >= needed and n <= max(chips, 1)]
    return names.Workers(min(sizes, default=max(chips, 1)), count=0)
