"""Parts of figures as SVG: texts, axes, legends, patterns and the frame around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from solver.reports.escape import html, plain

WIDTH = 460
ROW = 44  # height of a labelled bar
FONT = 13.5
CHARACTER = 7.3  # mean width of a character at FONT
_WIDE, _NARROW = 9.3, 5.0  # capitals, digits and signs; space, brackets and slim letters, in a wide font
_SERIES = 6
NEUTRAL = -1  # the series of a bar that stands for no hardware


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
    most = max(4, int(room / CHARACTER))
    text = plain(text)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def width_of(text: str) -> float:
    """About the width of ``text`` at FONT, rather too much than too little."""
    slim = sum(character in " ()[].,:;'|/-fijlrtI" for character in text)
    wide = sum(character.isupper() or character.isdigit() or character in "%×≤≥" for character in text)
    return slim * _NARROW + wide * _WIDE + (len(text) - slim - wide) * (CHARACTER + 0.7)


def pattern_of(series: int) -> int:
    """The pattern of a series: they repeat after six; neutral is the seventh."""
    return _SERIES if series == NEUTRAL else series % _SERIES


def axis_of(
    marks: Sequence[float], scale: float, top: float, bottom: float, words: Callable[[float], str]
) -> str:
    """Ticks and grid of a horizontal axis."""
    parts = []
    for n, value in enumerate(marks):
        x = 8 + value * scale
        anchor = "start" if n == 0 else "end" if n == len(marks) - 1 else "middle"
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" class="grid"/>')
        parts.append(ruler(text_at(x, bottom + 18, words(value), anchor=anchor, small=True)))
    return "".join(parts)


def ruler(text: str) -> str:
    """A number of an axis, which measures and tells nothing of the plan."""
    return f'<g class="ruler">{text}</g>'


def linked(link: str, name: str, shown: str) -> str:
    """What is shown, as a link with a name where there is somewhere to go."""
    return f'<a href="{html(link)}" aria-label="{html(name)}">{shown}</a>' if link else shown


def legend_of(key: str, names: Sequence[tuple[str, int]], line: str = "") -> tuple[str, float]:
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
                f'fill="url(#{key}-p{pattern_of(style)})" class="edge"/>'
            )
        parts.append(text_at(x + 26, y, text))
        x += wide
    return "".join(parts), y + 12


def text_at(
    x: float, y: float, text: str, anchor: str = "start", small: bool = False, strong: bool = False
) -> str:
    """A text at a place."""
    kind = "small" if small else "strong" if strong else "label"
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{html(text)}</text>'


def badge(x: float, y: float, text: str) -> str:
    """A text on a plate, readable over any pattern."""
    wide = len(text) * 7.4 + 8
    return (
        f'<rect x="{x - wide / 2:.1f}" y="{y - 12:.1f}" width="{wide:.1f}" height="15" rx="3" class="badge"/>'
        + text_at(x, y, text, anchor="middle", small=True)
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


def frame(
    key: str, title: str, description: str, height: float, used: set[int], parts: Sequence[str], link: str
) -> str:
    """The figure around its parts; with a link inside it is a group, else an image."""
    role = "group" if link else "img"  # what is inside an image cannot be reached
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="{role}" aria-labelledby="{key}-t {key}-d" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{key}-t">{html(title)}</title>'
        f'<desc id="{key}-d">{html(description)}</desc><defs>{_patterns(key, used)}</defs>'
        f"{''.join(parts)}</svg>"
    )
