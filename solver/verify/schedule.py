"""Which period of a plan serves each hour; periods are hours of one epoch with one demand vector."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, lcm
from typing import Any, NamedTuple

from solver.domain.workload import Service
from solver.verify.exact import nearest, written
from solver.verify.hours import Hour, distinct_hours, growth_of, year_hours
from solver.verify.streams import Curve, curves_of, listed, together

FULL = 10**40  # more than any rate: what is enough for a service without demand


class Hours(NamedTuple):
    """A period of a plan: exact hours over its epoch and exact requests/s of each service."""

    epoch: int
    hours: Fraction
    rates: tuple[Fraction, ...]
    label: str
    means: tuple[Fraction, ...]  # mean over the hours, what is paid and written; the rates are served
    services: tuple[int, ...] = ()  # whose hours, where services are grouped apart
    parts: tuple[Fraction, ...] = ()  # rates by curve: of services, or of their regions (curves_of)
    mean_parts: tuple[Fraction, ...] = ()


@dataclass(frozen=True)
class Schedule:
    """The periods of a plan, whether they are all hours of the horizon, and the hours that none covers."""

    periods: tuple[Hours, ...]
    complete: bool
    uncovered: tuple[str, ...]


def schedule(
    services: Sequence[Service],
    spans: Sequence[tuple[Fraction, Fraction]],
    entries: Sequence[Mapping[str, Any]],
    first_month: str,
    length: int,
    served: Mapping[tuple[int, int, int], Fraction] | None = None,
) -> Schedule:
    """Match the listed periods with the hours of the workload; exact numbers replace the plan's floats, which
    are the nearest to them.

    ``served``: rates of services whose work waits, by service, epoch and hour; they replace the demand.
    """
    served = served or {}
    curves = curves_of(services)
    hours = distinct_hours(curves, length)
    periods: list[Hours | None] = [None] * len(entries)
    uncovered: list[str] = []
    complete = True
    for e, (start, end) in enumerate(spans):
        growth = growth_of(curves, start, first_month)
        mine = [n for n, entry in enumerate(entries) if entry["epoch"] == e]
        if mine and all("covers" in entries[n] for n in mine):
            groups = [entries[n] for n in mine]
            part = year_hours(end - start) / length
            waits = {k for k, epoch, _hour in served if epoch == e}
            facts = [group_facts(curves, growth, entry, length, part, e, served) for entry in groups]
            wrong = _not_partitioned(curves, groups, facts, length, waits)
            uncovered += [f"epoch {e + 1}, {words}" for words in wrong]
            for n, entry, fact in zip(mine, groups, facts, strict=True):
                if waits and len(entry["covers"]) != 1:
                    uncovered.append(f"epoch {e + 1}: work waits, but {entry['label']} is no single hour")
                rates = tuple(
                    most if curve.k in waits or rate == nearest(most) else written(rate)
                    for curve, rate, most in zip(curves, listed(curves, entry), fact.largest, strict=True)
                )
                means = fact.means if "mean_rps" in entry else rates
                duration = fact.hours if entry["hours"] == nearest(fact.hours) else written(entry["hours"])
                periods[n] = _hours(curves, e, duration, entry, (rates, means), _own(curves, entry))
            continue
        matched = _match(hours, growth, curves, [entries[n] for n in mine], year_hours(end - start) / length)
        used: set[int] = set()
        for n, hour in zip(mine, matched, strict=True):
            entry = entries[n]
            duration, rates = written(entry["hours"]), tuple(map(written, listed(curves, entry)))
            if hour is not None:
                rates = tuple(b * g for b, g in zip(hours[hour].base, growth, strict=True))
                exact = year_hours(end - start) * hours[hour].times / length
                if hour not in used and entry["hours"] == nearest(exact):
                    duration = exact
                    used.add(hour)
            periods[n] = _hours(curves, e, duration, entry, (rates, rates), ())
        complete &= len(used) == len(hours) == len(mine)
        if len(used) < len(hours):
            rivals = [r for n in mine if (r := periods[n]) is not None]
            left = [hour for n, hour in enumerate(hours) if n not in used]
            uncovered += [f"epoch {e + 1}, hour {h.first}" for h in _not_covered(left, growth, rivals)]
    found = tuple(p for p in periods if p is not None)
    uncovered += [
        words for p, entry in zip(found, entries, strict=False) for words in _wrong_sums(curves, p, entry)
    ]
    return Schedule(found, complete, tuple(uncovered))


def _hours(
    curves: Sequence[Curve],
    epoch: int,
    duration: Fraction,
    entry: Mapping[str, Any],
    rates: tuple[tuple[Fraction, ...], tuple[Fraction, ...]],
    own: tuple[int, ...],
) -> Hours:
    """A period with the rates of its curves, served and paid."""
    served, paid = (together(curves, parts) for parts in rates)
    return Hours(epoch, duration, served, str(entry["label"]), paid, own, *rates)


def _wrong_sums(curves: Sequence[Curve], period: Hours, entry: Mapping[str, Any]) -> Iterator[str]:
    """Rates of services that are not the nearest to the sums of their regions."""
    for curve in curves:
        k = curve.k
        means = entry.get("mean_rps")
        if curve.region and (
            entry["rate_rps"][k] != nearest(period.rates[k])
            or (means is not None and means[k] != nearest(period.means[k]))
        ):
            yield f"{period.label}: {curve.service.name} has not the rate of its regions"
            return


class GroupFacts(NamedTuple):
    """Exact figures of a group of hours: duration, largest and mean requests/s of each curve (0 for those
    of which it does not speak). Of work that waits both are what is served."""

    hours: Fraction
    largest: tuple[Fraction, ...]
    means: tuple[Fraction, ...]


def group_facts(
    curves: Sequence[Curve],
    growth: Sequence[Fraction],
    group: Mapping[str, Any],
    length: int,
    part: Fraction,
    epoch: int,
    served: Mapping[tuple[int, int, int], Fraction],
) -> GroupFacts:
    """What a group of like hours of an epoch is exactly; ``part``: hours per hour of the curve."""
    covers = covered(group, length)
    own = _own(curves, group)
    largest, means = [], []
    for curve, factor in zip(curves, growth, strict=True):
        if len(covers) == 1 and (curve.k, epoch, covers[0]) in served:
            largest.append(served[curve.k, epoch, covers[0]])
            means.append(largest[-1])
            continue
        if not covers or (own and curve.k not in own):
            largest.append(Fraction(0))
            means.append(Fraction(0))
            continue
        counts = Counter(curve.at(h) for h in covers)
        largest.append(written(max(counts)) * factor)
        total = sum((written(v) * n for v, n in counts.items()), Fraction(0))
        means.append(total / len(covers) * factor)
    return GroupFacts(part * len(covers), tuple(largest), tuple(means))


def covered(group: Mapping[str, Any], length: int) -> list[int]:
    """Hours of the curve that a group lists."""
    return [h for h in group["covers"] if isinstance(h, int) and 0 <= h < length]


def _not_partitioned(
    curves: Sequence[Curve],
    groups: Sequence[Mapping[str, Any]],
    facts: Sequence[GroupFacts],
    length: int,
    waits: set[int],
) -> list[str]:
    """What is wrong with groups of like hours.

    Each hour of a curve stands in one group, which serves at least its demand. The rates of services that
    a group does not speak of are 0. Durations and means are the nearest floats.
    """
    wrong: list[str] = []
    times = [[0] * length for _ in curves]
    for group, fact in zip(groups, facts, strict=True):
        covers = covered(group, length)
        if len(covers) != len(group["covers"]) or group["hours"] != nearest(fact.hours):
            wrong.append(f"{group['label']}: its duration is not that of its hours")
        means = listed(curves, group, mean=True) if "mean_rps" in group else ()
        if means and means != tuple(map(nearest, fact.means)):
            wrong.append(f"{group['label']}: its mean rates are not those of its hours")
        own, told = _own(curves, group), listed(curves, group)
        for n, (curve, rate, most) in enumerate(zip(curves, told, fact.largest, strict=True)):
            if own and curve.k not in own:
                if rate != 0:
                    wrong.append(f"{group['label']}: a rate of {curve.name}, whose hours it does not list")
                continue
            if curve.k not in waits and rate != nearest(most) and most > written(rate):
                wrong.append(f"{group['label']}: an hour of {curve.name} needs more")
            for h in covers:
                times[n][h] += 1
    if any(t != 1 for row in times for t in row):
        wrong.append("hours that stand in no group or in several")
    return wrong


def _own(curves: Sequence[Curve], group: Mapping[str, Any]) -> tuple[int, ...]:
    """Positions of the services that a group of hours speaks of; empty: all."""
    known = {curve.k for curve in curves}
    return tuple(k for k in group.get("services", ()) if isinstance(k, int) and k in known)


def _match(
    hours: Sequence[Hour],
    growth: Sequence[Fraction],
    curves: Sequence[Curve],
    entries: Sequence[Mapping[str, Any]],
    part: Fraction,
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
    for entry in entries:
        same = named.get(listed(curves, entry), [])
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
                floor(r / g * d) if g else FULL for r, g, d in zip(period.parts, growth, scale, strict=True)
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
