"""Every family and cost term has a formula, a docs section, a check, and an instance in which it binds."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from small_problems import make_case

from solver.backend.highs import HighsModel
from solver.domain.workload import (
    Demand,
    HardwarePolicy,
    Horizon,
    Money,
    Residency,
    Resilience,
    ServiceLevels,
    Site,
    Staff,
)
from solver.formulation.build import build_program
from solver.formulation.epochs import make_epochs, make_periods
from solver.formulation.problem import Problem
from solver.formulation.registry import COSTS, FAMILIES, costs_in_order
from solver.operating_points.point import ApiPoint, Wear
from solver.performance.queueing import Line

DOCS = Path(__file__).parent.parent / "docs" / "formulation.md"


def base() -> Problem:
    """2 requests/s on two points of one system each ($100k): p0 takes 1 replica per request/s, p1 takes 2.

    Nothing binds but demand and capacity: p0 needs 2 replicas of one system each, 2 x $100k = $200k.
    """
    problem = make_case(1).prepared.problem
    service = problem.workload.services[0].model_copy(
        update={
            "demand": Demand(rate_rps=(2.0,)),
            "levels": ServiceLevels(),
            "acquisitions": ("buy", "rent", "api"),
        }
    )
    workload = problem.workload.model_copy(
        update={
            "services": (service,),
            "sites": (Site(name="a", energy_usd_kwh=0.0),),
            "money": Money(discount_rate=0.0),
            "hardware": HardwarePolicy(),
        }
    )
    points = tuple(
        replace(
            p,
            use=((u, u), (u, u)),
            lines=(Line(1, 10**6, 1.0, 0.0),),
            systems_per_replica=Fraction(1),
            ttft_s=(0.5, 0.5),
        )
        for p, u in zip(problem.points, (1.0, 2.0), strict=True)
    )
    offers = tuple(replace(o, price_usd=100_000.0) for o in problem.offers)
    return replace(
        problem,
        workload=workload,
        epochs=make_epochs(workload),
        points=points,
        offers=offers,
        apis=(),
        periods=make_periods(workload, make_epochs(workload)),
    )


def change(problem: Problem, **updates: object) -> Problem:
    return replace(problem, workload=problem.workload.model_copy(update=updates))


def with_lines() -> Problem:
    """A line that starts at 5 replicas promises more than its share of small pools."""
    problem = base()
    lines = (Line(1, 4, 0.5, 0.0), Line(5, 10**6, 2.0, 0.0))
    return replace(problem, points=(replace(problem.points[0], lines=lines), *problem.points[1:]))


def with_promise() -> Problem:
    """p0 is late for the long bucket, and 5 % may be late: p1 must take its traffic."""
    problem = base()
    service = problem.services[0].model_copy(update={"levels": ServiceLevels(ttft_ms=1000)})
    late = replace(problem.points[0], ttft_s=(0.5, 1.5), late={"ttft": (False, True)})
    return replace(change(problem, services=(service,)), points=(late, *problem.points[1:]))


def with_api(limit: float | None = None, price: float = 1e-9) -> Problem:
    api = ApiPoint(
        "chat/api",
        "chat",
        "api",
        "v",
        (price, price),
        (100.0, 100.0),
        (True, True),
        {},
        0.5,
        0.02,
        limit,
        None,
        "test",
    )
    return replace(base(), apis=(api,))


def with_rent(price: float = 1e-3) -> Problem:
    """A day with one busy hour; hourly systems at next to nothing."""
    problem = base()
    service = problem.services[0].model_copy(update={"demand": Demand(rate_rps=tuple([2.0] + [1.0] * 23))})
    problem = change(problem, services=(service,))
    offers = (*problem.offers, replace(problem.offers[0], id="s1/rent", kind="rent", price_usd=price))
    return replace(problem, offers=offers, periods=make_periods(problem.workload, problem.epochs))


def apart() -> Problem:
    """p0 decodes (1 system per request/s), p1 prefills (2 systems): 2 requests/s need 2 + 4."""
    problem = base()
    phases = ("decode", "prefill")
    points = tuple(replace(p, phase=f) for p, f in zip(problem.points, phases, strict=True))
    return replace(problem, points=points)


def one_busy_hour(deadline_hours: float) -> Problem:
    """24 requests/s in one hour of the day, done within a deadline: 24 / 12 = 2 systems; any time: 1."""
    problem = base()
    service = problem.services[0].model_copy(
        update={
            "demand": Demand(rate_rps=(24.0, *([0.0] * 23))),
            "levels": ServiceLevels(deadline_hours=deadline_hours),
        }
    )
    problem = change(problem, services=(service,))
    return replace(problem, periods=make_periods(problem.workload, problem.epochs))


def with_wear() -> Problem:
    problem = base()
    worn = tuple(replace(p, kv_bytes=(1e3, 1e3), wear=Wear(100.0, 1e10, "t")) for p in problem.points)
    return replace(problem, points=worn)


def with_replacements() -> Problem:
    """Model updates use 2.5 lives of three years: 2 replicas need 3 more systems ($100k each)."""
    problem = change(base(), hardware=HardwarePolicy(replace_worn=True))
    return replace(problem, points=tuple(replace(p, wear=Wear(3 / 2.5, 0.0, "t")) for p in problem.points))


def later(years: float) -> Problem:
    """The better system can be had only after a year of two."""
    problem = offered(available_years=years)
    workload = problem.workload.model_copy(update={"horizon": Horizon(years=2, epoch_years=1)})
    epochs = make_epochs(workload)
    return replace(problem, workload=workload, epochs=epochs, periods=make_periods(workload, epochs))


def offered(**updates: object) -> Problem:
    problem = base()
    return replace(problem, offers=(replace(problem.offers[0], **updates), *problem.offers[1:]))  # type: ignore[arg-type]


def with_vendors() -> Problem:
    """Another vendor's system at the same price with half the throughput."""
    problem = base()
    facts = dict(problem.systems)
    facts["s2"] = replace(facts["s2"], vendor="w")
    return replace(problem, systems=facts)


def expensive_energy() -> Problem:
    return change(base(), sites=(Site(name="a", energy_usd_kwh=1.0),))


def with_idle(share: float = 0.2) -> Problem:
    """A day of 2 and 1 requests/s; idle systems draw a fifth; energy costs $0.1 a kWh."""
    problem = base()
    service = problem.services[0].model_copy(update={"demand": Demand(rate_rps=(2.0,) * 12 + (1.0,) * 12)})
    policy = HardwarePolicy(idle_power_share=share)
    problem = change(
        problem, services=(service,), hardware=policy, sites=(Site(name="a", energy_usd_kwh=0.1),)
    )
    return replace(problem, periods=make_periods(problem.workload, problem.epochs))


def with_residency() -> Problem:
    """The data may not be served at the site where energy costs nothing."""
    problem = base()
    service = problem.services[0].model_copy(update={"residency": Residency(sites=("b",))})
    sites = (Site(name="a", energy_usd_kwh=0.0), Site(name="b", energy_usd_kwh=1.0))
    return change(problem, services=(service,), sites=sites)


def with_staff(**people: float) -> Problem:
    """A person costs $60k a year."""
    return change(base(), money=Money(discount_rate=0.0, staff=Staff(usd_per_year=60_000, **people)))


def growing_into_better(**money: object) -> Problem:
    """Two years; s1 at once, twice as good s2 from the second year on, at a tenth of the price."""
    problem = base()
    workload = problem.workload.model_copy(
        update={
            "horizon": Horizon(years=2, epoch_years=1),
            "money": Money(discount_rate=0.0, **money),  # type: ignore[arg-type]
        }
    )
    epochs = make_epochs(workload)
    offers = (
        replace(problem.offers[0], life_years=1.0),
        replace(problem.offers[1], price_usd=10_000.0, available_years=1.0),
    )
    return replace(
        problem,
        workload=workload,
        epochs=epochs,
        offers=offers,
        periods=make_periods(workload, epochs),
    )


def with_resale() -> Problem:
    """Two years; the service ends after the first, and a system a year old brings 60 % of its price, a
    system two years old 10 %: without the limit to what was bought, the plan would sell for ever."""
    problem = base()
    service = problem.services[0].model_copy(update={"ends": "2028-01"})
    workload = problem.workload.model_copy(update={"horizon": Horizon(years=2), "services": (service,)})
    epochs = make_epochs(workload)
    offers = tuple(replace(o, resale_by_age=(0.6, 0.1)) for o in problem.offers)
    return replace(
        problem, workload=workload, epochs=epochs, offers=offers, periods=make_periods(workload, epochs)
    )


def taxed() -> Problem:
    """$200k, three years at 40 % tax: half is written off in them (6 years straight line), the rest then."""
    return change(base(), money=Money(discount_rate=0.0, tax_rate=0.4, depreciation_years=6))


BINDING: dict[str, Callable[[], Problem]] = {
    "tax": taxed,
    "demand": base,
    "deadline": lambda: one_busy_hour(12),
    "handoff": lambda: apart(),
    "capacity": base,
    "pool_size": with_lines,
    "promise": with_promise,
    "residency": with_residency,
    "site_loss": lambda: change(
        base(),
        sites=(Site(name="a", energy_usd_kwh=0.0), Site(name="b", energy_usd_kwh=0.0)),
        resilience=Resilience(site_loss_share=1.0),
    ),
    "feed": lambda: change(
        with_api(price=1.0), sites=(Site(name="a", energy_usd_kwh=0.0, feed_kw=16.0, pue=1.5),)
    ),
    "cooling": lambda: change(
        with_api(price=1.0), sites=(Site(name="a", energy_usd_kwh=0.0, cooling_kw=16.0),)
    ),
    "open_sites": lambda: change(base(), sites=(Site(name="a", energy_usd_kwh=0.0, opening_usd=1e5),)),
    "opening": lambda: change(base(), sites=(Site(name="a", energy_usd_kwh=0.0, opening_usd=1e5),)),
    "availability": lambda: change(base(), resilience=Resilience(availability=0.999)),
    "api_limits": lambda: with_api(limit=0.5),
    "systems": base,
    "rented": with_rent,
    "supply": lambda: change(base(), hardware=HardwarePolicy(supply={"s1": 1})),
    "promised": lambda: change(base(), hardware=HardwarePolicy(minimum={"s2": 3})),
    "budget": lambda: change(with_api(price=1.0), money=Money(discount_rate=0.0, budget_capex_usd=150_000)),
    "available": lambda: later(1.0),
    "lots": lambda: offered(minimum_lot=3),
    "vendor_share": lambda: change(with_vendors(), hardware=HardwarePolicy(vendor_share={"v": 0.4})),
    "power": lambda: change(with_api(price=1.0), sites=(Site(name="a", energy_usd_kwh=0.0, power_kw=16.0),)),
    "racks": lambda: change(with_api(price=1.0), sites=(Site(name="a", energy_usd_kwh=0.0, rack_units=4.0),)),
    "endurance": with_wear,
    "staffed": lambda: with_staff(per_site=2),
    "moved": lambda: growing_into_better(migration_usd_per_system=5000.0),
    "resale": with_resale,
    "load": with_idle,
    "renewal": with_replacements,
    "replacement": with_replacements,
    "purchase": base,
    "staff": lambda: with_staff(per_system=0.5, per_rack=1.0),
    "migration": lambda: growing_into_better(migration_usd_per_system=5000.0),
    "rental": with_rent,
    "energy": expensive_energy,
    "space": lambda: change(
        base(), sites=(Site(name="a", energy_usd_kwh=0.0, space_usd_per_rack_unit_month=99.0),)
    ),
    "api": lambda: with_api(price=1e-6),
}


def optimum(problem: Problem, without: frozenset[str] = frozenset()) -> float:
    outcome = HighsModel(build_program(problem, without)).solve()
    return float("inf") if outcome.values is None else outcome.objective


@pytest.mark.parametrize("name", sorted({*FAMILIES, *COSTS} - {"tax"}))  # taxes: the next test
def test_leaving_it_out_makes_the_plan_too_cheap(name: str) -> None:
    problem = BINDING[name]()
    assert optimum(problem, frozenset({name})) < optimum(problem) * (1 - 1e-6)


def test_idle_systems_draw_less() -> None:
    """Two systems, the use of 1.5 of them on average (2 and 1 requests/s, 1 replica each): 20 % + 80 % x 75 %
    of the energy of always typical power."""
    always, follows = optimum(with_idle(1.0)), optimum(with_idle(0.2))
    energy = always - 200.0
    assert follows - 200.0 == pytest.approx(energy * (0.2 + 0.8 * 0.75))


def test_taxes_make_the_plan_cheaper() -> None:
    assert optimum(taxed()) == pytest.approx(200.0 * 0.6)
    assert optimum(taxed(), frozenset({"tax"})) == pytest.approx(200.0)


def test_base_is_200_thousand_dollars() -> None:
    assert optimum(base()) == pytest.approx(200.0)


def test_docs_have_one_section_each() -> None:
    sections = re.findall(r"^### (\w+)$", DOCS.read_text(), re.M)
    assert sections == [*[s for s in sections if s in FAMILIES], *[s for s in sections if s in COSTS]]
    assert set(sections) == {*FAMILIES, *COSTS}


def test_taxes_come_last_whoever_is_imported_first() -> None:
    """They read the payments of all other terms."""
    first = "import solver.formulation.taxes; import solver.formulation.build as b"
    code = f"{first}; print(*(e.name for e in b.costs_in_order()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [e.name for e in costs_in_order()]
    assert found.stdout.split()[-1] == "tax"


@pytest.mark.parametrize("entry", [*FAMILIES.values(), *COSTS.values()], ids=lambda e: e.name)
def test_formula_stands_in_the_docstring(entry: object) -> None:
    assert entry.formula  # type: ignore[attr-defined]
    assert entry.add.__doc__  # type: ignore[attr-defined]


def test_every_entry_has_an_independent_check() -> None:
    from solver.verify import CHECKS

    assert {*FAMILIES, *COSTS} <= set(CHECKS)
