"""Arithmetic on a service's length buckets, shared by all kinds of operating points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solver.domain.workload import Service

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mix:
    """Buckets of a service as arrays (length: buckets); tokens, shares."""

    prompt: Floats
    output: Floats
    prompt_max: Floats
    output_max: Floats
    share: Floats

    @property
    def context(self) -> Floats:
        """Mean context while a request of the bucket decodes: prompt + output / 2."""
        return self.prompt + self.output / 2

    @property
    def longest(self) -> Floats:
        """Largest context of the bucket."""
        return self.prompt_max + self.output_max

    @property
    def mean_output(self) -> float:
        """Mean output tokens of a request."""
        return float(self.share @ self.output)

    @property
    def mean_context(self) -> float:
        """Mean context over decode steps (long outputs count for more steps)."""
        return float(self.share @ (self.output * self.context)) / max(self.mean_output, 1e-9)


def mix_of(service: Service) -> Mix:
    """The buckets of a service as arrays."""
    columns = zip(
        *((b.prompt_tokens, b.output_tokens, b.prompt_max, b.output_max, b.share) for b in service.lengths),
        strict=True,
    )
    return Mix(*(np.array(column, dtype=np.float64) for column in columns))
