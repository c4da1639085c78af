"""Model families whose config.json is read, and what their files leave out.

Defaults are those of the configuration classes of the transformers library (``configuration_<type>.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Keys of models that mix attention with state spaces or linear attention.
UNKNOWN_HYBRIDS = (
    "hybrid_override_pattern",
    "mamba_d_state",
    "ssm_cfg",
    "linear_num_key_heads",
    "attn_layer_indices",
)

#: model_type of the families; a model of any other has parts that the catalog may not represent. Of those
#: that read images too the language part counts.
KNOWN = (
    "chatglm",
    "deepseek_v2",
    "deepseek_v3",
    "deepseek_v32",
    "gemma2",
    "gemma3",
    "gemma3_text",
    "glm",
    "glm4",
    "glm4_moe",
    "glm4_moe_lite",
    "glm4v_moe_text",
    "glm4v_text",
    "glm_moe_dsa",
    "gpt_oss",
    "kimi_k2",
    "llama",
    "llama4",
    "llama4_text",
    "minimax_m2",
    "mistral",
    "mixtral",
    "phi3",
    "qwen2",
    "qwen2_5_vl",
    "qwen2_5_vl_text",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
    "qwen3_vl_moe_text",
    "qwen3_vl_text",
)
_GEMMA_3 = {
    "vocab_size": 262208,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "sliding_window": 4096,
    "sliding_window_pattern": 6,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": True,
}
_GEMMA_2 = {"sliding_window_pattern": 2, "head_dim": 256, "tie_word_embeddings": True}


def left_out(model_type: str) -> dict[str, Any]:
    """Keys that files of this family may leave out, with the values they then have."""
    if model_type.startswith("gemma3"):
        return dict(_GEMMA_3)
    if model_type == "gemma2":
        return dict(_GEMMA_2)
    return {"use_sliding_window": False} if model_type.startswith("qwen") else {}


def precision(config: Mapping[str, Any]) -> str:
    """Precision of the stored weights in words of the catalog, from quantization_config or the data type."""
    quant = config.get("quantization_config") or config.get("compression_config") or {}
    quant = quant if isinstance(quant, dict) else {}
    method = str(quant.get("quant_method", "")).lower()
    if not method:
        kind = str(config.get("torch_dtype") or config.get("dtype") or "bfloat16").removeprefix("torch.")
        return {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}.get(kind, kind)
    if method == "mxfp4":
        return "mxfp4 experts + bf16 rest"
    words = f"{method} {quant.get('quant_algo', '')} {quant.get('format', '')}".lower()
    bits, kind = _bits(quant)
    if "fp4" in words or (bits, kind) == (4, "float"):
        return "fp4"
    if "fp8" in words or (bits, kind) == (8, "float"):
        return "fp8"
    return f"int{bits}" if bits in (4, 8) else method


def _bits(quant: Mapping[str, Any]) -> tuple[Any, str]:
    """Bits of a stored weight and whether they are an int or a float."""
    groups = quant.get("config_groups")  # compressed-tensors
    for group in groups.values() if isinstance(groups, dict) else ():
        weights = group.get("weights") if isinstance(group, dict) else None
        if isinstance(weights, dict) and weights.get("num_bits"):
            return weights["num_bits"], str(weights.get("type", "int"))
    return quant.get("bits") or quant.get("weight_bits"), "int"


def image_parameters(config: Mapping[str, Any]) -> float:
    """Parameters of the image encoder in ``vision_config``; 0 where there is none.

    Blocks of a vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929): 4 h^2 of attention and 2 h f
    of the feed-forward each; patches, positions and projection are left out.
    """
    vision = config.get("vision_config")
    sizes: Mapping[str, Any] = vision if isinstance(vision, dict) else {}
    blocks, wide, inner = (_size(sizes, *names) for names in _VISION)
    return blocks * (4 * wide**2 + 2 * wide * inner) if inner else 0.0


_VISION = (("num_hidden_layers", "depth"), ("hidden_size",), ("intermediate_size",))


def _size(sizes: Mapping[str, Any], *names: str) -> float:
    found = next((sizes[name] for name in names if name in sizes), 0)
    return float(found) if isinstance(found, int) and found > 0 else 0.0
