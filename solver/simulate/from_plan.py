"""A saved plan as pools, services and traffic, and its replay hour by hour.

A plan carries its operating points and its workload, so nothing else is read. Spare replicas (N+k) are
taken as lost: the promises must hold without them. Requests routed to a token API are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from pydantic import ValidationError

from solver.domain.workload import LengthBucket, Service, Workload
from solver.errors import InputError
from solver.operating_points.point import OperatingPoint, StepLaw
from solver.plan.plan import Plan, Pool
from solver.plan.serialise import point_from_dict
from solver.simulate.arrivals import Stream, choose_pools, generate, merge, scale_trace
from solver.simulate.engine import replay
from solver.simulate.types import Floats, Ints, PoolSpec, ReplayResult, ServiceSpec, Traffic

_PLENTY = 1e300  # KV bytes of a profile that tells no memory
_MOST_REPLICAS = 100_000
_WARM_UP = 0.1  # share of the arrivals that only fill the replicas


@dataclass(frozen=True)
class TraceLengths:
    """A real trace: seconds since its first request, prompt and output tokens."""

    arrival_s: Floats
    prompt_tokens: Ints
    output_tokens: Ints
    source: str = ""


@dataclass(frozen=True)
class PeriodReplay:
    """The replay of one period of the plan."""

    period: int
    label: str
    seed: int
    result: ReplayResult


@dataclass(frozen=True)
class PlanReplay:
    """Replays of a plan; the plan's promises hold if they hold in each."""

    periods: tuple[PeriodReplay, ...]

    @property
    def holds(self) -> bool:
        """Every promise holds in every replay."""
        return all(p.result.holds for p in self.periods)

    def to_json(self) -> str:
        """All summaries as JSON text; equal plan and seed give equal bytes."""
        rows = [
            {"period": p.period, "label": p.label, "seed": p.seed, **json.loads(p.result.to_json())}
            for p in self.periods
        ]
        return json.dumps({"holds": self.holds, "replays": rows}, indent=1)


def workload_of(plan: Plan) -> Workload:
    """The workload as it was solved; InputError if the plan does not hold one."""
    try:
        return Workload.model_validate(plan.inputs["workload"])
    except (KeyError, ValidationError):
        raise InputError.at("plan", 0, "the plan does not hold its workload", "solve again") from None


def services_of(workload: Workload) -> tuple[ServiceSpec, ...]:
    """The promises of each service in seconds."""
    return tuple(
        ServiceSpec(
            s.name,
            _seconds(s.levels.ttft_ms),
            s.levels.ttft_percentile,
            _seconds(s.levels.tpot_ms),
            s.levels.tpot_percentile,
            s.levels.end_to_end_s,
            s.levels.end_to_end_percentile,
        )
        for s in workload.services
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


def pools_in(plan: Plan, period: int) -> tuple[Pool, ...]:
    """The pools that serve in a period: standing ones of its epoch, elastic ones of the period itself."""
    epoch = plan.periods[period]["epoch"]
    return tuple(
        p
        for p in plan.pools
        if p.replicas > p.spare_replicas
        and ((p.mode == "standing" and p.epoch in (None, epoch)) or p.period == period)
    )


def pool_spec(pool: Pool, point: OperatingPoint, workload: Workload, power_kw: float) -> PoolSpec:
    """What the replay must know of a pool, from its operating point and the power of one system."""
    service = next(s for s in workload.services if s.name == pool.service)
    site = next(s for s in workload.sites if s.name == pool.site)
    law = _law(point)
    fixed, growing = _kv(point, service)
    tokens = service.lengths[0].prompt_tokens + service.lengths[0].output_tokens
    return PoolSpec(
        name=f"{pool.point} @ {pool.site}" + (f" ({pool.mode})" if pool.mode != "standing" else ""),
        replicas=pool.replicas - pool.spare_replicas,
        batch=pool.batch,
        tau_s=point.tpot_s,
        step=replace(law, ttft_overhead_s=law.ttft_overhead_s + site.round_trip_ms / 1e3),
        kv_capacity_bytes=point.kv_capacity_bytes or _PLENTY,
        kv_per_token_bytes=growing,
        kv_fixed_bytes=fixed,
        kv_written_per_token_bytes=point.kv_bytes[0] / tokens,
        power_kw=float(point.systems_per_replica) * power_kw,
    )


def _law(point: OperatingPoint) -> StepLaw:
    """The step law; a measured profile keeps its pace whatever the batch.

    The law's overhead of a first token counts one step's fixed time (or latency), which the replay
    takes in the prefill step itself; it is left out here.
    """
    law = point.step
    if law is None:
        first = point.ttft_s[0] - point.wait_s - point.tpot_s
        return StepLaw(0.0, 0.0, 0.0, 0.0, 0.0, point.tpot_s, max(first, 0.0), True)
    counted = law.latency_floor_s if law.pipelined else law.fixed_s
    return replace(law, ttft_overhead_s=max(law.ttft_overhead_s - counted, 0.0))


def _kv(point: OperatingPoint, service: Service) -> tuple[float, float]:
    """KV bytes of a sequence as fixed + growing * tokens, from what the buckets hold at mean context.

    The memory row is hold * KV / capacity and the slot row hold / batch, so their ratio is the KV size;
    the line through the buckets is exact where no window is partly filled.
    """
    rows = dict(zip(point.resources, point.use, strict=True))
    if "KV memory" not in rows or "slots" not in rows or point.kv_capacity_bytes <= 0:
        return 0.0, 0.0
    held = [
        memory * point.kv_capacity_bytes / (slots * point.batch)
        for memory, slots in zip(rows["KV memory"], rows["slots"], strict=True)
    ]
    contexts = [b.prompt_tokens + b.output_tokens / 2 for b in service.lengths]
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


def busiest_periods(plan: Plan) -> tuple[int, ...]:
    """For each service the period of its highest rate, each once."""
    rates = np.array([p["rate_rps"] for p in plan.periods], dtype=np.float64)
    return tuple(sorted({int(n) for n in rates.argmax(axis=0)}))


def bucket_of(prompt: Ints, output: Ints, lengths: Sequence[LengthBucket]) -> Ints:
    """The nearest cell of the histogram (by logarithms of prompt and output tokens) of each request."""
    points = np.log(np.array([[max(b.prompt_tokens, 1.0), b.output_tokens] for b in lengths]))
    wanted = np.log(np.stack([np.maximum(prompt, 1), output], axis=1).astype(np.float64))
    distances = ((wanted[:, None, :] - points[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(distances.argmin(axis=1), dtype=np.int64)


def traffic_of(
    plan: Plan,
    workload: Workload,
    period: int,
    duration_s: float,
    seed: int,
    traces: Mapping[str, TraceLengths],
) -> Traffic:
    """Requests of all services in a period, routed to the pools with the plan's shares."""
    streams, targets = [], []
    for k, service in enumerate(workload.services):
        rng = np.random.default_rng([seed, period, k])
        rate = float(plan.periods[period]["rate_rps"][k])
        trace = traces.get(service.name, traces.get(""))
        if trace is None or rate <= 0:
            stream = generate(rng, [rate], duration_s, service.demand.cv2, service.lengths)
        else:
            bucket = bucket_of(trace.prompt_tokens, trace.output_tokens, service.lengths)
            whole = Stream(trace.arrival_s, trace.prompt_tokens, trace.output_tokens, bucket)
            stream = scale_trace(rng, whole, rate, duration_s)
        streams.append(stream)
        targets.append(_targets(rng, plan, period, service, stream))
    return merge(streams, targets)


def _targets(rng: np.random.Generator, plan: Plan, period: int, service: Service, stream: Stream) -> Ints:
    """The pool of each request, as an index into :func:`pools_in`; -1 for token APIs."""
    places = {(p.point, p.site, p.mode): n for n, p in enumerate(pools_in(plan, period))}
    shares = np.zeros((len(places), len(service.lengths)))
    for route in plan.routes:
        place = places.get((route.target, route.site, route.mode))
        if route.service == service.name and route.period == period and place is not None:
            shares[place, route.bucket] += float(Fraction(route.share))
    return choose_pools(rng, stream, shares.tolist(), range(len(places)))


def replay_plan(
    plan: Plan,
    *,
    seed: int = 0,
    periods: Sequence[int] | None = None,
    requests: int = 20_000,
    traces: Mapping[str, TraceLengths] | None = None,
    workload: Workload | None = None,
    progress: Callable[[float], None] | None = None,
) -> PlanReplay:
    """Replay the plan's busiest periods (or ``periods``), each with about ``requests`` requests.

    ``traces`` maps a service's name (or "" for all) to a real trace, which is scaled to the demand;
    services without one get generated arrivals of their stated burstiness. ``workload`` stands for the
    plan's own where the plan was made for a stricter one (:mod:`solver.simulate.tighten`).
    """
    workload = workload_of(plan) if workload is None else workload
    chosen = busiest_periods(plan) if periods is None else tuple(periods)
    results = []
    for n, period in enumerate(chosen):
        share = _scaled(progress, n / len(chosen), 1 / len(chosen))
        results.append(_replay_period(plan, workload, period, seed, requests, traces or {}, share))
    return PlanReplay(tuple(results))


def _scaled(
    progress: Callable[[float], None] | None, base: float, part: float
) -> Callable[[float], None] | None:
    return None if progress is None else lambda share: progress(base + part * share)


def _replay_period(
    plan: Plan,
    workload: Workload,
    period: int,
    seed: int,
    requests: int,
    traces: Mapping[str, TraceLengths],
    progress: Callable[[float], None] | None,
) -> PeriodReplay:
    rates = [float(r) for r in plan.periods[period]["rate_rps"]]
    duration = requests / max(sum(rates), 1e-12)
    specs = [_spec(plan, p, workload) for p in pools_in(plan, period)]
    traffic = traffic_of(plan, workload, period, duration, seed, traces)
    result = replay(specs, services_of(workload), traffic, warm_up_s=_WARM_UP * duration, progress=progress)
    return PeriodReplay(period, str(plan.periods[period].get("label", period)), seed, result)


def _spec(plan: Plan, pool: Pool, workload: Workload) -> PoolSpec:
    if pool.replicas > _MOST_REPLICAS:
        raise InputError.at(
            "plan", 0, f"{pool.replicas:,} replicas in one pool", f"replay at most {_MOST_REPLICAS:,}"
        )
    try:
        power_kw = float(plan.inputs["systems"][pool.system]["power_typ_kw"])
        point = point_from_dict(plan.points[pool.point], f"points.{pool.point}")
        return pool_spec(pool, point, workload, power_kw)
    except (KeyError, StopIteration, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError.at("plan", 0, f"pool {pool.point}: incomplete ({error})", "solve again") from None
