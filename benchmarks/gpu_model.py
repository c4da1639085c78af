"""A decoder with random weights in PyTorch alone, for benchmarks/gpu_steps.py.

Attention over a static KV cache, dense or routed feed-forward, 16-bit weights or 8-bit ones (the output
matrix stays at 16 bits, as in published checkpoints).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

CUDA = torch.cuda.is_available()
NARROW = torch.float8_e4m3fn
_TOP, _ACTIVATION, _WEIGHT = 448.0, 16.0, 256.0  # largest e4m3, scales before the conversion
#: Attention kernels, and whether the query heads of a KV head come as if they were tokens in decode.
KERNELS = {
    "flash": (SDPBackend.FLASH_ATTENTION, False),
    "flash-grouped": (SDPBackend.FLASH_ATTENTION, True),
    "cudnn": (SDPBackend.CUDNN_ATTENTION, False),
    "cudnn-grouped": (SDPBackend.CUDNN_ATTENTION, True),
}
if not CUDA:
    KERNELS = {"math": (SDPBackend.MATH, False), "math-grouped": (SDPBackend.MATH, True)}


@dataclass(frozen=True)
class Shape:
    """Integers of an architecture."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    dim: int
    inner: int  # of the feed-forward, or of one expert
    vocab: int
    experts: int = 0
    top_k: int = 0
    head_norm: bool = False


def fused(function: Callable[..., Any]) -> Callable[..., Any]:
    """Elementwise work between matrices as one kernel, as engines have it."""
    return torch.compile(function) if CUDA else function


def _out(y: torch.Tensor, narrow: bool) -> torch.Tensor:
    return (y * _ACTIVATION).clamp(-_TOP, _TOP).to(NARROW) if narrow else y.to(torch.bfloat16)


def _norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    x = x.float()
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * weight


@fused
def add_norm(x: torch.Tensor, rest: torch.Tensor, weight: torch.Tensor, narrow: bool) -> Any:
    rest = rest + x
    return _out(_norm(rest, weight), narrow), rest


@fused
def turn_and_store(
    qkv: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    heads: int,
    norm: torch.Tensor | None,
) -> torch.Tensor:
    """Rotary positions; keys and values go into the cache; returns the queries."""
    tokens, kv_heads, dim = keys.shape
    parts = qkv.view(tokens, heads + 2 * kv_heads, dim)
    x = parts[:, : heads + kv_heads].float()
    x = x if norm is None else _norm(x, norm)
    low, high = x[..., : dim // 2], x[..., dim // 2 :]
    c, s = cos[:, None], sin[:, None]
    x = torch.cat((low * c - high * s, high * c + low * s), -1).to(torch.bfloat16)
    keys.copy_(x[:, heads:])
    values.copy_(parts[:, heads + kv_heads :])
    return x[:, :heads].contiguous()


@fused
def gated(x: torch.Tensor, narrow: bool) -> torch.Tensor:
    gate, up = x.float().chunk(2, -1)
    return _out(F.silu(gate) * up, narrow)


@fused
def narrowed(x: torch.Tensor, narrow: bool) -> torch.Tensor:
    return _out(x, narrow)


@fused
def combined(z: torch.Tensor, place: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    tokens, k = weights.shape
    return (z[place].view(tokens, k, -1).float() * weights[..., None]).sum(1).to(torch.bfloat16)


class Model:
    """Weights and the two ways to run them."""

    def __init__(self, shape: Shape, device: str, narrow: bool = False) -> None:
        self.s, self.narrow, self.device = shape, narrow, device
        self.kernel = next(iter(KERNELS))
        s, both = shape, (shape.heads + 2 * shape.kv_heads) * shape.dim
        self.one = torch.ones((), device=device)
        self.scale = torch.tensor(1 / (_ACTIVATION * _WEIGHT), device=device)
        self.table = self._matrix(s.vocab, s.hidden)
        self.head = self._matrix(s.vocab, s.hidden)
        self.qkv = [self._matrix(both, s.hidden, narrow=narrow) for _ in range(s.layers)]
        self.o = [self._matrix(s.hidden, s.heads * s.dim, narrow=narrow) for _ in range(s.layers)]
        self.norms = torch.ones(2 * s.layers + 1, s.hidden, device=device)
        self.head_norm = torch.ones(s.dim, device=device) if s.head_norm else None
        wide = (s.experts,) if s.experts else ()
        self.up = [self._matrix(*wide, 2 * s.inner, s.hidden, narrow=narrow) for _ in range(s.layers)]
        self.down = [self._matrix(*wide, s.hidden, s.inner, narrow=narrow) for _ in range(s.layers)]
        self.router = [self._matrix(s.experts, s.hidden) for _ in range(s.layers if s.experts else 0)]

    def _matrix(self, *size: int, narrow: bool = False) -> torch.Tensor:
        weight = torch.empty(size, dtype=torch.bfloat16, device=self.device).normal_(0, size[-1] ** -0.5)
        return (weight * _WEIGHT).clamp(-_TOP, _TOP).to(NARROW) if narrow else weight

    def multiply(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """x by the transposed weight."""
        if x.dtype == torch.bfloat16:
            return F.linear(x, weight)
        scales = {"scale_a": self.one, "scale_b": self.scale}
        return torch._scaled_mm(x, weight.t(), **scales, out_dtype=torch.bfloat16, use_fast_accum=True)

    def angles(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and sine of rotary positions."""
        powers = torch.arange(0, self.s.dim, 2, device=self.device) / self.s.dim
        angle = positions[:, None].float() / 500_000.0**powers
        return angle.cos(), angle.sin()

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool) -> torch.Tensor:
        """q (batch, heads, tokens, dim); k, v (batch, kv heads, context, dim)."""
        backend, grouped = KERNELS[self.kernel]
        with sdpa_kernel(backend) if CUDA else nullcontext():
            if causal or not grouped:
                return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True)
            y = F.scaled_dot_product_attention(q.view(len(q), k.shape[1], -1, q.shape[-1]), k, v)
            return y.reshape(q.shape)

    def routed(self, y: torch.Tensor, i: int) -> torch.Tensor:
        """Feed-forward through the chosen experts, tokens sorted by expert; no wait for the host."""
        s = self.s
        weights, ids = F.linear(y, self.router[i]).float().topk(s.top_k, -1)
        weights = weights.softmax(-1)
        ids, order = ids.flatten().sort()
        every = torch.arange(s.experts, device=self.device)
        ends = torch.searchsorted(ids, every, right=True).int()
        wide = torch._grouped_mm(y[order // s.top_k], self.up[i].transpose(-2, -1), offs=ends)
        z = torch._grouped_mm(gated(wide, False), self.down[i].transpose(-2, -1), offs=ends)
        place = torch.empty_like(order)
        place.scatter_(0, order, torch.arange(len(order), device=self.device))
        return combined(z, place, weights)

    def layers(self, x: torch.Tensor, cos: Any, sin: Any, cache: torch.Tensor, at: int) -> torch.Tensor:
        """All layers over tokens x; ``cache`` (layer, 2, sequence, position, kv head, dim).

        One token per sequence is written at position ``at``; else the tokens are one prompt from 0.
        """
        s, rest = self.s, torch.zeros_like(x)
        decode = at >= 0
        for i in range(s.layers):
            keys, values = cache[i]
            new = (slice(None), at) if decode else (0, slice(0, len(x)))
            y, rest = add_norm(x, rest, self.norms[2 * i], self.narrow)
            qkv = self.multiply(y, self.qkv[i])
            q = turn_and_store(qkv, cos, sin, keys[new], values[new], s.heads, self.head_norm)
            q = q[:, :, None] if decode else q.transpose(0, 1)[None]
            y = self.attend(q, keys.transpose(1, 2), values.transpose(1, 2), not decode)
            y = y.transpose(1, 2).reshape(len(x), -1)
            x = self.multiply(narrowed(y, True) if self.narrow else y, self.o[i])
            y, rest = add_norm(x, rest, self.norms[2 * i + 1], self.narrow)
            if s.experts:
                x = self.routed(y, i)
            else:
                x = self.multiply(gated(self.multiply(y, self.up[i]), self.narrow), self.down[i])
        return add_norm(x, rest, self.norms[-1], False)[0]

    def decode(self, tokens: torch.Tensor, cache: torch.Tensor) -> torch.Tensor:
        """Logits of one new token per sequence, the last of the cache's positions."""
        at = cache.shape[3] - 1
        cos, sin = self.angles(torch.full((len(tokens),), at, device=self.device))
        return F.linear(self.layers(self.table[tokens], cos, sin, cache, at), self.head)

    def prefill(self, tokens: torch.Tensor, cache: torch.Tensor) -> torch.Tensor:
        """Logits after one prompt that fills the cache."""
        cos, sin = self.angles(torch.arange(len(tokens), device=self.device))
        return F.linear(self.layers(self.table[tokens], cos, sin, cache, -1)[-1:], self.head)

    def matrices(self, x: torch.Tensor) -> torch.Tensor:
        """The dense matrices alone, each on tokens of its own width."""
        s = self.s
        inputs = {
            n: narrowed(x[:, :n].contiguous(), self.narrow) for n in (s.hidden, s.heads * s.dim, s.inner)
        }
        for i in range(s.layers):
            self.multiply(inputs[s.hidden], self.qkv[i])
            self.multiply(inputs[s.heads * s.dim], self.o[i])
            if not s.experts:
                self.multiply(inputs[s.hidden], self.up[i])
                self.multiply(inputs[s.inner], self.down[i])
        return F.linear(x[-1:, : s.hidden] if len(x) > 256 else x[:, : s.hidden], self.head)
