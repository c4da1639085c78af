"""Operating points that carry a published or measured figure instead of physics.

A profile states output tokens/s per user and in total for one replica. Its only resource is then the
sequence slot: a request of O output tokens holds a slot for O / (tokens/s per user) seconds, and the
replica has total / per-user slots, so it serves total / O requests/s. Where the profile states the lengths
I_m and O_m that it was measured at, a request counts as as many measured ones as its larger share of prompt
or output tokens, max(I / I_m, O / O_m), and requests longer than I_m + O_m tokens are refused.

A profile that the workload itself states gives requests/s for each length bucket: a request per second of
bucket b takes 1 / requests_per_s[b] replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from solver.domain.bursts import burstiness_at
from solver.domain.catalog import MeasuredProfile
from solver.domain.workload import Service, WorkloadProfile
from solver.operating_points.candidates import ceilings, pace_s
from solver.operating_points.load import FULL
from solver.operating_points.point import OperatingPoint, Screened
from solver.operating_points.requests import Floats, Mix, mix_of
from solver.operating_points.setting import Setting
from solver.performance.queueing import Line, capacity_lines

#: Evidence of a profile that the workload itself states.
STATED = "measured: profile of the workload"
#: How the layouts of such profiles end.
AS_MEASURED = "as measured"


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
    tau = pace_s(per_user, service)
    slots = max(1, round(total / per_user))
    first_token = profile.ttft_ms.value / 1e3 if profile.ttft_ms else 0.0
    wait, lines = _wait(setting, first_token, slots, mix.mean_output * tau)
    ends = first_token + mix.output_max * tau
    use, serves = lengths_rule(mix, profile)
    if not serves.any():
        told = (
            f"measured at {profile.prompt_tokens} + {profile.output_tokens} tokens; all requests are longer"
        )
        return Screened(service.name, profile.system, words, told)
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
        use=(tuple(float(np.nextafter(o, 0.0)) for o in use),),  # the total itself fits
        ttft_s=tuple(first_token for _ in service.lengths),
        end_to_end_s=tuple(float(v) for v in ends),
        late=_late_ends(setting, ends),
        sites=setting.sites,
        serves=tuple(bool(v) for v in serves),
        lines=lines,
        kv_bytes=tuple(0.0 for _ in service.lengths),
        kv_capacity_bytes=0.0,
        step=None,
        wear=None,
        evidence=evidence_of(profile),
        spread=1.0,
        profile=profile.id,
    )


def _wait(
    setting: Setting, first_token_s: float, slots: int, hold_s: float
) -> tuple[float, tuple[Line, ...]]:
    """Seconds that a request may wait for one of the slots, and what pools carry within that; all without."""
    service = setting.service
    if service.levels.ttft_ms is None:
        return 0.0, FULL
    wait = service.levels.ttft_ms / 1e3 - first_token_s - setting.round_trip_s
    miss = 1 - service.levels.ttft_percentile
    burst = float(burstiness_at(service.demand.bursts, np.array(hold_s + max(wait, 0.0))))
    return wait, capacity_lines(4096, slots, hold_s, wait, miss, burst, 1.0)


def _late_ends(setting: Setting, ends_s: Floats) -> dict[str, tuple[bool, ...]]:
    """Which buckets end too late even without waiting."""
    limit = setting.service.levels.end_to_end_s
    if limit is None:
        return {}
    ends = zip(ends_s, setting.trips_s, strict=True)
    return {"end_to_end": tuple(bool(end + trip > limit) for end, trip in ends)}


def evidence_of(profile: MeasuredProfile) -> str:
    """Where the figure is from, and that it is taken at lengths which nobody stated."""
    total = profile.output_tok_s_total
    told = profile.prompt_tokens and profile.output_tokens
    lengths = "" if told else "; at any length: the source tells none"
    return f"{total.evidence}: {total.source} ({total.date}){lengths}"


def lengths_rule(mix: Mix, profile: MeasuredProfile) -> tuple[Floats, np.ndarray]:
    """Replicas that one request/s of each bucket takes, and which buckets the profile holds for.

    Without stated lengths: output tokens over the total rate, for all buckets.
    """
    total = profile.output_tok_s_total.value
    prompt, output = profile.prompt_tokens, profile.output_tokens
    if not prompt or not output:
        return mix.output / total, np.ones(len(mix.output), dtype=np.bool_)
    count = np.maximum(mix.prompt / prompt, mix.output / output)
    return count * output / total, mix.prompt + mix.output <= prompt + output


def without_predictions(
    predicted: Sequence[OperatingPoint], measured: Sequence[OperatingPoint]
) -> tuple[list[OperatingPoint], list[Screened]]:
    """Predictions where nobody has measured, and those that a measurement replaces.

    A measurement replaces the predictions for its service, system and weight precision that run as many
    sequences per system or fewer, on as many systems or fewer; with more sequences nobody has measured.
    A profile of the workload itself tells no sequences and replaces them all.
    """
    kept, screened = [], []
    for point in predicted:
        by = next((m for m in measured if _replaces(m, point)), None)
        if by is None:
            kept.append(point)
        else:
            words, reason = (
                f"{point.layout} {point.weight_precision}",
                f"replaced by the measurement {by.profile}",
            )
            screened.append(Screened(point.service, point.system, words, reason))
    return kept, screened


def _replaces(m: OperatingPoint, point: OperatingPoint) -> bool:
    if point.phase != "both" or m.system != point.system or point.systems_per_replica > m.systems_per_replica:
        return False
    if not m.evidence.startswith("measured") or (m.sites and m.sites != point.sites):
        return False
    if m.evidence == STATED:
        return True
    fewer = point.batch / point.systems_per_replica <= m.batch / m.systems_per_replica
    served = all(a or not b for a, b in zip(m.serves, point.serves, strict=True))
    return fewer and served and m.weight_precision == point.weight_precision


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
        layout=f"{profile.systems_per_replica} x {AS_MEASURED}",
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
        evidence=STATED,
        spread=1.0,
        profile=profile.id,
    )


def _unfit(service: Service, profile: MeasuredProfile) -> tuple[str, float | None]:
    if profile.weight_precision not in service.precisions:
        return f"measured with {profile.weight_precision} weights, which the service does not allow", None
    per_user, slowest = profile.output_tok_s_per_user.value, ceilings(service)[0]
    if service.levels.tpot_ms is not None and pace_s(per_user, service) > slowest:
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
