"""Periods that are groups of the curve's hours: what they are exactly, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from solver.verify.exact import nearest, written
from solver.verify.streams import Curve, listed


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
    own = spoken_of(curves, group)
    largest, means = [], []
    for c, (curve, factor) in enumerate(zip(curves, growth, strict=True)):
        if len(covers) == 1 and (c, epoch, covers[0]) in served:
            largest.append(served[c, epoch, covers[0]])
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


def not_partitioned(
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
        own, told = spoken_of(curves, group), listed(curves, group)
        for n, (curve, rate, most) in enumerate(zip(curves, told, fact.largest, strict=True)):
            if own and curve.k not in own:
                if rate != 0:
                    wrong.append(f"{group['label']}: a rate of {curve.name}, whose hours it does not list")
                continue
            if n not in waits and rate != nearest(most) and most > written(rate):
                wrong.append(f"{group['label']}: an hour of {curve.name} needs more")
            for h in covers:
                times[n][h] += 1
    if any(t != 1 for row in times for t in row):
        wrong.append("hours that stand in no group or in several")
    return wrong


def spoken_of(curves: Sequence[Curve], group: Mapping[str, Any]) -> tuple[int, ...]:
    """Positions of the services that a group of hours speaks of; empty: all."""
    known = {curve.k for curve in curves}
    return tuple(k for k in group.get("services", ()) if isinstance(k, int) and k in known)
