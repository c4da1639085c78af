"""Settings that a benchmark suite gives all its runs, as its published scripts state them.

InferenceX (SemiAnalysis, formerly InferenceMAX; github.com/SemiAnalysisAI/InferenceX, ``benchmarks/`` and
``utils/bench_serving/benchmark_serving.py``, read 2026-11): lengths are uniform between 0.8 and 1 times the
nominal ones (``--random-range-ratio 0.8``), so they are 0.9 of them on average. Some servers look for new
requests every so many steps, or let a first one wait for others, and some store the KV in 8 bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_INFERENCEX = re.compile(r"inference\s*(x|max)\b", re.IGNORECASE)
_MEAN_LENGTH = 0.9

#: SGLang ``--scheduler-recv-interval``: 10 steps, from 16 clients on 30 (dsr1_*_b200.sh, dsr1_*_b300.sh,
#: qwen3.5_*_b200.sh); the scripts of other models and of H200 leave it at 1.
_POLLED = ("deepseek-r1", "qwen3.5-397b-a17b")
_FEW, _POLL_FEW, _POLL = 16, 10.0, 30.0
#: TensorRT-LLM ``attention_dp_config.timeout_iters``: 60 (dsr1_*_trt.sh, with attention groups);
#: ``batch_wait_timeout_iters``: 20 (Llama 70B, 1,024 tokens in and out, fewer than 8 chips).
_BALANCE, _COLLECT = 60.0, 20.0
#: Engine and architecture -> models whose scripts store the KV in 8 bits (``kv-cache-dtype``); elsewhere what
#: the engine takes by itself. Blackwell: 70b_fp8_b200_docker.sh, gptoss_fp4_b200.sh, dsr1_*_b200.sh,
#: qwen3.5_fp8_b200.sh, glm5_fp8_b200.sh; Hopper: 70b_fp8_h100_slurm.sh, 70b_fp8_h200_slurm.sh.
_NARROW_KV = {
    ("vllm", "nvidia-blackwell"): ("llama-3.1-70b", "gpt-oss-120b", "minimax-m2.5"),
    ("vllm", "nvidia-hopper"): ("llama-3.1-70b",),
    ("sglang", "nvidia-blackwell"): ("deepseek-r1", "qwen3.5-397b-a17b", "glm-5"),
}
#: First date of that setting, where the first script of the model had none: minimaxm2.5_fp8_b200.sh and
#: minimaxm2.5_fp4_b200.sh of April 2026 (vLLM 0.19), beside those of March (vLLM 0.17).
_NARROW_SINCE = {"minimax-m2.5": "2026-04"}


@dataclass(frozen=True)
class Wait:
    """Steps between two looks of the scheduler for requests, and at most after a first arrival."""

    period: float = 1.0
    timeout: float = 0.0


@dataclass(frozen=True)
class Server:
    """What decides the settings of a run's server; ``groups``: attention groups of a replica."""

    source: str
    generation: str
    family: str
    model: str
    groups: int = 1
    chips: int = 1
    date: str = ""

    @property
    def listed(self) -> bool:
        """Whether the run is of a suite with published scripts."""
        return bool(_INFERENCEX.search(self.source))

    @property
    def _engine(self) -> str:
        return self.generation.split("-")[0]

    @property
    def _blackwell(self) -> bool:
        return self.family.startswith("nvidia-blackwell")

    def kv_precision(self) -> str:
        """Precision of the KV that the scripts set, or empty."""
        family = self.family.removesuffix("-pcie")
        models = _NARROW_KV.get((self._engine, family), ()) if self.listed else ()
        since = _NARROW_SINCE.get(self.model, "")
        return "fp8" if self.model in models and self.date >= since else ""

    def mean_length(self) -> float:
        """Mean length of prompts and outputs over the nominal one."""
        return _MEAN_LENGTH if self.listed else 1.0

    @property
    def one_prompt_at_a_time(self) -> bool:
        """Whether a first token's time is that of one user's prefill, not of the batch.

        So in tt-metal, whose demo divides the time of the batch's prefill by its users: tenstorrent/tt-metal,
        models/tt_transformers/demo/simple_text_demo.py at commit 001cd0781a60, read on 26 November 2026.
        """
        return self.source.startswith("tt-metal")

    def wait(self, prompt: float, output: float, clients: float) -> Wait:
        """How the scheduler looks for new requests; lengths are the nominal ones."""
        if self.listed and self._engine == "sglang" and self.groups == 1:
            if self._blackwell and self.model in _POLLED:
                return Wait(period=_POLL if clients >= _FEW else _POLL_FEW)
        elif self.listed and self._engine == "trtllm":
            if self.groups > 1 and self.model.startswith("deepseek"):
                return Wait(timeout=_BALANCE)
            if self.model == "llama-3.1-70b" and prompt == output == 1024 and self.chips < 8:
                return Wait(timeout=_COLLECT)
        return Wait()
