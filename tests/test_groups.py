"""Hours grouped service by service: the reduced program agrees with the one written out hour by hour."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from solver.backend.highs import HighsModel
from solver.backend.outcome import Ending
from solver.domain.workload import LoadedWorkload
from solver.engine.dispatch import dispatch
from solver.engine.fleets import Fleet, Solved
from solver.engine.grouped import State, roughly, solve_grouped
from solver.engine.relaxation import Relaxed, relaxation
from solver.engine.solve import Request, solve, solve_prepared
from solver.formulation import merge
from solver.formulation.build import build_program
from solver.formulation.clusters import service_clusters
from solver.formulation.groups import Curves
from solver.formulation.linking import LINKS
from solver.formulation.model import Program
from solver.formulation.prepare import Prepared, in_groups, prepare
from solver.inputs.catalogs import load_catalog
from solver.inputs.references import resolve_references
from solver.inputs.workload import load_workload
from solver.performance.calibration import load_calibration
from solver.plan.plan import Plan
from solver.verify.from_plan import verify_plan


def workload_text(rng: random.Random, hours: int = 24, sites: int = 1, levels: int = 6) -> str:
    """Three services: one may buy tokens, one rent by the hour, one only buy."""

    def curve(low: int, high: int) -> str:
        steps = [rng.randint(low, high) for _ in range(levels)]
        return ", ".join(str(rng.choice(steps)) for _ in range(hours))

    places = "\n".join(
        f"  - {{name: s{n}, energy: {60 + 20 * n} $/MWh{', power: 60 kW' if n == 0 else ''}}}"
        for n in range(sites)
    )
    return f"""\
name: hours
services:
  - {{name: talk, model: llama-3.3-70b, acquisitions: [buy, api], demand: {{rate_rps: [{curve(40, 400)}]}},
     lengths: [[500, 200, 0.6], [2000, 300, 0.4]]}}
  - {{name: read, model: llama-3.1-8b, acquisitions: [buy, rent], demand: {{rate_rps: [{curve(100, 900)}]}},
     lengths: [[2000, 100, 1]]}}
  - {{name: own, model: llama-3.1-8b, acquisitions: [buy], demand: {{rate_rps: [{curve(20, 200)}]}},
     lengths: [[900, 100, 1]]}}
horizon: 1 year
sites:
{places}
hardware: {{include: [dgx-h200, mi325x-8], profiles: only}}
profiles:
  - {{id: t1, system: dgx-h200, service: talk, requests_per_s: [{rng.randint(20, 40)}, {rng.randint(8, 16)}]}}
  - {{id: t2, system: mi325x-8, service: talk, requests_per_s: [{rng.randint(15, 30)}, {rng.randint(6, 14)}]}}
  - {{id: r1, system: dgx-h200, service: read, requests_per_s: [{rng.randint(60, 90)}]}}
  - {{id: r2, system: mi325x-8, service: read, requests_per_s: [{rng.randint(40, 80)}]}}
  - {{id: o1, system: dgx-h200, service: own, requests_per_s: [{rng.randint(50, 90)}]}}
"""


def prepared_of(text: str, folder: Path) -> tuple[LoadedWorkload, Prepared]:
    path = folder / "w.yaml"
    path.write_text(text)
    loaded = resolve_references(load_workload(path), load_catalog())
    return loaded, prepare(loaded.workload, load_catalog(), load_calibration(), reduce=False)


def grouped(prepared: Prepared) -> Prepared:
    return in_groups(prepared, Curves(prepared.problem.workload, prepared.problem.epochs))


@pytest.mark.parametrize("seed", range(6))
def test_reduced_and_full_agree(tmp_path: Path, seed: int) -> None:
    """Every hour written out, and grouped: the same optimum to 1e-6, in a verified plan."""
    rng = random.Random(seed)
    loaded, full = prepared_of(workload_text(rng), tmp_path)
    plan, true_usd = reduced_and_full_agree(loaded, full)
    assert plan.certified_bound_usd is not None
    assert plan.certified_bound_usd <= true_usd * (1 + 1e-9)


def reduced_and_full_agree(loaded: LoadedWorkload, full: Prepared) -> tuple[Plan, float]:
    """The verified plan of hours in groups, which costs what that of every hour does, and that cost (USD)."""
    true = HighsModel(build_program(curves_written_out(full).problem)).solve()
    found = solve_grouped(grouped(full), 1e-7, None)
    assert isinstance(found, Solved)
    assert found.outcome.objective == pytest.approx(true.objective, rel=1e-6)
    assert found.outcome.bound <= true.objective * (1 + 1e-9)
    plan = solve_prepared(loaded, load_catalog(), grouped(full), Request(gap=1e-7, compare=False))
    assert plan.verified
    assert plan.objective_usd == pytest.approx(true.objective * 1e3, rel=1e-6)
    return plan, true.objective * 1e3


def curves_written_out(prepared: Prepared) -> Prepared:
    """Every hour of the day a period of its own, equal or not."""
    curves = Curves(prepared.problem.workload, prepared.problem.epochs)
    everything = tuple(range(len(curves.streams)))
    hours = [
        type(g)(g.epoch, g.streams, (h,)) for g in curves.coarse([(everything, True)], 1) for h in g.hours
    ]
    return replace(prepared, problem=replace(prepared.problem, periods=curves.periods(hours, mean=False)))


@pytest.mark.parametrize("seed", range(4))
def test_the_optimum_lies_between(tmp_path: Path, seed: int) -> None:
    """With few groups and all hours different: bound <= true optimum <= plan."""
    rng = random.Random(100 + seed)
    _, full = prepared_of(workload_text(rng, levels=24), tmp_path)
    true = HighsModel(build_program(curves_written_out(full).problem)).solve().objective
    coarse = grouped(full)
    bound = HighsModel(relaxation(coarse, list(coarse.groups))).solve().bound
    assert bound <= true * (1 + 1e-9)
    found = solve_grouped(coarse, 0.2, None)
    assert isinstance(found, Solved)
    assert found.outcome.bound <= true * (1 + 1e-9)
    assert true <= found.outcome.objective * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_a_plan_and_a_bound_where_the_linear_program_does_not_end(seed: int, tmp_path: Path) -> None:
    """A mean hour of the year costs at most what the best plan does, a fleet for all peaks at least."""
    _, full = prepared_of(workload_text(random.Random(seed)), tmp_path)
    coarse = grouped(full)
    least = HighsModel(build_program(curves_written_out(full).problem)).solve().objective
    relaxed = Relaxed.of(coarse, list(coarse.groups), math.inf)
    nothing = replace(relaxed.linear, outcome=replace(relaxed.linear.outcome, ending=Ending.NO_POINT))
    state = State(0.0, time.perf_counter() + 20.0)
    roughly(coarse, replace(relaxed, linear=nothing), state, 5.0)
    assert state.best is not None
    assert 0.5 * least < state.bound <= least * (1 + 1e-6)
    assert least * (1 - 1e-6) <= state.best.outcome.objective < 2 * least


def test_a_plan_and_a_bound_where_no_linear_program_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What columns cost at the least is a bound still: nothing here brings money, so it is zero."""
    _, full = prepared_of(workload_text(random.Random(1)), tmp_path)
    coarse = grouped(full)
    relaxed = Relaxed.of(coarse, list(coarse.groups), math.inf)
    nothing = replace(relaxed.linear, outcome=replace(relaxed.linear.outcome, ending=Ending.NO_POINT))
    relaxed = replace(relaxed, linear=nothing)
    monkeypatch.setattr(Relaxed, "of", lambda *_: relaxed)
    state = State(0.0, time.perf_counter() + 20.0)
    roughly(coarse, relaxed, state, 5.0)
    assert state.best is not None
    assert state.bound == 0.0


def test_services_that_nothing_couples_are_apart(tmp_path: Path) -> None:
    """talk buys tokens without a limit, read rents alone, own only buys: its hours have no price."""
    _, full = prepared_of(workload_text(random.Random(1)), tmp_path)
    names = [s.name for s in full.problem.services]
    clusters = {tuple(names[k] for k in group): priced for group, priced in service_clusters(full.problem)}
    assert clusters == {("talk",): True, ("read",): True, ("own",): False}


def test_services_that_share_rent_or_a_limit_stay_together(tmp_path: Path) -> None:
    text = workload_text(random.Random(1)).replace(
        "acquisitions: [buy], demand", "acquisitions: [rent], demand"
    )
    _, full = prepared_of(text, tmp_path)
    names = [s.name for s in full.problem.services]
    assert ("own", "read") in {tuple(names[k] for k in group) for group, _ in service_clusters(full.problem)}
    api = full.problem.apis[0]
    limited = replace(full.problem, apis=(replace(api, requests_per_s_limit=5.0),))
    assert len(service_clusters(limited)) == len(service_clusters(full.problem))  # one user: nothing shared
    shared = replace(
        api, id="x", service="own", requests_per_s_limit=5.0, serves=(True,), usd_per_request=(1.0,)
    )
    both = replace(full.problem, apis=(*limited.apis, replace(shared, tokens=(1.0,))))
    assert len(service_clusters(both)) < len(service_clusters(limited))


def test_like_sites_merge_without_loss(tmp_path: Path) -> None:
    """Three sites that differ in power and energy only: the same fleet serves all hours at the same cost."""
    _, full = prepared_of(workload_text(random.Random(3), sites=3, levels=3), tmp_path)
    program = build_program(full.problem)
    merged = merge.merged(program)
    assert len(merged.rows) < len(program.rows)
    outcome = HighsModel(merged).solve(1e-3)
    assert outcome.values is not None
    values = dispatch(program, Fleet.of(merged, outcome.values).columns(program), 0.0, float("inf"))
    assert values is not None
    cost = sum(kusd * values[c] for c, kusd in program.objective().items())
    assert cost <= outcome.objective * (1 + 1e-9)
    again = dispatch(merged, Fleet.of(merged, outcome.values).columns(merged), 0.0, float("inf"))
    assert again is not None
    assert cost == pytest.approx(sum(kusd * again[c] for c, kusd in merged.objective().items()), rel=1e-7)


def test_dispatch_is_the_optimum_of_a_fixed_fleet(tmp_path: Path) -> None:
    _, full = prepared_of(workload_text(random.Random(4)), tmp_path)
    program = build_program(full.problem)
    model = HighsModel(program)
    outcome = model.solve()
    assert outcome.values is not None
    fleet = Fleet.of(program, outcome.values).columns(program)
    values = dispatch(program, fleet, 0.0, float("inf"))
    assert values is not None
    cost = sum(kusd * values[c] for c, kusd in program.objective().items())
    assert cost == pytest.approx(outcome.objective, rel=1e-7)
    assert dispatch(program, dict.fromkeys(fleet, 0.0), 0.0, float("inf")) is None  # own has no system


@pytest.mark.parametrize(
    ("field", "value"),
    [("mean_rps", 0.9), ("rate_rps", 0.9), ("services", None), ("covers", None)],
)
def test_tampered_groups_are_refused(tmp_path: Path, field: str, value: float | None) -> None:
    """Means, rates, services and hours of a group are checked against the workload."""
    loaded, full = prepared_of(workload_text(random.Random(5), levels=24), tmp_path)
    coarse = grouped(full)
    plan = solve_prepared(loaded, load_catalog(), coarse, Request(gap=0.2, compare=False))
    n = next(n for n, p in enumerate(plan.periods) if p.get("mean_rps") or field != "mean_rps")
    period = dict(plan.periods[n])
    if value is not None:
        period[field] = [rate * value for rate in period[field]]
    elif field == "services":
        period[field] = [k for k in range(3) if k not in period[field]]
    else:
        period[field] = period[field][:-1]
    periods = tuple(period if m == n else p for m, p in enumerate(plan.periods))
    assert not verify_plan(plan.model_copy(update={"periods": periods})).passed


def test_a_large_workload_is_grouped_by_itself(tmp_path: Path) -> None:
    """168 hours of three services on the menu of all systems: grouped, within the gap asked for, verified."""
    text = workload_text(random.Random(6), hours=168, levels=168, sites=2)
    path = tmp_path / "w.yaml"
    path.write_text(text)
    plan = solve(load_workload(path), request=Request(gap=5e-3, compare=False))
    assert plan.verified
    assert plan.gap <= 5e-3
    assert len(plan.periods) < 168 * 3


def test_rows_that_hold_other_traffic_too_are_not_merged_in_part() -> None:
    """Pool 0 serves alike at both sites, pool 1 does not (it has a row of its own at each).

    Both share the capacity of a site, 1. All of the traffic, 2, fits: 0.75 of pool 0 and 0.25 of pool 1 at
    each site. Pool 0's 1.5 in one column beside the 1 of one site would not.
    """
    program = Program()
    x = {(p, i): program.add(("x", p, i, "s", 0, 0)) for p in (0, 1) for i in (0, 1)}
    words = {"unit": "peaks of the service", "sentence": "as stated"}
    for i in (0, 1):
        program.row(f"capacity[{i}]", "capacity", {x[0, i]: 1.0, x[1, i]: 1.0}, "<=", 1.0, **words)
        program.row(f"own[{i}]", "handoff", {x[1, i]: 1.0}, "<=", 0.25, **words)
    program.row("demand", "demand", dict.fromkeys(x.values(), 1.0), "==", 2.0, **words)
    for column in x.values():
        program.cost("purchase", column, 1.0)
    assert HighsModel(program).solve().objective == pytest.approx(2.0)
    assert HighsModel(merge.merged(program)).solve().objective == pytest.approx(2.0)


def test_separate_pools_at_like_sites_reach_the_optimum(tmp_path: Path) -> None:
    """Rented by the hour at either of two like sites, prefill and decode apart or not: what is called optimal
    costs no more than the program written out."""
    day = [1.05] * 13 + [1.26, 1.47, 1.66, 1.78, 1.97, 1.87, 1.67, 1.52, 1.25, 1.05, 1.05]
    text = f"""\
name: apart
services:
  - {{name: apart, model: qwen3-235b-a22b, acquisitions: [rent], demand: {{requests_per_s: {day}}},
     lengths: {{prompt: 16000, output: 50}}, levels: {{ttft: 2 s, tpot: 50 ms}},
     serving: [aggregated, disaggregated], prefix_hit: 40 %, prefix_cache: {{retention: 5 min}}}}
horizon: 2 years
sites: [{{name: x0}}, {{name: x1}}]
hardware: {{include: [hyp-nvm-rram14-wafer, cerebras-cs3, dgx-h200], profiles: none}}
"""
    loaded, full = prepared_of(text, tmp_path)
    whole = HighsModel(build_program(full.problem, LINKS)).solve(time_limit_s=60)
    plan = solve(loaded, request=Request(compare=False))
    assert plan.outcome == "optimal"
    assert plan.objective_usd <= whole.objective * 1e3 * (1 + 1e-6)
