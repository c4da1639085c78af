"""Predicted against measured on logarithmic axes, one panel per kind of metric, as SVG."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SIZE, _EDGE = 340.0, 52.0
_MOST = 4000  # points of a panel: more only darken the picture


def scatter_svg(panels: dict[str, tuple[Floats, Floats]], title: str) -> str:
    """``panels``: heading -> (measured, predicted)."""
    width = len(panels) * (_SIZE + _EDGE) + 20
    height = _SIZE + 2 * _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        'font-family="sans-serif" font-size="11" role="img">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for i, (heading, (measured, predicted)) in enumerate(panels.items()):
        parts.append(f'<g transform="translate({_EDGE + i * (_SIZE + _EDGE):g},{_EDGE:g})">')
        parts += _panel(heading, measured, predicted)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


def _panel(heading: str, measured: Floats, predicted: Floats) -> list[str]:
    both = np.log10(np.concatenate([measured, predicted]))
    low, high = np.floor(both.min()), np.ceil(both.max())
    scale = _SIZE / max(high - low, 1.0)

    def at(value: Floats) -> Floats:
        return np.asarray((np.log10(value) - low) * scale)

    pick = np.linspace(0, len(measured) - 1, min(len(measured), _MOST)).astype(np.int64)
    x, y = at(measured[pick]), _SIZE - at(predicted[pick])
    dots = "".join(f"M{a:.1f} {b:.1f}h2" for a, b in zip(x, y, strict=True))
    half = np.log10(1.5) * scale
    parts = [
        f'<text x="{_SIZE / 2:g}" y="-12" text-anchor="middle" font-size="13">{escape(heading)} '
        f"({len(measured):,} rows)</text>",
        f'<rect width="{_SIZE:g}" height="{_SIZE:g}" fill="none" stroke="#888"/>',
        f'<path d="M0 {_SIZE:g}L{_SIZE:g} 0" stroke="#444" fill="none"/>',
    ]
    for shift in (half, -half):
        line = f"M0 {_SIZE - shift:.1f}L{_SIZE:g} {-shift:.1f}"
        parts.append(f'<path d="{line}" stroke="#999" stroke-dasharray="4 3" fill="none"/>')
    parts.append(f'<path d="{dots}" stroke="#0a5fa5" stroke-opacity="0.45" stroke-width="2" fill="none"/>')
    for exponent in range(int(low), int(high) + 1):
        where = (exponent - low) * scale
        label = f"{10.0**exponent:g}"
        parts.append(f'<text x="{where:.1f}" y="{_SIZE + 14:g}" text-anchor="middle">{label}</text>')
        parts.append(f'<text x="-4" y="{_SIZE - where + 4:.1f}" text-anchor="end">{label}</text>')
    middle = _SIZE / 2
    parts.append(f'<text x="{middle:g}" y="{_SIZE + 30:g}" text-anchor="middle">measured</text>')
    parts.append(
        f'<text transform="translate(-38,{middle:g}) rotate(-90)" text-anchor="middle">predicted</text>'
    )
    return parts
