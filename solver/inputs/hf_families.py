"""Model families whose config.json is read, and what their files leave out.

Defaults are those of the configuration classes of the transformers library (``configuration_<type>.py``).
"""

from __future__ import annotations

from typing import Any

#: Keys of models that mix attention with state spaces or linear attention.
UNKNOWN_HYBRIDS = (
    "hybrid_override_pattern",
    "mamba_d_state",
    "ssm_cfg",
    "linear_num_key_heads",
    "attn_layer_indices",
)

#: model_type of the families; a model of any other has parts that the catalog may not represent.
KNOWN = (
    "deepseek_v2",
    "deepseek_v3",
    "deepseek_v32",
    "gemma3",
    "gemma3_text",
    "glm4",
    "glm4_moe",
    "glm_moe_dsa",
    "gpt_oss",
    "kimi_k2",
    "llama",
    "llama4",
    "llama4_text",
    "mistral",
    "mixtral",
    "phi3",
    "qwen2",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
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


def left_out(model_type: str) -> dict[str, Any]:
    """Keys that files of this family may leave out, with the values they then have."""
    if model_type.startswith("gemma3"):
        return dict(_GEMMA_3)
    return {"use_sliding_window": False} if model_type.startswith("qwen") else {}
