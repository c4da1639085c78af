"""The operating point: all that the integer program, the verifier and the replay know about a replica."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from solver.performance.queueing import Line


@dataclass(frozen=True)
class StepLaw:
    """Step time of a replica in seconds: fixed + b (sequence + c context) + q prefill + q^2-type term."""

    fixed_s: float
    sequence_s: float
    context_s: float
    prefill_s: float
    prefill_quadratic_s: float
    latency_floor_s: float
    ttft_overhead_s: float
    pipelined: bool


@dataclass(frozen=True)
class Wear:
    """How non-volatile memory of one replica wears out."""

    weight_life_years: float  # from model updates (and refresh, where it does not follow the traffic)
    kv_bytes_budget: float  # bytes of KV that may be written over the life (0: KV does not wear)
    technology: str = ""
    reads_budget: float = 0.0  # reads of a weight cell until refreshes wore it out (0: reads do not wear)
    reads: tuple[float, ...] = ()  # of each weight cell per request of a bucket, where reads wear
    models_per_year: float = 0.0  # mask ROM: new models a year, each on new systems

    @property
    def follows_traffic(self) -> bool:
        """Whether what is served wears the memory."""
        return self.kv_bytes_budget > 0 or self.reads_budget > 0


@dataclass(frozen=True)
class QueueFacts:
    """What the queues of a pool see of one replica (solver.performance.pools); seconds, per length bucket."""

    slots: float  # admission cap: batch, or what the KV memory holds if that is less
    time_factor: float  # share of a step left for work that grows with the load
    base_s: float  # time to first token besides prefill and waiting: overhead and one step
    hold_s: tuple[float, ...]  # time in a slot
    prefill_s: tuple[float, ...]  # prefill work of the mean prompt
    longest_s: tuple[float, ...]  # prefill work of the longest prompt
    decode_s: tuple[float, ...]  # decode work


@dataclass(frozen=True)
class OperatingPoint:
    """A replica of one service's model on one system in one configuration, run so that TPOT <= tpot_s.

    ``use[r][b]`` is the share of one replica's resource ``resources[r]`` taken by one request per second
    of length bucket ``b`` (unit: replicas per request/s). ``lines`` under-estimate the safe load of a pool
    of R replicas: the load at which the service's own mix keeps its promises. ``ttft_s[b]`` and
    ``end_to_end_s[b]`` are times at that load without waiting, for the longest request of the bucket;
    ``late[promise][b]`` tells whether they break the promise, the sites' round trip included.
    ``sites`` names the sites it was made for (their round trips count against the promises), ``regions``
    those whose requests it serves there.

    ``phase`` tells which part of a request the replica does: both, or on separate pools the prefill (ending
    with the first token) or the decode. A request served apart is routed to a prefill point and to a decode
    point of the same site and KV precision, with equal shares per bucket and period; ``transfer_s[b]`` is
    the time that the longest prompt's KV takes over this replica's own links. Where an end is promised too,
    both points of a request have the same ``first_token_s``: the part of that promise up to the first token.
    """

    id: str
    service: str
    model: str
    system: str
    systems_per_replica: Fraction
    layout: str
    weight_precision: str
    kv_precision: str
    placement: str
    batch: int
    tpot_s: float
    wait_s: float  # wait that the longest promise leaves (0: none depends on waiting)
    resources: tuple[str, ...]
    use: tuple[tuple[float, ...], ...]
    ttft_s: tuple[float, ...]
    end_to_end_s: tuple[float, ...]
    late: dict[str, tuple[bool, ...]]
    serves: tuple[bool, ...]
    lines: tuple[Line, ...]
    kv_bytes: tuple[float, ...]  # KV bytes written per request
    kv_capacity_bytes: float
    step: StepLaw | None
    wear: Wear | None
    evidence: str
    spread: float  # 80 % half-width as a factor on throughput
    profile: str = ""  # id of the measured profile, if it is one
    sites: tuple[str, ...] = ()  # empty: all
    regions: tuple[str, ...] = ()  # whose requests it serves; empty: all
    queue: QueueFacts | None = None
    phase: str = "both"  # both | prefill | decode
    transfer_s: tuple[float, ...] = ()  # per bucket; empty where both phases share a replica
    first_token_s: float = 0.0  # of separate pools with a promise from end to end

    @property
    def tokens_per_s_per_user(self) -> float:
        """Output speed that a user sees, tokens per second."""
        return 1.0 / self.tpot_s


@dataclass(frozen=True)
class ApiPoint:
    """A token API as a way to serve one service."""

    id: str
    service: str
    api: str
    provider: str
    usd_per_request: tuple[float, ...]  # per bucket
    tokens: tuple[float, ...]  # per bucket, prompt + output: counts against tokens per minute
    serves: tuple[bool, ...]
    late: dict[str, tuple[bool, ...]]
    ttft_s: float
    tpot_s: float
    requests_per_s_limit: float | None
    tokens_per_s_limit: float | None
    evidence: str


@dataclass(frozen=True)
class Screened:
    """A candidate that was left out, and why (shown to the user on request)."""

    service: str
    system: str
    configuration: str
    reason: str
    reached: float | None = None  # best value reached of the promise that failed
