"""Lines of "who serves what" and pools of the same kind together."""

from __future__ import annotations

from dataclasses import dataclass

from solver.plan.plan import Plan, Pool
from solver.reports.fleet import span_words
from solver.reports.pool_facts import Target
from solver.reports.traffic import Traffic
from solver.reports.units import counted


@dataclass(frozen=True)
class PoolGroup:
    """A standing pool over the epochs in which it stays as it is, or the elastic pools of one operating point
    at one site."""

    pool: Pool  # the first one
    replicas: int  # most in any period
    peak_load: float  # highest in any period
    hours_words: str
    last_epoch: int | None  # of a standing pool


@dataclass(frozen=True)
class ServingLine:
    """What part of a service's requests a target serves, and when."""

    service: str
    target: Target
    share: float
    hours_words: str
    phase: str = ""  # prefill or decode, where they are apart


def pool_groups(plan: Plan, traffic: Traffic) -> list[PoolGroup]:
    """Pools by service: standing ones that stay over several epochs as one, elastic ones of all periods."""
    groups: dict[tuple[str, str, str, str], list[Pool]] = {}
    for pool in sorted(plan.pools, key=lambda p: p.epoch or 0):
        groups.setdefault((pool.service, pool.mode, pool.point, pool.site), []).append(pool)
    found = []
    for key in sorted(groups, key=lambda k: (k[0], k[1] != "standing", *k[2:])):
        for pools in _stretches(groups[key]) if key[1] == "standing" else [groups[key]]:
            periods = {pool.period for pool in pools}
            active = [hour.period in periods for hour in traffic.hours]
            found.append(
                PoolGroup(
                    pool=pools[0],
                    replicas=max(pool.replicas for pool in pools),
                    peak_load=max(traffic.peak_load(pool) for pool in pools),
                    hours_words=hours_words(traffic, active),
                    last_epoch=pools[-1].epoch,
                )
            )
    return found


def _stretches(pools: list[Pool]) -> list[list[Pool]]:
    """Standing pools of one point and site in the order of epochs, cut where they change or pause."""
    found: list[list[Pool]] = []
    for pool in pools:
        before = found[-1][-1] if found else None
        if before and pool == before.model_copy(update={"epoch": (before.epoch or 0) + 1, "line": pool.line}):
            found[-1].append(pool)
        else:
            found.append([pool])
    return found


def serving_lines(traffic: Traffic) -> list[ServingLine]:
    """Targets of each service, the largest share first."""
    found = []
    for service in traffic.services:
        served = {**traffic.served_rps(service), **traffic.prefill_rps(service)}
        demanded = [rate > 0 for rate in traffic.demand_rps(service)]
        for target, share in (*traffic.shares(service).items(), *traffic.prefill_shares(service).items()):
            active = [rate > 0 for rate in served[target]]
            words = "all hours" if active == demanded else hours_words(traffic, active)
            phase = traffic.phase(target.point)
            found.append(ServingLine(service, target, share, words, "" if phase == "both" else phase))
    return found


def hour_words(traffic: Traffic, hour: int) -> str:
    """An hour of a day as a range ("14-15 h"), of a longer curve by its number from 0."""
    return f"{hour}-{hour + 1} h" if len({h.hour for h in traffic.hours}) == 24 else f"hour {hour}"


def hours_words(traffic: Traffic, active: list[bool]) -> str:
    """Hours of a day as ranges ("10-21 h"), longer curves as a count of hours; and the epochs, if not all."""
    pairs = [(hour, yes) for hour, yes in zip(traffic.hours, active, strict=True)]
    epochs = {hour.epoch for hour, yes in pairs if yes}
    words = _of_a_day(traffic, [(hour.hour, yes) for hour, yes in pairs if hour.epoch in epochs])
    if not epochs:
        return words
    gapless = max(epochs) - min(epochs) + 1 == len(epochs)
    span = span_words(traffic.plan, min(epochs), max(epochs))
    return ", ".join(filter(None, (words, span, "" if gapless else "with years between")))


def _of_a_day(traffic: Traffic, hours: list[tuple[int, bool]]) -> str:
    if all(yes for _, yes in hours):
        return "all hours"
    length = len({hour.hour for hour in traffic.hours})
    on = sorted({hour for hour, yes in hours if yes})
    if length != 24:
        return f"{counted(len(on), 'hour')} of {length:,}"
    spans: list[list[int]] = []
    for hour in on:
        if spans and hour == spans[-1][1]:
            spans[-1][1] = hour + 1
        else:
            spans.append([hour, hour + 1])
    return ", ".join(f"{start}-{end} h" for start, end in spans)
