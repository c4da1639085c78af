"""Figures of sensitivity as inline SVG: curves and maps of the plane; told apart by dash, mark and letter."""

from __future__ import annotations

import math
from collections.abc import Callable

from solver.reports.escape import html
from solver.reports.svg import Bar, bar_figure
from solver.reports.svg_parts import ticks
from solver.reports.units import listed, number, number_tick, percent, usd, usd_tick
from solver.sensitivity.findings import Axis, Bars, Curves, Figure, Kind, Regions

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 340, 70, 44, 14
_DASHES = ("", "7 3", "2 3", "10 3 2 3", "5 5", "1 4")
_MARKS = "●■▲◆▼○□△◇▽"


def text_of(kind: Kind) -> Callable[[float], str]:
    """How numbers of a kind are written."""
    if kind in ("usd", "price"):
        return usd
    return percent if kind == "share" else number


def _tick(kind: Kind) -> Callable[[float], str]:
    """How the round values of an axis are written."""
    if kind in ("usd", "price"):
        return usd_tick
    return number_tick if kind == "number" else text_of(kind)


def draw(figure: Figure) -> str:
    """The SVG of a figure."""
    if isinstance(figure, Curves):
        return _curves(figure)
    if isinstance(figure, Regions):
        return _regions(figure)
    bars = [Bar(label, max(a, b), text, min(a, b), n) for n, (label, a, b, text) in enumerate(figure.bars)]
    words = "; ".join(f"{label} {text}" for label, _, _, text in figure.bars)
    return bar_figure(figure.key, figure.title, words, bars, _tick(figure.kind), figure.mark)


class _Scale:
    """From values to places on an axis; logarithmic axes have ticks at 1, 2, 5 times powers of ten."""

    def __init__(self, axis: Axis, values: list[float], start: float, end: float) -> None:
        self.log, self.start, self.end = axis.log, start, end
        low, high = min(values), max(values)
        if axis.log:
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            steps = [m * 10.0**p for p in powers for m in (1, 2, 5)]
            inside = [s for s in steps if low * 0.999 <= s <= high * 1.001]
            self.marks, self.low, self.high = inside, math.log10(low), math.log10(high)
            if len(inside) > 7:
                self.marks = [s for s in inside if math.isclose(10 ** round(math.log10(s)), s)]
        else:
            if start > end and low > 0:
                low = 0.0  # y axes start at nothing
            self.marks = ticks(low, high)
            self.low, self.high = (low, high) if start < end else (self.marks[0], self.marks[-1])
            self.marks = [m for m in self.marks if self.low - 1e-12 <= m <= self.high + 1e-12]
        if self.high <= self.low:
            self.high = self.low + 1

    def __call__(self, value: float) -> float:
        place = (math.log10(value) if self.log else value) - self.low
        return self.start + place / (self.high - self.low) * (self.end - self.start)


def _frame(x: _Scale, y: _Scale, xa: Axis, ya: Axis, bottom: float) -> list[str]:
    parts = []
    for n, mark in enumerate(x.marks):
        parts.append(f'<line x1="{x(mark):.1f}" y1="{TOP}" x2="{x(mark):.1f}" y2="{bottom}" class="grid"/>')
        anchor = "end" if n and x(mark) > WIDTH - 40 else "middle"
        parts.append(
            _text(x(mark) + (12 if anchor == "end" else 0), bottom + 17, _tick(xa.kind)(mark), anchor)
        )
    for mark in y.marks:
        parts.append(
            f'<line x1="{LEFT}" y1="{y(mark):.1f}" x2="{WIDTH - 12}" y2="{y(mark):.1f}" class="grid"/>'
        )
        parts.append(_text(LEFT - 6, y(mark) + 4, _tick(ya.kind)(mark), "end"))
    parts.append(_text(WIDTH - 12, bottom + 36, xa.label, "end"))
    parts.append(_text(8, TOP - 2, ya.label, "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str, kind: str = "small", colour: str = "") -> str:
    style = f' style="fill:{colour}"' if colour else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}"{style}>{html(text)}</text>'


def _curves(figure: Curves) -> str:
    points = [p for _, line in figure.lines for p in line]
    bottom = HEIGHT - BOTTOM
    x = _Scale(figure.x, [p[0] for p in points], LEFT, WIDTH - 14)
    y = _Scale(figure.y, [p[1] for p in points], bottom, TOP + 10)
    parts = _frame(x, y, figure.x, figure.y, bottom)
    legend: list[str] = []
    for n, (name, line) in enumerate(_apart(figure)):
        places = [(x(a), y(b)) for a, b in line]
        colour, dash, mark = f"var(--c{n % 6 + 1})", _DASHES[n // 2 % 6], _MARKS[n % 10]
        path = "M" + "L".join(f"{a:.1f},{b:.1f}" for a, b in places)
        parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2.2" stroke-dasharray="{dash}"/>'
        )
        step = max(1, len(places) // 8)
        marked = sorted({*range(0, len(places), step), len(places) - 1})
        parts += [_text(places[i][0], places[i][1] + 4, mark, "middle", colour=colour) for i in marked]
        legend.append(f"{mark} {name}")
    if figure.mark:
        at = x(figure.mark[0])
        parts.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{bottom}" class="limit"/>')
        parts.append(_text(at + 4, TOP + 12, figure.mark[1], "start"))
    return _svg(figure.key, figure.title, figure.caption, parts, legend if len(legend) > 1 else [])


def _apart(figure: Curves) -> list[tuple[str, tuple[tuple[float, float], ...]]]:
    """The lines of a figure; those that lie on one another are one line with all their names."""
    names: dict[tuple[tuple[float, float], ...], list[str]] = {}
    for name, line in figure.lines:
        names.setdefault(line, []).append(name)
    return [(listed(several), line) for line, several in names.items()]


def _regions(figure: Regions) -> str:
    points = [p for _, area in figure.areas for p in area]
    bottom = HEIGHT - BOTTOM
    x = _Scale(figure.x, [p[0] for p in points], LEFT, WIDTH - 14)
    y = _Scale(figure.y, [p[1] for p in points], bottom, TOP + 10)
    y.low, y.high = min(p[1] for p in points), max(p[1] for p in points)
    y.marks = [m for m in y.marks if y.low <= m <= y.high]
    names = list(dict.fromkeys(name for name, _ in figure.areas))
    parts = []
    for name, area in figure.areas:
        n = names.index(name)
        drawn = [(x(a), y(b)) for a, b in area]
        path = "L".join(f"{a:.1f},{b:.1f}" for a, b in drawn)
        parts.append(f'<path d="M{path}Z" fill="var(--c{n % 7 + 1})" fill-opacity="0.45" class="edge"/>')
        axes = tuple(zip(*drawn, strict=True))
        if min(max(axis) - min(axis) for axis in axes) >= LETTER:  # smaller areas have their colour alone
            across, down = (sum(axis) / len(drawn) for axis in axes)
            parts.append(_text(across, down + 5, _letter(n), "middle", "strong"))
    parts += _frame(x, y, figure.x, figure.y, bottom)
    if figure.mark and x.low <= figure.mark[0] <= x.high and y.low <= figure.mark[1] <= y.high:
        parts.append(_text(x(figure.mark[0]), y(figure.mark[1]) + 5, "✕ now", "start", "strong"))
    legend = [f"{_letter(n)}: {name}" for n, name in enumerate(names)]
    return _svg(figure.key, figure.title, figure.caption, parts, legend, areas=True)


#: Width and height that an area needs for its letter.
LETTER = 14.0


def _letter(n: int) -> str:
    return chr(ord("A") + n % 26) + (str(n // 26) if n >= 26 else "")


def _svg(key: str, title: str, caption: str, parts: list[str], legend: list[str], areas: bool = False) -> str:
    for n, line in enumerate(legend):
        short, y = line if len(line) <= 76 else line[:75] + "…", HEIGHT + 18 + 19 * n
        if areas:
            parts.append(
                f'<rect x="8" y="{y - 12}" width="20" height="14" fill="var(--c{n % 7 + 1})" '
                f'fill-opacity="0.45" class="edge"/>'
            )
            parts.append(_text(34, y, short, "start", "label"))
            continue
        parts.append(_text(8, y, short[0], "start", "label", f"var(--c{n % 6 + 1})"))
        parts.append(_text(26, y, short[2:], "start", "label"))
    height = HEIGHT + (8 + 19 * len(legend) if legend else 0)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{key}-t {key}-d" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{key}-t">{html(title)}</title>'
        f'<desc id="{key}-d">{html(caption)} {html("; ".join(legend))}</desc>{"".join(parts)}</svg>'
    )


__all__ = ["Bars", "draw", "text_of"]
