"""A system, precision and layout that can hold a model, and the word for one that cannot."""

from __future__ import annotations

from dataclasses import dataclass

from solver.domain.catalog import System
from solver.performance.calibration import Entry
from solver.performance.layouts import Layout


@dataclass(frozen=True)
class Refusal:
    """A configuration that the model cannot represent, by name."""

    system: str
    configuration: str
    reason: str


@dataclass(frozen=True)
class Candidate:
    """A system, precision and layout that holds the weights; rates are peak figures per chip in SI units."""

    system: System
    entry: Entry
    precision: str
    bytes_as: str  # precision that sizes the weights: mxfp4 checkpoints are mixed
    kv_precision: str
    layout: Layout
    bandwidth: float
    kv_bandwidth: float
    flops: float
    flops16: float
    link: float
    weights: float  # bytes of a replica
    kv_capacity: float  # bytes of KV that a replica can hold, counted once per token
    access_s: float = 0.0  # time to the first byte of the weight memory


class Refused(Exception):
    """Why a system and precision drop out."""


def need(system: System, *names: str) -> float:
    """First known value of ``names``; :class:`Refused` where the catalog knows none."""
    for name in names:
        value = system.get(name)
        if value:
            return value
    raise Refused(f"{system.name}: {' or '.join(names)} unknown")
