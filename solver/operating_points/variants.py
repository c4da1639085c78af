"""Ways to run one layout: draft lengths of speculative decoding, and where cached prefixes stand.

A prefix that is found after T seconds on average stands KV(found tokens) x T byte-seconds per request in a
memory (Little's law): that of the chips, beside the running sequences, or of the host behind a link. From
the host it is read back before the rest of the prompt is prefilled, which takes time and some of the link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from solver.domain.catalog import Model
from solver.domain.workload import Service
from solver.operating_points.point import OperatingPoint, Screened
from solver.operating_points.requests import Floats, mix_of
from solver.operating_points.setting import Setting
from solver.performance.architecture import kv_bytes, weight_bytes
from solver.performance.offload import tier2
from solver.performance.speculation import drafting_factor, tokens_per_step
from solver.performance.steps import StepTable

Found = tuple[list[OperatingPoint], list[Screened]]
Maker = Callable[[StepTable], Found]


class Drafts(NamedTuple):
    """A draft length (0: none), the tokens that a step yields with it, and by how much a step is longer."""

    tokens: int
    per_step: float
    drafting: float


def drafts_of(service: Service) -> Iterator[Drafts]:
    """Without drafts first, then the draft lengths that the service permits."""
    yield Drafts(0, service.speculative_tokens, 1.0)
    if (spec := service.speculation) is not None:
        for n in sorted(spec.draft_tokens):
            yield Drafts(n, tokens_per_step(spec.acceptance, n), drafting_factor(spec.draft_cost, n))


def with_draft_weights(table: StepTable, draft: Model | None) -> StepTable:
    """Rows with the weights of a draft model beside the model's, in their precision: a copy for each
    attention-parallel group, in place of KV. Rows without room for them are left out."""
    if draft is None:
        return table
    by_precision = {name: weight_bytes(draft, name) for name in set(table.weight_precision.tolist())}
    groups = table.chips // (table.tensor_parallel * table.pipeline_parallel)
    copies = np.where(table.pipelined.astype(bool), 1, groups)
    room = table.kv_capacity_bytes - copies * np.array([by_precision[p] for p in table.weight_precision])
    return replace(table, kv_capacity_bytes=room).take(room > 0)


def with_drafts(points: list[OperatingPoint], draft_tokens: int) -> list[OperatingPoint]:
    """Points of a table with drafts, named so; prefill replicas do not draft: the other table has them."""
    if not draft_tokens:
        return points
    return [named(p, f"draft {draft_tokens}") for p in points if p.phase != "prefill"]


def named(point: OperatingPoint, words: str) -> OperatingPoint:
    """The point with words added to its layout and id."""
    identity = point.id.replace(f"/{point.layout} ", f"/{point.layout} {words} ", 1)
    return replace(point, id=identity, layout=f"{point.layout} {words}")


def hits_of(service: Service) -> tuple[float, ...]:
    """Shares of the prompt found in the cache: the service's, and nothing where keeping it takes memory."""
    return (service.prefix_hit,) if service.prefix_cache is None else (service.prefix_hit, 0.0)


def offloads_of(service: Service, drafts: Drafts) -> tuple[float, ...]:
    """Shares of running sequences' KV behind a link: none first, then those that the service permits.

    Not beside a draft model: its KV would have to pass the link too.
    """
    drafting = drafts.tokens and service.speculation and service.speculation.draft_model
    return (0.0,) if drafting else (0.0, *sorted(service.kv_offload))


def with_offload(points: list[OperatingPoint], share: float) -> list[OperatingPoint]:
    """Points of a table with KV behind a link, named so; prefill replicas are those of the other table."""
    if not share:
        return points
    return [named(p, f"{100 * share:g} % of KV on host") for p in points if p.phase != "prefill"]


def with_prefixes(
    setting: Setting, table: StepTable, hit: float, make: Maker, host_is_free: bool = True
) -> Found:
    """Points of ``table`` with cached prefixes in each memory that the service permits and systems have.

    Not on the host where running sequences use its link (``host_is_free``).
    """
    cache = setting.service.prefix_cache
    if cache is None:
        return make(table)
    if hit == 0:  # every prompt is prefilled in full; decode replicas are those of the other table
        bare, refused = make(table)
        return [named(p, "no prefix cache") for p in bare if p.phase != "decode"], refused
    points: list[OperatingPoint] = []
    screened: list[Screened] = []
    for store in cache.stores:
        hosted = store == "host"
        if hosted and not host_is_free:
            continue
        rows = _with_host(setting, table) if hosted else table
        if not len(rows):
            continue
        found, left_out = make(rows)
        known = {p.id for p in points}
        points += [
            _holding(setting, p, cache.retention_s, hosted) if p.phase != "decode" else p
            for p in found
            if p.phase != "decode" or p.id not in known
        ]
        screened += left_out
    return points, screened


def _with_host(setting: Setting, table: StepTable) -> StepTable:
    """Rows on systems with such a memory; the longest prefix is read back before its first token."""
    keep, wait = [], []
    longest = mix_of(setting.service).prompt_max
    for n in range(len(table)):
        host = tier2(setting.systems[str(table.system[n])])
        if host is not None:
            systems = table.systems_numerator[n] / table.systems_denominator[n]
            keep.append(n)
            moved = _prefix_bytes(setting, longest, str(table.kv_precision[n]))
            wait.append(float(moved.max()) / (host[1] * float(systems)))
    rows = table.take(np.array(keep, dtype=np.int64))
    delay = np.array(wait, dtype=np.float64)
    return replace(rows, ttft_overhead_s=rows.ttft_overhead_s + delay, server_s=rows.server_s + delay)


def _prefix_bytes(setting: Setting, prompt_tokens: Floats, precision: str) -> Floats:
    """KV bytes of the part of prompts that is found in the cache."""
    found = prompt_tokens * setting.service.prefix_hit
    return np.array(
        [sum(kv_bytes(m, float(t), precision) for m in setting.holding) for t in found], dtype=np.float64
    )


def _holding(setting: Setting, point: OperatingPoint, retention_s: float, hosted: bool) -> OperatingPoint:
    """The point with the memory that cached prefixes take, and on the host the link that they pass."""
    moved = _prefix_bytes(setting, mix_of(setting.service).prompt, point.kv_precision)
    held = moved * retention_s
    if hosted:
        host = tier2(setting.systems[point.system])
        assert host is not None
        size, rate = (value * float(point.systems_per_replica) for value in host)
        more = {"host memory": held / size, "host link": moved / rate}
    else:
        more = {"prefix memory": held / point.kv_capacity_bytes}
    use = dict(zip(point.resources, (np.array(row) for row in point.use), strict=True))
    if "KV memory" in use and not hosted:
        use["KV memory"] = use["KV memory"] + more.pop("prefix memory")
    use |= more
    rows = tuple(tuple(float(v) for v in row) for row in use.values())
    changed = replace(point, resources=tuple(use), use=rows)
    return named(changed, "prefixes on host") if hosted else changed
