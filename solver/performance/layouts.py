"""Ways to spread one replica over chips and systems."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from solver.domain.catalog import Model, System

_MAX_TENSOR = 64  # tensor parallelism beyond a scale-up domain's fast part has no measured rows
_NODES = (1, 2, 4, 8)  # systems that one wide expert-parallel replica may span
_SPANS = (1, 1.5, 2, 3, 4)  # systems of a pipeline across the network, by the least that hold the model
_PIPELINE_GROWTH = (1.0, 1.25, 1.5, 2.0)  # wafers or racks beyond the minimum, for KV


@dataclass(frozen=True)
class Layout:
    """One replica: ``tensor * data * stages`` chips on ``systems`` systems."""

    name: str
    tensor: int
    data: int
    stages: int
    experts: int  # chips that share the routed experts
    systems: Fraction
    placement: str = "resident"
    pipelined: bool = False
    across: bool = False  # the group's collectives leave the scale-up domain

    @property
    def chips(self) -> int:
        """Chips of a replica."""
        return self.tensor * self.data * self.stages


def chip_chain(chips: int) -> tuple[int, ...]:
    """Group sizes that divide each other, so that any mix of replicas packs a system: 1, 2, 4, 8, 24, 72."""
    chain, size = [1], 1
    while size < chips:
        rest = chips // size
        factor = next(f for f in (2, 3, 5, 7, rest) if rest % f == 0)
        size *= factor
        chain.append(size)
    return tuple(chain)


def node_layouts(system: System, model: Model, weights: float, chip_bytes: float) -> list[Layout]:
    """Layouts on systems whose chips each have their own memory (HBM, GDDR, DDR, HBF).

    ``weights``: bytes of all weights; ``chip_bytes``: usable bytes of a chip.
    """
    domain = max(system.chips, int(system.get("scaleup_domain_chips") or 0))
    needed = max(1, math.ceil(weights / chip_bytes))
    sizes = [n for n in chip_chain(system.chips) if n >= needed]
    sizes += [system.chips * m for m in (2, 4, 8, 16, 32) if needed <= system.chips * m <= domain][:3]
    found: list[Layout] = []
    for n in sizes:
        share = Fraction(n, system.chips)
        if n <= min(_MAX_TENSOR, model.q_heads or _MAX_TENSOR) and (model.q_heads or n) % n == 0:
            found.append(Layout(f"TP{n}", n, 1, 1, n, share))
        if model.n_experts and 1 < n <= model.n_experts:
            found.append(Layout(f"DP{n}+EP{n}", 1, n, 1, n, share))
            tensor = _attention_group(model, n)
            if 1 < tensor < n:
                name = f"TP{tensor}+DP{n // tensor}+EP{n}"
                found.append(Layout(name, tensor, n // tensor, 1, n, share))
    return found + _several_nodes(system, model, needed, domain)


def _attention_group(model: Model, chips: int) -> int:
    """Largest tensor-parallel group of at most 8 chips that divides the heads and ``chips``."""
    return max(n for n in (1, 2, 4, 8) if chips % n == 0 and (model.q_heads or n) % n == 0)


def _several_nodes(system: System, model: Model, needed: int, domain: int) -> list[Layout]:
    """Pipeline (and for mixtures of experts wide expert parallelism) over systems joined by the network."""
    tensor = max(n for n in chip_chain(system.chips) if (model.q_heads or n) % n == 0 and n <= _MAX_TENSOR)
    groups = system.chips // tensor
    least = math.ceil(needed / system.chips)
    found = []
    for nodes in _spans(least):
        stages = nodes * groups
        if stages > model.layers:
            continue
        name = f"TP{tensor}+PP{stages}"
        found.append(Layout(name, tensor, 1, stages, tensor, Fraction(nodes), across=True))
    for nodes in _NODES[1:]:
        n = nodes * system.chips
        if model.n_experts >= n >= needed and n > domain and system.chips > 1:
            found.append(Layout(f"DP{n}+EP{n}", 1, n, 1, n, Fraction(nodes), across=True))
    return found


def _spans(least: int) -> list[int]:
    """Systems of pipelines across the network: the least, one more, and up to four times as many for KV.

    More than `_NODES` allows only where the model needs them.
    """
    most = max(_NODES[-1], least + 1)
    wanted = {least + 1, *(math.ceil(least * g) for g in _SPANS)}
    return sorted(n for n in wanted if 1 < n <= most)


def pipeline_layouts(system: System, weights: float, system_bytes: float) -> list[Layout]:
    """Whole systems in a row, each holding a share of the layers (wafers, racks of SRAM chips, NVM chips)."""
    least = max(1, math.ceil(weights / system_bytes))
    counts = sorted({least, least + 1, *(math.ceil(least * g) for g in _PIPELINE_GROWTH)})
    return [Layout(f"pipeline{n}", 1, 1, n * system.chips, 1, Fraction(n), pipelined=True) for n in counts]
