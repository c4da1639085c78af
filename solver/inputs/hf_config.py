"""A Hugging Face ``config.json`` as a catalog model; what the catalog cannot represent is refused by name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from solver.domain.catalog import Attention, Model
from solver.errors import InputError
from solver.inputs.hf_families import KNOWN, UNKNOWN_HYBRIDS, image_parameters, left_out, precision
from solver.inputs.yaml_text import decode, read_bytes

_TOLERANCE = 0.03  # of the derived against the stored number of parameters
_LOCAL = ("sliding_attention", "chunked_attention")

#: Field of the catalog -> names in config.json, the first that is there counts.
_NAMES: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "q_heads": ("num_attention_heads", "n_head"),
    "vocab": ("vocab_size", "padded_vocab_size"),
    "max_context": ("max_position_embeddings", "n_positions", "seq_length"),
}


def read_hf_config(path: Path, model_id: str = "", stored_params_b: float | None = None) -> Model:
    """The model that ``path`` (config.json) describes.

    ``model_id``: default, the name in the file or that of its folder. ``stored_params_b``: published
    parameters in billions; default: from ``model.safetensors.index.json`` beside the file, where it is. The
    derived count must agree within 3 %, without an image encoder or with it (``vision_config``).
    """
    from solver.performance.architecture import parameters

    config, digest = _load(path)
    name = (model_id or str(config.get("_name_or_path") or path.resolve().parent.name)).split("/")[-1]
    identity = name.lower()
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,99}", identity):
        raise InputError.at(str(path), 0, f"gives no name ('{name}')", "name the model with --id")
    try:
        draft = Model(
            id=identity,
            name=name,
            released="unknown",
            source=f"{path.name}, sha256 {digest[:16]}",
            date=date.today().isoformat(),
            total_params_b=1.0,
            active_params_b=1.0,
            **_Reader(str(path), config).fields(),
        )
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        problem = f"has a value of a wrong kind: {' '.join(str(error).split())[:200]}"
        raise InputError.at(str(path), 1, problem, "give the config.json as published") from error
    derived = parameters(draft)
    total = round(derived.total / 1e9, 3)
    update: dict[str, Any] = {
        "total_params_b": total,
        "active_params_b": round(derived.active / 1e9, 3) if draft.n_experts else total,
    }
    images = image_parameters(config)
    stored = stored_params_b or _stored(path, draft)
    if stored and images and not _agree(derived.total, stored) and _agree(derived.total + images, stored):
        update["note"] = (
            f"language part of {stored:g} G; an image encoder of {images / 1e9:.2f} G is left out"
        )
    elif stored and not _agree(derived.total, stored):
        problem = f"derives {derived.total / 1e9:,.2f} billion parameters, but {stored:,.2f} are stored"
        remedy = "the architecture has parts that config.json does not tell; write the model into a catalog"
        raise InputError.at(str(path), 1, problem, remedy)
    elif stored_params_b:
        update["total_params_b"] = stored_params_b
        update["active_params_b"] = update["active_params_b"] if draft.n_experts else stored_params_b
    return draft.model_copy(update=update)


def _agree(derived: float, stored_b: float) -> bool:
    return abs(derived / 1e9 / stored_b - 1) <= _TOLERANCE


def _load(path: Path) -> tuple[dict[str, Any], str]:
    """The configuration of the language part with the defaults of its family, and the digest of the file."""
    try:
        raw = read_bytes(path)
        config = json.loads(decode(raw, str(path), tabs=True))
    except ValueError as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise InputError.at(str(path), line, f"cannot be read: {error}", "give a config.json") from error
    if not isinstance(config, dict):
        raise InputError.at(str(path), 1, "is not an object", "give the config.json of a model")
    inner = config.get("text_config")
    config = {**config, **inner} if isinstance(inner, dict) else config
    family = str(config.get("model_type") or "")
    if family not in KNOWN:
        known = ", ".join(KNOWN)
        problem = f"model_type '{family}' has no reader here" if family else "tells no model_type"
        raise InputError.at(str(path), 1, problem, f"known: {known}; write others into a catalog by hand")
    return {**left_out(family), **config}, hashlib.sha256(raw).hexdigest()


def _stored(path: Path, model: Model) -> float | None:
    """Billions of parameters in the checkpoint beside the file, for 16-bit checkpoints."""
    index = path.with_name("model.safetensors.index.json")
    if not index.is_file() or model.native_precision not in ("bf16", "fp16"):
        return None
    try:
        return float(json.loads(index.read_text(encoding="utf-8"))["metadata"]["total_size"]) / 2e9
    except (ValueError, KeyError, TypeError):
        return None


class _Reader:
    """Turns configuration keys into catalog fields."""

    def __init__(self, file: str, config: Mapping[str, Any]) -> None:
        self.file, self.config = file, config
        for key in UNKNOWN_HYBRIDS:
            if key in config:
                raise self._refuse(f"{key}: state-space or linear-attention layers have no model here")
        if "linear_attention" in (config.get("layer_types") or ()):
            raise self._refuse("layer_types holds linear_attention, which has no model here")

    def _refuse(self, problem: str) -> InputError:
        return InputError.at(self.file, 1, problem, "write the model into a catalog by hand, or measure it")

    def _int(self, *names: str, default: int | None = None) -> int:
        for name in names:
            value = self.config.get(name)
            if isinstance(value, list) and len(set(value)) == 1:  # one for each layer, all alike
                value = value[0]
            if isinstance(value, int) and not isinstance(value, bool):
                if value < (default is None):
                    raise self._refuse(f"{name} is {value}")
                return value
        if default is None:
            raise self._refuse(f"{' or '.join(names)} missing")
        return default

    def fields(self) -> dict[str, Any]:
        """All architecture fields of :class:`Model`."""
        found: dict[str, Any] = {
            field: self._int(*names) for field, names in _NAMES.items() if field != "max_context"
        }
        found["max_context"] = self._int(*_NAMES["max_context"], default=0)
        found["tied_embeddings"] = bool(self.config.get("tie_word_embeddings", False))
        found["native_precision"] = precision(self.config)
        found |= self._attention(found["hidden"], found["q_heads"], found["layers"])
        found |= self._experts(found["layers"])
        for field in ("kv_heads", "head_dim"):
            if found[field] < 1:
                raise self._refuse(f"{field} is {found[field]}")
        for field, most in (("n_local_layers", "layers"), ("n_moe_layers", "layers"), ("top_k", "n_experts")):
            if not 0 <= found.get(field, 0) <= found.get(most, 0):
                raise self._refuse(f"{field} is {found[field]} of {found[most]} {most}")
        return found

    def _attention(self, hidden: int, heads: int, layers: int) -> dict[str, Any]:
        if self.config.get("kv_lora_rank"):
            return {
                "attention": "mla",
                "kv_heads": self._int("num_key_value_heads", default=heads),
                "q_lora_rank": self._int("q_lora_rank", default=0),
                "kv_lora_rank": self._int("kv_lora_rank"),
                "rope_dim": self._int("qk_rope_head_dim"),
                "qk_nope_dim": self._int("qk_nope_head_dim"),
                "v_head_dim": self._int("v_head_dim"),
                "head_dim": self._int("head_dim", "v_head_dim"),
                **self._sparse(),
            }
        kv = self._int("num_key_value_heads", "num_kv_heads", "multi_query_group_num", default=heads)
        window, local, kind = self._window(layers)
        attention: Attention = kind if local else ("mha" if kv == heads else "gqa")
        return {
            "attention": attention,
            "kv_heads": kv,
            "head_dim": self._int("head_dim", "kv_channels", default=hidden // heads),
            "window": window if local else 0,
            "n_local_layers": local,
        }

    def _sparse(self) -> dict[str, int]:
        """Selected tokens and the indexer that selects them (DeepSeek-V3.2, GLM-5)."""
        if "index_topk" not in self.config:
            return {}
        names = {"sparse_tokens": "index_topk", "index_heads": "index_n_heads", "index_dim": "index_head_dim"}
        return {field: self._int(name) for field, name in names.items()}

    def _window(self, layers: int) -> tuple[int, int, Attention]:
        """Window, number of layers that have it, and its kind."""
        if self.config.get("attention_chunk_size"):
            chunk = self._int("attention_chunk_size")
            rope = self.config.get("no_rope_layers") or []
            local = sum(rope) if rope else layers - layers // 4  # every fourth layer sees everything
            return chunk, int(local), "gqa-chunked-mix"
        if not self.config.get("sliding_window") or self.config.get("use_sliding_window") is False:
            return 0, 0, "gqa"
        window = self._int("sliding_window")
        kinds = self.config.get("layer_types")
        if kinds:
            return window, sum(k in _LOCAL for k in kinds), "gqa-swa-mix"
        if "max_window_layers" in self.config:  # Qwen: the layers above it have a window
            return window, max(0, layers - self._int("max_window_layers", default=0)), "gqa-swa-mix"
        pattern = self._int("sliding_window_pattern", default=0)
        local = layers - layers // pattern if pattern else layers
        return window, local, "gqa-swa-mix"

    def _experts(self, layers: int) -> dict[str, Any]:
        experts = self._int("n_routed_experts", "num_local_experts", "num_experts", default=0)
        names = ("intermediate_size_mlp", "intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner")
        dense = self._int(*names, default=0)
        if not experts:
            if not dense:
                raise self._refuse("intermediate_size missing")
            return {"ffn_dim": dense}
        width = self._int("moe_intermediate_size", "intermediate_size")
        shared, shared_width = self._shared(width)
        moe = self._moe_layers(layers)
        return {
            "ffn_dim": dense if moe < layers else 0,
            "n_experts": experts,
            "top_k": self._int("num_experts_per_tok", "num_experts_per_token", "experts_per_token"),
            "moe_ffn_dim": width,
            "n_shared": shared,
            "shared_ffn_dim": shared_width,
            "n_moe_layers": moe,
        }

    def _shared(self, width: int) -> tuple[int, int]:
        if str(self.config.get("model_type", "")).startswith("llama4"):
            return 1, width  # one shared expert, not in config.json: transformers, modeling_llama4.py
        own = self._int("shared_expert_intermediate_size", default=0)
        if own:
            return 1, own
        count = self._int("n_shared_experts", "num_shared_experts", default=0)
        return count, width if count else 0

    def _moe_layers(self, layers: int) -> int:
        listed = self.config.get("moe_layers")
        if isinstance(listed, list) and listed:
            return len(listed)
        first = self._int("first_k_dense_replace", default=0)
        step = self._int("interleave_moe_layer_step", "decoder_sparse_step", "moe_layer_freq", default=1)
        plain = len(self.config.get("mlp_only_layers") or ())
        return (layers - first) // max(step, 1) - plain
