"""What a replay takes and gives: pools, traffic, and the result."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from solver.operating_points.point import StepLaw

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PoolSpec:
    """Replicas of one operating point behind one first-come-first-served queue.

    A waiting request takes a slot when its prefill can begin: at the replica with the fewest prompt
    tokens still to prefill (then the fewest sequences) among those with a free slot, enough KV memory
    and room in the next step. ``step`` must hold at the
    batch cap; a step lasts max(latency floor, law), and prefill is chunked so that it stays within
    ``tau_s``. A sequence with c tokens holds kv_fixed + kv_per_token * c bytes; the fixed part stands for
    layers whose window is full.
    """

    name: str
    replicas: int
    batch: int  # admission cap, sequences per replica
    tau_s: float  # step time never to be exceeded
    step: StepLaw
    kv_capacity_bytes: float  # per replica
    kv_per_token_bytes: float = 0.0
    kv_fixed_bytes: float = 0.0  # per sequence
    kv_written_per_token_bytes: float | None = None  # None: kv_per_token_bytes
    power_kw: float = 0.0  # per replica, while it is switched on
    tokens_per_step: float = 1.0  # accepted tokens per step with speculative decoding

    def __post_init__(self) -> None:
        if self.replicas < 1 or self.batch < 1 or self.tokens_per_step < 1:
            raise ValueError(f"pool {self.name!r} needs at least 1 replica, 1 slot and 1 token per step")


@dataclass(frozen=True)
class ServiceSpec:
    """A stream of requests and its promises (None: no promise); percentiles as shares, 0.95."""

    name: str
    ttft_s: float | None = None
    ttft_percentile: float = 0.95
    tpot_s: float | None = None
    tpot_percentile: float = 0.95
    end_to_end_s: float | None = None
    end_to_end_percentile: float = 0.95
    deadline_s: float | None = None  # work that can wait: every request done within so long
    rate_rps: float | None = None  # what the plan promises to serve; None: as many as arrive

    @property
    def only_pace(self) -> bool:
        """Nothing is promised about waiting: then the service must keep up with its traffic."""
        return self.ttft_s is None and self.end_to_end_s is None and self.deadline_s is None


@dataclass(frozen=True)
class Traffic:
    """Requests in order of arrival; ``service`` and ``pool`` are indices, pool -1 is served elsewhere.

    ``then``: the pool that decodes a request which ``pool`` only prefills (-1: the same one does both), and
    ``handover_s`` the seconds that its KV takes to get there. None: every request stays in its pool.
    """

    arrival_s: Floats
    prompt: Ints
    output: Ints
    service: Ints
    pool: Ints
    then: Ints | None = None
    handover_s: Floats | None = None
    further_s: Floats | None = None  # round trip of each request's region beyond the site's own (None: 0)
    steps: Ints | None = None  # that each request takes whatever its tokens (0, None: as its tokens say)

    def __post_init__(self) -> None:
        n = len(self.arrival_s)
        lengths = {len(a) for a in (self.prompt, self.output, self.service, self.pool)}
        lengths |= {len(a) for a in (self.then, self.handover_s, self.steps) if a is not None}
        if lengths != {n} or (self.then is None) != (self.handover_s is None):
            raise ValueError("the arrays of the traffic differ in length")
        if n and (np.diff(self.arrival_s).min(initial=0.0) < 0 or self.output.min() < 1):
            raise ValueError(
                "arrivals must be in order and every request must have at least one output token"
            )

    def __len__(self) -> int:
        return len(self.arrival_s)


@dataclass(frozen=True)
class Failure:
    """A replica is down from ``start_s`` for ``repair_s``; its sequences start again from the queue."""

    pool: int
    replica: int
    start_s: float
    repair_s: float


@dataclass(frozen=True)
class Promise:
    """A latency promise against what the replay measured."""

    name: str  # ttft, tpot, end_to_end, deadline, pace
    percentile: float
    promised_s: float
    reached_s: float
    kept_share: float  # of requests within the promised latency

    @property
    def holds(self) -> bool:
        """At least the promised share of requests was within the promised latency."""
        return self.kept_share >= self.percentile


@dataclass(frozen=True)
class ServiceResult:
    """Latencies of one service in seconds; each tuple holds the percentiles 50, 90, 95 and 99."""

    name: str
    requests: int
    unserved: int
    ttft_s: tuple[float, ...]
    tpot_s: tuple[float, ...]
    end_to_end_s: tuple[float, ...]
    goodput_rps: float  # requests per second that met every promise
    promises: tuple[Promise, ...]

    @property
    def holds(self) -> bool:
        """Every promise holds and nothing was left unserved."""
        return self.unserved == 0 and all(p.holds for p in self.promises)


@dataclass(frozen=True)
class PoolResult:
    """What the replicas of one pool did over the replay; shares are means over replicas and time."""

    name: str
    requests: int
    busy_share: float  # of replica time with at least one sequence
    batch_share: float  # mean sequences / batch cap
    peak_batch: int
    kv_share: float
    kv_peak_share: float
    kv_written_bytes: float
    preemptions: int
    energy_kwh: float
    longest_step_s: float


@dataclass(frozen=True)
class ReplayResult:
    """The replay as a value; equal inputs and seed give equal bytes of :meth:`to_json`."""

    duration_s: float
    services: tuple[ServiceResult, ...]
    pools: tuple[PoolResult, ...]
    ttft_s: Floats = field(compare=False, repr=False)  # per request; nan where not served here
    tpot_s: Floats = field(compare=False, repr=False)
    end_to_end_s: Floats = field(compare=False, repr=False)
    service: Ints = field(compare=False, repr=False)  # of each request

    @property
    def holds(self) -> bool:
        """Every promise of every service holds."""
        return all(s.holds for s in self.services)

    def to_json(self) -> str:
        """Summary as JSON text."""
        body = {
            "duration_s": self.duration_s,
            "holds": self.holds,
            "services": [asdict(s) | {"holds": s.holds} for s in self.services],
            "pools": [asdict(p) for p in self.pools],
        }
        return json.dumps(body, indent=1)
