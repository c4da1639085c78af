"""KV of running sequences in the memory behind a link: room for more of them, at a slower step.

A share p of each sequence's KV lies in tier-2 memory (host memory, LPDDR of Grace), the rest on the chips, so
that the chips hold 1 / (1 - p) times as many sequences, as far as the tier holds their part. Every step reads
that part over the link, one sequence after the other, and nothing overlaps (an upper bound): a step is longer
by p KV(context) / link rate for each sequence, a prompt by the time to write p of its KV. A decode replica of
separate pools writes p of all KV that arrives, found prefixes included, before the first token.
Source of the split by shares: FlexGen (Sheng et al., ICML 2023, arXiv 2303.06865).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from solver.domain.catalog import Model, System
from solver.performance.architecture import kv_bytes

if TYPE_CHECKING:
    from solver.performance.steps import StepTable

#: Kinds of systems whose tier-2 memory can hold KV of running services.
HOSTED = ("hbm-gpu", "hbm-other", "dram-cpu")


def tier2(system: System) -> tuple[float, float] | None:
    """(bytes, bytes/s) of the memory behind a link of one system."""
    size, rate = system.get("tier2_gb"), system.get("tier2_gbs")
    return (size * 1e9, rate * 1e9) if size and rate and system.kind in HOSTED else None


def offloaded(
    table: StepTable, systems: Mapping[str, System], model: Model, share: float, new_share: float, pace: float
) -> StepTable:
    """Rows on systems with such a memory, with ``share`` of the KV in it.

    ``new_share``: part of the prompt that is prefilled; ``pace``: tokens per step. Rows whose weights lie in
    the tier already are left out.
    """
    hosts = [tier2(systems[str(name)]) for name in table.system]
    known = np.array([host is not None for host in hosts], dtype=np.bool_) & (table.placement == "resident")
    rows = table.take(known)
    if not len(rows):
        return rows
    number = rows.systems_numerator / rows.systems_denominator
    size, rate = (
        np.array([host[n] for host, keep in zip(hosts, known, strict=True) if keep and host]) * number
        for n in (0, 1)
    )
    per_token = {name: kv_bytes(model, 1.0, name) for name in set(rows.kv_precision.tolist())}
    moved_s = share * np.array([per_token[name] for name in rows.kv_precision]) / rate
    return replace(
        rows,
        kv_capacity_bytes=np.minimum(rows.kv_capacity_bytes / (1 - share), size / share),
        context_s=rows.context_s + moved_s / pace,
        prefill_s=rows.prefill_s + moved_s * new_share,
        kv_arrival_s=moved_s,
    )
