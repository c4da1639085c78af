"""Services judged one by one: replayed alone they fare as beside the others, and no fleet is judged twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from test_simulate_plan import RATE, WORKLOAD, outcome, plan, point

from solver.domain.workload import Demand
from solver.plan.plan import Plan
from solver.plan.serialise import point_to_dict
from solver.simulate.dials import Told
from solver.simulate.from_plan import PlanReplay, replay_plan
from solver.simulate.judge import alone, judge, services_served
from solver.simulate.tighten import close_loop

TALK_RPS = 8.0


def both(chat: int = 4, talk: int = 2) -> Plan:
    """Two services with pools of their own and the same operating point."""
    one = plan(chat)
    second = WORKLOAD.services[0].model_copy(update={"name": "talk", "demand": Demand(rate_rps=(TALK_RPS,))})
    workload = WORKLOAD.model_copy(update={"services": (*WORKLOAD.services, second)})
    other = one.pools[0].model_copy(update={"service": "talk", "point": "talk/x", "replicas": talk})
    routes = [r.model_copy(update={"service": "talk", "target": "talk/x"}) for r in one.routes]
    points = {"talk/x": point_to_dict(replace(point(), id="talk/x", service="talk"))}
    return one.model_copy(
        update={
            "pools": (*one.pools, other),
            "routes": (*one.routes, *routes),
            "points": {**one.points, **points},
            "periods": ({**one.periods[0], "rate_rps": [RATE, TALK_RPS]},),
            "inputs": {**one.inputs, "workload": workload.model_dump(mode="json")},
        }
    )


def test_a_service_alone_fares_as_beside_the_others() -> None:
    """Of 4,000 requests of both a quarter is talk's: the same time, so the same requests and waits."""
    assert services_served(both()) == ("chat", "talk")
    together = replay_plan(both(), seed=3, requests=4000).periods[0].result
    for place, (name, requests) in enumerate((("chat", 3000), ("talk", 1000))):
        mine = replay_plan(alone(both(), name), seed=3, requests=requests, periods=[0]).periods[0].result
        found, wanted = (replace(r.services[place], goodput_rps=0.0) for r in (mine, together))
        assert found == wanted  # but for the last arrival of all, up to which goodput is counted
        assert mine.services[1 - place].requests == 0 and len(mine.pools) == 1


def test_the_judgement_ends_with_the_first_failure_too_many() -> None:
    seen: list[int] = []

    def replays(_: Plan, seed: int) -> PlanReplay:
        seen.append(seed)
        return outcome(seed in (13, 17))

    found = judge(plan(), replays, 10, ((5, 1), (12, 2)))
    assert (seen, found.failed, found.bad) == ([10, 11], {0, 1}, True)  # the second of at most one
    seen.clear()
    found = judge(plan(), lambda p, seed: outcome(not replays(p, seed).holds), 10, ((5, 1), (12, 2)))
    assert (len(seen), found.failed, found.bad) == (12, {3, 7}, False)
    assert found.missed == {"ttft"}


def test_a_fleet_of_a_service_is_judged_once() -> None:
    """Chat holds at once with all it may get; only talk is tightened, and only talk is replayed again."""
    seen: dict[tuple[str, int], int] = {}

    def solve(told: Mapping[str, Told]) -> Plan:
        return both(4, 2 + sum(name == "talk" for name in told))

    def replays(mine: Plan, seed: int) -> PlanReplay:
        (pool,) = mine.pools
        if seed < 2_000_000:
            seen[pool.service, pool.replicas] = seen.get((pool.service, pool.replicas), 0) + 1
        return outcome(pool.service == "chat" or pool.replicas >= 3)

    closed = close_loop(solve, replays)
    assert closed.holds and [pool.replicas for pool in closed.plan.pools] == [4, 3]
    assert seen == {("chat", 4): 120, ("talk", 2): 2, ("talk", 3): 120}


@pytest.mark.parametrize(("late", "kept"), [({0, 1}, 38), ({0, 1, 2}, 37)])
def test_a_replay_counts_as_kept_if_it_holds_for_every_service(late: set[int], kept: int) -> None:
    """Chat misses replay 0 and talk the others: none more than two, but together."""

    def replays(mine: Plan, seed: int) -> PlanReplay:
        mine_late = {0} if mine.pools[0].service == "chat" else late - {0}
        return outcome(seed < 2_000_000 or seed % 40 not in mine_late)

    closed = close_loop(lambda _: both(), replays)
    assert (closed.kept, closed.holds) == (kept, kept >= 38)
