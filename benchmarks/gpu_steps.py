"""Times of decode steps and prefills of whole models with random weights on one GPU: PyTorch, no engine.

    python benchmarks/gpu_steps.py FOLDER [--models llama-3.1-8b,llama-3.1-8b-fp8,qwen3-30b-a3b]

writes own_measurements.csv (columns of docs/reference/measurements.md) and own_parts.json (matrices alone,
attention alone, rates of the card). A decode step is one CUDA graph, from token ids to the next ids; its
time is the median of at least 20 replays between device events. A prefill is timed on the host's clock from
the call to the token, and as a graph. Before timing, results are compared with plain float32 arithmetic.
``--tiny`` runs the same program on small shapes, on a CPU too.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import gpu_model
import torch
from gpu_check import check
from gpu_model import CUDA, KERNELS, Model, Shape

SHAPES = {
    "llama-3.1-8b": Shape(32, 4096, 32, 8, 128, 14336, 128256),
    "qwen3-30b-a3b": Shape(48, 2048, 32, 4, 128, 768, 151936, 128, 8, True),
}
TINY = {
    "llama-3.1-8b": Shape(2, 256, 4, 2, 64, 512, 512),
    "qwen3-30b-a3b": Shape(2, 256, 4, 2, 64, 128, 512, 8, 2, True),
}
BATCHES, CONTEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256), (512, 2048, 8192)
PROMPTS = (128, 256, 512, 1024, 2048, 4096, 8192, 16384)
DEVICE = "cuda" if CUDA else "cpu"
SPARE_BYTES = 9e9  # for activations and graphs, besides weights and KV
REPEATS = 20


def synchronise() -> None:
    """Wait for the device."""
    if CUDA:
        torch.cuda.synchronize()


def host_ms(work: Callable[[], object]) -> list[float]:
    """Times on the host's clock, from the call to the result."""
    for _ in range(3):
        work()
    found = []
    for _ in range(REPEATS):
        synchronise()
        begin = time.perf_counter()
        work()
        synchronise()
        found.append((time.perf_counter() - begin) * 1e3)
    return found


def graph_ms(work: Callable[[], object], budget_ms: float = 500.0) -> list[float]:
    """Times of a CUDA graph of the work, between device events."""
    if not CUDA:
        return host_ms(work)
    torch.cuda.empty_cache()
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(201)]

    def replay(count: int) -> list[float]:
        marks[0].record()
        for mark in marks[1 : count + 1]:
            graph.replay()
            mark.record()
        torch.cuda.synchronize()
        return [a.elapsed_time(b) for a, b in pairwise(marks[: count + 1])]

    once = max(min(replay(5)), 1e-3)
    return replay(int(min(max(budget_ms / once, REPEATS), 200)))


def chosen_kernel(model: Model, work: Callable[[], object], kernels: list[str]) -> str:
    """Leave the fastest attention kernel in the model; its name."""
    best = float("inf")
    fastest = kernels[0]
    for kernel in kernels:
        model.kernel = kernel
        try:
            ms = statistics.median(graph_ms(work, 20.0))
        except RuntimeError as error:
            synchronise()
            print("  not run:", kernel, str(error).splitlines()[0], flush=True)
            continue
        best, fastest = min((best, fastest), (ms, kernel))
    model.kernel = fastest
    return fastest


class Sheet:
    """Rows of the measurement file."""

    COLUMNS = (
        *(
            "id",
            "hardware",
            "n_devices",
            "model",
            "precision_weights",
            "precision_kv",
            "parallelism",
            "engine",
        ),
        *(
            "mode",
            "isl",
            "osl",
            "concurrency_or_batch",
            "metric",
            "value",
            "source",
            "url_or_repo_path",
            "date",
        ),
        *("notes", "run_id", "spec_decode", "tier", "flags"),
    )

    def __init__(self, path: Path, hardware: str, software: str) -> None:
        self._path, self._hardware, self._software = path, hardware, software
        self.rows: list[dict[str, object]] = []

    def add(
        self, case: str, load: tuple[str, int, int, int], metric: str, times: list[float], how: str
    ) -> None:
        """One median; ``how``: replayed or eager, with the attention kernel."""
        model, narrow = case.removesuffix("-fp8"), case.endswith("-fp8")
        mode, prompt, output, batch = load
        run = f"{case}-{mode}-{how.split()[0]}-{prompt}-{batch}"
        low, high = statistics.quantiles(times, n=10)[0], statistics.quantiles(times, n=10)[-1]
        value = float(f"{statistics.median(times):.5g}")
        row = (
            f"own-{len(self.rows) + 1:03d}", self._hardware, 1, model, "fp8" if narrow else "bf16", "bf16",
            "TP1", f"{self._software} {how.split()[0]}", mode, prompt, output, batch, metric, value,
            "own measurement", "benchmarks/gpu_steps.py", str(date.today()),
            f"median of {len(times)}; 10 to 90 %: {low:.4g} to {high:.4g}; attention {how.split()[-1]}",
            run, "none", "A", "",
        )  # fmt: skip
        self.rows.append(dict(zip(self.COLUMNS, row, strict=True)))
        print(case, how, load, metric, value, f"{low:.4g}..{high:.4g}", flush=True)
        with self._path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def every_layer(model: Model, x: torch.Tensor) -> None:
    """The routed feed-forward of all layers alone."""
    for i in range(model.s.layers):
        model.routed(x[:, : model.s.hidden].contiguous(), i)


def steps(case: str, shape: Shape, sheet: Sheet, parts: dict[str, Any], most: int) -> None:
    """All decode steps and prefills of one model, up to ``most`` tokens of context."""
    torch.manual_seed(2)
    torch._dynamo.reset()  # sizes of other models stay constants
    if CUDA:
        torch.cuda.empty_cache()
    begin = time.perf_counter()
    model = Model(shape, DEVICE, case.endswith("-fp8"))
    synchronise()
    free = torch.cuda.mem_get_info()[0] if CUDA else 2e8
    size = 2 * shape.layers * shape.kv_heads * shape.dim
    room = int((free - (SPARE_BYTES if CUDA else 0)) / 2 / size)
    pool = torch.empty(room * size, dtype=torch.bfloat16, device=DEVICE).normal_()
    print(case, f"KV of {room:,} tokens; {time.perf_counter() - begin:.1f} s to set up", flush=True)

    def cache(batch: int, context: int) -> torch.Tensor:
        sizes = (shape.layers, 2, batch, context, shape.kv_heads, shape.dim)
        return pool[: batch * context * size].view(sizes)

    wide = max(shape.hidden, shape.heads * shape.dim, shape.inner)
    for batch in (b for b in BATCHES if b <= most // 64):
        x = torch.randn(batch, wide, dtype=torch.bfloat16, device=DEVICE)
        parts[f"{case} matrices {batch}"] = statistics.median(graph_ms(lambda x=x: model.matrices(x)))
        if shape.experts:
            parts[f"{case} experts {batch}"] = statistics.median(graph_ms(lambda x=x: every_layer(model, x)))
        for context in CONTEXTS:
            if batch * context > room or context > most:
                continue
            kv, ids = cache(batch, context), torch.randint(0, shape.vocab, (batch,), device=DEVICE)
            q = torch.randn(batch, shape.heads, 1, shape.dim, dtype=torch.bfloat16, device=DEVICE)

            def attention(kv: torch.Tensor = kv, q: torch.Tensor = q) -> None:
                for keys, values in kv:
                    model.attend(q, keys.transpose(1, 2), values.transpose(1, 2), False)

            kernel = chosen_kernel(model, attention, list(KERNELS))
            parts[f"{case} attention {batch} {context} {kernel}"] = statistics.median(graph_ms(attention))
            times = graph_ms(lambda kv=kv, ids=ids: model.decode(ids, kv).argmax(-1))
            load = ("offline", context - 1, 2, batch)
            sheet.add(case, load, "tpot_ms", times, f"graph {kernel}")
    for prompt in (p for p in PROMPTS if p <= most):
        kv, ids = cache(1, prompt), torch.randint(0, shape.vocab, (prompt,), device=DEVICE)
        q = torch.randn(1, shape.heads, prompt, shape.dim, dtype=torch.bfloat16, device=DEVICE)

        def attention(kv: torch.Tensor = kv, q: torch.Tensor = q) -> None:
            for keys, values in kv:
                model.attend(q, keys.transpose(1, 2), values.transpose(1, 2), True)

        x = torch.randn(prompt, wide, dtype=torch.bfloat16, device=DEVICE)
        parts[f"{case} matrices {prompt}"] = statistics.median(graph_ms(lambda x=x: model.matrices(x)))
        if shape.experts:
            parts[f"{case} experts {prompt}"] = statistics.median(graph_ms(lambda x=x: every_layer(model, x)))
        kernel = chosen_kernel(model, attention, [k for k in KERNELS if "grouped" not in k])
        parts[f"{case} prompt attention {prompt} {kernel}"] = statistics.median(graph_ms(attention))
        load = ("single-stream", prompt, 1, 1)
        eager = host_ms(lambda kv=kv, ids=ids: model.prefill(ids, kv).argmax(-1).item())
        sheet.add(case, load, "ttft_ms", eager, f"eager {kernel}")
        replayed = graph_ms(lambda kv=kv, ids=ids: model.prefill(ids, kv).argmax(-1))
        sheet.add(case, load, "ttft_ms", replayed, f"graph {kernel}")


def rates(large: int) -> dict[str, float]:
    """What the card reaches on plain work."""
    bf16, found = torch.bfloat16, {}
    source = torch.empty(large**2 * 24, dtype=bf16, device=DEVICE).normal_()
    target, size = torch.empty_like(source), source.numel() * 2
    copied = statistics.median(graph_ms(lambda: target.copy_(source)))
    found["copy TB/s (read + written)"] = 2e-9 * size / copied
    found["read TB/s (largest value)"] = 1e-9 * size / statistics.median(graph_ms(lambda: source.amax()))
    a, b = (torch.randn(large, large, dtype=bf16, device=DEVICE) for _ in range(2))
    work = 2e-9 * large**3
    found["bf16 TFLOP/s"] = work / statistics.median(graph_ms(lambda: a @ b.t()))
    if CUDA:
        one = torch.ones((), device=DEVICE)
        a8, b8 = a.to(gpu_model.NARROW), b.to(gpu_model.NARROW)
        scales = {"scale_a": one, "scale_b": one, "out_dtype": bf16, "use_fast_accum": True}
        found["fp8 TFLOP/s"] = work / statistics.median(
            graph_ms(lambda: torch._scaled_mm(a8, b8.t(), **scales))
        )
    x = torch.zeros(64, device=DEVICE)

    def chain() -> None:
        for _ in range(2000):
            x.add_(1.0)

    found["us per kernel in a graph"] = statistics.median(graph_ms(chain)) / 2
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def state() -> str:
    """Name, driver, clocks of processor and memory, temperature."""
    if not CUDA:
        return "CPU"
    asked = "--query-gpu=name,driver_version,clocks.sm,clocks.mem,temperature.gpu"
    smi = ["nvidia-smi", asked, "--format=csv,noheader"]
    return subprocess.run(smi, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603


def main() -> None:
    """Check, then time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default="llama-3.1-8b,llama-3.1-8b-fp8,qwen3-30b-a3b")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    torch._dynamo.config.recompile_limit = 256
    torch.set_grad_enabled(False)
    card = state()
    name = torch.cuda.get_device_name() if CUDA else "CPU"
    print(card, torch.__version__, flush=True)
    parts: dict[str, Any] = {"card": card, "software": f"PyTorch {torch.__version__}"}
    cases = options.models.split(",")
    for case in cases:
        if CUDA or not case.endswith("-fp8"):
            parts[f"check {case}"] = check(TINY[case.removesuffix("-fp8")], case.endswith("-fp8"))
            print(case, parts[f"check {case}"], flush=True)
    parts["rates"] = rates(256 if options.tiny else 8192)
    print(parts["rates"], flush=True)
    sheet = Sheet(options.folder / "own_measurements.csv", name, f"PyTorch {torch.__version__}")
    shapes = TINY if options.tiny else SHAPES
    for case in cases:
        if CUDA or not case.endswith("-fp8"):
            steps(case, shapes[case.removesuffix("-fp8")], sheet, parts, 512 if options.tiny else 10**9)
        parts["card at the end"] = state()
        (options.folder / "own_parts.json").write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
