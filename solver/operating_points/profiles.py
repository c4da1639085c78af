"""Operating points that carry a published or measured figure instead of physics.

A profile states output tokens/s per user and in total for one replica. Its only resource is then the
sequence slot: a request of O output tokens holds a slot for O / (tokens/s per user) seconds, and the
replica has total / per-user slots, so it serves total / O requests/s.

A profile that the workload itself states gives requests/s for each length bucket: a request per second of
bucket b takes 1 / requests_per_s[b] replicas.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from solver.domain.catalog import MeasuredProfile
from solver.domain.workload import Service, WorkloadProfile
from solver.operating_points.load import FULL
from solver.operating_points.physics import Setting, ceilings
from solver.operating_points.point import OperatingPoint, Screened
from solver.operating_points.requests import mix_of
from solver.performance.queueing import Line, capacity_lines


def profile_points(
    setting: Setting, profiles: list[MeasuredProfile]
) -> tuple[list[OperatingPoint], list[Screened]]:
    """Points of all profiles of the service's model, and those left out with the reason."""
    points: list[OperatingPoint] = []
    screened: list[Screened] = []
    for profile in profiles:
        if profile.model != setting.model.id or profile.system not in setting.systems:
            continue
        made = _point(setting, profile)
        if isinstance(made, OperatingPoint):
            points.append(made)
        else:
            screened.append(made)
    return points, screened


def _point(setting: Setting, profile: MeasuredProfile) -> OperatingPoint | Screened:
    service, mix = setting.service, mix_of(setting.service)
    words = f"measured profile {profile.id}"
    problem, reached = _unfit(service, profile)
    if problem:
        return Screened(service.name, profile.system, words, problem, reached)
    per_user, total = profile.output_tok_s_per_user.value, profile.output_tok_s_total.value
    tau = 1.0 / per_user
    slots = max(1, round(total / per_user))
    first_token = profile.ttft_ms.value / 1e3 if profile.ttft_ms else 0.0
    lines: tuple[Line, ...] = FULL
    wait = 0.0
    if service.levels.ttft_ms is not None:
        wait = service.levels.ttft_ms / 1e3 - first_token - setting.round_trip_s
        lines = capacity_lines(
            4096,
            slots,
            mix.mean_output * tau,
            wait,
            1 - service.levels.ttft_percentile,
            service.demand.cv2,
            1.0,
        )
    ends = first_token + mix.output_max * tau
    full = tuple(True for _ in service.lengths)
    return OperatingPoint(
        id=f"{service.name}/{profile.system}/{profile.id}{setting.suffix}",
        service=service.name,
        model=setting.model.id,
        system=profile.system,
        systems_per_replica=Fraction(profile.systems_per_replica),
        layout=f"{profile.systems_per_replica} x as published",
        weight_precision=profile.weight_precision,
        kv_precision=profile.weight_precision,
        placement="resident",
        batch=slots,
        tpot_s=tau,
        wait_s=wait,
        resources=("slots",),
        use=(tuple(float(np.nextafter(o / total, 0.0)) for o in mix.output),),  # the total itself fits
        ttft_s=tuple(first_token for _ in service.lengths),
        end_to_end_s=tuple(float(v) for v in ends),
        late={}
        if service.levels.end_to_end_s is None
        else {
            "end_to_end": tuple(
                bool(v + trip > service.levels.end_to_end_s)
                for v, trip in zip(ends, setting.trips_s, strict=True)
            )
        },
        sites=setting.sites,
        serves=full,
        lines=lines,
        kv_bytes=tuple(0.0 for _ in service.lengths),
        kv_capacity_bytes=0.0,
        step=None,
        wear=None,
        evidence=f"{profile.output_tok_s_total.evidence}: {profile.output_tok_s_total.source} "
        f"({profile.output_tok_s_total.date})",
        spread=1.0,
        profile=profile.id,
    )


def stated_points(
    setting: Setting, profiles: tuple[WorkloadProfile, ...]
) -> tuple[list[OperatingPoint], list[Screened]]:
    """Points of the workload's own profiles of a service, and those left out with the reason."""
    service, levels = setting.service, setting.service.levels
    mine = [p for p in profiles if p.service == service.name and p.system in setting.systems]
    if levels.ttft_ms is not None or levels.tpot_ms is not None or levels.end_to_end_s is not None:
        reason = "a profile of the workload tells no latency: measure within the promises and leave them out"
        return [], [Screened(service.name, p.system, f"profile {p.id}", reason) for p in mine]
    return [_stated(setting, p) for p in mine if any(p.requests_per_s)], []


def _stated(setting: Setting, profile: WorkloadProfile) -> OperatingPoint:
    """use[b] = 1 / requests_per_s[b]; one request at a time takes that long, whatever its tokens."""
    service, mix = setting.service, mix_of(setting.service)
    serves = tuple(rate > 0 for rate in profile.requests_per_s)
    use = tuple(float(np.nextafter(1 / rate, 0.0)) if rate > 0 else 0.0 for rate in profile.requests_per_s)
    zeros = tuple(0.0 for _ in service.lengths)
    served = float(mix.share @ np.array(serves))
    return OperatingPoint(
        id=f"{service.name}/{profile.system}/{profile.id}{setting.suffix}",
        service=service.name,
        model=setting.model.id,
        system=profile.system,
        systems_per_replica=Fraction(profile.systems_per_replica),
        layout=f"{profile.systems_per_replica} x as measured",
        weight_precision=service.precisions[0],
        kv_precision=service.precisions[0],
        placement="resident",
        batch=1,
        tpot_s=float(mix.share @ np.array(use)) / served / mix.mean_output,
        wait_s=0.0,
        resources=("slots",),
        use=(use,),
        ttft_s=zeros,
        end_to_end_s=use,
        late={},
        sites=setting.sites,
        serves=serves,
        lines=FULL,
        kv_bytes=zeros,
        kv_capacity_bytes=0.0,
        step=None,
        wear=None,
        evidence="measured: profile of the workload",
        spread=1.0,
        profile=profile.id,
    )


def _unfit(service: Service, profile: MeasuredProfile) -> tuple[str, float | None]:
    if profile.weight_precision not in service.precisions:
        return f"measured with {profile.weight_precision} weights, which the service does not allow", None
    per_user, slowest = profile.output_tok_s_per_user.value, ceilings(service)[0]
    if service.levels.tpot_ms is not None and 1.0 / per_user > slowest * (1 + 1e-9):
        return (f"measured at {per_user:,.4g} tok/s per user of the {1 / slowest:,.4g} promised", per_user)
    if service.levels.ttft_ms is not None and profile.ttft_ms is None:
        return "the source tells no time to first token, and the service promises one", None
    if service.levels.end_to_end_s is not None:
        late = np.array([b.output_max for b in service.lengths]) / per_user > service.levels.end_to_end_s
        if (
            float(np.array([b.share for b in service.lengths]) @ late)
            > 1 - service.levels.end_to_end_percentile
        ):
            return "its outputs take longer than the end-to-end promise", None
    return "", None
