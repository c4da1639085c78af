"""What the user asks for: services with demand and promises, places, time and money."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from solver.domain.calendar import Month
from solver.domain.demand import Demand as Demand
from solver.domain.demand import RegionalDemand as RegionalDemand
from solver.domain.money import Money as Money
from solver.domain.money import Staff as Staff
from solver.domain.money import WorkloadOffer as WorkloadOffer
from solver.domain.places import Region as Region
from solver.domain.places import Residency as Residency
from solver.domain.places import Site as Site
from solver.domain.places import StatedApi as StatedApi
from solver.domain.quantity import Frozen
from solver.domain.resilience import Resilience as Resilience
from solver.domain.service import Acquisition as Acquisition
from solver.domain.service import LengthBucket as LengthBucket
from solver.domain.service import Service as Service
from solver.domain.service import ServiceLevels as ServiceLevels
from solver.domain.service import TokenPrice as TokenPrice
from solver.errors import Place

HOURS_PER_YEAR = 8766.0  # 365.25 days


class HardwarePolicy(Frozen):
    """Which systems may be used, how many, and changed catalog values."""

    include: tuple[str, ...] = ()  # empty: all priced systems
    idle_power_share: float | None = Field(default=None, ge=0, le=1)  # of typical power; None: always typical
    idle_power_share_by_system: dict[str, Annotated[float, Field(ge=0, le=1)]] = {}  # others: the share above
    exclude: tuple[str, ...] = ()
    hypothetical: bool = False  # allow systems that cannot be bought yet
    profiles: Literal["none", "measured", "all", "only"] = "measured"  # published operating points beside
    # the physics: none, those that were measured, vendors' claims too, or these alone (no physics)
    kv_in_weight_memory: bool = False  # NVM systems: keep the KV cache in the non-volatile memory
    replace_worn: bool = False  # buy systems in place of worn ones, and of mask-ROM chips at a new model
    streamed_weights: bool = True  # allow weights streamed from external memory
    resident_weights: bool = True  # wafers: allow weights that stay in their SRAM
    exclude_profiles: tuple[str, ...] = ()  # published operating points that do not count
    overrides: dict[str, dict[str, float]] = {}  # system id -> quantity name -> value
    technology_overrides: dict[str, dict[str, float]] = {}  # memory technology -> quantity name -> value
    supply: dict[str, int] = {}  # system id -> systems that can be bought within the horizon
    supplier_supply: dict[str, float] = {}  # supplier -> systems a year over all its offers
    minimum: dict[str, int] = {}  # system id -> systems that must be in the fleet (already promised)
    owned: dict[str, int] = {}  # system id -> systems already there: no purchase price
    owned_until: dict[str, Month] = {}  # system id -> first month without the owned ones
    available_from: dict[str, Month] = {}  # system id -> "2027-07": none serves before that month
    vendor_share: dict[str, float] = {}  # vendor -> largest share of the purchase money

    def idle_share(self, system: str) -> float:
        """Share of its typical power that a system draws when idle (1: always typical)."""
        everyone = 1.0 if self.idle_power_share is None else self.idle_power_share
        return self.idle_power_share_by_system.get(system, everyone)


class WorkloadProfile(Frozen):
    """What one replica of a system was measured to serve, instead of physics.

    ``requests_per_s`` is the rate at which a replica is fully used by requests of one length bucket alone
    (in the order of the service's ``lengths``); 0: it cannot serve the bucket. Whatever latency the user
    wants is inside these figures. A system that is in no catalog states its rent ``usd_per_hour``.
    """

    id: str
    system: str
    service: str
    requests_per_s: tuple[float, ...]
    systems_per_replica: int = Field(default=1, ge=1)
    usd_per_hour: float | None = Field(default=None, ge=0)  # per system


class Horizon(Frozen):
    """How long the fleet serves; money is discounted monthly to the start.

    ``epoch_years`` is the time between purchase decisions; by default a year where demand grows, else the
    whole horizon.
    """

    years: float = Field(default=3.0, gt=0, le=30)
    epoch_years: float | None = Field(default=None, gt=0)
    start: Month = "2027-01"


class Workload(Frozen):
    """A complete question."""

    name: str
    description: str = ""
    services: tuple[Service, ...]
    horizon: Horizon = Horizon()
    sites: tuple[Site, ...] = (Site(),)
    regions: tuple[Region, ...] = ()
    apis: tuple[StatedApi, ...] = ()  # where token APIs stand; others: nowhere known, at no distance
    money: Money = Money()
    hardware: HardwarePolicy = HardwarePolicy()
    offers: tuple[WorkloadOffer, ...] = ()
    profiles: tuple[WorkloadProfile, ...] = ()
    token_prices: dict[str, TokenPrice] = {}  # id of a token API -> changed prices
    objective: Literal["cost", "power", "carbon", "traffic"] = "cost"
    redundancy: int = Field(default=0, ge=0)  # spare replicas per pool (N+k)
    resilience: Resilience = Resilience()

    def share_after_loss(self, service: Service) -> float:
        """Share of a service's traffic that is carried after the loss of any one site (0: it can wait)."""
        stated = 0.0 if service.levels.deadline_hours is not None else service.site_loss_share
        return (self.resilience.site_loss_share or 0.0) if stated is None else stated

    def prices_for(self, service: Service) -> dict[str, TokenPrice]:
        """Changed prices of token APIs for a service: its own before those of the workload."""
        found = dict(self.token_prices)
        for name, price in service.token_prices.items():
            own = price.model_dump(exclude_none=True)
            found[name] = found.get(name, TokenPrice()).model_copy(update=own)
        return found

    def stated_api(self, api: str, provider: str) -> StatedApi:
        """What is stated of a token API: under its id, else under its provider."""
        stated = {entry.name: entry for entry in self.apis}
        return stated.get(api) or stated.get(provider) or StatedApi(name=provider)

    @property
    def power_follows_load(self) -> bool:
        """Whether any system draws less than its typical power while it is idle."""
        stated = self.hardware
        shares = (stated.idle_power_share, *stated.idle_power_share_by_system.values())
        return any(share is not None and share < 1 for share in shares)

    def residencies(self, service: Service, region: str) -> dict[str, Residency]:
        """Statements about where a service's requests from a region may be served, by path in the file."""
        found = {}
        if service.residency is not None:
            found[f"services.{self.services.index(service)}.residency"] = service.residency
        for n, entry in enumerate(self.regions):
            if entry.name == region and entry.residency is not None:
                found[f"regions.{n}.residency"] = entry.residency
        return found


#: Longest representative curve whose hours keep their order, so that work can wait from one to the next.
MOST_ORDERED_HOURS = 168


def cycle_hours(workload: Workload) -> int:
    """Hours of the representative curve: the longest of all services (1, 24, 168 or 8760).

    Where power depends on the load, tariffs of sites count too.
    """
    curves = [len(service.demand.rate_rps) for service in workload.services]
    tariffs = [len(site.tariff_usd_kwh) for site in workload.sites] if workload.power_follows_load else []
    return max(*curves, *tariffs, 1)


def window_hours(workload: Workload, service: Service) -> int:
    """Hours in which the work of one hour may be done, that hour included (1: it cannot wait).

    A request of hour h has its deadline D hours after its arrival; one that came at the very start of h is
    late after h + D, so its work is done in hours h .. h + floor(D) - 1. A whole cycle is as good as more.
    Services that promise a time to first token or end to end do not wait, and none waits where the most
    traffic is sought.
    """
    if workload.objective == "traffic":
        return 1
    levels, cycle = service.levels, cycle_hours(workload)
    if levels.deadline_hours is None or levels.ttft_ms is not None or levels.end_to_end_s is not None:
        return 1
    return max(1, min(int(levels.deadline_hours + 1e-9), cycle)) if cycle <= MOST_ORDERED_HOURS else 1


class LoadedWorkload(Frozen):
    """A workload with the place of each statement: path such as ``services.0.levels.tpot_ms`` -> place."""

    model_config = {**Frozen.model_config, "arbitrary_types_allowed": True}

    workload: Workload
    places: dict[str, Place]
    file: str
    sha256: str

    def place(self, path: str) -> Place:
        """The place of ``path`` or of its nearest stated parent."""
        while path and path not in self.places:
            path = path.rpartition(".")[0]
        return self.places.get(path, Place(self.file))
