"""Figures of demand and capacity over time, and what a figure is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from solver.domain.told import Origin, Told, number_of, told
from solver.reports.fleet import Names
from solver.reports.pool_facts import Target
from solver.reports.svg import Bar, Series, bar_figure, hours_figure
from solver.reports.traffic import Traffic
from solver.reports.units import listed, number, percent

_LONGEST = 400  # hours drawn one by one


@dataclass(frozen=True)
class Figure:
    """A drawing with its title and the sentence under it; ``drawing`` is safe SVG."""

    title: str
    caption: Told
    drawing: str


Link = Callable[[Origin], str]


def headroom_figure(traffic: Traffic, link: Link) -> Figure:
    """Demand that never changes: how much of the capacity each service uses."""
    bars = []
    for service in traffic.services:
        demand = traffic.demand_rps(service)[-1]
        capacity = _with_api(traffic, service, traffic.served_rps(service))[-1]
        text = f"{number(demand)} of {number(capacity)} requests/s"
        bars.append(Bar(service, demand / capacity if capacity else 0.0, text))
    title = "Demand and capacity"
    words = listed([f"{bar.label} {bar.text}" for bar in bars])
    caption = told(
        "Demand as a share of the load that is safe for the promised waiting time, all hours alike."
    )
    to = link(("capacity",))
    drawing = bar_figure("load", title, f"{words}.", bars, whole_percent, mark=(1.0, "capacity"), link=to)
    return Figure(title, caption, drawing)


def whole_percent(value: float) -> str:
    """A share on an axis: 25 %."""
    return f"{value * 100:.0f} %"


def demand_figure(
    traffic: Traffic, names: Names, styles: dict[str, int], n: int, link: Link
) -> Figure | None:
    """Demand of service n over time by who serves it, in the last epoch, under the line of the capacity."""
    service = traffic.services[n]
    last = max((hour.epoch for hour in traffic.hours), default=0)
    chosen = [i for i, hour in enumerate(traffic.hours) if hour.epoch == last]
    if not chosen:
        return None
    demand, served = traffic.demand_rps(service), traffic.served_rps(service)
    capacity = _with_api(traffic, service, served)
    busiest = max(chosen, key=lambda i: demand[i])
    words = _headroom_words(demand[busiest], capacity[busiest])
    title = f"{service}: demand and capacity"
    plus = ", and what the API takes" if any(target.mode == "api" for target in served) else ""
    caption = told(words, f" Capacity: load that is safe for the promised waiting time{plus}.")
    if len({hour.epoch for hour in traffic.hours}) > 1:
        year = number_of(f"Year {traffic.plan.epochs[last][0] + 1:g}", "epochs")
        caption = told(year, " of the plan. ", caption)
    stretches = _stretches(chosen, demand)
    layers = [
        Series(names.target(target), tuple(rates[i] for i in stretches), styles[names.target(target)])
        for target, rates in served.items()
        if any(rates)
    ]
    line = Series("capacity", tuple(capacity[i] for i in stretches))
    axis, marks = _time_axis(len(chosen), len(stretches))
    units, to = (axis, "requests/s"), link(("capacity",))
    drawing = hours_figure(f"hours{n}", title, str(words), _merged(layers), line, marks, units, to)
    return Figure(title, caption, drawing)


def _headroom_words(demand: float, capacity: float) -> Told:
    if demand <= 0:
        return told("No demand.")
    asked, there, spare = (
        number_of(text, "capacity")
        for text in (number(demand), number(capacity), percent(max(capacity / demand - 1, 0.0)))
    )
    return told(
        *("The busiest hour asks for ", asked, " requests/s; the capacity then is ", there),
        *(" requests/s, ", spare, " above."),
    )


def _with_api(traffic: Traffic, service: str, served: dict[Target, list[float]]) -> list[float]:
    capacity = traffic.capacity_rps(service)
    for target, rates in served.items():
        if target.mode == "api":
            capacity = [c + r for c, r in zip(capacity, rates, strict=True)]
    return capacity


def _merged(layers: list[Series]) -> list[Series]:
    """Layers of the same name as one."""
    found: dict[str, Series] = {}
    for layer in sorted(layers, key=lambda s: s.style):
        old = found.get(layer.name, Series(layer.name, (0.0,) * len(layer.values)))
        values = tuple(a + b for a, b in zip(old.values, layer.values, strict=True))
        found[layer.name] = Series(layer.name, values, layer.style)
    return list(found.values())


def _stretches(chosen: list[int], demand: list[float]) -> list[int]:
    """Every hour, or of a long curve the busiest hour of each day."""
    step = 1 if len(chosen) <= _LONGEST else 24
    groups = [chosen[i : i + step] for i in range(0, len(chosen), step)]
    return [max(group, key=lambda i: demand[i]) for group in groups]


def _time_axis(hours: int, steps: int) -> tuple[str, list[tuple[float, str]]]:
    """Name and ticks of the time axis."""
    if hours == 24:
        return "hour of the day", [(float(h), str(h)) for h in range(0, 25, 4)]
    if hours == 168:
        return "day of the week", [(d * 24 + 12.0, str(d + 1)) for d in range(7)]
    unit = steps / 12
    return "month", [(unit * (m + 0.5), str(m + 1)) for m in range(12)] if hours == 8760 else []
