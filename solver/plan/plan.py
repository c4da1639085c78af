"""A plan as data. Its JSON form is a contract; names are only added, never changed."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import FailFast, Field

from solver.domain.quantity import Frozen
from solver.plan.findings import (
    Alternative,
    Assumption,
    Binding,
    BreakEven,
    CostLine,
    Goal,
    ServiceLevel,
    Wish,
)

FORMAT = "fleet-plan/1"
#: Figures that a plan repeats are the floats nearest to the exact ones (in older versions: near them).
NEAREST = "nearest"
#: Share of the cost that room for exact shares (routes fill pools to 1e-8) and sums of floats may take.
NOTHING = 1e-6


class SystemPurchase(Frozen):
    """Systems of one kind got in one way for one site at one time."""

    system: str
    name: str
    site: str
    acquisition: str  # buy | rent (all hours of the epoch) | rent-hourly | replace (in place of worn ones)
    offer: str
    epoch: int
    count: int
    unit_price_usd: float  # per system, or per system and hour for rent
    cost_usd: float  # net present, this line, including support, energy and space
    hours: float = 0.0  # rent: hours paid per system over the horizon
    period: int | None = None  # rent-hourly: the period
    sold_epoch: int | None = None  # bought systems: the epoch at whose start they are sold, if before the end


class People(Frozen):
    """People at a site during an epoch, as the workload's money.staff asks for."""

    site: str
    epoch: int
    people: float


class Unserved(Frozen):
    """Share of a service's requests in a period that is not served (rational), for most traffic."""

    service: str
    period: int
    share: str


class Load(Frozen):
    """Systems' worth of use of the user's own systems in a period, where idle systems draw less."""

    system: str
    site: str
    period: int
    systems: float


class Move(Frozen):
    """Systems that a model leaves at the start of an epoch (rational; half a system counts half)."""

    model: str
    system: str
    site: str
    epoch: int
    systems: str


class Pool(Frozen):
    """Replicas of one operating point at one site."""

    point: str
    service: str
    model: str
    system: str
    site: str
    mode: str  # standing | elastic
    epoch: int | None
    period: int | None  # elastic pools: the period they are rented for
    replicas: int
    spare_replicas: int
    systems_per_replica: str  # rational, e.g. "1/8"
    layout: str
    weight_precision: str
    batch: int
    tpot_ms: float
    line: int  # capacity line in force
    evidence: str
    phase: str = "both"  # both | prefill | decode: of a request, on separate pools
    replaced: int = 0  # replicas whose systems are replaced as worn in the epoch


class PoolWear(Frozen):
    """How a memory of a standing pool wears out at the plan's traffic."""

    service: str
    point: str
    system: str
    site: str
    memory: str  # KV cache | weights | mask
    lives_used: float  # of a replica within the horizon; above 1 some are replaced
    worn_out_years: float | None  # years after the start until one life is used (None: never)
    replaced: int  # replicas replaced within the horizon


class Route(Frozen):
    """Share of a service's bucket that goes to a pool or API in a period, as a rational number.

    A request served on separate pools has two routes, to a prefill and to a decode pool of one site. The
    shares of decode pools, pools of both phases and APIs add up to 1.
    """

    service: str
    bucket: int
    period: int
    target: str  # operating point id or API point id
    site: str
    mode: str  # standing | elastic | api
    share: str  # rational "p/q" of the bucket's demand in that period


class Deferral(Frozen):
    """Work that waits: the share of the requests that come in an hour and are served so many hours later.

    Hours are those of the representative day or week, which repeats: hour 23 and 2 hours later is hour 1.
    Services with such entries have, in ``periods``, the rates at which they are served.
    """

    service: str
    epoch: int
    hour: int
    wait_hours: int
    share: str  # rational "p/q"; the shares of an hour add up to 1
    region: str = ""  # where the requests come from, if regions have curves of their own


class Fallback(Frozen):
    """Share of what must still be served of a bucket in a period after the loss of a site (rational)."""

    lost_site: str
    service: str
    bucket: int
    period: int
    target: str  # operating point id or API point id
    site: str
    mode: str  # standing | api
    share: str  # rational "p/q" of the part of the bucket's demand that is carried then


class Plan(Frozen):
    """The answer. Money in net present US dollars over the horizon unless a name says otherwise."""

    format: str = FORMAT
    figures: str = ""  # nearest; none in plans of older versions
    outcome: str
    workload: str
    objective: str
    objective_usd: float
    bound_usd: float
    gap: float
    certified_bound_usd: float | None = None
    goal: Goal | None = None  # where the objective is not cost
    verified: bool
    verified_residual: str = ""
    horizon_years: float
    epochs: tuple[tuple[float, float], ...]
    periods: tuple[dict[str, Any], ...]  # index, epoch, hours, rate_rps served per service, label,
    # region_rps per service by region where regions have curves of their own
    systems: Annotated[tuple[SystemPurchase, ...], FailFast()]
    pools: Annotated[tuple[Pool, ...], FailFast()]
    routes: Annotated[tuple[Route, ...], FailFast()]
    deferrals: Annotated[tuple[Deferral, ...], FailFast()] = ()
    people: Annotated[tuple[People, ...], FailFast()] = ()
    loads: Annotated[tuple[Load, ...], FailFast()] = ()
    unserved: Annotated[tuple[Unserved, ...], FailFast()] = ()
    served_share: float = 1.0  # of all requests of the horizon
    moves: Annotated[tuple[Move, ...], FailFast()] = ()
    wear: Annotated[tuple[PoolWear, ...], FailFast()] = ()
    fallbacks: Annotated[tuple[Fallback, ...], FailFast()] = ()
    service_levels: Annotated[tuple[ServiceLevel, ...], FailFast()]
    costs: Annotated[tuple[CostLine, ...], FailFast()]
    usd_per_m_output_tokens: float
    usd_per_m_tokens: float
    power_kw: dict[str, float]  # per site, maximum power of bought systems in the last epoch
    binding: Annotated[tuple[Binding, ...], FailFast()] = ()
    wishes: Annotated[tuple[Wish, ...], FailFast()] = ()
    alternatives: Annotated[tuple[Alternative, ...], FailFast()] = ()
    break_even: Annotated[tuple[BreakEven, ...], FailFast()] = ()
    assumptions: Annotated[tuple[Assumption, ...], FailFast()] = ()
    notes: tuple[str, ...] = ()
    answer: str = ""
    provenance: dict[str, str] = Field(default_factory=dict)
    points: dict[str, Any] = Field(default_factory=dict)  # id -> the operating point's numbers
    inputs: dict[str, Any] = Field(default_factory=dict)  # the workload as solved

    @property
    def closed(self) -> bool:
        """Whether nothing is left of the gap but the room that exact shares and sums of floats take."""
        return self.outcome == "optimal" and self.gap <= NOTHING

    def way(self, line: SystemPurchase) -> str:
        """How a line of ``systems`` is got: buy, own, lease, reserve, rent, spot (all hours), rent-hourly,
        replace."""
        offer = self.inputs.get("offers", {}).get(line.offer, {})
        if offer.get("supply_total") is not None:
            return "own"
        if line.acquisition in ("rent-hourly", "replace"):
            return line.acquisition
        return str(offer.get("kind", "buy"))

    def at_once(self, line: SystemPurchase) -> list[int]:
        """Epochs in which the systems of a line are there."""
        if line.acquisition != "buy":
            return [line.epoch]
        ends = self.epochs[line.epoch][0] + self.inputs["offers"][line.offer]["life_years"]
        last = len(self.epochs) if line.sold_epoch is None else line.sold_epoch
        return [e for e in range(line.epoch, last) if ends >= self.epochs[e][1] - 1e-9]

    def count(self, system: str) -> int:
        """How many of a system are bought or rented for all hours (largest epoch)."""
        apart = ("rent-hourly", "replace")
        return sum(s.count for s in self.systems if s.system == system and s.acquisition not in apart)
