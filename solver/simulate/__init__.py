"""Discrete-event replay of replicas with continuous batching, independent of the integer program."""

from solver.simulate.engine import replay
from solver.simulate.types import (
    Failure,
    PoolResult,
    PoolSpec,
    Promise,
    ReplayResult,
    ServiceResult,
    ServiceSpec,
    Traffic,
)

__all__ = [
    "Failure",
    "PoolResult",
    "PoolSpec",
    "Promise",
    "ReplayResult",
    "ServiceResult",
    "ServiceSpec",
    "Traffic",
    "replay",
]
