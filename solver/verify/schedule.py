"""Which period of a plan serves each hour; periods are hours of one epoch with one demand vector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, lcm
from typing import Any, NamedTuple

from solver.domain.calendar import year_words
from solver.domain.workload import Service
from solver.verify.exact import nearest, written
from solver.verify.grouped_hours import group_facts, not_partitioned, spoken_of
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


class _Epoch(NamedTuple):
    """An epoch: number, hours for each hour of the curve, factors on the rates of the first year."""

    number: int
    part: Fraction
    growth: tuple[Fraction, ...]


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

    ``served``: rates of curves whose work waits, by curve, epoch and hour; they replace the demand.
    """
    curves = curves_of(services)
    hours = distinct_hours(curves, length)
    periods: list[Hours | None] = [None] * len(entries)
    uncovered: list[str] = []
    complete = True
    for e, (start, end) in enumerate(spans):
        epoch = _Epoch(e, year_hours(end - start) / length, tuple(growth_of(curves, start, first_month)))
        mine = [n for n, entry in enumerate(entries) if entry["epoch"] == e]
        own = [entries[n] for n in mine]
        if mine and all("covers" in entry for entry in own):
            found, wrong = _in_groups(curves, epoch, own, length, served or {})
        else:
            found, used = _one_by_one(curves, epoch, own, hours)
            left = [hour for n, hour in enumerate(hours) if n not in used]
            wrong = [f"hour {h.first}" for h in _not_covered(left, epoch.growth, found)] if left else []
            complete &= len(used) == len(hours) == len(mine)
        when = f"{year_words(start)}, " if len(spans) > 1 else ""
        uncovered += [when + words for words in wrong]
        for n, period in zip(mine, found, strict=True):
            periods[n] = period
    listed_periods = tuple(p for p in periods if p is not None)
    uncovered += [
        words
        for p, entry in zip(listed_periods, entries, strict=False)
        for words in _wrong_sums(curves, p, entry)
    ]
    return Schedule(listed_periods, complete, tuple(uncovered))


def _in_groups(
    curves: Sequence[Curve],
    epoch: _Epoch,
    groups: Sequence[Mapping[str, Any]],
    length: int,
    served: Mapping[tuple[int, int, int], Fraction],
) -> tuple[list[Hours], list[str]]:
    """Periods that are groups of the curve's hours, and what is wrong with them."""
    e, waits = epoch.number, {c for c, number, _hour in served if number == epoch.number}
    facts = [group_facts(curves, epoch.growth, entry, length, epoch.part, e, served) for entry in groups]
    wrong = not_partitioned(curves, groups, facts, length, waits)
    found = []
    for entry, fact in zip(groups, facts, strict=True):
        if waits and len(entry["covers"]) != 1:
            wrong.append(f"work waits, but {entry['label']} is no single hour")
        rates = tuple(
            most if c in waits or rate == nearest(most) else written(rate)
            for c, (rate, most) in enumerate(zip(listed(curves, entry), fact.largest, strict=True))
        )
        means = fact.means if "mean_rps" in entry else rates
        duration = fact.hours if entry["hours"] == nearest(fact.hours) else written(entry["hours"])
        found.append(_hours(curves, e, duration, entry, (rates, means), spoken_of(curves, entry)))
    return found, wrong


def _one_by_one(
    curves: Sequence[Curve], epoch: _Epoch, entries: Sequence[Mapping[str, Any]], hours: Sequence[Hour]
) -> tuple[list[Hours], set[int]]:
    """Periods that are distinct hours, and positions of the hours that one of them is exactly."""
    found, used = list[Hours](), set[int]()
    for entry, hour in zip(entries, _match(hours, epoch, curves, entries), strict=True):
        duration, rates = written(entry["hours"]), tuple(map(written, listed(curves, entry)))
        if hour is not None:
            rates = tuple(b * g for b, g in zip(hours[hour].base, epoch.growth, strict=True))
            exact = epoch.part * hours[hour].times
            if hour not in used and entry["hours"] == nearest(exact):
                duration = exact
                used.add(hour)
        found.append(_hours(curves, epoch.number, duration, entry, (rates, rates), ()))
    return found, used


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


def _match(
    hours: Sequence[Hour], epoch: _Epoch, curves: Sequence[Curve], entries: Sequence[Mapping[str, Any]]
) -> list[int | None]:
    """For each listed period the hour whose exact demand it stands for, if any: its rates are the nearest.

    Hours may have equal demand where a service has none: then one that is left, of the period's duration.
    """
    named: dict[tuple[float, ...], list[int]] = {}
    for n, hour in enumerate(hours):
        vector = tuple(nearest(b * g) for b, g in zip(hour.base, epoch.growth, strict=True))
        named.setdefault(vector, []).append(n)
    found: list[int | None] = []
    taken: set[int] = set()
    for entry in entries:
        same = named.get(listed(curves, entry), [])
        wanted = written(entry["hours"]) / epoch.part if epoch.part else Fraction(0)
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
