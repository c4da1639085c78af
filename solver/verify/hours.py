"""The hours of the horizon and their demand, from the workload.

A representative day, week or year of the workload repeats through the horizon; the rate of a service
grows by (1 + growth) at each full year and by its steps, and an epoch has the rates of its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import NamedTuple

from solver.domain.workload import HOURS_PER_YEAR, Service, Workload
from solver.verify.exact import written
from solver.verify.streams import Curve


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


def distinct_hours(curves: Sequence[Curve], length: int) -> list[Hour]:
    """Hours of different demand in a representative curve of ``length`` hours."""
    counts: dict[tuple[float, ...], list[int]] = {}
    for h in range(length):
        entry = counts.setdefault(tuple(c.at(h) for c in curves), [0, h])
        entry[0] += 1
    hours = [Hour(tuple(map(written, v)), count, first) for v, (count, first) in counts.items()]
    return hours


def years_between(start: str, month: str) -> Fraction:
    """Years from a month to another one (negative if it is earlier)."""
    (year, number), (year_0, number_0) = ((int(text[:4]), int(text[5:7])) for text in (month, start))
    return Fraction(12 * (year - year_0) + number - number_0, 12)


def demand_factor(service: Service, years: Fraction, start: str, region: str = "") -> Fraction:
    """What the rates of the first year are multiplied by: growth at full years x the latest step; 0 before
    the service starts and from its end on. A region with a curve of its own may have its own growth."""
    if service.starts and years_between(start, service.starts) > years:
        return Fraction(0)
    if service.ends and years_between(start, service.ends) <= years:
        return Fraction(0)
    own = service.demand.by_region.get(region)
    growth = service.demand.growth_per_year if own is None else own.growth_per_year
    growth = service.demand.growth_per_year if growth is None else growth
    factor = (1 + written(growth)) ** floor(years)
    steps = {years_between(start, month): value for month, value in service.demand.steps.items()}
    passed = [when for when in steps if when <= years]
    return factor * written(steps[max(passed)]) if passed else factor


def changes_within(service: Service, begin: Fraction, end: Fraction, start: str) -> bool:
    """Whether the demand of a service changes (but for its hourly curve) inside an epoch."""
    dates = [years_between(start, m) for m in (*service.demand.steps, service.starts, service.ends) if m]
    if service.demand.growth_per_year or any(r.growth_per_year for r in service.demand.by_region.values()):
        dates += [Fraction(year) for year in range(1, int(end) + 1)]
    return any(begin < date < end for date in dates)


def growth_of(curves: Sequence[Curve], start: Fraction, first_month: str) -> list[Fraction]:
    """Factor on the rates of the first year of each curve from ``start`` on."""
    return [demand_factor(c.service, start, first_month, c.region) for c in curves]


def year_hours(years: Fraction) -> Fraction:
    """Hours of so many years."""
    return Fraction(HOURS_PER_YEAR) * years
