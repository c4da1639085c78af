"""Figures as inline SVG, drawn by hand: no script, readable in print, without colour and by a screen reader.

Coordinates are in units of the viewBox, about CSS pixels on a desktop. Colours come from the page's
CSS variables ``--c1`` to ``--c7``, ``--ink``, ``--soft`` and ``--paper``; series differ by pattern as well.
With ``link`` (where the numbers come from) bars and layers are links whose names say what they show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solver.reports.escape import html, plain

WIDTH = 460
ROW = 44  # height of a labelled bar
FONT = 13.5
_CHARACTER = 7.3  # mean width of a character at FONT
_WIDE, _NARROW = 9.3, 5.0  # capitals, digits and signs; space, brackets and slim letters, in a wide font
_SERIES = 6
NEUTRAL = -1  # the series of a bar that stands for no hardware


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


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round values (1, 2, 2.5 or 5 times a power of ten apart) that span low..high."""
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def shortened(text: str, room: float) -> str:
    """``text`` cut to about ``room`` units of width."""
    most = max(4, int(room / _CHARACTER))
    text = plain(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def width_of(text: str) -> float:
    """About the width of ``text`` at FONT, rather too much than too little."""
    slim = sum(character in " ()[].,:;'|/-fijlrtI" for character in text)
    wide = sum(character.isupper() or character.isdigit() or character in "%×≤≥" for character in text)
    return slim * _NARROW + wide * _WIDE + (len(text) - slim - wide) * (_CHARACTER + 0.7)


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
    parts = [_axis(marks, scale, head, bottom, axis)]
    for n, bar in enumerate(bars):
        y = head + ROW * n
        x, wide = 8 + bar.start * scale, max((bar.end - bar.start) * scale, 1.5)
        value = plain(bar.text)
        label = shortened(bar.label, WIDTH - 24 - len(value) * _CHARACTER)
        shown = (
            _text(8, y + 16, label)
            + _text(WIDTH - 8, y + 16, value, anchor="end", strong=True)
            + f'<rect x="{x:.1f}" y="{y + 21}" width="{wide:.1f}" height="16" rx="2" '
            f'fill="url(#{key}-p{_style(bar.series)})" class="edge"/>'
        )
        parts.append(_linked(link, f"{bar.label}: {bar.text}", shown))
    if mark:
        x = 8 + mark[0] * scale
        for n in range(len(bars)):
            y = head + ROW * n + 20  # below the words
            parts.append(f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 20}" class="limit"/>')
        anchor = "end" if x > WIDTH / 2 else "start"
        parts.append(_text(x, head - 6, mark[1], anchor=anchor, small=True))
    used = {_style(bar.series) for bar in bars}
    return _figure(key, title, description, height, used, parts, link)


def share_figure(
    key: str,
    title: str,
    description: str,
    rows: Sequence[tuple[str, Sequence[float]]],
    names: Sequence[tuple[str, int]],
    link: str = "",
) -> str:
    """One bar of 100 % per row, divided among ``names`` (each with its series number), with a legend."""
    legend, legend_height = _legend(key, names)
    height = legend_height + ROW * len(rows) + 30
    scale, bottom = (WIDTH - 16) / 1.0, height - 26
    parts = [legend, _axis([0, 0.25, 0.5, 0.75, 1], scale, legend_height, bottom, lambda v: f"{v * 100:g} %")]
    for n, (label, shares) in enumerate(rows):
        y, x = legend_height + ROW * n, 8.0
        parts.append(_text(8, y + 16, shortened(label, WIDTH - 16)))
        for (name, style), share in zip(names, shares, strict=True):
            wide = share * scale
            if wide <= 0:
                continue
            shown = (
                f'<rect x="{x:.1f}" y="{y + 21}" width="{wide:.1f}" height="18" '
                f'fill="url(#{key}-p{_style(style)})" class="edge"/>'
            )
            if wide > 44:
                shown += _badge(x + wide / 2, y + 34, f"{share * 100:.0f} %")
            parts.append(_linked(link, f"{label}, {name}: {share * 100:.3g} %", shown))
            x += wide
    return _figure(key, title, description, height, {_style(style) for _, style in names}, parts, link)


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
    legend, head = _legend(key, [(layer.name, layer.style) for layer in layers], line.name)
    left, height = 52, head + 224
    top, bottom = head + 28, height - 40
    totals = [sum(column) for column in zip(*(layer.values for layer in layers), strict=True)] or [0.0]
    marks = ticks(0.0, max(*totals, *line.values, 1e-12), 4)
    across, up = (WIDTH - left - 10) / count, (bottom - top) / marks[-1]
    parts = [legend, _text(8, top - 14, units[1], small=True)]
    for value in marks:
        y = bottom - value * up
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{WIDTH - 10}" y2="{y:.1f}" class="grid"/>')
        parts.append(_ruler(_text(left - 6, y + 4, f"{value:,.6g}", anchor="end", small=True)))
    base = [0.0] * count
    for layer in layers:
        upper = [b + v for b, v in zip(base, layer.values, strict=True)]
        path = _steps(upper, left, across, bottom, up) + _steps(base, left, across, bottom, up, back=True)
        shown = f'<path d="M{path}Z" fill="url(#{key}-p{_style(layer.style)})" class="edge"/>'
        parts.append(_linked(link, f"{layer.name}: at most {max(layer.values):,.4g} {units[1]}", shown))
        base = upper
    shown = f'<path d="M{_steps(line.values, left, across, bottom, up)}" class="line"/>'
    parts.append(_linked(link, f"{line.name}: at most {max(line.values):,.4g} {units[1]}", shown))
    for position, text in x_ticks:
        parts.append(_ruler(_text(left + position * across, bottom + 17, text, anchor="middle", small=True)))
    parts.append(_text(WIDTH - 10, height - 6, units[0], anchor="end", small=True))
    return _figure(key, title, description, height, {_style(layer.style) for layer in layers}, parts, link)


def _style(series: int) -> int:
    """The pattern of a series: they repeat after six; neutral is the seventh."""
    return _SERIES if series == NEUTRAL else series % _SERIES


def _steps(
    values: Sequence[float], left: float, across: float, bottom: float, up: float, back: bool = False
) -> str:
    points = []
    for n, value in enumerate(values):
        y = bottom - value * up
        points += [(left + n * across, y), (left + (n + 1) * across, y)]
    ordered = list(reversed(points)) if back else points
    return ("L" if back else "") + "L".join(f"{x:.1f},{y:.1f}" for x, y in ordered)


def _axis(
    marks: Sequence[float], scale: float, top: float, bottom: float, words: Callable[[float], str]
) -> str:
    parts = []
    for n, value in enumerate(marks):
        x = 8 + value * scale
        anchor = "start" if n == 0 else "end" if n == len(marks) - 1 else "middle"
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" class="grid"/>')
        parts.append(_ruler(_text(x, bottom + 18, words(value), anchor=anchor, small=True)))
    return "".join(parts)


def _ruler(text: str) -> str:
    """A number of an axis, which measures and tells nothing of the plan."""
    return f'<g class="ruler">{text}</g>'


def _linked(link: str, name: str, shown: str) -> str:
    """What is shown, as a link with a name where there is somewhere to go."""
    return f'<a href="{html(link)}" aria-label="{html(name)}">{shown}</a>' if link else shown


def _legend(key: str, names: Sequence[tuple[str, int]], line: str = "") -> tuple[str, float]:
    """Swatches with names, wrapped to the width; and the height they take."""
    parts, x0, y = [], 8.0, 18.0
    x = x0
    for name, style in [*names, *([(line, None)] if line else [])]:
        text = shortened(name, WIDTH - 60)
        wide = 26 + width_of(text) + 14
        if x > x0 and x + wide > WIDTH:
            x, y = x0, y + 22
        if style is None:
            parts.append(f'<path d="M{x:.1f},{y - 5}h20" class="line"/>')
        else:
            parts.append(
                f'<rect x="{x:.1f}" y="{y - 12}" width="20" height="14" '
                f'fill="url(#{key}-p{_style(style)})" class="edge"/>'
            )
        parts.append(_text(x + 26, y, text))
        x += wide
    return "".join(parts), y + 12


def _text(
    x: float, y: float, text: str, anchor: str = "start", small: bool = False, strong: bool = False
) -> str:
    kind = "small" if small else "strong" if strong else "label"
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{html(text)}</text>'


def _badge(x: float, y: float, text: str) -> str:
    wide = len(text) * 7.4 + 8
    return (
        f'<rect x="{x - wide / 2:.1f}" y="{y - 12:.1f}" width="{wide:.1f}" height="15" rx="3" class="badge"/>'
        + _text(x, y, text, anchor="middle", small=True)
    )


def _patterns(key: str, used: set[int]) -> str:
    """A pattern per series: solid, then hatchings that stay apart in black and white."""
    marks = (
        "",
        '<path d="M-2,2l4,-4M0,8l8,-8M6,10l4,-4"/>',
        '<path d="M0,4h8"/>',
        '<circle cx="4" cy="4" r="1.6" class="dot"/>',
        '<path d="M-2,6l4,4M0,0l8,8M6,-2l4,4"/>',
        '<path d="M4,0v8"/>',
        "",
    )
    return "".join(
        f'<pattern id="{key}-p{n}" width="8" height="8" patternUnits="userSpaceOnUse">'
        f'<rect width="8" height="8" fill="var(--c{n + 1})"/><g class="hatch">{marks[n]}</g></pattern>'
        for n in sorted(used)
    )


def _figure(
    key: str, title: str, description: str, height: float, used: set[int], parts: Sequence[str], link: str
) -> str:
    role = "group" if link else "img"  # what is inside an image cannot be reached
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="{role}" aria-labelledby="{key}-t {key}-d" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{key}-t">{html(title)}</title>'
        f'<desc id="{key}-d">{html(description)}</desc><defs>{_patterns(key, used)}</defs>'
        f"{''.join(parts)}</svg>"
    )
