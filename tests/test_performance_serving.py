"""What runs report, by hand: prompts that share steps, and what a token costs besides matrices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_validate import ideal, read

from solver.inputs.catalogs import load_catalog
from solver.performance import quantities, roofline
from solver.performance.constants import NAMES, Narrow, efficiency
from solver.performance.quantities import Efficiency, Group, Machine
from solver.performance.serving import outcome, predict

#: A prompt of 1,024 tokens of Llama 3.1 8B on one H100 in 16 bits: matrices and attention, seconds.
MATRICES, ATTENTION = 1024 * 2 * 7.505e9 / 989e12, 1024**2 * 32 * 32 * 256 / 989e12
PROMPT = MATRICES + ATTENTION


def test_prompts_of_a_first_wave_count_once(tmp_path: Path) -> None:
    """Seven rivals' prompts: a share b before the first token takes b of them from between the others."""
    rows, _ = read(tmp_path, {})
    none, some = (outcome(rows, ideal(layer_us=500.0, burst=b)) for b in (0.0, 0.25))
    assert some.ttft[0] - none.ttft[0] == pytest.approx(0.25 * 7 * PROMPT, rel=0.03)
    assert 1024 * (none.tpot[0] - some.tpot[0]) == pytest.approx(0.25 * 7 * PROMPT, rel=0.03)
    assert some.rate[0] == pytest.approx(none.rate[0], rel=1e-4)


def test_prompts_taken_together_share_the_attention_groups(tmp_path: Path) -> None:
    """Four groups: a lone prompt keeps three idle; k at once take k p and what a lone one takes beyond p.

    81 clients, 1,024 tokens each: 0.08 prompts a step. Looked for in every step each is alone, in every
    102nd there are eight.
    """
    row = {"parallelism": "TP1+DPattn4+EP4", "n_devices": "4", "concurrency_or_batch": "81"}
    rows, _ = read(tmp_path, row)
    constants = ideal(layer_us=5000.0)  # prompts are short beside steps
    one, many = (outcome(r, constants) for r in (rows, replace(rows, poll=np.array([102.0]))))
    p, lone = PROMPT / 4, MATRICES + ATTENTION / 4
    n = [(run.rate[0] * run.tpot[0] - 1) / 1024 for run in (one, many)]  # Little's law
    expected = n[0] * lone - n[1] * (p + (lone - p) / (102 * n[1]))
    assert one.tpot[0] - many.tpot[0] == pytest.approx(expected, rel=0.1)


def test_a_token_passes_over_its_activations(tmp_path: Path) -> None:
    """32 layers of 4,096 values of 2 bytes: 20 passes are 5.2 MB a sequence and step."""
    row = {"mode": "offline", "concurrency_or_batch": "16", "metric": "tpot_ms"}
    rows, _ = read(tmp_path, row)
    before, after = (predict(rows, ideal(activation_passes=p))[0] for p in (0.0, 20.0))
    assert after - before == pytest.approx(16 * 1e3 * 20 * 32 * 4096 * 2 / 3.35e12, rel=1e-6)


def test_all_but_the_experts_of_an_mxfp4_model_is_read_in_16_bits() -> None:
    """Half the bandwidth at 4 bits: experts with their scales in the bytes reach 0.5 x 4.5 / 4 of it."""
    constants = dict.fromkeys(NAMES, 1.0) | {"fp4_memory": 0.5, "fp4_factor": 0.25}
    mixed, plain = (efficiency(constants, Narrow(False, True, False, 1.0, m)) for m in (True, False))
    assert (mixed.memory, mixed.memory_experts, mixed.compute) == (1.0, 0.5625, 1.0)
    assert (plain.memory, plain.memory_experts, plain.compute) == (0.5, 0.5, 0.25)
    shape = quantities.shape(load_catalog().models["gpt-oss-120b"], "mxfp4", "fp16")
    machine = Machine(1e12, 4e15, 1e15, 1e12, 1e12, 1e15)
    step = roofline.decode(shape, machine, Group(1, 1, 1), Efficiency.ideal(), 64.0, 1024.0)
    assert step.dense_compute == pytest.approx(64 * 2 * shape.dense_parameters / 1e15)
    assert step.expert_compute == pytest.approx(64 * 2 * shape.expert_parameters / 4e15)


def test_a_first_token_of_tt_metal_is_that_of_one_user(tmp_path: Path) -> None:
    """The batch of 32 is prefilled in turn elsewhere: 31 prompts later on average for the last."""
    row = {"mode": "offline", "concurrency_or_batch": "32", "metric": "ttft_ms", "osl": "128"}
    rows, _ = read(tmp_path, row | {"source": "tt-metal models/README.md"}, row)
    own, batch = predict(rows, ideal())
    assert batch - own == pytest.approx(31e3 * PROMPT, rel=1e-3)
