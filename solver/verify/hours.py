"""The hours of the horizon and their demand, from the workload; and which period of a plan serves each.

A representative day, week or year of the workload repeats through the horizon; the rate of a service
grows by (1 + growth) at each full year and by its steps, and an epoch has the rates of its start. A plan
lists periods: hours of one epoch with one demand vector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, lcm
from typing import Any, NamedTuple

from solver.domain.workload import HOURS_PER_YEAR, Service, Workload
from solver.verify.exact import nearest, written

FULL = 10**40  # more than any rate: what is enough for a service without demand


class Hours(NamedTuple):
    """A period of a plan: exact hours over its epoch and exact requests/s of each service."""

    epoch: int
    hours: Fraction
    rates: tuple[Fraction, ...]
    label: str
    means: tuple[Fraction, ...]  # mean over the hours, what is paid and written; the rates are served
    services: tuple[int, ...] = ()  # whose hours, where services are grouped apart


@dataclass(frozen=True)
class Schedule:
    """The periods of a plan, whether they are all hours of the horizon, and the hours that none covers."""

    periods: tuple[Hours, ...]
    complete: bool
    uncovered: tuple[str, ...]


class Hour(NamedTuple):
    """Hours of the representative curve with equal demand in the first year, requests/s."""

    base: tuple[Fraction, ...]
    times: int
    first: int


def cycle_of(workload: Workload) -> int:
    """Hours of the representative curve: the longest of the services and, where systems draw less while they
    are idle, of the tariffs of the sites."""
    lengths = [len(s.demand.rate_rps) for s in workload.services]
    stated = workload.hardware
    shares = [stated.idle_power_share, *stated.idle_power_share_by_system.values()]
    if any(share is not None and share < 1 for share in shares):
        lengths += [len(site.tariff_usd_kwh) for site in workload.sites]
    return max(lengths)


def distinct_hours(services: Sequence[Service], length: int) -> list[Hour]:
    """Hours of different demand in a representative curve of ``length`` hours."""
    curves = [s.demand.rate_rps for s in services]
    counts: dict[tuple[float, ...], list[int]] = {}
    for h in range(length):
        entry = counts.setdefault(tuple(c[h % len(c)] for c in curves), [0, h])
        entry[0] += 1
    hours = [Hour(tuple(map(written, v)), count, first) for v, (count, first) in counts.items()]
    return hours


def years_between(start: str, month: str) -> Fraction:
    """Years from a month to another one (negative if it is earlier)."""
    (year, number), (year_0, number_0) = ((int(text[:4]), int(text[5:7])) for text in (month, start))
    return Fraction(12 * (year - year_0) + number - number_0, 12)


def demand_factor(service: Service, years: Fraction, start: str) -> Fraction:
    """What the rates of the first year are multiplied by: growth at full years x the latest step; 0 before
    the service starts and from its end on."""
    if service.starts and years_between(start, service.starts) > years:
        return Fraction(0)
    if service.ends and years_between(start, service.ends) <= years:
        return Fraction(0)
    factor = (1 + written(service.demand.growth_per_year)) ** floor(years)
    steps = {years_between(start, month): value for month, value in service.demand.steps.items()}
    passed = [when for when in steps if when <= years]
    return factor * written(steps[max(passed)]) if passed else factor


def changes_within(service: Service, begin: Fraction, end: Fraction, start: str) -> bool:
    """Whether the demand of a service changes (but for its hourly curve) inside an epoch."""
    dates = [years_between(start, m) for m in (*service.demand.steps, service.starts, service.ends) if m]
    if service.demand.growth_per_year:
        dates += [Fraction(year) for year in range(1, int(end) + 1)]
    return any(begin < date < end for date in dates)


def schedule(
    services: Sequence[Service],
    spans: Sequence[tuple[Fraction, Fraction]],
    listed: Sequence[Mapping[str, Any]],
    first_month: str,
    length: int,
    served: Mapping[tuple[int, int, int], Fraction] | None = None,
) -> Schedule:
    """Match the listed periods with the hours of the workload; exact numbers replace the plan's floats, which
    are the nearest to them.

    ``served``: rates of services whose work waits, by service, epoch and hour; they replace the demand.
    """
    served = served or {}
    hours = distinct_hours(services, length)
    periods: list[Hours | None] = [None] * len(listed)
    uncovered: list[str] = []
    complete = True
    for e, (start, end) in enumerate(spans):
        growth = [demand_factor(s, start, first_month) for s in services]
        mine = [n for n, entry in enumerate(listed) if entry["epoch"] == e]
        if mine and all("covers" in listed[n] for n in mine):
            groups = [listed[n] for n in mine]
            part = year_hours(end - start) / length
            waits = {k for k, epoch, _hour in served if epoch == e}
            facts = [group_facts(services, growth, entry, length, part, e, served) for entry in groups]
            wrong = _not_partitioned(services, groups, facts, length, waits)
            uncovered += [f"epoch {e + 1}, {words}" for words in wrong]
            for n, entry, fact in zip(mine, groups, facts, strict=True):
                if waits and len(entry["covers"]) != 1:
                    uncovered.append(f"epoch {e + 1}: work waits, but {entry['label']} is no single hour")
                rates = tuple(
                    most if k in waits or rate == nearest(most) else written(rate)
                    for k, (rate, most) in enumerate(zip(entry["rate_rps"], fact.largest, strict=True))
                )
                means = fact.means if "mean_rps" in entry else rates
                duration = fact.hours if entry["hours"] == nearest(fact.hours) else written(entry["hours"])
                periods[n] = Hours(e, duration, rates, str(entry["label"]), means, _own(services, entry))
            continue
        matched = _match(hours, growth, [listed[n] for n in mine], year_hours(end - start) / length)
        used: set[int] = set()
        for n, hour in zip(mine, matched, strict=True):
            entry = listed[n]
            duration, rates = written(entry["hours"]), tuple(map(written, entry["rate_rps"]))
            if hour is not None:
                rates = tuple(b * g for b, g in zip(hours[hour].base, growth, strict=True))
                exact = year_hours(end - start) * hours[hour].times / length
                if hour not in used and entry["hours"] == nearest(exact):
                    duration = exact
                    used.add(hour)
            periods[n] = Hours(e, duration, rates, str(entry["label"]), rates)
        complete &= len(used) == len(hours) == len(mine)
        if len(used) < len(hours):
            rivals = [r for n in mine if (r := periods[n]) is not None]
            left = [hour for n, hour in enumerate(hours) if n not in used]
            uncovered += [f"epoch {e + 1}, hour {h.first}" for h in _not_covered(left, growth, rivals)]
    return Schedule(tuple(p for p in periods if p is not None), complete, tuple(uncovered))


def year_hours(years: Fraction) -> Fraction:
    """Hours of so many years."""
    return Fraction(HOURS_PER_YEAR) * years


class GroupFacts(NamedTuple):
    """Exact figures of a group of hours: duration, largest and mean requests/s of each service (0 for those
    of which it does not speak). Of work that waits both are what is served."""

    hours: Fraction
    largest: tuple[Fraction, ...]
    means: tuple[Fraction, ...]


def group_facts(
    services: Sequence[Service],
    growth: Sequence[Fraction],
    group: Mapping[str, Any],
    length: int,
    part: Fraction,
    epoch: int,
    served: Mapping[tuple[int, int, int], Fraction],
) -> GroupFacts:
    """What a group of like hours of an epoch is exactly; ``part``: hours per hour of the curve."""
    covers = covered(group, length)
    own = _own(services, group)
    largest, means = [], []
    for k, (service, factor) in enumerate(zip(services, growth, strict=True)):
        if len(covers) == 1 and (k, epoch, covers[0]) in served:
            largest.append(served[k, epoch, covers[0]])
            means.append(largest[-1])
            continue
        if not covers or (own and k not in own):
            largest.append(Fraction(0))
            means.append(Fraction(0))
            continue
        curve = service.demand.rate_rps
        counts = Counter(curve[h % len(curve)] for h in covers)
        largest.append(written(max(counts)) * factor)
        total = sum((written(v) * n for v, n in counts.items()), Fraction(0))
        means.append(total / len(covers) * factor)
    return GroupFacts(part * len(covers), tuple(largest), tuple(means))


def covered(group: Mapping[str, Any], length: int) -> list[int]:
    """Hours of the curve that a group lists."""
    return [h for h in group["covers"] if isinstance(h, int) and 0 <= h < length]


def _not_partitioned(
    services: Sequence[Service],
    groups: Sequence[Mapping[str, Any]],
    facts: Sequence[GroupFacts],
    length: int,
    waits: set[int],
) -> list[str]:
    """What is wrong with groups of like hours.

    Each hour of the curve stands in one group of each service, which serves at least its demand. The
    rates of services that a group does not speak of are 0. Durations and means are the nearest floats.
    """
    wrong: list[str] = []
    times = [[0] * length for _ in services]
    for group, fact in zip(groups, facts, strict=True):
        covers = covered(group, length)
        if len(covers) != len(group["covers"]) or group["hours"] != nearest(fact.hours):
            wrong.append(f"{group['label']}: its duration is not that of its hours")
        if "mean_rps" in group and list(group["mean_rps"]) != [nearest(mean) for mean in fact.means]:
            wrong.append(f"{group['label']}: its mean rates are not those of its hours")
        own = _own(services, group)
        for k, (service, most) in enumerate(zip(services, fact.largest, strict=True)):
            if own and k not in own:
                if group["rate_rps"][k] != 0:
                    wrong.append(f"{group['label']}: a rate of {service.name}, whose hours it does not list")
                continue
            rate = group["rate_rps"][k]
            if k not in waits and rate != nearest(most) and most > written(rate):
                wrong.append(f"{group['label']}: an hour of {service.name} needs more")
            for h in covers:
                times[k][h] += 1
    if any(t != 1 for row in times for t in row):
        wrong.append("hours that stand in no group or in several")
    return wrong


def _own(services: Sequence[Service], group: Mapping[str, Any]) -> tuple[int, ...]:
    """Positions of the services that a group of hours speaks of; empty: all."""
    return tuple(k for k in group.get("services", ()) if isinstance(k, int) and 0 <= k < len(services))


def _match(
    hours: Sequence[Hour], growth: Sequence[Fraction], listed: Sequence[Mapping[str, Any]], part: Fraction
) -> list[int | None]:
    """For each listed period the hour whose exact demand it stands for, if any: its rates are the nearest.

    Hours may have equal demand where a service has none: then one that is left, of the period's duration.
    ``part``: hours of the epoch per hour of the curve.
    """
    named: dict[tuple[float, ...], list[int]] = {}
    for n, hour in enumerate(hours):
        vector = tuple(nearest(b * g) for b, g in zip(hour.base, growth, strict=True))
        named.setdefault(vector, []).append(n)
    found: list[int | None] = []
    taken: set[int] = set()
    for entry in listed:
        same = named.get(tuple(entry["rate_rps"]), [])
        wanted = written(entry["hours"]) / part if part else Fraction(0)
        found.append(min(same, key=lambda n: (n in taken, abs(hours[n].times - wanted)), default=None))
        taken.update(n for n in found[-1:] if n is not None)
    return found


def _not_covered(hours: list[Hour], growth: Sequence[Fraction], periods: list[Hours]) -> list[Hour]:
    """Hours whose demand exceeds that of every listed period in some service."""
    scale = [lcm(*(hour.base[k].denominator for hour in hours)) for k in range(len(growth))]
    limits = sorted(
        {
            tuple(
                floor(r / g * d) if g else FULL for r, g, d in zip(period.rates, growth, scale, strict=True)
            )
            for period in periods
        },
        key=lambda limit: -sum(limit),
    )
    found = []
    for hour in hours:
        need = tuple(int(b * d) for b, d in zip(hour.base, scale, strict=True))
        if not any(all(a <= b for a, b in zip(need, limit, strict=True)) for limit in limits):
            found.append(hour)
    return found
