"""Where requests go, and what a plan says of a pool: its use per request and the load that is safe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from solver.domain.workload import Workload
from solver.plan.plan import Plan, Pool


@dataclass(frozen=True, order=True)
class Target:
    """A pool (operating point at a site) or a token API."""

    point: str
    site: str
    mode: str  # standing | elastic | api


def workload_of(plan: Plan) -> Workload | None:
    """The workload as solved; None where a plan holds none that can be read."""
    try:
        return Workload.model_validate(plan.inputs["workload"])
    except (KeyError, ValidationError):
        return None


def share_value(text: str) -> float:
    """The value of a rational share "p/q" (of a checked plan)."""
    above, _, below = text.partition("/")
    return int(above) / int(below or 1)


def safe_load(plan: Plan, pool: Pool) -> float:
    """Load in replicas that a pool carries within its promises: the capacity line in force."""
    lines = plan.points.get(pool.point, {}).get("lines") or ()
    if not lines:
        return float(pool.replicas)
    line = lines[min(pool.line, len(lines) - 1)]
    if isinstance(line, Mapping):
        slope, intercept = float(line["slope"]), float(line["intercept"])
    else:
        slope, intercept = float(line[2]), float(line[3])
    return slope * pool.replicas + intercept


def use_rows(plan: Plan, point: str) -> Sequence[Sequence[float]]:
    """Replicas per request/s of each length bucket, one row per resource of an operating point."""
    facts: Mapping[str, Any] = plan.points.get(point, {})
    return [[float(u) for u in row] for row in facts.get("use", ())]


def target_of(pool: Pool) -> Target:
    """Where requests to a pool go."""
    return Target(pool.point, pool.site, pool.mode)
