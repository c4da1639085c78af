"""Replay of separate prefill and decode pools, and of failures of systems."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from solver.domain.workload import Resilience
from solver.engine.solve import Request, solve
from solver.inputs.workload import load_workload
from solver.operating_points.point import StepLaw
from solver.paths import find_workload
from solver.plan.plan import Plan
from solver.simulate import PoolSpec, ReplayResult, ServiceSpec, Traffic, replay
from solver.simulate.failures import FailureRates, failures_of
from solver.simulate.from_plan import replay_plan, workload_of
from solver.simulate.plan_traffic import traffic_of
from solver.simulate.types import Failure

#: 1 ms per prompt token; nothing else.
PREFILL = PoolSpec("prefill", 1, 1, 1e9, StepLaw(0.0, 0.0, 0.0, 0.001, 0.0, 0.0, 0.0, False), 1e15)
#: 10 ms per step, whatever the batch.
DECODE = PoolSpec("decode", 1, 4, 0.01, StepLaw(0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, False), 1e15, 1.0)


def run(arrival: list[float], handover: float = 0.5, failures: tuple[Failure, ...] = ()) -> ReplayResult:
    """Requests of 100 + 11 tokens through both pools."""
    n = len(arrival)
    whole = np.ones(n, dtype=np.int64)
    traffic = Traffic(
        np.array(arrival), 100 * whole, 11 * whole, 0 * whole, 0 * whole, whole, np.full(n, handover)
    )
    return replay([PREFILL, DECODE], [ServiceSpec("s", 1.0)], traffic, failures=failures)


def test_one_request_by_hand() -> None:
    """Prefill 0.1 s, KV on its way 0.5 s, one step of 10 ms to join: first token at 0.61 s; 10 more steps."""
    result = run([0.0])
    assert result.ttft_s.tolist() == pytest.approx([0.61])
    assert result.end_to_end_s.tolist() == pytest.approx([0.71])
    assert result.tpot_s.tolist() == pytest.approx([0.01])
    assert [p.requests for p in result.pools] == [1, 1]


def test_prompts_take_turns_and_answers_do_not() -> None:
    """Three at once: prefilled after 0.1, 0.2 and 0.3 s; the decode pool has slots for all."""
    result = run([0.0, 0.0, 0.0])
    assert result.ttft_s.tolist() == pytest.approx([0.61, 0.71, 0.81])
    assert result.tpot_s.max() == pytest.approx(0.01)


def test_a_failed_decode_pool_lets_its_requests_be_prefilled_again() -> None:
    """Down from 0.655 s on for a second: the context of 5 tokens more goes through prefill again."""
    (failed,) = run([0.0], failures=(Failure(1, 0, 0.655, 1.0),)).end_to_end_s
    assert failed > 1.655
    assert np.isfinite(failed)
    (early,) = run([0.0], failures=(Failure(0, 0, 0.05, 1.0),)).ttft_s
    assert early == pytest.approx(1.05 + 0.61)


@cache
def lesson() -> Plan:
    loaded = load_workload(find_workload("37-prefill-and-decode-apart"))
    return solve(loaded, request=Request(compare=False))


def test_a_plan_of_separate_pools_holds_in_replay() -> None:
    result = replay_plan(lesson(), requests=3000)
    assert result.holds
    (period,) = result.periods
    by_name = {p.name: p.requests for p in period.result.pools}
    decoded = sum(n for name, n in by_name.items() if "decode" in name)
    assert decoded == sum(n for name, n in by_name.items() if "prefill" in name) > 3000


def test_every_request_is_routed_to_both_pools() -> None:
    traffic = traffic_of(lesson(), workload_of(lesson()), 0, 60.0, 3, {})
    assert traffic.then is not None and traffic.handover_s is not None
    assert (traffic.pool >= 0).all() and (traffic.then >= 0).all()
    assert (traffic.pool != traffic.then).all()
    assert (traffic.handover_s > 0).all()


def test_failures_take_their_share_of_the_time() -> None:
    """Half an hour of repair after two hours: a fifth of the time down, over 20,000 hours."""
    plan, workload = lesson(), workload_of(lesson())
    rates, hours = FailureRates(2.0, 0.5), 20_000
    pool = plan.pools[0].model_copy(update={"replicas": 1, "systems_per_replica": "1"})
    found = failures_of(plan, workload, [pool], hours * 3600.0, rates, (1, 0))
    assert sum(f.repair_s for f in found) / 3600 / hours == pytest.approx(0.2, rel=0.05)
    assert found == failures_of(plan, workload, [pool], hours * 3600.0, rates, (1, 0))
    assert found != failures_of(plan, workload, [pool], hours * 3600.0, rates, (2, 0))


def test_replicas_of_a_system_fail_together() -> None:
    """Eighths of a system: replicas 0 to 7 go down at the same moment."""
    pool = lesson().pools[0].model_copy(update={"replicas": 8, "systems_per_replica": "1/8"})
    found = failures_of(lesson(), workload_of(lesson()), [pool], 1e6, FailureRates(10.0, 1.0), (1, 0))
    starts: dict[float, set[int]] = {}
    for f in found:
        starts.setdefault(f.start_s, set()).add(f.replica)
    assert starts and all(group == set(range(min(8, pool.replicas))) for group in starts.values())


def test_rates_come_from_the_option_the_system_or_the_workload() -> None:
    plan, workload = lesson(), workload_of(lesson())
    stated = workload.model_copy(update={"resilience": Resilience(mtbf_hours=100.0, repair_hours=5.0)})
    bare = plan.model_copy(
        update={
            "inputs": {**plan.inputs, "systems": {"s": {}, "t": {"mtbf_hours": 7.0, "repair_hours": None}}}
        }
    )
    assert FailureRates().seconds(bare, stated, "s") == (360_000.0, 18_000.0)
    assert FailureRates().seconds(bare, stated, "t") == (25_200.0, 18_000.0)
    assert FailureRates(1.0, 2.0).seconds(bare, workload, "t") == (3600.0, 7200.0)


def test_promises_break_when_a_pool_without_spares_fails_often() -> None:
    result = replay_plan(lesson(), requests=2000, failures=FailureRates(0.05, 0.05))
    assert not result.holds
    assert result.periods[0].failures > 0
    assert (
        result.to_json() == replay_plan(lesson(), requests=2000, failures=FailureRates(0.05, 0.05)).to_json()
    )


def test_spare_replicas_serve_when_systems_may_fail() -> None:
    """A spare system: with failures that never come the pool has one replica more, so it draws more power."""
    spare = lesson().model_copy(
        update={"pools": tuple(p.model_copy(update={"spare_replicas": 1}) for p in lesson().pools)}
    )
    usual = replay_plan(spare, requests=500).periods[0].result.pools
    more = replay_plan(spare, requests=500, failures=FailureRates(1e9, 1e-3)).periods[0].result.pools
    assert all(b.energy_kwh > a.energy_kwh for a, b in zip(usual, more, strict=True))


def test_traffic_with_half_a_way_is_refused() -> None:
    one = np.ones(1, dtype=np.int64)
    with pytest.raises(ValueError, match="differ in length"):
        Traffic(np.zeros(1), one, one, one, one, then=one)


def test_the_command(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from solver.cli.app import app

    (tmp_path / "plan.json").write_text(lesson().model_dump_json())
    arguments = [
        "simulate",
        str(tmp_path / "plan.json"),
        "--requests",
        "500",
        "--mtbf",
        "1000",
        "--repair",
        "1",
    ]
    told = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})  # narrow ones leave columns out
    assert told.exit_code == 0, told.output
    assert "goodput" in told.output
    latencies = told.output[told.output.index("Latencies") : told.output.index("Pools")]
    assert re.search(r"\s99\s", latencies)


def test_pools_of_one_phase_keep_their_law() -> None:
    """The prefill pool takes a whole prompt in one step: 0.1 s for 100 tokens, 0.2 s for 200."""
    long = replace(PREFILL, step=replace(PREFILL.step, prefill_quadratic_s=0.0))
    traffic = Traffic(np.zeros(1), np.array([200]), np.array([1]), *(np.zeros(1, dtype=np.int64),) * 2)
    assert replay([long], [ServiceSpec("s")], traffic).ttft_s[0] == pytest.approx(0.2)
