"""Results of benchmarks/gpu_model.py beside plain float32 arithmetic."""

from __future__ import annotations

import gpu_model
import torch
from gpu_model import KERNELS, Model, Shape


def plain(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Logits of the last token in float32, without cache, fusion or grouping of experts."""
    s, n = model.s, len(tokens)
    cos, sin = (t[:, None] for t in model.angles(torch.arange(n, device=model.device)))
    x = model.table[tokens].float()

    def scaled(w: torch.Tensor) -> torch.Tensor:
        return w.float() / (gpu_model._WEIGHT if w.dtype == gpu_model.NARROW else 1)

    def seen(v: torch.Tensor) -> torch.Tensor:  # by a matrix of narrow weights
        return gpu_model._out(v, True).float() / gpu_model._ACTIVATION if model.narrow else v

    def norm(v: torch.Tensor) -> torch.Tensor:
        return v * torch.rsqrt(v.square().mean(-1, keepdim=True) + 1e-5)

    for i in range(s.layers):
        parts = (seen(norm(x)) @ scaled(model.qkv[i]).t()).view(n, -1, s.dim)
        q, k, v = parts.split((s.heads, s.kv_heads, s.kv_heads), 1)
        turned = []
        for part in (q, k):
            part = norm(part) if s.head_norm else part
            low, high = part.chunk(2, -1)
            turned.append(torch.cat((low * cos - high * sin, high * cos + low * sin), -1))
        k, v = (t.repeat_interleave(s.heads // s.kv_heads, 1) for t in (turned[1], v))
        scores = torch.einsum("qhd,khd->hqk", turned[0], k) / s.dim**0.5
        mask = torch.ones(n, n, device=model.device).triu(1).bool()
        y = torch.einsum("hqk,khd->qhd", scores.masked_fill(mask, -1e9).softmax(-1), v).reshape(n, -1)
        x = x + seen(y) @ scaled(model.o[i]).t()
        y = norm(x)
        if not s.experts:
            gate, up = (seen(y) @ scaled(model.up[i]).t()).chunk(2, -1)
            x = x + seen(gate.sigmoid() * gate * up) @ scaled(model.down[i]).t()
            continue
        weights, ids = (y @ model.router[i].float().t()).topk(s.top_k, -1)
        weights, z = weights.softmax(-1), torch.zeros_like(x)
        for e in range(s.experts):
            gate, up = (y @ scaled(model.up[i][e]).t()).chunk(2, -1)
            share = (weights * (ids == e)).sum(-1, keepdim=True)
            z = z + share * ((gate.sigmoid() * gate * up) @ scaled(model.down[i][e]).t())
        x = x + z
    return norm(x)[-1:] @ model.head.float().t()


def check(shape: Shape, narrow: bool) -> dict[str, float]:
    """Relative distance of prefill and of a decode step after it from plain arithmetic, on small layers."""
    torch.manual_seed(1)
    model = Model(shape, "cuda" if gpu_model.CUDA else "cpu", narrow)
    tokens = torch.randint(0, shape.vocab, (33,), device=model.device)
    cache = torch.full((shape.layers, 2, 3, 33, shape.kv_heads, shape.dim), float("nan"), device=model.device)
    cache, found = cache.to(torch.bfloat16), {}
    reference = plain(model, tokens)
    for kernel in KERNELS:
        model.kernel = kernel
        for one in range(3):
            model.prefill(tokens[:32], cache[:, :, one : one + 1, :32])
        stepped = model.decode(tokens[-1:].repeat(3), cache)
        whole = model.prefill(tokens, torch.empty_like(cache[:, :, :1]))
        for name, logits in (("prefill", whole), ("decode", stepped)):
            away = max(float((row - reference).norm() / reference.norm()) for row in logits.float())
            found[f"{kernel} {name}"] = round(away, 4)
    limit = (
        0.1 if narrow else 0.02
    )  # roundings to 16 bits between matrices; they move some to the next 8 bits
    if not all(v < limit for v in found.values()):
        raise SystemExit(f"results differ from plain arithmetic: {found}")
    return found
