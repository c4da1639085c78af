"""Random small problems made of domain objects, and an oracle that enumerates them in exact arithmetic.

One service, two length buckets, up to two operating points on two systems and one API, one or two
periods. With the numbers of systems fixed, the shares of the two buckets form a polygon; its vertices are
enumerated as rationals, so the oracle shares nothing with the program or its solver.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from fractions import Fraction

from solver.domain.workload import (
    Demand,
    HardwarePolicy,
    LengthBucket,
    LoadedWorkload,
    Money,
    Service,
    ServiceLevels,
    Site,
    Workload,
)
from solver.formulation.epochs import make_epochs, make_periods
from solver.formulation.prepare import Prepared
from solver.formulation.problem import Problem
from solver.formulation.system_offer import SystemFacts, SystemOffer
from solver.operating_points.build import Menu
from solver.operating_points.point import ApiPoint, OperatingPoint, StepLaw
from solver.performance.queueing import Line

MOST = 5  # systems of a kind that are enumerated; supply limits keep the program within it too


@dataclass(frozen=True)
class Case:
    """A problem, ready for the engine and for the oracle."""

    prepared: Prepared
    loaded: LoadedWorkload


def number(rng: random.Random, low: float, high: float, digits: int = 2) -> float:
    return round(rng.uniform(low, high), digits)


def make_point(rng: random.Random, name: str, system: str) -> OperatingPoint:
    """A point with two resources, one or two capacity lines, sometimes late for the long bucket."""
    use = tuple((number(rng, 0.05, 1), number(rng, 0.05, 2)) for _ in range(2))
    slope = rng.choice([1.0, 0.5, 0.8])
    lines = (
        (Line(1, 10**6, slope, 0.0),)
        if rng.random() < 0.5
        else (Line(1, 1, slope, 0.0), Line(2, 10**6, min(slope + 0.2, 1.0), -0.2))
    )
    late = rng.random() < 0.3
    return OperatingPoint(
        id=name,
        service="chat",
        model="m",
        system=system,
        systems_per_replica=rng.choice([Fraction(1, 2), Fraction(1), Fraction(2)]),
        layout="TP1",
        weight_precision="fp8",
        kv_precision="fp8",
        placement="resident",
        batch=8,
        tpot_s=0.05,
        wait_s=0.1,
        resources=("time", "KV memory"),
        use=use,
        ttft_s=(0.3, 2.0 if late else 0.9),
        end_to_end_s=(1.0, 2.0),
        late={"ttft": (False, late)},
        serves=(True, True),
        lines=lines,
        kv_bytes=(1e5, 1e6),
        kv_capacity_bytes=1e9,
        step=StepLaw(0.01, 1e-4, 1e-8, 1e-5, 0.0, 0.01, 0.05, False),
        wear=None,
        evidence="test",
        spread=1.2,
    )


def make_case(seed: int) -> Case:
    """The problem of a seed."""
    rng = random.Random(seed)
    share = rng.choice([0.5, 0.7, 0.98])
    rates = (
        tuple(number(rng, 0.5, 6, 1) for _ in range(24)) if rng.random() < 0.3 else (number(rng, 0.5, 6, 1),)
    )
    if len(rates) == 24:
        rates = tuple(rates[h // 12] for h in range(24))
    supply = {s: rng.randint(0, MOST) for s in ("s1", "s2")}
    acquisitions = ("buy", "api") if rng.random() < 0.4 else ("buy",)
    workload = Workload(
        name=f"case {seed}",
        services=(
            Service(
                name="chat",
                model="m",
                demand=Demand(rate_rps=rates),
                lengths=(
                    LengthBucket(prompt_tokens=100, output_tokens=50, share=share),
                    LengthBucket(prompt_tokens=1000, output_tokens=100, share=round(1 - share, 2)),
                ),
                levels=ServiceLevels(ttft_ms=1000, tpot_ms=50),
                acquisitions=acquisitions,
            ),
        ),
        sites=(Site(name="a", power_kw=rng.choice([None, number(rng, 5, 60)])),),
        money=Money(
            discount_rate=rng.choice([0.0, 0.08]),
            budget_capex_usd=rng.choice([None, None, number(rng, 50_000, 900_000, 0)]),
        ),
        hardware=HardwarePolicy(supply=supply),
    )
    systems = ("s1", "s2")
    points = tuple(make_point(rng, f"p{n}", s) for n, s in enumerate(systems))
    offers = tuple(
        SystemOffer(f"{s}/buy", s, "buy", number(rng, 20_000, 300_000, 0), 0.0, 0.0, 5.0, None, 1, "v")
        for s in systems
    )
    facts = {
        s: SystemFacts(s, s, "hbm-gpu", "v", number(rng, 1, 8), number(rng, 8, 15), 4.0) for s in systems
    }
    apis = ()
    if "api" in acquisitions:
        apis = (
            ApiPoint(
                "chat/api",
                "chat",
                "api",
                "v",
                (number(rng, 1e-4, 3e-3, 5), number(rng, 1e-4, 9e-3, 5)),
                (150.0, 1100.0),
                (True, True),
                {},
                0.5,
                0.02,
                rng.choice([None, number(rng, 0.5, 3)]),
                None,
                "test",
            ),
        )
    epochs = make_epochs(workload)
    periods = make_periods(workload, epochs)
    problem = Problem(workload, epochs, periods, points, apis, offers, facts)
    prepared = Prepared(problem, periods, Menu(points, apis, (), 0), ())
    return Case(prepared, LoadedWorkload(workload=workload, places={}, file="case.yaml", sha256="0"))


def cheapest(case: Case) -> Fraction | None:
    """The least cost in dollars over all whole numbers of systems and all vertices; None if infeasible."""
    problem = case.prepared.problem
    workload = problem.workload
    limits = [workload.hardware.supply[o.system] for o in problem.offers]
    best: Fraction | None = None
    for counts in itertools.product(*(range(limit + 1) for limit in limits)):
        fixed = _fixed_cost(problem, counts)
        if fixed is None or (best is not None and fixed >= best):
            continue
        total = fixed
        for period in problem.periods:
            routed = _routing_cost(problem, counts, period)
            if routed is None:
                break
            total += routed
        else:
            best = total if best is None else min(best, total)
    return best


def _fixed_cost(problem: Problem, counts: tuple[int, ...]) -> Fraction | None:
    workload, site, total, capex, power = (
        problem.workload,
        problem.sites[0],
        Fraction(0),
        Fraction(0),
        Fraction(0),
    )
    for offer, count in zip(problem.offers, counts, strict=True):
        facts = problem.systems[offer.system]
        kwh = Fraction(facts.power_typ_kw) * Fraction(site.pue) * 8766 * Fraction(problem.running(0))
        each = Fraction(offer.price_usd) + kwh * Fraction(site.energy_usd_kwh)
        total += count * each
        capex += count * Fraction(offer.price_usd)
        power += count * Fraction(facts.power_max_kw)
    if site.power_kw is not None and power > Fraction(site.power_kw):
        return None
    budget = workload.money.budget_capex_usd
    return None if budget is not None and capex > Fraction(budget) else total


def _capacity(problem: Problem, n: int, count: int) -> Fraction:
    point = problem.points[n]
    most = int(count / point.systems_per_replica)
    best = Fraction(0)
    for replicas in range(1, most + 1):
        for line in point.lines:
            if line.low <= replicas <= line.high:
                best = max(best, Fraction(line.slope) * replicas + Fraction(line.intercept))
    return best


def _routing_cost(problem: Problem, counts: tuple[int, ...], period: object) -> Fraction | None:
    """Least API dollars over the polygon of shares; variables: shares (b0, b1) of point 0, API, rest point 1.

    Without an API there are two variables; with it four, where the API's price makes a linear program whose
    vertices are enumerated too.
    """
    service = problem.services[0]
    rate = Fraction(period.rate_rps[0])  # type: ignore[attr-defined]
    load = [Fraction(b.share) * rate for b in service.lengths]
    caps = [_capacity(problem, n, c) for n, c in enumerate(counts)]
    ways = len(problem.apis) + 1
    size = 2 * ways  # share of bucket b on point 0 (b) and on the API (2 + b)
    rows: list[tuple[list[Fraction], Fraction]] = []  # a.x <= r

    def row(entries: dict[int, Fraction], right: Fraction) -> None:
        rows.append(([entries.get(v, Fraction(0)) for v in range(size)], right))

    for v in range(size):
        row({v: Fraction(-1)}, Fraction(0))
    for b in range(2):
        row({v: Fraction(1) for v in range(b, size, 2)}, Fraction(1))
    for r in range(2):
        use = [[Fraction(u) * load[b] for b, u in enumerate(p.use[r])] for p in problem.points]
        row({b: use[0][b] for b in range(2)}, caps[0])
        row({v: -use[1][v % 2] for v in range(size)}, caps[1] - sum(use[1]))
    late = [[t > 1.0 for t in p.ttft_s] for p in problem.points]
    total = sum(load)
    entries = {b: load[b] * ((1 if late[0][b] else 0) - (1 if late[1][b] else 0)) for b in range(2)}
    entries |= {2 + b: -load[b] * (1 if late[1][b] else 0) for b in range(2) if ways == 2}
    allowed = Fraction(1 - service.levels.ttft_percentile) * total
    row(entries, allowed - sum(load[b] for b in range(2) if late[1][b]))
    price = [Fraction(0)] * size
    if ways == 2:
        api = problem.apis[0]
        seconds = 3600 * Fraction(problem.hours_factor(period))  # type: ignore[arg-type]
        for b in range(2):
            price[2 + b] = Fraction(api.usd_per_request[b]) * load[b] * seconds
        if api.requests_per_s_limit is not None:
            row({2: load[0], 3: load[1]}, Fraction(api.requests_per_s_limit))
    return _least(rows, price, size)


def _least(rows: list[tuple[list[Fraction], Fraction]], price: list[Fraction], size: int) -> Fraction | None:
    best: Fraction | None = None
    for chosen in itertools.combinations(range(len(rows)), size):
        x = _solve([rows[c][0] for c in chosen], [rows[c][1] for c in chosen])
        if x is None:
            continue
        value = sum((p * v for p, v in zip(price, x, strict=True)), Fraction(0))
        if best is not None and value >= best:
            continue
        if all(
            sum((a * v for a, v in zip(left, x, strict=True)), Fraction(0)) <= right for left, right in rows
        ):
            best = value
    return best


def _solve(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction] | None:
    """Gaussian elimination over the rationals; None if singular."""
    size = len(matrix)
    work = [[*row, r] for row, r in zip(matrix, right, strict=True)]
    for k in range(size):
        pivot = next((n for n in range(k, size) if work[n][k] != 0), None)
        if pivot is None:
            return None
        work[k], work[pivot] = work[pivot], work[k]
        work[k] = [v / work[k][k] for v in work[k]]
        for n in range(size):
            if n != k and work[n][k] != 0:
                factor = work[n][k]
                work[n] = [a - factor * b for a, b in zip(work[n], work[k], strict=True)]
    return [row[size] for row in work]


def cost_of(case: Case, counts: tuple[int, ...]) -> Fraction | None:
    """The least cost in dollars with these numbers of systems, or None if they cannot serve the demand."""
    problem = case.prepared.problem
    total = _fixed_cost(problem, counts)
    for period in problem.periods:
        routed = _routing_cost(problem, counts, period)
        if total is None or routed is None:
            return None
        total += routed
    return total
