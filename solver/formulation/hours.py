"""Many hours where a dollar depends on the hour: groups of like hours, each served at its largest demand.

With token APIs, hourly rent or wear, every distinct hour is a period of the program. Beyond a number of
them that depends on the operating points (most_periods), hours of like demand are grouped (median cut: the
group with the widest spread of demand is halved until there are enough). The plan serves a group at the
largest demand of its hours, so it holds in every hour and its cost is an upper bound. A lower bound comes
from the same program with each group at its mean demand and hourly purchases in fractions: for fixed
standing systems the cost of an hour is convex in its demand, so the mean hour costs at most the mean of
the hours (Jensen). Where energy has a tariff and power follows the load, tariffs are axes too; a group pays
its largest tariff, in the lower bound its least.
"""

from __future__ import annotations

from dataclasses import replace

from solver.domain.streams import streams
from solver.domain.workload import HOURS_PER_YEAR, Workload, cycle_hours
from solver.formulation.epochs import Epoch, Period, label_of, tariff_sites
from solver.formulation.groups import median_cut

#: Periods of an epoch that the program takes: fewer where there are many operating points.
FEWEST_PERIODS, MOST_PERIODS, POINT_PERIODS = 36, 240, 5000


def most_periods(points: int) -> int:
    """How many periods of an epoch are kept apart with so many operating points."""
    return min(MOST_PERIODS, max(FEWEST_PERIODS, POINT_PERIODS // max(points, 1)))


def grouped(
    workload: Workload, epochs: tuple[Epoch, ...], most: int
) -> tuple[tuple[Period, ...], tuple[Period, ...]]:
    """(periods at the largest demand of their group, the same periods at the mean demand)."""
    parts = streams(workload)
    curves = [s.rate_rps for s in parts]
    length = cycle_hours(workload)
    vectors = [
        (*(c[h % len(c)] for c in curves), *(site.energy_at(h) for site in tariff_sites(workload)))
        for h in range(length)
    ]
    groups = median_cut(vectors, most)
    upper: list[Period] = []
    mean: list[Period] = []
    for epoch in epochs:
        growth = [s.factor_at(epoch.start_years, workload.horizon.start) for s in parts]
        for group in groups:
            columns = list(zip(*(vectors[h] for h in group), strict=True))
            rates = list(zip(columns[: len(curves)], growth, strict=True))
            largest = tuple(max(column) * g for column, g in rates)
            average = tuple(sum(column) / len(group) * g for column, g in rates)
            hours = HOURS_PER_YEAR * epoch.years * len(group) / length
            label = label_of(epochs, epoch.index, f"{len(group)} like hours of {length}")
            period = Period(len(upper), epoch.index, hours, largest, label, tuple(group))
            upper.append(period)
            mean.append(replace(period, rate_rps=average, largest_rps=largest, cheapest=True))
    return tuple(upper), tuple(mean)
