"""Speculative decoding: tokens that a step yields, and what drafting and verifying cost."""

from __future__ import annotations


def tokens_per_step(acceptance: float, draft_tokens: int) -> float:
    """Expected tokens of a step that verifies ``draft_tokens`` drafted ones: (1 - a^(n+1)) / (1 - a).

    The accepted drafts up to the first refusal, and one token of the large model itself.
    Source: Leviathan, Kalman, Matias, ICML 2023 (arXiv 2211.17192), equation 1; acceptances independent.
    """
    return (1 - acceptance ** (draft_tokens + 1)) / (1 - acceptance)


def acceptance_needed(tokens: float, draft_tokens: int) -> float | None:
    """Acceptance at which a step yields ``tokens``, inverse of :func:`tokens_per_step`; None beyond n + 1.

    The sum 1 + a + ... + a^n rises with a from 1 to n + 1, so bisection finds it.
    """
    if not 1 <= tokens < draft_tokens + 1:
        return None
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if tokens_per_step(middle, draft_tokens) < tokens else (low, middle)
    return low


def drafting_factor(draft_cost: float, draft_tokens: int) -> float:
    """Time of a step with its drafts over that of the step alone: 1 + n c (same source, theorem 3.8)."""
    return 1 + draft_tokens * draft_cost


_DRAFTS = (3, 5, 7, 10, 15)  # tokens drafted at once
_LIKELY = 0.9  # acceptances above are not what drafts reach on ordinary text


def tokens_per_step_words(ratio: float) -> str:
    """Tokens per step, and the drafts with the acceptance that yield them."""
    for drafts in _DRAFTS:
        needed = acceptance_needed(ratio, drafts)
        if needed is not None and needed <= _LIKELY:
            return f"{ratio:.1f} tokens per step, {drafts} drafts of which {needed:.0%} are accepted"
    return f"{ratio:.1f} tokens per step"
