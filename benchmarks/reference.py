"""The reference instance: 8,760 hours, 5 services of 10 length buckets, 3 sites, 4 yearly purchases.

    python benchmarks/reference.py [--seed 42] [--folder workloads]

writes 42-reference.yaml and reference/*.csv (one curve per service and one histogram each). The same seed
writes the same bytes; tests/test_reference.py compares them with the files that ship. Rates are stated to
two significant digits, as forecasts are: the shape of a day, a week and a year times log-normal noise of
each hour.
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import dataclass
from pathlib import Path

HOURS, BUCKETS = 8760, 10


@dataclass(frozen=True)
class Shape:
    """A service: what it asks for, and how its rate moves. Rates in requests/s, tokens as medians."""

    name: str
    model: str
    ways: str  # acquisitions
    peak_rps: float
    night: float  # share of the day's peak that is left at night
    weekend: float  # factor on Saturday and Sunday
    season: float  # half width of the yearly wave
    noise: float  # standard deviation of the logarithm
    prompt: int
    output: int
    active_b: float  # active parameters, billions
    growth: str


SERVICES = (
    Shape("chat", "llama-3.3-70b", "[buy, api]", 20000, 0.25, 0.8, 0.10, 0.04, 900, 250, 70, "20 %"),
    Shape("code", "llama-3.3-70b", "[buy, api]", 7000, 0.10, 0.3, 0.05, 0.05, 2200, 180, 70, "30 %"),
    Shape("summaries", "llama-3.1-8b", "[buy, rent]", 90000, 0.40, 0.7, 0.05, 0.04, 1800, 120, 8, "10 %"),
    Shape("research", "deepseek-v3", "[buy]", 2500, 0.30, 0.6, 0.10, 0.05, 4000, 900, 37, "25 %"),
    Shape("assistant", "llama-3.1-8b", "[buy]", 60000, 0.15, 0.9, 0.15, 0.04, 500, 150, 8, "15 %"),
)
#: Dense fp8 compute in PFLOP/s and memory bandwidth in TB/s of a system; only for made-up throughputs.
SYSTEMS = {
    "dgx-h200": (15.8, 38.4),
    "dgx-b200": (36.0, 64.0),
    "mi325x-8": (20.9, 48.0),
    "mi355x-8": (40.0, 64.0),
    "gaudi3-8": (14.7, 29.6),
    "rtxpro6000-8": (16.0, 14.3),
}

HEAD = """\
# Lesson 42: the reference instance, for measuring speed (docs/benchmarks.md). Made by
#
#   python benchmarks/reference.py --seed {seed}
#
# 8,760 hours, five services of ten length buckets, 30 operating points, three sites, four yearly purchases.
# Written out hour by hour that is more than 30 million columns. Two services may buy tokens and one may
# rent by the hour, so that every hour has its price. The throughputs are made up (compute and bandwidth
# with noise); prices are those of the catalog. Ask for a gap of 0.1 %:
#
#   solver solve 42-reference --gap 0.001 --no-compare
name: reference
services:
"""
SITES = [
    "{name: north, power: 10 MW, pue: 1.15, energy: 55 $/MWh}",
    "{name: coast, power: 15 MW, pue: 1.25, energy: 75 $/MWh}",
    "{name: city, pue: 1.4, energy: 0.12 $/kWh, space: 15 $/U/month}",
]
TAIL = """\
money: {discount_rate: 8 %}
hardware:
  include: [dgx-h200, dgx-b200, mi325x-8, mi355x-8, gaudi3-8, rtxpro6000-8]
  profiles: only
profiles:
"""


@dataclass(frozen=True)
class Size:
    """How much of the instance is written: distinct hours, services, sites, points per service, years."""

    hours: int = HOURS
    services: int = 5
    sites: int = 3
    points: int = 6
    epochs: int = 4


def two_digits(value: float) -> float:
    """The value to two significant digits."""
    return float(f"{value:.2g}")


def curve(shape: Shape, rng: random.Random) -> list[float]:
    """Requests/s of each hour of a year that begins on a Monday."""
    found = []
    for hour in range(HOURS):
        day, clock = hour // 24, hour % 24
        sun = 0.5 - 0.5 * math.cos(2 * math.pi * (clock - 3) / 24)
        level = shape.night + (1 - shape.night) * sun**1.5
        level *= shape.weekend if day % 7 >= 5 else 1.0
        level *= 1 + shape.season * math.cos(2 * math.pi * (day - 20) / 365)
        found.append(two_digits(shape.peak_rps * level * rng.lognormvariate(0, shape.noise)))
    return found


def histogram(shape: Shape, rng: random.Random) -> list[tuple[int, int, float]]:
    """Ten buckets of prompt, output and share: log-normal lengths, longer prompts with longer outputs."""
    rows = []
    for bucket in range(BUCKETS):
        z = -1.6 + 3.2 * bucket / (BUCKETS - 1)
        prompt = round(shape.prompt * math.exp(0.8 * z))
        output = round(shape.output * math.exp(0.4 * z + rng.gauss(0, 0.1)))
        rows.append((prompt, output, math.exp(-z * z / 2)))
    total = sum(share for *_, share in rows)
    shares = [round(share / total, 4) for *_, share in rows]
    shares[BUCKETS // 2] = round(shares[BUCKETS // 2] + 1 - sum(shares), 4)
    return [(p, o, s) for (p, o, _), s in zip(rows, shares, strict=True)]


def throughputs(
    shape: Shape, system: str, cells: list[tuple[int, int, float]], rng: random.Random
) -> list[float]:
    """Requests/s of one system for each bucket: prefill by compute, decode by bandwidth, 10 % noise.

    The smallest memory does not hold the longest bucket beside a large model.
    """
    petaflops, bandwidth = SYSTEMS[system]
    found = []
    for prompt, output, _ in cells:
        prefill = 2e9 * shape.active_b * prompt / (0.5 * petaflops * 1e15)
        token = 2e9 * shape.active_b / (0.3 * petaflops * 1e15) + 1e5 * prompt / (bandwidth * 1e12)
        small = system == "rtxpro6000-8" and shape.active_b > 8 and prompt == cells[-1][0]
        rate = rng.uniform(0.9, 1.1) / (prefill + output * token)
        found.append(0.0 if small else float(f"{rate:.4g}"))
    return found


def sites_text(count: int) -> str:
    """Sites that differ in power, energy and space: the last of three, then more like the city."""
    more = [SITES[-1].replace("city", f"city-{n}") for n in range(count - len(SITES))]
    return "sites:\n" + "".join(f"  - {line}\n" for line in [*SITES[-min(count, len(SITES)) :], *more])


def write(folder: Path, seed: int, size: Size = Size()) -> Path:
    """The workload file and its curves in ``folder``; a smaller or larger instance by its ``size``.

    A curve has 24, 168 or 8,760 values; with other numbers of distinct hours they repeat through the year.
    """
    curves = folder / "reference"
    curves.mkdir(parents=True, exist_ok=True)
    text, profiles = HEAD.format(seed=seed), ""
    for number in range(size.services):
        shape = SERVICES[number % len(SERVICES)]
        name = shape.name + (f"-{number // len(SERVICES) + 1}" if number >= len(SERVICES) else "")
        rng = random.Random(f"{seed} {name}")  # noqa: S311
        rates = curve(shape, rng)[: size.hours]
        if size.hours not in (24, 168):
            rates = [rates[hour % size.hours] for hour in range(HOURS)]
        rows = "".join(f"{hour},{rate:g}\n" for hour, rate in enumerate(rates))
        (curves / f"{name}.csv").write_text(f"hour,rps\n{rows}", newline="\n")
        cells = histogram(shape, rng)
        lengths = ", ".join(f"[{p}, {o}, {s:g}]" for p, o, s in cells)
        text += (
            f"  - name: {name}\n    model: {shape.model}\n    acquisitions: {shape.ways}\n"
            f"    demand: {{curve: reference/{name}.csv, growth: {shape.growth}}}\n"
            f"    lengths: [{lengths}]\n"
        )
        for point in range(size.points):
            system = list(SYSTEMS)[point % len(SYSTEMS)]
            each = ", ".join(f"{v:g}" for v in throughputs(shape, system, cells, rng))
            again = f"-{point // len(SYSTEMS) + 1}" if point >= len(SYSTEMS) else ""
            profiles += (
                f"  - {{id: {name}-{system}{again}, system: {system}, service: {name},\n"
                f"     requests_per_s: [{each}]}}\n"
            )
    text += f"horizon: {{years: {size.epochs}, epoch_years: 1}}\n{sites_text(size.sites)}"
    file = folder / "42-reference.yaml"
    file.write_text(text + TAIL + profiles, newline="\n")
    return file


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "workloads")
    given = parser.parse_args()
    write(given.folder, given.seed)
