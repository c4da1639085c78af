"""How long blocks of steps take on one replica.

All decoding sequences advance one token (or ``tokens_per_step``) per step, so n steps with b sequences
whose contexts add up to C take

    n (fixed + b sequence) + context (n C + b n (n - 1) / 2)

seconds, or n latency floors if those are longer.
"""

from __future__ import annotations

import math

from solver.simulate.types import PoolSpec

_ROUNDING = 1e-9  # relative; a budget that is met to the last digit is met


class Pace:
    """The step law of a pool (:class:`solver.operating_points.point.StepLaw`), ready for the replay."""

    __slots__ = ("advance", "context", "fixed", "floor", "prefill_s", "quadratic", "sequence")

    def __init__(self, spec: PoolSpec) -> None:
        law = spec.step
        self.fixed, self.sequence, self.context = law.fixed_s, law.sequence_s, law.context_s
        self.prefill_s, self.quadratic = law.prefill_s, law.prefill_quadratic_s
        self.floor = law.latency_floor_s
        self.advance = spec.tokens_per_step

    def step_s(self, decoding: int, contexts: float) -> float:
        """Seconds of a step without prefill, before the latency floor; ``contexts`` in tokens in all."""
        return self.fixed + decoding * self.sequence + self.context * contexts

    def decode_s(self, steps: int, decoding: int, contexts: float) -> float:
        """Seconds of ``steps`` steps without prefill that begin with ``contexts`` tokens."""
        flat = self.step_s(decoding, contexts)
        slope = self.context * decoding * self.advance
        if flat + slope * (steps - 1) <= self.floor:
            return steps * self.floor
        low = 0 if flat >= self.floor or slope <= 0 else math.ceil((self.floor - flat) / slope)
        grown = slope * (steps * (steps - 1) - low * (low - 1)) / 2
        return low * self.floor + (steps - low) * flat + grown

    def steps_until(self, elapsed_s: float, most: int, decoding: int, contexts: float) -> int:
        """The fewest steps (1 to ``most``) that take at least ``elapsed_s``."""
        short, long = 1, most
        while short < long:
            middle = (short + long) // 2
            if self.decode_s(middle, decoding, contexts) >= elapsed_s:
                long = middle
            else:
                short = middle + 1
        return short

    def prefill_work(self, tokens: int, done: int) -> float:
        """Seconds for ``tokens`` prompt tokens after ``done`` of the same prompt."""
        return tokens * (self.prefill_s + self.quadratic * (tokens + 2 * done))

    def affordable(self, done: int, seconds: float) -> int:
        """Prompt tokens that fit into ``seconds`` when ``done`` tokens are prefilled already."""
        linear = self.prefill_s + 2 * self.quadratic * done
        if self.quadratic <= 0 or math.isinf(linear * linear):
            return int(seconds / linear + _ROUNDING) if linear > 0 else 1 << 40
        root = math.sqrt(linear * linear + 4 * self.quadratic * seconds)
        return int((root - linear) / (2 * self.quadratic) + _ROUNDING)
