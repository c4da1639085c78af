"""Error of the queueing formula against simulation: ``python -m solver.simulate.grid FILE``.

For each cell (servers, burstiness of arrivals and of holds, load) the formula gives the wait that 5 %
of the requests exceed; the simulation of a GI/G/c queue with Gamma or hyperexponential gaps and Gamma
holds tells what share really exceeds it. In a pool whose replicas stand behind one queue only the
product of replicas and slots matters, so 1 x 512, 8 x 64 and 64 x 8 are one cell.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solver.performance.queueing import Floats, safe_loads, wait_probability
from solver.simulate.arrivals import gaps

SERVERS = (1, 4, 16, 64, 512, 4096, 32768)
ARRIVAL_CV2 = (0.5, 1.0, 2.0, 4.0, 8.0)
HOLD_CV2 = (0.25, 1.0, 2.0)
LOADS = (0.5, 0.7, 0.9, 0.95, 0.99)
MISS = 0.05
RATIO_SERVERS = (4, 16, 64, 512, 4096)
WAITS = (0.003, 0.03, 0.3)  # permitted wait in mean holds
_BATCHES = 20
_MOST_REQUESTS = 2_000_000
_SIGMAS = 3  # standard errors beyond which a difference is no chance


@dataclass(frozen=True)
class Cell:
    """One comparison; ``wait`` in mean holds, ``missed`` the simulated share with standard error."""

    servers: int
    family: str
    cv2_arrival: float
    cv2_hold: float
    load: float
    wait: float
    promised: float
    missed: float
    error: float

    @property
    def violated(self) -> bool:
        """The simulation misses more than promised, by more than three standard errors."""
        return self.missed - _SIGMAS * self.error > self.promised


def simulate_waits(
    rng: np.random.Generator,
    servers: int,
    load: float,
    cv2_arrival: float,
    cv2_hold: float,
    count: int,
    family: str,
) -> Floats:
    """Waits in mean holds of ``count`` requests of a GI/G/c queue, in order, after a warm-up of a fifth."""
    total = count + count // 4
    arrivals = np.cumsum(gaps(rng, total, cv2_arrival, family)) / (servers * load)
    holds = gaps(rng, total, cv2_hold)
    occupied = int(servers * load)
    shape = 1 / max(cv2_hold, 1e-9)  # residual holds in equilibrium: a uniform share of a length-biased Gamma
    residual = rng.random(occupied) * rng.gamma(shape + 1, 1 / shape, occupied)
    free = [0.0] * (servers - occupied) + residual.tolist()
    heapq.heapify(free)
    waits, replace = [], heapq.heapreplace
    for at, hold in zip(arrivals.tolist(), holds.tolist(), strict=True):
        begin = free[0] if free[0] > at else at
        waits.append(begin - at)
        replace(free, begin + hold)
    return np.array(waits[count // 4 :])


def wait_exceeded_by(servers: int, load: float, cv2_arrival: float, cv2_hold: float, miss: float) -> float:
    """The formula's wait (in mean holds) that a share ``miss`` of the requests exceeds; 0 if fewer wait."""
    at, used = np.array([float(servers)]), np.array([load])
    delayed = float(wait_probability(at, used, 1.0, 0.0, cv2_arrival, cv2_hold)[0])
    fall = float(wait_probability(at, used, 1.0, 1.0, cv2_arrival, cv2_hold)[0])
    if delayed <= miss:
        return 0.0
    return float(np.log(delayed / miss) / (np.log(delayed) - np.log(fall))) if fall > 0 else 0.0


def compare(rng: np.random.Generator, servers: int, ca: float, cs: float, load: float, family: str) -> Cell:
    """Formula and simulation of one cell; the length of the run grows with its relaxation time."""
    wait = wait_exceeded_by(servers, load, ca, cs, MISS)
    at, used = np.array([float(servers)]), np.array([load])
    promised = float(wait_probability(at, used, 1.0, wait, ca, cs)[0])
    relaxation = (max(ca, 1) + cs) / (1 - load) ** 2
    count = int(min(_MOST_REQUESTS, max(100_000, 600 * relaxation, 30 * servers)))
    late = simulate_waits(rng, servers, load, ca, cs, count, family) > wait + 1e-12
    means = late[: len(late) // _BATCHES * _BATCHES].reshape(_BATCHES, -1).mean(axis=1)
    error = float(means.std(ddof=1) / np.sqrt(_BATCHES))
    return Cell(servers, family, ca, cs, load, wait, promised, float(late.mean()), error)


def cells(seed: int = 2) -> Iterator[Cell]:
    """All cells of the grid, each with its own random stream."""
    for index, servers in enumerate(SERVERS):
        for ca in ARRIVAL_CV2:
            for family in ("gamma", "hyperexponential") if ca > 1 else ("gamma",):
                for cs in HOLD_CV2:
                    for load in LOADS:
                        key = [seed, index, int(ca * 2), int(cs * 4), int(load * 100), len(family)]
                        yield compare(np.random.default_rng(key), servers, ca, cs, load, family)


def safe_load_ratio(rng: np.random.Generator, servers: int, ca: float, cs: float, wait: float) -> float:
    """Formula's safe load over the largest load at which the simulation keeps the same promise."""
    safe = float(safe_loads(np.ones(1, dtype=np.int64), servers, 1.0, wait, MISS, ca, cs)[0])
    seed = int(rng.integers(1 << 31))
    low, high = safe / 2, min(1.0, safe * 2)
    for _ in range(9):  # the same random numbers at every load
        load = (low + high) / 2
        waits = simulate_waits(
            np.random.default_rng(seed), servers, load, ca, cs, max(150_000, 20 * servers), "gamma"
        )
        low, high = (load, high) if float((waits > wait).mean()) <= MISS else (low, load)
    return safe / low


def _mean(found: list[Cell]) -> str:
    """Mean simulated share beyond the wait that 5 % should exceed, with its standard error."""
    if not found:
        return "-"
    error = float(np.sqrt(sum(c.error**2 for c in found))) / len(found)
    return f"{sum(c.missed for c in found) / len(found):.1%} ± {error:.1%}"


def report(found: list[Cell]) -> str:
    """The table of the error in docs/explanation/queueing.md."""
    lines = ["| servers | " + " | ".join(f"cv2 {ca:g}" for ca in ARRIVAL_CV2) + " | cells | beyond chance |"]
    lines.append("|---:" * (len(ARRIVAL_CV2) + 3) + "|")
    for servers in SERVERS:
        here = [c for c in found if c.servers == servers]
        words = [_mean([c for c in here if c.cv2_arrival == ca and c.wait > 0]) for ca in ARRIVAL_CV2]
        lines.append(f"| {servers} | {' | '.join(words)} | {len(here)} | {sum(c.violated for c in here)} |")
    return "\n".join(lines)


def ratio_report(ratios: dict[tuple[int, float, float], float]) -> str:
    """The table of its price, the formula's safe load over the largest one."""
    lines = ["| servers | wait / hold | " + " | ".join(f"cv2 {ca:g}" for ca in ARRIVAL_CV2) + " |"]
    lines.append("|---:" * (len(ARRIVAL_CV2) + 2) + "|")
    for servers in RATIO_SERVERS:
        for wait in WAITS:
            row = " | ".join(f"{ratios[servers, ca, wait]:.2f}" for ca in ARRIVAL_CV2)
            lines.append(f"| {servers} | {wait:g} | {row} |")
    return "\n".join(lines)


def cells_csv(found: Iterable[Cell]) -> Iterator[str]:
    """One line for each cell, under a line of names."""
    yield "servers,family,cv2_arrival,cv2_hold,load,wait_in_holds,promised,missed,standard_error"
    for c in found:
        yield (
            f"{c.servers},{c.family},{c.cv2_arrival:g},{c.cv2_hold:g},{c.load:g},{c.wait:.5g},"
            f"{c.promised:.4f},{c.missed:.4f},{c.error:.4f}"
        )


def read_cells(text: str) -> list[Cell]:
    """The cells of :func:`cells_csv`."""
    rows = [line.split(",") for line in text.splitlines()[1:]]
    return [Cell(int(servers), family, *map(float, rest)) for servers, family, *rest in rows]


def main() -> None:
    """Write every cell to the file that is named while it is made; print the tables."""
    with Path(sys.argv[1]).open("w", encoding="utf-8") as file:
        for line in cells_csv(cells()):
            file.write(line + "\n")
            file.flush()
    print(report(read_cells(Path(sys.argv[1]).read_text(encoding="utf-8"))) + "\n")
    print(
        ratio_report(
            {
                (servers, ca, wait): safe_load_ratio(
                    np.random.default_rng([2, servers]), servers, ca, 1.0, wait
                )
                for servers in RATIO_SERVERS
                for ca in ARRIVAL_CV2
                for wait in WAITS
            }
        )
    )


if __name__ == "__main__":
    main()
