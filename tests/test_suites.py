"""Settings that a benchmark suite publishes, and what a scheduler that does not always look costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_validate import ideal, read

from solver.inputs.catalogs import load_catalog
from solver.performance import quantities, roofline
from solver.performance.accuracy import speed_of_light
from solver.performance.quantities import Efficiency, Group, Machine
from solver.performance.serving import predict
from solver.performance.suites import Server, Wait

SUITE = "aiconfigurator silicon_sample (InferenceX DB dump)"


@pytest.mark.parametrize("name", [SUITE, "InferenceMAX 2025-10", "inference x"])
def test_lengths_of_the_suite_are_nine_tenths_of_the_nominal_ones(name: str, tmp_path: Path) -> None:
    """Uniform between 0.8 and 1: (0.8 + 1) / 2 = 0.9."""
    rows, _ = read(tmp_path, {"source": name}, {})
    assert rows.prompt.tolist() == pytest.approx([921.6, 1024])
    assert rows.output.tolist() == pytest.approx([921.6, 1024])


@pytest.mark.parametrize(
    ("server", "run", "expected"),
    [
        (Server(SUITE, "sglang-2026", "nvidia-blackwell", "deepseek-r1"), (1024, 1024, 8), Wait(period=10)),
        (Server(SUITE, "sglang-2026", "nvidia-blackwell", "deepseek-r1"), (1024, 1024, 16), Wait(period=30)),
        (Server(SUITE, "sglang-2026", "nvidia-hopper", "deepseek-r1"), (1024, 1024, 16), Wait()),
        (Server(SUITE, "sglang-2026", "nvidia-blackwell", "glm-5"), (1024, 1024, 16), Wait()),
        (
            Server(SUITE, "trtllm-2026", "nvidia-hopper", "deepseek-r1", 8, 8),
            (8192, 1024, 64),
            Wait(timeout=60),
        ),
        (Server(SUITE, "trtllm-2026", "nvidia-hopper", "deepseek-r1", 1, 8), (8192, 1024, 64), Wait()),
        (
            Server(SUITE, "trtllm-2026", "nvidia-hopper", "llama-3.1-70b", 1, 4),
            (1024, 1024, 4),
            Wait(timeout=20),
        ),
        (Server(SUITE, "trtllm-2026", "nvidia-hopper", "llama-3.1-70b", 1, 8), (1024, 1024, 4), Wait()),
        (Server(SUITE, "trtllm-2026", "nvidia-hopper", "llama-3.1-70b", 1, 4), (1024, 8192, 4), Wait()),
        (Server("a blog", "sglang-2026", "nvidia-blackwell", "deepseek-r1"), (1024, 1024, 16), Wait()),
    ],
)
def test_how_a_server_looks_for_requests(server: Server, run: tuple[int, int, int], expected: Wait) -> None:
    assert server.wait(*run) == expected


def test_kv_of_the_suite_is_narrow_where_its_scripts_say_so() -> None:
    blackwell = Server(SUITE, "vllm-2026", "nvidia-blackwell", "gpt-oss-120b", date="2026-03-11")
    assert blackwell.kv_precision() == "fp8"
    assert replace(blackwell, family="nvidia-hopper").kv_precision() == ""
    assert replace(blackwell, family="nvidia-hopper", model="llama-3.1-70b").kv_precision() == "fp8"
    minimax = replace(blackwell, model="minimax-m2.5")
    assert [replace(minimax, date=d).kv_precision() for d in ("2026-03-28", "2026-04-03")] == ["", "fp8"]
    assert replace(blackwell, source="a blog").kv_precision() == ""


def test_a_stated_kv_precision_counts(tmp_path: Path) -> None:
    row = {
        "source": SUITE,
        "hardware": "B200-SXM-180GB",
        "model": "Llama-3.1-70B",
        "precision_weights": "fp8",
    }
    told, untold = read(tmp_path, row | {"precision_kv": "bf16"}, row)[0].shape.kv_bytes
    assert told == 2 * untold == 80 * 2 * 8 * 128 * 2


def test_a_polled_prompt_waits_half_the_period(tmp_path: Path) -> None:
    """One client, no rivals: half a step where the scheduler always looks, 15 where it does every 30th."""
    rows, _ = read(
        tmp_path, {"metric": "ttft_ms", "concurrency_or_batch": "1"}, {"concurrency_or_batch": "1"}
    )
    ttft, step = predict(rows, ideal())
    later, _ = predict(replace(rows, poll=np.full(2, 30.0)), ideal())
    assert later - ttft == pytest.approx((15 - 0.5) * step)


@pytest.mark.parametrize("clients", [1, 8, 64])
def test_collecting_prompts_wait_as_long_as_in_a_simulation(clients: int, tmp_path: Path) -> None:
    """The first waits 60 steps, those that come meanwhile on average half of it; drawn 200,000 times."""
    row = {"isl": "1", "concurrency_or_batch": str(clients)}  # prompts that take no time
    rows, _ = read(tmp_path, row | {"metric": "ttft_ms"}, row)
    constants = ideal(layer_us=2000.0)
    ttft, step = predict(rows, constants)
    later, _ = predict(replace(rows, timeout=np.full(2, 60.0)), constants)
    others = np.random.default_rng(1).poisson(60 * (clients - 1) / 1024, 200_000)
    waits = 60 * (1 + others / 2)
    expected = waits.sum() / (1 + others).sum()
    assert (later - ttft) / step == pytest.approx(expected - 0.5, rel=0.01)


def test_the_speed_of_light_does_not_wait_for_a_scheduler(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, {"metric": "ttft_ms"})
    waiting = replace(rows, poll=np.full(1, 30.0), timeout=np.full(1, 60.0))
    assert speed_of_light(waiting).tolist() == speed_of_light(rows).tolist()


def test_a_routed_layer_takes_longer_with_more_experts_of_a_token() -> None:
    """gpt-oss: 36 layers, 4 experts a token; at a share of 0.5 each takes 1 + 0.5 (4 / 8 - 1) of 40 us."""
    shape = quantities.shape(load_catalog().models["gpt-oss-120b"], "mxfp4", "fp16")
    machine, group = Machine(1e30, 1e30, 1e30, 1e30, 1e30, 1e30), Group(1, 1, 1)
    efficiency = replace(Efficiency.ideal(), moe_layer_s=40e-6, route_share=0.5)
    step = roofline.decode(shape, machine, group, efficiency, 1.0, 1024.0)
    assert float(step.total) == pytest.approx(36 * 0.75 * 40e-6)
