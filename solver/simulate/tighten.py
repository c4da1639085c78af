"""Close the loop between the waiting model and the replay: tighten where a promise is missed, loosen where
the fleet has more than its replays need.

What is moved is what the waiting model is told of a service, never the promise: a burstiness in place of
the stated one (for times to first token and end to end), or a factor on the safe loads (for what does not
hang on waiting: the pace of tokens, deadlines). Traffic of the replays stays as stated. Each service has
pools of its own, so each searches its own smallest burstiness that holds. The plan so found is put to replays
that the search has not seen; if it fails, it is tightened and put to others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from solver.errors import InfeasibleError, LimitReached
from solver.plan.plan import Plan
from solver.simulate.dials import Dial, Told, dials_of, raised
from solver.simulate.from_plan import PlanReplay

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


@dataclass(frozen=True)
class _Judged:
    """Per service: replays that missed something, and what."""

    failed: Mapping[str, int]
    missed: Mapping[str, frozenset[str]]
    kept: int
    bad: frozenset[str]  # services that missed more often than they may


def judge(
    plan: Plan,
    replay: Callable[[Plan, int], PlanReplay],
    first: int,
    stages: Sequence[tuple[int, int]] = ((REPLAYS, MAY_FAIL),),
) -> _Judged:
    """How often each service missed a promise over the replays from seed ``first`` on.

    ``stages``: replays so far, and how many of them may fail; the first stage that is failed is the last.
    """
    failed: dict[str, int] = {}
    missed: dict[str, set[str]] = {}
    kept, limits = 0, dict(stages)
    bad: frozenset[str] = frozenset()
    for n in range(stages[-1][0]):
        late: dict[str, set[str]] = {}
        replayed = replay(plan, first + n)
        for period in replayed.periods:
            for service in period.result.services:
                names = {p.name for p in service.promises if not p.holds}
                if not service.holds:
                    late.setdefault(service.name, set()).update(names)
        kept += replayed.holds
        for name, names in late.items():
            failed[name] = failed.get(name, 0) + 1
            missed.setdefault(name, set()).update(names)
        may_fail = limits.get(n + 1)
        bad = bad if may_fail is None else frozenset(x for x, count in failed.items() if count > may_fail)
        if bad:
            break
    return _Judged(failed, {name: frozenset(names) for name, names in missed.items()}, kept, bad)


@dataclass
class _Loop:
    """Solves and judgements so far; equal fleets are judged once."""

    solve: Callable[[Mapping[str, Told]], Plan]
    replay: Callable[[Plan, int], PlanReplay]
    judged: dict[str, _Judged] = field(default_factory=dict)

    def attempt(self, dials: Mapping[str, Dial]) -> tuple[Plan, _Judged]:
        plan = self.solve({name: dial.told() for name, dial in dials.items() if dial.told() != Told()})
        if _fleet(plan) not in self.judged:
            self.judged[_fleet(plan)] = judge(plan, self.replay, _TUNING, _SEARCHED)
        return plan, self.judged[_fleet(plan)]


def _fleet(plan: Plan) -> str:
    """Plans that a replay cannot tell apart."""
    return repr((plan.pools, plan.routes))


def close_loop(
    solve: Callable[[Mapping[str, Told]], Plan],
    replay: Callable[[Plan, int], PlanReplay],
    rounds: int = ROUNDS,
) -> Closed:
    """The cheapest plan found that holds every promise in 95 % of replays that the search has not seen.

    ``solve`` takes what the waiting model is told of the services that differ from the workload; ``replay``
    a plan and a seed. If ``rounds`` solves and 4 confirmations do not end with a plan that holds, the last
    one is returned, and its notes say what is missed.
    """
    loop = _Loop(solve, replay)
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
        bad = found.bad
        if not bad and (best is None or plan.objective_usd < best[0].objective_usd):
            best = plan, dials
        dials = {
            name: dial.after(name not in bad, found.missed.get(name, frozenset()))
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
    first = _CONFIRMING + block * REPLAYS
    found = judge(plan, loop.replay, first)
    holds = found.kept >= REPLAYS - MAY_FAIL
    failing = found.bad or (frozenset() if holds else frozenset(found.failed))
    loop.judged[_fleet(plan)] = replace(found, bad=failing)  # no fleet is confirmed twice, by other seeds
    return _closed(plan, found, dials, holds), {name: found.missed[name] for name in failing}


def _closed(plan: Plan, found: _Judged, dials: Mapping[str, Dial], holds: bool) -> Closed:
    told = {name: dial.told() for name, dial in dials.items() if dial.told() != Told()}
    notes = (*plan.notes, _words(found, dials, holds))
    return Closed(plan.model_copy(update={"notes": notes}), holds, found.kept, told)


def _words(found: _Judged, dials: Mapping[str, Dial], holds: bool) -> str:
    """What the replays showed, and what the waiting model had to be told."""
    words = f"every promise of time holds in {found.kept} of {REPLAYS} replays that were not used to size it"
    if not holds:
        lost = "; ".join(f"{name}: {', '.join(sorted(m))}" for name, m in sorted(found.missed.items()))
        words = f"every promise of time holds in only {found.kept} of {REPLAYS} replays (missed {lost})"
    for name, dial in sorted(dials.items()):
        if dial.now != dial.stated:
            words += f"; {name} is planned with burstiness {dial.now:.3g} in place of {dial.stated:.3g}"
        if dial.factor != 1:
            words += f"; safe loads of {name} are lowered to {dial.factor:.0%}"
    return words
