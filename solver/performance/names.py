"""Words of published measurements: precisions, parallelism, engines, benchmark data sets."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WEIGHTS = (
    (r"mxfp4", "mxfp4"),
    (r"nvfp4|fp4|float4|int4|3bit|4bit|w4a\d|awq|gptq(?!.*int8)|\bq4", "fp4"),
    (r"fp8|float8|int8|8bit|mxfp8|e4m3|e5m2|w8a\d|\bq8", "fp8"),
)
_SIXTEEN = r"16|half"  # of a precision; a model name may hold a 16 of its own
_UNSAID = ("", "unknown", "auto", "default", "mixed", "native", "?")


def weight_precision(text: str) -> str:
    """fp16, fp8, fp4, mxfp4, or empty where the source does not say or the word is not known."""
    found = precision_in_name(text)
    return found or ("fp16" if re.search(_SIXTEEN, text.lower()) else "")


def precision_in_name(model: str) -> str:
    """Precision that a model name ends in (-FP8, -AWQ, w8a8), or empty."""
    text = model.lower()
    found = next((name for words, name in _WEIGHTS if re.search(words, text)), "")
    return found or ("fp16" if re.search(r"\b(bf16|fp16)\b", text) else "")


def unsaid(precision: str) -> bool:
    """Whether a precision column says nothing."""
    return precision.strip().lower() in _UNSAID


@dataclass(frozen=True)
class Workers:
    """Chips and count of the prefill or decode workers of a run."""

    tensor: int
    data: int = 1
    stages: int = 1
    count: int = 0  # 0: all chips that the run names

    @property
    def chips(self) -> int:
        """Chips of one worker."""
        return self.tensor * self.data * self.stages


_POOL = re.compile(r"TP(\d+) DP(\d+) EP(\d+) x(\w+)", re.IGNORECASE)
_GROUP = re.compile(r"(?:(\d+)x)?TE?P(\d+)(?:[+_X]?PP(\d+))?(?:\+DPattn(\d+))?", re.IGNORECASE)
_REPLICAS = re.compile(r"(?:TP1)?(?:(DP)|PP)(\d+)$")  # whole copies of the model, or stages of one chip
_WIDE = re.compile(r"(?:DEP(\d+)|EP(\d+) DP\d+|DPattn\+EP\d+|DP(\d+)\+?EP\d+)", re.IGNORECASE)
_ATTENTION = re.compile(  # attention groups beside experts that spread: TP1_DP8_EP8, ADP4+EP4, EP8_DP8
    r"(?:TP(\d+))?(?:PP\d+)?\+?(?:A?DP(?:ATTN|ATTENTION)?(\d+)\+?T?EP(\d+)|EP(\d+)\+?A?DP(?:ATTN|ATTENTION)?(\d+))$"
)
_FEW_AND_MANY = re.compile(r"disagg (\d)P(\d)D .*TP(\d)", re.IGNORECASE)
#: Words of a layout -> its letters.
_SPELT = tuple(
    (re.compile(rf"{word}[\s_-]*(parallel(ism)?)?([\s_-]*size)?[\s_=:-]*(?=\d)", re.IGNORECASE), letters)
    for word, letters in (("tensor", "TP"), ("pipeline", "PP"), ("expert", "EP"), ("data", "DP"))
)


def workers(text: str, chips: int) -> tuple[Workers, Workers] | str:
    """Prefill and decode workers of a parallelism string on ``chips`` chips, or why it cannot be read."""
    for spelt_out, letters in _SPELT:
        text = spelt_out.sub(letters, text)
    pools = _POOL.findall(text)
    if len(pools) == 2:
        if any(not p[3].isdigit() for p in pools):
            return "disaggregated pools without worker counts"
        first, second = (Workers(int(t), int(d), 1, int(n)) for t, d, _, n in pools)
        return first, second
    pd = _FEW_AND_MANY.match(text)
    if pd:
        p, d, t = (int(x) for x in pd.groups())
        return Workers(t, count=p), Workers(t, count=d)
    if text.lower().startswith(("disagg", "pd-disagg")):
        return "disaggregated pools without worker counts"
    plain = re.sub(r"[\s=:,/_-]+", "", text.upper())
    spelt = re.search(r"PP\d", plain) or _ATTENTION.match(plain)  # with separators that do not matter
    one = (None if spelt else _one_group(text, chips)) or _one_group(plain, chips)
    return (one, one) if one else "parallelism unknown"


def chips_of(groups: tuple[Workers, Workers]) -> int:
    """Chips that a layout names: of both pools, or of one replica; 0 where it names none."""
    first, second = groups
    if first.count and second.count:
        return first.count * first.chips + second.count * second.chips
    return second.chips


def _one_group(text: str, chips: int) -> Workers | None:
    """Workers that both prefill and decode."""
    wide = _WIDE.match(text)
    if wide:
        size = int(wide[1] or wide[2] or wide[3] or chips)
        return Workers(1, min(size, 8 * chips) if chips else size)
    parted = _ATTENTION.match(text)
    if parted:
        data, spread = int(parted[2] or parted[5]), int(parted[3] or parted[4])
        tensor = int(parted[1] or 1)
        if tensor * data > (chips or tensor * data):  # the number of chips in the place of TP
            tensor = max(chips // data, 1)
        return Workers(tensor, data if spread > 1 else 1)
    if "cores" in text.lower():
        return Workers(chips)
    found = _GROUP.match(text)
    if found:
        return Workers(int(found[2]), int(found[4] or 1), int(found[3] or 1))
    copies = _REPLICAS.fullmatch(text)
    if copies:
        return Workers(1) if copies[1] else Workers(1, stages=int(copies[2]))
    if (
        not text
        or text in ("NONE", "SINGLE", "1")
        or "chips" in text
        or "pipeline" in text
        or "submission" in text
    ):
        return Workers(0)
    return None


#: Pattern of the engine -> generation. Software moves faster than chips: each generation is fitted apart.
_GENERATIONS = (
    (r"splitwise", "vllm-2023"),
    (r"vllm.*tpu", "vllm-tpu-2026"),
    (r"vllm 0\.[1-6]\b|vllm 0\.[56]\.|vllm 0\.4", "vllm-2024"),
    (r"vllm 0\.([789]|1[0-3])\b", "vllm-2025"),
    (r"tensorrt-llm 0\.[5-9]\b", "trtllm-2024-static"),
    (r"(tensorrt-|trt)llm 0\.1[0-9]", "trtllm-2024"),
    (r"(tensorrt-|trt)llm (0\.2|1\.0\b)", "trtllm-2025"),
    (r"tensorrt-llm [1-9]|tensorrt-llm.pytorch|trtllm", "trtllm-2026"),  # trtllm 0.8.1: Dynamo's version
    (r"tensorrt-llm", "trtllm-2024"),
    (r"sglang 0\.([0-4]|5\.[0-4]\b)", "sglang-2025"),
    (r"sglang", "sglang-2026"),
    (r"deepspeed-mii", "deepspeed-mii-2024"),
    (r"deepspeed", "deepspeed-2024"),
    (r"neuron", "neuron-2024"),
    (r"sambaflow", "sambaflow-2024"),
    (r"habana", "habana-2026"),
    (r"gpt-fast", "torch-2024"),
    (r"tt-metal", "tt-metal-2025"),
    (r"vllm|llm-d|mango|^(py)?torch\b", "vllm-2026"),  # PyTorch alone: the engine with the nearest kernels
    (r"tensorrt|cuda|rocm|todo|jetpack", "mlperf-6"),
)


def generation(engine: str, source: str, date: str = "") -> str:
    """Engine generation of a run; a run of unknown software counts as the benchmark suite it is from."""
    text = re.sub(r"\btensorrt[\s_-]?llm", "tensorrt-llm", engine.lower())
    text = re.sub(r"\btrt[\s_-]llm", "trtllm", text)
    numbered = r"\b(vllm|sglang|trtllm|tensorrt-llm)[\s=@:_-]*v?(?=\d)"  # vLLM v0.6.3, vllm==0.6.3
    text = re.sub(numbered, r"\1 ", text).strip()
    if source.startswith("MLPerf"):
        version = re.search(r"v(\d)\.", source)
        return f"mlperf-{version[1]}" if version else "mlperf-6"
    if source.startswith("ANL") and text == "vllm":
        return "vllm-2024"
    if text == "vllm" and "2025" <= date < "2026":
        return "vllm-2025"
    if text == "tensorrt-llm" and date >= "2025":
        return "trtllm-2025" if date < "2025-10" else "trtllm-2026"
    return next((name for pattern, name in _GENERATIONS if re.search(pattern, text)), "vendor")


#: What a load is called -> how the model sees it.
MODES = {
    **dict.fromkeys(("offline", "batch", "static", "throughput"), "offline"),
    **dict.fromkeys(("online", "closed-loop", "concurrency", "serving"), "online"),
    **dict.fromkeys(("server", "open-loop"), "server"),
    **dict.fromkeys(("single-stream", "single stream", "singlestream"), "single-stream"),
}

#: MLPerf Inference data sets by id of the model: mean prompt tokens, output tokens (where the row has none),
#: beams.
MLPERF_LENGTHS = {
    "gpt-j-6b": (780.0, 69.0, 4),
    "llama-2-70b": (294.0, 290.0, 1),
    "llama-3.1-8b": (780.0, 128.0, 1),
    "llama-3.1-405b": (9400.0, 650.0, 1),
    "mixtral-8x7b": (400.0, 145.0, 1),
    "mixtral-8x22b": (400.0, 145.0, 1),
    "deepseek-r1": (800.0, 3700.0, 1),
}
