"""The pools of a saved plan as the replay takes them.

``Pool.replicas`` counts the replicas that serve. Spare ones (N+k) stand beside them and are left out: the
promises must hold while they stand in for failed systems.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from solver.domain.workload import Service, Workload
from solver.errors import InputError
from solver.operating_points.point import OperatingPoint, StepLaw
from solver.operating_points.profiles import STATED
from solver.performance.separate_pools import CHUNK
from solver.plan.plan import Plan, Pool
from solver.plan.serialise import point_from_dict
from solver.simulate.trace_lengths import TraceLengths
from solver.simulate.types import Floats, PoolSpec, Traffic

_PLENTY = 1e300  # KV bytes of a profile that tells no memory
_MOST_REPLICAS = 100_000
_WHOLE_PROMPT_S = 1e9  # a step of a prefill pool takes in a prompt, however long
_FINE = 10_000  # steps of the largest request where the workload states rates


def pools_in(plan: Plan, period: int) -> tuple[Pool, ...]:
    """The pools that serve in a period: standing ones of its epoch, elastic ones of the period itself."""
    epoch = plan.periods[period]["epoch"]
    return tuple(
        p
        for p in plan.pools
        if p.replicas > 0 and ((p.mode == "standing" and p.epoch in (None, epoch)) or p.period == period)
    )


def pool_spec(pool: Pool, point: OperatingPoint, workload: Workload, power_kw: float) -> PoolSpec:
    """What the replay must know of a pool, from its operating point and the power of one system."""
    service = next(s for s in workload.services if s.name == pool.service)
    site = next(s for s in workload.sites if s.name == pool.site)
    law = _law(point) if point.phase == "both" else _law_apart(point)
    fixed, growing = _kv(point, service)
    first = next(b for b, serves in enumerate(point.serves) if serves)
    tokens = service.lengths[first].prompt_tokens + service.lengths[first].output_tokens
    return PoolSpec(
        name=f"{pool.point} @ {pool.site}" + (f" ({pool.mode})" if pool.mode != "standing" else ""),
        replicas=pool.replicas,
        batch=pool.batch,
        tau_s=_WHOLE_PROMPT_S if point.phase == "prefill" else point.tpot_s,
        step=law
        if point.phase == "decode"
        else replace(law, ttft_overhead_s=law.ttft_overhead_s + site.round_trip_ms / 1e3),
        kv_capacity_bytes=point.kv_capacity_bytes or _PLENTY,
        kv_per_token_bytes=growing,
        kv_fixed_bytes=fixed,
        kv_written_per_token_bytes=point.kv_bytes[first] / tokens,
        power_kw=float(point.systems_per_replica) * power_kw,
    )


def stated_step_s(point: OperatingPoint) -> float:
    """The step of a profile of the workload, which tells only what a request of each bucket takes."""
    longest_s = max(point.use[0])
    if longest_s <= 0:
        raise ValueError("no length bucket takes slots")
    return longest_s / _FINE


def _law(point: OperatingPoint) -> StepLaw:
    """The step law; a measured profile keeps its pace whatever the batch.

    The law's overhead of a first token counts one step's fixed time (or latency), which the replay
    takes in the prefill step itself; it is left out here.
    """
    law = point.step
    if point.evidence == STATED:
        return StepLaw(0.0, 0.0, 0.0, 0.0, 0.0, stated_step_s(point), 0.0, True)
    if law is None:
        first = min(point.ttft_s) - point.wait_s - point.tpot_s
        return StepLaw(0.0, 0.0, 0.0, 0.0, 0.0, point.tpot_s, max(first, 0.0), True)
    counted = law.latency_floor_s if law.pipelined else law.fixed_s
    return replace(law, ttft_overhead_s=max(law.ttft_overhead_s - counted, 0.0))


def _law_apart(point: OperatingPoint) -> StepLaw:
    """A replica of one phase. Prefill takes one prompt after the other, in chunks that share their steps'
    fixed time; what it says of a first token beyond the prompt counts as overhead, but for the KV's way,
    which the replay goes. Decode begins with the KV, or with writing a part of it into memory behind a link.
    """
    law, queue = point.step, point.queue
    if law is None or queue is None:
        raise ValueError("a pool of one phase needs its step law and its queue")
    if point.phase == "decode":
        return replace(law, ttft_overhead_s=0.0)
    token_s = law.prefill_s + point.tpot_s / CHUNK
    overhead_s = max(queue.base_s - max(point.transfer_s, default=0.0), 0.0)
    return StepLaw(0.0, 0.0, 0.0, token_s, law.prefill_quadratic_s, 0.0, overhead_s, False)


def _kv(point: OperatingPoint, service: Service) -> tuple[float, float]:
    """KV bytes of a sequence as fixed + growing * tokens, from what the buckets hold at mean context.

    The memory row is hold * KV / capacity and the slot row hold / batch, so their ratio is the KV size;
    the line through the buckets is exact where no window is partly filled.
    """
    rows = dict(zip(point.resources, point.use, strict=True))
    if "KV memory" not in rows or "slots" not in rows or point.kv_capacity_bytes <= 0:
        return 0.0, 0.0
    served = [b for b, slots in enumerate(rows["slots"]) if slots > 0]
    if not served:
        raise ValueError("no length bucket takes slots")
    held = [rows["KV memory"][b] * point.kv_capacity_bytes / (rows["slots"][b] * point.batch) for b in served]
    contexts = [service.lengths[b].prompt_tokens + service.lengths[b].output_tokens / 2 for b in served]
    return _line_through(np.array(contexts), np.array(held))


def _line_through(contexts: Floats, held: Floats) -> tuple[float, float]:
    through_zero = float(held.sum() / contexts.sum())
    spread = float(((contexts - contexts.mean()) ** 2).sum())
    if spread <= 1e-9 * float((contexts**2).sum()):
        return 0.0, through_zero
    slope = float(((contexts - contexts.mean()) * (held - held.mean())).sum()) / spread
    fixed = float(held.mean()) - slope * float(contexts.mean())
    if slope < 0 or fixed < 1e-9 * float(held.mean()):
        return 0.0, through_zero
    return fixed, slope


def replayed_pool(plan: Plan, pool: Pool, workload: Workload) -> PoolSpec:
    """The pool as the replay takes it; InputError where the plan does not hold what that needs."""
    if pool.replicas > _MOST_REPLICAS:
        raise InputError.at(
            "plan",
            0,
            f"points.{pool.point}: {pool.replicas:,} replicas in one pool",
            f"replay at most {_MOST_REPLICAS:,}",
        )
    try:
        power_kw = float(plan.inputs["systems"][pool.system]["power_typ_kw"])
        point = point_from_dict(plan.points[pool.point], f"points.{pool.point}")
        return pool_spec(pool, point, workload, power_kw)
    except (KeyError, StopIteration, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError.at("plan", 0, f"points.{pool.point}: incomplete ({error})", "solve again") from None


def check_room(specs: Sequence[PoolSpec], traffic: Traffic, traces: Mapping[int, TraceLengths]) -> None:
    """InputError for a request of a trace that a replica could not hold if it held nothing else.

    ``traces`` are those by the number of the service. A server refuses such a request; the replay would
    prefill it for a time that grows with its square.
    """
    tokens = traffic.prompt + traffic.output
    for pools in (traffic.pool, traffic.then):
        for p, spec in enumerate(specs if pools is not None else ()):
            room = spec.kv_capacity_bytes - spec.kv_fixed_bytes
            large = np.flatnonzero((pools == p) & (tokens * spec.kv_per_token_bytes > room))
            if len(large) and (trace := traces.get(int(traffic.service[large[0]]))):
                line = trace.line_of(traffic.prompt[large[0]], traffic.output[large[0]])
                most = math.floor(room / spec.kv_per_token_bytes)
                problem = f"a request of {tokens[large[0]]:,} tokens; a replica of {spec.name} holds {most:,}"
                raise InputError.at(trace.source, line, problem, "leave it out, or add --arrivals-only")
