"""A saved plan in replay: pools, routing, traces, the command, and the closed loop."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solver.cli.app import main
from solver.domain.workload import Demand, LengthBucket, Service, ServiceLevels, Site, Workload
from solver.errors import InfeasibleError, InputError
from solver.inputs.traces import Trace
from solver.operating_points.point import OperatingPoint, StepLaw
from solver.operating_points.profiles import STATED
from solver.performance.queueing import Line
from solver.plan.plan import Plan, Pool, Route, SystemPurchase
from solver.plan.serialise import load_plan, plan_json, point_to_dict
from solver.simulate import replay
from solver.simulate.dials import Told, planned
from solver.simulate.from_plan import (
    PeriodReplay,
    PlanReplay,
    replay_plan,
    requests_for_each,
    workload_of,
)
from solver.simulate.plan_pools import pool_spec, pools_in
from solver.simulate.plan_traffic import bucket_of, traffic_of
from solver.simulate.smallest import passes, smallest_fleet
from solver.simulate.summary import behind_plan
from solver.simulate.tighten import REPLAYS, close_loop
from solver.simulate.trace_lengths import TraceLengths
from solver.simulate.types import PoolSpec, Promise, ReplayResult, ServiceResult, ServiceSpec, Traffic

LENGTHS = (
    LengthBucket(prompt_tokens=500, output_tokens=100, share=0.75),
    LengthBucket(prompt_tokens=2000, output_tokens=300, share=0.25),
)
RATE = 24.0  # requests/s; a replica serves at most 0.75 / (0.035 + 0.030) = 11.5 of them
LEVELS = ServiceLevels(ttft_ms=500, tpot_ms=40)
WORKLOAD = Workload(
    name="w",
    services=(
        Service(name="chat", model="m", demand=Demand(rate_rps=(RATE,)), lengths=LENGTHS, levels=LEVELS),
    ),
    sites=(Site(name="here", round_trip_ms=10),),
)
KV_PER_TOKEN, CAPACITY, BATCH, TAU = 1e5, 1e10, 64, 0.040


def point() -> OperatingPoint:
    hold = [100 * TAU + 0.05, 300 * TAU + 0.2]
    memory = [h * KV_PER_TOKEN * c / CAPACITY for h, c in zip(hold, (550, 2150), strict=True)]
    return OperatingPoint(
        id="chat/x", service="chat", model="m", system="x", systems_per_replica=Fraction(1, 2), layout="TP4",
        weight_precision="fp8", kv_precision="fp8", placement="resident", batch=BATCH, tpot_s=TAU, wait_s=0.2,
        resources=("time", "KV memory", "slots"),
        use=((0.05, 0.2), tuple(memory), tuple(h / BATCH for h in hold)),
        ttft_s=(0.3, 0.5), end_to_end_s=(5.0, 13.0), late={}, serves=(True, True),
        lines=(Line(1, 9, 0.8, 0.0),),
        kv_bytes=(600 * KV_PER_TOKEN, 2300 * KV_PER_TOKEN), kv_capacity_bytes=CAPACITY,
        step=StepLaw(0.010, 0.0002, 0.0, 0.00004, 0.0, 0.0, 0.015, False), wear=None, evidence="by hand",
        spread=1.0,
    )  # fmt: skip


def plan(replicas: int = 4, share: str = "1", **more: Any) -> Plan:
    pool = Pool(
        point="chat/x", service="chat", model="m", system="x", site="here", mode="standing", epoch=0,
        period=None, replicas=replicas, spare_replicas=0, systems_per_replica="1/2", layout="TP4",
        weight_precision="fp8",
        batch=BATCH, tpot_ms=TAU * 1e3, line=0, evidence="by hand",
    )  # fmt: skip
    routes = [
        Route(service="chat", bucket=b, period=0, target="chat/x", site="here", mode="standing", share=share)
        for b in (0, 1)
    ]
    values: dict[str, Any] = {
        "outcome": "optimal", "workload": "w", "objective": "cost", "objective_usd": 1.0, "bound_usd": 1.0,
        "gap": 0.0, "verified": True, "horizon_years": 1.0, "epochs": ((0.0, 1.0),),
        "periods": ({"index": 0, "epoch": 0, "hours": 8766.0, "rate_rps": [RATE], "label": "all hours"},),
        "systems": (), "pools": (pool,), "routes": tuple(routes), "service_levels": (), "costs": (),
        "usd_per_m_output_tokens": 1.0, "usd_per_m_tokens": 1.0, "power_kw": {},
        "points": {"chat/x": point_to_dict(point())},
        "inputs": {"workload": WORKLOAD.model_dump(mode="json"), "systems": {"x": {"power_typ_kw": 6.0}}},
    }  # fmt: skip
    return Plan(**{**values, **more})


def test_a_pool_takes_its_numbers_from_the_operating_point() -> None:
    spec = pool_spec(plan().pools[0], point(), WORKLOAD, 6.0)
    assert spec.kv_per_token_bytes == pytest.approx(KV_PER_TOKEN)
    assert spec.kv_fixed_bytes == 0.0
    assert spec.kv_written_per_token_bytes == pytest.approx(KV_PER_TOKEN)
    assert spec.power_kw == 3.0  # half a system of 6 kW
    assert spec.step.ttft_overhead_s == pytest.approx(0.015 - 0.010 + 0.010)  # less a step, plus round trip


def test_a_window_shows_as_a_fixed_part_of_the_memory() -> None:
    # 2e4 bytes per token and 3e6 bytes for full windows
    hold = [100 * TAU + 0.05, 300 * TAU + 0.2]
    memory = [h * (3e6 + 2e4 * c) / CAPACITY for h, c in zip(hold, (550, 2150), strict=True)]
    windowed = replace(point(), use=(point().use[0], tuple(memory), point().use[2]))
    spec = pool_spec(plan().pools[0], windowed, WORKLOAD, 0.0)
    assert spec.kv_fixed_bytes == pytest.approx(3e6)
    assert spec.kv_per_token_bytes == pytest.approx(2e4)


def test_a_measured_profile_keeps_its_pace() -> None:
    measured = replace(point(), step=None, resources=("slots",), use=((0.1, 0.2),), kv_capacity_bytes=0.0,
                       ttft_s=(0.35, 0.35), wait_s=0.2)  # fmt: skip
    spec = pool_spec(plan().pools[0], measured, WORKLOAD, 0.0)
    one = traffic_of(plan(), WORKLOAD, 0, 100.0, 1, {})
    result = replay([spec], [], one)
    assert result.tpot_s.max() == pytest.approx(TAU)
    assert np.median(result.ttft_s) == pytest.approx(0.35 - 0.2 + 0.010, abs=TAU)


def test_a_request_takes_the_time_that_the_workload_s_profile_states() -> None:
    """4 requests/s of short ones or 1 of long ones fill a replica; one pace for all tokens would be 1:3."""
    stated = replace(
        point(), evidence=STATED, batch=1, step=None, resources=("slots",), use=((0.25, 1.0),),
        kv_bytes=(0.0, 0.0), kv_capacity_bytes=0.0,
    )  # fmt: skip
    service = WORKLOAD.services[0].model_copy(update={"levels": ServiceLevels()})
    free = WORKLOAD.model_copy(update={"services": (service,)})
    slow = ({**plan().periods[0], "rate_rps": [0.001]},)
    one = plan(1, points={"chat/x": point_to_dict(stated)}, periods=slow)
    result = replay_plan(one, requests=500, workload=free).periods[0].result
    took = np.round(result.end_to_end_s, 6)
    assert set(took.tolist()) == {0.26, 1.01}  # and the round trip of the site
    assert float((took == 0.26).mean()) == pytest.approx(0.75, abs=0.06)


def test_a_good_plan_holds_and_a_small_one_does_not() -> None:
    good = replay_plan(plan(4), seed=1, requests=4000)
    assert good.holds
    assert {p.name for p in good.periods[0].result.services[0].promises} == {"ttft", "tpot"}
    assert not replay_plan(plan(1), seed=1, requests=4000).holds


def test_half_of_the_traffic_goes_to_an_api() -> None:
    load = traffic_of(plan(share="1/2"), WORKLOAD, 0, 2000.0, 3, {})
    assert float((load.pool == 0).mean()) == pytest.approx(0.5, abs=0.02)
    assert len(load) / 2000.0 == pytest.approx(RATE, rel=0.03)
    result = replay_plan(plan(1, share="1/2"), seed=3, requests=1000).periods[0].result
    assert result.services[0].requests < 600
    only_api = plan(pools=(), points={})
    assert replay_plan(only_api, requests=500).periods[0].result.services[0].requests == 0


def test_spare_replicas_stand_beside_those_that_serve() -> None:
    """Systems are installed for R + spare replicas; R of them serve, so the replay takes R."""
    pool = plan(4).pools[0].model_copy(update={"spare_replicas": 3})
    spared = plan(4).model_copy(update={"pools": (pool,)})
    assert pool_spec(pools_in(spared, 0)[0], point(), WORKLOAD, 6.0).replicas == 4
    assert replay_plan(spared, seed=1, requests=2000) == replay_plan(plan(4), seed=1, requests=2000)


def test_a_trace_is_scaled_and_its_lengths_are_kept() -> None:
    rng = np.random.default_rng(0)
    arrival = np.sort(rng.uniform(0, 600, 1200))  # 2 requests/s
    prompt = rng.choice([480, 2100], 1200)
    trace = TraceLengths(arrival, prompt, np.where(prompt > 1000, 310, 90), "t")
    load = traffic_of(plan(), WORKLOAD, 0, 500.0, 2, {"": trace})
    assert len(load) / 500.0 == pytest.approx(RATE, rel=0.1)
    assert set(np.unique(load.prompt)) == {480, 2100}
    assert bucket_of(prompt, trace.output_tokens, LENGTHS).tolist() == (prompt > 1000).astype(int).tolist()
    assert replay_plan(plan(), traces={"chat": trace}, requests=3000).holds


def test_same_seed_same_bytes() -> None:
    assert (
        replay_plan(plan(), seed=5, requests=1500).to_json()
        == replay_plan(plan(), seed=5, requests=1500).to_json()
    )
    assert (
        replay_plan(plan(), seed=6, requests=1500).to_json()
        != replay_plan(plan(), seed=5, requests=1500).to_json()
    )


def test_a_plan_without_its_inputs_is_refused() -> None:
    with pytest.raises(InputError, match="does not hold its workload"):
        workload_of(plan(inputs={}))
    with pytest.raises(InputError, match="incomplete"):
        replay_plan(plan(points={}))
    with pytest.raises(InputError, match="replicas"):
        replay_plan(plan(10**9))


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a plan made by the program itself, in a closed loop with short replays."""
    out = tmp_path_factory.mktemp("solved")
    bought = ["--set", "services.0.acquisitions=[buy]", "--set", "services.0.demand.requests_per_s=200"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr("solver.cli.closed_loop.REQUESTS", 600)
        main(["solve", "05-small-8b", *bought, "--no-compare", "--simulate", "--out", str(out)])
    assert ended.value.code == 0
    return out / "plan.json"


def test_solve_closes_the_loop(solved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "every promise of time holds in" in load_plan(solved).notes[-1]
    assert "of 40 replays that were not used to size it" in load_plan(solved).notes[-1]
    with pytest.raises(SystemExit) as ended:
        main(["solve", "04-conversation-and-code", "--trace", "x.csv"])
    assert ended.value.code == 2
    assert "add --simulate" in capsys.readouterr().err


def test_the_command_tells_promises_and_ends_with_the_promised_code(
    solved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def ending(*options: str) -> object:
        with pytest.raises(SystemExit) as ended:
            main(["simulate", str(solved), "--requests", "5000", *options])
        return ended.value.code

    assert ending() == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Every promise holds") and re.search(r"TTFT +95 ", shown)
    burst = tmp_path / "burst.csv"  # all requests within one of every hundred seconds
    rows = [f"{n / 1000},1000,200" for n in range(1000)] + ["100,1000,200"]
    burst.write_text("timestamp,prompt_tokens,output_tokens\n" + "\n".join(rows), encoding="utf-8")
    assert ending("--trace", str(burst), "--requests", "20000", "--json") == 6
    assert json.loads(capsys.readouterr().out)["holds"] is False
    assert ending("--period", "70") == 2
    assert "there is no period 70" in capsys.readouterr().err


def test_a_plan_that_fails_the_exact_check_is_not_replayed(
    solved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cheaper = load_plan(solved).model_copy(update={"objective_usd": 1.0})
    file = tmp_path / "plan.json"
    file.write_text(plan_json(cheaper), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["simulate", str(file)])
    assert ended.value.code == 6
    assert "is not replayed" in capsys.readouterr().err


def fleet(told: Mapping[str, Told], stated: float) -> Plan:
    """A plan whose replicas grow with the burstiness that the waiting model is told: at 2, 4, 8"""
    now = told.get("chat", Told()).burstiness or stated
    factor = told.get("chat", Told()).factor
    service = WORKLOAD.services[0].model_copy(update={"demand": Demand(rate_rps=(RATE,), cv2=stated)})
    workload = WORKLOAD.model_copy(update={"services": (service,)}).model_dump(mode="json")
    replicas = 1 + int(np.log2(now)) + round(10 * (1 - factor))
    inputs = {"workload": workload, "systems": {"x": {"power_typ_kw": 6.0}}}
    return plan(replicas, inputs=inputs, objective_usd=float(replicas))


def test_bursts_by_time_are_tightened_together() -> None:
    """At 4 and 9, told 17 in place of 9: the excess of each, 3 and 8, twice."""
    demand = Demand(rate_rps=(RATE,), planned_cv2_by_s={1.0: 4.0, 10.0: 9.0})
    service = WORKLOAD.services[0].model_copy(update={"demand": demand})
    told = planned(WORKLOAD.model_copy(update={"services": (service,)}), {"chat": Told(17.0)})
    assert told.services[0].demand.planned_cv2_by_s == {1.0: 7.0, 10.0: 17.0}
    assert told.services[0].demand.planned_cv2 is None


def test_every_service_has_its_requests_in_a_replay() -> None:
    """A quarter of the requests/s is 3,000 requests where 12,000 of both are replayed."""
    both = plan(1).model_copy(update={"periods": ({**plan(1).periods[0], "rate_rps": (6.0, 2.0)},)})
    assert requests_for_each(both, 3000) == 12_000
    assert requests_for_each(both, 3000, most=5000) == 5000


def outcome(holds: bool, name: str = "ttft") -> PlanReplay:
    """A replay in which the promise of a time ``name`` holds or does not."""
    promise = Promise(name, 0.95, 1.0, 0.5, 1.0 if holds else 0.0)
    service = ServiceResult("chat", 1, 0, (), (), (), 0.0, (promise,))
    none = np.zeros(0)
    result = ReplayResult(1.0, (service,), (), none, none, none, none.astype(np.int64))
    return PlanReplay((PeriodReplay(0, "all hours", 0, result),))


@pytest.mark.parametrize(("stated", "needs"), [(1.0, 4), (64.0, 3), (3.0, 2), (64.0, 7), (64.0, 1)])
def test_the_loop_finds_the_smallest_fleet_that_holds(stated: float, needs: int) -> None:
    """Too small: tightened. Too large: loosened. In both cases down to the fewest replicas that hold."""
    closed = close_loop(lambda told: fleet(told, stated), lambda p, _: outcome(p.pools[0].replicas >= needs))
    assert closed.holds and closed.kept == REPLAYS
    assert closed.plan.pools[0].replicas == needs
    changed = fleet({}, stated).pools[0].replicas != needs
    assert ("planned with burstiness" in closed.plan.notes[-1]) == changed == bool(closed.told)


def test_what_does_not_hang_on_waiting_lowers_the_safe_loads() -> None:
    closed = close_loop(
        lambda told: fleet(told, 1.0), lambda p, _: outcome(p.pools[0].replicas >= 3, "deadline")
    )
    assert closed.holds
    assert closed.told == {"chat": Told(None, 0.9**2)}
    assert "safe loads of chat are lowered to 81%" in closed.plan.notes[-1]


def test_the_confirmation_uses_seeds_that_the_search_has_not_seen() -> None:
    """A fleet that holds in the search alone is tightened until it holds in other replays."""
    seen: dict[int, set[int]] = {}

    def replays(p: Plan, seed: int) -> PlanReplay:
        seen.setdefault(p.pools[0].replicas, set()).add(seed)
        return outcome(p.pools[0].replicas >= (2 if seed < 2_000_000 else 4))

    closed = close_loop(lambda told: fleet(told, 2.0), replays)
    assert closed.holds and closed.plan.pools[0].replicas == 4
    searched, confirmed = ({s for s in seen[4] if (s >= 2_000_000) == late} for late in (False, True))
    assert (len(searched), len(confirmed)) == (120, REPLAYS)
    assert not confirmed & {s for replicas in (2, 3) for s in seen[replicas]}  # a block of its own


def test_a_confirmation_may_fail_in_two_replays_of_forty() -> None:
    for failing, holds in ((2, True), (3, False)):
        closed = close_loop(
            lambda told: fleet({}, 1.0),
            lambda _, seed, n=failing: outcome(seed % 40 >= n or seed < 2_000_000),
        )
        assert (closed.holds, closed.kept) == (holds, 40 - failing)
        assert ("only" in closed.plan.notes[-1]) != holds


def test_a_promise_that_more_systems_cannot_keep_is_told() -> None:
    slow = replace(point(), step=replace(point().step or StepLaw(*[0.0] * 7, False), latency_floor_s=0.041))
    never = plan(4, points={"chat/x": point_to_dict(slow)})
    closed = close_loop(lambda _: never, lambda p, seed: replay_plan(p, seed=seed, requests=300), rounds=2)
    assert not closed.holds
    assert "missed chat: tpot" in closed.plan.notes[-1]


def test_where_nothing_tighter_can_be_built_the_last_plan_is_told() -> None:
    def solve(told: Mapping[str, Told]) -> Plan:
        if told:
            raise InfeasibleError("not enough power")
        return fleet(told, 1.0)

    closed = close_loop(solve, lambda *_: outcome(False))
    assert not closed.holds and "in only 0 of 40 replays" in closed.plan.notes[-1]


def test_the_smallest_fleet_is_the_fewest_replicas_that_pass() -> None:
    """Six replicas stand on three systems; the search must agree with trying every number of replicas."""
    system = SystemPurchase(
        system="x", name="X", site="here", acquisition="buy", offer="o", epoch=0, count=3, unit_price_usd=1e5,
        cost_usd=3e5,
    )  # fmt: skip
    large = plan(6, systems=(system,))

    def runs(of: Plan, n: int) -> PlanReplay:
        return replay_plan(of, seed=n, requests=1500)

    least = smallest_fleet(large, runs, 3)
    passing = [r for r in range(1, 7) if all(runs(plan(r), n).holds for n in range(3))]
    assert least is not None
    assert least.pools == (("chat/x", "here", 6, passing[0]),)
    assert passing[0] == 3  # 24 requests/s over 11.5 that one replica can serve
    assert (least.plan_usd, least.smallest_usd) == (3e5, 2e5)  # three replicas stand on two systems
    assert least.extra == pytest.approx(0.5)
    assert least.extra_of_replicas == pytest.approx(1.0)
    small = smallest_fleet(plan(2, systems=(system,)), runs, 3)
    assert small is not None and small.pools == (("chat/x", "here", 2, 3),)
    assert small.extra_of_replicas == pytest.approx(-1 / 3)


def test_where_no_number_of_replicas_helps_the_largest_tells_it_at_once() -> None:
    """A plan whose prompts take months was replayed at twelve sizes before the search gave up."""
    bad, tried = replay_plan(plan(1), requests=500), []

    def fails(of: Plan, _n: int) -> PlanReplay:
        tried.append(of.pools[0].replicas)
        return bad

    assert not bad.holds
    assert smallest_fleet(plan(10), fails, 1) is None
    assert tried == [10, 41]  # 10 and twelve times a tenth more, rounded up


def test_two_of_forty_replays_may_fail() -> None:
    ends = iter([False, True, False, *[True] * 37])
    good, bad = replay_plan(plan(), requests=500), replay_plan(plan(1), requests=2000)
    assert good.holds and not bad.holds
    assert passes(plan(), lambda _, n: good if next(ends) else bad, 40)
    assert not passes(plan(), lambda _, n: bad if n < 3 else good, 40)


def test_work_that_can_wait_must_not_pile_up() -> None:
    service = WORKLOAD.services[0].model_copy(update={"levels": ServiceLevels(deadline_hours=12)})
    waiting = WORKLOAD.model_copy(update={"services": (service,)})
    for replicas, holds in ((3, True), (2, False)):  # 24 requests/s; two replicas serve at most 23
        replayed = replay_plan(plan(replicas), requests=20_000, workload=waiting).periods[0].result
        (promise,) = replayed.services[0].promises
        assert (promise.name, promise.holds) == ("deadline", holds)


def test_a_swing_of_the_traffic_is_no_backlog() -> None:
    """A rate that swings to twice the mean fills three replicas for minutes; the mean must be served."""
    service = WORKLOAD.services[0].model_copy(update={"levels": ServiceLevels(deadline_hours=12)})
    waiting = WORKLOAD.model_copy(update={"services": (service,)})
    rng = np.random.default_rng(3)
    arrival = np.sort(900 * rng.beta(4, 4, 21_600))
    prompt = rng.choice([480, 2100], 21_600)
    swings = {"": TraceLengths(arrival, prompt, np.where(prompt > 1000, 310, 90), "t", True)}

    def held(replicas: int, requests: int = 20_000) -> int:
        runs = (
            replay_plan(plan(replicas), seed=n, requests=requests, workload=waiting, traces=swings)
            for n in range(4)
        )
        return sum(run.holds for run in runs)

    assert held(3) == 4  # of 900 s each, about one swing
    assert held(2, 100_000) == 0  # four per cent too few: shows over some swings


def paced(requests: int, every_s: float, planned_rps: float | None) -> Promise:
    """Requests that take 1 s each, one after the other, and come ``every_s`` and a millisecond."""
    zeros = np.zeros(requests, dtype=np.int64)
    spec = PoolSpec("pool", 1, 1, 10.0, StepLaw(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, False), 1e9)
    load = Traffic(np.arange(requests) * (every_s + 1e-3), zeros, zeros + 1, zeros, zeros)
    (promise,) = replay([spec], [ServiceSpec("s", rate_rps=planned_rps)], load).services[0].promises
    return promise


def test_what_promises_no_wait_must_keep_pace_by_hand() -> None:
    """A server of 1 s a request falls 0.25 s behind with each one that comes every 0.8 s."""
    slow = paced(101, 0.799, 1.25)
    assert slow.name == "pace" and not slow.holds
    assert slow.kept_share == pytest.approx(0.8)  # of 1.25 requests/s it serves 1
    assert slow.reached_s == pytest.approx(100 * 0.2) and slow.promised_s == pytest.approx(80 / 49)
    enough = paced(101, 0.999, 1.0)
    assert (enough.kept_share, enough.reached_s, enough.holds) == (
        pytest.approx(1.0),
        pytest.approx(0.0),
        True,
    )
    assert paced(1, 0.799, 1.25).holds
    assert paced(101, 0.799, 1.0).holds  # more comes than is planned for: no fault of the plan
    assert (
        paced(2000, 0.984, 1 / 0.985).holds and not paced(2000, 0.974, 1 / 0.975).holds
    )  # 2 % may be missing


def test_a_replay_of_less_than_ten_answers_is_no_trend_by_hand() -> None:
    """Three answers of 100 tokens, each 100 s long on one slot, asked 90 s apart: 10 s behind each time."""
    spec = PoolSpec("pool", 1, 1, 10.0, StepLaw(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, False), 1e9)
    ones = np.ones(3, dtype=np.int64)
    load = Traffic(np.array([0.0, 90.0, 180.0]), ones, 100 * ones, 0 * ones, 0 * ones)
    (promise,) = replay([spec], [ServiceSpec("s", rate_rps=1 / 90)], load).services[0].promises
    assert promise.reached_s == pytest.approx(20) and promise.promised_s == pytest.approx(990 / 49)
    assert (
        promise.holds
    )  # 99 s from the first token to the last, ten times; of 180 s alone it would be too much


def test_a_promise_of_a_wait_or_a_deadline_is_judged_in_place_of_the_pace() -> None:
    for promise in ({"ttft_s": 9.0}, {"end_to_end_s": 9.0}, {"deadline_s": 9.0}):
        assert not ServiceSpec("s", tpot_s=0.1, **promise).only_pace
    assert ServiceSpec("s", tpot_s=0.1).only_pace  # a pace of tokens says nothing of the queue


def test_a_plan_without_promised_waits_must_keep_pace() -> None:
    for levels in (ServiceLevels(), ServiceLevels(tpot_ms=40)):
        service = WORKLOAD.services[0].model_copy(update={"levels": levels})
        relaxed = WORKLOAD.model_copy(update={"services": (service,)})
        for replicas, holds in ((3, True), (2, False)):  # 24 requests/s; two replicas serve at most 23
            runs = [
                replay_plan(plan(replicas), seed=n, requests=20_000, workload=relaxed).periods[0].result
                for n in range(4)
            ]
            assert all(run.services[0].promises[-1].name == "pace" for run in runs)
            assert [run.holds for run in runs] == [holds] * 4


def test_what_just_keeps_the_planned_rate_falls_behind_by_hand() -> None:
    """One request a second is planned; three come at once, then one after 5 s."""
    assert behind_plan(np.array([0.0, 0.0, 0.0, 5.0, 5.5]), 1.0).tolist() == [0.0, 1.0, 2.0, 0.0, 0.5]


def test_of_a_long_trace_the_busiest_hour_is_replayed() -> None:
    """A day with 3,600 requests in the hour from 10 h on and 360 in each other one.

    The plan's rate is that of its busiest hour. The day scaled to it as a whole would bring its busy hour at
    seven times the rate.
    """
    rng = np.random.default_rng(2)
    rates = np.where(np.arange(24) == 10, 3600, 360)
    arrival = np.sort(np.concatenate([3600 * h + rng.uniform(0, 3600, n) for h, n in enumerate(rates)]))
    lengths = np.full(len(arrival), 480), np.full(len(arrival), 90)
    day = Trace(arrival, *lengths, "made up")
    for trace, most in ((TraceLengths.of(day, "made up"), 1.5), (TraceLengths(arrival, *lengths), 10.0)):
        mean = len(trace.arrival_s) / float(trace.arrival_s[-1])
        busiest = np.histogram(trace.arrival_s, np.arange(0, trace.arrival_s[-1], 60))[0].max() / 60
        assert most / 1.4 < busiest / mean < most
    taken = TraceLengths.of(day, "made up")
    assert taken.from_s == pytest.approx(10 * 3600, abs=60) and len(taken.arrival_s) in range(3590, 3650)
    assert len(taken.prompt_tokens) == len(taken.output_tokens) == len(taken.arrival_s)
    short = Trace(arrival[:300] - arrival[0], lengths[0][:300], lengths[1][:300], "made up")
    assert TraceLengths.of(short, "").from_s is None and len(TraceLengths.of(short, "").arrival_s) == 300
