"""Time of the integer program: epochs between decisions, and the hours of each with their demand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from solver.domain.calendar import year_words, years_until
from solver.domain.quantity import simplest
from solver.domain.streams import streams
from solver.domain.workload import HOURS_PER_YEAR, Site, Workload, cycle_hours, window_hours
from solver.errors import UsageError
from solver.formulation.system_offer import SystemOffer


@dataclass(frozen=True)
class Epoch:
    """A stretch of the horizon in which the fleet does not change (a year, or the whole horizon)."""

    index: int
    start_years: float
    end_years: float

    @property
    def years(self) -> float:
        """Length in years."""
        return self.end_years - self.start_years


@dataclass(frozen=True)
class Period:
    """Hours of one epoch that share one demand vector: ``hours`` of them over the epoch."""

    index: int
    epoch: int
    hours: float
    rate_rps: tuple[float, ...]  # per stream: a service, or one of its regions with curves of their own
    label: str
    covers: tuple[int, ...] = ()  # hours of the representative curve, grouped or (work that waits) one by one
    cheapest: bool = False  # of several tariffs the least counts (lower bounds), not the largest
    mean_rps: tuple[float, ...] = ()  # mean of those hours, where it is not the rate that is served
    largest_rps: tuple[float, ...] = ()  # largest of those hours, where the mean is served
    streams: tuple[int, ...] = ()  # whose hours, where services are grouped apart (others: 0)


def make_epochs(workload: Workload, offers: Sequence[SystemOffer] = ()) -> tuple[Epoch, ...]:
    """One epoch, one a year where demand grows or a bought system dies within the horizon, or as stated.

    Where services start, end or step, an epoch ends there too; a stated epoch must end there anyway. Where
    none is stated, one ends in each month from which systems can be had (says the workload, or an offer by
    its date or lead time) or the price of energy takes a step, with each fiscal year that has a budget for
    purchases of its own, and where what is got at any of these dates reaches the end of its term or life.
    """
    years, step, first = workload.horizon.years, workload.horizon.epoch_years, workload.horizon.start
    grows = any(s.demand.grows for s in workload.services)
    dates = sorted({t for s in workload.services for t in s.changes(first) if t < years - 1e-9})
    if step is None:
        dies = any(o.kind == "buy" and o.life_years < years for o in offers)
        step = 1.0 if grows or dies else years
        had = (*workload.hardware.available_from.values(), *(o.available_from for o in workload.offers))
        had += tuple(site.open_from for site in workload.sites)
        had += tuple(month for site in workload.sites for month in site.energy_steps)
        begins = (*(years_until(m, first) for m in had), *fiscal_starts(workload))
        dates += [*begins, *(o.available_years for o in offers)]
        whole = [float(n * simplest(step)) for n in range(math.ceil(years / step - 1e-9))]
        dates = _with_ends(offers, sorted({*whole, *dates}), years)
    elif grows and (1 / simplest(step)).denominator > 1:
        raise UsageError(
            f"horizon.epoch_years {step:g}: demand grows from year to year; write 1 or a whole part of a year"
        )
    elif late := [t for t in dates if (simplest(t) / simplest(step)).denominator > 1]:
        raise UsageError(
            f"horizon.epoch_years {step:g}: the demand changes {12 * late[0]:.0f} months after the start, "
            "within an epoch; write an epoch that ends there, or none"
        )
    count = math.ceil(years / step - 1e-9)
    ends = [min(float((e + 1) * simplest(step)), years) for e in range(count)]
    for at in dates:
        if 1e-9 < at < years - 1e-9 and all(abs(at - end) > 1e-9 for end in ends):
            ends.append(at)
    ends.sort()
    return tuple(Epoch(e, ends[e - 1] if e else 0.0, end) for e, end in enumerate(ends))


def _with_ends(offers: Sequence[SystemOffer], dates: list[float], years: float) -> list[float]:
    """The dates, and those at which terms and lives that begin at any of them end, one after another."""
    found = set(dates)
    for life in {o.life_years for o in offers if o.committed and o.life_years < years}:
        for begin in dates:
            count = math.ceil((years - begin) / life - 1e-9)
            found |= {float(simplest(begin) + n * simplest(life)) for n in range(1, count)}
    return sorted(found)


def label_of(epochs: Sequence[Epoch], epoch: int, hours: str) -> str:
    """A period in the words of the reports: "year 2, hour 7", or "hour 7" where the fleet stays as it is."""
    return f"{year_words(epochs[epoch].start_years)}, {hours}" if len(epochs) > 1 else hours


def fiscal_starts(workload: Workload) -> list[float]:
    """Starts of the fiscal years with a budget for purchases, in years from the start of the horizon."""
    money, first = workload.money, int(workload.horizon.start[-2:])
    short = ((money.fiscal_year_start or first) - first - 1) % 12 + 1
    return [short / 12 + n for n in range(len(money.budget_capex_by_year_usd))]


def make_periods(workload: Workload, epochs: tuple[Epoch, ...]) -> tuple[Period, ...]:
    """Representative hours with their durations; hours of equal demand are one period.

    Where work can wait, each hour is a period, in order; also where most traffic is sought and systems are
    rented by the hour, of which a budget may allow more in some of several equal hours. Where power depends
    on the load, hours of different tariffs are different periods.
    """
    parts = streams(workload)
    curves = [s.rate_rps for s in parts]
    length = cycle_hours(workload)
    ordered = any(window_hours(workload, s) > 1 for s in workload.services)
    ordered |= workload.objective == "traffic" and any(
        {"rent", "spot"} & {*service.acquisitions} for service in workload.services
    )
    if length == 8760 and any(len(c) == 168 for c in curves):
        curves = [tuple(c[h % 168] for h in range(8760)) if len(c) == 168 else c for c in curves]
    priced = tariff_sites(workload)
    groups: dict[tuple[float, ...], list[int]] = {}
    for hour in range(length):
        key = (*(c[hour % len(c)] for c in curves), *(site.energy_at(hour) for site in priced))
        groups.setdefault((*key, hour) if ordered else key, []).append(hour)
    periods: list[Period] = []
    for epoch in epochs:
        for base, hours in groups.items():
            rates = tuple(
                rate * s.factor_at(epoch.start_years, workload.horizon.start)
                for rate, s in zip(base[: len(curves)], parts, strict=True)
            )
            duration = HOURS_PER_YEAR * epoch.years * len(hours) / length
            words = f"hour {hours[0]}" if len(hours) == 1 else f"{len(hours)} hours of {length}"
            label = label_of(epochs, epoch.index, words)
            covers = tuple(hours) if ordered or priced else ()
            periods.append(Period(len(periods), epoch.index, duration, rates, label, covers))
    return tuple(periods)


def tariff_sites(workload: Workload) -> list[Site]:
    """Sites whose price of energy tells hours apart: those with a tariff, if power depends on the load."""
    return [site for site in workload.sites if site.tariff_usd_kwh] if workload.power_follows_load else []


def undominated(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    """Periods whose demand vector is not <= another's of the same epoch.

    A fleet and routing that carries the larger hour carries the smaller one with the same shares, so a
    dominated hour adds no row (design, section 5). Valid while no cost depends on the hour's routing.
    """
    keep: list[Period] = []
    for p in periods:
        rivals = [q for q in periods if q.epoch == p.epoch and q is not p]
        if not any(
            all(a <= b for a, b in zip(p.rate_rps, q.rate_rps, strict=True))
            and (p.rate_rps != q.rate_rps or q.index < p.index)
            for q in rivals
        ):
            keep.append(p)
    return tuple(keep)
