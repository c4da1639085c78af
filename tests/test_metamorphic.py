"""What must happen to the answer when the question is changed in a known way.

Most relations run on random small problems (tests/small_problems.py) through the program and HiGHS; the
last ones run whole workloads through the engine.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_problems import make_case

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending
from solver.domain.catalog import Catalog
from solver.domain.workload import Demand, HardwarePolicy, Horizon, LengthBucket, LoadedWorkload
from solver.engine.solve import Request, solve
from solver.formulation.build import build_program
from solver.formulation.epochs import make_epochs, make_periods
from solver.formulation.problem import Problem
from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import apply_overrides, workload_from
from solver.inputs.yaml_text import load_yaml
from solver.operating_points.point import ApiPoint, OperatingPoint
from solver.performance.calibration import Calibration, load_calibration
from solver.performance.queueing import Line
from solver.plan.plan import Plan

SEEDS = st.integers(0, 10**6)
FACTORS = st.sampled_from([1e-3, 0.1, 0.5, 2.0, 10.0, 1e3])
relation = settings(max_examples=30, deadline=None, derandomize=True)


def cost(problem: Problem) -> float:
    """Cost of the best fleet in k$; infinite if there is none."""
    outcome = HighsModel(build_program(problem)).solve()
    if outcome.ending is Ending.INFEASIBLE:
        return math.inf
    assert outcome.ending is Ending.OPTIMAL
    return outcome.objective


def problem_of(seed: int) -> Problem:
    return make_case(seed).prepared.problem


def stated(problem: Problem, **changes: Any) -> Problem:
    """The problem with other statements in its workload; epochs and periods follow."""
    workload = problem.workload.model_copy(update=changes)
    epochs = make_epochs(workload)
    return replace(problem, workload=workload, epochs=epochs, periods=make_periods(workload, epochs))


def service(problem: Problem, **changes: Any) -> Problem:
    return stated(problem, services=(problem.services[0].model_copy(update=changes),))


def money(problem: Problem, **changes: Any) -> Problem:
    return stated(problem, money=problem.workload.money.model_copy(update=changes))


def site(problem: Problem, **changes: Any) -> Problem:
    return stated(problem, sites=(problem.sites[0].model_copy(update=changes),))


def scaled_rates(problem: Problem, factor: float) -> Problem:
    rates = tuple(r * factor for r in problem.services[0].demand.rate_rps)
    return service(problem, demand=Demand(rate_rps=rates))


def unlimited(problem: Problem) -> Problem:
    """Without budget, power limit or supply: cannot bind."""
    problem = site(money(problem, budget_capex_usd=None), power_kw=None)
    return stated(problem, hardware=HardwarePolicy())


def pooling(problem: Problem) -> Problem:
    """With two replicas never carrying less than twice one (the oracle's problems also have the opposite)."""
    one = (Line(1, 10**6, 1.0, 0.0),)
    points = tuple(replace(p, lines=one) if p.lines[0].slope == 1 else p for p in problem.points)
    return replace(problem, points=points)


def same(first: float, second: float) -> None:
    assert second == pytest.approx(first, rel=1e-7)


def not_less(first: float, second: float) -> None:
    assert second >= first * (1 - 1e-9)


# --- nothing changes --------------------------------------------------------------------------------


@relation
@given(SEEDS, st.sampled_from([0.1, 0.5, 2.0, 10.0]))
def test_another_currency_scales_the_cost(seed: int, factor: float) -> None:
    problem = problem_of(seed)
    budget = problem.workload.money.budget_capex_usd
    changed = money(problem, budget_capex_usd=None if budget is None else budget * factor)
    changed = site(changed, energy_usd_kwh=problem.sites[0].energy_usd_kwh * factor)
    changed = replace(
        changed,
        offers=tuple(replace(o, price_usd=o.price_usd * factor) for o in problem.offers),
        apis=tuple(
            replace(a, usd_per_request=tuple(u * factor for u in a.usd_per_request)) for a in problem.apis
        ),
    )
    same(cost(problem) * factor, cost(changed))


@relation
@given(SEEDS, st.sampled_from([0.1, 0.5, 2.0, 10.0]))
def test_another_unit_of_power(seed: int, factor: float) -> None:
    problem = problem_of(seed)
    here = problem.sites[0]
    limit = None if here.power_kw is None else here.power_kw * factor
    changed = site(problem, power_kw=limit, energy_usd_kwh=here.energy_usd_kwh / factor)
    facts = {
        s: replace(f, power_typ_kw=f.power_typ_kw * factor, power_max_kw=f.power_max_kw * factor)
        for s, f in problem.systems.items()
    }
    same(cost(problem), cost(replace(changed, systems=facts)))


@relation
@given(SEEDS, FACTORS)
def test_another_unit_of_traffic(seed: int, factor: float) -> None:
    """Requests counted in thousands: rates divided, use of a replica and price of a request multiplied."""
    problem = problem_of(seed)
    changed = replace(
        scaled_rates(problem, factor),
        points=tuple(
            replace(p, use=tuple(tuple(u / factor for u in row) for row in p.use)) for p in problem.points
        ),
        apis=tuple(
            replace(
                a,
                usd_per_request=tuple(u / factor for u in a.usd_per_request),
                requests_per_s_limit=a.requests_per_s_limit and a.requests_per_s_limit * factor,
            )
            for a in problem.apis
        ),
    )
    same(cost(problem), cost(changed))


@relation
@given(SEEDS)
def test_order_of_offers_and_points(seed: int) -> None:
    problem = problem_of(seed)
    changed = replace(problem, points=problem.points[::-1], offers=problem.offers[::-1])
    same(cost(problem), cost(changed))


@relation
@given(SEEDS, st.text("zyxab/ -=@,\n", min_size=1, max_size=6))
def test_names_do_not_matter(seed: int, name: str) -> None:
    problem = problem_of(seed)
    words = {s: f"{name}{n}" for n, s in enumerate(reversed(list(problem.systems)))}
    supply = {words[s]: n for s, n in problem.workload.hardware.supply.items()}
    changed = stated(
        problem,
        hardware=HardwarePolicy(supply=supply),
        services=(problem.services[0].model_copy(update={"name": name}),),
        sites=(problem.sites[0].model_copy(update={"name": name}),),
    )
    changed = replace(
        changed,
        points=tuple(
            replace(p, id=f"{name}{p.id}", service=name, system=words[p.system]) for p in problem.points
        ),
        apis=tuple(replace(a, id=f"{name}{a.id}", service=name) for a in problem.apis),
        offers=tuple(replace(o, id=f"{name}{o.id}", system=words[o.system]) for o in problem.offers),
        systems={words[s]: replace(f, id=words[s]) for s, f in problem.systems.items()},
    )
    same(cost(problem), cost(changed))


@relation
@given(SEEDS, st.floats(1.0, 5.0))
def test_a_dominated_offer_changes_nothing(seed: int, factor: float) -> None:
    problem = problem_of(seed)
    dearer = tuple(replace(o, id=f"{o.id}2", price_usd=o.price_usd * factor) for o in problem.offers)
    same(cost(problem), cost(replace(problem, offers=(*problem.offers, *dearer))))


@relation
@given(SEEDS)
def test_hardware_listed_twice(seed: int) -> None:
    """The same system under a second name: nothing gets cheaper where supply does not bind."""
    problem = pooling(unlimited(problem_of(seed)))
    twin = {f"{s}-twin": replace(f, id=f"{s}-twin") for s, f in problem.systems.items()}
    changed = replace(
        problem,
        points=problem.points
        + tuple(replace(p, id=f"{p.id}-twin", system=f"{p.system}-twin") for p in problem.points),
        offers=problem.offers
        + tuple(replace(o, id=f"{o.id}-twin", system=f"{o.system}-twin") for o in problem.offers),
        systems=problem.systems | twin,
    )
    same(cost(problem), cost(changed))


@relation
@given(SEEDS)
def test_a_limit_that_does_not_bind_changes_nothing(seed: int) -> None:
    problem = problem_of(seed)
    changed = money(site(problem, rack_units=5000), budget_total_usd=1e9)
    same(cost(problem), cost(changed))


@relation
@given(SEEDS, st.integers(1, 23))
def test_hours_in_another_order(seed: int, by: int) -> None:
    problem = problem_of(seed)
    rates = problem.services[0].demand.rate_rps
    by %= len(rates)
    same(cost(problem), cost(service(problem, demand=Demand(rate_rps=rates[by:] + rates[:by]))))


@relation
@given(SEEDS)
def test_a_day_repeated_all_week_is_the_day(seed: int) -> None:
    problem = problem_of(seed)
    rates = problem.services[0].demand.rate_rps
    week = rates * (168 // len(rates))
    same(cost(problem), cost(service(problem, demand=Demand(rate_rps=week))))


@relation
@given(SEEDS)
def test_a_bucket_in_two_halves_is_the_bucket(seed: int) -> None:
    problem = problem_of(seed)
    short, long = problem.services[0].lengths
    half = LengthBucket(prompt_tokens=1000, output_tokens=100, share=long.share / 2)

    def point(p: OperatingPoint) -> OperatingPoint:
        return replace(
            p,
            use=tuple((*row, row[1]) for row in p.use),
            ttft_s=(*p.ttft_s, p.ttft_s[1]),
            end_to_end_s=(*p.end_to_end_s, p.end_to_end_s[1]),
            serves=(*p.serves, p.serves[1]),
            kv_bytes=(*p.kv_bytes, p.kv_bytes[1]),
            late={name: (*flags, flags[1]) for name, flags in p.late.items()},
        )

    def api(a: ApiPoint) -> ApiPoint:
        return replace(
            a,
            usd_per_request=(*a.usd_per_request, a.usd_per_request[1]),
            tokens=(*a.tokens, a.tokens[1]),
            serves=(*a.serves, a.serves[1]),
        )

    changed = replace(
        service(problem, lengths=(short, half, half)),
        points=tuple(map(point, problem.points)),
        apis=tuple(map(api, problem.apis)),
    )
    same(cost(problem), cost(changed))


@relation
@given(SEEDS, SEEDS)
def test_independent_sites_add_up(first: int, second: int) -> None:
    """Each site has its own service and hardware; only the bill is common."""
    halves = [money(problem_of(seed), discount_rate=0.08, budget_capex_usd=None) for seed in (first, second)]
    curves = [p.services[0].demand.rate_rps for p in halves]
    apart = []
    for n, problem in enumerate(halves):
        tag = "ab"[n]
        apart.append(
            replace(
                problem,
                points=tuple(
                    replace(p, id=f"{tag}{p.id}", service=tag, system=f"{tag}{p.system}", sites=(tag,))
                    for p in problem.points
                ),
                apis=tuple(replace(a, id=f"{tag}{a.id}", api=tag, service=tag) for a in problem.apis),
                offers=tuple(
                    replace(o, id=f"{tag}{o.id}", system=f"{tag}{o.system}") for o in problem.offers
                ),
                systems={f"{tag}{s}": replace(f, id=f"{tag}{s}") for s, f in problem.systems.items()},
            )
        )
    supply = {
        f"{'ab'[n]}{s}": most for n, p in enumerate(halves) for s, most in p.workload.hardware.supply.items()
    }
    both = stated(
        replace(
            apart[0],
            points=apart[0].points + apart[1].points,
            apis=apart[0].apis + apart[1].apis,
            offers=apart[0].offers + apart[1].offers,
            systems=apart[0].systems | apart[1].systems,
        ),
        services=tuple(
            p.services[0].model_copy(update={"name": "ab"[n], "demand": Demand(rate_rps=curves[n])})
            for n, p in enumerate(halves)
        ),
        sites=tuple(p.sites[0].model_copy(update={"name": "ab"[n]}) for n, p in enumerate(halves)),
        hardware=HardwarePolicy(supply=supply),
    )
    same(cost(halves[0]) + cost(halves[1]), cost(both))


# --- only one direction -----------------------------------------------------------------------------

#: A change that makes the question harder: the cost may not fall.
HARDER: dict[str, Callable[[Problem, float], Problem]] = {
    "more demand": lambda p, f: scaled_rates(p, f),
    "higher prices": lambda p, f: replace(
        p, offers=tuple(replace(o, price_usd=o.price_usd * f) for o in p.offers)
    ),
    "dearer tokens": lambda p, f: replace(
        p,
        apis=tuple(replace(a, usd_per_request=tuple(u * f for u in a.usd_per_request)) for a in p.apis),
    ),
    "dearer energy": lambda p, f: site(p, energy_usd_kwh=p.sites[0].energy_usd_kwh * f),
    "worse cooling": lambda p, f: site(p, pue=p.sites[0].pue * f),
    "smaller budget": lambda p, f: money(p, budget_capex_usd=(p.workload.money.budget_capex_usd or 1e7) / f),
    "less power": lambda p, f: site(p, power_kw=(p.sites[0].power_kw or 1e3) / f),
    "less supply": lambda p, f: stated(
        p, hardware=HardwarePolicy(supply={s: int(n / f) for s, n in p.workload.hardware.supply.items()})
    ),
    "a stricter percentile": lambda p, f: service(
        p,
        levels=p.services[0].levels.model_copy(update={"ttft_percentile": 1 - 0.05 / f}),
    ),
    "a shorter time to the first token": lambda p, f: replace(
        p,
        points=tuple(
            replace(
                q, ttft_s=tuple(t * f for t in q.ttft_s), late={"ttft": tuple(t * f > 1 for t in q.ttft_s)}
            )
            for q in p.points
        ),
    ),
    "slower systems": lambda p, f: replace(
        p, points=tuple(replace(q, use=tuple(tuple(u * f for u in r) for r in q.use)) for q in p.points)
    ),
    "a longer horizon": lambda p, f: stated(p, horizon=Horizon(years=min(5.0, 3.0 * f))),
    "one supplier less": lambda p, f: replace(p, offers=p.offers[: 2 if f < 1.5 else 1]),
    "a spare replica": lambda p, f: stated(p, redundancy=round(f) - 1),
    "systems already promised": lambda p, f: stated(
        p,
        hardware=HardwarePolicy(
            supply=p.workload.hardware.supply,
            minimum={"s1": min(round(f) - 1, p.workload.hardware.supply["s1"])},
        ),
    ),
}


@pytest.mark.parametrize("name", HARDER)
@relation
@given(SEEDS, st.floats(1.0, 3.0).map(lambda f: round(f, 2)))
def test_a_harder_question_never_costs_less(name: str, seed: int, factor: float) -> None:
    problem = problem_of(seed)
    same_question = HARDER[name](problem, 1.0)
    not_less(cost(same_question), cost(HARDER[name](problem, factor)))


@relation
@given(SEEDS, st.floats(0.1, 0.9))
def test_a_split_service_costs_no_less(seed: int, share: float) -> None:
    """Two services that may not share replicas, instead of one: pooling is never a loss."""
    problem = pooling(unlimited(problem_of(seed)))
    whole = problem.services[0]
    rates = whole.demand.rate_rps
    parts = tuple(
        whole.model_copy(update={"name": name, "demand": Demand(rate_rps=tuple(r * s for r in rates))})
        for name, s in (("chat", share), ("rest", 1 - share))
    )
    changed = replace(
        stated(problem, services=parts),
        points=problem.points + tuple(replace(p, id=f"{p.id}-rest", service="rest") for p in problem.points),
        apis=tuple(replace(a, requests_per_s_limit=None) for a in problem.apis)
        + tuple(
            replace(a, id=f"{a.id}-rest", service="rest", requests_per_s_limit=None) for a in problem.apis
        ),
    )
    together = replace(problem, apis=tuple(replace(a, requests_per_s_limit=None) for a in problem.apis))
    not_less(cost(together), cost(changed))


def test_the_problems_are_not_all_alike() -> None:
    """Feasible and infeasible ones, with and without an API, one and two periods, one and both systems."""
    problems = [problem_of(random.Random(n).randrange(10**6)) for n in range(60)]
    costs = [cost(p) for p in problems]
    assert 5 < sum(map(math.isinf, costs)) < 55
    assert len({round(c, 6) for c in costs if c < math.inf}) > 20
    assert {len(p.apis) for p in problems} == {0, 1}
    assert {len(p.periods) for p in problems} == {1, 2}


# --- whole workloads --------------------------------------------------------------------------------

TWO_SITES = """\
name: two
services:
  - name: chat
    model: llama-3.1-8b
    acquisitions: [buy, api]
    demand:
      peak_requests_per_s: 30
      day: [4, 3, 2, 2, 3, 4, 6, 8, 9, 9, 9, 9, 9, 9, 9, 8, 8, 8, 7, 7, 6, 6, 5, 4]
    lengths:
      - {prompt_tokens: 800, output_tokens: 200, share: 70 %}
      - {prompt_tokens: 3000, output_tokens: 400, share: 30 %}
    levels: {ttft: 1 s, tpot: 40 ms}
  - name: agent
    model: llama-3.1-8b
    acquisitions: [buy]
    demand: 20 requests/s
    lengths: {prompt: 1000, output: 250}
    levels: {ttft: 500 ms, tpot: 20 ms}
sites:
  - {name: east, power: 60 kW, energy: $0.11/kWh}
  - {name: west, power: 40 kW, energy: $0.07/kWh}
horizon: 3 years
hardware: {include: [dgx-h100, dgx-a100-80]}
"""


@cache
def catalogs() -> tuple[Catalog, Calibration]:
    return load_catalog(), load_calibration()


def plan_of(workload: LoadedWorkload, *changes: str, **request: bool) -> Plan:
    loaded = apply_overrides(workload, changes)
    return solve(loaded, *catalogs(), Request(compare=False, **request))


@cache
def two_sites() -> LoadedWorkload:
    return workload_from(load_yaml(Path("two.yaml"), text=TWO_SITES), Path())


def shuffled(loaded: LoadedWorkload) -> LoadedWorkload:
    """The same statements, each list in the opposite order."""
    work = loaded.workload
    services = tuple(s.model_copy(update={"lengths": s.lengths[::-1]}) for s in work.services[::-1])
    hardware = work.hardware.model_copy(update={"include": work.hardware.include[::-1]})
    changed = work.model_copy(update={"services": services, "sites": work.sites[::-1], "hardware": hardware})
    return loaded.model_copy(update={"workload": changed})


def test_order_of_the_file_changes_no_plan() -> None:
    first, second = plan_of(two_sites()), plan_of(shuffled(two_sites()))
    assert len({s.site for s in first.systems} | {s.name for s in first.systems}) > 1
    assert second.systems == first.systems
    assert second.pools == first.pools
    assert second.objective_usd == first.objective_usd
    flipped = {(r.service, r.period, r.target, r.site, r.mode, r.share) for r in second.routes}
    assert flipped == {(r.service, r.period, r.target, r.site, r.mode, r.share) for r in first.routes}


@pytest.mark.parametrize("changes", [(), ("services.0.levels.ttft=300 ms",), ("sites.0.power=30 kW",)])
def test_pruning_points_changes_no_cost(changes: tuple[str, ...]) -> None:
    """Dominated operating points are left out before the solve; with them the cost is the same."""
    loaded = two_sites()
    pruned = plan_of(loaded, *changes)
    same(pruned.objective_usd, plan_of(loaded, *changes, prune=False).objective_usd)


def test_leaving_out_smaller_hours_changes_no_cost() -> None:
    loaded = apply_overrides(two_sites(), ["services.chat.acquisitions=[buy]"])
    reduced, full = plan_of(loaded), plan_of(loaded, reduce=False)
    assert len(reduced.periods) < len(full.periods)
    same(reduced.objective_usd, full.objective_usd)


@pytest.mark.parametrize(
    "changes",
    [
        ("services.chat.levels.ttft=400 ms",),
        ("services.chat.levels.tpot=15 ms",),
        ("services.agent.demand.requests_per_s=30",),
        ("horizon.years=4",),
        ("redundancy=1",),
        ("hardware.include=[dgx-a100-80]",),
        ("services.chat.acquisitions=[buy]",),
    ],
)
def test_harder_workloads_never_cost_less(changes: tuple[str, ...]) -> None:
    not_less(plan_of(two_sites()).objective_usd, plan_of(two_sites(), *changes).objective_usd)
