"""Choices about how a service is served, besides hardware: precisions, pools, drafts, caches."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from solver.domain.quantity import Frozen

Precision = Literal["fp16", "fp8", "fp4"]
KvPrecision = Literal["fp16", "fp8", "fp4"]
Serving = Literal["aggregated", "disaggregated"]
PrefixStore = Literal["memory", "host"]


class Speculation(Frozen):
    """Speculative decoding that a service permits: a small model drafts tokens, the large one verifies them.

    ``acceptance`` is the chance that a drafted token is accepted, given that those before it were.
    ``draft_tokens`` lists the draft lengths among which the program chooses (none is always offered).
    ``draft_cost`` is the time of drafting one token as a share of a decode step of the large model. The
    weights and the KV of ``draft_model`` (id of the catalog) take memory of each replica; None: they take
    none that counts (heads of the model itself, n-grams).
    """

    acceptance: float = Field(gt=0, lt=1)
    draft_tokens: tuple[int, ...] = (2, 4)
    draft_cost: float = Field(default=0.05, ge=0, lt=1)
    draft_model: str | None = None


class PrefixCache(Frozen):
    """How long the cached part of a prompt is kept for the next turn, and where.

    ``retention_s`` is the mean time from a request to the next one that finds its prefix. ``stores``:
    memory (that of the chips, beside the running sequences) or host (the memory behind a link).
    """

    retention_s: float = Field(gt=0)
    stores: tuple[PrefixStore, ...] = ("memory", "host")
