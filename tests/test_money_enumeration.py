"""Purchases, sales and moves over two years against enumeration; costs by the verifier's ledger.

Two systems (s1 carries 1 request/s, s2 a half), one site, two yearly epochs; random prices, resale values,
taxes, people and moves. Every number of systems bought and sold is tried; with the systems given, replicas
are chosen so that as little as possible moves.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import asdict, replace
from fractions import Fraction

import pytest
from test_registry import base

from solver.backend.highs import HighsModel
from solver.domain.workload import Demand, HardwarePolicy, Horizon, Money, Site, Staff
from solver.formulation.build import build_program
from solver.formulation.epochs import make_epochs, make_periods
from solver.formulation.problem import Problem
from solver.plan.plan import Plan, Pool, SystemPurchase
from solver.verify import OfferFacts, PlaceFacts
from solver.verify.case import Case

MOST = 3  # systems of a kind got in an epoch
CARRIES = (Fraction(1), Fraction(1, 2))  # requests/s of a replica, one system each


def problem_of(seed: int) -> Problem:
    """A random case; supply limits keep the program within what is enumerated."""
    rng = random.Random(seed)
    first, second = rng.choice([1, 2, 3]), rng.choice([0, 1, 2, 3])
    staff = Staff(usd_per_year=50_000, per_site=rng.choice([0, 0.5]), per_system=rng.choice([0, 0.1]))
    money = Money(
        discount_rate=rng.choice([0.0, 0.08]),
        resale_by_age=rng.choice([(), (0.6, 0.3), (0.9, 0.1)]),
        tax_rate=rng.choice([0.0, 0.3]),
        depreciation=rng.choice(["straight-line", "declining"]),
        depreciation_years=rng.choice([1, 3, 5]),
        staff=rng.choice([None, staff]),
        migration_usd_per_system=rng.choice([0.0, 5_000.0, 60_000.0]),
    )
    problem = base()
    demand = Demand(rate_rps=(float(first),), steps={"2028-01": second / first})
    service = problem.services[0].model_copy(update={"demand": demand, "acquisitions": ("buy",)})
    workload = problem.workload.model_copy(
        update={
            "services": (service,),
            "horizon": Horizon(years=2, epoch_years=1),
            "money": money,
            "sites": (Site(name="a", energy_usd_kwh=0.1, space_usd_per_rack_unit_month=rng.choice([0, 50])),),
            "hardware": HardwarePolicy(),
        }
    )
    epochs = make_epochs(workload)
    offers = tuple(
        replace(
            offer,
            price_usd=float(rng.randrange(40, 160)) * 1e3,
            support_share_per_year=rng.choice([0.0, 0.05]),
            residual_share=rng.choice([0.0, 0.2]),
            resale_by_age=money.resale_by_age,
            available_years=rng.choice([0.0, 1.0]) if n else 0.0,
            life_years=rng.choice([1.0, 4.0]),
            supply_per_year=float(MOST),
        )
        for n, offer in enumerate(problem.offers)
    )
    return replace(
        problem, workload=workload, epochs=epochs, offers=offers, periods=make_periods(workload, epochs)
    )


def fleets(problem: Problem) -> Iterator[tuple[tuple[SystemPurchase, ...], list[list[int]]]]:
    """All fleets: lines, and how many of each system stand in each epoch."""
    choices = []
    for offer in problem.offers:
        lives = problem.alive(offer, 0, 1)
        ways = []
        for now, later in itertools.product(range(MOST + 1), repeat=2):
            if (later and offer.available_years > 1) or (now and offer.available_years > 0):
                continue
            for sold in range(now + 1) if lives and offer.resale_by_age else (0,):
                stand = [now, later + (now - sold if lives else 0)]
                ways.append((((0, None, now - sold), (0, 1, sold), (1, None, later)), stand))
        choices.append(ways)
    for picked in itertools.product(*choices):
        lines = tuple(
            SystemPurchase(
                system=offer.system, name=offer.system, site="a", acquisition="buy", offer=offer.id, epoch=e,
                count=count, unit_price_usd=offer.price_usd, cost_usd=0.0, sold_epoch=sold,
            )
            for offer, (groups, _) in zip(problem.offers, picked, strict=True)
            for e, sold, count in groups
            if count
        )  # fmt: skip
        yield lines, [stand for _, stand in picked]


def fewest_moves(stand: list[list[int]], rates: list[Fraction]) -> list[list[int]] | None:
    """Replicas of each system in each epoch that carry the traffic and leave as few systems as possible."""
    after = [n[1] for n in stand]
    if sum(n * c for n, c in zip(after, CARRIES, strict=True)) < rates[1]:
        return None
    found = [
        before
        for before in itertools.product(*(range(n[0] + 1) for n in stand))
        if sum(n * c for n, c in zip(before, CARRIES, strict=True)) >= rates[0]
    ]
    if not found:
        return None
    before = min(found, key=lambda b: sum(max(0, x - y) for x, y in zip(b, after, strict=True)))
    return [[x, y] for x, y in zip(before, after, strict=True)]


def cost(problem: Problem, lines: tuple[SystemPurchase, ...], replicas: list[list[int]]) -> Fraction:
    """Net present dollars by the verifier's ledger."""
    pools = tuple(
        Pool(
            point=p.id, service=p.service, model=p.model, system=p.system, site="a", mode="standing", epoch=e,
            period=None, replicas=n, spare_replicas=0, systems_per_replica="1", layout=p.layout,
            weight_precision=p.weight_precision, batch=p.batch, tpot_ms=p.tpot_s * 1e3, line=0, evidence="",
        )
        for p, row in zip(problem.points, replicas, strict=True)
        for e, n in enumerate(row)
    )  # fmt: skip
    plan = Plan(
        outcome="optimal", workload="w", objective="cost", objective_usd=0.0, bound_usd=0.0, gap=0.0,
        verified=False, horizon_years=2.0, epochs=((0.0, 1.0), (1.0, 2.0)), periods=(), systems=lines,
        pools=pools, routes=(), service_levels=(), costs=(), usd_per_m_output_tokens=0.0,
        usd_per_m_tokens=0.0, power_kw={},
    )  # fmt: skip
    offers = {o.id: OfferFacts(**asdict(o)) for o in problem.offers}
    systems = {s: PlaceFacts(**asdict(f)) for s, f in problem.systems.items()}
    points = {p.id: p for p in problem.points}
    return Case(problem.workload, offers, systems, points, {}, plan).ledger.total


@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_is_that_of_the_enumeration(seed: int) -> None:
    problem = problem_of(seed)
    rates = [Fraction(p.rate_rps[0]) for p in problem.periods]
    best: Fraction | None = None
    for lines, stand in fleets(problem):
        replicas = fewest_moves(stand, rates)
        if replicas is not None:
            usd = cost(problem, lines, replicas)
            best = usd if best is None else min(best, usd)
    outcome = HighsModel(build_program(problem)).solve()
    if best is None:
        assert outcome.values is None
    else:
        assert outcome.objective * 1e3 == pytest.approx(float(best), rel=1e-9, abs=0.01)
