"""Many hours where a dollar depends on the hour: groups of like hours, served at their largest demand.

With token APIs, hourly rent or wear every distinct hour would be a period of the program. Three exact steps
and one that is refined until the gap is small keep it solvable:

1. Services whose hours nothing couples (no shared rate limit, no shared rented system) are grouped apart:
   an hour of one of them is then a single number, and hours of equal demand are one period.
2. A group of unlike hours is served with one set of shares, those of its largest demand; what is paid and
   written follows its mean demand. Such a plan holds in every hour: its cost is an upper bound.
3. The same program at the mean demand, hourly purchases in fractions, is a lower bound: for a fixed fleet
   the cost of an hour is convex in its demand, so the mean hour costs at most the mean of the hours (Jensen).
   A group of equal hours is its own mean: nothing is lost there, and whole numbers stay whole.
4. Groups in which both differ are split, until upper and lower bound meet (solver.engine.grouped).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from solver.domain.streams import Stream, streams
from solver.domain.workload import HOURS_PER_YEAR, Workload, cycle_hours
from solver.formulation.epochs import Epoch, Period, label_of

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Group:
    """Hours of the representative curve in one epoch, for some streams (positions).

    ``even``: nothing of theirs is paid by the hour, and one of the hours exceeds all others: it stands for
    all, in plan and relaxation.
    """

    epoch: int
    streams: tuple[int, ...]
    hours: tuple[int, ...]
    even: bool = False


@dataclass(frozen=True)
class Curves:
    """Rates of every hour of the representative curve, requests/s, and their growth by epoch."""

    workload: Workload
    epochs: tuple[Epoch, ...]

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        """Services, or their regions where these have curves of their own."""
        return streams(self.workload)

    @cached_property
    def vectors(self) -> list[Vector]:
        """Rates of all streams in each hour of the first year."""
        curves = [s.rate_rps for s in self.streams]
        return [tuple(c[h % len(c)] for c in curves) for h in range(cycle_hours(self.workload))]

    @cached_property
    def columns(self) -> list[Vector]:
        """Rates of each stream in all hours of the first year."""
        return list(zip(*self.vectors, strict=True))

    def growth(self, epoch: int) -> Vector:
        """Factor on the first year's rates of each stream in an epoch."""
        start = self.epochs[epoch].start_years
        return tuple(s.factor_at(start, self.workload.horizon.start) for s in self.streams)

    @property
    def peaks_rps(self) -> Vector:
        """Largest rate of each stream over the horizon (at least 1e-9, so that it can divide)."""
        factors = [self.growth(e.index) for e in self.epochs]
        return tuple(max(max(c) * max(f[k] for f in factors), 1e-9) for k, c in enumerate(self.columns))

    def own(self, group: Group) -> list[Vector]:
        """Demand vectors of a group's hours, its streams only."""
        columns = [self.columns[k] for k in group.streams]
        return list(zip(*([column[h] for h in group.hours] for column in columns), strict=True))

    @cached_property
    def _known(self) -> dict[Group, tuple[Vector, Vector, Vector]]:
        return {}

    def extent(self, group: Group) -> tuple[Vector, Vector, Vector]:
        """Least, mean and largest rate of each stream of a group over its hours (remembered)."""
        if group not in self._known:
            columns = [[self.columns[k][h] for h in group.hours] for k in group.streams]
            means = tuple(sum(column) / len(column) for column in columns)
            self._known[group] = tuple(map(min, columns)), means, tuple(map(max, columns))
        return self._known[group]

    def alike(self, group: Group) -> bool:
        """Whether all hours of a group have one demand, or are served as if they had."""
        least, _, largest = self.extent(group)
        return group.even or least == largest

    def parts(self, group: Group, most: int) -> list[Group]:
        """The group cut into at most ``most``; equal hours stay together."""
        if group.even:
            return [group]
        cut = median_cut(self.own(group), most)
        return [Group(group.epoch, group.streams, tuple(group.hours[n] for n in part)) for part in cut]

    def fine(self, groups: Sequence[Group], most: int) -> list[Group]:
        """The groups cut as far as their hours differ, about ``most`` in all."""
        sizes = [1 if self.alike(g) else len(set(self.own(g))) for g in groups]
        share = min(1.0, most / sum(sizes))
        return [
            part
            for group, size in zip(groups, sizes, strict=True)
            for part in self.parts(group, max(1, round(size * share)))
        ]

    def spread(self, groups: Sequence[Group]) -> list[float]:
        """Share by which the mean demand of each group falls short of its largest."""
        found = []
        for group in groups:
            _, means, largest = self.extent(group)
            excess = [1 - mean / most for mean, most in zip(means, largest, strict=True) if most > 0]
            found.append(0.0 if self.alike(group) else max(excess, default=0.0))
        return found

    def coarse(self, clusters: Iterable[tuple[tuple[int, ...], bool]], most: int) -> list[Group]:
        """Groups to begin with, for each epoch and cluster (streams, whether an hour has its price).

        The hours that no other exceeds, and a few groups of the rest; where no hour has a price, each of
        those hours with all that it exceeds.
        """
        found: list[Group] = []
        for epoch in self.epochs:
            for members, priced in clusters:
                everything = Group(epoch.index, members, tuple(range(len(self.vectors))))
                if not priced:
                    found += self._dominated(everything)
                    continue
                vectors = self.own(everything)
                top = set(_largest(set(vectors))[:MOST_LARGEST])
                high = tuple(h for h, v in enumerate(vectors) if v in top)
                rest = tuple(h for h, v in enumerate(vectors) if v not in top)
                found += self.parts(Group(epoch.index, members, high), len(top))
                if rest:
                    found += self.parts(Group(epoch.index, members, rest), most)
        return found

    def _dominated(self, everything: Group) -> list[Group]:
        vectors = self.own(everything)
        top = _largest(set(vectors))
        home = {
            v: next(n for n, w in enumerate(top) if all(a <= b for a, b in zip(v, w, strict=True)))
            for v in set(vectors)
        }
        hours: list[list[int]] = [[] for _ in top]
        for hour, vector in enumerate(vectors):
            hours[home[vector]].append(hour)
        return [Group(everything.epoch, everything.streams, tuple(part), even=True) for part in hours]

    def periods(self, groups: Sequence[Group], mean: bool) -> tuple[Period, ...]:
        """Periods at the largest demand of their groups, paid at the mean; or (``mean``) served there too."""
        names = [s.service.name for s in self.streams]
        found: list[Period] = []
        for group in groups:
            epoch, growth = self.epochs[group.epoch], self.growth(group.epoch)
            size, alike = len(group.hours), self.alike(group)
            largest, average = [0.0] * len(names), [0.0] * len(names)
            _, means, most = self.extent(group)
            for k, middle, high in zip(group.streams, means, most, strict=True):
                largest[k] = high * growth[k]
                average[k] = largest[k] if alike else middle * growth[k]
            apart = len(group.streams) < len(names)
            who = ", ".join(dict.fromkeys(names[k] for k in group.streams)) + ": " if apart else ""
            hours = f"hour {group.hours[0]}" if size == 1 else f"{size} like hours of {len(self.vectors)}"
            served = tuple(average if mean else largest)
            found.append(
                Period(
                    len(found),
                    group.epoch,
                    HOURS_PER_YEAR * epoch.years * size / len(self.vectors),
                    served,
                    label_of(self.epochs, group.epoch, who + hours),
                    group.hours,
                    mean_rps=tuple(average) if tuple(average) != served else (),
                    largest_rps=tuple(largest) if tuple(largest) != served else (),
                    streams=group.streams if apart else (),
                )
            )
        return tuple(found)


#: Hours that no other exceeds are kept apart up to so many.
MOST_LARGEST = 12


def _largest(vectors: set[Vector]) -> list[Vector]:
    """Vectors that no other exceeds in all parts, largest first."""
    kept: list[Vector] = []
    for vector in sorted(vectors, key=lambda v: (-sum(v), v)):
        if not any(all(a <= b for a, b in zip(vector, other, strict=True)) for other in kept):
            kept.append(vector)
    return kept


def median_cut(vectors: list[Vector], most: int) -> list[list[int]]:
    """Positions in at most ``most`` groups; equal vectors stay together."""
    scale = [max(column) or 1.0 for column in zip(*vectors, strict=True)]
    groups = [sorted(range(len(vectors)), key=lambda n: vectors[n])]
    spreads = [_widest(vectors, groups[0], scale)]
    while len(groups) < most:
        where = max(range(len(groups)), key=lambda n: spreads[n][0])
        spread, axis = spreads[where]
        if spread <= 0:
            break
        group = sorted(groups[where], key=lambda n: vectors[n][axis])
        middle = (vectors[group[0]][axis] + vectors[group[-1]][axis]) / 2
        cut = next(n for n, h in enumerate(group) if vectors[h][axis] > middle)
        pair = [group[:cut], group[cut:]]
        groups[where : where + 1] = pair
        spreads[where : where + 1] = [_widest(vectors, part, scale) for part in pair]
    return [sorted(group) for group in groups]


def _widest(vectors: list[Vector], group: list[int], scale: list[float]) -> tuple[float, int]:
    """Largest spread of a group along an axis (relative, weighted with its size), and the axis."""
    best = (-1.0, 0)
    for axis, unit in enumerate(scale):
        values = [vectors[n][axis] for n in group]
        best = max(best, ((max(values) - min(values)) / unit * len(group) ** 0.5, axis))
    return best
