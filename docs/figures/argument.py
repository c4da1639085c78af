"""Draws docs/figures/argument.svg: what a million tokens costs at a promised speed, DGX B200 against CS-3.

    python docs/figures/argument.py

Each point is a plan of the shipped workload 02-argument-loose with one system allowed, at a volume of
3 million tokens a second, where whole systems hardly matter. Lines: the physics of the program, without
speculative decoding. Dots: published operating points.
"""

from __future__ import annotations

import math
from pathlib import Path

from solver.engine.solve import Request, solve
from solver.errors import InfeasibleError
from solver.inputs.workload import apply_overrides, load_workload
from solver.paths import find_workload

SPEEDS = (20, 30, 50, 70, 100, 120, 150, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1250, 1500, 2000, 2500)
PUBLISHED = {"dgx-b200": (50, 1038), "cerebras-cs3": (2500,)}
COLOURS = {"dgx-b200": "#4477aa", "cerebras-cs3": "#cc6677"}
LABELS = {"dgx-b200": "DGX B200", "cerebras-cs3": "CS-3"}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 70, 30, 50, 60
NOTE = "lines: physics without speculation, up to the fastest promise kept; dots: published figures"
X_RANGE, Y_RANGE = (20, 3000), (0.03, 30)


def usd_per_million(system: str, speed: float, profiles: str) -> float | None:
    """Dollars per million output tokens of the cheapest fleet of one system; None if there is none."""
    changes = [
        f"hardware.include=[{system}]",
        f"hardware.profiles={profiles}",
        f"hardware.overrides.{system}.supply_per_year=1e6",
        f"services.0.levels.tokens_per_s_per_user={speed}",
        "services.0.demand.output_tokens_per_s=3000000",
    ]
    loaded = apply_overrides(load_workload(find_workload("02-argument-loose")), changes)
    try:
        return solve(loaded, request=Request(compare=False)).usd_per_m_output_tokens
    except InfeasibleError:
        return None


def x(speed: float) -> float:
    low, high = map(math.log, X_RANGE)
    return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(speed) - low) / (high - low)


def y(usd: float) -> float:
    low, high = map(math.log, Y_RANGE)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log(usd) - low) / (high - low)


def text(at: tuple[float, float], words: str, anchor: str = "middle", colour: str = "#333") -> str:
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def frame() -> list[str]:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" role="img" aria-label="Cost per million tokens against promised speed per user">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text((LEFT, 20), "Llama 4 Maverick: dollars per million output tokens over three years", "start"),
        text((LEFT, 36), NOTE, "start", "#777"),
        text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12), "promised speed, tokens per second for each user"),
    ]
    for speed in (20, 50, 100, 200, 500, 1000, 2000):
        parts.append(f'<path d="M{x(speed):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>')
        parts.append(text((x(speed), HEIGHT - BOTTOM + 18), f"{speed:,}"))
    for usd in (0.1, 1, 10):
        parts.append(f'<path d="M{LEFT} {y(usd):.1f}H{WIDTH - RIGHT}" stroke="#eee"/>')
        parts.append(text((LEFT - 8, y(usd) + 4), f"${usd:g}", "end"))
    return parts


def curve(system: str) -> list[str]:
    found = [(s, usd) for s in SPEEDS if (usd := usd_per_million(system, s, "none")) is not None]
    colour, shown = COLOURS[system], [(s, usd) for s, usd in found if usd <= Y_RANGE[1]]
    path = " ".join(f"{'L' if n else 'M'}{x(s):.1f} {y(usd):.1f}" for n, (s, usd) in enumerate(shown))
    parts = [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>']
    first = shown[0]
    parts.append(text((x(first[0]) + 6, y(first[1]) - 8), LABELS[system], "start", colour))
    for speed in PUBLISHED[system]:
        usd = usd_per_million(system, speed, "only")
        assert usd is not None
        parts.append(f'<circle cx="{x(speed):.1f}" cy="{y(usd):.1f}" r="5" fill="{colour}"/>')
        parts.append(text((x(speed), y(usd) + 20), f"{LABELS[system]} ${usd:.2f}", "middle", colour))
    return parts


def draw() -> str:
    parts = [*frame(), *curve("dgx-b200"), *curve("cerebras-cs3"), "</svg>"]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw())
