"""Close the loop between the waiting model and the replay: tighten where a promise is missed, loosen where
the fleet has more than its replays need.

What is moved is what the waiting model is told of a service, never the promise: a burstiness in place of
the stated one (for times to first token and end to end), or a factor on the safe loads (for what does not
hang on waiting: the pace of tokens, deadlines). Traffic of the replays stays as stated. Each service has
pools of its own, so each searches its own smallest burstiness that holds. The plan so found is put to replays
that the search has not seen; if it fails, it is tightened and put to others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from solver.errors import InfeasibleError, LimitReached
from solver.plan.plan import Plan
from solver.simulate.dials import Dial, Told, dials_of, raised
from solver.simulate.from_plan import PlanReplay
from solver.simulate.judge import Judged, alone, judge, services_served

REPLAYS, MAY_FAIL = 40, 2  # of a confirmation: 95 % hold
#: Of each fleet that is tried, so that others hold too: replays so far, and how many of them may fail.
_SEARCHED = ((40, 1), (120, 2))
_TUNING, _CONFIRMING = 1_000_000, 2_000_000  # first seeds: apart from each other and from those of users
ROUNDS, _CONFIRMATIONS = 16, 4


@dataclass(frozen=True)
class Closed:
    """The plan of a closed loop and the confirmation it went through, with seeds the search never saw."""

    plan: Plan
    holds: bool
    kept: int  # replays of the confirmation in which every promise of every service held
    told: Mapping[str, Told]


@dataclass
class _Loop:
    """Solves and judgements so far; an equal fleet of a service is judged once."""

    solve: Callable[[Mapping[str, Told]], Plan]
    replay: Callable[[Plan, int], PlanReplay]
    tell: Callable[[str], None]
    judged: dict[str, Judged] = field(default_factory=dict)

    def attempt(self, dials: Mapping[str, Dial]) -> tuple[Plan, dict[str, Judged]]:
        """The plan for what is told now, and each service's replays."""
        plan = self.solve({name: dial.told() for name, dial in dials.items() if dial.told() != Told()})
        found = {}
        for name in services_served(plan):
            mine = alone(plan, name)
            if _fleet(mine) not in self.judged:
                self.judged[_fleet(mine)] = judge(mine, self.replay, _TUNING, _SEARCHED)
            found[name] = self.judged[_fleet(mine)]
        bad = ", ".join(name for name, judged in found.items() if judged.bad)
        self.tell(f"a fleet of ${plan.objective_usd:,.0f}: {bad + ' misses' if bad else 'all holds'}")
        return plan, found


def _fleet(mine: Plan) -> str:
    """Plans of one service that a replay cannot tell apart."""
    return repr((mine.pools, mine.routes))


def close_loop(
    solve: Callable[[Mapping[str, Told]], Plan],
    replay: Callable[[Plan, int], PlanReplay],
    rounds: int = ROUNDS,
    tell: Callable[[str], None] = lambda _: None,
) -> Closed:
    """The cheapest plan found that holds every promise in 95 % of replays that the search has not seen.

    ``solve`` takes what the waiting model is told of the services that differ from the workload; ``replay``
    a plan of one service and a seed; ``tell`` hears of each fleet. If ``rounds`` solves and 4 confirmations
    do not end with a plan that holds, the last one is returned, and its notes say what is missed.
    """
    loop = _Loop(solve, replay, tell)
    dials: dict[str, Dial] = {}
    best: tuple[Plan, dict[str, Dial]] | None = None
    tried = confirmations = 0
    last: tuple[Plan, dict[str, Dial]] | None = None
    while True:
        try:
            plan, found = loop.attempt(dials)
        except (InfeasibleError, LimitReached):
            if last is None:
                raise
            return _confirmed(loop, best or last, confirmations)[0]
        dials = dials or dials_of(plan)
        last = plan, dials
        tried += 1
        bad = {name for name, judged in found.items() if judged.bad}
        if not bad and (best is None or plan.objective_usd < best[0].objective_usd):
            best = plan, dials
        dials = {
            name: dial.after(name not in bad, found[name].missed if name in found else frozenset())
            for name, dial in dials.items()
        }
        if tried < rounds and not (best and all(dial.settled for dial in dials.values())):
            continue
        if best is None:
            return _confirmed(loop, last, confirmations)[0]
        closed, failing = _confirmed(loop, best, confirmations)
        confirmations += 1
        if closed.holds or confirmations >= _CONFIRMATIONS:
            return closed
        dials, best, rounds = raised(best[1], failing), None, rounds + ROUNDS // 4


def _confirmed(
    loop: _Loop, best: tuple[Plan, dict[str, Dial]], block: int
) -> tuple[Closed, dict[str, frozenset[str]]]:
    """The plan after replays with seeds of its own, and the services that failed in them."""
    plan, dials = best
    first, parts = _CONFIRMING + block * REPLAYS, {name: alone(plan, name) for name in services_served(plan)}
    found = {name: judge(mine, loop.replay, first, ((REPLAYS, REPLAYS),)) for name, mine in parts.items()}
    failed = frozenset[int]().union(*(judged.failed for judged in found.values()))
    holds = len(failed) <= MAY_FAIL
    many = {name for name, judged in found.items() if len(judged.failed) > MAY_FAIL}
    failing = many or {name for name, judged in found.items() if judged.failed and not holds}
    for name, mine in parts.items():  # no fleet is confirmed twice, by other seeds
        loop.judged[_fleet(mine)] = replace(found[name], bad=name in failing)
    told = {name: dial.told() for name, dial in dials.items() if dial.told() != Told()}
    kept = REPLAYS - len(failed)
    notes = (*plan.notes, _words(kept, found, dials, holds))
    closed = Closed(plan.model_copy(update={"notes": notes}), holds, kept, told)
    return closed, {name: found[name].missed for name in failing}


def _words(kept: int, found: Mapping[str, Judged], dials: Mapping[str, Dial], holds: bool) -> str:
    """What the replays showed, and what the waiting model had to be told."""
    words = f"every promise of time holds in {kept} of {REPLAYS} replays that were not used to size it"
    if not holds:
        lost = "; ".join(
            f"{name}: {', '.join(sorted(j.missed))}" for name, j in sorted(found.items()) if j.missed
        )
        words = f"every promise of time holds in only {kept} of {REPLAYS} replays (missed {lost})"
    for name, dial in sorted(dials.items()):
        if dial.now != dial.stated:
            words += f"; {name} is planned with burstiness {dial.now:.3g} in place of {dial.stated:.3g}"
        if dial.factor != 1:
            words += f"; safe loads of {name} are lowered to {dial.factor:.0%}"
    return words
