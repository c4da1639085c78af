"""Safe load of whole replicas against replay: ``python -m solver.simulate.pool_grid``.

Made-up replicas of one node (12 ms fixed step time, 0.2 ms per sequence, 40 us per prompt token, TPOT 40 ms)
serve prompts of 400, 2,000 and 6,000 tokens with 16 or 128 slots. The promise is a first token within 1 s for
95 % of the requests.
"""

from __future__ import annotations

import numpy as np

from solver.operating_points.point import StepLaw
from solver.performance.pools import Floats, Replicas, safe_shares
from solver.simulate.arrivals import gaps
from solver.simulate.engine import replay
from solver.simulate.types import PoolSpec, ReplayResult, ServiceSpec, Traffic

TPOT_S, LIMIT_S, MISS = 0.040, 1.0, 0.05
LAW = StepLaw(0.012, 0.0002, 0.0, 0.00004, 0.0, 0.0, 0.0, False)
PROMPTS, OUTPUTS = np.array([400, 2000, 6000]), np.array([300, 150, 80])
SHARES: Floats = np.array([0.5, 0.4, 0.1])
BATCHES, POOLS, ARRIVAL_CV2 = (16, 128), (1, 2, 4, 8, 16), (1.0, 3.0, 8.0)
_PLENTY = 1e15


def ceiling_s(batch: int) -> float:
    """Step ceiling: the promise, or what a full batch with its share of prefill takes if that is less."""
    per_token = LAW.sequence_s + float(PROMPTS @ SHARES) * LAW.prefill_s / float(OUTPUTS @ SHARES)
    return min(TPOT_S, LAW.fixed_s + batch * per_token)


def kind(batch: int) -> Replicas:
    """The replica with ``batch`` slots as its queues see it, by the formulas of the operating points."""
    work, decode = PROMPTS * LAW.prefill_s, OUTPUTS * LAW.sequence_s
    tau = ceiling_s(batch)
    factor = 1 - LAW.fixed_s / tau
    time = float((work + decode) @ SHARES) / factor
    full = 1 / max(time, float(OUTPUTS @ SHARES) * tau / batch)
    hold = OUTPUTS * tau + work / (factor - full * float(decode @ SHARES))
    full = 1 / max(time, float(hold @ SHARES) / batch)
    row = {
        "slots": float(batch),
        "hold_s": float(hold @ SHARES),
        "cv2_hold": _variation(hold),
        "full_rps": full,
        "prefill_s": float(work @ SHARES),
        "cv2_prefill": _variation(work),
        "decode_s": float(decode @ SHARES),
        "time_factor": factor,
    }
    return Replicas(**{name: np.array([value]) for name, value in row.items()}, longest_s=work[None, :])


def _variation(values: Floats) -> float:
    mean = float(values @ SHARES)
    return float((values - mean) ** 2 @ SHARES) / mean**2


def safe_load(batch: int, replicas: int, cv2: float) -> float:
    """The formula's safe share of full capacity."""
    limit = np.full((1, len(SHARES)), LIMIT_S - ceiling_s(batch))
    return float(safe_shares(kind(batch), np.array([float(replicas)]), limit, SHARES, MISS, cv2)[0, 0])


def replay_at(load: float, batch: int, replicas: int, cv2: float, seed: int, requests: int) -> ReplayResult:
    """A replay of the pool at a share ``load`` of its full capacity; a tenth of the requests warm it up."""
    rng = np.random.default_rng([seed, batch, replicas, int(10 * cv2)])
    rate = load * float(kind(batch).full_rps[0]) * replicas
    arrival = np.cumsum(gaps(rng, requests, cv2)) / rate
    cell = rng.choice(len(SHARES), size=requests, p=SHARES)
    zeros = np.zeros(requests, dtype=np.int64)
    return replay(
        [PoolSpec("pool", replicas, batch, ceiling_s(batch), LAW, _PLENTY)],
        [ServiceSpec("service", LIMIT_S, 1 - MISS, TPOT_S)],
        Traffic(arrival, PROMPTS[cell], OUTPUTS[cell], zeros, zeros),
        warm_up_s=float(arrival[requests // 10]),
    )


def largest_load(batch: int, replicas: int, cv2: float, seed: int = 1, requests: int = 20_000) -> float:
    """The largest share of full capacity at which the replay keeps its promises, by bisection."""
    low, high = 0.02, 1.2
    for _ in range(7):
        load = (low + high) / 2
        holds = replay_at(load, batch, replicas, cv2, seed, requests).holds
        low, high = (load, high) if holds else (low, load)
    return low


def main() -> None:
    """Print the table of docs/explanation/queueing.md."""
    print("| slots | replicas | " + " | ".join(f"cv2 {cv2:g}" for cv2 in ARRIVAL_CV2) + " |")
    print("|---:" * (len(ARRIVAL_CV2) + 2) + "|")
    for batch in BATCHES:
        for replicas in POOLS:
            words = []
            for cv2 in ARRIVAL_CV2:
                safe = safe_load(batch, replicas, cv2)
                words.append(f"{safe:.2f} / {largest_load(batch, replicas, cv2):.2f}")
            print(f"| {batch} | {replicas} | {' | '.join(words)} |", flush=True)


if __name__ == "__main__":
    main()
