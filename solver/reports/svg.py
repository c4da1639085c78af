"""Figures as inline SVG, drawn by hand: no script, readable in print, without colour and by a screen reader.

Coordinates are in units of the viewBox, about CSS pixels on a desktop. Colours come from the page's
CSS variables ``--c1`` to ``--c7``, ``--ink``, ``--soft`` and ``--paper``; series differ by pattern as well.
With ``link`` (where the numbers come from) bars and layers are links whose names say what they show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solver.reports.escape import plain
from solver.reports.svg_parts import (
    CHARACTER,
    NEUTRAL,
    ROW,
    WIDTH,
    axis_of,
    badge,
    frame,
    legend_of,
    linked,
    pattern_of,
    ruler,
    shortened,
    text_at,
    ticks,
)


@dataclass(frozen=True)
class Bar:
    """A horizontal bar from ``start`` to ``end`` with its label above and its value in words beside it."""

    label: str
    end: float
    text: str
    start: float = 0.0
    series: int = NEUTRAL


@dataclass(frozen=True)
class Series:
    """A layer of a stacked figure."""

    name: str
    values: tuple[float, ...]
    style: int = 0


def bar_figure(
    key: str,
    title: str,
    description: str,
    bars: Sequence[Bar],
    axis: Callable[[float], str],
    mark: tuple[float, str] | None = None,
    link: str = "",
) -> str:
    """Horizontal bars over a common axis, optionally with a marked value (a limit)."""
    top = max([bar.end for bar in bars] + ([mark[0] * 1.25] if mark else []) + [0.0]) or 1.0
    marks = ticks(0.0, top)
    head = 22 if mark else 8
    height = head + ROW * len(bars) + 30
    scale = (WIDTH - 16) / marks[-1]
    bottom = height - 26
    parts = [axis_of(marks, scale, head, bottom, axis)]
    for n, bar in enumerate(bars):
        y = head + ROW * n
        x, wide = 8 + bar.start * scale, max((bar.end - bar.start) * scale, 1.5)
        value = plain(bar.text)
        label = shortened(bar.label, WIDTH - 24 - len(value) * CHARACTER)
        shown = (
            text_at(8, y + 16, label)
            + text_at(WIDTH - 8, y + 16, value, anchor="end", strong=True)
            + f'<rect x="{x:.1f}" y="{y + 21}" width="{wide:.1f}" height="16" rx="2" '
            f'fill="url(#{key}-p{pattern_of(bar.series)})" class="edge"/>'
        )
        parts.append(linked(link, f"{bar.label}: {bar.text}", shown))
    if mark:
        x = 8 + mark[0] * scale
        for n in range(len(bars)):
            y = head + ROW * n + 20  # below the words
            parts.append(f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 20}" class="limit"/>')
        anchor = "end" if x > WIDTH / 2 else "start"
        parts.append(text_at(x, head - 6, mark[1], anchor=anchor, small=True))
    used = {pattern_of(bar.series) for bar in bars}
    return frame(key, title, description, height, used, parts, link)


def share_figure(
    key: str,
    title: str,
    description: str,
    rows: Sequence[tuple[str, Sequence[float]]],
    names: Sequence[tuple[str, int]],
    link: str = "",
) -> str:
    """One bar of 100 % per row, divided among ``names`` (each with its series number), with a legend."""
    legend, legend_height = legend_of(key, names)
    height = legend_height + ROW * len(rows) + 30
    scale, bottom = (WIDTH - 16) / 1.0, height - 26
    parts = [
        legend,
        axis_of([0, 0.25, 0.5, 0.75, 1], scale, legend_height, bottom, lambda v: f"{v * 100:g} %"),
    ]
    for n, (label, shares) in enumerate(rows):
        y, x = legend_height + ROW * n, 8.0
        parts.append(text_at(8, y + 16, shortened(label, WIDTH - 16)))
        for (name, style), share in zip(names, shares, strict=True):
            wide = share * scale
            if wide <= 0:
                continue
            shown = (
                f'<rect x="{x:.1f}" y="{y + 21}" width="{wide:.1f}" height="18" '
                f'fill="url(#{key}-p{pattern_of(style)})" class="edge"/>'
            )
            if wide > 44:
                shown += badge(x + wide / 2, y + 34, f"{share * 100:.0f} %")
            parts.append(linked(link, f"{label}, {name}: {share * 100:.3g} %", shown))
            x += wide
    return frame(key, title, description, height, {pattern_of(style) for _, style in names}, parts, link)


def hours_figure(
    key: str,
    title: str,
    description: str,
    layers: Sequence[Series],
    line: Series,
    x_ticks: Sequence[tuple[float, str]],
    units: tuple[str, str],
    link: str = "",
) -> str:
    """Stacked steps over time with a line above them; ``units`` names the x and the y axis."""
    count = len(line.values)
    legend, head = legend_of(key, [(layer.name, layer.style) for layer in layers], line.name)
    left, height = 52, head + 224
    top, bottom = head + 28, height - 40
    totals = [sum(column) for column in zip(*(layer.values for layer in layers), strict=True)] or [0.0]
    marks = ticks(0.0, max(*totals, *line.values, 1e-12), 4)
    across, up = (WIDTH - left - 10) / count, (bottom - top) / marks[-1]
    parts = [legend, text_at(8, top - 14, units[1], small=True)]
    for value in marks:
        y = bottom - value * up
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{WIDTH - 10}" y2="{y:.1f}" class="grid"/>')
        parts.append(ruler(text_at(left - 6, y + 4, f"{value:,.6g}", anchor="end", small=True)))
    base = [0.0] * count
    for layer in layers:
        upper = [b + v for b, v in zip(base, layer.values, strict=True)]
        path = _steps(upper, left, across, bottom, up) + _steps(base, left, across, bottom, up, back=True)
        shown = f'<path d="M{path}Z" fill="url(#{key}-p{pattern_of(layer.style)})" class="edge"/>'
        parts.append(linked(link, f"{layer.name}: at most {max(layer.values):,.4g} {units[1]}", shown))
        base = upper
    shown = f'<path d="M{_steps(line.values, left, across, bottom, up)}" class="line"/>'
    parts.append(linked(link, f"{line.name}: at most {max(line.values):,.4g} {units[1]}", shown))
    for position, text in x_ticks:
        parts.append(ruler(text_at(left + position * across, bottom + 17, text, anchor="middle", small=True)))
    parts.append(text_at(WIDTH - 10, height - 6, units[0], anchor="end", small=True))
    return frame(key, title, description, height, {pattern_of(layer.style) for layer in layers}, parts, link)


def _steps(
    values: Sequence[float], left: float, across: float, bottom: float, up: float, back: bool = False
) -> str:
    points = []
    for n, value in enumerate(values):
        y = bottom - value * up
        points += [(left + n * across, y), (left + (n + 1) * across, y)]
    ordered = list(reversed(points)) if back else points
    return ("L" if back else "") + "L".join(f"{x:.1f},{y:.1f}" for x, y in ordered)
