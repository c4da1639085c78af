"""A question and its plan, small enough to check on paper; most limits bind exactly.

Two years, demand of ``chat`` doubles in the second, nothing is discounted (rate 0), one site.

Demand (requests/s), 12 hours a day low and 12 high, 4383 h of each in a year:
    period        0 (year 1, low)   1 (year 1, high)   2 (year 2, low)   3 (year 2, high)
    chat          2                 4                  4                 8
    code          1                 1                  1                 1
chat: 3/4 short requests (bucket 0), 1/4 long ones (bucket 1); code: one bucket.

chat on gpu, half a system per replica, uses 1/4 replica per short and 1/2 per long request/s. Safe load of
R replicas: R/2 up to 2, R - 2 from 3. The standing pool has 4 (+ 1 spare): safe load 2.
    period 3: short 6/s x 1/4 = 1.5; long 2/s x 1/2 = 1: 1/2 standing (0.5), 3/10 elastic (0.3), 1/5 API
    standing 1.5 + 0.5 = 2 of 2; elastic 0.3 of 1 x 1/2; other periods at most 4/s: 0.75 + 0.5 = 1.25 of 2
    late: the API ends long requests after 0.5 + 100 x 0.02 = 2.5 s of 2 s: 1/4 x 1/5 = 1/20 of all requests,
    1 - 0.95 = 1/20 may be
    API: 2/s x 1/5 = 0.4 requests/s of 0.4, 0.4 x 1100 = 440 tokens/s of 440
code on nvm, half a system per replica, 1/2 replica per request/s; safe load R/2: 1 replica (+ 1 spare)
    carries 1/s x 1/2 = 1/2 of 1/2. KV written a year: 3600 x 8766 x 1000 = 3.15576e10 B = half of the
    budget of two years.

Systems: gpu (4 + 1) / 2 = 2.5 of 2 bought + 1 rented; elastic 1/2 of 1; nvm 1 of 1 (each lives one year).
    gpu is of vendor V: 2 x 1000 = 2/3 of the purchase money of 3000, 2/3 may be (0.6667)
    power 2 x 10 + 1 x 5 = 25 of 25 kW; racks 2 x 8 + 4 = 20 of 20 U
    capex 2 x 1000 + 500 of 2500 and 500 of 500
Costs in USD:
    purchase  gpu 2 x 1000 x (1 - 0.25 + 2 x 0.05) = 1700; nvm 500 x (1 + 0.1) = 550, then
              500 x (1 - 0.1 + 0.1) = 500                                                        2750.00
    rental    2 x 8766 h x 0.1 = 1753.20; 4383 h x 0.1 = 438.30                                  2191.50
    energy    2 x 5 kW x 1.2 x 0.1 x 8766 x 2 = 21038.40; nvm 2 kW x 0.12 x 8766 = 2103.84 twice 25246.08
    space     2 x 8 x 1 x 12 x 2 = 384; nvm 4 x 12 = 48 twice                                      480.00
    api       0.4/s x 0.002 x 3600 x 4383 h                                                      12623.04
    sum                                                                                          43290.62
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from solver.domain.workload import (
    Demand,
    HardwarePolicy,
    Horizon,
    LengthBucket,
    Money,
    Service,
    ServiceLevels,
    Site,
    Workload,
)
from solver.operating_points.point import ApiPoint, OperatingPoint, Wear
from solver.performance.queueing import Line
from solver.plan.findings import CostLine
from solver.plan.plan import NEAREST, Plan, Pool, Route, SystemPurchase
from solver.plan.serialise import api_to_dict, point_to_dict
from solver.verify import OfferFacts, PlaceFacts, Verdict, verify

YEAR, HALF = 8766.0, 4383.0


@dataclass(frozen=True)
class Asked:
    """Everything that the verifier is given."""

    plan: Plan
    workload: Workload
    offers: dict[str, OfferFacts]
    systems: dict[str, PlaceFacts]
    points: dict[str, OperatingPoint]
    apis: dict[str, ApiPoint]

    def verdict(self) -> Verdict:
        """The answer of the verifier."""
        return verify(self.plan, self.workload, self.offers, self.systems, self.points, self.apis)

    def failing(self) -> set[str]:
        """Names of the checks that fail."""
        return {f.check for f in self.verdict().failures}

    def with_plan(self, **changes: Any) -> Asked:
        """Other values in the plan."""
        return replace(self, plan=self.plan.model_copy(update=changes))

    def with_item(self, name: str, which: Callable[[Any], bool], **changes: Any) -> Asked:
        """Other values in those entries of a list of the plan that ``which`` picks (at least one)."""
        entries = getattr(self.plan, name)
        assert any(which(e) for e in entries)
        made = tuple(e.model_copy(update=changes) if which(e) else e for e in entries)
        return self.with_plan(**{name: made})

    def without(self, name: str, which: Callable[[Any], bool]) -> Asked:
        """A list of the plan without the entries that ``which`` picks (at least one)."""
        entries = getattr(self.plan, name)
        assert any(which(e) for e in entries)
        return self.with_plan(**{name: tuple(e for e in entries if not which(e))})

    def with_workload(self, **changes: Any) -> Asked:
        """Other values in the workload."""
        return replace(self, workload=self.workload.model_copy(update=changes))

    def with_service(self, name: str, **changes: Any) -> Asked:
        """Other values in a service."""
        services = tuple(
            s.model_copy(update=changes) if s.name == name else s for s in self.workload.services
        )
        return self.with_workload(services=services)

    def with_levels(self, **changes: Any) -> Asked:
        """Other promises of chat."""
        levels = next(s.levels for s in self.workload.services if s.name == "chat")
        return self.with_service("chat", levels=levels.model_copy(update=changes))

    def with_site(self, **changes: Any) -> Asked:
        """Other values of the site."""
        return self.with_workload(sites=(self.workload.sites[0].model_copy(update=changes),))

    def with_offer(self, name: str, **changes: Any) -> Asked:
        """Other values of an offer."""
        return replace(self, offers=self.offers | {name: replace(self.offers[name], **changes)})

    def with_system(self, name: str, **changes: Any) -> Asked:
        """Other values of a system."""
        return replace(self, systems=self.systems | {name: replace(self.systems[name], **changes)})

    def with_point(self, name: str, **changes: Any) -> Asked:
        """Other values of an operating point."""
        return replace(self, points=self.points | {name: replace(self.points[name], **changes)})

    def with_api(self, **changes: Any) -> Asked:
        """Other values of the API."""
        return replace(self, apis={API: replace(self.apis[API], **changes)})

    def settled(self) -> Asked:
        """Costs of the plan brought in line with its systems and routes (by the verifier's own ledger)."""
        from solver.verify.case import Case

        ledger = Case(self.workload, self.offers, self.systems, self.points, self.apis, self.plan).ledger
        lines = tuple(
            line.model_copy(update={"cost_usd": float(sum(terms.values()))})
            for line, terms in zip(self.plan.systems, ledger.lines, strict=True)
        )
        terms = ("purchase", "rental", "energy", "space", "staff", "migration", "api", "tax")
        costs = tuple(CostLine(term=t, usd=float(ledger.term(t))) for t in terms if ledger.term(t))
        total = float(ledger.total)
        return self.with_plan(systems=lines, costs=costs, objective_usd=total, bound_usd=total)


GPU, NVM, API = "chat/gpu", "code/nvm", "chat/api"


def workload() -> Workload:
    """The question."""
    chat = Service(
        name="chat",
        model="m",
        demand=Demand(rate_rps=(2.0,) * 12 + (4.0,) * 12, growth_per_year=1.0),
        lengths=(
            LengthBucket(prompt_tokens=1000, output_tokens=100, share=0.25),
            LengthBucket(prompt_tokens=100, output_tokens=50, share=0.75),
        ),
        levels=ServiceLevels(
            ttft_ms=1000, ttft_percentile=0.95, tpot_ms=20, end_to_end_s=2.0, end_to_end_percentile=0.95
        ),
    )
    code = Service(
        name="code",
        model="n",
        demand=Demand(rate_rps=(1.0,)),
        lengths=(LengthBucket(prompt_tokens=200, output_tokens=200, share=1.0),),
        acquisitions=("buy",),
    )
    return Workload(
        name="paper",
        services=(code, chat),
        horizon=Horizon(years=2.0),
        sites=(
            Site(
                name="east",
                power_kw=25.0,
                rack_units=20.0,
                pue=1.2,
                energy_usd_kwh=0.1,
                space_usd_per_rack_unit_month=1.0,
                round_trip_ms=100.0,
            ),
        ),
        money=Money(
            discount_rate=0.0,
            budget_capex_usd=3000.0,
            budget_capex_by_year_usd=(2500.0, 500.0),
            budget_total_usd=43300.0,
        ),
        hardware=HardwarePolicy(
            supply={"nvm": 2},
            minimum={"gpu": 2},
            vendor_share={"V": 0.6667},
            available_from={"gpu": "2027-01"},
        ),
        redundancy=1,
    )


def point(name: str, system: str, **changes: Any) -> OperatingPoint:
    """An operating point with the values that no check reads filled in."""
    service, buckets = name.split("/")[0], len(changes["ttft_s"])
    values: dict[str, Any] = {
        "id": name,
        "service": service,
        "model": "m",
        "system": system,
        "systems_per_replica": Fraction(1, 2),
        "layout": "TP4",
        "weight_precision": "fp8",
        "kv_precision": "fp8",
        "placement": "resident",
        "batch": 8,
        "tpot_s": 0.01,
        "wait_s": 0.1,
        "resources": ("time",),
        "late": {},
        "serves": (True,) * buckets,
        "kv_bytes": (0.0,) * buckets,
        "kv_capacity_bytes": 1e9,
        "step": None,
        "wear": None,
        "evidence": "made up",
        "spread": 1.0,
    }
    return OperatingPoint(**(values | changes))


def points() -> dict[str, OperatingPoint]:
    """Operating points of both services."""
    gpu = point(
        GPU,
        "gpu",
        resources=("time", "KV memory"),
        use=((0.25, 0.5), (0.125, 0.5)),
        ttft_s=(0.5, 0.75),
        end_to_end_s=(1.0, 1.75),
        lines=(Line(1, 2, 0.5, 0.0), Line(3, 100, 1.0, -2.0)),
    )
    nvm = point(
        NVM,
        "nvm",
        model="n",
        use=((0.5,),),
        ttft_s=(0.5,),
        end_to_end_s=(2.5,),
        lines=(Line(1, 10, 0.5, 0.0),),
        kv_bytes=(1000.0,),
        wear=Wear(weight_life_years=2.0, kv_bytes_budget=6.31152e10),
    )
    return {GPU: gpu, NVM: nvm}


def api() -> ApiPoint:
    """The token API of chat."""
    return ApiPoint(
        id=API,
        service="chat",
        api="provider/m",
        provider="provider",
        usd_per_request=(0.001, 0.002),
        tokens=(150.0, 1100.0),
        serves=(True, True),
        late={"end_to_end": (False, True)},
        ttft_s=0.5,
        tpot_s=0.02,
        requests_per_s_limit=0.4,
        tokens_per_s_limit=440.0,
        evidence="made up",
    )


def line(system: str, acquisition: str, epoch: int, count: int, unit: float, cost: float, **more: Any) -> Any:
    """A line of systems."""
    offer = f"{system}/{'buy' if acquisition == 'buy' else 'rent'}"
    return SystemPurchase(
        system=system, name=system, site="east", acquisition=acquisition, offer=offer, epoch=epoch,
        count=count, unit_price_usd=unit, cost_usd=cost, **more,
    )  # fmt: skip


def pool(target: str, mode: str, epoch: int, replicas: int, **more: Any) -> Pool:
    """A pool of an operating point."""
    p = points()[target]
    return Pool(
        point=target, service=p.service, model=p.model, system=p.system, site="east", mode=mode, epoch=epoch,
        replicas=replicas, systems_per_replica="1/2", layout=p.layout, weight_precision=p.weight_precision,
        batch=p.batch, tpot_ms=p.tpot_s * 1e3, evidence=p.evidence,
        **({"period": None, "spare_replicas": 1} | more),
    )  # fmt: skip


def routes() -> tuple[Route, ...]:
    """All to the standing pools, but the long requests of the busiest hours to three places."""
    found = []
    for t in range(4):
        for service, b in (("chat", 0), ("chat", 1), ("code", 0)):
            target = GPU if service == "chat" else NVM
            split = [(target, "east", "standing", "1")]
            if (service, b, t) == ("chat", 1, 3):
                split = [
                    (GPU, "east", "standing", "1/2"),
                    (GPU, "east", "elastic", "3/10"),
                    (API, "", "api", "1/5"),
                ]
            for name, site, mode, share in split:
                found.append(
                    Route(service=service, bucket=b, period=t, target=name, site=site, mode=mode, share=share)
                )
    return tuple(found)


def plan() -> Plan:
    """The plan of the module's text."""
    return Plan(
        figures=NEAREST,
        outcome="optimal",
        workload="paper",
        objective="cost",
        objective_usd=43290.62,
        bound_usd=43290.62,
        gap=0.0,
        verified=False,
        horizon_years=2.0,
        epochs=((0.0, 1.0), (1.0, 2.0)),
        periods=tuple(
            {"index": t, "epoch": t // 2, "hours": HALF, "rate_rps": [rate, 1.0], "label": f"period {t}"}
            for t, rate in enumerate((2.0, 4.0, 4.0, 8.0))
        ),
        systems=(
            line("gpu", "buy", 0, 2, 1000.0, 1700 + 21038.4 + 384),
            line("nvm", "buy", 0, 1, 500.0, 550 + 2103.84 + 48),
            line("nvm", "buy", 1, 1, 500.0, 500 + 2103.84 + 48),
            line("gpu", "rent", 0, 1, 0.1, 876.6, hours=YEAR),
            line("gpu", "rent", 1, 1, 0.1, 876.6, hours=YEAR),
            line("gpu", "rent-hourly", 1, 1, 0.1, 438.3, hours=HALF, period=3),
        ),
        pools=(
            pool(GPU, "standing", 0, 4, line=1),
            pool(GPU, "standing", 1, 4, line=1),
            pool(GPU, "elastic", 1, 1, line=0, period=3, spare_replicas=0),
            pool(NVM, "standing", 0, 1, line=0),
            pool(NVM, "standing", 1, 1, line=0),
        ),
        routes=routes(),
        service_levels=(),
        costs=tuple(
            CostLine(term=term, usd=usd)
            for term, usd in (
                ("purchase", 2750.0),
                ("rental", 2191.5),
                ("energy", 25246.08),
                ("space", 480.0),
                ("api", 12623.04),
            )
        ),
        usd_per_m_output_tokens=1.0,
        usd_per_m_tokens=1.0,
        power_kw={"east": 25.0},
    )


def asked() -> Asked:
    """The question, its plan and the facts."""
    offers = (
        OfferFacts("gpu/buy", "gpu", "buy", 1000.0, 0.05, 0.25, 4.0, supply_per_year=2.0),
        OfferFacts("gpu/rent", "gpu", "rent", 0.1),
        OfferFacts("nvm/buy", "nvm", "buy", 500.0, 0.1, 0.1, 1.0),
    )
    systems = (PlaceFacts("gpu", 5.0, 10.0, 8.0, vendor="V"), PlaceFacts("nvm", 2.0, 5.0, 4.0, vendor="W"))
    return Asked(
        plan(), workload(), {o.id: o for o in offers}, {s.id: s for s in systems}, points(), {API: api()}
    )


def complete_plan(question: Asked) -> Plan:
    """The plan with everything it needs to be checked again, as it is saved."""
    return question.plan.model_copy(
        update={
            "points": {p.id: point_to_dict(p) for p in question.points.values()},
            "inputs": {
                "workload": question.workload.model_dump(mode="json"),
                "offers": {o.id: asdict(o) for o in question.offers.values()},
                "systems": {s.id: asdict(s) for s in question.systems.values()},
                "apis": {a.id: api_to_dict(a) for a in question.apis.values()},
            },
        }
    )


def large(hours: int, services: int, buckets: int, pools: int) -> Asked:
    """A year with random shares of nine digits, pools of three resources, all hours listed."""
    rng, whole = random.Random(1), 10**9
    asks, made, standing, routes = [], {}, [], []
    for k in range(services):
        weights = [round(rng.uniform(0.5, 1.5) / buckets, 6) for _ in range(buckets - 1)]
        total = sum(weights) * 1.1
        shares = [round(w / total, 6) for w in weights]
        asks.append(
            Service(
                name=f"s{k}",
                model="m",
                demand=Demand(rate_rps=tuple(round(rng.uniform(5, 10), 4) for _ in range(hours))),
                lengths=tuple(
                    LengthBucket(prompt_tokens=b + 1, output_tokens=b + 1, share=share)
                    for b, share in enumerate([*shares, round(1 - sum(shares), 6)])
                ),
                levels=ServiceLevels(ttft_ms=1000, tpot_ms=20, end_to_end_s=50),
            )
        )
    for j in range(pools):
        p = point(
            f"s{j % services}/p{j}",
            "gpu",
            resources=("a", "b", "c"),
            use=tuple(tuple(rng.uniform(0.01, 0.1) for _ in range(buckets)) for _ in range(3)),
            ttft_s=(0.5,) * buckets,
            end_to_end_s=(1.0,) * buckets,
            lines=(Line(1, 100, 0.7, -0.1),),
            kv_bytes=(1e3,) * buckets,
            wear=Wear(100.0, 1e30),
        )
        made[p.id] = p
        standing.append(
            pool(GPU, "standing", 0, 50, line=0, spare_replicas=0).model_copy(
                update={"point": p.id, "service": p.service}
            )
        )
    for k in range(services):
        mine = [name for name in made if name.startswith(f"s{k}/")]
        for t in range(hours):
            for b in range(buckets):
                cuts = [0, *sorted(rng.sample(range(1, whole), len(mine) - 1)), whole]
                for name, (low, high) in zip(mine, pairwise(cuts), strict=True):
                    share = str(Fraction(high - low, whole))
                    routes.append(
                        Route(service=f"s{k}", bucket=b, period=t, target=name, site="east",
                              mode="standing", share=share)
                    )  # fmt: skip
    periods = tuple(
        {"index": t, "epoch": 0, "hours": YEAR / hours, "label": f"hour {t}",
         "rate_rps": [s.demand.rate_rps[t] for s in asks]}
        for t in range(hours)
    )  # fmt: skip
    fleet = plan().model_copy(
        update={
            "epochs": ((0.0, 1.0),),
            "horizon_years": 1.0,
            "periods": periods,
            "pools": tuple(standing),
            "routes": tuple(routes),
            "systems": (line("gpu", "buy", 0, 25 * pools, 1000.0, 0.0),),
        }
    )
    question = Workload(
        name="large", services=tuple(asks), horizon=Horizon(years=1.0), sites=(Site(name="east"),)
    )
    offers = {"gpu/buy": OfferFacts("gpu/buy", "gpu", "buy", 1000.0)}
    return Asked(fleet, question, offers, asked().systems, made, {}).settled()
